//! What the client gets in place of an error's words, and what stays as the app said it.

use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use bytes::Bytes;
use http::{Request, header};
use serde_json::Value;
use tower::ServiceExt;
use tower_monitor::{ErrorReport, Failure, ServerError};

use crate::errors::NoPrice;
use crate::support::{self, chain, get as request, id, text, watched, with};

async fn fails() -> Result<(), ServerError> {
    Err(NoPrice::new())?
}

#[tokio::test]
async fn the_page_has_the_preferred_form_and_the_id_and_no_word_of_the_error() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route("/", get(fails))
        .layer(watched.monitor.layer());
    for (accept, kind) in [
        ("application/json", "application/problem+json"),
        ("text/html,*/*;q=0.5", "text/html; charset=utf-8"),
        ("text/plain", "text/plain; charset=utf-8"),
    ] {
        let response = app
            .clone()
            .oneshot(with("accept", accept, request("/")))
            .await
            .unwrap();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()[header::CONTENT_TYPE], kind);
        let id = id(&response);
        let length = http_body::Body::size_hint(response.body()).exact();
        let body = text(response).await;
        assert_eq!(length, Some(body.len() as u64));
        assert!(
            body.contains(&id) && !body.contains("price") && !body.contains("digit"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn the_status_is_the_errors_and_one_that_is_no_failure_is_not_told() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route(
            "/{status}",
            get(
                |axum::extract::Path(status): axum::extract::Path<u16>| async move {
                    let status = StatusCode::from_u16(status).unwrap();
                    Err::<(), _>(ServerError::from(NoPrice::new()).with_status(status))
                },
            ),
        )
        .layer(watched.monitor.layer());
    let response = app.clone().oneshot(request("/502")).await.unwrap();
    assert_eq!(response.status(), 502);
    let body: Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(
        (&body["status"], &body["title"]),
        (&502.into(), &"Bad Gateway".into())
    );
    let occurrence = watched.occurrence().await;
    assert_eq!(occurrence.response.as_ref().unwrap().status, 502);

    let response = app.oneshot(request("/404")).await.unwrap();
    assert_eq!(response.status(), 404);
    assert_eq!(text(response).await, "Not Found");
    assert!(watched.alerts().await.is_empty());
    assert_eq!(watched.records().await[1]["outcome"], "answered");
}

#[tokio::test]
async fn without_the_layer_it_is_a_plain_answer() {
    let response = Router::new()
        .route("/", get(fails))
        .oneshot(request("/"))
        .await
        .unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(text(response).await, "Internal Server Error");
}

#[tokio::test]
async fn headers_of_the_answer_stay_and_those_of_its_body_go() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route(
            "/",
            get(|| async {
                let cookies = AppendHeaders([("set-cookie", "a=1"), ("set-cookie", "b=2")]);
                let of_the_body = [
                    ("content-encoding", "gzip"),
                    ("content-length", "21"),
                    ("etag", "\"x\""),
                ];
                (
                    cookies,
                    of_the_body,
                    [("x-shop", "7")],
                    ServerError::from(NoPrice::new()),
                )
            }),
        )
        .layer(watched.monitor.layer());
    let response = app.oneshot(request("/")).await.unwrap();
    let headers = response.headers().clone();
    let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(headers["x-shop"], "7");
    let length = text(response).await.len().to_string();
    assert!(
        headers
            .get("content-length")
            .is_none_or(|said| *said == *length)
    );
    assert!(!headers.contains_key("content-encoding") && !headers.contains_key("etag"));
    assert_eq!(headers.get_all("content-type").iter().count(), 1);
    assert_eq!(headers["cache-control"], "no-store");
}

#[tokio::test]
async fn the_apps_own_answer_takes_the_place_with_all_its_headers() {
    let own = |failure: &Failure<'_>| {
        Response::builder()
            .status(503)
            .header("set-cookie", "own=1")
            .header("set-cookie", "own=2")
            .header("retry-after", "7")
            .body(Bytes::from(format!(
                "{} {}",
                failure.status(),
                failure.request().id()
            )))
            .unwrap()
    };
    let watched = watched(|builder| builder.answer(own));
    let app = Router::new()
        .route(
            "/",
            get(|| async { ([("set-cookie", "app=1")], fails().await) }),
        )
        .layer(watched.monitor.layer());
    let response = app.oneshot(request("/")).await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "7");
    let cookies: Vec<_> = response
        .headers()
        .get_all("set-cookie")
        .iter()
        .cloned()
        .collect();
    for cookie in ["app=1", "own=1", "own=2"] {
        assert!(
            cookies.iter().any(|sent| sent == cookie),
            "{cookie} is not in {cookies:?}"
        );
    }
    let id = id(&response);
    assert_eq!(
        text(response).await,
        format!("500 Internal Server Error {id}")
    );
    let record = watched.record().await;
    assert_eq!(
        record["http.response.status_code"], 503,
        "what the client got"
    );
    assert_eq!(record["outcome"], "failed");
    assert_eq!(chain(&watched.occurrence().await).len(), 2);
}

#[tokio::test]
async fn a_grpc_client_gets_a_grpc_status() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route("/shop.Shop/Buy", post(fails))
        .layer(watched.monitor.layer());
    let call = support::post("/shop.Shop/Buy", "application/grpc+proto", "");
    let call = with("te", "trailers", call);
    let response = app.oneshot(call).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "13");
    assert_eq!(response.headers()["content-type"], "application/grpc");
    assert_eq!(text(response).await, "");
    let record = watched.record().await;
    assert_eq!(record["http.response.status_code"], 200, "{record}");
    assert_eq!(record["outcome"], "failed");
    let occurrence = watched.occurrence().await;
    assert_eq!(chain(&occurrence)[0].1, "the article has no price");
}

#[tokio::test]
async fn a_head_request_and_a_service_of_other_bodies_are_answered_too() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route("/", get(fails))
        .layer(watched.monitor.layer());
    let head = Request::head("/").body(axum::body::Body::empty()).unwrap();
    let response = app.oneshot(head).await.unwrap();
    assert_eq!(response.status(), 500);
    drop(response);
    assert_eq!(chain(&watched.occurrence().await).len(), 2);

    // A type of data that no page can be made of: the answer stays as it is.
    use tower::Layer;
    let other = tower::service_fn(async |_: Request<()>| {
        let body: http_body_util::Full<&'static [u8]> = http_body_util::Full::new(b"my own");
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
            .extensions_mut()
            .insert(ServerError::from("other bodies").report());
        Ok::<_, std::convert::Infallible>(response)
    });
    let service = watched.monitor.layer().layer(other);
    let response = service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), text(response).await.as_str()),
        (502, "my own")
    );
    assert_eq!(
        chain(&watched.occurrence().await),
        [("error", "other bodies")]
    );
}

#[tokio::test]
async fn an_error_whose_answer_breaks_in_the_middle_is_told_with_what_broke_it() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route(
            "/",
            get(|| async {
                let pieces = futures_util::stream::once(async {
                    panic!("expected in the body") as Result<Bytes, std::io::Error>
                });
                let report = ErrorReport::of(&NoPrice::new());
                (
                    StatusCode::BAD_GATEWAY,
                    Extension(report),
                    axum::body::Body::from_stream(pieces),
                )
            }),
        )
        .layer(watched.monitor.layer());
    let response = app.oneshot(request("/")).await.unwrap();
    assert!(
        http_body_util::BodyExt::collect(response.into_body())
            .await
            .is_err()
    );
    let occurrence = watched.occurrence().await;
    let words: Vec<_> = chain(&occurrence)
        .into_iter()
        .map(|(_, words)| words.to_owned())
        .collect();
    assert_eq!(
        words,
        [
            "expected in the body",
            "the article has no price",
            "invalid digit found in string"
        ]
    );
}

#[derive(Debug)]
struct Declined;

impl std::fmt::Display for Declined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("card 7 was declined")
    }
}

impl std::error::Error for Declined {}

impl IntoResponse for Declined {
    fn into_response(self) -> Response {
        let report = ErrorReport::of(&self);
        (
            StatusCode::BAD_GATEWAY,
            Extension(report),
            "The payment did not go through.",
        )
            .into_response()
    }
}

#[tokio::test]
async fn an_error_of_the_apps_own_keeps_its_answer_and_is_told_with_its_chain() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route("/", get(|| async { Err::<(), _>(Declined) }))
        .layer(watched.monitor.layer());
    let response = app.oneshot(request("/")).await.unwrap();
    assert_eq!(response.status(), 502);
    assert!(response.extensions().get::<ErrorReport>().is_none());
    assert_eq!(text(response).await, "The payment did not go through.");
    let occurrence = watched.occurrence().await;
    assert_eq!(
        chain(&occurrence),
        [("capture::pages::Declined", "card 7 was declined")]
    );
    let answer = occurrence.response.as_ref().unwrap();
    assert_eq!(
        (answer.status, answer.body.as_deref()),
        (502, Some("The payment did not go through."))
    );
    assert!(
        occurrence
            .culprit()
            .unwrap()
            .starts_with("tests/capture/pages.rs:")
    );
}

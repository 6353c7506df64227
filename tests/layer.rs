//! What the layer does to requests and responses: ids, answers, reports, records; without a socket.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use support::{get as request, id, text, watched};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_http::request_id::RequestId;
use tower_monitor::{
    Failure, Kind, MonitorLayer, PeerAddr, Reason, RequestContext, TrustRequestIds, User,
};

fn peer(address: &str, mut request: Request<Body>) -> Request<Body> {
    let peer = PeerAddr(format!("{address}:4711").parse().unwrap());
    request.extensions_mut().insert(peer);
    request
}

fn with(name: &str, value: &str, mut request: Request<Body>) -> Request<Body> {
    let name: http::HeaderName = name.parse().unwrap();
    request
        .headers_mut()
        .append(name, HeaderValue::from_str(value).unwrap());
    request
}

async fn divide(axum::extract::Path(by): axum::extract::Path<i32>) -> String {
    assert!(by != 0, "expected: division of {} by zero", 7);
    (7 / by).to_string()
}

#[tokio::test]
async fn a_request_gets_one_id_everywhere() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route(
            "/",
            get(
                |context: RequestContext, request: axum::extract::Request| async move {
                    let header = request.headers()["x-request-id"]
                        .to_str()
                        .unwrap()
                        .to_owned();
                    let extension: &RequestId = request.extensions().get().unwrap();
                    assert_eq!(extension.header_value(), header.as_str());
                    assert_eq!(context.id().as_str(), header);
                    assert_eq!(tower_monitor::current().unwrap().id().as_str(), header);
                    header
                },
            ),
        )
        .layer(watched.monitor.layer());

    let response = app.oneshot(request("/")).await.unwrap();
    let answered = id(&response);
    assert_eq!(text(response).await, answered);
    let record = watched.record().await;
    assert_eq!(record["request.id"], answered.as_str());
    assert_eq!(record["outcome"], "answered");
    assert_eq!(record["http.response.body.size"], 36);
    assert!(watched.alerts().await.is_empty());
}

#[tokio::test]
async fn an_inbound_id_is_kept_only_from_those_who_are_trusted() {
    let sent = "upstream-7";
    for (trust, from, kept) in [
        (TrustRequestIds::Proxies, "10.0.0.1", true),
        (TrustRequestIds::Proxies, "203.0.113.9", false),
        (TrustRequestIds::Nobody, "10.0.0.1", false),
        (TrustRequestIds::Anybody, "203.0.113.9", true),
    ] {
        let watched = watched(|builder| {
            builder
                .trusted_proxies(["10.0.0.0/8"])
                .trust_request_ids(trust)
        });
        let app = Router::new()
            .route("/", get(|| async {}))
            .layer(watched.monitor.layer());
        let request = peer(from, with("x-request-id", sent, request("/")));
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(id(&response) == sent, kept, "{trust:?} from {from}");

        let forged = peer(from, with("x-request-id", "a b<", support::get("/")));
        let response = app.oneshot(forged).await;
        assert_ne!(id(&response.unwrap()), "a b<", "{trust:?} from {from}");
    }
}

#[tokio::test]
async fn the_header_can_be_another() {
    let watched = watched(|builder| builder.request_id_header("X-Correlation-Id"));
    let app = Router::new()
        .route("/", get(|| async {}))
        .layer(watched.monitor.layer());
    let response = app.oneshot(request("/")).await.unwrap();
    assert!(response.headers().contains_key("x-correlation-id"));
    assert!(!response.headers().contains_key("x-request-id"));
}

#[tokio::test]
async fn a_panic_in_a_handler_is_answered_and_told_once() {
    let watched = watched(|builder| builder.service("shop").release("1.4.2"));
    let app = Router::new()
        .route(
            "/divide/{by}",
            get(|context: RequestContext, by: axum::extract::Path<i32>| {
                context.set_user(User::new("42").name("Uma").email("uma@example.org"));
                context.set_tag("plan", "gold");
                context.set_extra("cart", json!({ "items": 3, "token": "t0psecret" }));
                divide(by)
            }),
        )
        .layer(watched.monitor.layer());

    let request = with(
        "traceparent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        with(
            "user-agent",
            "test/1",
            with(
                "host",
                "shop.example",
                request("/divide/0?q=1&password=hunter2"),
            ),
        ),
    );
    let response = app.oneshot(peer("203.0.113.9", request)).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "application/problem+json"
    );
    let answered = id(&response);
    let body = text(response).await;
    assert!(
        !body.contains("division"),
        "the panic's message is not for the client: {body}"
    );
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&body["request_id"], &body["status"]),
        (&json!(answered), &json!(500))
    );

    let alert = watched.alert().await;
    assert_eq!(
        (alert.reason, alert.issue.count, alert.held_back),
        (Reason::New, 1, 0)
    );
    assert_eq!(alert.issue.kind, Kind::Panic);
    let occurrence = &alert.occurrence;
    assert_eq!(occurrence.title(), "panic: expected: division of 7 by zero");
    assert!(
        occurrence.culprit().unwrap().starts_with("tests/layer.rs:"),
        "{:?}",
        occurrence.culprit()
    );
    assert_eq!(occurrence.origin.service.as_deref(), Some("shop"));
    assert_eq!(occurrence.origin.release.as_deref(), Some("1.4.2"));
    assert!(occurrence.thread.is_some());
    let seen = occurrence.request.as_ref().unwrap();
    assert_eq!(seen.id.as_str(), answered);
    assert_eq!(
        seen.user.as_ref().unwrap().email_address(),
        Some("uma@example.org")
    );
    assert_eq!(seen.tags["plan"], "gold");
    assert_eq!(
        seen.extra["cart"],
        json!({ "items": 3, "token": "[redacted]" })
    );
    assert_eq!(seen.route.as_deref(), Some("/divide/{by}"));
    assert_eq!(seen.query.as_deref(), Some("q=1&password=[redacted]"));
    assert_eq!(seen.client_address.as_deref(), Some("203.0.113.9"));
    assert_eq!(seen.host.as_deref(), Some("shop.example"));
    assert_eq!(
        seen.trace.unwrap().trace_id(),
        "0af7651916cd43dd8448eb211c80319c"
    );

    let record = watched.record().await;
    assert_eq!(record["outcome"], "panicked");
    assert_eq!(record["http.response.status_code"], 500);
    assert_eq!(record["http.route"], "/divide/{by}");
    assert_eq!(record["user.id"], "42");
    assert_eq!(record["client.address"], "203.0.113.9");
    assert_eq!(record["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(record["url.query"], "q=1&password=[redacted]");
    assert_eq!(watched.monitor.losses().total(), 0);
}

#[tokio::test]
async fn the_answer_has_the_form_that_the_client_prefers() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route("/divide/{by}", get(divide))
        .layer(watched.monitor.layer());
    for (accept, kind, begin) in [
        (
            "text/html,*/*;q=0.8",
            "text/html; charset=utf-8",
            "<!doctype html>",
        ),
        ("*/*", "application/problem+json", "{"),
        ("text/plain", "text/plain; charset=utf-8", "The mistake"),
    ] {
        let response = app
            .clone()
            .oneshot(with("accept", accept, request("/divide/0")))
            .await
            .unwrap();
        assert_eq!(response.headers()[header::CONTENT_TYPE], kind);
        let id = id(&response);
        let body = text(response).await;
        assert!(body.starts_with(begin) && body.contains(&id), "{body}");
    }
}

#[tokio::test]
async fn the_app_can_answer_itself() {
    let own = |failure: &Failure<'_>| {
        assert!(failure.request().path() != "/divide/0?again", "expected");
        Response::builder()
            .status(503)
            .body(Bytes::from(format!("sorry {}", failure.request().id())))
            .unwrap()
    };
    let watched = watched(|builder| builder.answer(own));
    let app = Router::new()
        .route("/divide/{by}", get(divide))
        .layer(watched.monitor.layer());
    let response = app.oneshot(request("/divide/0")).await.unwrap();
    assert_eq!(response.status(), 503);
    let id = id(&response);
    assert_eq!(text(response).await, format!("sorry {id}"));
}

#[tokio::test]
async fn when_the_apps_own_answer_panics_too_the_built_in_one_is_given() {
    let watched = watched(|builder| builder.answer(|_| panic!("expected in the answer")));
    let app = Router::new()
        .route("/divide/{by}", get(divide))
        .layer(watched.monitor.layer());
    let response = app.oneshot(request("/divide/0")).await.unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "application/problem+json"
    );
    assert_eq!(
        watched.alert().await.occurrence.title(),
        "panic: expected: division of 7 by zero"
    );
}

#[tokio::test]
async fn a_5xx_is_told_with_the_beginning_of_its_body_and_a_4xx_is_not() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route(
            "/pay",
            post(|| async {
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    format!("gateway down, api_key=abc123 {}", "x".repeat(5_000)),
                )
            }),
        )
        .route(
            "/image",
            get(|| async {
                (
                    StatusCode::BAD_GATEWAY,
                    [("content-type", "image/png")],
                    vec![7; 64],
                )
            }),
        )
        .route("/missing", get(|| async { StatusCode::NOT_FOUND }))
        .layer(watched.monitor.layer());

    let pay = Request::post("/pay").body(Body::empty()).unwrap();
    let response = app.clone().oneshot(pay).await.unwrap();
    assert_eq!(
        text(response).await.len(),
        5_000 + "gateway down, api_key=abc123 ".len()
    );
    let alert = watched.alert().await;
    assert_eq!(alert.issue.title, "503 Service Unavailable answered");
    assert_eq!(alert.issue.culprit.as_deref(), Some("POST /pay"));
    let body = alert
        .occurrence
        .response
        .as_ref()
        .unwrap()
        .body
        .clone()
        .unwrap();
    assert!(
        body.starts_with("gateway down, api_key=[redacted] xxx"),
        "{body}"
    );
    assert!(body.len() <= 1_100, "{}", body.len());

    let _ = text(app.clone().oneshot(request("/missing")).await.unwrap()).await;
    assert!(watched.alerts().await.is_empty());

    let _ = app
        .oneshot(request("/image"))
        .await
        .unwrap()
        .into_body()
        .collect()
        .await;
    assert_eq!(
        watched
            .alert()
            .await
            .occurrence
            .response
            .as_ref()
            .unwrap()
            .body,
        None
    );
}

#[tokio::test]
async fn which_statuses_count_can_be_set() {
    let watched =
        watched(|builder| builder.failing_statuses(|status| status == StatusCode::IM_A_TEAPOT));
    let app = Router::new()
        .route("/tea", get(|| async { StatusCode::IM_A_TEAPOT }))
        .route("/down", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .layer(watched.monitor.layer());
    for path in ["/down", "/tea"] {
        let _ = text(app.clone().oneshot(request(path)).await.unwrap()).await;
    }
    assert_eq!(
        watched.alert().await.issue.title,
        "418 I'm a teapot answered"
    );
}

#[tokio::test]
async fn layers_of_one_monitor_do_not_report_twice() {
    let watched = watched(|builder| builder);
    let inner = Router::new()
        .route("/divide/{by}", get(divide))
        .layer(watched.monitor.layer());
    let app = watched
        .monitor
        .layer()
        .layer(watched.monitor.layer().layer(inner));
    let response = app.oneshot(request("/divide/0")).await.unwrap();
    assert_eq!(response.headers().get_all("x-request-id").iter().count(), 1);
    let _ = text(response).await;
    let occurrence = watched.alert().await.occurrence;
    assert_eq!(
        occurrence.request.as_ref().unwrap().route.as_deref(),
        Some("/divide/{by}")
    );
    assert_eq!(watched.record().await["http.route"], "/divide/{by}");
}

#[tokio::test]
async fn a_panic_that_somebody_else_catches_is_told_once_with_its_place() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route("/divide/{by}", get(divide))
        .layer(tower_http::catch_panic::CatchPanicLayer::new())
        .layer(watched.monitor.layer());
    let response = app.oneshot(request("/divide/0")).await.unwrap();
    assert_eq!(response.status(), 500);
    let _ = text(response).await;
    let alert = watched.alert().await;
    assert_eq!(alert.issue.kind, Kind::Panic);
    assert!(alert.issue.culprit.unwrap().starts_with("tests/layer.rs:"));
    assert_eq!(alert.occurrence.response.as_ref().unwrap().status, 500);
}

#[tokio::test]
async fn a_panic_that_the_handler_survives_is_told_once_with_its_request() {
    let watched = watched(|builder| builder);
    let handler = || async {
        let caught = std::panic::catch_unwind(|| panic!("expected and caught"));
        assert!(caught.is_err());
        "fine"
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(watched.monitor.layer());
    assert_eq!(text(app.oneshot(request("/")).await.unwrap()).await, "fine");
    let alert = watched.alert().await;
    assert_eq!(alert.occurrence.title(), "panic: expected and caught");
    assert_eq!(alert.occurrence.request.as_ref().unwrap().path, "/");
    assert_eq!(watched.record().await["outcome"], "answered");
}

#[tokio::test]
async fn a_panic_in_call_is_caught_too() {
    let watched = watched(|builder| builder);
    let mut service = watched
        .monitor
        .layer()
        .layer(service_fn(|request: Request<Body>| {
            assert!(request.uri().path() == "/fine", "expected in call");
            async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"fine")))) }
        }));
    let response = service
        .ready()
        .await
        .unwrap()
        .call(request("/"))
        .await
        .unwrap();
    assert_eq!(response.status(), 500);
    let id = id(&response);
    assert!(text(response).await.contains(&id));
    assert_eq!(
        watched.alert().await.occurrence.title(),
        "panic: expected in call"
    );
    let response = service
        .ready()
        .await
        .unwrap()
        .call(request("/fine"))
        .await
        .unwrap();
    assert_eq!(text(response).await, "fine");
}

#[tokio::test]
async fn a_panic_in_the_body_breaks_it_and_is_told_once() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route(
            "/",
            get(|| async {
                let mut count = 0;
                Body::from_stream(futures_util::stream::poll_fn(move |_| {
                    count += 1;
                    assert!(count < 3, "expected in the body");
                    std::task::Poll::Ready(Some(Ok::<_, Infallible>(Bytes::from_static(b"line\n"))))
                }))
            }),
        )
        .layer(watched.monitor.layer());
    let mut body = app.oneshot(request("/")).await.unwrap().into_body();
    for _ in 0..2 {
        assert!(body.frame().await.unwrap().is_ok());
    }
    assert!(body.frame().await.unwrap().is_err(), "the break is visible");
    assert!(body.frame().await.is_none(), "and final");
    drop(body);
    let alert = watched.alert().await;
    assert_eq!(alert.occurrence.title(), "panic: expected in the body");
    let record = watched.record().await;
    assert_eq!(
        (&record["outcome"], &record["http.response.body.size"]),
        (&json!("panicked"), &json!(10))
    );
}

#[tokio::test]
async fn a_body_that_breaks_is_told_with_its_error() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route(
            "/",
            get(|| async {
                let error = std::io::Error::other("disk gone, password=hunter2");
                let items = [Ok(Bytes::from_static(b"a")), Err(error)];
                Body::from_stream(futures_util::stream::iter(items))
            }),
        )
        .layer(watched.monitor.layer());
    let body = app.oneshot(request("/")).await.unwrap().into_body();
    assert!(body.collect().await.is_err());
    let alert = watched.alert().await;
    assert_eq!(alert.issue.kind, Kind::BodyBroken);
    assert_eq!(
        alert.issue.title,
        "the response broke off: disk gone, password=[redacted]"
    );
    assert_eq!(watched.record().await["outcome"], "body_broken");
}

#[tokio::test]
async fn a_service_that_gives_an_error_is_told_and_the_error_is_passed_on() {
    #[derive(Debug, PartialEq)]
    struct PoolEmpty;
    let watched = watched(|builder| builder);
    let service = watched
        .monitor
        .layer()
        .layer(service_fn(|_: Request<Body>| async {
            Err::<Response<Full<Bytes>>, _>(PoolEmpty)
        }));
    assert_eq!(service.oneshot(request("/")).await.unwrap_err(), PoolEmpty);
    let alert = watched.alert().await;
    assert_eq!(alert.issue.kind, Kind::ServiceError);
    assert!(
        alert.issue.title.contains("PoolEmpty"),
        "{}",
        alert.issue.title
    );
    assert_eq!(watched.record().await["outcome"], "failed");
}

#[tokio::test]
async fn a_panic_while_the_future_or_the_body_is_dropped_is_contained_and_told() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("expected in drop");
        }
    }
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route(
            "/future",
            get(|| async {
                let _bomb = Bomb;
                std::future::pending::<()>().await;
            }),
        )
        .route(
            "/body",
            get(|| async {
                let bomb = Bomb;
                Body::from_stream(futures_util::stream::poll_fn(move |_| {
                    let _bomb = &bomb;
                    std::task::Poll::<Option<Result<Bytes, Infallible>>>::Ready(None)
                }))
            }),
        )
        .layer(watched.monitor.layer());

    let mut pending = Box::pin(app.clone().oneshot(request("/future")));
    assert!(futures_util::poll!(&mut pending).is_pending());
    drop(pending);
    assert_eq!(
        watched.alert().await.occurrence.title(),
        "panic: expected in drop"
    );
    assert_eq!(watched.record().await["outcome"], "panicked");

    let body = app.oneshot(request("/body")).await.unwrap().into_body();
    assert!(body.collect().await.unwrap().to_bytes().is_empty());
    watched.records_reach(2).await;
    assert_eq!(
        watched.monitor.issues().await.unwrap()[0].count,
        2,
        "the same place, once more"
    );
}

#[tokio::test]
async fn leaving_before_the_head_and_in_the_body_are_told_apart() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route("/slow", get(std::future::pending::<()>))
        .route("/stream", get(|| async { endless("text/plain") }))
        .route("/events", get(|| async { endless("text/event-stream") }))
        .layer(watched.monitor.layer());

    let mut pending = Box::pin(app.clone().oneshot(request("/slow")));
    assert!(futures_util::poll!(&mut pending).is_pending());
    drop(pending);
    for path in ["/stream", "/events"] {
        let mut body = app
            .clone()
            .oneshot(request(path))
            .await
            .unwrap()
            .into_body();
        assert!(body.frame().await.unwrap().is_ok());
    }
    let outcomes: Vec<_> = watched
        .records()
        .await
        .into_iter()
        .map(|record| {
            (
                record["url.path"].clone(),
                record["outcome"].clone(),
                record["abandoned.at"].clone(),
            )
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            (json!("/slow"), json!("abandoned"), json!("head")),
            (json!("/stream"), json!("abandoned"), json!("body")),
            (json!("/events"), json!("answered"), Value::Null),
        ]
    );
    assert!(
        watched.alerts().await.is_empty(),
        "a client that leaves is no failure of the server"
    );
}

fn endless(kind: &'static str) -> impl IntoResponse {
    let items = futures_util::stream::repeat_with(|| Ok::<_, Infallible>("data: 1\n\n"));
    ([("content-type", kind)], Body::from_stream(items))
}

#[tokio::test]
async fn responses_without_a_body_are_complete_with_their_head() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route("/", get(|| async { "a body that HEAD does not get" }))
        .route(
            "/none",
            get(|| async {
                (
                    StatusCode::NO_CONTENT,
                    Body::from_stream(futures_util::stream::pending::<Result<Bytes, Infallible>>()),
                )
            }),
        )
        .layer(watched.monitor.layer());
    let head = Request::builder()
        .method(Method::HEAD)
        .uri("/")
        .body(Body::empty())
        .unwrap();
    drop(app.clone().oneshot(head).await.unwrap());
    drop(app.oneshot(request("/none")).await.unwrap());
    let outcomes: Vec<_> = watched
        .records()
        .await
        .into_iter()
        .map(|record| record["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["answered", "answered"]);
}

#[tokio::test]
async fn grpc_failures_are_seen_in_headers_and_trailers() {
    let watched = watched(|builder| builder);
    let grpc = |status: &'static str, trailers: bool| {
        service_fn(move |_: Request<Body>| async move {
            assert!(status != "panic", "expected in gRPC");
            let mut fields = http::HeaderMap::new();
            fields.insert("grpc-status", HeaderValue::from_static(status));
            let response = Response::builder().header("content-type", "application/grpc");
            let data = Full::new(Bytes::from_static(b"\0\0\0\0\0"));
            Ok::<_, Infallible>(if trailers {
                response
                    .body(data.with_trailers(async { Some(Ok(fields)) }).boxed())
                    .unwrap()
            } else {
                let mut response = response.body(http_body_util::Empty::new().boxed()).unwrap();
                response.headers_mut().extend(fields);
                response
            })
        })
    };
    let call = || {
        with(
            "content-type",
            "application/grpc+proto",
            Request::post("/shop.Cart/Buy").body(Body::empty()).unwrap(),
        )
    };
    for (status, trailers, title) in [
        ("13", true, Some("gRPC Internal answered")),
        ("14", false, Some("gRPC Unavailable answered")),
        ("0", true, None),
        ("5", true, None),
        ("5", false, None),
    ] {
        let service = watched.monitor.layer().layer(grpc(status, trailers));
        let response = service.oneshot(call()).await.unwrap();
        assert_eq!(response.status(), 200);
        let _ = response.into_body().collect().await.unwrap();
        let told = watched
            .alerts()
            .await
            .first()
            .map(|alert| alert.issue.title.clone());
        assert_eq!(told.as_deref(), title, "grpc-status {status}");
    }
    let response = watched
        .monitor
        .layer()
        .layer(grpc("panic", false))
        .oneshot(call())
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "13");
    assert_eq!(response.headers()["content-type"], "application/grpc");
    assert!(response.headers().contains_key("x-request-id"));
    assert_eq!(watched.alert().await.issue.kind, Kind::Panic);
    let codes: Vec<_> = watched
        .records()
        .await
        .into_iter()
        .map(|record| record["rpc.grpc.status_code"].clone())
        .collect();
    assert_eq!(codes, [13, 14, 0, 5, 5, 13]);
}

/// A body of a type of its own, with data of a type of its own.
struct Odd(Option<&'static [u8]>);

impl http_body::Body for Odd {
    type Data = &'static [u8];
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Ready(self.0.take().map(|data| Ok(http_body::Frame::data(data))))
    }
}

#[tokio::test]
async fn any_type_of_body_and_request_goes() {
    let watched = watched(|builder| builder);
    let service =
        watched
            .monitor
            .layer()
            .layer(service_fn(|request: Request<Vec<u8>>| async move {
                assert!(!request.body().is_empty(), "expected");
                Ok::<_, Arc<str>>(Response::new(Odd(Some(b"odd"))))
            }));
    let response = service
        .clone()
        .oneshot(Request::new(vec![1]))
        .await
        .unwrap();
    assert_eq!(text(response).await, "odd");
    let response = service.oneshot(Request::new(Vec::new())).await.unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(
        text(response).await,
        "",
        "no page can be made of `&'static [u8]`"
    );
    assert_eq!(watched.records().await.len(), 2);
}

#[test]
fn the_layer_is_send_sync_clone_and_can_be_made_anywhere() {
    fn check<T: Send + Sync + Clone + 'static>(_: &T) {}
    for _ in 0..100 {
        check(&MonitorLayer::new());
    }
    check(&MonitorLayer::new().layer(Router::<()>::new()));
    let stack = ServiceBuilder::new()
        .layer(MonitorLayer::new())
        .service(Router::<()>::new());
    check(&stack);
}

#[tokio::test]
async fn an_extractor_without_the_layer_says_what_to_do() {
    let app = Router::new()
        .route("/", get(|_: RequestContext| async {}))
        .route(
            "/optional",
            get(|context: Option<RequestContext>| async move { context.is_none().to_string() }),
        );
    let response = app.clone().oneshot(request("/")).await.unwrap();
    assert_eq!(response.status(), 500);
    assert!(text(response).await.contains("MonitorLayer::new()"));
    assert_eq!(
        text(app.oneshot(request("/optional")).await.unwrap()).await,
        "true"
    );
}

#[tokio::test]
async fn the_route_is_known_through_the_extractor_when_the_layer_is_outside() {
    let watched = watched(|builder| builder);
    let app = Router::new().route("/items/{id}", get(|_: RequestContext| async {}));
    let app = watched.monitor.layer().layer(app);
    let _ = text(app.oneshot(request("/items/7")).await.unwrap()).await;
    assert_eq!(watched.record().await["http.route"], "/items/{id}");
}

#[tokio::test]
async fn a_request_within_a_request_gives_the_outer_one_back() {
    let (outer, inner) = (watched(|builder| builder), watched(|builder| builder));
    let inner_app = Router::new()
        .route(
            "/inner",
            get(|| async { tower_monitor::current().unwrap().path().to_owned() }),
        )
        .layer(inner.monitor.layer());
    let app = Router::new()
        .route(
            "/outer",
            get(|| async {
                let before = tower_monitor::current().unwrap();
                let response = inner_app.oneshot(request("/inner")).await.unwrap();
                assert_eq!(text(response).await, "/inner");
                let after = tower_monitor::current().unwrap();
                assert_eq!(before.id(), after.id());
                after.path().to_owned()
            }),
        )
        .layer(outer.monitor.layer());
    assert_eq!(
        text(app.oneshot(request("/outer")).await.unwrap()).await,
        "/outer"
    );
    assert_eq!(outer.record().await["url.path"], "/outer");
    assert_eq!(inner.record().await["url.path"], "/inner");
}

//! What an occurrence knows of its request, its answer, and the process.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::routing::{any, get, post as on_post};
use futures_util::stream;
use http::{Request, Version};
use serde_json::json;
use tower::ServiceExt;
use tower_monitor::request::RequestBodies;
use tower_monitor::{Occurrence, PeerAddr, RequestContext, ServerError};

use crate::support::{self, Watched, get as request, post, text, watched, with};

#[tokio::test]
async fn everything_of_the_head_is_there_and_nothing_secret() {
    let watched = watched(|builder| builder);
    async fn fails() -> Result<(), ServerError> {
        Err("broken")?
    }
    let app = Router::new()
        .route("/users/{user}/files/{*path}", get(fails))
        .layer(watched.monitor.layer());
    let mut request = request("/users/u%20ma/files/a/b.txt?page=2&token=t0psecret");
    for (name, value) in [
        ("host", "shop.example"),
        ("authorization", "Bearer t0psecret"),
        ("x-api-key", "t0psecret"),
        ("cookie", "session=t0psecret; theme=dark"),
        ("cookie", "basket=t0psecret"),
        ("x-shop", "7"),
        ("x-shop", "8"),
        ("referer", "https://shop.example/?password=t0psecret"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        ),
        (
            "sec-ch-ua",
            r#""Chromium";v="140", "Microsoft Edge";v="140", "Not=A?Brand";v="24""#,
        ),
        ("sec-ch-ua-platform", r#""Linux""#),
    ] {
        request = with(name, value, request);
    }
    *request.version_mut() = Version::HTTP_2;
    request
        .extensions_mut()
        .insert(PeerAddr("203.0.113.9:4711".parse().unwrap()));
    let response = app.oneshot(request).await.unwrap();
    let _ = text(response).await;
    let occurrence = watched.occurrence().await;
    let all = support::json(&occurrence);
    assert!(!all.to_string().contains("t0psecret"), "{all:#}");
    let seen = &all["request"];
    assert_eq!(seen["version"], "HTTP/2.0");
    assert_eq!(seen["client_address"], "203.0.113.9");
    assert_eq!(
        seen["route_parameters"],
        json!({ "user": "u ma", "path": "a/b.txt" })
    );
    assert_eq!(seen["query"], "page=2&token=[redacted]");
    assert_eq!(seen["cookie_names"], "session, theme, basket");
    let headers = &occurrence.request.as_ref().unwrap().headers;
    let values = |name: &str| -> Vec<&str> {
        let found = headers.iter().filter(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).collect()
    };
    assert_eq!(values("x-shop"), ["7", "8"]);
    assert_eq!(values("host"), ["shop.example"]);
    assert_eq!(values("x-api-key"), ["[redacted]"]);
    assert_eq!(values("cookie"), [""; 0]);
    assert!(values("authorization")[0].contains("[redacted]"));
    let browser = occurrence
        .request
        .as_ref()
        .unwrap()
        .browser
        .as_ref()
        .unwrap();
    let browser = format!("{browser:?}");
    assert!(
        browser.contains("Edge") && browser.contains("Linux"),
        "{browser}"
    );
    let platform = &all["origin"]["platform"];
    assert!(
        platform["architecture"].is_string() && platform["rustc"].is_string(),
        "{platform:#}"
    );
    assert!(platform["crates"]["axum"].is_string(), "{platform:#}");
    assert!(all["vitals"]["uptime_seconds"].is_number());
    assert!(all["elapsed_ms"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn names_that_clients_and_the_app_choose_are_no_way_out() {
    const KEY: &str = "AKIAIOSFODNN7EXAMPLF";
    struct Bomb;
    impl std::fmt::Display for Bomb {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("half said")?;
            panic!("expected, in a breadcrumb")
        }
    }
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route(
            "/{item}/token/{token}",
            any(|context: RequestContext| async move {
                context.set_tag(KEY, "a");
                context.set_extra(KEY, 1);
                context.breadcrumb(Bomb);
                Err::<(), _>(ServerError::from("broken"))
            }),
        )
        .layer(watched.monitor.layer());
    let request = with(
        "cookie",
        &format!("{KEY}==; theme=dark"),
        request("/a/token/b"),
    );
    let (mut parts, body) = request.into_parts();
    parts.method = KEY.parse().unwrap();
    let response = app.oneshot(Request::from_parts(parts, body)).await.unwrap();
    let _ = text(response).await;
    let occurrence = watched.occurrence().await;
    let all = support::json(&occurrence);
    assert!(!all.to_string().contains(KEY), "{all:#}");
    let seen = occurrence.request.as_ref().unwrap();
    assert_eq!(seen.route.as_deref(), Some("/{item}/token/{token}"));
    assert_eq!(seen.cookie_names, ["[redacted]", "theme"]);
    assert_eq!(occurrence.breadcrumbs[0].message, "half said");
}

async fn fail_with(watched: &Watched, request: Request<Body>) -> Occurrence {
    let app = Router::new()
        .route(
            "/read",
            on_post(
                |body: Result<Bytes, axum::extract::rejection::BytesRejection>| async {
                    drop(body);
                    panic!("expected, with a body") as ()
                },
            ),
        )
        .route(
            "/ignore",
            on_post(|| async { panic!("expected, without reading") as () }),
        )
        .layer(watched.monitor.layer());
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 500);
    let _ = text(response).await;
    watched.occurrence().await
}

/// A part of what is kept of a body, and whether that is all of it.
type Kept = Option<(&'static str, bool)>;

#[tokio::test]
async fn bodies_are_kept_when_asked_for_redacted_and_bounded() {
    let json = r#"{"article":"chair","password":"t0psecret","deep":[{"token":"t0psecret"}]}"#;
    let form = "article=chair&password=t0psecret&n=1";
    let long = format!(
        r#"{{"article":"{}","password":"t0psecret"}}"#,
        "ü".repeat(4_000)
    );
    let cases: [(&str, &str, &str, Kept); 9] = [
        ("/read", "application/json", json, Some((r#"chair"#, true))),
        (
            "/read",
            "application/cart+json; charset=utf-8",
            json,
            Some(("chair", true)),
        ),
        (
            "/read",
            "application/x-www-form-urlencoded",
            form,
            Some(("article=chair&password=[redacted]&n=1", true)),
        ),
        (
            "/read",
            "text/plain",
            "my password: t0psecret, bye",
            Some(("bye", true)),
        ),
        ("/read", "application/json", &long, Some(("üü", false))),
        ("/read", "image/png", "t0psecret", None),
        ("/read", "text/html", "t0psecret", None),
        (
            "/read",
            "multipart/form-data; boundary=x",
            "t0psecret",
            None,
        ),
        ("/ignore", "application/json", json, Some(("", true))),
    ];
    for (path, kind, sent, expected) in cases {
        let watched =
            watched(|builder| builder.request_bodies(RequestBodies::new().max_bytes(1_024)));
        let occurrence = fail_with(&watched, post(path, kind, sent.to_owned())).await;
        let all = support::json(&occurrence).to_string();
        assert!(!all.contains("t0psecret"), "{kind}: {all}");
        let body = occurrence.request.as_ref().unwrap().body.as_ref();
        match (body, expected) {
            (None, None) => {}
            (Some(body), Some((part, whole))) => {
                assert!(
                    body.text.contains(part) && body.text.len() <= 2_048,
                    "{kind}: {body:?}"
                );
                let read = if path == "/ignore" {
                    0
                } else {
                    sent.len() as u64
                };
                assert_eq!((body.is_whole, body.bytes_read), (whole, read), "{kind}");
            }
            (body, expected) => panic!("{kind}: {body:?} and not {expected:?}"),
        }
        let unasked = support::watched(|builder| builder);
        let occurrence = fail_with(&unasked, post(path, kind, sent.to_owned())).await;
        assert_eq!(occurrence.request.as_ref().unwrap().body, None, "{kind}");
    }
}

#[tokio::test]
async fn a_streamed_body_is_kept_as_far_as_it_was_read_and_one_too_large_is_refused_by_the_app() {
    let watched =
        || support::watched(|builder| builder.request_bodies(RequestBodies::new().max_bytes(10)));
    let pieces =
        ["hello ", "wor", "ld, and more"].map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece)));
    let sent = post(
        "/read",
        "text/plain",
        Body::from_stream(stream::iter(pieces)),
    );
    let occurrence = fail_with(&watched(), sent).await;
    let body = occurrence.request.as_ref().unwrap().body.as_ref().unwrap();
    assert_eq!(
        (body.text.as_str(), body.bytes_read, body.is_whole),
        ("hello worl", 21, false)
    );

    let broken = [
        Ok(Bytes::from("begun ")),
        Err(std::io::Error::other("gone")),
    ];
    let sent = post(
        "/read",
        "text/plain",
        Body::from_stream(stream::iter(broken)),
    );
    let occurrence = fail_with(&watched(), sent).await;
    assert_eq!(
        occurrence
            .request
            .as_ref()
            .unwrap()
            .body
            .as_ref()
            .unwrap()
            .text,
        "begun "
    );

    let huge = post("/read", "text/plain", vec![b'x'; 3_000_000]);
    let occurrence = fail_with(&watched(), huge).await;
    let body = occurrence.request.as_ref().unwrap().body.as_ref().unwrap();
    assert_eq!(body.text, "x".repeat(10));
}

#[tokio::test]
async fn a_handler_reads_the_same_bytes_with_and_without_us() {
    let watched = watched(|builder| builder.request_bodies(RequestBodies::new().max_bytes(3)));
    let app = Router::new()
        .route("/", on_post(|body: Bytes| async move { body }))
        .layer(watched.monitor.layer());
    let sent: Vec<u8> = (0..70_000_u32).map(|n| (n % 251) as u8).collect();
    let response = app
        .oneshot(post("/", "text/plain", sent.clone()))
        .await
        .unwrap();
    let received = http_body_util::BodyExt::collect(response.into_body())
        .await
        .unwrap()
        .to_bytes();
    assert_eq!(received, sent);
}

#[tokio::test]
async fn the_answer_is_there_with_its_headers_and_the_beginning_of_its_body() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route(
            "/",
            any(|| async {
                (
                    StatusCode::BAD_GATEWAY,
                    [
                        ("content-type", "application/json"),
                        ("set-cookie", "session=t0psecret"),
                        ("location", "/next?token=t0psecret"),
                        ("x-upstream", "pay-3"),
                    ],
                    r#"{"error":"declined","password":"t0psecret"}"#,
                )
            }),
        )
        .layer(watched.monitor.layer());
    let _ = text(app.oneshot(request("/")).await.unwrap()).await;
    let occurrence = watched.occurrence().await;
    let all = support::json(&occurrence);
    assert!(!all.to_string().contains("t0psecret"), "{all:#}");
    let answer = occurrence.response.as_ref().unwrap();
    assert!(
        answer
            .headers
            .contains(&("x-upstream".to_owned(), "pay-3".to_owned()))
    );
    let body: serde_json::Value = serde_json::from_str(answer.body.as_ref().unwrap()).unwrap();
    assert_eq!(
        body,
        json!({ "error": "declined", "password": "[redacted]" })
    );
}

#[tokio::test]
async fn what_is_compressed_is_not_kept() {
    let watched = watched(|builder| builder.request_bodies(RequestBodies::new()));
    let app = Router::new()
        .route(
            "/",
            on_post(|_: Bytes| async {
                let headers = [
                    ("content-type", "application/json"),
                    ("content-encoding", "gzip"),
                ];
                (
                    StatusCode::BAD_GATEWAY,
                    headers,
                    vec![0x1f, 0x8b, 8, 0, 1, 2, 3],
                )
            }),
        )
        .layer(watched.monitor.layer());
    let sent = post("/", "application/json", vec![0x1f, 0x8b, 8, 0, 4, 5, 6]);
    let response = app
        .oneshot(with("content-encoding", "gzip", sent))
        .await
        .unwrap();
    let _ = http_body_util::BodyExt::collect(response.into_body())
        .await
        .unwrap();
    let occurrence = watched.occurrence().await;
    assert_eq!(occurrence.response.as_ref().unwrap().body, None);
    assert_eq!(occurrence.request.as_ref().unwrap().body, None);
}

#[tokio::test]
async fn the_requests_in_flight_are_counted() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route("/wait", get(std::future::pending::<()>))
        .route("/fail", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
        .layer(watched.monitor.layer());
    let mut waiting: Vec<_> = (0..3)
        .map(|_| Box::pin(app.clone().oneshot(request("/wait"))))
        .collect();
    for one in &mut waiting {
        assert!(futures_util::poll!(one.as_mut()).is_pending());
    }
    let _ = text(app.clone().oneshot(request("/fail")).await.unwrap()).await;
    assert_eq!(
        watched.occurrence().await.vitals.requests_in_flight,
        Some(3)
    );
    drop(waiting);
    let app = app.route("/again", get(|| async {}));
    let _ = text(app.oneshot(request("/fail")).await.unwrap()).await;
}

#[tokio::test]
async fn values_that_the_app_says_are_redacted_and_bounded() {
    let watched = watched(|builder| builder.redact(["tax_id"]));
    let app = Router::new()
        .route(
            "/",
            get(|context: RequestContext| async move {
                // Put together here, for the lines of this source are in the occurrence.
                let secret = ["t0p", "secret"].concat();
                context.set_tag("tax_id", &secret);
                context.set_extra("order", json!({ "tax_id": secret, "n": 1 }));
                context.breadcrumb(format_args!("tax_id={secret}"));
                (0..200).for_each(|n| context.breadcrumb(format_args!("step {n}")));
                Err::<(), _>(ServerError::from(format!("declined: password={secret}")))
            }),
        )
        .layer(watched.monitor.layer());
    let _ = text(app.oneshot(request("/")).await.unwrap()).await;
    let occurrence = watched.occurrence().await;
    let all = support::json(&occurrence);
    assert!(!all.to_string().contains("t0psecret"), "{all:#}");
    let steps = &occurrence.breadcrumbs;
    assert_eq!(steps.len() as u64 + occurrence.earlier_breadcrumbs, 201);
    assert_eq!(steps.last().unwrap().message, "step 199");
    assert!(steps.len() > 30 && steps.len() <= 50);
}

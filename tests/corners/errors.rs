//! Errors that panic, lie or never end, and settings that panic.

use std::error::Error;
use std::fmt;

use axum::routing::get;
use http_body_util::Full;
use tower_monitor::request::RequestBodies;
use tower_monitor::{RequestContext, ServerError, capture, capture_message, current};

use crate::failed;
use crate::support::{self, chain, watched};

#[derive(Clone, Copy, PartialEq)]
enum Bad {
    Display,
    Debug,
    Source,
    Endless,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("begun ")?;
        assert!(*self != Self::Display, "expected in Display");
        // Whoever holds a lock meanwhile is stuck here.
        current().unwrap().set_tag("asked", "yes");
        Ok(())
    }
}

impl fmt::Debug for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(*self != Self::Debug, "expected in Debug");
        f.write_str("Bad")
    }
}

impl Error for Bad {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        assert!(*self != Self::Source, "expected in source");
        (*self == Self::Endless).then_some(self)
    }
}

#[tokio::test]
async fn errors_that_panic_or_never_end_are_told_as_far_as_they_go() {
    for (bad, message, missing) in [
        (Bad::Display, "begun [its Display panicked]", ""),
        (Bad::Debug, "begun ", ""),
        (Bad::Source, "begun ", ""),
        (Bad::Endless, "begun ", "seems to have no end"),
    ] {
        let watched = watched(|builder| builder);
        let asks = move || async move { Err::<(), ServerError>(bad.into()) };
        let occurrence = failed(&watched, get(asks)).await;
        assert_eq!(chain(&occurrence)[0].1, message);
        assert!(
            occurrence.missing.join(" ").contains(missing),
            "{:?}",
            occurrence.missing
        );

        let watched = support::watched(|builder| builder);
        let captures = move || async move {
            capture(&bad);
            capture_message(bad);
            axum::http::StatusCode::INTERNAL_SERVER_ERROR
        };
        let app = axum::Router::new()
            .route("/", get(captures))
            .layer(watched.monitor.layer());
        let response = tower::ServiceExt::oneshot(app, support::get("/"))
            .await
            .unwrap();
        let _ = support::text(response).await;
        assert_eq!(watched.count().await, 2);
    }
}

#[tokio::test]
async fn when_before_send_panics_nothing_of_the_original_gets_through() {
    let secret = "an-unusual-secret";
    let watched = watched(|builder| {
        builder.before_send(|occurrence| {
            occurrence.missing.push("half done".to_owned());
            panic!("expected in before_send")
        })
    });
    let asks = move || async move {
        current().unwrap().set_tag("word", secret);
        current().unwrap().breadcrumb(secret);
        Err::<(), _>(ServerError::from(secret))
    };
    let occurrence = failed(&watched, get(asks)).await;
    assert!(!support::json(&occurrence).to_string().contains(secret));
    assert!(occurrence.missing.len() == 1 && occurrence.missing[0].contains("before_send"));
    assert_eq!(occurrence.request, None);
}

/// A buffer that asks for the request while it is read.
struct Asking(bytes::Bytes);

fn ask() {
    if let Some(request) = current() {
        request.set_tag("asked", "yes");
    }
}

impl bytes::Buf for Asking {
    fn remaining(&self) -> usize {
        ask();
        self.0.remaining()
    }
    fn chunk(&self) -> &[u8] {
        ask();
        self.0.chunk()
    }
    fn advance(&mut self, count: usize) {
        self.0.advance(count);
    }
}

#[tokio::test]
async fn a_buffer_of_the_apps_own_may_ask_for_the_request() {
    use http_body_util::BodyExt;
    let watched = watched(|builder| builder.request_bodies(RequestBodies::new()));
    let service = tower::service_fn(async |request: http::Request<Full<Asking>>| {
        let context: RequestContext = request.extensions().get().cloned().unwrap();
        let mut body = context.keep_body(request.into_body());
        while body.frame().await.is_some() {}
        Err::<http::Response<axum::body::Body>, _>("expected: no answer")
    });
    let service = tower::Layer::layer(&watched.monitor.layer(), service);
    let request = http::Request::post("/").header("content-type", "text/plain");
    let request = request.body(Full::new(Asking("hello".into()))).unwrap();
    assert!(tower::ServiceExt::oneshot(service, request).await.is_err());
    let occurrence = watched.occurrence().await;
    let request = occurrence.request.as_ref().unwrap();
    assert_eq!(request.body.as_ref().unwrap().text, "hello");
    assert_eq!(request.tags["asked"], "yes");
}

#[tokio::test]
async fn before_send_has_the_last_word() {
    let watched = watched(|builder| {
        builder.before_send(|occurrence| {
            for exception in &mut occurrence.exceptions {
                exception.message = exception.message.replace("Uma", "[name]");
                exception.stack = None;
            }
        })
    });
    let occurrence = failed(
        &watched,
        get(|| async { Err::<(), _>(ServerError::from("Uma is sad")) }),
    )
    .await;
    assert!(!support::json(&occurrence).to_string().contains("Uma"));
    let kept = watched
        .monitor
        .occurrences(occurrence.fingerprint)
        .await
        .unwrap();
    assert_eq!(kept[0].exceptions[0].message, "[name] is sad");
}

#[tokio::test]
async fn a_grouping_rule_that_panics_or_asks_for_the_request_has_no_consequence() {
    for panics in [true, false] {
        let watched = watched(|builder| {
            builder.group_by(move |failure| {
                assert!(!panics, "expected in group_by");
                failure.request()?.set_tag("asked", "yes");
                capture_message("from the rule itself");
                None
            })
        });
        let app = || async { panic!("expected in the handler") as () };
        if panics {
            let occurrence = failed(&watched, get(app)).await;
            assert_eq!(occurrence.title(), "panic: expected in the handler");
        } else {
            let app = axum::Router::new()
                .route("/", get(app))
                .layer(watched.monitor.layer());
            let response = tower::ServiceExt::oneshot(app, support::get("/"))
                .await
                .unwrap();
            assert_eq!(response.status(), 500);
            let _ = support::text(response).await;
            assert!(watched.count().await >= 1);
        }
    }
}

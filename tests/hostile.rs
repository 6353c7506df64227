//! Whatever a client sends: served, bounded, and nothing forged in a log, a page or an alert.

mod support;

use std::sync::OnceLock;

use axum::Router;
use axum::body::Body;
use axum::routing::any as any_method;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use proptest::prelude::*;
use support::{Watched, text, watched};
use tower::ServiceExt;
use tower_monitor::notify::Message;
use tower_monitor::{ForwardedHeader, PeerAddr, TrustRequestIds};

/// What must stand nowhere as it is: it ends lines, moves cursors or turns the reading direction.
fn is_forging(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn app(watched: &Watched) -> Router {
    Router::new()
        .fallback(any_method(|request: axum::extract::Request| async move {
            assert!(
                !request.uri().path().ends_with("fail"),
                "expected, at {}",
                request.uri()
            );
            "served"
        }))
        .layer(watched.monitor.layer())
}

#[tokio::test]
async fn control_characters_and_escapes_come_out_harmless() {
    let watched = watched(|builder| builder.trusted_proxies(["127.0.0.1"]));
    let app = app(&watched);
    let evil = "x\u{1b}[2J\u{202e}\u{2028}\u{7f}\"\\<script>";
    let mut request = Request::builder()
        .method(Method::from_bytes(b"BREW").unwrap())
        .uri("/a%0d%0a{\"forged\":1}/fail?q=%1b[2J&token=hunter2")
        .body(Body::empty())
        .unwrap();
    request
        .extensions_mut()
        .insert(PeerAddr("127.0.0.1:1".parse().unwrap()));
    for name in [
        "user-agent",
        "referer",
        "host",
        "x-request-id",
        "x-forwarded-for",
        "traceparent",
        "accept",
    ] {
        let bytes: Vec<u8> = evil
            .bytes()
            .filter(|byte| *byte >= 32 && *byte != 127)
            .collect();
        request.headers_mut().insert(
            HeaderName::from_static(name),
            HeaderValue::from_bytes(&bytes).unwrap(),
        );
    }
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 500);
    assert!(!text(response).await.contains("script"));
    let alert = watched.alert().await;
    let message = Message::of(&alert).to_string();
    assert!(!message.replace('\n', "").contains(is_forging), "{message}");
    assert!(!message.contains("hunter2"));
    let written = watched.raw_log();
    assert!(
        written.lines().count() == 1 && !written.trim_end().contains(is_forging),
        "{written}"
    );
    assert!(!written.contains("hunter2"));
    let record = watched.record().await;
    assert_eq!(record["http.request.method"], "_OTHER");
    assert_eq!(record["http.request.method_original"], "BREW");
}

#[tokio::test]
async fn huge_headers_are_served_and_cut() {
    let watched = watched(|builder| builder.trust_request_ids(TrustRequestIds::Anybody));
    let app = app(&watched);
    let huge = "h".repeat(64 * 1024);
    let mut request = Request::builder()
        .uri(format!("/{}", &huge[..40_000]))
        .body(Body::empty())
        .unwrap();
    for name in [
        "user-agent",
        "referer",
        "host",
        "x-request-id",
        "x-forwarded-for",
        "traceparent",
        "accept",
        "content-length",
    ] {
        request.headers_mut().insert(
            HeaderName::from_static(name),
            HeaderValue::from_str(&huge).unwrap(),
        );
    }
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(text(response).await, "served");
    let record = watched.record().await;
    assert!(
        record.to_string().len() < 8 * 1024,
        "{}",
        record.to_string().len()
    );
    assert_eq!(record["request.id"].as_str().unwrap().len(), 36);
}

#[tokio::test]
async fn a_request_with_nothing_in_it_is_served() {
    let watched = watched(|builder| builder);
    let request = Request::builder()
        .uri(Uri::from_static("*"))
        .method(Method::OPTIONS)
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        text(app(&watched).oneshot(request).await.unwrap()).await,
        "served"
    );
    let record = watched.record().await;
    assert!(record["server.address"].is_null() && record["client.address"].is_null());
}

fn header_value() -> impl Strategy<Value = Option<HeaderValue>> {
    prop::collection::vec(
        prop_oneof![32u8..127, 128u8..=255, Just(b'\t'), Just(b',')],
        0..300,
    )
    .prop_map(|bytes| HeaderValue::from_bytes(&bytes).ok())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_request_is_served_and_leaves_one_line(
        path in "/[!-~]{0,60}",
        method in "[A-Z]{1,40}",
        values in prop::collection::vec(header_value(), 9),
        fails in any::<bool>(),
        forwarded in any::<bool>(),
    ) {
        static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
        let runtime = RUNTIME.get_or_init(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
        let names = ["user-agent", "referer", "host", "x-request-id", "x-forwarded-for", "forwarded", "traceparent", "accept", "content-type"];
        let header = if forwarded { ForwardedHeader::Forwarded } else { ForwardedHeader::XForwardedFor };
        let uri = format!("{path}{}", if fails { "/fail" } else { "" });
        let Ok(uri) = uri.parse::<Uri>() else { return Ok(()) };
        runtime.block_on(async {
            let watched = watched(|builder| {
                builder.trusted_proxies(["127.0.0.1"]).trust_request_ids(TrustRequestIds::Anybody).forwarded_header(header)
            });
            let mut request = Request::builder().method(method.as_str()).uri(uri).body(Body::empty()).unwrap();
            request.extensions_mut().insert(PeerAddr("127.0.0.1:1".parse().unwrap()));
            for (name, value) in names.into_iter().zip(&values) {
                if let Some(value) = value {
                    request.headers_mut().insert(HeaderName::from_static(name), value.clone());
                }
            }
            let response = app(&watched).oneshot(request).await.unwrap();
            let id = support::id(&response);
            assert!((1..=128).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)));
            let _ = text(response).await;
            let record = watched.record().await;
            assert_eq!(record["request.id"], id.as_str());
            let written = watched.raw_log();
            assert_eq!(written.matches('\n').count(), 1);
            assert!(!written.trim_end().contains(is_forging), "{written}");
            for alert in watched.alerts().await {
                assert!(!Message::of(&alert).to_string().replace('\n', "").contains(is_forging));
            }
        });
    }
}

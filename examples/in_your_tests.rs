//! How a test of yours makes sure that a failure reaches you: no network, no mail, no waiting.
//!
//! `cargo run --example in_your_tests` shows what was captured; `cargo test --example in_your_tests` runs it as a test.
#![expect(
    clippy::print_stdout,
    reason = "what was captured belongs on the terminal"
)]

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::{Router, routing::post};
use tower::ServiceExt;
use tower_monitor::notify::{Capture, Message};
use tower_monitor::{Alert, Monitor, RequestContext, User};

/// The app under test, as your `main` builds it: only the monitor is another one.
fn app(monitor: &Monitor) -> Router {
    Router::new()
        .route("/pay/{order}", post(pay))
        .layer(monitor.layer())
}

async fn pay(context: RequestContext) -> (StatusCode, &'static str) {
    context.set_user(User::new("42").name("Uma Berg").email("uma@example.org"));
    (StatusCode::SERVICE_UNAVAILABLE, "The bank does not answer.")
}

/// The test: an order is paid for, the bank is down, and the owner knows who was hit.
async fn a_failed_payment_reaches_the_owner() -> Alert {
    let alerts = Capture::new();
    let monitor = Monitor::builder()
        .no_audit()
        .notifier(alerts.clone())
        .build()
        .expect("the settings are right");

    let request = Request::post("/pay/7").body(Body::empty()).expect("valid");
    let response = app(&monitor).oneshot(request).await.expect("infallible");
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let id = response.headers()["x-request-id"].clone();
    // A request is over, and judged, when its body has been read or dropped.
    let body = to_bytes(response.into_body(), 1_000).await.expect("whole");
    assert_eq!(body, "The bank does not answer.");

    assert!(monitor.flush(Duration::from_secs(10)).await);
    let mut alerts = alerts.taken();
    assert_eq!(alerts.len(), 1);
    let alert = alerts.remove(0);
    assert_eq!(alert.issue.title, "503 Service Unavailable answered");
    assert_eq!(alert.issue.culprit.as_deref(), Some("POST /pay/{order}"));
    let request = alert.occurrence.request.as_ref().expect("it was a request");
    assert_eq!(request.id.as_str(), id);
    assert_eq!(request.user.as_ref().expect("logged in").id(), "42");
    alert
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let alert = a_failed_payment_reaches_the_owner().await;
    println!("Captured:\n{}", Message::of(&alert));
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn a_failed_payment_reaches_the_owner() {
        super::a_failed_payment_reaches_the_owner().await;
    }
}

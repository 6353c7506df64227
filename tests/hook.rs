//! The panic hook: installed once, chained, and harmless when others interfere. Alone in its process, for hooks are global.

mod support;

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use support::{get as request, text};
use tower::ServiceExt;
use tower_monitor::notify::Capture;
use tower_monitor::{Kind, Monitor};

static BEFORE: AtomicUsize = AtomicUsize::new(0);
static AFTER: AtomicUsize = AtomicUsize::new(0);

#[tokio::test]
async fn hooks_of_the_app_before_and_after_ours_are_called_and_nothing_is_told_twice() {
    panic::set_hook(Box::new(|_| {
        BEFORE.fetch_add(1, Ordering::SeqCst);
    }));
    let alerts = Capture::new();
    let monitors: Vec<_> = (0..3)
        .map(|_| Monitor::builder().notifier(alerts.clone()).build().unwrap())
        .collect();
    let app = |monitor: &Monitor| {
        Router::new()
            .route("/one", get(|| async { panic!("one") as () }))
            .route("/two", get(|| async { panic!("two") as () }))
            .route("/three", get(|| async { panic::panic_any(7_i32) as () }))
            .layer(monitor.layer())
    };
    let told = async |path: &str| {
        let response = app(&monitors[0]).oneshot(request(path)).await.unwrap();
        assert_eq!(response.status(), 500);
        let _ = text(response).await;
        assert!(monitors[0].flush(support::LONG).await);
        let mut taken = alerts.taken();
        assert_eq!(taken.len(), 1, "{path}");
        taken.remove(0)
    };

    let alert = told("/one").await;
    assert!(alert.issue.culprit.unwrap().starts_with("tests/hook.rs:"));
    assert_eq!(BEFORE.load(Ordering::SeqCst), 1, "three monitors, one hook");

    // The app sets a hook that calls the one before: both see the panic, and its place is known.
    let ours = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        AFTER.fetch_add(1, Ordering::SeqCst);
        ours(info);
    }));
    let alert = told("/two").await;
    assert!(alert.issue.culprit.unwrap().starts_with("tests/hook.rs:"));
    assert_eq!(
        (BEFORE.load(Ordering::SeqCst), AFTER.load(Ordering::SeqCst)),
        (2, 1)
    );

    // A payload that is no text.
    let alert = told("/three").await;
    assert_eq!(alert.issue.kind, Kind::Panic);
    assert!(
        alert.issue.title.contains("payload"),
        "{}",
        alert.issue.title
    );
    assert!(alert.issue.culprit.unwrap().starts_with("tests/hook.rs:"));

    // The app sets a hook that calls nobody: the panic is caught all the same, without its place.
    panic::set_hook(Box::new(|_| {}));
    let again = Monitor::builder().notifier(alerts.clone()).build().unwrap();
    let response = app(&again).oneshot(request("/one")).await.unwrap();
    assert_eq!(response.status(), 500);
    let _ = text(response).await;
    assert!(again.flush(support::LONG).await);
    let alert = alerts.taken().remove(0);
    assert_eq!(alert.issue.title, "panic: one");
    assert_eq!(alert.issue.culprit.as_deref(), Some("GET /one"));
}

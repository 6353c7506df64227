//! Panics within panics, payloads that bite, destructors at the wrong moment.

use std::panic::{catch_unwind, panic_any, resume_unwind};

use axum::Router;
use axum::routing::get;
use tower::ServiceExt;
use tower_monitor::notify::Capture;
use tower_monitor::{Kind, Monitor, current, spawn};

use crate::failed;
use crate::support::{self, text, watched};

/// Panics while it is dropped, also during unwinding, and catches that itself.
struct Careful;

impl Drop for Careful {
    fn drop(&mut self) {
        let caught = catch_unwind(|| {
            current().unwrap().set_tag("dropped", "yes");
            panic!("expected in a destructor")
        });
        assert!(caught.is_err());
    }
}

#[tokio::test]
async fn a_panic_that_a_destructor_catches_during_unwinding_does_not_hide_the_first_one() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route(
            "/",
            get(|| async {
                let _careful = Careful;
                panic!("expected in the handler") as ()
            }),
        )
        .layer(watched.monitor.layer());
    let response = app.oneshot(support::get("/")).await.unwrap();
    assert_eq!(response.status(), 500);
    let _ = text(response).await;
    let occurrences = watched.occurrences().await;
    let titles: Vec<_> = occurrences.iter().map(|one| one.title()).collect();
    assert!(
        titles.contains(&"panic: expected in the handler".to_owned()),
        "{titles:?}"
    );
    for occurrence in occurrences {
        assert_eq!(occurrence.kind, Kind::Panic);
        assert!(
            occurrence
                .culprit()
                .unwrap()
                .starts_with("tests/corners/panics.rs:")
        );
        assert_eq!(occurrence.request.as_ref().unwrap().tags["dropped"], "yes");
    }
}

/// A payload that panics while it is dropped, with a payload that does the same.
struct Biting(u8);

impl Drop for Biting {
    fn drop(&mut self) {
        if self.0 > 0 && !std::thread::panicking() {
            panic_any(Biting(self.0 - 1));
        }
    }
}

#[tokio::test]
async fn payloads_that_panic_while_they_are_dropped_are_told_like_any_other() {
    async fn bites() {
        panic_any(Biting(3))
    }
    async fn resumes() {
        let child = spawn(async { panic_any(Biting(3)) });
        resume_unwind(child.await.unwrap_err().into_panic())
    }
    for handler in [get(bites), get(resumes)] {
        let watched = watched(|builder| builder);
        let occurrence = failed(&watched, handler).await;
        assert!(
            occurrence.title().contains("payload"),
            "{}",
            occurrence.title()
        );
    }
}

#[tokio::test]
async fn the_same_words_on_another_thread_of_the_same_request_are_not_mixed_up() {
    let watched = watched(|builder| builder);
    let occurrence = failed(
        &watched,
        get(|| async {
            let request = current().unwrap();
            let thread = std::thread::Builder::new().name("helper".to_owned());
            let helper = thread.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                drop(request);
                runtime.block_on(async { catch_unwind(|| panic!("expected words")).is_err() })
            });
            assert!(helper.unwrap().join().unwrap());
            panic!("expected words") as ()
        }),
    )
    .await;
    assert_ne!(occurrence.thread.as_deref(), Some("helper"));
}

#[tokio::test]
async fn notifiers_that_panic_do_not_become_occurrences() {
    use tower_monitor::{Alert, Notifier, NotifyError};
    struct Panics;
    impl Notifier for Panics {
        fn name(&self) -> &str {
            "panics"
        }
        async fn notify(&self, _: &Alert) -> Result<(), NotifyError> {
            panic!("expected in the notifier")
        }
    }
    let alerts = Capture::new();
    let monitor = Monitor::builder()
        .no_audit()
        .notifier(Panics)
        .notifier(alerts.clone())
        .outside_requests(true)
        .build()
        .unwrap();
    let app = Router::new()
        .route(
            "/",
            get(|| async { panic!("expected, the only one") as () }),
        )
        .layer(monitor.layer());
    let response = app.oneshot(support::get("/")).await.unwrap();
    let _ = text(response).await;
    // Other tests' panics outside of requests may come here as well: a flush would wait for all of them to be tried again.
    let is_told = |alert: &Alert| alert.issue.title == "panic: expected, the only one";
    loop {
        let has_panicked = monitor.notifiers().await[0].last_error.is_some();
        if has_panicked && alerts.alerts().iter().any(is_told) {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(
        !monitor
            .issues()
            .await
            .unwrap()
            .iter()
            .any(|issue| issue.title.contains("in the notifier"))
    );
}

//! From failures to notifiers: told at once, counted exactly, and nobody held up by anybody.

mod support;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use support::{LONG, get as request, text, watched};
use tokio::sync::Semaphore;
use tower::ServiceExt;
use tower_monitor::notify::{Capture, Message};
use tower_monitor::{
    Alert, LossReason, Monitor, Notifier, NotifyError, Reason, RequestContext, User,
};

/// A notifier that does as it is told.
struct Custom<F>(&'static str, F);

impl<F, R> Notifier for Custom<F>
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), NotifyError>> + Send + 'static,
{
    fn name(&self) -> &str {
        self.0
    }

    async fn notify(&self, _: &Alert) -> Result<(), NotifyError> {
        (self.1)().await
    }
}

fn failing_app(monitor: &Monitor) -> Router {
    Router::new()
        .route("/panic", get(|| async { panic!("expected") as () }))
        .route("/down", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .layer(monitor.layer())
}

async fn fail(app: &Router, path: &str) {
    let _ = text(app.clone().oneshot(request(path)).await.unwrap()).await;
}

#[tokio::test]
async fn the_first_the_10th_and_the_100th_are_told_with_what_was_held_back() {
    let watched = watched(|builder| builder);
    let app = failing_app(&watched.monitor);
    let mut told = Vec::new();
    for _ in 0..250 {
        fail(&app, "/panic").await;
        for alert in watched.alerts().await {
            told.push((alert.reason, alert.issue.count, alert.held_back));
        }
    }
    assert_eq!(
        told,
        [
            (Reason::New, 1, 0),
            (Reason::Count { count: 10 }, 10, 8),
            (
                Reason::Rate {
                    count: 100,
                    seconds: 300
                },
                100,
                89
            )
        ]
    );
    assert_eq!(watched.monitor.issues().await.unwrap()[0].count, 250);
    assert_eq!(watched.monitor.losses().total(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_storm_every_failure_is_counted_once_and_few_are_told() {
    let watched = watched(|builder| builder.queue_length(4));
    let app = failing_app(&watched.monitor);
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let app = app.clone();
            tokio::spawn(async move {
                for _ in 0..2_500 {
                    fail(&app, if task == 0 { "/down" } else { "/panic" }).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let alerts = watched.alerts().await;
    let mut counts: Vec<_> = watched
        .monitor
        .issues()
        .await
        .unwrap()
        .iter()
        .map(|issue| issue.count)
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [2_500, 17_500]);
    assert!(alerts.len() <= 4 + 5, "{} alerts", alerts.len());
    assert_eq!(watched.monitor.losses().of(LossReason::Occurrence), 0);
    assert_eq!(watched.records().await.len(), 20_000);
}

#[tokio::test]
async fn a_notifier_that_hangs_panics_or_blocks_its_thread_holds_up_nobody_else() {
    let blocked = Arc::new(std::sync::Barrier::new(2));
    let alerts = Capture::new();
    let monitor = {
        let blocked = Arc::clone(&blocked);
        support::quiet();
        Monitor::builder()
            .notifier(Custom(
                "hanging",
                std::future::pending::<Result<(), NotifyError>>,
            ))
            .notifier(Custom("panicking", || async {
                panic!("expected in the notifier")
            }))
            .notifier(Custom("blocking", move || {
                blocked.wait();
                async { Ok(()) }
            }))
            .notifier(alerts.clone())
            .build()
            .unwrap()
    };
    let app = failing_app(&monitor);
    fail(&app, "/panic").await;
    while alerts.alerts().is_empty() {
        tokio::task::yield_now().await;
    }
    loop {
        let notifiers = monitor.notifiers().await;
        let panicking = notifiers.iter().find(|it| it.name == "panicking").unwrap();
        if panicking.last_error.is_some() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(
        !monitor.flush(Duration::ZERO).await,
        "one hangs and one blocks"
    );
    blocked.wait();
}

#[tokio::test]
async fn a_test_alert_goes_through_every_notifier_and_each_result_is_told() {
    let alerts = Capture::new();
    let monitor = Monitor::builder()
        .notifier(alerts.clone())
        .notifier(Custom("strict", || async {
            Err(NotifyError::refused("400 no such channel"))
        }))
        .build()
        .unwrap();
    let results = monitor.send_test_alert().await;
    let shown: Vec<_> = results
        .iter()
        .map(|delivery| {
            (
                delivery.notifier.as_str(),
                delivery.result.as_ref().map_err(ToString::to_string),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("capture", Ok(&())),
            ("strict", Err("refused: 400 no such channel".to_owned()))
        ]
    );
    assert_eq!(alerts.taken()[0].reason, Reason::Test);
    assert!(
        monitor.issues().await.unwrap().is_empty(),
        "a test is no problem of the app"
    );
    assert_eq!(monitor.losses().total(), 0);
}

#[tokio::test]
async fn shutdown_delivers_what_it_can_and_counts_the_rest() {
    let gate = Arc::new(Semaphore::new(0));
    let alerts = Capture::new();
    support::quiet();
    let monitor = {
        let gate = Arc::clone(&gate);
        Monitor::builder()
            .notifier(alerts.clone())
            .notifier(Custom("stuck", move || {
                let gate = Arc::clone(&gate);
                async move {
                    let _permit = gate.acquire().await;
                    Ok(())
                }
            }))
            .build()
            .unwrap()
    };
    let app = failing_app(&monitor);
    fail(&app, "/panic").await;
    fail(&app, "/down").await;
    assert!(!monitor.shutdown(Duration::from_millis(50)).await);
    assert_eq!(alerts.alerts().len(), 2, "what could be delivered was");
    assert_eq!(monitor.losses().of(LossReason::AlertUndelivered), 2);

    fail(&app, "/panic").await;
    assert_eq!(
        monitor.losses().of(LossReason::Occurrence),
        1,
        "too late, and counted"
    );
    assert!(!monitor.shutdown(LONG).await, "it stays as it was");
    assert!(monitor.send_test_alert().await.is_empty());
    drop(gate);
}

/// Takes every alert but the first.
struct RefusesTheFirst {
    refused: AtomicBool,
    alerts: Capture,
}

impl Notifier for RefusesTheFirst {
    fn name(&self) -> &str {
        "strict"
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        if self.refused.swap(true, Ordering::AcqRel) {
            return self.alerts.notify(alert).await;
        }
        Err(NotifyError::refused("no"))
    }
}

#[tokio::test]
async fn what_was_lost_is_told_in_the_next_alert() {
    let alerts = Capture::new();
    support::quiet();
    let strict = RefusesTheFirst {
        refused: AtomicBool::new(false),
        alerts: alerts.clone(),
    };
    let monitor = Monitor::builder().notifier(strict).build().unwrap();
    let app = failing_app(&monitor);
    fail(&app, "/panic").await;
    assert!(monitor.flush(LONG).await);
    fail(&app, "/down").await;
    assert!(monitor.flush(LONG).await);
    let lost: Vec<_> = alerts
        .alerts()
        .iter()
        .map(|alert| alert.lost.of(LossReason::AlertRefused))
        .collect();
    assert_eq!(lost, [1]);
    assert!(
        Message::of(&alerts.alerts()[0])
            .to_string()
            .contains("lost       alert_refused 1")
    );
}

#[tokio::test]
async fn the_monitor_works_without_any_runtime_of_the_app() {
    let alerts = Capture::new();
    support::quiet();
    let monitor = std::thread::spawn({
        let alerts = alerts.clone();
        move || Monitor::builder().notifier(alerts).build().unwrap()
    })
    .join()
    .unwrap();
    let app = failing_app(&monitor);
    let other = std::thread::spawn(move || {
        // A runtime that ends before the alert is delivered.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(fail(&app, "/panic"));
    });
    other.join().unwrap();
    assert!(monitor.flush(LONG).await);
    assert_eq!(alerts.alerts().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_data_of_two_requests_never_mix() {
    let watched = watched(|builder| builder.queue_length(10_000));
    let entered = Arc::new(AtomicUsize::new(0));
    let app = {
        let entered = Arc::clone(&entered);
        Router::new()
            .route(
                "/{marker}",
                get(
                    move |axum::extract::Path(marker): axum::extract::Path<String>| {
                        let entered = Arc::clone(&entered);
                        async move {
                            entered.fetch_add(1, Ordering::AcqRel);
                            for _ in 0..20 {
                                tokio::task::yield_now().await;
                                let context = tower_monitor::current().unwrap();
                                assert_eq!(context.path(), format!("/{marker}"));
                                context.set_user(User::new(&marker));
                                context.set_tag("marker", &marker);
                            }
                            (StatusCode::BAD_GATEWAY, marker)
                        }
                    },
                ),
            )
            .layer(watched.monitor.layer())
    };
    let tasks: Vec<_> = (0..400)
        .map(|n| {
            let app = app.clone();
            tokio::spawn(async move {
                text(app.oneshot(request(&format!("/m{n}"))).await.unwrap()).await
            })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap(), format!("m{n}"));
    }
    assert!(
        tower_monitor::current().is_none(),
        "outside of a request there is none"
    );
    let mut ids = HashSet::new();
    for record in watched.records().await {
        let path = record["url.path"].as_str().unwrap();
        assert_eq!(record["user.id"].as_str().unwrap(), &path[1..]);
        assert!(ids.insert(record["request.id"].clone()));
    }
    assert_eq!(ids.len(), 400);
    for occurrence in watched
        .monitor
        .occurrences(watched.monitor.issues().await.unwrap()[0].fingerprint)
        .await
        .unwrap()
    {
        let request = occurrence.request.as_ref().unwrap();
        assert_eq!(request.tags["marker"], request.path[1..]);
        let body = occurrence.response.as_ref().unwrap().body.clone();
        assert_eq!(body.as_deref(), Some(&request.path[1..]));
    }
}

#[tokio::test]
async fn a_context_that_outlives_its_request_does_no_harm() {
    let watched = watched(|builder| builder);
    let (kept, mut late) = tokio::sync::mpsc::unbounded_channel();
    let app = Router::new()
        .route(
            "/",
            get(|context: RequestContext| async move {
                let task = tokio::spawn(async move {
                    context.set_tag("late", "yes");
                    // A task of its own is not in the request.
                    tower_monitor::current().is_none()
                });
                kept.send(task).unwrap();
            }),
        )
        .layer(watched.monitor.layer());
    let _ = text(app.oneshot(request("/")).await.unwrap()).await;
    assert!(late.recv().await.unwrap().await.unwrap());
    assert_eq!(watched.records().await.len(), 1);
}

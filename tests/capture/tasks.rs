//! Child tasks: they belong to their request, and what goes wrong in them is told once.

use std::panic::resume_unwind;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::sync::Notify;
use tokio::task::{JoinSet, LocalSet};
use tower::ServiceExt;
use tower_monitor::{
    Kind, Occurrence, RequestContext, SpawnInRequest, User, current, in_request, spawn,
};

use crate::support::{Watched, app_function, get as request, text, watched, with};

async fn visit(watched: &Watched, app: Router, status: u16) -> Occurrence {
    let app = app.layer(watched.monitor.layer());
    let response = app
        .oneshot(with("x-shop", "7", request("/buy")))
        .await
        .unwrap();
    assert_eq!(response.status(), status);
    let _ = text(response).await;
    let occurrence = watched.occurrence().await;
    assert_eq!(watched.count().await, 1);
    let seen = occurrence.request.as_ref().unwrap();
    assert_eq!(seen.route.as_deref(), Some("/buy"));
    assert!(
        seen.headers
            .contains(&("x-shop".to_owned(), "7".to_owned()))
    );
    occurrence
}

async fn broken() -> u8 {
    tokio::task::yield_now().await;
    let task = current().unwrap();
    task.set_user(User::new("42"));
    panic!("expected in the child of {}", task.path())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_child_is_told_with_its_request_although_nobody_awaits_it() {
    let watched = watched(|builder| builder);
    let handler = || async {
        let task = spawn(broken());
        while !task.is_finished() {
            tokio::task::yield_now().await;
        }
        "done"
    };
    let occurrence = visit(&watched, Router::new().route("/buy", get(handler)), 200).await;
    assert_eq!(occurrence.title(), "panic: expected in the child of /buy");
    assert_eq!(
        occurrence
            .request
            .as_ref()
            .unwrap()
            .user
            .as_ref()
            .unwrap()
            .id(),
        "42"
    );
    assert_eq!(app_function(&occurrence), "capture::tasks::broken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_because_its_child_did_is_one_occurrence_that_of_the_child() {
    async fn unwraps() {
        spawn(broken()).await.unwrap();
    }
    async fn resumes() {
        resume_unwind(spawn(broken()).await.unwrap_err().into_panic())
    }
    async fn expects() {
        spawn(broken()).await.expect("the price");
    }
    async fn joins_all() {
        let mut tasks = JoinSet::new();
        tasks.spawn_in_request(broken());
        tasks.join_all().await;
    }
    async fn fails() -> Result<(), tower_monitor::ServerError> {
        spawn(broken()).await?;
        Ok(())
    }
    for (name, handler) in [
        ("unwrap", get(unwraps)),
        ("resume", get(resumes)),
        ("expect", get(expects)),
        ("join", get(joins_all)),
    ] {
        let watched = watched(|builder| builder);
        let occurrence = visit(&watched, Router::new().route("/buy", handler), 500).await;
        assert_eq!(occurrence.kind, Kind::Panic, "{name}");
        assert_eq!(
            occurrence.title(),
            "panic: expected in the child of /buy",
            "{name}"
        );
        assert_eq!(
            app_function(&occurrence),
            "capture::tasks::broken",
            "{name}"
        );
    }
    let watched = watched(|builder| builder);
    let occurrence = visit(&watched, Router::new().route("/buy", get(fails)), 500).await;
    assert_eq!(
        occurrence.title(),
        "panic: expected in the child of /buy",
        "question mark"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_that_are_no_text_find_their_handler_too() {
    async fn odd() {
        let child = spawn(async { std::panic::panic_any(7_u64) });
        resume_unwind(child.await.unwrap_err().into_panic())
    }
    let watched = watched(|builder| builder);
    let occurrence = visit(&watched, Router::new().route("/buy", get(odd)), 500).await;
    assert!(
        occurrence
            .culprit()
            .unwrap()
            .starts_with("tests/capture/tasks.rs:")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_outlives_its_request_still_knows_everything_of_it() {
    let watched = watched(|builder| builder);
    let gate = Arc::new(Notify::new());
    let open = Arc::clone(&gate);
    let app = Router::new()
        .route(
            "/buy",
            get(|context: RequestContext| async move {
                context.breadcrumb("the order is taken");
                spawn(async move {
                    open.notified().await;
                    current().unwrap().breadcrumb("the mail is being sent");
                    panic!("expected after the answer");
                });
                "bought"
            }),
        )
        .layer(watched.monitor.layer());
    let response = app
        .oneshot(with("x-shop", "7", request("/buy")))
        .await
        .unwrap();
    assert_eq!(text(response).await, "bought");
    assert_eq!(watched.record().await["outcome"], "answered");
    assert!(watched.alerts().await.is_empty());
    gate.notify_one();
    let mut alerts = Vec::new();
    while alerts.is_empty() {
        tokio::task::yield_now().await;
        alerts = watched.alerts().await;
    }
    let occurrence = &alerts[0].occurrence;
    let seen = occurrence.request.as_ref().unwrap();
    assert!(
        seen.headers
            .contains(&("x-shop".to_owned(), "7".to_owned()))
    );
    let steps: Vec<_> = occurrence
        .breadcrumbs
        .iter()
        .map(|step| step.message.as_str())
        .collect();
    assert_eq!(steps, ["the order is taken", "the mail is being sent"]);
}

#[tokio::test]
async fn children_on_a_local_set_and_on_a_thread_belong_to_the_request() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route(
            "/buy",
            get(|| async {
                let work = in_request(async { current().map(|request| request.path().to_owned()) });
                let thread = std::thread::spawn(|| {
                    tokio::runtime::Builder::new_current_thread()
                        .build()
                        .unwrap()
                        .block_on(work)
                });
                assert_eq!(thread.join().unwrap().as_deref(), Some("/buy"));
                "bought"
            }),
        )
        .layer(watched.monitor.layer());
    assert_eq!(
        text(app.clone().oneshot(request("/buy")).await.unwrap()).await,
        "bought"
    );

    let service = tower::service_fn(|_: axum::extract::Request| async {
        let shared = std::rc::Rc::new(7);
        let task = tokio::task::spawn_local(in_request(async move {
            tokio::task::yield_now().await;
            assert_eq!(current().unwrap().path(), "/local");
            panic!("expected on the local set: {shared}");
        }));
        assert!(task.await.unwrap_err().is_panic());
        Ok::<_, std::convert::Infallible>(http::Response::new(axum::body::Body::from("local")))
    });
    let service = tower::Layer::layer(&watched.monitor.layer(), service);
    let response = LocalSet::new()
        .run_until(service.oneshot(request("/local")))
        .await
        .unwrap();
    assert_eq!(text(response).await, "local");
    let occurrence = watched.occurrence().await;
    assert_eq!(occurrence.title(), "panic: expected on the local set: 7");
    assert_eq!(occurrence.request.as_ref().unwrap().path, "/local");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_of_a_child_belongs_to_the_request() {
    async fn nested() {
        let outer = spawn(async {
            let inner = spawn(broken());
            resume_unwind(inner.await.unwrap_err().into_panic())
        });
        resume_unwind(outer.await.unwrap_err().into_panic())
    }
    let watched = watched(|builder| builder);
    let occurrence = visit(&watched, Router::new().route("/buy", get(nested)), 500).await;
    assert_eq!(app_function(&occurrence), "capture::tasks::broken");
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "expected in a destructor");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_whose_destructor_panics_when_it_is_aborted_is_told_also_after_the_request() {
    let watched = watched(|builder| builder);
    let (send, receive) = tokio::sync::oneshot::channel();
    let send = Arc::new(std::sync::Mutex::new(Some(send)));
    let app = Router::new()
        .route(
            "/buy",
            get(move || async move {
                let bomb = Bomb;
                let task = spawn(async move {
                    let _bomb = bomb;
                    std::future::pending::<()>().await;
                });
                tokio::task::yield_now().await;
                let _ = send.lock().unwrap().take().unwrap().send(task);
                "bought"
            }),
        )
        .layer(watched.monitor.layer());
    let app = app.into_service::<axum::body::Body>();
    let response = app.oneshot(request("/buy")).await.unwrap();
    assert_eq!(text(response).await, "bought");
    let task = receive.await.unwrap();
    task.abort();
    let _ = task.await;
    let occurrence = watched.occurrence().await;
    assert_eq!(occurrence.title(), "panic: expected in a destructor");
    assert_eq!(occurrence.request.as_ref().unwrap().path, "/buy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_that_a_child_gets_over_after_the_request_is_told() {
    let watched = watched(|builder| builder);
    let gate = Arc::new(Notify::new());
    let (open, done) = (Arc::clone(&gate), Arc::new(Notify::new()));
    let is_done = Arc::clone(&done);
    let app = Router::new()
        .route(
            "/buy",
            get(|| async move {
                spawn(async move {
                    open.notified().await;
                    let _ = std::panic::catch_unwind(|| panic!("expected, and got over"));
                    is_done.notify_one();
                });
                "bought"
            }),
        )
        .layer(watched.monitor.layer());
    let response = app.oneshot(request("/buy")).await.unwrap();
    assert_eq!(text(response).await, "bought");
    gate.notify_one();
    done.notified().await;
    let mut alerts = Vec::new();
    for _ in 0..100 {
        tokio::task::yield_now().await;
        alerts.extend(watched.alerts().await);
    }
    assert_eq!(alerts.len(), 1);
    assert_eq!(
        alerts[0].occurrence.title(),
        "panic: expected, and got over"
    );
}

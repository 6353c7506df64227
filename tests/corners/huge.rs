//! Far too much of everything.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use serde_json::Value;
use tower::ServiceExt;
use tower_monitor::request::RequestBodies;
use tower_monitor::{RequestContext, ServerError, capture_message};

use crate::failed;
use crate::support::{self, get as request, text, watched};

fn huge() -> String {
    "0 word password=t0psecret ".repeat(400_000)
}

#[tokio::test]
async fn ten_megabytes_of_words_are_cut_wherever_they_come_from() {
    let cases = [
        get(|| async { panic!("expected {}", huge()) as () }),
        get(|| async { std::panic::panic_any(huge()) as () }),
        get(|| async { Err::<(), _>(ServerError::from(huge())) }),
        get(|| async { Err::<(), _>(ServerError::from(anyhow::anyhow!(huge()).context(huge()))) }),
        get(|context: RequestContext| async move {
            context.breadcrumb(huge());
            context.set_tag("tag", huge());
            context.set_extra("extra", huge());
            context.set_route(huge());
            context.set_user(tower_monitor::User::new(huge()).name(huge()).email(huge()));
            Err::<(), _>(ServerError::from("short"))
        }),
    ];
    for handler in cases {
        let watched = watched(|builder| builder);
        let occurrence = failed(&watched, handler).await;
        let all = support::json(&occurrence).to_string();
        assert!(all.len() < 100_000, "{}", all.len());
        assert!(!occurrence.exceptions[0].message.contains("t0psecret"));
        assert!(occurrence.title().len() <= 200);
    }
}

#[tokio::test]
async fn ten_megabytes_in_an_event_are_cut() {
    use tracing::instrument::WithSubscriber;
    use tracing_subscriber::layer::SubscriberExt;
    let watched = watched(|builder| builder);
    let subscriber = tracing_subscriber::registry().with(watched.monitor.tracing_layer());
    let handler = get(|| async {
        let huge = huge();
        let _span = tracing::info_span!("span", huge).entered();
        tracing::error!(one = huge, two = ?huge, three = %huge, "{huge}");
        Err::<(), _>(ServerError::from("short"))
    });
    let occurrence = failed(&watched, handler).with_subscriber(subscriber).await;
    let all = support::json(&occurrence).to_string();
    assert!(all.len() < 100_000, "{}", all.len());
    assert_eq!(occurrence.breadcrumbs.len(), 1);
}

/// JSON so deep that whoever descends into it without a bound ends the process.
fn deep(levels: usize) -> Value {
    (0..levels).fold(Value::Null, |inner, level| match level % 2 {
        0 => Value::Array(vec![inner]),
        _ => Value::Object(std::iter::once(("a".to_owned(), inner)).collect()),
    })
}

#[tokio::test]
async fn an_extra_value_of_any_depth_is_refused_or_told() {
    for (levels, told) in [(20, true), (1_000, false), (100_000, false)] {
        let watched = watched(|builder| builder);
        let handler = get(move |context: RequestContext| async move {
            context.set_extra("deep", deep(levels));
            Err::<(), _>(ServerError::from("short"))
        });
        let occurrence = failed(&watched, handler).await;
        let request = occurrence.request.as_ref().unwrap();
        assert_eq!(request.extra.contains_key("deep"), told, "{levels}");
        assert_eq!(request.refused_values, u32::from(!told), "{levels}");
    }
}

#[tokio::test]
async fn a_body_of_any_depth_is_told_without_its_secrets() {
    for body in [
        "[".repeat(100_000),
        "{\"a\":".repeat(20_000),
        "[".repeat(30_000) + "\"password=t0psecret\"" + &"]".repeat(30_000),
    ] {
        let watched =
            watched(|builder| builder.request_bodies(RequestBodies::new().max_bytes(64 * 1024)));
        let app = Router::new()
            .route(
                "/",
                post(|body: axum::body::Bytes| async move {
                    (
                        axum::http::StatusCode::BAD_GATEWAY,
                        [("content-type", "application/json")],
                        body,
                    )
                }),
            )
            .layer(watched.monitor.layer());
        let response = app
            .oneshot(support::post("/", "application/json", body))
            .await
            .unwrap();
        let _ = text(response).await;
        let occurrence = watched.occurrence().await;
        assert!(
            occurrence.request.as_ref().unwrap().body.is_some() && occurrence.response.is_some()
        );
        assert!(!support::json(&occurrence).to_string().contains("t0psecret"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_storm_of_large_failures_is_counted_to_the_last() {
    let watched = watched(|builder| builder.queue_length(16));
    let words = Arc::new("word ".repeat(100_000));
    let app = {
        let words = Arc::clone(&words);
        let panics = move || async move { panic!("expected {words}") as () };
        let words = Arc::new("word ".repeat(100_000));
        let says = move || async move {
            (0..5).for_each(|_| capture_message(&words));
            Err::<(), _>(ServerError::from(words.as_str()))
        };
        Router::new()
            .route("/panics", get(panics))
            .route("/says", get(says))
            .layer(watched.monitor.layer())
    };
    let requests: Vec<_> = (0..400)
        .map(|n| {
            let app = app.clone();
            tokio::spawn(async move {
                let response = app
                    .oneshot(request(["/panics", "/says"][n % 2]))
                    .await
                    .unwrap();
                assert_eq!(response.status(), 500);
                let _ = text(response).await;
            })
        })
        .collect();
    for request in requests {
        request.await.unwrap();
    }
    let told: u64 = watched.count().await;
    let losses = watched.monitor.losses();
    // The panics, and five messages of which the last is the same as the error.
    assert_eq!(told, 200 + 200 * 5, "{losses:?}");
}

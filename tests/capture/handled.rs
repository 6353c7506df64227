//! What the app passes on itself: alone, or as a part of the failure that it led to.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::get;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use http_body_util::BodyExt;
use tokio::sync::Notify;
use tower::ServiceExt;
use tower_monitor::{Kind, ServerError, User, capture, capture_message, current};

use crate::errors::NoPrice;
use crate::support::{chain, get as request, text, watched};

#[tokio::test]
async fn a_captured_error_is_told_with_its_request_although_that_succeeds() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route(
            "/{how}",
            get(
                |axum::extract::Path(how): axum::extract::Path<String>| async move {
                    match how.as_str() {
                        "plain" => capture(&NoPrice::new()),
                        "any" => capture(&*anyhow::Error::new(NoPrice::new()).context("cart")),
                        "eyre" => capture(&*eyre::Report::new(NoPrice::new()).wrap_err("cart")),
                        "boxed" => {
                            let boxed: Box<dyn std::error::Error + Send + Sync> =
                                Box::new(NoPrice::new());
                            capture(&*boxed);
                        }
                        _ => capture_message(format_args!("the price list of {how} is old")),
                    }
                    // Said after it, and told with it.
                    current().unwrap().set_user(User::new("42"));
                    "sold"
                },
            ),
        )
        .layer(watched.monitor.layer());
    for (how, kind, length) in [
        ("plain", Kind::Captured, 2),
        ("any", Kind::Captured, 3),
        ("eyre", Kind::Captured, 3),
        ("boxed", Kind::Captured, 2),
        ("march", Kind::Message, 1),
    ] {
        let response = app
            .clone()
            .oneshot(request(&format!("/{how}")))
            .await
            .unwrap();
        assert_eq!(text(response).await, "sold");
        let occurrence = watched.occurrence().await;
        assert_eq!(occurrence.kind, kind, "{how}");
        assert_eq!(
            chain(&occurrence).len(),
            length,
            "{how}: {:?}",
            chain(&occurrence)
        );
        let seen = occurrence.request.as_ref().unwrap();
        assert_eq!(
            (seen.path.clone(), seen.user.as_ref().unwrap().id()),
            (format!("/{how}"), "42")
        );
        assert_eq!(occurrence.response, None);
        assert!(
            occurrence
                .culprit()
                .unwrap()
                .starts_with("tests/capture/handled.rs:"),
            "{how}"
        );
    }
    assert!(
        watched
            .monitor
            .issues()
            .await
            .unwrap()
            .iter()
            .all(|issue| issue.count == 1)
    );
}

/// A route for each way in which a request may tell of several things.
async fn several(
    axum::extract::Path(how): axum::extract::Path<String>,
) -> Result<StatusCode, ServerError> {
    let down = StatusCode::BAD_GATEWAY;
    match how.as_str() {
        "then-500" => {
            capture(&NoPrice::new());
            Ok(down)
        }
        "said-then-500" => {
            capture_message("the stock is old");
            Ok(down)
        }
        "two-then-500" => {
            capture(&io::Error::other("the cache is cold"));
            capture(&NoPrice::new());
            Ok(down)
        }
        "same" => {
            let error = NoPrice::new();
            capture(&error);
            Err(error)?
        }
        "inner-of-same" => {
            let error = NoPrice::new();
            capture(&error.0);
            Err(error)?
        }
        "outer-of-same" => {
            let error = anyhow::Error::new(NoPrice::new()).context("the cart is gone");
            capture(&*error);
            Err(NoPrice::new())?
        }
        "another" => {
            capture(&io::Error::other("the cache is cold"));
            Err(NoPrice::new())?
        }
        "404" => {
            capture(&io::Error::other("the cache is cold"));
            Err(ServerError::from(NoPrice::new()).with_status(StatusCode::NOT_FOUND))
        }
        "panic" => {
            capture(&io::Error::other("the cache is cold"));
            panic!("expected, after the cache")
        }
        _ => {
            (0..12).for_each(|n| {
                capture(&io::Error::other(format!(
                    "cache {}",
                    ["a", "b", "c"][n % 3]
                )))
            });
            Ok(StatusCode::OK)
        }
    }
}

/// An occurrence's kind, its first words and the length of its chain.
type Told = (Kind, &'static str, usize);

#[tokio::test]
async fn what_led_to_a_failure_is_one_occurrence_with_it_and_anything_else_its_own() {
    let (price, cold) = ("the article has no price", "the cache is cold");
    let cases: [(&str, u16, &[Told]); 9] = [
        ("then-500", 502, &[(Kind::ServerError, price, 2)]),
        (
            "said-then-500",
            502,
            &[(Kind::ServerError, "the stock is old", 1)],
        ),
        (
            "two-then-500",
            502,
            &[(Kind::Captured, cold, 1), (Kind::ServerError, price, 2)],
        ),
        ("same", 500, &[(Kind::ServerError, price, 2)]),
        ("inner-of-same", 500, &[(Kind::ServerError, price, 2)]),
        (
            "outer-of-same",
            500,
            &[(Kind::ServerError, "the cart is gone", 3)],
        ),
        (
            "another",
            500,
            &[(Kind::Captured, cold, 1), (Kind::ServerError, price, 2)],
        ),
        ("404", 404, &[(Kind::Captured, cold, 1)]),
        (
            "panic",
            500,
            &[
                (Kind::Captured, cold, 1),
                (Kind::Panic, "expected, after the cache", 1),
            ],
        ),
    ];
    for (how, status, expected) in cases {
        let watched = watched(|builder| builder);
        let app = Router::new()
            .route("/{how}", get(several))
            .layer(watched.monitor.layer());
        let response = app.oneshot(request(&format!("/{how}"))).await.unwrap();
        assert_eq!(response.status(), status, "{how}");
        let _ = text(response).await;
        let occurrences = watched.occurrences().await;
        let seen: Vec<_> = occurrences
            .iter()
            .map(|one| {
                (
                    one.kind,
                    one.exceptions[0].message.as_str(),
                    one.exceptions.len(),
                )
            })
            .collect();
        assert_eq!(seen, expected, "{how}");
        assert_eq!(
            watched.count().await,
            expected.len() as u64,
            "{how}: told once each, counted once each"
        );
        let answered = occurrences.last().unwrap().response.as_ref();
        let is_told = expected.iter().any(|(kind, ..)| *kind == Kind::ServerError);
        assert_eq!(
            answered.map(|it| it.status),
            is_told.then_some(status),
            "{how}"
        );
    }
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route("/{how}", get(several))
        .layer(watched.monitor.layer());
    let response = app.oneshot(request("/many")).await.unwrap();
    assert_eq!(response.status(), 200);
    let _ = text(response).await;
    assert_eq!(watched.count().await, 12);
}

#[tokio::test]
async fn a_captured_error_is_told_while_the_answer_still_streams() {
    let watched = watched(|builder| builder);
    let gate = Arc::new(Notify::new());
    let open = Arc::clone(&gate);
    let app = Router::new()
        .route(
            "/",
            get(move || async move {
                capture(&NoPrice::new());
                let rest = stream::once(async move {
                    open.notified().await;
                    capture_message("in the middle of the body");
                    Ok::<_, io::Error>(Bytes::from("two"))
                });
                Body::from_stream(stream::iter([Ok(Bytes::from("one "))]).chain(rest))
            }),
        )
        .layer(watched.monitor.layer());
    let mut response = app.oneshot(request("/")).await.unwrap();
    let first = response
        .frame()
        .await
        .unwrap()
        .unwrap()
        .into_data()
        .unwrap();
    assert_eq!(first, "one ");
    assert_eq!(watched.occurrence().await.kind, Kind::Captured);
    gate.notify_one();
    assert_eq!(text(response).await, "two");
    let occurrence = watched.occurrence().await;
    assert_eq!(
        (occurrence.kind, occurrence.request.is_some()),
        (Kind::Message, true)
    );
}

#[tokio::test]
async fn a_request_that_is_abandoned_still_tells_what_it_captured() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route(
            "/",
            get(|| async {
                capture(&NoPrice::new());
                std::future::pending::<()>().await;
            }),
        )
        .layer(watched.monitor.layer());
    let mut answer = std::pin::pin!(app.oneshot(request("/")));
    assert!(futures_util::poll!(answer.as_mut()).is_pending());
    answer.set(Router::new().oneshot(request("/")));
    let occurrence = watched.occurrence().await;
    assert_eq!(
        (occurrence.kind, occurrence.request.is_some()),
        (Kind::Captured, true)
    );
    assert_eq!(watched.record().await["outcome"], "abandoned");
}

#[tokio::test]
async fn every_panic_that_the_app_got_over_is_told_however_many_there_are() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route(
            "/",
            get(|| async {
                for name in ["bread", "milk", "salt", "tea", "rice", "jam", "oil"] {
                    let sold = std::panic::catch_unwind(|| panic!("expected, no {name}") as ());
                    assert!(sold.is_err());
                }
                "sold"
            }),
        )
        .layer(watched.monitor.layer());
    assert_eq!(text(app.oneshot(request("/")).await.unwrap()).await, "sold");
    let told = watched.monitor.flush(crate::support::LONG).await;
    assert!(told, "delivered");
    let issues = watched.monitor.issues().await.unwrap();
    assert_eq!(issues.iter().map(|issue| issue.count).sum::<u64>(), 7);
    assert_eq!(watched.monitor.losses().total(), 0);
}

#[tokio::test]
async fn the_same_panic_that_the_app_got_over_many_times_is_counted_as_often() {
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route(
            "/",
            get(|| async {
                for _ in 0..100 {
                    let sold = std::panic::catch_unwind(|| panic!("expected, sold out") as ());
                    assert!(sold.is_err());
                }
                "sold"
            }),
        )
        .layer(watched.monitor.layer());
    assert_eq!(text(app.oneshot(request("/")).await.unwrap()).await, "sold");
    let told = watched.monitor.flush(crate::support::LONG).await;
    assert!(told, "delivered");
    let issues = watched.monitor.issues().await.unwrap();
    assert_eq!(issues.iter().map(|issue| issue.count).sum::<u64>(), 100);
}

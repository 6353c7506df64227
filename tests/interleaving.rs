//! Hundreds of requests at once on few threads: everything that an occurrence tells belongs to its own request.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;
use support::{LONG, text, with};
use tower::ServiceExt;
use tower_monitor::notify::Capture;
use tower_monitor::request::RequestBodies;
use tower_monitor::{
    Kind, Monitor, Occurrence, Retention, ServerError, SpawnInRequest, User, capture, current,
    spawn,
};
use tracing::{Instrument, debug, error, info, info_span};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What a request does, by its number.
const WAYS: [&str; 10] = [
    "succeeds", "panics", "asks", "answers", "child", "unwraps", "captures", "logs", "streams",
    "several",
];

/// A word that no other request has.
fn marker(run: u64, number: u64) -> String {
    // Letters, for numbers are taken for ids, and of one length, so that none is a part of another.
    let mut rest = run * 10_000 + number;
    let letters = (0..8).map(|_| {
        let letter = char::from(b'a' + (rest % 26) as u8);
        rest /= 26;
        letter
    });
    format!("mark{}kram", letters.collect::<String>())
}

/// All markers in a text.
fn markers(text: &str) -> Vec<&str> {
    let begins = text.match_indices("mark").map(|(at, _)| at);
    let words = begins.filter_map(|at| text.get(at..at + 16));
    words.filter(|word| word.ends_with("kram")).collect()
}

/// Another place to be interrupted at.
async fn pause(seed: u64) {
    match seed % 4 {
        0 => tokio::task::yield_now().await,
        1 => tokio::time::sleep(Duration::from_micros(seed % 900)).await,
        2 => {
            for _ in 0..seed % 7 {
                tokio::task::yield_now().await;
            }
        }
        _ => {}
    }
}

async fn handle(
    Path((way, mark, seed)): Path<(String, String, u64)>,
    Query(query): Query<HashMap<String, String>>,
    body: Bytes,
) -> Response {
    let request = current().unwrap();
    assert_eq!(query["q"], mark);
    assert_eq!(body, format!("body of {mark}"));
    request.set_user(User::new(&mark).name(format!("Ms {mark}")));
    request.set_tag("mark", &mark);
    pause(seed).await;
    let span = info_span!("work", mark = %mark, late = tracing::field::Empty);
    let worked = work(&way, &mark, seed).instrument(span);
    match worked.await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn work(way: &str, mark: &str, seed: u64) -> Result<Response, ServerError> {
    current().unwrap().set_extra("mark", json!({ "of": mark }));
    for step in 0..seed % 5 {
        info!(step, mark, "step of {mark}");
        pause(seed / 3 + step).await;
        current()
            .unwrap()
            .breadcrumb(format_args!("by hand of {mark}"));
    }
    tracing::Span::current().record("late", mark);
    pause(seed / 5).await;
    let owned = mark.to_owned();
    let child = async move {
        pause(seed / 7).await;
        debug!("child of {owned}");
        pause(seed / 11).await;
        assert_eq!(current().unwrap().user().unwrap().id(), owned);
        owned
    };
    match way {
        "panics" => panic!("expected panic of {mark}"),
        "asks" => Err(format!("error of {mark}"))?,
        "answers" => {
            return Ok((StatusCode::BAD_GATEWAY, format!("answer of {mark}")).into_response());
        }
        "child" => {
            let task = spawn(async move { panic!("expected child of {}", child.await) });
            while !task.is_finished() {
                tokio::task::yield_now().await;
            }
        }
        "unwraps" => {
            let task = spawn(async move { panic!("expected child of {}", child.await) });
            return task.await.unwrap();
        }
        "captures" => capture(&std::io::Error::other(format!("captured of {mark}"))),
        "logs" => error!(mark, "logged of {mark}"),
        "streams" => {
            let mark = mark.to_owned();
            let pieces = futures_util::stream::unfold(0, move |n| {
                let mark = mark.clone();
                async move {
                    pause(seed + n).await;
                    info!("piece {n} of {mark}");
                    assert!(n < 3, "expected stream of {mark}");
                    Some((Ok::<_, std::io::Error>(Bytes::from("piece")), n + 1))
                }
            });
            return Ok(axum::body::Body::from_stream(pieces).into_response());
        }
        "several" => {
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..4 {
                let owned = mark.to_owned();
                tasks.spawn_in_request(async move {
                    pause(seed / 13).await;
                    info!("one of several of {owned}");
                });
            }
            tasks.join_all().await;
            Err(format!("after several of {mark}"))?
        }
        _ => assert_eq!(child.await, mark),
    }
    Ok("fine".into_response())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_occurrence_is_of_its_own_request_and_every_failure_is_told() {
    support::quiet();
    let alerts = Capture::new();
    let seen = Arc::new(Mutex::new(Vec::<Occurrence>::new()));
    let sees = Arc::clone(&seen);
    let monitor = Monitor::builder()
        .no_audit()
        .outside_requests(false)
        .notifier(alerts.clone())
        .queue_length(100_000)
        .retention(Retention::new().max_issues(10_000))
        .before_send(move |occurrence| sees.lock().unwrap().push(occurrence.clone()))
        .request_bodies(RequestBodies::new())
        // Every request its own problem, so that each travels whole.
        .group_by(|failure| Some(failure.request()?.path().to_owned()))
        .build()
        .unwrap();
    tracing_subscriber::registry()
        .with(monitor.tracing_layer())
        .init();
    let app = Router::new()
        .route("/{way}/{mark}/{seed}", post(handle))
        .layer(monitor.layer());
    for run in 0..RUNS {
        let requests: Vec<_> = (0..REQUESTS)
            .map(|number| {
                let (app, mark) = (app.clone(), marker(run, number));
                let way = WAYS[(number % WAYS.len() as u64) as usize];
                let seed = (number * 7_919 + run * 104_729) % 9_973;
                tokio::spawn(async move {
                    let path = format!("/{way}/{mark}/{seed}?q={mark}");
                    let request = support::post(&path, "text/plain", format!("body of {mark}"));
                    let request = with("x-mark", &mark, request);
                    let response = app.oneshot(request).await.unwrap();
                    let status = response.status().as_u16();
                    if way == "streams" {
                        use http_body_util::BodyExt;
                        assert!(response.into_body().collect().await.is_err());
                    } else {
                        let _ = text(response).await;
                    }
                    (way, mark, status)
                })
            })
            .collect();
        let mut expected = HashMap::new();
        for request in requests {
            let (way, mark, status) = request.await.unwrap();
            let (kind, answered) = match way {
                "succeeds" => (None, 200),
                "panics" | "unwraps" => (Some(Kind::Panic), 500),
                "asks" | "several" => (Some(Kind::ServerError), 500),
                "answers" => (Some(Kind::ServerError), 502),
                "child" | "streams" => (Some(Kind::Panic), 200),
                "captures" => (Some(Kind::Captured), 200),
                _ => (Some(Kind::Logged), 200),
            };
            assert_eq!(status, answered, "{way}");
            if let Some(kind) = kind {
                expected.insert(mark, (way, kind));
            }
        }
        assert!(monitor.flush(LONG).await);
        assert_eq!(monitor.losses().total(), 0);
        // Some are told together, in one message.
        let told: u64 = alerts
            .taken()
            .iter()
            .map(tower_monitor::Alert::alerts)
            .sum();
        assert_eq!(told, expected.len() as u64);
        for occurrence in std::mem::take(&mut *seen.lock().unwrap()) {
            let all = support::json(&occurrence).to_string();
            let request = occurrence.request.as_ref().unwrap();
            let mark = request.user.as_ref().unwrap().id().to_owned();
            let (way, kind) = expected
                .remove(&mark)
                .unwrap_or_else(|| panic!("told twice, or for nothing: {all}"));
            assert_eq!(occurrence.kind, kind, "{way}");
            let others: Vec<_> = markers(&all)
                .into_iter()
                .filter(|other| *other != mark)
                .collect();
            assert!(
                others.is_empty(),
                "{way} of {mark} tells of {others:?}: {all}"
            );
            for place in [
                &request.path,
                request.query.as_ref().unwrap(),
                &request.tags["mark"],
                &request.body.as_ref().unwrap().text,
            ] {
                assert!(place.contains(&mark), "{way}: {place}");
            }
            assert!(
                request
                    .headers
                    .contains(&("x-mark".to_owned(), mark.clone()))
            );
            assert_eq!(request.extra["mark"]["of"], *mark);
            let words = format!(
                "{:?} {:?}",
                occurrence.exceptions.first().map(|one| &one.message),
                occurrence.response
            );
            assert!(words.contains(&mark), "{way}: {words}");
            if !matches!(way, "answers" | "child" | "captures" | "streams") {
                let span = occurrence.spans.first().map(|span| &span.fields["late"]);
                assert_eq!(span, Some(&mark), "{way}: {all}");
            }
        }
        assert!(expected.is_empty(), "run {run}: not told: {expected:?}");
    }
}

const RUNS: u64 = 5;
const REQUESTS: u64 = 400;

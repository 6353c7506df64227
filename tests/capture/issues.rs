//! Which occurrences are one problem, end to end, and that they are counted exactly.

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use tower::ServiceExt;
use tower_monitor::{Issue, Monitor, ServerError, capture_message};

use crate::support::{LONG, Watched, get as request, text, watched};

fn app(watched: &Watched) -> Router {
    Router::new()
        .route(
            "/panic/{*words}",
            get(async |Path(words): Path<String>| panic!("expected: {words}") as ()),
        )
        .route(
            "/error/{*words}",
            get(async |Path(words): Path<String>| Err::<(), _>(ServerError::from(words))),
        )
        .route("/other/{*words}", get(other))
        .route(
            "/say/{*words}",
            get(async |Path(words): Path<String>| capture_message(words)),
        )
        .layer(watched.monitor.layer())
}

async fn other(Path(words): Path<String>) -> Result<(), ServerError> {
    Err(words)?
}

async fn issues_after(watched: &Watched, paths: impl IntoIterator<Item = String>) -> Vec<Issue> {
    let app = app(watched);
    for path in paths {
        let _ = text(app.clone().oneshot(request(&path)).await.unwrap()).await;
    }
    assert!(watched.monitor.flush(LONG).await);
    assert_eq!(watched.monitor.losses().total(), 0);
    watched.monitor.issues().await.unwrap()
}

#[tokio::test]
async fn the_same_with_other_ids_is_one_issue_and_other_words_are_another() {
    for kind in ["panic", "error", "say"] {
        let watched = watched(|builder| builder);
        let with_ids = (0..300).map(|n| {
            format!(
                "/{kind}/order%20{n}%20of%20user%20{n}{n}%20is%20gone,%200x{n:x}%20at%2010.0.0.{}",
                n % 250
            )
        });
        let issues = issues_after(&watched, with_ids).await;
        let counts: Vec<_> = issues.iter().map(|issue| issue.count).collect();
        assert_eq!(counts, [300], "{kind}: {issues:#?}");
        let others = ["the shelf is empty", "the till is locked"]
            .map(|words| format!("/{kind}/{words}").replace(' ', "%20"));
        let issues = issues_after(&watched, others).await;
        assert_eq!(issues.len(), 3, "{kind}");
        assert_eq!(issues.iter().map(|issue| issue.count).sum::<u64>(), 302);
    }
    let watched = watched(|builder| builder);
    let two_places = ["/error/gone", "/other/gone"].map(str::to_owned);
    assert_eq!(issues_after(&watched, two_places).await.len(), 2);
}

#[tokio::test]
async fn a_client_that_chooses_the_words_makes_few_issues_and_every_one_is_counted() {
    for kind in ["panic", "error", "say"] {
        let watched = watched(|builder| builder);
        let words = (0..400_u32).map(|n| {
            let letter = |n: u32| char::from(b'a' + (n % 26) as u8);
            format!(
                "/{kind}/{}{}{}ish%20words",
                letter(n),
                letter(n / 26),
                letter(n / 7)
            )
        });
        let issues = issues_after(&watched, words).await;
        assert!(issues.len() <= 17, "{kind}: {}", issues.len());
        assert!(issues.len() >= 16, "{kind}: {}", issues.len());
        let counted: u64 = issues.iter().map(|issue| issue.count).sum();
        assert_eq!(counted, 400, "{kind}");
    }
}

#[tokio::test]
async fn the_app_has_the_last_word_on_what_is_one_problem() {
    let watched = watched(|builder| {
        builder.group_by(|failure| {
            assert!(!failure.message()?.contains("odd"), "expected in the rule");
            failure
                .message()?
                .contains("pool")
                .then(|| "pool".to_owned())
        })
    });
    let paths = [
        "/error/the pool is dry",
        "/other/a pool without water",
        "/panic/pool",
        "/error/odd one",
        "/error/odd two",
        "/error/odd three",
    ];
    let issues = issues_after(&watched, paths.map(|path| path.replace(' ', "%20"))).await;
    let mut counts: Vec<_> = issues.iter().map(|issue| issue.count).collect();
    counts.sort_unstable();
    // The kinds stay apart; where the rule panics, the fingerprint knows.
    assert_eq!(counts, [1, 1, 1, 1, 2], "{issues:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_are_counted_exactly() {
    let watched = watched(|builder| builder.queue_length(8));
    let app = app(&watched);
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let app = app.clone();
            tokio::spawn(async move {
                for n in 0..100 {
                    let kind = ["panic", "error", "say"][n % 3];
                    let path = format!("/{kind}/words%20{task}%20{n}");
                    let _ = text(app.clone().oneshot(request(&path)).await.unwrap()).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(all_counted(&watched.monitor).await, 800);
}

/// Occurrences whose details did not fit into the queue are counted a moment later.
async fn all_counted(monitor: &Monitor) -> u64 {
    assert!(monitor.flush(LONG).await);
    monitor
        .issues()
        .await
        .unwrap()
        .iter()
        .map(|issue| issue.count)
        .sum::<u64>()
}

#[tokio::test]
async fn a_place_that_panics_all_the_time_stays_one_issue_and_its_first_occurrences_have_the_stack()
{
    let watched = watched(|builder| builder);
    let app = Router::new()
        .route("/", get(|| async { panic!("expected in a storm") as () }))
        .layer(watched.monitor.layer());
    for _ in 0..300 {
        let _ = text(app.clone().oneshot(request("/")).await.unwrap()).await;
    }
    let alerts = watched.alerts().await;
    let stack = alerts[0].occurrence.exceptions[0].stack.as_ref();
    assert!(stack.is_some_and(|stack| stack.frames.iter().any(|frame| frame.in_app)));
    let issues = watched.monitor.issues().await.unwrap();
    assert_eq!(issues.len(), 1, "{issues:#?}");
    assert_eq!(issues[0].count, 300);
}

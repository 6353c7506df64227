//! What each sort of notifier is told of: people of alerts, lists of what is open also of endings, services of every occurrence.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_monitor::notify::{Message, Takes};
use tower_monitor::store::Sqlite;
use tower_monitor::{Alert, Builder, LossReason, Monitor, Notifier, NotifyError, Reason, Resolve};

use support::{LONG, Watched, get as get_request, watched};

/// Keeps what it is told, or refuses it.
#[derive(Clone)]
struct Teller {
    takes: Takes,
    refuses: bool,
    told: Arc<Mutex<Vec<Alert>>>,
}

impl Teller {
    fn that_takes(takes: Takes) -> Self {
        let told = Arc::default();
        let refuses = false;
        Self {
            takes,
            refuses,
            told,
        }
    }

    fn told(&self) -> Vec<Alert> {
        self.told.lock().unwrap().clone()
    }

    fn reasons(&self) -> Vec<&'static str> {
        self.told()
            .iter()
            .map(|alert| alert.reason.as_str())
            .collect()
    }

    /// Waits until it was told so much.
    async fn is_told(&self, times: usize) {
        while self.told().len() < times {
            tokio::task::yield_now().await;
        }
    }
}

impl Notifier for Teller {
    fn name(&self) -> &str {
        "teller"
    }

    fn takes(&self) -> Takes {
        self.takes
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        if self.refuses {
            return Err(NotifyError::refused("no"));
        }
        let number = alert.memo().get().map_or(0, |text| text.parse().unwrap());
        alert.memo().set((number + 1).to_string());
        self.told.lock().unwrap().push(alert.clone());
        Ok(())
    }
}

async fn fail(monitor: &Monitor) {
    let route = get(|| async { StatusCode::INTERNAL_SERVER_ERROR });
    let app = Router::new().route("/fail", route).layer(monitor.layer());
    let answer = app.oneshot(get_request("/fail")).await.unwrap();
    drop(answer.into_body().collect().await);
}

fn with(teller: &Teller) -> Watched {
    let teller = teller.clone();
    watched(move |builder: Builder| builder.notifier(teller))
}

#[tokio::test]
async fn a_service_hears_of_every_occurrence_and_people_of_none_of_these() {
    let service = Teller::that_takes(Takes::Occurrences);
    let watched = with(&service);
    for _ in 0..40 {
        fail(&watched.monitor).await;
    }
    // The last ones may only count; one of which everything is known says how many they were.
    let count = watched.count().await;
    assert_eq!(count, 40);
    let told = service.told();
    assert!(told.len() > 1 && told.iter().all(|alert| alert.reason == Reason::Occurred));
    assert!(told.iter().all(|alert| alert.id == alert.occurrence.id));
    let heard: u64 = told.iter().map(|alert| 1 + alert.held_back).sum();
    let last = told.last().unwrap();
    assert_eq!(
        heard, last.issue.count,
        "what was counted up to the last one"
    );
    let alerts = watched.alerts().await;
    assert!(alerts.iter().all(|alert| alert.reason != Reason::Occurred));
    assert_eq!(alerts[0].reason, Reason::New);
}

#[tokio::test]
async fn what_a_service_refuses_is_counted_and_handed_to_nobody() {
    let mut service = Teller::that_takes(Takes::Occurrences);
    service.refuses = true;
    let watched = with(&service);
    fail(&watched.monitor).await;
    let alert = watched.alert().await;
    assert_eq!(alert.reason, Reason::New);
    assert_eq!(watched.monitor.losses().of(LossReason::AlertRefused), 1);
}

#[tokio::test]
async fn a_list_of_what_is_open_hears_that_it_was_resolved() {
    let list = Teller::that_takes(Takes::AlertsAndEndings);
    let watched = with(&list);
    fail(&watched.monitor).await;
    let alert = watched.alert().await;
    let resolved = watched
        .monitor
        .resolve(alert.issue.fingerprint, Resolve::Now)
        .await;
    assert!(resolved.unwrap());
    list.is_told(2).await;
    assert_eq!(list.reasons(), ["new", "resolved"]);
    fail(&watched.monitor).await;
    list.is_told(3).await;
    assert_eq!(list.reasons(), ["new", "resolved", "regressed"]);
    let people: Vec<_> = watched.alerts().await;
    assert_eq!(people.len(), 1, "people hear of the regression only");
}

#[tokio::test]
async fn what_a_notifier_keeps_of_an_issue_outlasts_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("monitor.db");
    for round in 0..2 {
        let teller = Teller::that_takes(Takes::AlertsAndEndings);
        let (store, notifier) = (Sqlite::new(&file), teller.clone());
        let watched = watched(|builder| builder.store(store).notifier(notifier));
        if round == 0 {
            fail(&watched.monitor).await;
        } else {
            let issue = watched.monitor.issues().await.unwrap()[0].fingerprint;
            watched.monitor.resolve(issue, Resolve::Now).await.unwrap();
        }
        teller.is_told(1).await;
        assert!(watched.monitor.flush(LONG).await);
        let kept = teller.told()[0].memo().get();
        assert_eq!(kept, Some((round + 1).to_string()));
        watched.monitor.shutdown(LONG).await;
    }
}

#[tokio::test]
async fn an_alert_links_to_its_issue_on_the_dashboard() {
    let watched = watched(|builder| builder.dashboard_url("https://shop.example.com/_monitor/"));
    fail(&watched.monitor).await;
    let alert = watched.alert().await;
    let issue = alert.issue.fingerprint;
    let links: Vec<_> = Message::of(&alert)
        .links
        .into_iter()
        .map(|link| link.url)
        .collect();
    assert_eq!(
        links,
        [format!("https://shop.example.com/_monitor/issues/{issue}")]
    );
}

#[tokio::test]
async fn no_occurrence_comes_twice_to_a_service() {
    let service = Teller::that_takes(Takes::Occurrences);
    let watched = with(&service);
    fail(&watched.monitor).await;
    assert_eq!(watched.alerts().await.len(), 1);
    // Each is passed on, and none is worth an alert.
    for _ in 0..3 {
        fail(&watched.monitor).await;
    }
    assert_eq!(watched.alerts().await.len(), 0);
    let ids: std::collections::HashSet<_> = service.told().iter().map(|told| told.id).collect();
    assert_eq!(ids.len(), service.told().len(), "none comes twice");
}

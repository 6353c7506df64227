//! Proves that a store that is away, panics or loses its answers keeps nobody from being told, and loses no count.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use axum::Router;
use axum::routing::get;
use support::{LONG, text};
use tower::ServiceExt;
use tower_monitor::issue::{Affected, Record};
use tower_monitor::notify::Capture;
use tower_monitor::occurrence::Fingerprint;
use tower_monitor::store::{
    Batch, Claimed, Committed, Decide, Fate, Lease, Memory, Planner, StateUpdate, Store,
    StoreError, StoredNotifier, Update,
};
use tower_monitor::{
    Alert, Issue, LossReason, Monitor, Mute, Occurrence, Reason, Retention, Timestamp,
};
use uuid::Uuid;

/// A store that works, is away, panics or loses its answers, as it is told.
#[derive(Clone)]
struct Moody {
    memory: Arc<Memory>,
    mood: Arc<AtomicU8>,
    asked: Arc<AtomicU64>,
}

#[derive(Clone, Copy, Debug)]
#[repr(u8)]
enum Mood {
    Works,
    Away,
    Panics,
    /// Takes everything in, and then fails to say so.
    LosesItsAnswer,
}

impl Moody {
    fn new() -> Self {
        Self {
            memory: Arc::new(Memory::new()),
            mood: Arc::new(AtomicU8::new(Mood::Works as u8)),
            asked: Arc::default(),
        }
    }

    fn is(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::Release);
    }

    fn ask(&self) -> Result<(), StoreError> {
        self.asked.fetch_add(1, Ordering::AcqRel);
        match self.mood.load(Ordering::Acquire) {
            0 | 3 => Ok(()),
            1 => Err(StoreError::away("out for lunch")),
            _ => panic!("expected in the store"),
        }
    }

    /// Until it has been asked so many times more.
    async fn was_asked(&self, times: u64) {
        let until = self.asked.load(Ordering::Acquire) + times;
        while self.asked.load(Ordering::Acquire) < until {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

impl Store for Moody {
    fn name(&self) -> &str {
        "moody"
    }
    fn is_durable(&self) -> bool {
        true
    }
    fn is_shared(&self) -> bool {
        true
    }
    fn open(&self) -> Result<(), StoreError> {
        Ok(())
    }
    async fn commit(&self, batch: Arc<Batch>, decide: Decide) -> Result<Committed, StoreError> {
        self.ask()?;
        let committed = Store::commit(&*self.memory, batch, decide).await;
        match self.mood.load(Ordering::Acquire) {
            3 => Err(StoreError::away("the line broke")),
            _ => committed,
        }
    }
    async fn claim(&self, lease: Lease, plan: Planner) -> Result<Claimed, StoreError> {
        self.ask()?;
        Store::claim(&*self.memory, lease, plan).await
    }
    async fn settle(
        &self,
        notifier: &str,
        entry: Uuid,
        fate: Fate,
        update: StateUpdate,
    ) -> Result<(), StoreError> {
        self.ask()?;
        Store::settle(&*self.memory, notifier, entry, fate, update).await
    }
    async fn notifiers(&self) -> Result<Vec<StoredNotifier>, StoreError> {
        self.ask()?;
        Store::notifiers(&*self.memory).await
    }
    async fn issues(&self, limit: usize) -> Result<Vec<Issue>, StoreError> {
        self.ask()?;
        Store::issues(&*self.memory, limit).await
    }
    async fn record(&self, fingerprint: Fingerprint) -> Result<Option<Record>, StoreError> {
        self.ask()?;
        Store::record(&*self.memory, fingerprint).await
    }
    async fn occurrences(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<Vec<Arc<Occurrence>>, StoreError> {
        self.ask()?;
        Store::occurrences(&*self.memory, fingerprint).await
    }
    async fn affected(&self, fingerprint: Fingerprint) -> Result<Affected, StoreError> {
        self.ask()?;
        Store::affected(&*self.memory, fingerprint).await
    }
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Fingerprint>, StoreError> {
        self.ask()?;
        Store::due(&*self.memory, now, limit).await
    }
    async fn update(
        &self,
        fingerprint: Fingerprint,
        update: Update,
    ) -> Result<Option<Record>, StoreError> {
        self.ask()?;
        Store::update(&*self.memory, fingerprint, update).await
    }
    async fn forget_user(&self, id: &str) -> Result<u64, StoreError> {
        self.ask()?;
        Store::forget_user(&*self.memory, id).await
    }
    async fn tidy(&self, now: Timestamp, retention: Retention) -> Result<u64, StoreError> {
        self.ask()?;
        Store::tidy(&*self.memory, now, retention).await
    }
    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn monitor(store: &Moody, alerts: &Capture) -> Monitor {
    support::quiet();
    Monitor::builder()
        .no_audit()
        .outside_requests(false)
        .store(store.clone())
        .notifier(alerts.clone())
        .build()
        .unwrap()
}

fn app(monitor: &Monitor) -> Router {
    Router::new()
        .route("/one", get(|| async { panic!("expected one") as () }))
        .route("/two", get(|| async { panic!("expected two") as () }))
        .layer(monitor.layer())
}

async fn fail(app: &Router, path: &str) {
    let _ = text(app.clone().oneshot(support::get(path)).await.unwrap()).await;
}

/// The alerts, once there is at least one.
async fn told(alerts: &Capture) -> Vec<Alert> {
    loop {
        let told = alerts.taken();
        if !told.is_empty() {
            return told;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

async fn tells_without(mood: Mood) {
    let (store, alerts) = (Moody::new(), Capture::new());
    let monitor = monitor(&store, &alerts);
    let app = app(&monitor);
    fail(&app, "/one").await;
    assert_eq!(told(&alerts).await[0].reason, Reason::New);
    assert!(monitor.flush(LONG).await);

    store.is(mood);
    fail(&app, "/two").await;
    let second = told(&alerts).await;
    assert_eq!(second.len(), 1, "{mood:?}: {second:#?}");
    assert_eq!(second[0].issue.title, "panic: expected two");
    for _ in 0..30 {
        fail(&app, "/two").await;
        fail(&app, "/one").await;
    }
    store.was_asked(2).await;

    store.is(Mood::Works);
    assert!(monitor.flush(LONG).await, "{mood:?}");
    let issues = monitor.issues().await.unwrap();
    let mut counts: Vec<_> = issues.iter().map(|issue| issue.count).collect();
    counts.sort_unstable();
    assert_eq!(counts, [31, 31], "{mood:?}");
    // The 10th of each is told, here or there, and nothing twice.
    let mut reasons: Vec<_> = alerts
        .taken()
        .iter()
        .map(|alert| (alert.issue.title.clone(), alert.reason.to_string()))
        .collect();
    reasons.sort();
    let expected = ["panic: expected one", "panic: expected two"]
        .map(|title| (title.to_owned(), "10 times".to_owned()));
    assert_eq!(reasons, expected, "{mood:?}");
    assert_eq!(monitor.losses().total(), 0, "{mood:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_away_keeps_nobody_from_being_told() {
    tells_without(Mood::Away).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_panics_keeps_nobody_from_being_told() {
    tells_without(Mood::Panics).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_arrived_without_a_word_is_not_counted_twice() {
    let (store, alerts) = (Moody::new(), Capture::new());
    let monitor = monitor(&store, &alerts);
    let app = app(&monitor);
    store.is(Mood::LosesItsAnswer);
    for _ in 0..5 {
        fail(&app, "/one").await;
    }
    store.was_asked(4).await;
    store.is(Mood::Works);
    assert!(monitor.flush(LONG).await);
    assert_eq!(monitor.issues().await.unwrap()[0].count, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_ask_of_a_store_that_is_away_is_an_error() {
    let (store, alerts) = (Moody::new(), Capture::new());
    let monitor = monitor(&store, &alerts);
    fail(&app(&monitor), "/one").await;
    let fingerprint = told(&alerts).await[0].issue.fingerprint;
    assert!(monitor.flush(LONG).await);
    store.is(Mood::Away);
    assert!(monitor.issues().await.unwrap_err().is_temporary());
    assert!(monitor.mute(fingerprint, Mute::ForGood).await.is_err());
    assert!(monitor.forget_user("42").await.is_err());
    assert_eq!(monitor.notifiers().await.len(), 1, "what is known here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_in_the_store_at_the_end_is_counted() {
    let (store, alerts) = (Moody::new(), Capture::new());
    let monitor = monitor(&store, &alerts);
    store.is(Mood::Away);
    for _ in 0..7 {
        fail(&app(&monitor), "/one").await;
    }
    assert_eq!(told(&alerts).await.len(), 1);
    let complete = monitor
        .shutdown(std::time::Duration::from_millis(300))
        .await;
    assert!(!complete);
    assert_eq!(monitor.losses().of(LossReason::Occurrence), 7);
}

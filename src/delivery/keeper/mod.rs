//! Brings what was seen into the store, and what was decided there to the lanes.
//!
//! While the store is away, what was seen is kept within bounds and judged here, against what the store last said; the alerts
//! wait in an outbox in memory. When the store is back it hears what was counted, and what was told.

mod house;
mod outage;

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep_until};

use self::house::House;
use self::outage::Outage;
use super::ask::ask;
use super::decision::{Decision, LostSince};
use super::lane::{Lane, LaneStatus};
use super::ledger::{Ledger, Unsaved};
use super::retry::backoff;
use super::status::NotifierStatus;
use super::trouble::Trouble;
use crate::guard::{CatchPanic, contained};
use crate::issue::{Change, Record, Retention};
use crate::loss::{LossCounter, LossReason, Losses};
use crate::notify::tell_locally;
use crate::store::{
    Batch, Committed, DynStore, Memory, StoreError, StoredNotifier, Touched, contained_answer,
};
use crate::time::Timestamp;

/// Brings what was seen into the store.
pub(super) struct Keeper {
    pub(super) store: Arc<dyn DynStore>,
    /// The outbox while the store is away.
    pub(super) standby: Arc<Memory>,
    pub(super) lanes: Arc<[Lane]>,
    pub(super) decision: Decision,
    pub(super) losses: Arc<LossCounter>,
    ledger: Mutex<Ledger>,
    told_losses: Mutex<ToldLosses>,
    changed: Notify,
    /// Somebody has changed what is known of a problem: it is to be looked at again.
    is_review_due: AtomicBool,
    /// Up to which change somebody waits for everything to be in the store.
    hurry: watch::Sender<u64>,
    /// Up to which change everything is.
    done: watch::Sender<u64>,
    troubles: mpsc::Sender<Trouble>,
    retention: Retention,
}

impl Keeper {
    pub(super) fn new(
        store: Arc<dyn DynStore>,
        standby: Arc<Memory>,
        lanes: Arc<[Lane]>,
        decision: Decision,
        losses: Arc<LossCounter>,
        retention: Retention,
        troubles: mpsc::Sender<Trouble>,
    ) -> Self {
        let process = crate::request::RequestId::generate_uuid(Timestamp::now());
        Self {
            store,
            standby,
            lanes,
            decision,
            losses,
            ledger: Mutex::new(Ledger::new(process, retention)),
            told_losses: Mutex::default(),
            changed: Notify::new(),
            is_review_due: AtomicBool::new(false),
            hurry: watch::Sender::new(0),
            done: watch::Sender::new(0),
            troubles,
            retention,
        }
    }

    /// Takes on what was seen. What there is no room for is counted as lost.
    pub(super) fn add(&self, change: Change) {
        let lost = self.ledger().add(change);
        self.losses.add(LossReason::Occurrence, lost);
        self.changed.notify_one();
    }

    /// What the store says of a problem since somebody changed it.
    pub(super) fn learn(&self, record: &Record) {
        self.ledger().learn(record);
        self.is_review_due.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Resolves when everything that was added before is in the store.
    pub(super) fn flushed(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<> {
        let mut done = self.done.subscribe();
        let mine = self.ledger().added();
        self.hurry.send_modify(|hurry| *hurry = mine.max(*hurry));
        self.changed.notify_one();
        async move {
            // An error would mean that the keeper is gone.
            let _ = done.wait_for(|done| *done >= mine).await;
        }
    }

    /// What is not in the store by now, and what nobody will deliver any more, is lost; it is counted. Returns whether there was
    /// nothing.
    pub(super) async fn abandon(&self) -> bool {
        let unsaved = self.ledger().unsaved_count();
        self.losses.add(LossReason::Occurrence, unsaved);
        self.lanes.iter().for_each(Lane::abandon);
        let closed = ask(READ_LIMIT, || self.store.close()).await;
        let mut undelivered = 0;
        for (notifier, alert) in self.standby.take_all() {
            undelivered += alert.alerts();
            let _ = contained(|| tell_locally(&alert, &notifier, "the process ends"));
        }
        if !self.store.keeps_alerts() {
            let waiting = ask(READ_LIMIT, || self.store.notifiers()).await;
            let waiting = waiting.unwrap_or_default();
            undelivered += waiting.iter().map(|notifier| notifier.waiting).sum::<u64>();
        }
        self.losses.add(LossReason::AlertUndelivered, undelivered);
        unsaved == 0 && undelivered == 0 && closed.is_ok()
    }

    /// How each notifier is: for all processes while the store answers, else for this one.
    pub(super) async fn notifiers(&self) -> Vec<NotifierStatus> {
        let stored = contained_answer(|| self.store.notifiers()).await.ok();
        let standby = self.standby.notifiers().await.unwrap_or_default();
        let find = |all: &[StoredNotifier], name: &str| {
            let found = all.iter().find(|notifier| notifier.name == name);
            found.cloned()
        };
        let status = |lane: &Lane| {
            let Some(stored) = &stored else {
                let LaneStatus { state, waiting } = lane.status();
                return NotifierStatus::new(lane.name(), state, waiting);
            };
            let waits_here = find(&standby, lane.name()).map_or(0, |notifier| notifier.waiting);
            let (state, waiting) = find(stored, lane.name())
                .map(|notifier| (notifier.state, notifier.waiting))
                .unwrap_or_default();
            NotifierStatus::new(lane.name(), state, waiting + waits_here)
        };
        self.lanes.iter().map(status).collect()
    }

    /// Erases a person: from what is in the store, and from what is on its way there.
    pub(super) async fn forget_user(&self, id: &str) -> Result<u64, StoreError> {
        self.ledger().forget_user(id);
        let waiting = self.standby.forget_user(id).await?;
        Ok(waiting + contained_answer(|| self.store.forget_user(id)).await?)
    }

    /// Works until it is dropped; also when something in it panics.
    pub(super) async fn keep(self: Arc<Self>) {
        loop {
            let run = Box::pin(Arc::clone(&self).run());
            if CatchPanic::new(run).await.is_some() {
                return;
            }
            let _ = contained(|| {
                tracing::error!(target: "tower_monitor", "the monitor panicked while it told the store; it goes on");
            });
            sleep_until(Instant::now() + REST).await;
        }
    }

    async fn run(self: Arc<Self>) {
        let mut house = House::new(self.store.is_shared());
        let mut outage = Outage::default();
        loop {
            self.commit_all_due(&mut outage).await;
            let now = Instant::now();
            if self.is_review_due.swap(false, Ordering::AcqRel) {
                self.review().await;
                continue;
            }
            if house.is_due(now) {
                self.keep_house(&mut house).await;
                continue;
            }
            let wake = self.ledger().next_due(now);
            let wake = wake.map_or(house.next(), |due| due.min(house.next()));
            tokio::select! {
                () = self.changed.notified() => {}
                () = sleep_until(wake) => {}
            }
        }
    }

    async fn commit_all_due(&self, outage: &mut Outage) {
        loop {
            let hurry = *self.hurry.borrow();
            let now = Instant::now();
            let batch = {
                let mut ledger = self.ledger();
                if ledger.is_saved(hurry) {
                    self.done.send_replace(hurry);
                }
                let is_due = ledger.next_due(now).is_some_and(|due| due <= now);
                let is_hurried = hurry > 0 && !ledger.is_saved(hurry);
                (is_hurried || is_due)
                    .then(|| ledger.take(now, hurry))
                    .flatten()
            };
            let Some(batch) = batch else {
                return;
            };
            match self.commit(&batch).await {
                Ok(()) => {
                    if outage.ends() {
                        self.say_back();
                    }
                }
                Err(error) => {
                    if !error.is_temporary() {
                        self.ledger().refused();
                    }
                    if outage.goes_on() {
                        self.say_away(&error);
                    }
                    if outage.is_worth_telling() {
                        // When the worker is busy, it is said the next time.
                        let told = self.troubles.try_send(Trouble::StoreAway {
                            store: self.store.name().to_owned(),
                            words: error.to_string(),
                        });
                        outage.is_told = told.is_ok();
                    }
                    self.stand_in(backoff(outage.failed, MAX_AWAY), hurry).await;
                }
            }
        }
    }

    /// Tells what is new without the store, until it is time to ask that again: after a while, or when somebody is in a hurry.
    async fn stand_in(&self, wait: Duration, hurry: u64) {
        let until = Instant::now() + wait;
        loop {
            self.tell_without_store();
            tokio::select! {
                () = sleep_until(until) => return,
                () = self.changed.notified() => {}
            }
            if *self.hurry.borrow() > hurry {
                return;
            }
            // What comes in one go is looked at in one go.
            sleep_until(until.min(Instant::now() + TOGETHER)).await;
        }
    }

    async fn commit(&self, batch: &Arc<Batch>) -> Result<(), StoreError> {
        let losses = self.losses.totals();
        let lost = self.lost_since(&losses);
        let told = self.ledger().told(batch);
        let decide = self.decision.clone().at(batch.now, Arc::clone(&lost), told);
        let begun = Instant::now();
        let commit = || self.store.commit(Arc::clone(batch), decide);
        let committed = ask(COMMIT_LIMIT, commit).await?;
        let now = Instant::now();
        let given_up = self.ledger().committed(&committed, now - begun, now);
        self.losses.add(LossReason::Occurrence, given_up);
        self.after(batch, &committed);
        if committed.outgoing > 0 {
            self.told_losses().note(&lost, losses);
        }
        Ok(())
    }

    fn after(&self, batch: &Batch, committed: &Committed) {
        let unknown = batch.changes.iter();
        let unknown = unknown.filter(|change| committed.unknown.contains(&change.fingerprint));
        let uncounted = unknown.map(|change| change.count).sum();
        self.losses.add(LossReason::Occurrence, uncounted);
        self.losses
            .add(LossReason::IssueForgotten, committed.forgotten);
        if committed.outgoing > 0 {
            self.lanes.iter().for_each(Lane::wake);
        }
    }

    /// Judges what the store does not have.
    fn tell_without_store(&self) {
        let now = Timestamp::now();
        let unsaved = self.ledger().unsaved();
        let mut touched: Vec<_> = unsaved
            .iter()
            .filter_map(|unsaved| self.as_if_stored(unsaved, now))
            .collect();
        let losses = self.losses.totals();
        let lost = self.lost_since(&losses);
        let decide = self
            .decision
            .clone()
            .at(now, Arc::clone(&lost), HashMap::new());
        let Some(outgoing) = contained(|| decide(&mut touched)) else {
            return;
        };
        if outgoing.is_empty() {
            return;
        }
        for Touched { change, record } in touched {
            self.ledger().tell(change.fingerprint, record.memory);
        }
        self.told_losses().note(&lost, losses);
        self.standby.take_on(outgoing, now);
        self.lanes.iter().for_each(Lane::wake);
    }

    fn as_if_stored<'u>(&self, unsaved: &'u Unsaved, now: Timestamp) -> Option<Touched<'u>> {
        let change = &unsaved.change;
        let mut record = match &unsaved.record {
            Some(record) => record.clone(),
            None => Record::begin(change)?,
        };
        record.apply(change, None, self.retention.users(), now);
        if let Some(told) = &unsaved.told {
            record.memory.merge(told);
        }
        Some(Touched { change, record })
    }

    fn say_away(&self, error: &StoreError) {
        let store = self.store.name();
        let _ = contained(|| {
            tracing::warn!(
                target: "tower_monitor", store, %error,
                "the store does not take what was seen; it is kept in memory, and told from here"
            );
        });
    }

    fn say_back(&self) {
        let store = self.store.name();
        let _ = contained(
            || tracing::info!(target: "tower_monitor", store, "the store takes what was seen again"),
        );
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost_since(&self, losses: &Losses) -> Arc<LostSince> {
        let told = self.told_losses();
        Arc::new(LostSince {
            people: losses.since(&told.people),
            services: losses.since(&told.services),
            ..LostSince::default()
        })
    }

    fn told_losses(&self) -> MutexGuard<'_, ToldLosses> {
        self.told_losses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The losses that somebody was told of.
#[derive(Debug, Default)]
struct ToldLosses {
    people: Losses,
    services: Losses,
}

impl ToldLosses {
    fn note(&mut self, lost: &LostSince, losses: Losses) {
        if lost.told_people.load(Ordering::Acquire) {
            self.people = losses;
        }
        if lost.told_services.load(Ordering::Acquire) {
            self.services = losses;
        }
    }
}

const REST: Duration = Duration::from_secs(1);
const COMMIT_LIMIT: Duration = Duration::from_secs(30);
const READ_LIMIT: Duration = Duration::from_secs(10);
const MAX_AWAY: Duration = Duration::from_secs(30);
const TOGETHER: Duration = Duration::from_millis(50);

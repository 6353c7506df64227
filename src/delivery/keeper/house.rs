//! What is done from time to time: problems are looked at again, bounds are kept, and nothing waits for a notifier that will not come.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{COMMIT_LIMIT, Keeper, READ_LIMIT};
use crate::delivery::DEFAULT_ALERT_AGE;
use crate::delivery::ask::ask;
use crate::delivery::retry::random_fraction;
use crate::delivery::trouble::Trouble;
use crate::guard::contained;
use crate::issue::{Alert, Change};
use crate::loss::LossReason;
use crate::store::{Fate, Lease, Plan, Planner, StateUpdate, Waiting};
use crate::time::Timestamp;

/// When it is time.
pub(super) struct House {
    next: Instant,
    rounds: u32,
    interval: Duration,
}

impl House {
    pub(super) fn new(is_shared: bool) -> Self {
        // Many processes share the work: each does it less often.
        let interval = Duration::from_secs(if is_shared { 60 } else { 15 });
        let mut house = Self {
            next: Instant::now(),
            rounds: 0,
            interval,
        };
        house.plan_next();
        house
    }

    pub(super) fn next(&self) -> Instant {
        self.next
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next <= now
    }

    fn plan_next(&mut self) {
        self.next = Instant::now() + self.interval.mul_f64(0.5 + random_fraction());
    }
}

impl Keeper {
    pub(super) async fn keep_house(&self, house: &mut House) {
        self.review().await;
        self.rescue().await;
        if house.rounds.is_multiple_of(TIDY_ROUNDS) {
            let now = Timestamp::now();
            let tidied = ask(COMMIT_LIMIT, || self.store.tidy(now, self.retention)).await;
            let forgotten = tidied.unwrap_or_default();
            self.losses.add(LossReason::IssueForgotten, forgotten);
        }
        house.rounds = house.rounds.wrapping_add(1);
        house.plan_next();
    }

    /// Has the policy look at problems that it wanted to see again.
    pub(super) async fn review(&self) {
        let now = Timestamp::now();
        let due = ask(READ_LIMIT, || self.store.due(now, MAX_REVIEWS)).await;
        for fingerprint in due.unwrap_or_default() {
            let mut review = Change::review(fingerprint);
            if !self.ledger().shows(fingerprint) {
                let kept = ask(READ_LIMIT, || self.store.occurrences(fingerprint)).await;
                let Ok(mut kept) = kept else {
                    // It stays due.
                    continue;
                };
                review.newest = kept.pop();
            }
            self.add(review);
        }
    }

    /// Hands over what waits for a notifier that blocks its thread, or that nobody has any more.
    async fn rescue(&self) {
        for lane in self.lanes.iter().filter(|lane| lane.is_stuck()) {
            let notifier = lane.name().to_owned();
            // When the worker is busy, it is said the next time.
            let _ = self.troubles.try_send(Trouble::Stuck { notifier });
            self.hand_over(lane.name(), Duration::ZERO).await;
        }
        let known = ask(READ_LIMIT, || self.store.notifiers()).await;
        for notifier in known.unwrap_or_default() {
            let is_ours = self.lanes.iter().any(|lane| lane.name() == notifier.name);
            if notifier.waiting > 0 && !is_ours {
                // Another process may still have it.
                self.hand_over(&notifier.name, ABANDONED).await;
            }
        }
    }

    async fn hand_over(&self, notifier: &str, age: Duration) {
        for _ in 0..MOST_HANDED_OVER {
            let now = Timestamp::now();
            let lease = Lease {
                notifier: notifier.to_owned(),
                now,
                duration: COMMIT_LIMIT,
            };
            let heirs: Vec<_> = self
                .lanes
                .iter()
                .filter(|lane| !lane.is_stopped())
                .collect();
            let takes: Vec<_> = heirs.iter().map(|lane| lane.takes()).collect();
            let plan: Planner = Arc::new(move |_, waiting| {
                let is_old = |it: &&Waiting| it.created_at.after(age) <= now;
                let has_heir =
                    |it: &Waiting| takes.iter().any(|takes| takes.has(&it.summary.reason));
                // Another process may still have a notifier that nobody here stands in for.
                let is_given_up =
                    |it: &Waiting| !age.is_zero() && it.created_at.after(DEFAULT_ALERT_AGE) <= now;
                let mut old = waiting.iter().filter(is_old);
                Plan {
                    take: old
                        .find(|it| has_heir(it) || is_given_up(it))
                        .map(|it| it.id),
                    ..Plan::default()
                }
            });
            let claimed = ask(READ_LIMIT, || self.store.claim(lease, plan)).await;
            let Some(entry) = claimed.ok().and_then(|claimed| claimed.entry) else {
                return;
            };
            let mut heirs = heirs.iter();
            let Some(heir) = heirs.find(|lane| lane.takes().has(&entry.alert.reason)) else {
                self.give_up_orphan(notifier, &entry.alert).await;
                continue;
            };
            let fate = Fate::HandOver {
                notifier: heir.name().to_owned(),
            };
            let update: StateUpdate = Arc::new(|_| {});
            let id = entry.alert.id;
            let settled = ask(READ_LIMIT, || self.store.settle(notifier, id, fate, update)).await;
            if settled.is_err() {
                return;
            }
            heir.wake();
        }
    }
}

impl Keeper {
    /// Nobody has the notifier any more, and nobody else takes what was for it.
    async fn give_up_orphan(&self, notifier: &str, alert: &Alert) {
        let (id, update): (_, StateUpdate) = (alert.id, Arc::new(|_| {}));
        let settle = || self.store.settle(notifier, id, Fate::Done, update);
        if ask(READ_LIMIT, settle).await.is_err() {
            return;
        }
        self.losses
            .add(LossReason::AlertUndelivered, alert.alerts());
        let _ = contained(|| {
            let issue = alert.issue.fingerprint;
            tracing::warn!(target: "tower_monitor", notifier, %issue, reason = %alert.reason, "nobody takes what waits for this notifier");
        });
    }
}

const MAX_REVIEWS: usize = 64;
/// An hour, where nobody else writes into the store.
const TIDY_ROUNDS: u32 = 240;
/// A notifier that no process has taken anything for in this time.
const ABANDONED: Duration = Duration::from_secs(10 * 60);
const MOST_HANDED_OVER: usize = 64;

//! The steps from what was seen of a failure to what the store is told of it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::completion::Completion;
use super::keeper::Keeper;
use super::lane::TestDelivery;
use super::people::{People, hit, user_of};
use super::queue::{Affected, Report};
use super::sites::{Counted, Sites, Sweeper};
use super::trouble::Trouble;
use crate::guard::contained;
use crate::issue::{AffectedUser, Alert, Change, Desk, Issue, Memo, Reason};
use crate::loss::{LossCounter, LossReason, Losses};
use crate::occurrence::{Evidence, Fingerprint, Kind};
use crate::policy::{ERROR_RATIO_WINDOW, Policy};
use crate::request::RequestId;
use crate::time::{Timestamp, uptime_seconds};
use crate::traffic::{Ratio, Traffic, Windows};

/// The steps of the pipeline with what they need.
pub(super) struct Steps {
    pub(super) sites: Arc<Sites>,
    pub(super) sweeper: Sweeper,
    pub(super) completion: Completion,
    pub(super) keeper: Arc<Keeper>,
    pub(super) losses: Arc<LossCounter>,
    pub(super) desk: Desk,
    /// What the keys of the sites stand for: known since a whole occurrence came through.
    pub(super) fingerprints: HashMap<u64, Fingerprint>,
    /// What was counted for keys of which no whole occurrence has come through yet.
    pub(super) orphans: HashMap<u64, Orphan>,
    pub(super) people: People,
}

/// What was counted for a key of which no whole occurrence has come through yet.
pub(super) struct Orphan {
    change: Change,
    since: Instant,
}

impl Steps {
    pub(super) fn take(&mut self, report: Report) {
        let taken = self.contained(|steps| steps.report(report));
        if taken.is_none() {
            self.losses.add(LossReason::Occurrence, 1);
        }
    }

    /// Complete and redact it, and hand it to the keeper.
    fn report(&mut self, report: Report) {
        let key = report.key;
        let known = self.fingerprints.get(&key).copied();
        let request = report.evidence.request.clone();
        let occurrence = Arc::new(self.completion.complete(report, known));
        let fingerprint = occurrence.fingerprint;
        if self.fingerprints.len() >= MAX_KEYS {
            // The next whole occurrence of each brings it back.
            self.fingerprints.clear();
        }
        self.fingerprints.insert(key, fingerprint);
        let mut change = Change::of(Arc::clone(&occurrence));
        if let Some((hash, user)) = user_of(request.as_ref(), &occurrence) {
            self.people.learn(key, hash, user.as_ref());
            hit(&mut change, hash, user);
        }
        self.keeper.add(change);
        if let Some(mut orphan) = self.orphans.remove(&key) {
            orphan.change.fingerprint = fingerprint;
            self.keeper.add(orphan.change);
        }
    }

    /// Collects those of which only the number is known. Says whether any problem is still being counted.
    pub(super) fn sweep(&mut self) -> bool {
        let now = Timestamp::now();
        let mut all = Vec::new();
        let sites = Arc::clone(&self.sites);
        let in_use = self
            .sweeper
            .sweep(&sites, uptime_seconds(), |counted| all.push(counted));
        for counted in all {
            self.counted(&counted, now);
        }
        self.give_up_orphans(ORPHAN_AGE);
        if !in_use {
            self.completion.rest();
        }
        in_use || !self.orphans.is_empty()
    }

    fn counted(&mut self, counted: &Counted, now: Timestamp) {
        let mut change = self.change(counted.key);
        change.count(counted.count, now);
        self.people.add(&mut change, counted, now);
        self.add(counted.key, change);
    }

    /// Who was hit by one that is only counted: its number is with the sites.
    pub(super) fn affected(&mut self, affected: Affected) {
        let redactor = self.completion.redactor();
        let user = affected.user.redacted(redactor, affected.started_at);
        let user = user.map(|user| {
            let mut user = AffectedUser::of(&user, affected.time);
            user.request_id = Some(affected.request);
            user
        });
        self.people
            .learn(affected.key, affected.hash, user.as_ref());
        let mut change = self.change(affected.key);
        hit(&mut change, affected.hash, user);
        self.add(affected.key, change);
    }

    /// Nothing yet, of the problem that the key stands for.
    fn change(&self, key: u64) -> Change {
        let fingerprint = self.fingerprints.get(&key).copied();
        let mut change = Change::review(fingerprint.unwrap_or_else(|| Fingerprint::from_u64(0)));
        change.release = self.completion.release();
        change
    }

    fn add(&mut self, key: u64, change: Change) {
        if self.fingerprints.contains_key(&key) {
            return self.keeper.add(change);
        }
        // The queue was full for its first occurrence. The next whole one says which problem it is.
        let room = self.orphans.len() < MAX_ORPHANS;
        match self.orphans.get_mut(&key) {
            Some(orphan) => orphan.change.absorb(change, 0, MAX_ORPHAN_USERS),
            None if room => {
                let since = Instant::now();
                self.orphans.insert(key, Orphan { change, since });
            }
            None => self.losses.add(LossReason::Occurrence, change.count),
        }
    }

    /// Counts as lost what has waited so long for a whole occurrence of its problem.
    pub(super) fn give_up_orphans(&mut self, age: Duration) {
        let mut lost = 0;
        self.orphans.retain(|_, orphan| {
            let keep = orphan.since.elapsed() < age;
            lost += if keep { 0 } else { orphan.change.count };
            keep
        });
        self.losses.add(LossReason::Occurrence, lost);
    }

    /// Takes a person out of what waits here.
    pub(super) fn forget_user(&mut self, id: &str) {
        self.people.forget(id);
        for orphan in self.orphans.values_mut() {
            orphan.change.users.retain(|user| user.id != id);
        }
    }

    /// Tells of what keeps the monitor itself from its work.
    pub(super) fn trouble(&mut self, trouble: &Trouble) {
        self.own(Kind::Monitor, trouble.group(), None, trouble.to_string());
    }

    /// Tells of routes too many of whose requests fail.
    pub(super) fn look_at(&mut self, ratios: &mut Ratios) {
        for ratio in ratios.exceeded() {
            let group = format!(
                "error ratio of {}",
                ratio.route.as_deref().unwrap_or_default()
            );
            let words = in_words(&ratio);
            self.own(Kind::ErrorRatio, group, ratio.route, words);
        }
    }

    fn own(&mut self, kind: Kind, group: String, subject: Option<String>, words: String) {
        let evidence = Evidence::said_by_monitor(kind, group, subject, words);
        let occurrence = self.completion.complete(evidence.into(), None);
        self.keeper.add(Change::of(Arc::new(occurrence)));
    }

    pub(super) fn test(&mut self) -> impl Future<Output = Vec<TestDelivery>> + Send + use<> {
        let now = Timestamp::now();
        let evidence = Evidence::new(Kind::Test, now, None);
        let occurrence = self.completion.complete(evidence.into(), None);
        let issue = Issue::begin(&occurrence, 1);
        let alert = Arc::new(Alert {
            id: RequestId::generate_uuid(now),
            time: now,
            reason: Reason::Test,
            severity: issue.severity,
            issue,
            occurrence: Arc::new(occurrence),
            new_in_release: false,
            held_back: 0,
            lost: Losses::default(),
            also: Vec::new(),
            also_more: 0,
            desk: self.desk.clone(),
            memo: Memo::default(),
        });
        let lanes = self.keeper.lanes.iter();
        let deliveries: Vec<_> = lanes.map(|lane| lane.test(&alert)).collect();
        async move {
            let mut results = Vec::new();
            for delivery in deliveries {
                results.push(delivery.await);
            }
            results
        }
    }

    /// Runs a step so that a panic in it costs no more than this step.
    pub(super) fn contained<T>(&mut self, step: impl FnOnce(&mut Self) -> T) -> Option<T> {
        contained(|| step(self))
    }
}

/// Watches what share of the requests fails.
pub(crate) struct Ratios {
    traffic: Arc<Traffic>,
    policy: Arc<Policy>,
    windows: Windows,
    next: Instant,
    told: HashMap<Option<String>, Instant>,
}

impl Ratios {
    /// `None` when the policy does not ask for it. Needs a runtime.
    pub(super) fn new(traffic: Arc<Traffic>, policy: Arc<Policy>) -> Option<Self> {
        policy.watches_ratios().then(|| Self {
            traffic,
            policy,
            windows: Windows::new(ERROR_RATIO_WINDOW),
            next: Instant::now() + RATIO_STEP,
            told: HashMap::new(),
        })
    }

    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// The ratios that are above their bounds; each that stays there is named again from time to time.
    fn exceeded(&mut self) -> Vec<Ratio> {
        let now = Instant::now();
        self.next = now + RATIO_STEP;
        let ratios = self.windows.tick(&self.traffic, uptime_seconds());
        self.told
            .retain(|_, told_at| now.duration_since(*told_at) < RATIO_AGAIN);
        let exceeded = ratios.into_iter().filter(|ratio| {
            let route = ratio.route.as_deref();
            let is_above = self
                .policy
                .ratio_exceeded(route, ratio.requests, ratio.failures);
            let is_told = self.told.contains_key(&ratio.route);
            if is_above && !is_told {
                self.told.insert(ratio.route.clone(), now);
            }
            is_above && !is_told
        });
        exceeded.collect()
    }
}

fn in_words(ratio: &Ratio) -> String {
    let Ratio {
        route,
        requests,
        failures,
    } = ratio;
    let share = *failures as f64 * 100.0 / (*requests).max(1) as f64;
    let of = match route {
        Some(route) => format!("the requests to {route}"),
        None => "all requests".to_owned(),
    };
    let minutes = ERROR_RATIO_WINDOW.as_secs() / 60;
    format!("{share:.0} % of {of} fail: {failures} of {requests} in {minutes} minutes")
}

const MAX_ORPHANS: usize = 1024;
const MAX_ORPHAN_USERS: usize = 16;
/// Far more than the sites have slots.
const MAX_KEYS: usize = 8192;
/// Some windows of the sites: each gives a problem another chance to come through whole.
const ORPHAN_AGE: Duration = Duration::from_secs(45);
const RATIO_STEP: Duration = Duration::from_secs(10);
/// Less than what the policy takes for the end of it.
const RATIO_AGAIN: Duration = Duration::from_secs(30);

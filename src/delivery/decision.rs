//! What the policy says of the problems that were touched, and whom it is told through.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use uuid::Uuid;

use super::lane::Lane;
use crate::issue::{Alert, Desk, Memo, Memory, Reason, Record, merged, ranked};
use crate::loss::Losses;
use crate::notify::Takes;
use crate::occurrence::{Fingerprint, Fnv, Occurrence};
use crate::policy::Policy;
use crate::request::RequestId;
use crate::store::{Decide, Outgoing, Touched};
use crate::time::Timestamp;

/// What was lost since somebody was last told of it, and whether somebody is told now.
#[derive(Debug, Default)]
pub(super) struct LostSince {
    pub(super) people: Losses,
    pub(super) services: Losses,
    pub(super) told_people: AtomicBool,
    pub(super) told_services: AtomicBool,
}

/// What is needed to decide.
#[derive(Clone)]
pub(super) struct Decision {
    pub(super) policy: Arc<Policy>,
    pub(super) lanes: Arc<[Lane]>,
    pub(super) desk: Desk,
}

impl Decision {
    /// The function that decides, for a store to call.
    ///
    /// `told` is what was told of some problems while the store was away.
    pub(super) fn at(
        self,
        now: Timestamp,
        lost: Arc<LostSince>,
        told: HashMap<Fingerprint, Memory>,
    ) -> Decide {
        Arc::new(move |touched| {
            for Touched { record, .. } in &mut *touched {
                if let Some(told) = told.get(&record.issue.fingerprint) {
                    record.memory.merge(told);
                }
            }
            self.decide(touched, now, &lost)
        })
    }

    fn decide(
        &self,
        touched: &mut [Touched<'_>],
        now: Timestamp,
        lost: &LostSince,
    ) -> Vec<Outgoing> {
        let (mut alerts, mut passed) = (Vec::new(), Vec::new());
        for Touched { change, record } in touched {
            let Some(occurrence) = &change.newest else {
                // Nothing to show: somebody is to look for an occurrence or, if that was just done, there is none.
                record.review_at = (change.count > 0).then_some(now);
                continue;
            };
            let occurrence = Arc::clone(occurrence);
            let verdict = self.policy.judge(record, change, now);
            let ending = self.takes(Takes::AlertsAndEndings).then(|| {
                let policy = &self.policy;
                policy.ending(record, change, verdict.as_ref(), now)
            });
            if let Some(verdict) = verdict {
                let id = id_of(record, &verdict.reason);
                lost.told_people.store(true, Ordering::Release);
                alerts.push(Alert {
                    severity: verdict.severity,
                    new_in_release: verdict.new_in_release,
                    held_back: verdict.held_back,
                    lost: lost.people,
                    ..self.alert(id, verdict.reason, record, occurrence, now)
                });
            } else if let Some(reason) = ending.flatten() {
                let id = id_of(record, &reason);
                alerts.push(self.alert(id, reason, record, occurrence, now));
            }
            if self.takes(Takes::Occurrences) {
                passed.extend(self.passed_on(change, record, now));
            }
        }
        if let Some(first) = passed.first_mut() {
            first.lost = lost.services;
            lost.told_services.store(true, Ordering::Release);
        }
        alerts.extend(passed);
        let alerts: Vec<_> = alerts.into_iter().map(Arc::new).collect();
        self.route(&alerts)
    }

    fn takes(&self, takes: Takes) -> bool {
        self.lanes.iter().any(|lane| lane.takes() == takes)
    }

    pub(super) fn alert(
        &self,
        id: Uuid,
        reason: Reason,
        record: &Record,
        occurrence: Arc<Occurrence>,
        now: Timestamp,
    ) -> Alert {
        Alert {
            id,
            time: now,
            reason,
            severity: record.issue.severity,
            issue: record.issue.clone(),
            occurrence,
            new_in_release: false,
            held_back: 0,
            lost: Losses::default(),
            also: Vec::new(),
            also_more: 0,
            desk: self.desk.clone(),
            memo: Memo::default(),
        }
    }

    fn route(&self, alerts: &[Arc<Alert>]) -> Vec<Outgoing> {
        let mut outgoing = Vec::new();
        let works = |alert: &Alert| {
            let mut lanes = self.lanes.iter();
            lanes.any(|lane| !lane.is_stopped() && lane.wants(alert))
        };
        for lane in &*self.lanes {
            // What only a stopped notifier is told of goes there all the same: it hands over to the next.
            let is_told =
                |alert: &&Arc<Alert>| lane.wants(alert) && !(lane.is_stopped() && works(alert));
            let wanted: Vec<_> = alerts.iter().filter(is_told).collect();
            let room = lane.room();
            let told: Vec<_> = if wanted.len() > room {
                // A service groups by itself: what there is room for goes there one by one.
                let apart = match lane.takes() {
                    Takes::Occurrences => room - 1,
                    _ => 0,
                };
                let (apart, rest) = wanted.split_at(apart);
                apart
                    .iter()
                    .map(|alert| Arc::clone(alert))
                    .chain(together(rest))
                    .collect()
            } else {
                wanted.into_iter().cloned().collect()
            };
            outgoing.extend(told.into_iter().map(|alert| Outgoing {
                notifier: lane.name().to_owned(),
                alert,
            }));
        }
        outgoing
    }
}

/// The same wherever and how often it is decided: an alert that was told without the store is known to its receiver when it comes
/// from there, too.
fn id_of(record: &Record, reason: &Reason) -> Uuid {
    let half = |seed: u64| {
        let issue = &record.issue;
        let hash = Fnv::new().number(seed).part(reason.as_str());
        let hash = hash
            .number(issue.fingerprint.as_u64())
            .number(issue.first_seen.unix_micros() as u64)
            .number(record.memory.alerts())
            .number(record.memory.turns_told);
        hash.finish()
    };
    let bits = (u128::from(half(1)) << 64) | u128::from(half(2));
    uuid::Builder::from_custom_bytes(bits.to_be_bytes()).into_uuid()
}

/// All of them as one: the worst, with a line for each of the others.
fn together(alerts: &[&Arc<Alert>]) -> Option<Arc<Alert>> {
    let worst = alerts.iter().min_by_key(|alert| ranked(&alert.summary()))?;
    let others = alerts.iter().filter(|alert| alert.id != worst.id);
    let (also, also_more) = merged(others.map(|alert| alert.summary()).collect(), 0);
    let mut together = Alert::clone(worst);
    together.id = RequestId::generate_uuid(together.time);
    together.also = also;
    together.also_more = also_more;
    let held_back = alerts.iter().map(|alert| alert.held_back);
    together.held_back = held_back.fold(0, u64::saturating_add);
    Some(Arc::new(together))
}

//! What the policy tells, rule by rule, and what holds whatever happens.

mod endings;
mod properties;
mod reasons;
mod states;
mod world;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::judge::Verdict;
use super::*;
use crate::issue::{Affected, AffectedUser, Change, Issue, IssueState, Reason, Record};
use crate::occurrence::{Evidence, Occurrence, Origin};
use crate::time::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// So many seconds after the test's beginning.
fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_micros((BEGINNING + second) * 1_000_000)
}

/// A full hour.
const BEGINNING: i64 = 500_000 * HOUR;

/// A problem, how it is known, and the policy that judges it.
struct Problem {
    policy: Policy,
    kind: Kind,
    release: Option<&'static str>,
    record: Option<Record>,
    affected: Affected,
}

impl Problem {
    fn under(policy: Policy) -> Self {
        assert_eq!(policy.check(), Ok(()));
        Self {
            policy,
            kind: Kind::ServerError,
            release: None,
            record: None,
            affected: Affected::default(),
        }
    }

    fn of(kind: Kind) -> Self {
        Self {
            kind,
            ..Self::under(Policy::new())
        }
    }

    /// It occurs so often in this second, and is judged in the same.
    fn occurs(&mut self, times: u64, second: i64) -> Option<Verdict> {
        self.occurs_late(times, second, second)
    }

    fn occurs_late(&mut self, times: u64, second: i64, judged: i64) -> Option<Verdict> {
        let change = self.change(times, second);
        self.judge(&change, judged)
    }

    fn hits(&mut self, users: std::ops::Range<u64>, second: i64) -> Option<Verdict> {
        let mut change = self.change(users.end - users.start, second);
        change.users = users
            .map(|user| AffectedUser::new(user.to_string(), at(second)))
            .collect();
        self.judge(&change, second)
    }

    fn review(&mut self, second: i64) -> Option<Verdict> {
        let mut change = self.change(1, second);
        change = Change {
            newest: change.newest.take(),
            ..Change::review(change.fingerprint)
        };
        self.judge(&change, second)
    }

    fn change(&self, times: u64, second: i64) -> Change {
        let mut change = Change::of(occurrence(self.kind, self.release, second, None));
        change.count(times - 1, at(second));
        change
    }

    fn judge(&mut self, change: &Change, second: i64) -> Option<Verdict> {
        let begun = || Record::begin(change).unwrap();
        let record = self.record.get_or_insert_with(begun);
        record.apply(change, Some(&mut self.affected), 5_000, at(second));
        let verdict = self.policy.judge(record, change, at(second));
        assert!(record.review_at.is_none_or(|review| review > at(second)));
        verdict
    }

    fn set(&mut self, state: IssueState) {
        self.record.as_mut().unwrap().issue.state = state;
    }

    fn set_if_known(&mut self, state: IssueState) {
        if self.record.is_some() {
            self.set(state);
        }
    }

    fn issue(&self) -> &Issue {
        &self.record.as_ref().unwrap().issue
    }

    /// In how many seconds after the test's beginning the policy wants to see it again.
    fn review_at(&self) -> Option<i64> {
        let review = self.record.as_ref().unwrap().review_at;
        review.map(|at| at.unix_seconds() - BEGINNING)
    }
}

fn occurrence(
    kind: Kind,
    release: Option<&str>,
    second: i64,
    route: Option<&str>,
) -> Arc<Occurrence> {
    let origin = Origin {
        release: release.map(str::to_owned),
        ..Origin::default()
    };
    let evidence = Evidence::new(kind, at(second), None);
    let mut occurrence = evidence.alone(&Arc::new(origin));
    if let (Kind::ErrorRatio, Some(route)) = (kind, route) {
        // As the monitor says it.
        let said = json!({ "type": route, "message": "too many fail" });
        occurrence.exceptions = vec![serde_json::from_value(said).unwrap()];
    } else if let Some(route) = route {
        occurrence.request = serde_json::from_value(request(route)).unwrap();
    }
    Arc::new(occurrence)
}

fn request(route: &str) -> Value {
    let id = "01980000-0000-7000-8000-000000000000";
    json!({
        "id": id, "started_at": at(0), "method": "POST", "path": "/checkout/42", "version": "HTTP/1.1", "curl": "",
        "route": route,
    })
}

fn minutes(minutes: i64) -> Duration {
    Duration::from_secs(minutes.unsigned_abs() * 60)
}

fn reasons(verdicts: impl IntoIterator<Item = Option<Verdict>>) -> Vec<Reason> {
    let told = verdicts.into_iter().flatten();
    told.map(|verdict| verdict.reason).collect()
}

fn reason(verdict: Option<Verdict>) -> Option<Reason> {
    verdict.map(|verdict| verdict.reason)
}

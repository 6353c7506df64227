//! Alerts to deliver, for tests.

use std::sync::Arc;

use uuid::Uuid;

use crate::issue::{Alert, Issue, Reason, Severity};
use crate::occurrence::{Evidence, Kind, Origin};
use crate::store::Outgoing;
use crate::time::Timestamp;

/// So many seconds after the tests begin.
pub(super) fn at(second: u64) -> Timestamp {
    Timestamp::from_unix_micros(1_795_340_339_000_000 + second as i64 * 1_000_000)
}

/// One of many problems: every number is one at a place of its own.
pub(super) fn alert(number: u64, severity: Severity) -> Arc<Alert> {
    let evidence = Evidence::new(Kind::ServerError, at(0), None);
    let occurrence = evidence.alone(&Arc::new(Origin::default()));
    let mut issue = Issue::begin(&occurrence, 1);
    issue.title = format!("problem {number}");
    issue.culprit = Some(format!("src/shop.rs:{number}"));
    Arc::new(Alert {
        id: Uuid::from_u128(u128::from(number) + 1),
        time: occurrence.time,
        reason: Reason::New,
        severity,
        issue,
        occurrence: Arc::new(occurrence),
        new_in_release: false,
        held_back: 0,
        lost: Default::default(),
        also: Vec::new(),
        also_more: 0,
        desk: crate::issue::Desk::default(),
        memo: crate::issue::Memo::default(),
    })
}

pub(super) fn outgoing(notifier: &str, alert: Arc<Alert>) -> Outgoing {
    let notifier = notifier.to_owned();
    Outgoing { notifier, alert }
}

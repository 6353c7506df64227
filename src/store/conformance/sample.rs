//! Problems, people and alerts for the checks.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::issue::{AffectedUser, Alert, Change, Desk, Issue, Memo, Reason, Severity, user_hash};
use crate::loss::Losses;
use crate::occurrence::{Fingerprint, Kind, Occurrence};

use crate::request::{RequestId, User};
use crate::time::Timestamp;

/// So many seconds after 2026-11-22T09:00:00Z.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_micros((START + second) * 1_000_000)
}

pub(crate) fn fingerprint(problem: u64) -> Fingerprint {
    Fingerprint::from_u64(problem)
}

/// An id that nothing else has.
pub(crate) fn new_id() -> Uuid {
    RequestId::generate_uuid(Timestamp::now())
}

/// An occurrence of a problem, with everything in it that one may have.
pub(crate) fn occurrence(problem: u64, second: i64) -> Occurrence {
    let number = format!("{problem}-{second}");
    let request_id = new_id().to_string();
    let value = json!({
        "id": new_id(),
        "kind": "server_error",
        "fingerprint": fingerprint(problem),
        "time": at(second),
        "exceptions": [
            {
                "type": "shop::CartError",
                "message": format!("no price for item {problem}"),
                "location": { "file": "src/cart.rs", "line": 17, "column": 5 },
            },
            { "type": "source", "message": "connection refused (os error 111)" },
        ],
        "thread": "tokio-runtime-worker",
        "spans": [{ "name": "checkout", "target": "shop::cart", "fields": { "cart": number } }],
        "breadcrumbs": [{
            "time": at(second),
            "level": "info",
            "target": "shop::cart",
            "message": "looking for the item",
            "fields": { "item": number },
        }],
        "earlier_breadcrumbs": 3,
        "request": {
            "id": request_id,
            "started_at": at(second),
            "method": "POST",
            "path": format!("/buy/{number}"),
            "query": "page=2&q=%22x%22",
            "route": "/buy/{item}",
            "version": "HTTP/1.1",
            "host": "shop.example.com",
            "client_address": "203.0.113.7",
            "headers": [["accept", "*/*"], ["x-quoted", "\"a\\b\""]],
            "curl": format!("curl --url 'https://shop.example.com/buy/{number}'"),
            "tags": { "plan": "pro" },
            "extra": { "cart": { "items": [1, 2.5, null, true], "empty": {} } },
        },
        "response": { "status": 500, "headers": [["content-type", "text/plain"]], "body": "sorry" },
        "elapsed_ms": 12.345,
        "origin": {
            "service": "shop",
            "release": "1.4.2",
            "environment": "production",
            "host": "web-1",
            "pid": 4711,
        },
        "vitals": { "uptime_seconds": 93, "load": [0.1, 0.25, 1.75], "threads": 9 },
        "missing": ["2 more errors of the chain"],
    });
    serde_json::from_value(value).expect("it has the form of an occurrence")
}

/// One occurrence of a problem.
pub(crate) fn change(problem: u64, second: i64) -> Change {
    Change::of(Arc::new(occurrence(problem, second)))
}

/// Nothing but a number.
pub(crate) fn counted(problem: u64, second: i64, times: u64) -> Change {
    let mut change = Change::review(fingerprint(problem));
    change.count(times, at(second));
    change
}

/// One occurrence of a problem, that somebody was hit by.
pub(crate) fn hit(problem: u64, second: i64, user: &User) -> Change {
    let mut occurrence = occurrence(problem, second);
    let mut affected = AffectedUser::new(user.id(), at(second));
    affected.name = user.display_name().map(str::to_owned);
    affected.email = user.email_address().map(str::to_owned);
    if let Some(request) = &mut occurrence.request {
        request.user = Some(user.clone());
        affected.request_id = Some(request.id.clone());
    }
    let mut change = Change::of(Arc::new(occurrence));
    change.users.push(affected);
    change.sketch.add(user_hash(user.id()));
    change
}

/// An alert of a problem, decided at this second, with everything in it that one may have.
pub(crate) fn alert(problem: u64, second: i64) -> Alert {
    alert_of(Arc::new(occurrence(problem, second)))
}

pub(crate) fn alert_of(occurrence: Arc<Occurrence>) -> Alert {
    let lost: Losses = serde_json::from_value(json!({ "occurrence": 7, "audit_queue_full": 1 }))
        .expect("these are losses");
    let mut alert = Alert {
        id: new_id(),
        time: occurrence.time,
        reason: Reason::Count { count: 100 },
        severity: Severity::Critical,
        issue: Issue::begin(&occurrence, 123),
        occurrence,
        new_in_release: true,
        held_back: 22,
        lost,
        also: Vec::new(),
        also_more: 3,
        desk: Desk::default(),
        memo: Memo::default(),
    };
    let mut other = alert.summary();
    other.kind = Kind::Panic;
    other.title = "panic: index out of bounds".to_owned();
    alert.also = vec![other];
    alert
}

pub(crate) fn written(value: &impl serde::Serialize) -> Result<Value, serde_json::Error> {
    serde_json::to_value(value)
}

/// Small numbers that look drawn by lot and are the same in every run.
pub(crate) struct Dice(pub(super) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

const START: i64 = 1_795_338_000;

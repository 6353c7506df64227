//! Problems, batches and alerts for the tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tower_monitor::issue::{Change, Record, Retention};
use tower_monitor::occurrence::{Fingerprint, Occurrence};
use tower_monitor::store::{
    Batch, Committed, Decide, Outgoing, Postgres, Store, StoreError, Touched,
};
use tower_monitor::{Alert, Timestamp};
use uuid::Uuid;

use crate::support::LONG;

pub(crate) fn fingerprint(problem: u64) -> Fingerprint {
    format!("{problem:016x}").parse().unwrap()
}

/// An occurrence now, as large as they usually are: some four kilobytes.
pub(crate) fn occurrence(problem: u64) -> Arc<Occurrence> {
    let frames: Vec<_> = (0..12)
        .map(|line| {
            json!({
                "function": format!("shop::checkout::step_{line}::{{{{closure}}}}"),
                "file": format!("src/checkout/step_{line}.rs"),
                "line": 40 + line,
                "column": 9,
                "in_app": true,
            })
        })
        .collect();
    let now = Timestamp::now();
    let value = json!({
        "id": Uuid::new_v4(),
        "kind": "server_error",
        "fingerprint": fingerprint(problem),
        "time": now,
        "exceptions": [{
            "type": "shop::CartError",
            "message": format!("no price for item {problem}"),
            "stack": { "frames": frames },
        }],
        "breadcrumbs": (0..10).map(|n| json!({
            "time": now, "level": "info", "target": "shop::cart", "message": format!("step {n} of the checkout"),
        })).collect::<Vec<_>>(),
        "earlier_breadcrumbs": 0,
        "request": {
            "id": Uuid::new_v4().to_string(),
            "started_at": now,
            "method": "POST",
            "path": format!("/buy/{problem}"),
            "route": "/buy/{item}",
            "version": "HTTP/1.1",
            "host": "shop.example.com",
            "curl": format!("curl -X POST https://shop.example.com/buy/{problem}"),
            "headers": [["accept", "*/*"], ["user-agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"]],
        },
        "response": { "status": 500 },
        "origin": { "service": "shop", "release": "1.4.2", "host": "web-1", "pid": 4711 },
        "vitals": { "uptime_seconds": 93, "load": [0.1, 0.25, 1.75], "threads": 9 },
        "missing": [],
    });
    serde_json::from_value(value).unwrap()
}

/// The problem occurred so many times, with one occurrence to look at.
pub(crate) fn change(problem: u64, times: u64) -> Change {
    let mut change = Change::of(occurrence(problem));
    change.count(times - 1, Timestamp::now());
    change
}

/// The batches of one process.
pub(crate) struct Process {
    id: Uuid,
    number: AtomicU64,
}

impl Process {
    pub(crate) fn new() -> Self {
        Self {
            id: Uuid::new_v4(),
            number: AtomicU64::new(0),
        }
    }

    pub(crate) fn batch(&self, changes: Vec<Change>) -> Arc<Batch> {
        Arc::new(Batch {
            changes,
            now: Timestamp::now(),
            retention: Retention::new(),
            process: self.id,
            number: self.number.fetch_add(1, Ordering::Relaxed) + 1,
        })
    }
}

/// Tells of every problem that occurs for the first time.
pub(crate) fn tell_new() -> Decide {
    Arc::new(|touched: &mut [Touched<'_>]| {
        let new = touched
            .iter()
            .filter(|touched| touched.record.seen_before.is_none());
        let outgoing = new.map(|touched| Outgoing {
            notifier: "log".to_owned(),
            alert: Arc::new(alert(touched)),
        });
        outgoing.collect()
    })
}

fn alert(touched: &Touched<'_>) -> Alert {
    let value = json!({
        "id": Uuid::new_v4(),
        "time": Timestamp::now(),
        "reason": { "kind": "new" },
        "severity": "error",
        "issue": touched.record.issue,
        "occurrence": touched.change.newest,
        "held_back": 0,
    });
    serde_json::from_value(value).expect("it has the form of an alert")
}

pub(crate) fn opened(store: Postgres) -> Arc<Postgres> {
    store.open().unwrap();
    Arc::new(store)
}

/// Repeats a batch until it is taken, as the monitor does. Returns how often it had to.
pub(crate) async fn insist(store: &Postgres, batch: Arc<Batch>) -> (Committed, u32) {
    let mut failed = 0;
    let begun = Instant::now();
    loop {
        match store.commit(Arc::clone(&batch), tell_new()).await {
            Ok(committed) => return (committed, failed),
            Err(error) => {
                assert!(error.is_temporary() && begun.elapsed() < LONG, "{error}");
                failed += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

pub(crate) async fn count(store: &Postgres, problem: u64) -> Result<u64, StoreError> {
    let record: Option<Record> = store.record(fingerprint(problem)).await?;
    Ok(record.map_or(0, |record| record.issue.count))
}

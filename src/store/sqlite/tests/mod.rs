//! What the SQLite store promises, seen from inside: rows, bytes and pages. `tests/sqlite.rs` has what needs processes.

mod commits;
mod erased;
mod files;
mod kept;
mod waiting;

use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::issue::{Alert, Change, Reason, Severity};
use crate::store::{Outgoing, Touched};

/// Waits for a future without any runtime: that the store brings along what it needs.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn opened(folder: &TempDir) -> Sqlite {
    let store = Sqlite::new(folder.path().join("monitor.db"));
    store.open().unwrap();
    store
}

fn fresh() -> (TempDir, Sqlite) {
    let folder = folder();
    let store = opened(&folder);
    (folder, store)
}

/// Does something with the connection that writes.
fn inside<T: Send + 'static>(
    store: &Sqlite,
    work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
) -> T {
    wait(store.desks().unwrap().writer.ask(work)).unwrap()
}

fn sql(store: &Sqlite, sql: &'static str) {
    inside(store, move |file| file.execute_batch(sql));
}

fn count(store: &Sqlite, sql: &'static str) -> i64 {
    inside(store, move |file| file::number(file, sql))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_micros(second * 1_000_000)
}

fn problem(number: u64) -> Fingerprint {
    Fingerprint::from_u64(number)
}

/// As JSON, for tests that want to change it.
fn occurrence_json(problem: u64, second: i64) -> Value {
    let id = crate::request::RequestId::generate_uuid(at(second));
    json!({
        "id": id, "kind": "server_error", "fingerprint": self::problem(problem), "time": at(second),
        "origin": {"release": "1.0.0", "pid": 7, "platform": {}}, "vitals": {},
    })
}

fn occurrence(problem: u64, second: i64) -> Arc<Occurrence> {
    Arc::new(serde_json::from_value(occurrence_json(problem, second)).unwrap())
}

fn occurrence_of(problem: u64, second: i64, user: &str) -> Arc<Occurrence> {
    let mut json = occurrence_json(problem, second);
    json["request"] = json!({
        "id": "r-1", "started_at": at(second), "method": "POST", "path": "/buy", "version": "HTTP/1.1", "curl": "curl",
        "user": {"id": user, "name": format!("name-of-{user}")},
    });
    let occurrence: Occurrence = serde_json::from_value(json).unwrap();
    assert_eq!(occurrence.user_id(), Some(user));
    Arc::new(occurrence)
}

fn change(problem: u64, second: i64) -> Change {
    Change::of(occurrence(problem, second))
}

fn change_of(problem: u64, second: i64, user: &str) -> Change {
    let mut change = Change::of(occurrence_of(problem, second, user));
    change.users = vec![crate::issue::AffectedUser::new(user, at(second))];
    change.sketch.add(crate::issue::user_hash(user));
    change
}

fn counted(problem: u64, second: i64, times: u64) -> Change {
    let mut change = Change::review(self::problem(problem));
    change.count(times, at(second));
    change
}

fn batch(number: u64, changes: Vec<Change>) -> Batch {
    let seen = changes.iter().filter_map(|change| change.seen);
    Batch {
        now: seen.map(|seen| seen.1).max().unwrap_or(at(0)),
        changes,
        retention: Retention::new(),
        process: Uuid::from_u128(1),
        number,
    }
}

fn nothing() -> Decide {
    Arc::new(|_| Vec::new())
}

fn commit(store: &Sqlite, batch: Batch) -> Committed {
    wait(store.commit(Arc::new(batch), nothing())).unwrap()
}

fn alert(record: &Record, occurrence: &Arc<Occurrence>) -> Arc<Alert> {
    Arc::new(Alert {
        id: crate::request::RequestId::generate_uuid(at(1)),
        time: record.issue.last_seen,
        reason: Reason::New,
        severity: Severity::Error,
        issue: record.issue.clone(),
        occurrence: Arc::clone(occurrence),
        new_in_release: false,
        held_back: 0,
        lost: crate::loss::Losses::default(),
        also: Vec::new(),
        also_more: 0,
        desk: crate::issue::Desk::default(),
        memo: crate::issue::Memo::default(),
    })
}

/// Tells every problem that has an occurrence to show.
fn telling(notifier: &str) -> Decide {
    let notifier = notifier.to_owned();
    Arc::new(move |touched: &mut [Touched<'_>]| {
        let told = touched.iter().filter_map(|touched| {
            Some(Outgoing {
                notifier: notifier.clone(),
                alert: alert(&touched.record, touched.change.newest.as_ref()?),
            })
        });
        told.collect()
    })
}

fn record(store: &Sqlite, number: u64) -> Option<Record> {
    wait(store.record(problem(number))).unwrap()
}

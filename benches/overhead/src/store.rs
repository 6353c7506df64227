//! What it takes to remember: one occurrence, and a storm of a million failures.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower_monitor::issue::{AffectedUser, Change};
use tower_monitor::store::{Batch, Decide, Memory, Outgoing, Sqlite, Store};
use tower_monitor::{Alert, Occurrence, Retention, Timestamp};
use uuid::Uuid;

use crate::report::{Verdict, figure, grouped, must};

/// Commits of one occurrence, to [`Memory`] and to [`Sqlite`] in a folder, and a storm to `Sqlite`.
pub fn measure(folder: &Path) -> Verdict {
    let folder = folder.join(format!("tower-monitor-store-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder that can be written");
    let sizes: Vec<_> = (0..COMMITS).map(|at| body(at).to_string().len()).collect();
    println!(
        "{} commits of one occurrence of {} to {} bytes of JSON, of {PROBLEMS} problems:\n",
        grouped(COMMITS),
        grouped(sizes.iter().min().copied().unwrap_or(0) as u64),
        grouped(sizes.iter().max().copied().unwrap_or(0) as u64),
    );
    latencies("memory", &Memory::new(), Duration::ZERO);
    let store = Sqlite::new(folder.join("close.db"));
    let median = latencies("sqlite", &store, Duration::ZERO);
    let words = format!("{} µs", median.as_micros());
    let kept = must("sqlite, median", &words, "≤ 200 µs", median <= MOST);
    let store = Sqlite::new(folder.join("apart.db"));
    latencies("sqlite, 2 ms apart", &store, PAUSE);
    println!();
    storm(&folder.join("storm.db"));
    std::fs::remove_dir_all(&folder).expect("a folder of ours");
    Verdict::Kept.and(kept)
}

/// Prints the median and the 99th percentile, and returns the median.
fn latencies(name: &str, store: &impl Store, pause: Duration) -> Duration {
    store.open().expect("an empty folder");
    let runtime = runtime();
    let process = Uuid::from_u128(1);
    let mut latencies = Vec::new();
    let before = Io::now();
    for number in 0..COMMITS {
        let change = Change::of(occurrence(number));
        let batch = batch(process, number, vec![change]);
        std::thread::sleep(pause);
        let begun = Instant::now();
        let committed = runtime.block_on(store.commit(batch, nobody_is_told()));
        latencies.push(begun.elapsed());
        committed.expect("a disk with room");
    }
    let written = Io::now().since(&before);
    latencies.sort_unstable();
    let at = |share: f64| latencies[(latencies.len() as f64 * share) as usize];
    let words = format!(
        "median {} µs, p99 {} µs, longest {} µs; {} bytes in {} writes each",
        at(0.5).as_micros(),
        at(0.99).as_micros(),
        at(1.0 - f64::EPSILON).as_micros(),
        grouped(written.bytes / COMMITS),
        written.calls / COMMITS,
    );
    figure(name, &words);
    at(0.5)
}

/// A million failures of 20 problems in 20 seconds, as a process tells them: every problem once a second, three occurrences of
/// each in every ten seconds, and who was hit.
fn storm(path: &Path) {
    let store = Sqlite::new(path);
    store.open().expect("an empty folder");
    let runtime = runtime();
    let process = Uuid::from_u128(2);
    let (before, mut longest_log) = (Io::now(), 0);
    let mut took = Duration::ZERO;
    for second in 0..STORM_SECONDS {
        let changes = (0..STORM_PROBLEMS).map(|problem| {
            let number = second * STORM_PROBLEMS + problem;
            let one = occurrence_of(number, problem);
            let (fingerprint, time) = (one.fingerprint, one.time);
            let mut change = match second % 10 {
                0..3 => Change::of(one),
                _ => Change::review(fingerprint),
            };
            let per_second = FAILURES / STORM_SECONDS / STORM_PROBLEMS;
            change.count(per_second - change.count, time);
            let users = (0..10).map(|user| format!("user-{}", (number * 7 + user) % 500));
            change.users = users.map(|id| AffectedUser::new(id, time)).collect();
            change
        });
        let batch = batch(process, second, changes.collect());
        let decide = if second == 0 {
            all_are_told()
        } else {
            nobody_is_told()
        };
        let begun = Instant::now();
        let committed = runtime.block_on(store.commit(batch, decide));
        took += begun.elapsed();
        committed.expect("a disk with room");
        longest_log = longest_log.max(length(&path.with_extension("db-wal")));
    }
    let written = Io::now().since(&before);
    runtime.block_on(store.close()).expect("a disk with room");
    let closed = Io::now().since(&before);
    let issues = runtime.block_on(store.issues(100)).expect("a file");
    let counted: u64 = issues.iter().map(|issue| issue.count).sum();
    println!(
        "{} failures of {STORM_PROBLEMS} problems in {STORM_SECONDS} seconds:\n",
        grouped(FAILURES)
    );
    figure("counted", &grouped(counted));
    figure("commits", &grouped(STORM_SECONDS));
    let each = took / STORM_SECONDS as u32;
    figure("a commit took", &format!("{} µs", each.as_micros()));
    figure("bytes written", &grouped(written.bytes));
    figure(
        "bytes written, with the log moved into the file",
        &grouped(closed.bytes),
    );
    figure("calls to write", &grouped(closed.calls));
    figure("the log at its longest", &grouped(longest_log));
    figure("the file", &grouped(length(path)));
    assert_eq!(counted, FAILURES, "counts are exact");
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("an executor")
}

fn batch(process: Uuid, number: u64, changes: Vec<Change>) -> Arc<Batch> {
    Arc::new(Batch {
        changes,
        now: Timestamp::now(),
        retention: Retention::new(),
        process,
        number: number + 1,
    })
}

fn nobody_is_told() -> Decide {
    Arc::new(|_| Vec::new())
}

fn all_are_told() -> Decide {
    Arc::new(|touched| {
        let told = touched.iter().map(|touched| {
            let alert = json!({
                "id": touched.change.newest.as_ref().map(|newest| newest.id), "time": Timestamp::now(),
                "reason": {"kind": "new"}, "severity": "error", "issue": touched.record.issue,
                "occurrence": touched.change.newest, "held_back": 0,
            });
            let alert: Alert = serde_json::from_value(alert).expect("an alert");
            Outgoing {
                notifier: "ops".to_owned(),
                alert: Arc::new(alert),
            }
        });
        told.collect()
    })
}

fn occurrence(number: u64) -> Arc<Occurrence> {
    Arc::new(serde_json::from_value(body(number)).expect("an occurrence"))
}

fn occurrence_of(number: u64, problem: u64) -> Arc<Occurrence> {
    let mut body = body(number);
    body["fingerprint"] = format!("{:016x}", problem + 1).into();
    Arc::new(serde_json::from_value(body).expect("an occurrence"))
}

/// What a panic in a request looks like: a stack of 40 frames with source around the app's, 20 breadcrumbs and 15 headers.
fn body(number: u64) -> Value {
    let time = Timestamp::now();
    let frames: Vec<_> = (0..40).map(|depth| frame(number, depth)).collect();
    let breadcrumbs: Vec<_> = (0..20)
        .map(|at| {
            json!({
                "time": time, "level": "info", "target": "shop::cart",
                "message": format!("reserved item {} in warehouse {at}", number * 31 + at),
                "fields": {"item": (number * 31 + at).to_string(), "took_ms": (at * 3).to_string()},
            })
        })
        .collect();
    let headers: Vec<_> = (0..15)
        .map(|at| {
            json!([
                format!("x-header-{at}"),
                format!("a value of some length, {number} {at}")
            ])
        })
        .collect();
    json!({
        "id": Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(number)),
        "kind": "panic",
        "fingerprint": format!("{:016x}", (number % PROBLEMS + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        "time": time,
        "exceptions": [{
            "type": "panic", "message": format!("index out of bounds: the len is 3 but the index is {number}"),
            "location": {"file": "src/cart.rs", "line": 42, "column": 17}, "stack": {"frames": frames},
        }],
        "thread": "tokio-runtime-worker",
        "breadcrumbs": breadcrumbs,
        "spans": [{"name": "checkout", "target": "shop::cart", "fields": {"cart": number.to_string()}}],
        "request": {
            "id": "018f6a2e-7b1c-7d3e-9f00-0123456789ab", "started_at": time, "method": "POST",
            "path": format!("/buy/{number}"), "route": "/buy/{item}", "version": "HTTP/1.1", "host": "shop.example.org",
            "client_address": "192.0.2.7", "headers": headers,
            "curl": format!("curl -X POST https://shop.example.org/buy/{number} -H 'accept: */*'"),
            "user": {"id": format!("user-{}", number % 500), "name": "Uma Berg", "email": "uma@example.org"},
        },
        "response": {"status": 500},
        "origin": {"service": "shop", "release": "1.4.2", "pid": 4242, "platform": {}},
        "vitals": {"uptime_seconds": 86_400},
    })
}

fn frame(number: u64, depth: u64) -> Value {
    let in_app = depth < 12;
    let mut frame = json!({
        "function": format!("shop::cart::checkout::step_{depth}::{{{{closure}}}}"),
        "module": "shop::cart::checkout", "file": format!("src/cart/step_{depth}.rs"),
        "line": 10 + depth, "column": 9, "in_app": in_app, "inlined": depth.is_multiple_of(3),
        "address": format!("{:#x}", 0x5555_5555_0000_u64 + depth * 64 + number % 3),
    });
    if in_app {
        let line = |at: u64| {
            format!("        let price = items[{at}].price * items[{at}].amount; // step {depth}")
        };
        let lines = |from: u64| (from..from + 4).map(line).collect::<Vec<_>>();
        frame["source"] = json!({"before": lines(0), "line": line(4), "after": lines(5)});
    }
    frame
}

/// What the process has handed to the system to write, whichever file it was for.
struct Io {
    bytes: u64,
    calls: u64,
}

impl Io {
    fn now() -> Self {
        let text = std::fs::read_to_string("/proc/self/io").expect("writes are counted on Linux");
        let of = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
                .expect("a figure")
        };
        Self {
            bytes: of("wchar:"),
            calls: of("syscw:"),
        }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            bytes: self.bytes - before.bytes,
            calls: self.calls - before.calls,
        }
    }
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

const COMMITS: u64 = 3_000;
const PROBLEMS: u64 = 100;
const PAUSE: Duration = Duration::from_millis(2);
const MOST: Duration = Duration::from_micros(200);
const FAILURES: u64 = 1_000_000;
const STORM_PROBLEMS: u64 = 20;
const STORM_SECONDS: u64 = 20;

//! The SQLite store and processes: killed at any moment, two at once on one file, and a disk that refuses to take more.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::json;
use tower_monitor::issue::Change;
use tower_monitor::store::{Batch, Decide, Outgoing, Sqlite, Store, StoreError, Touched};
use tower_monitor::{Alert, Occurrence, Retention, Timestamp};
use uuid::Uuid;

#[test]
fn killed_at_any_moment_nothing_acknowledged_is_gone_and_nothing_is_there_by_halves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("monitor.db");
    let mut counted = 0;
    for round in 0..20_u64 {
        let mut process = Process::start("storm", &path);
        // Some while they open the file, most in a commit or between two.
        let begun = Instant::now();
        let patience = Duration::from_millis(round * round * 37 % 190);
        let mut acknowledged = 0;
        if round % 5 > 0 {
            process.says("acknowledged");
            acknowledged += 1;
        }
        std::thread::sleep(patience.saturating_sub(begun.elapsed()));
        process.child.kill().unwrap();
        acknowledged += process.rest().matches("acknowledged\n").count() as i64;

        let file = Connection::open(&path).unwrap();
        assert_eq!(text(&file, "PRAGMA integrity_check"), "ok");
        if number(&file, "PRAGMA user_version") == 0 {
            assert_eq!((counted, acknowledged), (0, 0));
            continue;
        }
        let now = number(&file, "SELECT coalesce(sum(count), 0) FROM issue");
        let came = now - counted;
        assert!(
            (acknowledged..=acknowledged + 1).contains(&came),
            "{came} of {acknowledged} acknowledged commits in round {round}"
        );
        counted = now;
        for (what, sql) in [
            ("alerts", "SELECT count(*) FROM outbox"),
            ("commits", "SELECT coalesce(sum(number), 0) FROM batch"),
        ] {
            assert_eq!(number(&file, sql), counted, "{what} in round {round}");
        }
        assert_eq!(
            number(&file, "SELECT coalesce(sum(bytes), 0) FROM occurrence"),
            number(&file, "SELECT bytes FROM total")
        );
    }
    assert!(counted > 100, "only {counted} commits in all");
}

#[test]
fn processes_that_begin_at_once_share_one_file_and_count_exactly() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("monitor.db");
        let mut processes: Vec<_> = (0..3).map(|_| Process::start("share", &path)).collect();
        for process in &mut processes {
            let rest = process.rest();
            assert!(rest.contains("done"), "{rest}");
            assert!(process.child.wait().unwrap().success());
        }
        let file = Connection::open(&path).unwrap();
        assert_eq!(text(&file, "PRAGMA integrity_check"), "ok");
        let counts = "SELECT count(*) FROM issue WHERE count = 3 * 40";
        assert_eq!(number(&file, counts), 5);
        assert_eq!(number(&file, "SELECT issues FROM total"), 5);
        // Whichever came first told of it.
        assert_eq!(number(&file, "SELECT count(*) FROM outbox"), 5);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_takes_no_more_is_said_and_recovered_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("monitor.db");
    let mut process = Process::start("fill", &path);
    let words = process.says("full");
    assert!(words.contains("monitor.db"), "{words}");
    let pid = process.child.id().to_string();
    let lifted = Command::new("prlimit")
        .args(["--pid", &pid, "--fsize=unlimited"])
        .status()
        .unwrap();
    assert!(lifted.success());
    let counted: i64 = process.says("counted").parse().unwrap();
    process.child.kill().unwrap();
    let file = Connection::open(&path).unwrap();
    assert_eq!(text(&file, "PRAGMA integrity_check"), "ok");
    assert_eq!(number(&file, "SELECT sum(count) FROM issue"), counted);
}

#[test]
#[ignore = "it is what the other tests start as a process"]
fn child() {
    let path = std::env::var_os(FILE).unwrap();
    let store = Sqlite::new(path).busy_timeout(Duration::from_secs(30));
    store.open().unwrap();
    let process = Uuid::new_v4();
    let batch = |number: u64, changes| Batch {
        changes,
        now: Timestamp::now(),
        retention: Retention::new(),
        process,
        number,
    };
    match &*std::env::var(ROLE).unwrap() {
        "storm" => {
            for number in 1.. {
                let changes = vec![change(number % 30, 5_000)];
                commit(&store, batch(number, changes), |_| true).unwrap();
                say("acknowledged");
                if number % 16 == 0 {
                    wait(store.tidy(Timestamp::now(), Retention::new())).unwrap();
                }
            }
        }
        "share" => {
            for number in 1..=40 {
                let changes = (0..5).map(|problem| change(problem, 100)).collect();
                let is_new = |touched: &Touched<'_>| touched.record.issue.count == 1;
                commit(&store, batch(number, changes), is_new).unwrap();
            }
            say("done");
        }
        "fill" => {
            let mut number = 0;
            let refused = loop {
                number += 1;
                let one = batch(number, vec![change(number, 100_000)]);
                if let Err(error) = commit(&store, one, |_| true) {
                    break error;
                }
            };
            assert!(refused.is_full(), "{refused}");
            say(&format!("full {refused}"));
            let refused = number;
            while let Err(error) = commit(
                &store,
                batch(refused, vec![change(refused, 100_000)]),
                |_| true,
            ) {
                assert!(error.is_full(), "{error}");
            }
            for number in refused + 1..=refused + 100 {
                commit(&store, batch(number, vec![change(number, 10_000)]), |_| {
                    true
                })
                .unwrap();
            }
            say(&format!("counted {}", refused + 100));
        }
        other => panic!("{other} is no role"),
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

fn commit(
    store: &Sqlite,
    batch: Batch,
    is_told: impl Fn(&Touched<'_>) -> bool + Send + Sync + 'static,
) -> Result<(), StoreError> {
    let decide: Decide = Arc::new(move |touched| {
        let told = touched.iter().filter(|touched| is_told(touched));
        told.map(|touched| Outgoing {
            notifier: "ops".to_owned(),
            alert: alert(touched),
        })
        .collect()
    });
    wait(store.commit(Arc::new(batch), decide)).map(drop)
}

fn change(problem: u64, bytes: usize) -> Change {
    let time = Timestamp::now();
    let occurrence = json!({
        "id": Uuid::new_v4(), "kind": "panic", "fingerprint": format!("{:016x}", problem + 1), "time": time,
        "origin": {"pid": 7, "platform": {}}, "vitals": {}, "missing": ["x".repeat(bytes)],
    });
    let occurrence: Occurrence = serde_json::from_value(occurrence).unwrap();
    Change::of(Arc::new(occurrence))
}

fn alert(touched: &Touched<'_>) -> Arc<Alert> {
    let alert = json!({
        "id": Uuid::new_v4(), "time": Timestamp::now(), "reason": {"kind": "new"}, "severity": "error",
        "issue": touched.record.issue, "occurrence": touched.change.newest, "held_back": 0,
    });
    Arc::new(serde_json::from_value(alert).unwrap())
}

/// One line for the process that started this one.
fn say(words: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{words}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// This program as a process of its own, in a role of [`child`]. It ends with this value.
struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Process {
    fn start(role: &str, path: &Path) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut command = match role {
            // A limit on the length of files, which shows as a failed write.
            "fill" => {
                let mut shell = Command::new("sh");
                let script = "trap '' XFSZ; ulimit -S -f 4096; exec \"$@\"";
                shell.args(["-c", script, "sh"]).arg(program);
                shell
            }
            _ => Command::new(program),
        };
        let mut child = command
            .args(["child", "--exact", "--include-ignored", "--nocapture"])
            .env(ROLE, role)
            .env(FILE, path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Waits for a line that begins with this word, and returns the rest of it.
    fn says(&mut self, word: &str) -> String {
        for line in self.lines.by_ref().lines() {
            if let Some(rest) = line.unwrap().strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
        panic!("it ended without `{word}`");
    }

    fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        rest
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn number(file: &Connection, sql: &str) -> i64 {
    file.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn text(file: &Connection, sql: &str) -> String {
    file.query_row(sql, [], |row| row.get(0)).unwrap()
}

const ROLE: &str = "TOWER_MONITOR_TEST_ROLE";
const FILE: &str = "TOWER_MONITOR_TEST_FILE";

//! Proves that a problem that hits two processes at the same moment is told once, with one PostgreSQL for both.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]
#![expect(clippy::print_stdout, reason = "the processes talk to the test")]

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use support::postgres;
use support::{LONG, text};
use tower::ServiceExt;
use tower_monitor::notify::{Budget, Channel};
use tower_monitor::store::Postgres;
use tower_monitor::{Alert, Monitor, Mute, Notifier, NotifyError, Policy};

struct Terminal;

impl Notifier for Terminal {
    fn name(&self) -> &str {
        "terminal"
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        println!("\nALERT {} {}", alert.issue.fingerprint, alert.reason);
        Ok(())
    }
}

/// One of the fleet: fails once for each line it is given, in the way that the line names.
#[test]
#[ignore = "the process that the other tests start"]
fn an_instance() {
    let Ok(url) = std::env::var("DATABASE_URL") else {
        return;
    };
    support::quiet();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let monitor = Monitor::builder()
        .no_audit()
        .store(Postgres::url(&url))
        .notifier(Channel::new(Terminal).budget(Budget::unlimited()))
        .policy(Policy::new().without_error_ratio())
        .group_by(|failure| Some(failure.request()?.path().to_owned()))
        .build()
        .unwrap();
    let app = Router::new()
        .route("/{problem}", get(|| async { panic!("expected") as () }))
        .layer(monitor.layer());
    println!("\nREADY");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let (times, problem) = line.split_once(' ').unwrap();
        runtime.block_on(async {
            for _ in 0..times.parse().unwrap() {
                let request = support::get(&format!("/{problem}"));
                let _ = text(app.clone().oneshot(request).await.unwrap()).await;
            }
            assert!(monitor.flush(LONG).await);
        });
        println!("\nDONE {problem}");
    }
    runtime.block_on(monitor.shutdown(LONG));
}

struct Instance {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// The problems that were told, as often as they were.
    told: Vec<String>,
}

impl Instance {
    fn start(url: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "an_instance", "--ignored", "--nocapture"])
            .env("DATABASE_URL", url)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = Vec::new();
        let mut instance = Self { child, lines, told };
        instance.until("READY");
        instance
    }

    fn fail(&mut self, times: u32, problem: &str) {
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{times} {problem}").unwrap();
        input.flush().unwrap();
    }

    fn until(&mut self, word: &str) {
        for line in &mut self.lines {
            let line = line.unwrap();
            if line == word {
                return;
            }
            if let Some(alert) = line.strip_prefix("ALERT ") {
                self.told.push(alert.to_owned());
            }
        }
        panic!("it ended before it said `{word}`");
    }

    /// Ends it, and returns what it told: `fingerprint reason` each.
    fn end(mut self) -> Vec<String> {
        drop(self.child.stdin.take());
        for line in &mut self.lines {
            let line = line.unwrap();
            let alert = line.strip_prefix("ALERT ");
            self.told.extend(alert.map(str::to_owned));
        }
        assert!(self.child.wait().unwrap().success());
        std::mem::take(&mut self.told)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn a_new_problem_that_hits_two_processes_at_once_is_told_once() {
    let Some(server) = postgres::shared() else {
        return;
    };
    let url = server.database("fleet");
    let mut fleet = [Instance::start(&url), Instance::start(&url)];
    let rounds = 200;
    for round in 0..rounds {
        let problem = format!("round-{round}");
        for instance in &mut fleet {
            instance.fail(1, &problem);
        }
        for instance in &mut fleet {
            instance.until(&format!("DONE {problem}"));
        }
    }
    let told = fleet.map(Instance::end).concat();
    let problems: BTreeSet<_> = told.iter().collect();
    assert_eq!((told.len(), problems.len()), (rounds, rounds), "{told:?}");
    let others = "SELECT count, kind, title, culprit FROM tower_monitor.issues WHERE count <> 2";
    assert_eq!(server.psql_in("fleet", others), "");
}

#[tokio::test]
async fn a_mute_holds_in_every_process_at_once() {
    let Some(server) = postgres::shared() else {
        return;
    };
    let url = server.database("muted");
    let mut instance = Instance::start(&url);
    instance.fail(1, "noise");
    instance.until("DONE noise");
    assert_eq!(instance.told.len(), 1);
    let monitor = Monitor::builder()
        .no_audit()
        .outside_requests(false)
        .store(Postgres::url(&url))
        .build()
        .unwrap();
    let fingerprint = monitor.issues().await.unwrap()[0].fingerprint;
    let hour = Mute::For(Duration::from_secs(3600));
    assert!(monitor.mute(fingerprint, hour).await.unwrap());
    instance.fail(150, "noise");
    instance.until("DONE noise");
    assert_eq!(instance.told.len(), 1, "neither the 10th nor the 100th");
    let issue = monitor.issue(fingerprint).await.unwrap().unwrap().issue;
    assert_eq!((issue.count, issue.state.as_str()), (151, "muted"));
    assert!(monitor.reopen(fingerprint).await.unwrap());
    instance.fail(900, "noise");
    instance.until("DONE noise");
    assert!(instance.end().len() > 1);
}

#[test]
fn the_example_plays_through() {
    let Some(server) = postgres::shared() else {
        return;
    };
    let output = Command::new(support::example::binary("fleet"))
        .env("DATABASE_URL", server.database("example"))
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert_eq!(said.matches("ALERT").count(), 2, "{said}");
    for words in [
        "is cold — new, ",
        "2. Counts add up: 8 times.",
        "   Told: 1 time\n4.",
        "is cold — back after it was resolved, 209 times in all",
        "5. In the end: 209 times, open.",
        "pager: 2 delivered, 0 waiting",
    ] {
        assert!(said.contains(words), "no `{words}` in\n{said}");
    }
}

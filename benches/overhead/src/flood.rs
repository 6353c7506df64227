//! A client that makes up problems: a hundred thousand different ones, and one real among them. What is kept stays within its
//! bounds, and the real one is told.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::{Router, routing::get};
use tower::Layer;
use tower_monitor::notify::{Budget, Capture, Channel};
use tower_monitor::store::Sqlite;
use tower_monitor::{Monitor, RequestContext, Retention, User};

use crate::load::{Browser, answer};
use crate::memory::{self, MIB};
use crate::report::{self, Verdict, grouped};

pub fn measure() -> Verdict {
    std::panic::set_hook(Box::new(|_| {}));
    let folder = std::env::temp_dir().join(format!("tower-monitor-flood-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the file");
    let file = folder.join("monitor.db");
    let runtime = tokio::runtime::Runtime::new().expect("an executor");
    let verdict = runtime.block_on(async {
        let alerts = Capture::new();
        let retention = Retention::new().max_issues(ISSUES).max_bytes(BYTES);
        let monitor = Monitor::builder()
            .no_audit()
            .store(Sqlite::new(&file))
            .retention(retention)
            // As a chat takes them: one a second, three at once.
            .notifier(Channel::new(alerts.clone()).budget(Budget::SLACK))
            .queue_length(100_000)
            // What nobody should do: a rule that lets clients make up problems.
            .group_by(|failure| Some(failure.request()?.path().to_owned()))
            .build()
            .expect("right settings");
        let app = Router::new()
            .route("/made-up/{word}", get(|| async { StatusCode::BAD_GATEWAY }))
            .route("/buy", get(buy));
        let service = monitor.layer().layer(app);
        let before = memory::resident();
        let start = Instant::now();
        for number in 0..PROBLEMS {
            let path = match number == PROBLEMS * 2 / 3 {
                true => "/buy".to_owned(),
                false => format!("/made-up/{number}"),
            };
            answer(&service, Browser::new(&path).request()).await;
            if number.is_multiple_of(20) {
                // Some five thousand in a second.
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
        }
        let took = start.elapsed();
        let flushed = monitor.flush(Duration::from_secs(120)).await;
        let growth = memory::peak().saturating_sub(before) as f64 / MIB;
        let all = alerts.alerts();
        let told: u64 = all.iter().map(tower_monitor::Alert::alerts).sum();
        let real = |title: &str| title.contains(REAL);
        let shown = all.iter().any(|alert| {
            real(&alert.issue.title) || alert.also.iter().any(|also| real(&also.title))
        });
        let issues = monitor.issues().await.map_or(0, |issues| issues.len());
        let _ = monitor.shutdown(Duration::from_secs(30)).await;
        let size: u64 = std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()))
            .sum();
        let size = size as f64 / MIB;
        println!(
            "{} different problems, one of them real:\n",
            grouped(PROBLEMS)
        );
        report::figure("took", &format!("{:.0} s", took.as_secs_f64()));
        report::figure("losses", &format!("{:?}", monitor.losses()));
        report::figure("messages", &all.len().to_string());
        report::figure("alerts in them", &grouped(told));
        [
            report::must("flushed", &flushed.to_string(), "true", flushed),
            report::must("the real one is named", &shown.to_string(), "true", shown),
            report::must(
                "issues kept",
                &issues.to_string(),
                &format!("≤ {ISSUES}"),
                issues <= ISSUES,
            ),
            report::must(
                "the file",
                &format!("{size:.1} MiB"),
                &format!("≤ {MOST_FILE} MiB"),
                size <= MOST_FILE,
            ),
            report::must(
                "growth of the memory at its peak",
                &format!("{growth:.1} MiB"),
                &format!("≤ {MOST_GROWTH} MiB"),
                growth <= MOST_GROWTH,
            ),
        ]
        .into_iter()
        .fold(Verdict::Kept, Verdict::and)
    });
    let _ = std::fs::remove_dir_all(&folder);
    verdict
}

async fn buy(context: RequestContext) -> StatusCode {
    context.set_user(User::new("42").name("Uma Berg").email("uma@example.org"));
    panic!("{REAL}")
}

const PROBLEMS: u64 = 100_000;
const REAL: &str = "the till is on fire";
const ISSUES: usize = 1_000;
const BYTES: u64 = 16 * 1024 * 1024;
/// The occurrences, twice that for issues, indexes and free pages, and the log of SQLite.
const MOST_FILE: f64 = 64.0;
const MOST_GROWTH: f64 = 128.0;

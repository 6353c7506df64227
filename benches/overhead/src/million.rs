//! A million failures of twenty problems, through everything, into SQLite: exact counts, few alerts, a small file.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::{Router, extract::Path, routing::get};
use tower::Layer;
use tower_monitor::Monitor;
use tower_monitor::notify::Capture;
use tower_monitor::store::Sqlite;

use crate::load::{Browser, answer};
use crate::memory::{self, MIB};
use crate::report::{self, Verdict, grouped};

pub fn measure() -> Verdict {
    std::panic::set_hook(Box::new(|_| {}));
    let folder = std::env::temp_dir().join(format!("tower-monitor-million-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the file");
    let runtime = tokio::runtime::Runtime::new().expect("an executor");
    let verdict = runtime.block_on(async {
        let alerts = Capture::new();
        let monitor = Monitor::builder()
            .no_audit()
            .store(Sqlite::new(folder.join("monitor.db")))
            .notifier(alerts.clone())
            .group_by(|failure| Some(failure.request()?.path().to_owned()))
            .build()
            .expect("right settings");
        let app = Router::new().route("/fails/{problem}", get(fails));
        let service = Arc::new(monitor.layer().layer(app));
        let before = memory::resident();
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let service = Arc::clone(&service);
                tokio::spawn(async move {
                    let browsers: Vec<_> = (0..PROBLEMS)
                        .map(|problem| Browser::new(&format!("/fails/{problem}")))
                        .collect();
                    for request in (task..FAILURES).step_by(TASKS as usize) {
                        let browser = &browsers[(request / TASKS % PROBLEMS) as usize];
                        answer(&*service, browser.request()).await;
                        if request.is_multiple_of(97) {
                            tokio::task::yield_now().await;
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("the panics stay inside");
        }
        let took = start.elapsed();
        let flushed = monitor.flush(Duration::from_secs(60)).await;
        let growth = memory::peak().saturating_sub(before) as f64 / MIB;
        let issues = monitor.issues().await.unwrap_or_default();
        let failed = |title: &str| !title.starts_with("errors");
        let counts: Vec<_> = issues
            .iter()
            .filter(|it| failed(&it.title))
            .map(|it| it.count)
            .collect();
        let each = FAILURES / PROBLEMS;
        let exact = counts.len() as u64 == PROBLEMS && counts.iter().all(|count| *count == each);
        let told = alerts.alerts();
        let most = issues
            .iter()
            .filter(|it| failed(&it.title))
            .map(|it| {
                told.iter()
                    .filter(|alert| alert.issue.fingerprint == it.fingerprint)
                    .count()
            })
            .max()
            .unwrap_or_default();
        println!(
            "{} failures of {PROBLEMS} problems, in {:.0} s, {} a second:\n",
            grouped(FAILURES),
            took.as_secs_f64(),
            grouped((FAILURES as f64 / took.as_secs_f64()) as u64)
        );
        report::figure("losses", &format!("{:?}", monitor.losses()));
        report::figure(
            "growth of the memory at its peak",
            &format!("{growth:.1} MiB"),
        );
        let _ = monitor.shutdown(Duration::from_secs(30)).await;
        [
            report::must("flushed", &flushed.to_string(), "true", flushed),
            report::must("counts are exact", &exact.to_string(), "true", exact),
            report::must(
                "alerts of one problem, at most",
                &most.to_string(),
                "1 to 7",
                (1..=7).contains(&most),
            ),
        ]
        .into_iter()
        .fold(Verdict::Kept, Verdict::and)
    });
    let _ = std::fs::remove_dir_all(&folder);
    verdict
}

async fn fails(Path(problem): Path<u64>) -> String {
    panic!("problem number {problem}")
}

const FAILURES: u64 = 1_000_000;
const PROBLEMS: u64 = 20;
const TASKS: u64 = 8;

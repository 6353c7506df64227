//! Every request panics, all at one place: nothing may be lost, nobody flooded, and the memory stays where it is.

use std::time::{Duration, Instant};

use axum::{Router, routing::get};
use tower::Layer;
use tower_monitor::Monitor;
use tower_monitor::notify::Capture;

use crate::load::{Browser, Served, answer};
use crate::memory::{self, MIB};
use crate::report::{self, Verdict, grouped};

pub const REQUESTS: usize = 200_000;

pub fn measure(requests: usize) -> Verdict {
    let per_task = requests / TASKS;
    let requests = per_task * TASKS;
    // Set before the monitor's own hook, which calls it: a line on stderr for each panic would be all that is measured.
    std::panic::set_hook(Box::new(|_| {}));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("an executor");
    runtime.block_on(async {
        let alerts = Capture::new();
        let monitor = Monitor::builder()
            .service("overhead")
            .notifier(alerts.clone())
            .build()
            .expect("right settings");
        let app = Router::new().route("/storm", get(panics));
        let service = monitor.layer().layer(app);

        // Written once, so that the pages are there before the memory is looked at.
        let room = || vec![u64::MAX; per_task];
        let rooms: Vec<Vec<u64>> = (0..TASKS).map(|_| room()).collect();
        let before = memory::resident();
        let start = Instant::now();
        let tasks: Vec<_> = rooms
            .into_iter()
            .map(|room| tokio::spawn(task(service.clone(), room)))
            .collect();
        let mut latencies = Vec::new();
        let mut whole = Vec::new();
        for task in tasks {
            whole.push(task.await.expect("the panics stay inside"));
        }
        let took = start.elapsed();
        let flushed = monitor.flush(Duration::from_secs(60)).await;
        let (after, peak) = (memory::resident(), memory::peak());
        for mut part in whole {
            latencies.append(&mut part);
        }
        latencies.sort_unstable();

        println!(
            "{} requests panic at one place, {TASKS} tasks:\n",
            grouped(requests as u64)
        );
        let issues = monitor.issues().await.unwrap_or_default();
        let count = issues.first().map_or(0, |issue| issue.count);
        let growth = peak.saturating_sub(before) as f64 / MIB;
        let told = alerts.alerts().len();
        let kept = [
            report::must("flushed", &flushed.to_string(), "true", flushed),
            report::must("issues", &issues.len().to_string(), "1", issues.len() == 1),
            report::must(
                "count of the issue",
                &grouped(count),
                &grouped(requests as u64),
                count == requests as u64,
            ),
            report::must(
                "alerts",
                &told.to_string(),
                &format!("1 to {MOST_ALERTS}"),
                (1..=MOST_ALERTS).contains(&told),
            ),
            report::must(
                "growth of the memory at its peak",
                &format!("{growth:.1} MiB"),
                &format!("< {MOST_GROWTH} MiB"),
                growth < MOST_GROWTH,
            ),
        ];
        let left = (after as f64 - before as f64) / MIB;
        report::figure("growth of the memory afterwards", &format!("{left:.1} MiB"));
        report::figure("losses", &format!("{:?}", monitor.losses()));
        let rate = requests as f64 / took.as_secs_f64();
        report::figure("panics per second", &grouped(rate as u64));
        for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
            let at = ((latencies.len() as f64 * share) as usize).min(latencies.len() - 1);
            let micros = latencies[at] as f64 / 1_000.0;
            report::figure(&format!("latency, {name}"), &format!("{micros:.1} µs"));
        }
        kept.into_iter().fold(Verdict::Kept, Verdict::and)
    })
}

/// Fills `latencies`, in nanoseconds.
async fn task<S: Served>(service: S, mut latencies: Vec<u64>) -> Vec<u64> {
    let browser = Browser::new("/storm");
    for latency in &mut latencies {
        let start = Instant::now();
        let length = answer(&service, browser.request()).await;
        *latency = start.elapsed().as_nanos() as u64;
        assert!(length > 0, "the client gets a page");
        tokio::task::yield_now().await;
    }
    latencies
}

async fn panics() -> String {
    panic!("the storm")
}

const TASKS: usize = 8;
const MOST_ALERTS: usize = 7;
const MOST_GROWTH: f64 = 32.0;

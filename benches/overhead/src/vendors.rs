//! Whether requests notice that the vendors fail: the same load beside notifiers that work, and beside some that fail in every way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::{Router, routing::get};
use tower::Layer;
use tower_monitor::{Alert, Monitor, Notifier, NotifyError};

use crate::load::{Browser, Served, answer};
use crate::report::{self, Verdict, grouped};

/// One way in which a vendor answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Works,
    Unavailable,
    Hangs,
    Resets,
    Garbage,
    Busy,
}

struct Vendor {
    way: Way,
    asked: Arc<AtomicU64>,
}

impl Notifier for Vendor {
    fn name(&self) -> &str {
        match self.way {
            Way::Works => "works",
            Way::Unavailable => "unavailable",
            Way::Hangs => "hangs",
            Way::Resets => "resets",
            Way::Garbage => "garbage",
            Way::Busy => "busy",
        }
    }

    async fn notify(&self, _: &Alert) -> Result<(), NotifyError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.way {
            Way::Works => Ok(()),
            Way::Unavailable => Err(NotifyError::temporary("503 Service Unavailable")),
            Way::Hangs => std::future::pending().await,
            Way::Resets => Err(NotifyError::temporary("connection reset by peer")),
            Way::Garbage => Err(NotifyError::temporary("the answer is no HTTP")),
            Way::Busy => {
                let busy = NotifyError::temporary("429 Too Many Requests");
                Err(busy.retry_after(Duration::from_secs(1)))
            }
        }
    }
}

pub fn measure() -> Verdict {
    std::panic::set_hook(Box::new(|_| {}));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("an executor");
    let asked = Arc::new(AtomicU64::new(0));
    let all = [
        Way::Unavailable,
        Way::Hangs,
        Way::Resets,
        Way::Garbage,
        Way::Busy,
    ];
    let healthy = service(&all.map(|_| Way::Works), &Arc::default());
    let failing = service(&all, &asked);
    runtime.block_on(async {
        // A problem that nobody had before for each.
        let mut numbers = 0_u64..;
        let (mut well, mut ill) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let one = p99(&healthy, &mut numbers).await;
            let other = p99(&failing, &mut numbers).await;
            // The first round finds cold caches.
            if round > 0 {
                well.push(one);
                ill.push(other);
            }
        }
        let mut ratios: Vec<f64> = well.iter().zip(&ill).map(|(well, ill)| ill / well).collect();
        println!(
            "{} rounds of {} requests each, one in {FAILS} of which fails, one in {IS_NEW} in a new way:\n",
            ROUNDS,
            grouped(REQUESTS)
        );
        report::figure("p99 beside vendors that work", &format!("{:.1} µs", median(&mut well)));
        report::figure("p99 beside vendors that fail", &format!("{:.1} µs", median(&mut ill)));
        report::figure("calls that failed", &grouped(asked.load(Ordering::Relaxed)));
        let ratio = median(&mut ratios);
        let is_kept = ratio <= MOST;
        let kept = report::must("ratio of the p99, median", &format!("{ratio:.3}"), &format!("≤ {MOST}"), is_kept);
        Verdict::Kept.and(kept)
    })
}

fn service(ways: &[Way], asked: &Arc<AtomicU64>) -> (Monitor, impl Served) {
    let mut builder = Monitor::builder().no_audit();
    for way in ways {
        let asked = Arc::clone(asked);
        builder = builder.notifier(Vendor { way: *way, asked });
    }
    let monitor = builder
        .group_by(|failure| Some(failure.request()?.path().to_owned()))
        .build()
        .expect("right settings");
    let app = Router::new()
        .route("/works", get(|| async { "fine" }))
        .route(
            "/fails/{problem}",
            get(|| async { StatusCode::BAD_GATEWAY }),
        );
    let service = monitor.layer().layer(app);
    (monitor, service)
}

/// In microseconds.
async fn p99<S: Served>(
    (_monitor, service): &(Monitor, S),
    numbers: &mut impl Iterator<Item = u64>,
) -> f64 {
    let works = Browser::new("/works");
    let mut latencies = VecDeque::new();
    for request in 0..REQUESTS {
        let browser = match request {
            _ if request % IS_NEW == 0 => {
                let number = numbers.next().unwrap_or_default();
                Some(Browser::new(&format!("/fails/{number}")))
            }
            _ if request % FAILS == 0 => Some(Browser::new("/fails/again")),
            _ => None,
        };
        let request = browser.as_ref().unwrap_or(&works).request();
        let start = Instant::now();
        answer(service, request).await;
        latencies.push_back(start.elapsed());
        if latencies.len().is_multiple_of(64) {
            tokio::task::yield_now().await;
        }
    }
    let latencies = latencies.make_contiguous();
    latencies.sort_unstable();
    latencies[latencies.len() * 99 / 100].as_secs_f64() * 1e6
}

fn median(all: &mut [f64]) -> f64 {
    all.sort_unstable_by(f64::total_cmp);
    all[all.len() / 2]
}

const ROUNDS: usize = 21;
const REQUESTS: u64 = 20_000;
const FAILS: u64 = 20;
const IS_NEW: u64 = 1_000;
const MOST: f64 = 1.05;

//! One column in a process of its own: global state of one never meets another's.

use std::process::{Command, Stdio};
use std::time::Instant;

use tower_monitor::Monitor;

use crate::alloc;
use crate::columns::{Column, Work, settle};
use crate::load::{Browser, PATH, Served, on_this_thread, serve};
use crate::report::Verdict;

/// What one process has measured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    pub requests: u64,
    pub allocations: u64,
    pub bytes: u64,
    pub nanos: u64,
    /// What the monitor dropped; a sample with losses has not measured everything.
    pub lost: u64,
}

/// Serves the requests and prints the sample.
pub fn child(column: Column, requests: usize, count: bool) -> Verdict {
    let sample = column.build(Measure { requests, count });
    println!(
        "{} {} {} {} {}",
        sample.requests, sample.allocations, sample.bytes, sample.nanos, sample.lost
    );
    Verdict::Kept
}

/// Prints where one request allocates.
pub fn trace(column: Column) -> Verdict {
    column.build(Trace);
    Verdict::Kept
}

/// Has a new process of this program measure.
pub fn measure(column: Column, requests: usize, count: bool) -> Sample {
    let output = Command::new(std::env::current_exe().expect("this program's path"))
        .args([if count { "count" } else { "run" }, column.name()])
        .arg(requests.to_string())
        .stderr(Stdio::inherit())
        .output()
        .expect("this program runs");
    assert!(output.status.success(), "{column:?} failed");
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<u64> = text
        .split_whitespace()
        .filter_map(|figure| figure.parse().ok())
        .collect();
    let [requests, allocations, bytes, nanos, lost] = figures[..] else {
        panic!("{column:?} printed {text:?}");
    };
    Sample {
        requests,
        allocations,
        bytes,
        nanos,
        lost,
    }
}

struct Measure {
    requests: usize,
    count: bool,
}

impl Work for Measure {
    type Out = Sample;

    fn on<S: Served>(self, service: S, monitor: Option<Monitor>) -> Sample {
        on_this_thread(async {
            let browser = Browser::new(PATH);
            serve(&service, &browser, WARM_UP).await;
            settle(monitor.as_ref()).await;
            alloc::count(self.count);
            let before = alloc::totals();
            let start = Instant::now();
            let mut left = self.requests;
            while left > 0 {
                let batch = left.min(BATCH);
                serve(&service, &browser, batch).await;
                settle(monitor.as_ref()).await;
                left -= batch;
            }
            let nanos = start.elapsed().as_nanos() as u64;
            alloc::count(false);
            let after = alloc::totals();
            Sample {
                requests: self.requests as u64,
                allocations: after.0 - before.0,
                bytes: after.1 - before.1,
                nanos,
                lost: monitor.map_or(0, |monitor| monitor.losses().total()),
            }
        })
    }
}

struct Trace;

impl Work for Trace {
    type Out = ();

    fn on<S: Served>(self, service: S, monitor: Option<Monitor>) {
        let browser = Browser::new(PATH);
        on_this_thread(async {
            serve(&service, &browser, WARM_UP).await;
            settle(monitor.as_ref()).await;
        });
        on_this_thread(async {
            let request = browser.request();
            let one = crate::load::answer(&service, request);
            let mut one = std::pin::pin!(one);
            std::future::poll_fn(|context| alloc::traced(|| one.as_mut().poll(context))).await;
            settle(monitor.as_ref()).await;
        });
    }
}

const WARM_UP: usize = 1_000;
/// So many records fit into the audit's queue: in a loop without a network, the load is faster than any disk.
pub const BATCH: usize = 4_000;

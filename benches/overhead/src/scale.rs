//! Two threads against one: whatever the request path shares, a lock or a busy cache line, shows here.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::time::Instant;

use tower_monitor::Monitor;

use crate::columns::{Column, Work, settle};
use crate::load::{Browser, PATH, Served, on_this_thread, serve};
use crate::report::{self, Verdict, grouped};

/// Compares the best of many short batches, as whatever else runs on the machine can only make a batch worse.
///
/// The rounds are interleaved, so that all columns see the same machine.
pub fn measure() -> Verdict {
    let mut best = COLUMNS.map(|_| [0.0_f64; 2]);
    for _ in 0..ROUNDS {
        for (column, best) in COLUMNS.into_iter().zip(&mut best) {
            for (best, seen) in best.iter_mut().zip(column.build(Load)) {
                *best = best.max(seen);
            }
        }
    }
    let batches = grouped((ROUNDS * BATCHES) as u64);
    println!("Requests per second of one thread and of two, the best of {batches} batches each:\n");
    let mut verdict = Verdict::Kept;
    for (column, [one, two]) in COLUMNS.into_iter().zip(best) {
        let ratio = two / one;
        let (one, two) = (grouped(one as u64), grouped(two as u64));
        let figure = format!("{one} and {two}, ratio {ratio:.2}");
        if column == Column::Bare {
            report::figure(column.title(), &figure);
        } else {
            let rule = format!("≥ {LEAST}");
            verdict = verdict.and(report::must(column.title(), &figure, &rule, ratio >= LEAST));
        }
    }
    verdict
}

struct Load;

impl Work for Load {
    type Out = [f64; 2];

    fn on<S: Served>(self, service: S, monitor: Option<Monitor>) -> [f64; 2] {
        // The first one warms up.
        let [_, one, two] = [1, 1, 2].map(|threads| best_rate(&service, &monitor, threads));
        [one, two]
    }
}

/// Requests per second of all threads together, in the best batch.
fn best_rate<S: Served>(service: &S, monitor: &Option<Monitor>, threads: usize) -> f64 {
    let barrier = Arc::new(Barrier::new(threads));
    let arrived = Arc::new(AtomicUsize::new(0));
    let running: Vec<_> = (0..threads)
        .map(|index| {
            let (service, monitor) = (service.clone(), monitor.clone());
            let (barrier, arrived) = (Arc::clone(&barrier), Arc::clone(&arrived));
            std::thread::spawn(move || {
                let browser = Browser::new(PATH);
                let mut batches = Vec::new();
                on_this_thread(async {
                    for number in 1..=BATCHES {
                        barrier.wait();
                        // The barrier wakes one after the other; here they meet.
                        arrived.fetch_add(1, SeqCst);
                        while arrived.load(SeqCst) < number * threads {
                            std::hint::spin_loop();
                        }
                        let start = Instant::now();
                        serve(&service, &browser, BATCH).await;
                        batches.push((start, Instant::now()));
                        barrier.wait();
                        // The writer catches up while nobody measures, so that its queue never overflows.
                        if index == 0 {
                            settle(monitor.as_ref()).await;
                        }
                    }
                });
                batches
            })
        })
        .collect();
    let batches: Vec<Vec<(Instant, Instant)>> = running
        .into_iter()
        .map(|thread| thread.join().expect("no thread panics"))
        .collect();
    let seconds = (0..BATCHES).filter_map(|number| {
        // From the start of the first thread to the end of the last.
        let start = batches.iter().map(|thread| thread[number].0).min()?;
        let end = batches.iter().map(|thread| thread[number].1).max()?;
        Some((end - start).as_secs_f64())
    });
    (threads * BATCH) as f64 / seconds.fold(f64::INFINITY, f64::min)
}

const COLUMNS: [Column; 3] = [Column::Bare, Column::Monitor, Column::Everything];
const ROUNDS: usize = 15;
const BATCHES: usize = 200;
/// About a millisecond: shorter than what a scheduler gives a thread at a time.
const BATCH: usize = 500;
const LEAST: f64 = 1.8;

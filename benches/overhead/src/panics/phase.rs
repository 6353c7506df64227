//! What one process measures: its first panic, some with time between them, a storm, or how soon somebody is told.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tower_monitor::Monitor;

use super::app::{PANICKED, browser, browsers};
use super::column::{Column, TOLD};
use crate::columns::{Work, settle};
use crate::load::{Browser, PATH, Served, answer, on_this_thread, serve};

/// What a process does; its figures are nanoseconds unless something else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The time of the process's first panic.
    First,
    /// The times of [`PACED`] panics with a pause before each.
    Paced,
    /// See [`Storm`].
    Storm,
    /// The times from a panic to the call of the notifier.
    Told,
}

impl Phase {
    const ALL: [(&'static str, Self); 4] = [
        ("first", Self::First),
        ("paced", Self::Paced),
        ("storm", Self::Storm),
        ("told", Self::Told),
    ];

    pub fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, phase)| phase)
    }

    /// Has a new process of this program measure.
    pub fn measure(self, column: Column) -> Vec<u64> {
        let name = Self::ALL.into_iter().find(|(_, phase)| *phase == self);
        let program = std::env::current_exe().expect("this program's path");
        let mut command = Command::new(program);
        command
            .args(["panics", name.expect("each has a name").0, column.name()])
            // Where std's hook writes to.
            .stderr(Stdio::null());
        column.environment(&mut command);
        let output = command.output().expect("this program runs");
        assert!(output.status.success(), "{self:?} of {column:?} failed");
        let text = String::from_utf8_lossy(&output.stdout);
        text.split_whitespace()
            .map(|figure| figure.parse().expect("a figure"))
            .collect()
    }
}

/// The figures of a storm.
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    /// The median of the times that the panicking requests held their thread.
    pub median: u64,
    pub p99: u64,
    /// For each panic of the whole process.
    pub nanos_per_panic: u64,
    /// Of other requests, from their arrival at the executor to their answer.
    pub bystander_p99: u64,
    pub lost: u64,
}

impl Storm {
    pub fn measure(column: Column) -> Self {
        let figures = Phase::Storm.measure(column);
        let [median, p99, nanos_per_panic, bystander_p99, lost] = figures[..] else {
            panic!("{column:?} gave {figures:?}");
        };
        Self {
            median,
            p99,
            nanos_per_panic,
            bystander_p99,
            lost,
        }
    }
}

/// Measures, and prints the figures.
pub fn child(phase: Phase, column: Column) {
    let figures = column.build(Measure { phase, column });
    let figures: Vec<_> = figures.iter().map(u64::to_string).collect();
    println!("{}", figures.join(" "));
}

/// The figure that `share` of all are not above.
pub fn percentile(figures: &mut [u64], share: f64) -> u64 {
    figures.sort_unstable();
    let at = (figures.len() as f64 * share) as usize;
    figures[at.min(figures.len() - 1)]
}

/// Panics so often on this thread, for profilers, and prints what was lost.
pub fn run(column: Column, panics: usize) {
    println!("{}", column.build(Run(panics)));
}

struct Run(usize);

impl Work for Run {
    type Out = u64;

    fn on<S: Served>(self, service: S, monitor: Option<Monitor>) -> u64 {
        let browser = browser(0, 0);
        on_this_thread(async {
            for panic in 0..self.0 {
                answer(&service, browser.request()).await;
                if panic % BATCH == 0 {
                    settle(monitor.as_ref()).await;
                }
            }
            settle(monitor.as_ref()).await;
        });
        monitor.map_or(0, |monitor| monitor.losses().total())
    }
}

struct Measure {
    phase: Phase,
    column: Column,
}

impl Work for Measure {
    type Out = Vec<u64>;

    fn on<S: Served>(self, service: S, monitor: Option<Monitor>) -> Vec<u64> {
        on_this_thread(serve(&service, &Browser::new(PATH), 100));
        // The background threads have begun.
        std::thread::sleep(Duration::from_millis(50));
        match self.phase {
            Phase::First => vec![on_this_thread(held(&service, &browser(0, 0)))],
            Phase::Paced => on_this_thread(paced(&service)),
            Phase::Storm => storm(&service, self.column, monitor.as_ref()),
            Phase::Told => on_this_thread(told(&service)),
        }
    }
}

/// How long the request holds its thread: nothing in it waits.
async fn held<S: Served>(service: &S, browser: &Browser) -> u64 {
    let request = browser.request();
    let start = Instant::now();
    answer(service, request).await;
    start.elapsed().as_nanos() as u64
}

/// Each of the problems three times: as often as one problem travels whole in one window of the monitor.
async fn paced<S: Served>(service: &S) -> Vec<u64> {
    let browsers = browsers();
    let mut times = Vec::with_capacity(PACED);
    for browser in browsers.iter().cycle().take(PACED) {
        std::thread::sleep(PAUSE);
        times.push(held(service, browser).await);
    }
    // The first ones made room for themselves.
    times.split_off(WARM_UP)
}

fn storm<S: Served>(service: &S, column: Column, monitor: Option<&Monitor>) -> Vec<u64> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("an executor");
    let each = panics(column) / TASKS;
    let gust = |each: usize, until: Option<&Arc<AtomicBool>>| {
        let tasks = (0..TASKS).map(|_| runtime.spawn(task(service.clone(), each, until.cloned())));
        tasks.collect::<Vec<_>>()
    };
    let ends = |tasks: Vec<tokio::task::JoinHandle<Vec<u64>>>| -> Vec<u64> {
        let times = tasks.into_iter().map(|task| {
            let times = runtime.block_on(task);
            times.expect("the panics stay inside")
        });
        times.flatten().collect()
    };
    ends(gust(each / 10, None));
    // The symbols of the first ones are read: once in a process, not once in a storm.
    runtime.block_on(settle(monitor));

    let start = Instant::now();
    let mut times = ends(gust(each, None));
    let nanos = start.elapsed().as_nanos() as u64;

    let over = Arc::new(AtomicBool::new(false));
    let tasks = gust(usize::MAX, Some(&over));
    let mut bystanders = bystanders(service, &runtime);
    over.store(true, Relaxed);
    ends(tasks);
    vec![
        percentile(&mut times, 0.5),
        percentile(&mut times, 0.99),
        nanos / times.len() as u64,
        percentile(&mut bystanders, 0.99),
        monitor.map_or(0, |monitor| monitor.losses().total()),
    ]
}

/// Panics so many times, or until it is told to stop.
async fn task<S: Served>(service: S, panics: usize, until: Option<Arc<AtomicBool>>) -> Vec<u64> {
    let browser = browser(0, 0);
    let goes_on = || until.as_ref().is_none_or(|over| !over.load(Relaxed));
    let mut times = Vec::new();
    for _ in 0..panics {
        if !goes_on() {
            break;
        }
        times.push(held(&service, &browser).await);
        tokio::task::yield_now().await;
    }
    times
}

/// Requests that go well, each as a task of its own, as a server makes them of connections.
fn bystanders<S: Served>(service: &S, runtime: &tokio::runtime::Runtime) -> Vec<u64> {
    let requests = (0..BYSTANDERS).map(|_| {
        std::thread::sleep(Duration::from_micros(500));
        let (service, request) = (service.clone(), Browser::new(PATH).request());
        let start = Instant::now();
        runtime.spawn(async move {
            answer(&service, request).await;
            start.elapsed().as_nanos() as u64
        })
    });
    let requests: Vec<_> = requests.collect();
    let ended = requests
        .into_iter()
        .map(|request| runtime.block_on(request));
    ended.map(|time| time.expect("an answer")).collect()
}

/// Each problem once, as only the first of each is told at once.
async fn told<S: Served>(service: &S) -> Vec<u64> {
    let mut times = Vec::new();
    for browser in browsers() {
        std::thread::sleep(PAUSE);
        TOLD.store(0, Relaxed);
        answer(service, browser.request()).await;
        let limit = Instant::now() + Duration::from_secs(5);
        while TOLD.load(Relaxed) == 0 {
            assert!(Instant::now() < limit, "nobody was told");
            std::thread::sleep(Duration::from_micros(100));
        }
        times.push(TOLD.load(Relaxed) - PANICKED.load(Relaxed));
    }
    times.split_off(WARM_UP)
}

fn panics(column: Column) -> usize {
    if column.is_slow() { 800 } else { 40_000 }
}

const TASKS: usize = 8;
/// With the warm-up. 9 places, 16 words at each, three times.
const PACED: usize = 9 * 16 * 3;
const WARM_UP: usize = 16;
const PAUSE: Duration = Duration::from_millis(1);
const BYSTANDERS: usize = 1_000;
/// So many records fit into the audit's queue.
const BATCH: usize = 1_000;

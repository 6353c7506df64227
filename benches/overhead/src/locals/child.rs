//! What one process measures: its first panic, later ones, errors, threads that panic together, and what is kept.

use std::backtrace::Backtrace;
use std::panic;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use sentry::ClientOptions;
use tower::Layer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_monitor::locals::Locals;
use tower_monitor::notify::{Budget, Takes};
use tower_monitor::{Alert, Monitor, Notifier, NotifyError, Policy};

use super::app::{self, Shop, WAYS};
use crate::alloc;
use crate::columns::{Nowhere, settle};
use crate::load::{Browser, PATH, Served, answer, on_this_thread, serve};

/// Who looks at the panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The monitor, without variables.
    Plain,
    /// The monitor with variables.
    Ours,
    /// A hook that makes std's backtrace and its text.
    Backtrace,
    Sentry,
}

/// What a process does. Figures are nanoseconds unless something else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Panics at once: how long that held the thread, and what it cost on all processors.
    First,
    /// The same, when the background has done what it does.
    Prepared,
    /// How long later panics held the thread, one after the other.
    Row,
    /// The same, with a millisecond between them.
    Apart,
    /// How long errors took.
    Errors,
    /// How long the first error took.
    FirstError,
    /// Four threads that panic together: how long each was held.
    Together,
    /// Bytes of the heap that are kept, before any failure and after some.
    Kept,
    /// How many calls and variables a panic shows.
    Shown,
}

/// Has a new process of this program measure.
pub fn measured(phase: Phase, column: Column) -> Vec<u64> {
    let program = std::env::current_exe().expect("this program's path");
    let output = Command::new(program)
        .args(["locals", &format!("{phase:?}"), &format!("{column:?}")])
        .output()
        .expect("this program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{phase:?} of {column:?}: {said}");
    let text = String::from_utf8_lossy(&output.stdout);
    let figures = text.split_whitespace();
    figures.map(|it| it.parse().expect("a figure")).collect()
}

/// Measures in this process, and prints the figures.
pub fn child(phase: &str, column: &str) {
    let phases = [
        Phase::First,
        Phase::Prepared,
        Phase::Row,
        Phase::Apart,
        Phase::Errors,
        Phase::FirstError,
        Phase::Together,
        Phase::Kept,
        Phase::Shown,
    ];
    let columns = [
        Column::Plain,
        Column::Ours,
        Column::Backtrace,
        Column::Sentry,
    ];
    let named = |it: &dyn std::fmt::Debug, name: &str| format!("{it:?}") == name;
    let phase = phases.into_iter().find(|it| named(it, phase));
    let column = columns.into_iter().find(|it| named(it, column));
    let (phase, column) = (phase.expect("a phase"), column.expect("a column"));
    let figures = run(phase, column);
    let figures: Vec<_> = figures.iter().map(u64::to_string).collect();
    println!("{}", figures.join(" "));
}

fn run(phase: Phase, column: Column) -> Vec<u64> {
    panic::set_hook(Box::new(|_| {}));
    if phase == Phase::Kept {
        alloc::count(true);
    }
    match column {
        Column::Plain | Column::Ours => {
            let told = Told::default();
            let builder = Monitor::builder()
                .no_audit()
                .policy(Policy::new().without_error_ratio())
                .notifier(told.clone());
            let builder = match column {
                Column::Ours => builder.locals(Locals::new().errors_per_second(u32::MAX)),
                _ => builder,
            };
            let monitor = builder.build().expect("right settings");
            let service = monitor.layer().layer(app::app());
            watch();
            if column == Column::Ours && !matches!(phase, Phase::First | Phase::FirstError) {
                wait_until_prepared();
            }
            work(phase, &service, Some((&monitor, &told)))
        }
        Column::Backtrace => {
            panic::set_hook(Box::new(|_| {
                std::hint::black_box(Backtrace::force_capture().to_string());
            }));
            watch();
            work(phase, &CatchPanicLayer::new().layer(app::app()), None)
        }
        Column::Sentry => {
            let options = ClientOptions::new().dsn("https://key@sentry.invalid/1");
            let _sentry = sentry::init(options.transport(Arc::new(Nowhere)));
            watch();
            work(phase, &CatchPanicLayer::new().layer(app::app()), None)
        }
    }
}

fn work<S: Served>(phase: Phase, service: &S, own: Option<(&Monitor, &Told)>) -> Vec<u64> {
    let panics = |count: usize, pause: Duration| {
        let browser = Browser::new("/order/1042/3");
        on_this_thread(async {
            let mut held = Vec::with_capacity(count);
            for _ in 0..count {
                if !pause.is_zero() {
                    thread::sleep(pause);
                }
                answer(service, browser.request()).await;
                held.push(HELD.load(Relaxed));
            }
            held
        })
    };
    match phase {
        Phase::First => {
            let held = panics(1, Duration::ZERO)[0];
            vec![held, WORKED.load(Relaxed)]
        }
        Phase::Prepared => {
            on_this_thread(serve(service, &Browser::new(PATH), 20));
            let held = panics(1, Duration::ZERO)[0];
            vec![held, WORKED.load(Relaxed)]
        }
        Phase::Row | Phase::Apart => {
            let pause = match phase {
                Phase::Row => Duration::ZERO,
                _ => Duration::from_millis(1),
            };
            let mut held = panics(WARM_UP + PANICS, pause);
            held.split_off(WARM_UP)
        }
        Phase::FirstError => vec![timed(|| app::fail(&app::shop(), 0))],
        Phase::Errors => {
            // As long as it takes a processor that slept to be awake.
            on_this_thread(serve(service, &Browser::new(PATH), 5_000));
            on_this_thread(answer(service, Browser::new("/errors").request()));
            std::mem::take(&mut *ERRORS.lock().expect("nobody fails with it"))
        }
        Phase::Together => {
            panics(1, Duration::ZERO);
            together(service, PANICS / 4)
        }
        Phase::Kept => {
            let before = alloc::kept();
            panics(1, Duration::ZERO);
            for place in 0..16 {
                panics_at(service, place);
            }
            for way in 0..WAYS.len() {
                drop(app::fail(&app::shop(), way));
            }
            if let Some((monitor, told)) = own {
                on_this_thread(settle(Some(monitor)));
                told.0.lock().expect("nobody fails with it").clear();
            }
            vec![before, alloc::kept()]
        }
        Phase::Shown => {
            let (monitor, told) = own.expect("the monitor's");
            panics(1, Duration::ZERO);
            on_this_thread(settle(Some(monitor)));
            let [(calls, variables)] = told.take()[..] else {
                panic!("one panic, one occurrence");
            };
            vec![calls, variables]
        }
    }
}

fn panics_at<S: Served>(service: &S, place: usize) {
    let browser = Browser::new(&format!("/order/1042/{place}"));
    on_this_thread(answer(service, browser.request()));
}

/// Each of four threads panics as often, all at the same time.
fn together<S: Served>(service: &S, times: usize) -> Vec<u64> {
    let barrier = Barrier::new(THREADS);
    let thread = |number: usize| {
        let barrier = &barrier;
        move || {
            let mut held = Vec::with_capacity(times);
            for time in 0..times {
                let place = (time * THREADS + number) % 16;
                let browser = Browser::new(&format!("/order/1042/{place}"));
                let request = browser.request();
                on_this_thread(async {
                    barrier.wait();
                    answer(service, request).await;
                });
                held.push(OWN.get());
            }
            held
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|it| scope.spawn(thread(it))).collect();
        let held = threads.into_iter().map(|it| it.join().expect("its times"));
        held.flatten().collect()
    })
}

/// Notes how long each error took: of each way those after the first two, which are read and make room for the plan. In a handler, below
/// which nothing is read.
pub fn errors(shop: &Shop) {
    let is_read = is_sampling();
    let mut times = Vec::new();
    for way in 0..WAYS.len() {
        let read = (0..2).all(|_| {
            let before = alloc::totals().0;
            alloc::count(true);
            drop(app::fail(shop, way));
            alloc::count(false);
            alloc::totals().0 - before > UNREAD
        });
        // Ways that share a number have fewer read.
        if read == is_read {
            times.extend((0..6).map(|_| timed(|| app::fail(shop, way))));
        }
    }
    *ERRORS.lock().expect("nobody fails with it") = times;
}

/// How long errors took.
static ERRORS: Mutex<Vec<u64>> = Mutex::new(Vec::new());

fn timed<T>(run: impl FnOnce() -> T) -> u64 {
    let begin = Instant::now();
    let made = run();
    let took = begin.elapsed();
    drop(made);
    took.as_nanos() as u64
}

/// Notes how long the hook that is set holds each panicking thread.
fn watch() {
    let watched = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let (begin, worked) = (Instant::now(), processors());
        watched(info);
        let held = begin.elapsed().as_nanos() as u64;
        WORKED.store(processors() - worked, Relaxed);
        HELD.store(held, Relaxed);
        OWN.set(held);
    }));
}

/// The last panic's, of all threads.
static HELD: AtomicU64 = AtomicU64::new(0);
/// How long processors worked meanwhile, for whatever thread of this process.
static WORKED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// How long this thread's last panic held it.
    static OWN: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// How long processors have worked for this process, in nanoseconds.
fn processors() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: there is room for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn is_sampling() -> bool {
    helper_state().is_some()
}

/// Waits until the thread that reads variables is there and has nothing to do.
fn wait_until_prepared() {
    let mut asleep = 0;
    while asleep < 5 {
        match helper_state() {
            Some('S') => asleep += 1,
            _ => asleep = 0,
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// As proc_pid_stat(5) tells it of the thread that reads variables; its name is cut there.
fn helper_state() -> Option<char> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let stats = tasks.filter_map(|it| std::fs::read_to_string(it.ok()?.path().join("stat")).ok());
    let found = stats
        .filter(|stat| stat.contains("(tower-monitor-l)"))
        .last()?;
    found.rsplit_once(") ")?.1.chars().next()
}

/// Keeps how many calls and variables each occurrence has.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(u64, u64)>>>);

impl Told {
    fn take(&self) -> Vec<(u64, u64)> {
        std::mem::take(&mut *self.0.lock().expect("nobody fails with it"))
    }
}

impl Notifier for Told {
    fn name(&self) -> &str {
        "told"
    }

    fn takes(&self) -> Takes {
        Takes::Occurrences
    }

    fn budget(&self) -> Budget {
        Budget::unlimited()
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        let stacks = alert.occurrence.exceptions.iter();
        let frames = stacks.filter_map(|it| it.stack.as_ref());
        let frames: Vec<_> = frames.flat_map(|stack| &stack.frames).collect();
        if std::env::var_os("OVERHEAD_SHOWN").is_some() {
            for frame in frames.iter().filter(|frame| frame.in_app) {
                eprintln!("{}", frame.function.as_deref().unwrap_or_default());
                for variable in &frame.variables {
                    eprintln!("    {} = {}", variable.name, variable.value);
                }
            }
            eprintln!("{:?}", alert.occurrence.missing);
        }
        let with = frames.iter().filter(|it| !it.variables.is_empty()).count();
        let variables: usize = frames.iter().map(|it| it.variables.len()).sum();
        let mut told = self.0.lock().expect("nobody fails with it");
        told.push((with as u64, variables as u64));
        Ok(())
    }
}

const THREADS: usize = 4;
const WARM_UP: usize = 50;
const PANICS: usize = 2_000;
/// Allocations of an error whose variables are not read are fewer.
const UNREAD: u64 = 20;

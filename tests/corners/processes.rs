//! What ends a process ends it the same way with a monitor, and at once. Each is a process of its own.

use std::cell::RefCell;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use axum::Router;
use axum::routing::get;
use tower::ServiceExt;
use tower_monitor::{Monitor, capture_message, current};

use crate::support::{self, LONG};

#[inline(never)]
#[expect(unconditional_recursion, reason = "that is the point")]
fn overflow(bytes: &mut [u8; 512]) -> u8 {
    let mut more = *bytes;
    more[0] = more[0].wrapping_add(1);
    overflow(&mut more).wrapping_add(more[1])
}

struct PanicsAgain;

impl Drop for PanicsAgain {
    fn drop(&mut self) {
        panic!("expected, the second");
    }
}

/// A thread's own value, with trouble at the end of the thread.
struct AtTheEnd(fn());

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        (self.0)();
    }
}

thread_local! {
    static END: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
}

fn at_the_end_of_a_thread(trouble: fn()) {
    let _ = std::thread::spawn(move || END.with(|end| *end.borrow_mut() = Some(AtTheEnd(trouble))))
        .join();
}

async fn trouble(which: &str) {
    match which {
        "overflow" => drop(overflow(&mut [0; 512])),
        "double" => {
            let _again = PanicsAgain;
            panic!("expected, the first");
        }
        "abort" => std::process::abort(),
        "exit" => std::process::exit(7),
        "thread-end-panics" => at_the_end_of_a_thread(|| panic!("expected at the end of a thread")),
        "thread-end-catches" => at_the_end_of_a_thread(|| {
            assert!(current().is_none());
            capture_message("at the end of a thread");
            let caught = std::panic::catch_unwind(|| panic!("expected at the end of a thread"));
            assert!(caught.is_err());
        }),
        "hook-panics" => {
            std::panic::set_hook(Box::new(|_| panic!("expected in a hook")));
            panic!("expected, with such a hook");
        }
        _ => unreachable!("{which}"),
    }
}

/// What the child does: the trouble, in a request or in none, with a monitor or without.
#[test]
fn child() {
    let Ok(which) = std::env::var(TROUBLE) else {
        return;
    };
    let (which, monitored) = which.leak().split_once(' ').unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let monitor = (monitored != "without").then(|| Monitor::builder().build().unwrap());
    let work = {
        let (which, monitor) = (which.to_owned(), monitor.clone());
        async move {
            let handler = {
                let which = which.clone();
                move || async move { trouble(&which).await }
            };
            let app = Router::new().route("/", get(handler));
            match (monitored, monitor) {
                ("request", Some(monitor)) => {
                    let _ = app
                        .layer(monitor.layer())
                        .oneshot(support::get("/"))
                        .await
                        .unwrap();
                }
                _ => trouble(&which).await,
            }
        }
    };
    runtime.block_on(async move { drop(tokio::spawn(work).await) });
    if let Some(monitor) = monitor {
        assert!(runtime.block_on(monitor.flush(LONG)));
    }
    std::process::exit(42);
}

fn run(which: &str, monitored: &str) -> ExitStatus {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "processes::child",
            "--exact",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(TROUBLE, format!("{which} {monitored}"))
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if began.elapsed() > LONG {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{which}, {monitored}: it hangs");
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn a_process_that_ends_by_a_signal_does_so_with_a_monitor_too() {
    for which in [
        "overflow",
        "double",
        "abort",
        "exit",
        "thread-end-panics",
        "thread-end-catches",
        "hook-panics",
    ] {
        let without = run(which, "without");
        match which {
            "exit" => assert_eq!(without.code(), Some(7)),
            "thread-end-catches" => assert_eq!(without.code(), Some(42)),
            _ => assert!(without.signal().is_some(), "{which}: {without}"),
        }
        for monitored in ["monitor", "request"] {
            assert_eq!(run(which, monitored), without, "{which}, {monitored}");
        }
    }
}

const TROUBLE: &str = "TOWER_MONITOR_TEST_TROUBLE";

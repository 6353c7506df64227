//! Outside of every request. Strays go to the first monitor of the process: all of this is one test, in a process of its own.

use std::time::Duration;

use tower_monitor::notify::Capture;
use tower_monitor::{Kind, Monitor, capture, capture_message};

use crate::errors::NoPrice;
use crate::support::{LONG, example::wait_until, quiet};

#[test]
fn panics_and_captured_errors_outside_of_requests_go_to_the_first_monitor_once() {
    if std::env::var_os(ALONE).is_none() {
        let this = std::env::current_exe().unwrap();
        let name =
            "outside::panics_and_captured_errors_outside_of_requests_go_to_the_first_monitor_once";
        let child = std::process::Command::new(this)
            .args([name, "--exact", "--nocapture"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        assert!(
            child.status.success(),
            "{}",
            String::from_utf8_lossy(&child.stderr)
        );
        return;
    }
    quiet();
    capture_message("before there is a monitor: dropped");
    let build = |told: bool| {
        let alerts = Capture::new();
        let builder = Monitor::builder().no_audit().notifier(alerts.clone());
        // A panic in the panic hook would end the process.
        let builder = builder.group_by(|failure| {
            let words = failure.message()?;
            assert!(!words.contains("on a thread"), "expected in the rule");
            words.contains("group").then(|| "group".to_owned())
        });
        (builder.outside_requests(told).build().unwrap(), alerts)
    };
    let (silent, first, second) = (build(false), build(true), build(true));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let taken = || {
        runtime.block_on(first.0.flush(LONG));
        first.1.taken()
    };
    let told = || {
        let mut alerts = taken();
        assert_eq!(alerts.len(), 1, "{alerts:#?}");
        alerts.remove(0).occurrence
    };

    capture(&NoPrice::new());
    let occurrence = told();
    assert_eq!(
        (occurrence.kind, &occurrence.request),
        (Kind::Captured, &None)
    );
    assert!(
        occurrence
            .culprit()
            .unwrap()
            .starts_with("tests/capture/outside.rs:")
    );
    capture_message("the list is old");
    assert_eq!(told().kind, Kind::Message);

    let thread = std::thread::Builder::new().name("stock".to_owned());
    let _ = thread
        .spawn(|| panic!("expected on a thread"))
        .unwrap()
        .join();
    let occurrence = told();
    assert_eq!(occurrence.title(), "panic: expected on a thread");
    assert_eq!(occurrence.thread.as_deref(), Some("stock"));
    assert!(occurrence.exceptions[0].stack.is_some());

    runtime.block_on(async {
        let _ = tokio::spawn(async { panic!("expected in a task") }).await;
    });
    assert_eq!(told().title(), "panic: expected in a task");
    runtime.block_on(async {
        let _ = tokio::task::spawn_blocking(|| panic!("expected while blocking")).await;
    });
    assert_eq!(told().title(), "panic: expected while blocking");
    // Without a request it is a task like any other.
    runtime.block_on(async {
        let _ = tower_monitor::spawn(async { panic!("expected in our task") }).await;
    });
    assert_eq!(told().title(), "panic: expected in our task");

    for words in ["expected of the group", "expected, a group again"] {
        let _ = std::thread::spawn(move || std::panic::panic_any(words)).join();
    }
    assert_eq!(taken().len(), 1);

    // The same again and again, on many threads: counted exactly.
    let threads: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(|| {
                (0..50)
                    .for_each(|n| drop(std::panic::catch_unwind(|| panic!("expected number {n}"))))
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    let _ = taken();
    let issues = runtime.block_on(first.0.issues()).unwrap();
    let many = issues
        .iter()
        .find(|issue| issue.title.starts_with("panic: expected number"));
    assert_eq!(many.unwrap().count, 400);

    assert!(silent.1.taken().is_empty() && second.1.taken().is_empty());
    // When the first is gone, the second one takes over.
    drop(first);
    wait_until("the first monitor is gone", || {
        capture_message("who is there?");
        runtime.block_on(second.0.flush(Duration::from_secs(60)));
        !second.1.taken().is_empty()
    });
}

const ALONE: &str = "TOWER_MONITOR_TEST_ALONE";

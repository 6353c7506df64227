//! Records reach their file once each, whatever the writer's state; what does not is counted.

use super::*;
use crate::audit::WhenFull;
use crate::audit::sample::{self, Count, Folder};
use crate::loss::LossReason;
use std::task::Waker;
use std::time::Duration;

const HURRY: Pace = Pace {
    check: Duration::ZERO,
    retry: Duration::ZERO,
    rotate_again: Duration::ZERO,
    poll: Duration::from_millis(1),
    polls: 1,
};

fn open(audit: Audit) -> (AuditLog, Arc<LossCounter>) {
    let losses = Arc::new(LossCounter::default());
    let log = AuditLog::open_at_pace(vec![audit], Redactor::default(), Arc::clone(&losses), HURRY);
    (log.unwrap(), losses)
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

fn paths(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            value["url.path"].as_str().unwrap().to_owned()
        })
        .collect()
}

fn wait_for(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

#[test]
fn what_was_recorded_before_a_flush_is_written_after_it() {
    let folder = Folder::new();
    let (log, losses) = open(Audit::json_lines(folder.path("a")));
    for n in 0..3 {
        log.record(&sample::bare("GET", &format!("/{n}")));
        block_on(log.flush());
        assert_eq!(paths(&folder.read("a")).len(), n + 1);
    }
    assert_eq!(paths(&folder.read("a")), ["/0", "/1", "/2"]);
    assert_eq!(losses.totals().total(), 0);
}

#[test]
fn one_record_goes_to_every_file() {
    let folder = Folder::new();
    let audits = vec![
        Audit::json_lines(folder.path("json")),
        Audit::combined(folder.path("combined")),
        Audit::tracing(),
    ];
    let log = AuditLog::open(audits, Redactor::default(), Arc::default()).unwrap();
    log.record(&sample::bare("GET", "/x?token=hunter2"));
    block_on(log.flush());
    assert_eq!(paths(&folder.read("json")), ["/x"]);
    assert!(
        folder
            .read("combined")
            .contains("\"GET /x?token=[redacted] HTTP/1.1\" 200")
    );
}

#[test]
fn concurrent_senders_are_written_once_each() {
    let folder = Folder::new();
    let (log, losses) = open(
        Audit::json_lines(folder.path("a"))
            .when_full(WhenFull::Wait)
            .max_bytes(40_000),
    );
    thread::scope(|scope| {
        for sender in 0..4 {
            let log = &log;
            scope.spawn(move || {
                for n in 0..500 {
                    log.record(&sample::bare("GET", &format!("/{sender}/{n}")));
                    if n % 100 == 0 {
                        block_on(log.flush());
                    }
                }
            });
        }
    });
    block_on(log.flush());
    assert!(folder.names().len() > 2, "rotated meanwhile");
    let mut seen: Vec<_> = folder
        .names()
        .iter()
        .flat_map(|name| paths(&folder.read(name)))
        .collect();
    seen.sort();
    let mut expected: Vec<_> = (0..4)
        .flat_map(|s| (0..500).map(move |n| format!("/{s}/{n}")))
        .collect();
    expected.sort();
    assert_eq!(seen, expected);
    assert_eq!(losses.totals().total(), 0);
}

#[test]
fn a_writer_that_sleeps_is_woken_by_a_record() {
    let folder = Folder::new();
    let (log, _) = open(Audit::json_lines(folder.path("a")));
    for n in 1..20 {
        wait_for(|| log.queues[0].is_asleep());
        log.record(&sample::bare("GET", "/"));
        wait_for(|| folder.read("a").lines().count() == n);
    }
}

#[test]
fn a_dropped_log_writes_what_is_queued_and_its_thread_ends() {
    let folder = Folder::new();
    let (log, losses) = open(Audit::json_lines(folder.path("a")));
    for _ in 0..100 {
        log.record(&sample::bare("GET", "/"));
    }
    let flushed = log.flush();
    drop(log);
    block_on(flushed);
    assert_eq!(folder.read("a").lines().count(), 100);
    wait_for(|| Arc::strong_count(&losses) == 1);
}

#[test]
fn a_sleeping_writer_ends_too() {
    let folder = Folder::new();
    let (log, losses) = open(Audit::json_lines(folder.path("a")));
    wait_for(|| log.queues[0].is_asleep());
    drop(log);
    wait_for(|| Arc::strong_count(&losses) == 1);
}

#[test]
fn sent_is_written_plus_lost() {
    let folder = Folder::new();
    let (log, losses) = open(Audit::json_lines(folder.path("a")).queue(5));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..500).for_each(|_| log.record(&sample::bare("GET", "/"))));
        }
    });
    block_on(log.flush());
    let written = folder.read("a").lines().count() as u64;
    assert_eq!(
        written + losses.totals().of(LossReason::AuditQueueFull),
        2_000
    );
    assert_eq!(
        losses.totals().total(),
        losses.totals().of(LossReason::AuditQueueFull)
    );
}

#[test]
fn who_waits_at_the_door_gets_in_and_nothing_is_lost() {
    let folder = Folder::new();
    let (log, losses) = open(
        Audit::json_lines(folder.path("a"))
            .queue(3)
            .when_full(WhenFull::Wait),
    );
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                block_on(async {
                    for _ in 0..300 {
                        std::future::poll_fn(|cx| log.poll_ready(cx)).await;
                        log.record(&sample::bare("GET", "/"));
                    }
                });
            });
        }
    });
    block_on(log.flush());
    assert_eq!(folder.read("a").lines().count(), 1_200);
    assert_eq!(losses.totals().total(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_records_and_never_blocks() {
    let (log, losses) = open(
        Audit::combined("/dev/full")
            .queue(2)
            .when_full(WhenFull::Wait),
    );
    for _ in 0..50 {
        block_on(std::future::poll_fn(|cx| log.poll_ready(cx)));
        log.record(&sample::bare("GET", "/"));
    }
    block_on(log.flush());
    assert_eq!(losses.totals().of(LossReason::AuditWriteFailed), 50);
    let (_, waker) = Count::waker();
    assert!(log.poll_ready(&mut Context::from_waker(&waker)).is_ready());
}

#[test]
fn a_format_that_panics_costs_one_record() {
    let folder = Folder::new();
    let mut audit = Audit::json_lines(folder.path("a"));
    if let Target::File { format, .. } = &mut audit.target {
        *format = |out, observation, _| {
            out.extend_from_slice(b"half a li");
            assert_ne!(observation.request.path(), "/bad");
            out.extend_from_slice(b"ne\n");
        };
    }
    let (log, losses) = open(audit);
    for path in ["/", "/bad", "/"] {
        log.record(&sample::bare("GET", path));
    }
    block_on(log.flush());
    assert_eq!(folder.read("a"), "half a line\n".repeat(2));
    assert_eq!(losses.totals().of(LossReason::AuditWriteFailed), 1);
}

#[test]
fn the_days_of_the_records_part_the_files() {
    let folder = Folder::new();
    let (log, _) = open(Audit::json_lines(folder.path("a")));
    for (path, day) in [("/1", 0), ("/2", 0), ("/3", 2), ("/4", 4)] {
        log.record(&sample::later(path, day * 86_400));
    }
    block_on(log.flush());
    let files: Vec<_> = folder
        .names()
        .iter()
        .map(|name| paths(&folder.read(name)))
        .collect();
    assert_eq!(files, [vec!["/4"], vec!["/1", "/2"], vec!["/3"]]);
}

#[test]
fn settings_that_can_not_work_are_refused() {
    let folder = Folder::new();
    let path = || folder.path("a");
    folder.write("file", "");
    std::fs::create_dir(folder.path("folder")).unwrap();
    for (audits, expected) in [
        (
            vec![Audit::json_lines(path()).queue(0)],
            "a queue of 0 records",
        ),
        (
            vec![Audit::json_lines(path()).max_bytes(4_095)],
            "files of 4095 bytes",
        ),
        (
            vec![Audit::json_lines(path()).keep_files(0)],
            "keep_files(0)",
        ),
        (
            vec![Audit::json_lines(folder.path("folder"))],
            "is a folder",
        ),
        (
            vec![Audit::json_lines(folder.path("file/a"))],
            "can not be written",
        ),
        (
            vec![Audit::json_lines(path()), Audit::combined(path())],
            "written by two",
        ),
        (vec![Audit::tracing().queue(7)], "`queue` is about files"),
    ] {
        let error = AuditLog::open(audits, Redactor::default(), Arc::default()).unwrap_err();
        assert_eq!(error.setting(), "audit");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn without_files_nothing_waits() {
    let (log, _) = open(Audit::tracing());
    log.record(&sample::full());
    assert!(
        log.poll_ready(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    );
    block_on(log.flush());
}

#[test]
fn a_writer_that_ends_lets_everybody_in() {
    let folder = Folder::new();
    let losses = Arc::<LossCounter>::default();
    let (queue, receiver, shared) = queue(1, WhenFull::Wait, Arc::clone(&losses));
    queue.push(&sample::bare("GET", "/"));
    let (count, waker) = Count::waker();
    let mut cx = Context::from_waker(&waker);
    assert!(queue.poll_ready(&mut cx).is_pending());
    let settings = Audit::json_lines(folder.path("a"));
    drop(Writer {
        receiver,
        shared,
        losses,
        file: LogFile::open(&folder.path("a"), &settings.file, HURRY).unwrap(),
        format: |_, _, _| {},
        cleaner: Cleaner::new(Redactor::default()),
        pace: HURRY,
        batch: Batch::default(),
    });
    assert_eq!(count.get(), 1);
    assert!(queue.poll_ready(&mut cx).is_ready());
}

//! Commits: exact, once, whole or not at all, and few rows.

use super::*;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn what_was_committed_is_there_when_the_file_is_opened_again() {
    let folder = folder();
    let store = opened(&folder);
    let first = change_of(1, 10, "42");
    let committed = commit(&store, batch(1, vec![first.clone(), change(2, 11)]));
    assert_eq!(committed.records.len(), 2);
    commit(&store, batch(2, vec![counted(1, 20, 41)]));
    drop(store);

    let store = opened(&folder);
    let known = record(&store, 1).unwrap();
    assert_eq!((known.issue.count, known.issue.users), (42, 1));
    assert_eq!(
        (known.issue.first_seen, known.issue.last_seen),
        (at(10), at(20))
    );
    let kept = wait(store.occurrences(problem(1))).unwrap();
    assert_eq!(kept, first.occurrences);
    let affected = wait(store.affected(problem(1))).unwrap();
    assert_eq!(
        (affected.users, affected.sketch),
        (first.users, first.sketch)
    );
    let issues = wait(store.issues(9)).unwrap();
    let seen: Vec<_> = issues.iter().map(|it| it.fingerprint).collect();
    assert_eq!(seen, [problem(1), problem(2)]);
    assert_eq!(wait(store.issues(1)).unwrap().len(), 1);
}

#[test]
fn a_batch_that_comes_again_is_counted_once() {
    let (_folder, store) = fresh();
    let one = Arc::new(batch(7, vec![change(1, 10), counted(9, 10, 5)]));
    let answer = wait(store.commit(Arc::clone(&one), telling("ops"))).unwrap();
    assert_eq!((answer.outgoing, answer.unknown), (1, vec![problem(9)]));
    let again = wait(store.commit(one, telling("ops"))).unwrap();
    assert_eq!((again.outgoing, again.unknown), (1, vec![problem(9)]));
    assert_eq!(again.records, answer.records);
    assert_eq!(record(&store, 1).unwrap().issue.count, 1);
    assert_eq!(count(&store, "SELECT count(*) FROM outbox"), 1);
    // Another process has numbers of its own.
    let mut other = batch(7, vec![counted(1, 10, 5)]);
    other.process = Uuid::from_u128(2);
    commit(&store, other);
    assert_eq!(record(&store, 1).unwrap().issue.count, 6);
}

#[test]
fn a_panic_in_a_function_undoes_its_transaction_and_nothing_else() {
    let (_folder, store) = fresh();
    commit(&store, batch(1, vec![change(1, 10)]));
    let panics: Decide = Arc::new(|_| panic!("a policy panicked"));
    let error = wait(store.commit(Arc::new(batch(2, vec![change(2, 11)])), panics)).unwrap_err();
    assert!(error.is_temporary(), "{error}");
    let error = wait(store.update(problem(1), Arc::new(|_| panic!("so did this")))).unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert_eq!(record(&store, 2), None);
    commit(&store, batch(2, vec![change(2, 11)]));
    assert_eq!(record(&store, 2).unwrap().issue.count, 1);
}

#[test]
fn a_million_failures_of_20_problems_are_few_rows_and_counted_exactly() {
    let (_folder, store) = fresh();
    let before = changes(&store);
    for second in 0..20 {
        let changes = (0..20).map(|problem| {
            let mut change = match second {
                0 => change(problem, second),
                _ => counted(problem, second, 0),
            };
            change.count(2_500 - change.count, at(second));
            change
        });
        let batch = batch(second as u64, changes.collect());
        let decide = if second == 0 {
            telling("ops")
        } else {
            nothing()
        };
        wait(store.commit(Arc::new(batch), decide)).unwrap();
    }
    let rows = changes(&store) - before;
    let counts = count(&store, "SELECT sum(count) FROM issue");
    assert_eq!(counts, 1_000_000);
    // 20 issues and the batch's number each second; 20 occurrences and alerts, the total and the notifier.
    assert_eq!(rows, 20 * (20 + 1) + 20 + 20 + 2);
}

fn changes(store: &Sqlite) -> i64 {
    count(store, "SELECT total_changes()")
}

#[test]
fn what_nobody_waits_for_any_more_is_not_done() {
    let (_folder, store) = fresh();
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let blocking = async {
        let writer = &store.desks().unwrap().writer;
        writer.ask(move |_| Ok(gate.recv().is_ok())).await
    };
    let mut blocking = Box::pin(blocking);
    let mut context = Context::from_waker(Waker::noop());
    assert!(blocking.as_mut().poll(&mut context).is_pending());
    let mut given_up = Box::pin(store.commit(Arc::new(batch(1, vec![change(1, 1)])), nothing()));
    assert!(given_up.as_mut().poll(&mut context).is_pending());
    drop(given_up);
    go.send(()).unwrap();
    assert_eq!(wait(blocking), Ok(true));
    assert_eq!(wait(store.update(problem(1), Arc::new(|_| ()))), Ok(None));
}

#[test]
fn a_slow_read_holds_no_commit_up() {
    let (_folder, store) = fresh();
    commit(&store, batch(1, vec![change(1, 1)]));
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let (reads, begun) = std::sync::mpsc::channel::<()>();
    let reading = store.desks().unwrap().reader.ask(move |file| {
        let transaction = file.transaction()?;
        let before = file::number(&transaction, "SELECT count FROM issue")?;
        let _ = (reads.send(()), gate.recv());
        Ok((
            before,
            file::number(&transaction, "SELECT count FROM issue")?,
        ))
    });
    let mut reading = Box::pin(reading);
    let mut context = Context::from_waker(Waker::noop());
    assert!(reading.as_mut().poll(&mut context).is_pending());
    begun.recv().unwrap();
    let committed = commit(&store, batch(2, vec![counted(1, 2, 5)]));
    assert_eq!(committed.records[0].issue.count, 6);
    go.send(()).unwrap();
    assert_eq!(wait(reading), Ok((1, 1)), "one state as long as it reads");
    assert_eq!(record(&store, 1).unwrap().issue.count, 6);
}

#[test]
fn the_threads_end_with_the_store() {
    static HELD: AtomicBool = AtomicBool::new(true);
    struct Held;
    impl Drop for Held {
        fn drop(&mut self) {
            HELD.store(false, Ordering::Release);
        }
    }
    thread_local! {
        static MARK: std::cell::OnceCell<Held> = const { std::cell::OnceCell::new() };
    }
    let folder = folder();
    let store = opened(&folder);
    commit(&store, batch(1, vec![change(1, 1)]));
    inside(&store, |_| {
        MARK.with(|mark| {
            mark.get_or_init(|| Held);
        });
        Ok(())
    });
    let log = folder.path().join("monitor.db-wal");
    assert!(log.exists());
    drop(store);
    // The last connection that is closed takes the log along.
    while HELD.load(Ordering::Acquire) || log.exists() {
        std::thread::yield_now();
    }
}

#[test]
fn what_is_due_for_a_look_is_found_and_an_update_is_kept() {
    let (_folder, store) = fresh();
    commit(
        &store,
        batch(1, vec![change(1, 1), change(2, 1), change(3, 1)]),
    );
    for (number, second) in [(1, 50), (2, 20)] {
        let later: Update = Arc::new(move |record| record.review_at = Some(at(second)));
        let updated = wait(store.update(problem(number), later)).unwrap();
        assert_eq!(updated.unwrap().review_at, Some(at(second)));
    }
    assert_eq!(wait(store.due(at(19), 9)), Ok(vec![]));
    assert_eq!(wait(store.due(at(50), 9)), Ok(vec![problem(2), problem(1)]));
    assert_eq!(wait(store.due(at(50), 1)), Ok(vec![problem(2)]));
    assert_eq!(wait(store.update(problem(9), Arc::new(|_| ()))), Ok(None));
}

#[test]
fn rows_of_a_newer_version_are_left_out_and_counted() {
    let (_folder, store) = fresh();
    commit(&store, batch(1, vec![change_of(1, 1, "42"), change(2, 2)]));
    commit(&store, batch(2, vec![change(2, 3)]));
    sql(
        &store,
        "UPDATE issue SET record = json_set(record, '$.issue.kind', 'deadlock') WHERE fingerprint = 1;
         UPDATE affected SET users = '{}';
         UPDATE occurrence SET body = x'ff00' WHERE time = 2000000;",
    );
    let issues = wait(store.issues(9)).unwrap();
    assert_eq!(issues.len(), 1);
    assert_eq!(record(&store, 1), None);
    assert_eq!(wait(store.affected(problem(1))), Ok(Affected::default()));
    let kept = wait(store.occurrences(problem(2))).unwrap();
    assert_eq!(kept.len(), 1);
    assert!(
        format!("{store:?}").contains("unreadable_rows: 4"),
        "{store:?}"
    );
    // A mere number says nothing of it; an occurrence begins it anew.
    let committed = commit(&store, batch(3, vec![counted(1, 4, 5)]));
    assert_eq!(committed.unknown, [problem(1)]);
    commit(&store, batch(4, vec![change(1, 5)]));
    assert_eq!(record(&store, 1).unwrap().issue.count, 1);
    assert_eq!(count(&store, "SELECT issues FROM total"), 2);
}

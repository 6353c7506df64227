//! What is decided of a problem: on what grounds, and that it is kept.

use std::sync::{Arc, Mutex};

use super::sample::{alert, at, change, counted, fingerprint, new_id};
use super::subject::Subject;
use super::{Broken, Verdict, promise, same};
use crate::issue::{Change, IssueState, MuteEnd, Record, Severity};
use crate::store::{Batch, Fate, Outgoing, Touched, Update};

pub(super) async fn what_is_decided_is_kept(subject: Subject) -> Verdict {
    let mark = |record: &mut Record| {
        record.memory.alerts += 1;
        record.memory.told_count = record.issue.count;
        record.memory.told_at.push(at(50));
        record.memory.rate_told = Some(3);
        record.issue.severity = Severity::Critical;
        record.issue.state = IssueState::Muted {
            muted_at: at(50),
            muted_until: MuteEnd::Count(1_000),
        };
        record.review_at = Some(at(90));
    };
    let told = Arc::new(alert(1, 50));
    let committed = subject.decide(50, vec![change(1, 50), change(2, 50)], move |touched| {
        let first = touched
            .iter_mut()
            .find(|it| it.change.fingerprint == fingerprint(1));
        first
            .into_iter()
            .for_each(|touched| mark(&mut touched.record));
        let notifier = "mail".to_owned();
        vec![Outgoing {
            notifier,
            alert: Arc::clone(&told),
        }]
    });
    let committed = committed.await?;
    same!(committed.outgoing, 1, "the alerts that were decided");
    let record = subject.record(1).await?;
    let mut expected = Record::begin(&change(1, 50)).ok_or(Broken("no record".to_owned()))?;
    expected.apply(&change(1, 50), None, 9, at(50));
    mark(&mut expected);
    same!(record, expected, "the record");
    let answered = committed.records.contains(&record);
    promise!(
        answered,
        "the answer has the record as it was before the decision"
    );
    let other = subject.record(2).await?;
    same!(other.memory.alerts(), 0, "the memory of the other problem");
    same!(other.review_at, None, "the review of the other problem");
    subject.commit(60, vec![counted(1, 60, 1)]).await?;
    expected.apply(&counted(1, 60, 1), None, 9, at(60));
    same!(
        subject.record(1).await?,
        expected,
        "the record after another change"
    );
    Ok(())
}

pub(super) async fn the_decision_sees_the_whole_batch_after_it_was_applied(
    subject: Subject,
) -> Verdict {
    subject.commit(0, vec![change(1, 0), change(2, 0)]).await?;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sight = Arc::clone(&seen);
    let changes = vec![
        change(3, 5),
        counted(1, 5, 4),
        Change::review(fingerprint(2)),
    ];
    let committed = subject.decide(5, changes, move |touched| {
        let found = |touched: &Touched<'_>| {
            let number = touched.record.issue.fingerprint.as_u64();
            (number, touched.change.count, touched.record.issue.count)
        };
        note(&sight, touched.iter().map(found));
        Vec::new()
    });
    let committed = committed.await?;
    let mut seen = noted(&seen)?;
    seen.sort_unstable();
    same!(
        seen,
        [(1, 4, 5), (2, 0, 1), (3, 1, 1)],
        "problem, count of the change and count of the record"
    );
    same!(committed.records.len(), 3, "the records in the answer");
    Ok(())
}

pub(super) async fn an_update_holds_at_once(subject: Subject) -> Verdict {
    subject.commit(0, vec![change(1, 0)]).await?;
    let muted = IssueState::Muted {
        muted_at: at(5),
        muted_until: MuteEnd::Never,
    };
    let state = muted.clone();
    let update: Update = Arc::new(move |record| record.issue.state = state.clone());
    let updated = subject
        .store
        .update(fingerprint(1), Arc::clone(&update))
        .await?;
    let updated = updated.ok_or(Broken("a known problem was not updated".to_owned()))?;
    same!(updated.issue.state, muted, "the state in the answer");
    same!(subject.record(1).await?, updated, "the record");
    same!(
        subject.store.issues(1).await?,
        [updated.issue],
        "the list of issues"
    );
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sight = Arc::clone(&seen);
    let committed = subject.decide(6, vec![counted(1, 6, 1)], move |touched| {
        note(
            &sight,
            touched.iter().map(|it| it.record.issue.state.clone()),
        );
        Vec::new()
    });
    committed.await?;
    same!(
        noted(&seen)?,
        [muted],
        "the state that the next decision saw"
    );
    let unknown = subject.store.update(fingerprint(2), update).await?;
    same!(unknown, None, "the update of a problem that is not known");
    same!(subject.problems().await?, [1], "the problems");
    Ok(())
}

/// A durable store may lose the answer to a commit: then the same batch comes again. Others may take it for a new one.
pub(super) async fn a_batch_that_comes_again_counts_once(subject: Subject) -> Verdict {
    if !subject.store.keeps_alerts() {
        return Ok(());
    }
    let told = Arc::new(alert(1, 5));
    let decide = move |_: &mut [Touched<'_>]| {
        vec![Outgoing {
            notifier: "mail".to_owned(),
            alert: Arc::clone(&told),
        }]
    };
    subject.commit(0, vec![change(2, 0)]).await?;
    let batch = subject.batch(5, vec![change(1, 5), counted(2, 5, 10)]);
    subject.hand_in(Arc::clone(&batch), decide.clone()).await?;
    let delivered = subject.take("mail", 6).await?;
    if let Some(entry) = delivered.entry {
        subject.settle("mail", entry.alert.id, Fate::Done).await?;
    }
    let again = subject.hand_in(Arc::clone(&batch), decide).await?;
    same!(again.unknown, [], "unknown problems in the second answer");
    for (problem, count) in [(1, 1), (2, 11)] {
        let record = subject.record(problem).await?;
        same!(record.issue.count, count, "the count of problem {problem}");
    }
    same!(subject.occurrences(1).await?.len(), 1, "the occurrences");
    let waiting = subject.notifier("mail").await?.waiting;
    same!(
        waiting,
        0,
        "the alerts that wait after the first was delivered"
    );
    let mut copy = Batch::clone(&batch);
    copy.process = new_id();
    subject.hand_in(Arc::new(copy), |_| Vec::new()).await?;
    let record = subject.record(1).await?;
    same!(
        record.issue.count,
        2,
        "the count after a batch of another process with that number"
    );
    Ok(())
}

/// Keeps what a decision saw the last time it was made.
pub(super) fn note<T>(notes: &Mutex<Vec<T>>, seen: impl Iterator<Item = T>) {
    if let Ok(mut notes) = notes.lock() {
        *notes = seen.collect();
    }
}

pub(super) fn noted<T: Clone>(notes: &Mutex<Vec<T>>) -> Result<Vec<T>, Broken> {
    let notes = notes
        .lock()
        .map_err(|_| Broken("a decision panicked".to_owned()))?;
    Ok(notes.clone())
}

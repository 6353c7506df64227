//! What is known of a problem, and who may change it.

use std::sync::{Arc, Mutex};

use super::decisions::{note, noted};
use super::sample::{at, change, counted, fingerprint};
use super::subject::Subject;
use super::{Verdict, promise, same};
use crate::issue::{Change, IssueState};
use crate::occurrence::Kind;
use crate::store::Update;

pub(super) async fn an_empty_store_knows_nothing(subject: Subject) -> Verdict {
    let store = &subject.store;
    promise!(!store.name().is_empty(), "it has no name");
    same!(subject.problems().await?, [0_u64; 0], "there are problems");
    same!(
        store.record(fingerprint(1)).await?,
        None,
        "a record is there"
    );
    let affected = store.affected(fingerprint(1)).await?;
    same!(affected.count(), 0, "somebody is hit");
    promise!(
        subject.occurrences(1).await?.is_empty(),
        "an occurrence is there"
    );
    promise!(store.due(at(0), 9).await?.is_empty(), "something is due");
    promise!(store.notifiers().await?.is_empty(), "a notifier is there");
    let claimed = subject.take("mail", 0).await?;
    promise!(claimed.entry.is_none(), "an alert is handed out");
    same!(store.forget_user("uma").await?, 0, "somebody was forgotten");
    same!(
        store.tidy(at(0), subject.retention).await?,
        0,
        "something was tidied away"
    );
    let committed = subject.commit(0, Vec::new()).await?;
    promise!(
        committed.records.is_empty(),
        "a batch without changes changed something"
    );
    Ok(())
}

pub(super) async fn a_first_change_begins_an_issue(subject: Subject) -> Verdict {
    let first = change(7, 10);
    let occurrence = Arc::clone(&first.occurrences[0]);
    let committed = subject.commit(11, vec![first]).await?;
    let record = subject.record(7).await?;
    let issue = &record.issue;
    same!(issue.fingerprint, fingerprint(7), "the fingerprint");
    same!(issue.kind, Kind::ServerError, "the kind");
    same!(issue.title, occurrence.title(), "the title");
    same!(issue.culprit, occurrence.culprit(), "the culprit");
    same!(issue.state, IssueState::Open, "the state");
    same!(
        (issue.count, issue.users),
        (1, 0),
        "the count and the users"
    );
    same!(
        (issue.first_seen, issue.last_seen),
        (at(10), at(10)),
        "first and last seen"
    );
    same!(record.seen_before, None, "when it was seen before");
    promise!(issue.releases.contains("1.4.2"), "the release is missing");
    same!(
        committed.records.iter().collect::<Vec<_>>(),
        [&record],
        "what the commit says of it"
    );
    same!(committed.unknown, [], "unknown problems");
    same!(committed.outgoing, 0, "alerts that nobody decided");
    same!(
        subject.store.issues(9).await?,
        [record.issue],
        "the list of issues"
    );
    same!(
        subject.occurrences(7).await?,
        [occurrence],
        "the occurrence"
    );
    Ok(())
}

pub(super) async fn counts_add_up_exactly(subject: Subject) -> Verdict {
    let mut sums = [0; 7];
    for second in 0..40 {
        let changes = (0..7).filter(|problem| second % (problem + 1) == 0);
        let changes: Vec<_> = changes
            .map(|problem| {
                let times = (second * 31 + problem * 7) % 11;
                let mut change = change(problem as u64, second);
                change.count(times as u64, at(second + 1));
                sums[problem as usize] += times as u64 + 1;
                change
            })
            .collect();
        subject.commit(second, changes).await?;
    }
    for (problem, sum) in sums.iter().enumerate() {
        let record = subject.record(problem as u64).await?;
        same!(record.issue.count, *sum, "the count of problem {problem}");
        let series = |series: &crate::issue::Series| series.sum(i64::MIN, i64::MAX);
        same!(
            series(&record.hours),
            *sum,
            "the hours of problem {problem}"
        );
        same!(
            series(&record.minutes),
            *sum,
            "the minutes of problem {problem}"
        );
    }
    Ok(())
}

pub(super) async fn a_number_alone_begins_nothing(subject: Subject) -> Verdict {
    subject.commit(0, vec![change(1, 0)]).await?;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sight = Arc::clone(&seen);
    let changes = vec![counted(2, 5, 41), counted(1, 5, 8)];
    let committed = subject.decide(5, changes, move |touched| {
        note(
            &sight,
            touched.iter().map(|touched| touched.change.fingerprint),
        );
        Vec::new()
    });
    let committed = committed.await?;
    same!(committed.unknown, [fingerprint(2)], "the unknown problems");
    same!(
        noted(&seen)?,
        [fingerprint(1)],
        "the problems that were decided on"
    );
    same!(committed.records.len(), 1, "the records in the answer");
    same!(
        subject.record(1).await?.issue.count,
        9,
        "the count of the known problem"
    );
    same!(subject.problems().await?, [1], "the problems");
    same!(
        subject.store.record(fingerprint(2)).await?,
        None,
        "the unknown problem"
    );
    subject.commit(9, vec![change(2, 9)]).await?;
    let later = subject.record(2).await?;
    same!(
        later.issue.count,
        1,
        "the count when the problem is known at last"
    );
    Ok(())
}

pub(super) async fn a_review_changes_nothing(subject: Subject) -> Verdict {
    subject.commit(0, vec![change(1, 0)]).await?;
    let before = subject.record(1).await?;
    let mut review = Change::review(fingerprint(1));
    review.newest = subject.occurrences(1).await?.pop();
    let mut unknown = Change::review(fingerprint(2));
    unknown.newest.clone_from(&review.newest);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sight = Arc::clone(&seen);
    let committed = subject.decide(100, vec![review, unknown], move |touched| {
        note(&sight, touched.iter().map(|touched| touched.record.clone()));
        Vec::new()
    });
    let committed = committed.await?;
    same!(
        noted(&seen)?.iter().collect::<Vec<_>>(),
        [&before],
        "what was decided on"
    );
    same!(subject.record(1).await?, before, "the record");
    same!(committed.unknown, [fingerprint(2)], "the unknown problems");
    same!(subject.problems().await?, [1], "the problems");
    same!(subject.occurrences(1).await?.len(), 1, "the occurrences");
    let decided = subject.decide(200, vec![Change::review(fingerprint(1))], |touched| {
        touched
            .iter_mut()
            .for_each(|it| it.record.review_at = Some(at(300)));
        Vec::new()
    });
    decided.await?;
    let review_at = subject.record(1).await?.review_at;
    same!(review_at, Some(at(300)), "what was decided at a review");
    Ok(())
}

pub(super) async fn issues_come_last_seen_first(subject: Subject) -> Verdict {
    for (second, problem) in [(30, 1), (10, 2), (40, 3), (20, 4)] {
        subject.commit(50, vec![change(problem, second)]).await?;
    }
    same!(subject.problems().await?, [3, 1, 4, 2], "the order");
    subject.commit(60, vec![counted(2, 60, 1)]).await?;
    same!(
        subject.problems().await?,
        [2, 3, 1, 4],
        "the order after another occurrence"
    );
    for (limit, expected) in [(0, 0), (1, 1), (3, 3), (9, 4)] {
        let issues = subject.store.issues(limit).await?;
        same!(
            issues.len(),
            expected,
            "the number of issues with the limit {limit}"
        );
        promise!(
            issues
                .iter()
                .zip([2, 3, 1, 4])
                .all(|(issue, it)| issue.fingerprint == fingerprint(it)),
            "the limit {limit} takes others than those last seen"
        );
    }
    Ok(())
}

pub(super) async fn what_is_due_is_found(subject: Subject) -> Verdict {
    for problem in 1..=5 {
        subject.commit(0, vec![change(problem, 0)]).await?;
    }
    for (problem, second) in [(1, 10), (2, 20), (3, 30)] {
        let update: Update = Arc::new(move |record| record.review_at = Some(at(second)));
        subject.store.update(fingerprint(problem), update).await?;
    }
    for (second, expected) in [(9, 0), (10, 1), (25, 2), (30, 3), (1_000_000, 3)] {
        let due = subject.store.due(at(second), 9).await?;
        same!(
            due.len(),
            expected,
            "the number of problems that are due after {second} s"
        );
        let all_due = due.iter().all(|it| it.as_u64() as usize <= expected);
        promise!(all_due, "others are due after {second} s: {due:?}");
    }
    same!(
        subject.store.due(at(99), 2).await?.len(),
        2,
        "what is due with a limit of 2"
    );
    let update: Update = Arc::new(|record| record.review_at = None);
    subject.store.update(fingerprint(1), update).await?;
    let due = subject.store.due(at(15), 9).await?;
    same!(due, [], "what is due when the only one no longer is");
    Ok(())
}

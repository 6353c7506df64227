//! How much is kept, and what goes first.

use std::sync::Arc;
use std::time::Duration;

use super::sample::{at, change, counted, fingerprint};
use super::subject::Subject;
use super::{Verdict, promise, same};
use crate::issue::{IssueState, MuteEnd, ResolvedIn, Retention};
use crate::store::Update;

pub(super) async fn what_is_too_old_goes(subject: Subject) -> Verdict {
    let day = 86_400;
    for (problem, days) in [(1, 0), (4, 1), (2, 5), (3, 29)] {
        subject
            .commit(days * day, vec![change(problem, days * day)])
            .await?;
    }
    let update: Update = Arc::new(|record| {
        record.issue.state = IssueState::Muted {
            muted_at: at(0),
            muted_until: MuteEnd::Never,
        };
    });
    subject.store.update(fingerprint(4), update).await?;
    let retention = Retention::new().max_age(Duration::from_secs(27 * 86_400));
    let forgotten = subject.store.tidy(at(30 * day), retention).await?;
    same!(
        forgotten,
        0,
        "what was forgotten because there were too many"
    );
    same!(
        subject.problems().await?,
        [3, 2, 4],
        "the problems that stay, the old one that is muted among them"
    );
    same!(
        subject.store.record(fingerprint(1)).await?,
        None,
        "the record of the old one"
    );
    promise!(
        subject.occurrences(1).await?.is_empty(),
        "the occurrences of the old one stay"
    );
    let affected = subject.store.affected(fingerprint(1)).await?;
    promise!(affected.users.is_empty(), "the users of the old one stay");
    subject.commit(30 * day, vec![change(1, 30 * day)]).await?;
    same!(
        subject.record(1).await?.issue.count,
        1,
        "the count when it comes again"
    );
    same!(
        subject.occurrences(1).await?.len(),
        1,
        "the occurrences when it comes again"
    );
    Ok(())
}

pub(super) async fn the_least_important_problems_go_first(subject: Subject) -> Verdict {
    for problem in 0..60 {
        subject
            .commit(problem, vec![change(problem as u64, problem)])
            .await?;
    }
    // The oldest ones: resolved, muted, and frequent.
    let resolved: Update = Arc::new(|record| {
        record.issue.state = IssueState::Resolved {
            resolved_at: at(60),
            resolved_in: ResolvedIn::Any,
        };
    });
    let muted: Update = Arc::new(|record| {
        record.issue.state = IssueState::Muted {
            muted_at: at(60),
            muted_until: MuteEnd::Never,
        };
    });
    for (problem, update) in [(0, &resolved), (1, &muted), (2, &resolved)] {
        subject
            .store
            .update(fingerprint(problem), Arc::clone(update))
            .await?;
    }
    for problem in [3, 4] {
        let mut more = counted(problem, 0, 500);
        more.seen = Some((at(problem as i64), at(problem as i64)));
        subject.commit(61, vec![more]).await?;
    }
    let forgotten = subject
        .store
        .tidy(at(70), Retention::new().max_issues(20))
        .await?;
    let mut left = subject.problems().await?;
    left.sort_unstable();
    promise!(
        (15..=20).contains(&left.len()),
        "{} of 20 problems stay",
        left.len()
    );
    same!(
        forgotten,
        60 - left.len() as u64,
        "the number of those that went"
    );
    promise!(
        left.starts_with(&[0, 1, 2]),
        "what people resolved or muted went: {left:?}"
    );
    promise!(
        left[3..].starts_with(&[3, 4]),
        "what occurs often went: {left:?}"
    );
    let newest = (60 - (left.len() as u64 - 5))..60;
    promise!(
        left[5..].iter().copied().eq(newest),
        "those last seen went: {left:?}"
    );
    promise!(
        subject.occurrences(10).await?.is_empty(),
        "occurrences of a forgotten one stay"
    );
    same!(
        subject.occurrences(59).await?.len(),
        1,
        "the occurrences of one that stays"
    );
    Ok(())
}

pub(super) async fn problems_are_bounded_while_they_come(subject: Subject) -> Verdict {
    let subject = subject.keeping(Retention::new().max_issues(50));
    let mut real = change(1, 0);
    real.count(9, at(0));
    subject.commit(0, vec![real]).await?;
    let mut forgotten = 0;
    for round in 0..20_u64 {
        let changes = (0..20).map(|n| change(1_000 + round * 20 + n, round as i64 + 1));
        let committed = subject.commit(round as i64 + 1, changes.collect()).await?;
        same!(
            committed.records.len(),
            20,
            "the problems that were decided on"
        );
        forgotten += committed.forgotten;
        if round % 5 == 4 {
            forgotten += subject
                .store
                .tidy(at(round as i64 + 1), subject.retention)
                .await?;
        }
    }
    let left = subject.problems().await?;
    promise!(
        (25..=50).contains(&left.len()),
        "{} of 50 problems stay",
        left.len()
    );
    same!(
        forgotten,
        401 - left.len() as u64,
        "the number of those that went"
    );
    promise!(
        left.contains(&1),
        "the problem that occurs often went among those that came once"
    );
    same!(subject.record(1).await?.issue.count, 10, "its count");
    let newest = left
        .iter()
        .filter(|problem| **problem >= 1_000 + 19 * 20)
        .count();
    same!(
        newest,
        20,
        "the problems of the last batch that are known after it"
    );
    Ok(())
}

pub(super) async fn occurrences_are_bounded_in_bytes(subject: Subject) -> Verdict {
    let retention = Retention::new().max_bytes(64 * 1024);
    let mut sent = Vec::new();
    for second in 0..20 {
        let mut occurrence = super::sample::occurrence(second as u64 % 2, second);
        let noise = (0..6_000).map(|n| char::from(b'a' + (n * n + second * 7) as u8 % 26));
        occurrence.exceptions[0].message = noise.collect();
        let change = crate::issue::Change::of(Arc::new(occurrence));
        sent.push(Arc::clone(&change.occurrences[0]));
        subject.commit(second, vec![change]).await?;
    }
    same!(
        subject.store.tidy(at(30), retention).await?,
        0,
        "the problems that went"
    );
    let mut kept = Vec::new();
    for problem in [0, 1] {
        kept.extend(subject.occurrences(problem).await?);
    }
    let lengths = kept
        .iter()
        .map(|it| serde_json::to_string(it).map(|text| text.len()));
    let bytes: usize = lengths.sum::<Result<_, _>>()?;
    promise!(
        bytes <= 64 * 1024,
        "they take {bytes} bytes, which is more than may be"
    );
    promise!(
        bytes >= 24 * 1024,
        "no more than {bytes} bytes are left, where 65,536 may be"
    );
    for newest in &sent[18..] {
        promise!(kept.contains(newest), "the newest of a problem went");
    }
    for oldest in &sent[..6] {
        promise!(!kept.contains(oldest), "one of the oldest stays");
    }
    for problem in [0, 1] {
        same!(
            subject.record(problem).await?.issue.count,
            10,
            "the count of problem {problem}"
        );
    }
    Ok(())
}

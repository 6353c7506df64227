//! What outlasts the process, and what several processes see of each other.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::crowd::tell_once;
use super::sample::{alert, at, change, counted, fingerprint, hit, written};
use super::subject::{RunningLease, Subject, at_once, entry, take_first};
use super::{Broken, Verdict, promise, same};
use crate::issue::{IssueState, MuteEnd};
use crate::request::User;
use crate::store::{Breaker, DynStore, Fate, Plan, Update};

/// Gives another store at the same place, not opened yet.
pub(super) type Reopen<'a> = &'a dyn Fn() -> Pin<Box<dyn Future<Output = Arc<dyn DynStore>> + 'a>>;

async fn open(again: Reopen<'_>) -> Result<Subject, Broken> {
    let store = again().await;
    store.open()?;
    Ok(Subject::new(store))
}

pub(super) async fn it_says_that_it_keeps_alerts(again: Reopen<'_>) -> Verdict {
    promise!(
        open(again).await?.store.keeps_alerts(),
        "it says that it is not"
    );
    Ok(())
}

pub(super) async fn what_was_committed_outlasts_the_process(again: Reopen<'_>) -> Verdict {
    let user = User::new("42").name("Uma Berg").email("uma@example.org");
    let told = alert(1, 3);
    let before = open(again).await?;
    before
        .commit(0, vec![hit(1, 0, &user), change(2, 0)])
        .await?;
    before
        .commit(2, vec![hit(1, 2, &user), counted(2, 2, 40)])
        .await?;
    before.tell(3, &told, &["mail"]).await?;
    let (record, other) = (before.record(1).await?, before.record(2).await?);
    let occurrences = before.occurrences(1).await?;
    let affected = before.store.affected(fingerprint(1)).await?;
    drop(before);
    // The second time after it was closed as it should be.
    for _ in 0..2 {
        let after = open(again).await?;
        same!(after.record(1).await?, record, "the record");
        same!(after.record(2).await?, other, "the other record");
        same!(after.occurrences(1).await?, occurrences, "the occurrences");
        same!(
            after.store.affected(fingerprint(1)).await?,
            affected,
            "the users"
        );
        let waiting = after.waiting("mail", 4).await?;
        same!(waiting.len(), 1, "the alerts that wait");
        let claimed = after.take("mail", 4).await?;
        same!(
            written(&entry(&claimed)?.alert)?,
            written(&told)?,
            "the alert"
        );
        after
            .settle("mail", told.id, Fate::Retry { due_at: at(5) })
            .await?;
        after.store.close().await?;
    }
    Ok(())
}

pub(super) async fn what_was_changed_outlasts_the_process(again: Reopen<'_>) -> Verdict {
    let before = open(again).await?;
    before.decide(0, vec![change(1, 0)], tell_once).await?;
    let update: Update = Arc::new(|record| {
        record.review_at = Some(at(77));
        record.issue.state = muted();
    });
    before.store.update(fingerprint(1), update).await?;
    let claimed = before.claim("mail", 1, |state, waiting| {
        state.tokens = 0.5;
        state.breaker = Breaker::Open { until: at(50) };
        take_first(state, waiting)
    });
    let id = entry(&claimed.await?)?.alert.id;
    let update = Arc::new(|state: &mut crate::store::NotifierState| state.failures = 3);
    let retry = Fate::Retry { due_at: at(40) };
    before.store.settle("mail", id, retry, update).await?;
    drop(before);
    let after = open(again).await?;
    let record = after.record(1).await?;
    same!(record.issue.state, muted(), "the state");
    same!(
        (record.review_at, record.memory.alerts()),
        (Some(at(77)), 1),
        "review and memory"
    );
    same!(
        after.store.due(at(80), 9).await?,
        [fingerprint(1)],
        "what is due"
    );
    let state = after.notifier("mail").await?.state;
    same!(
        (state.tokens, state.failures),
        (0.5, 3),
        "the notifier's tokens and failures"
    );
    same!(
        state.breaker,
        Breaker::Open { until: at(50) },
        "the notifier's breaker"
    );
    let waiting = after.waiting("mail", 60).await?;
    let kept = waiting.first().map(|it| (it.id, it.tries, it.due_at));
    same!(
        kept,
        Some((id, 1, at(40))),
        "the alert, its tries and when it is due"
    );
    after.settle("mail", id, Fate::Done).await?;
    drop(after);
    let later = open(again).await?;
    same!(
        later.waiting("mail", 99).await?,
        [],
        "what waits when it was delivered"
    );
    Ok(())
}

pub(super) async fn a_lease_outlasts_the_process_and_ends(again: Reopen<'_>) -> Verdict {
    let told = alert(1, 0);
    let before = open(again).await?;
    before.tell(0, &told, &["mail"]).await?;
    let (lease, _) = RunningLease::take(&before, "mail").await?;
    drop(before);
    let after = open(again).await?;
    let entry = lease.outlast(&after, "mail").await?;
    same!(
        (entry.alert.id, entry.tries),
        (told.id, 2),
        "the alert and its tries"
    );
    Ok(())
}

pub(super) async fn a_batch_is_known_after_the_process(again: Reopen<'_>) -> Verdict {
    let before = open(again).await?;
    before.commit(0, vec![change(1, 0)]).await?;
    let batch = before.batch(0, vec![change(1, 0)]);
    before.hand_in(Arc::clone(&batch), tell_once).await?;
    drop(before);
    let after = open(again).await?;
    after.hand_in(batch, tell_once).await?;
    same!(after.record(1).await?.issue.count, 2, "the count");
    same!(
        after.notifier("mail").await?.waiting,
        1,
        "the alerts that wait"
    );
    Ok(())
}

pub(super) async fn a_forgotten_user_stays_forgotten(again: Reopen<'_>) -> Verdict {
    let user = User::new("42").name("Uma Berg");
    let before = open(again).await?;
    before.decide(0, vec![hit(1, 0, &user)], tell_once).await?;
    same!(
        before.store.forget_user("42").await?,
        3,
        "how much there was of the user"
    );
    drop(before);
    let after = open(again).await?;
    promise!(
        after.occurrences(1).await?.is_empty(),
        "an occurrence is there again"
    );
    let affected = after.store.affected(fingerprint(1)).await?;
    promise!(affected.users.is_empty(), "the user is listed again");
    let claimed = after.take("mail", 1).await?;
    let alert = written(&entry(&claimed)?.alert)?.to_string();
    promise!(
        !alert.contains("Uma Berg"),
        "the user is in the alert again"
    );
    Ok(())
}

pub(super) async fn many_processes_can_open_it_at_once(again: Reopen<'_>) -> Verdict {
    let mut stores = Vec::new();
    for _ in 0..10 {
        stores.push(again().await);
    }
    let work = stores.into_iter().enumerate().map(|(number, store)| {
        move || async move {
            store.open()?;
            let subject = Subject::new(store);
            subject
                .commit(0, vec![change(number as u64, 0), change(100, 0)])
                .await?;
            Ok(subject)
        }
    });
    let subjects = at_once(work.collect())?;
    for subject in &subjects {
        same!(
            subject.problems().await?.len(),
            11,
            "the problems that one of them knows"
        );
    }
    same!(
        subjects[0].record(100).await?.issue.count,
        10,
        "the count of the problem that all had"
    );
    Ok(())
}

pub(super) async fn two_processes_at_once_lose_nothing(again: Reopen<'_>) -> Verdict {
    let (one, other) = (open(again).await?, open(again).await?);
    for round in 0..20 {
        let work = [&one, &other].map(|subject| {
            let subject = subject.clone();
            move || async move {
                let changes = vec![change(round, 0), change(1_000, round as i64)];
                Ok(subject.decide(1, changes, tell_once).await?.outgoing)
            }
        });
        let told: u64 = at_once(work.into())?.iter().sum();
        same!(
            told,
            if round == 0 { 2 } else { 1 },
            "the alerts of round {round}"
        );
    }
    for subject in [&one, &other] {
        same!(subject.record(1_000).await?.issue.count, 40, "the count");
        same!(
            subject.notifier("mail").await?.waiting,
            21,
            "the alerts that wait"
        );
    }
    let work = [&one, &other].map(|subject| {
        let subject = subject.clone();
        move || async move {
            let mut mine = 0;
            while let Some(entry) = subject.take("mail", 5).await?.entry {
                mine += 1;
                subject.settle("mail", entry.alert.id, Fate::Done).await?;
            }
            Ok(mine)
        }
    });
    same!(
        at_once(work.into())?.iter().sum::<u64>(),
        21,
        "the alerts that were handed out"
    );
    Ok(())
}

pub(super) async fn what_one_process_decides_holds_for_the_other(again: Reopen<'_>) -> Verdict {
    let (one, other) = (open(again).await?, open(again).await?);
    one.decide(0, vec![change(1, 0)], tell_once).await?;
    let update: Update = Arc::new(|record| record.issue.state = muted());
    one.store.update(fingerprint(1), update).await?;
    let seen = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let sight = Arc::clone(&seen);
    let committed = other.decide(1, vec![counted(1, 1, 1)], move |touched| {
        let is_muted = touched.iter().all(|it| it.record.issue.state == muted());
        sight.store(is_muted, std::sync::atomic::Ordering::Relaxed);
        Vec::new()
    });
    committed.await?;
    let seen = seen.load(std::sync::atomic::Ordering::Relaxed);
    promise!(seen, "the other process does not see a mute");
    let claimed = other.take("mail", 2).await?;
    let id = entry(&claimed)?.alert.id;
    let stolen = one.claim("mail", 2, move |_, _| Plan {
        take: Some(id),
        ..Plan::default()
    });
    promise!(
        stolen.await?.entry.is_none(),
        "what one process has leased is given to the other"
    );
    other.settle("mail", id, Fate::Done).await?;
    same!(
        one.waiting("mail", 3).await?,
        [],
        "what waits when the other process has delivered it"
    );
    Ok(())
}

fn muted() -> IssueState {
    IssueState::Muted {
        muted_at: at(9),
        muted_until: MuteEnd::Never,
    }
}

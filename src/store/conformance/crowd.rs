//! Many at once: nothing is lost, and nothing is done twice.

use std::collections::HashSet;
use std::sync::Arc;

use super::sample::{alert_of, at, change, counted, fingerprint, hit};
use super::subject::{Subject, at_once};
use super::{Verdict, promise, same};
use crate::request::User;
use crate::store::{Fate, Outgoing, Touched};

pub(super) async fn many_commits_at_once_lose_nothing(subject: Subject) -> Verdict {
    let work = (0..THREADS).map(|thread| {
        let subject = subject.colleague();
        move || async move {
            for round in 0..ROUNDS {
                // In another order on every thread: a store must not wait for itself.
                let problem = |n: u64| (n * (thread % 4 + 1) + round) % 5;
                let user = User::new(format!("user-{thread}"));
                let changes = (0..5)
                    .map(|n| hit(problem(n), round as i64, &user))
                    .collect();
                subject.commit(round as i64, changes).await?;
            }
            Ok(())
        }
    });
    at_once(work.collect())?;
    for problem in 0..5 {
        let issue = subject.record(problem).await?.issue;
        same!(
            issue.count,
            THREADS * ROUNDS,
            "the count of problem {problem}"
        );
        let affected = subject.store.affected(fingerprint(problem)).await?;
        same!(
            affected.users.len() as u64,
            THREADS,
            "the users of problem {problem}"
        );
        let right = affected.users.iter().all(|user| user.count == ROUNDS);
        promise!(right, "the count of a user of problem {problem} is wrong");
        let kept = subject.occurrences(problem).await?.len();
        same!(
            kept,
            subject.retention.occurrences(),
            "the occurrences of problem {problem}"
        );
    }
    Ok(())
}

pub(super) async fn a_new_problem_is_decided_once(subject: Subject) -> Verdict {
    for round in 0..ROUNDS {
        let work = (0..THREADS).map(|_| {
            let subject = subject.colleague();
            move || async move {
                let mut change = change(round, 0);
                change.count(2, at(1));
                let committed = subject.decide(1, vec![change], tell_once).await?;
                Ok(committed.outgoing)
            }
        });
        let told: u64 = at_once(work.collect())?.iter().sum();
        same!(
            told,
            1,
            "the alerts of a problem that {THREADS} threads found at once"
        );
        let record = subject.record(round).await?;
        same!(record.issue.count, THREADS * 3, "its count");
        same!(record.memory.alerts(), 1, "the alerts that are remembered");
        subject.commit(2, vec![counted(round, 2, 1)]).await?;
    }
    same!(
        subject.notifier("mail").await?.waiting,
        ROUNDS,
        "the alerts that wait"
    );
    Ok(())
}

pub(super) async fn an_alert_is_given_to_one_of_many(subject: Subject) -> Verdict {
    for problem in 0..ALERTS {
        subject
            .decide(0, vec![change(problem, 0)], tell_once)
            .await?;
    }
    let work = (0..THREADS).map(|_| {
        let subject = subject.colleague();
        move || async move {
            let mut mine = Vec::new();
            while let Some(entry) = subject.take("mail", 5).await?.entry {
                mine.push((entry.alert.id, entry.tries));
                subject.settle("mail", entry.alert.id, Fate::Done).await?;
            }
            Ok(mine)
        }
    });
    let taken: Vec<_> = at_once(work.collect())?.concat();
    let different: HashSet<_> = taken.iter().map(|(id, _)| *id).collect();
    same!(
        different.len() as u64,
        ALERTS,
        "the alerts that were handed out"
    );
    same!(
        taken.len() as u64,
        ALERTS,
        "how often an alert was handed out"
    );
    promise!(
        taken.iter().all(|(_, tries)| *tries == 1),
        "an alert was tried twice"
    );
    same!(
        subject.notifier("mail").await?.waiting,
        0,
        "what waits in the end"
    );
    Ok(())
}

/// Tells of a problem of which nothing was told.
pub(super) fn tell_once(touched: &mut [Touched<'_>]) -> Vec<Outgoing> {
    let mut outgoing = Vec::new();
    for Touched { change, record } in touched {
        if let Some(newest) = &change.newest
            && record.memory.alerts == 0
        {
            record.memory.alerts += 1;
            outgoing.push(Outgoing {
                notifier: "mail".to_owned(),
                alert: Arc::new(alert_of(Arc::clone(newest))),
            });
        }
    }
    outgoing
}

const THREADS: u64 = 6;
const ROUNDS: u64 = 15;
const ALERTS: u64 = 40;

//! Long histories: a store's records are what [`Record::apply`] makes of the changes, whatever their order and number.

use std::sync::Arc;

use super::sample::{Dice, at, change, counted, fingerprint, hit};
use super::subject::Subject;
use super::{Broken, Verdict, promise, same};
use crate::issue::{Affected, Change, Record, Retention};
use crate::request::User;

pub(super) async fn a_long_history_is_what_records_make_of_it(subject: Subject) -> Verdict {
    let subject = subject.keeping(Retention::new().max_users(5));
    let mut dice = Dice(2026);
    let mut expected: Vec<Option<(Record, Affected)>> = vec![None; PROBLEMS as usize];
    for round in 0..120 {
        let mut changes = Vec::new();
        for problem in 0..PROBLEMS {
            if dice.below(3) > 0 {
                continue;
            }
            let change = drawn(&mut dice, problem, round);
            let known = &mut expected[problem as usize];
            if known.is_none() {
                *known = Record::begin(&change).map(|record| (record, Affected::default()));
            }
            if let Some((record, affected)) = known {
                let affected = change.has_users().then_some(affected);
                let users = subject.retention.users();
                record.apply(&change, affected, users, at(round * 700));
            }
            changes.push(change);
        }
        subject.commit(round * 700, changes).await?;
    }
    for (problem, expected) in expected.into_iter().enumerate() {
        let (record, affected) = expected.ok_or(Broken("never begun".to_owned()))?;
        let problem = problem as u64;
        same!(
            subject.record(problem).await?,
            record,
            "the record of problem {problem}"
        );
        let found = subject.store.affected(fingerprint(problem)).await?;
        same!(found, affected, "the affected users of problem {problem}");
    }
    Ok(())
}

/// A change as it may come: some out of order, some with nothing but a number, of several releases and users.
fn drawn(dice: &mut Dice, problem: u64, round: i64) -> Change {
    let second = round * 700 - dice.below(5_000) as i64;
    let mut change = match dice.below(4) {
        0 => counted(problem, second, dice.below(1_000) + 1),
        1 => change(problem, second),
        _ => {
            let user = User::new(format!("user-{}", dice.below(9)));
            hit(problem, second, &user.name("Uma Berg"))
        }
    };
    change.count(dice.below(20), at(second + dice.below(90) as i64));
    change.release = (dice.below(5) > 0).then(|| format!("1.{}.0", round / 5));
    change
}

pub(super) async fn occurrences_are_thinned_and_read_back_as_they_were(
    subject: Subject,
) -> Verdict {
    let subject = subject.keeping(Retention::new().max_occurrences(5));
    let mut sent = Vec::new();
    for round in 0..20 {
        let mut two = change(1, round * 10);
        let later = change(1, round * 10 + 3);
        two.count(1, at(round * 10 + 3));
        two.occurrences.extend(later.occurrences);
        sent.extend(two.occurrences.iter().map(Arc::clone));
        subject.commit(round * 10 + 4, vec![two]).await?;
        let kept = subject.occurrences(1).await?;
        let expected = sent.len().min(5);
        same!(kept.len(), expected, "how many are kept of {}", sent.len());
        let in_order = kept.windows(2).all(|pair| pair[0].time <= pair[1].time);
        promise!(in_order, "they are not in the order of their times");
        same!(kept.first(), sent.first(), "the first");
        same!(kept.last(), sent.last(), "the last");
        let unchanged = kept.iter().all(|kept| sent.contains(kept));
        promise!(unchanged, "one is not as it was handed in");
    }
    let kept = subject.occurrences(1).await?;
    let span = kept
        .windows(2)
        .map(|pair| pair[1].time.since(pair[0].time).as_secs());
    promise!(
        span.max() < Some(150),
        "between the first and the last there is no spread"
    );
    let late = change(1, 55);
    subject.commit(300, vec![late, change(2, 300)]).await?;
    let kept = subject.occurrences(1).await?;
    same!(kept.len(), 5, "how many are kept when one comes late");
    same!(kept.last(), sent.last(), "the last when one comes late");
    same!(
        subject.occurrences(2).await?.len(),
        1,
        "the other problem's"
    );
    Ok(())
}

const PROBLEMS: u64 = 4;

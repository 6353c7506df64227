//! The outbox: whom an alert is handed to, once at a time, and how several become one.

use super::sample::{alert, at, new_id, written};
use super::subject::{RunningLease, Subject, entry};
use super::{Broken, Verdict, promise, same};
use crate::store::{Fate, Joined, Plan, Waiting};

pub(super) async fn alerts_come_to_their_notifier_in_order_and_whole(subject: Subject) -> Verdict {
    let alerts: Vec<_> = (0..6).map(|second| alert(second as u64, second)).collect();
    for (second, alert) in alerts.iter().enumerate() {
        let notifier = if second % 2 == 0 { "mail" } else { "chat" };
        subject.tell(second as i64, alert, &[notifier]).await?;
    }
    for (notifier, first) in [("mail", 0), ("chat", 1)] {
        for second in [first, first + 2, first + 4] {
            let claimed = subject.take(notifier, 10).await?;
            let entry = entry(&claimed)?;
            let told = &alerts[second];
            same!(
                written(&entry.alert)?,
                written(told)?,
                "alert {second} of {notifier}"
            );
            same!(
                entry.created_at,
                at(second as i64),
                "when alert {second} was decided"
            );
            same!(entry.tries, 1, "the tries of alert {second}");
            same!(claimed.plan.take, Some(told.id), "the plan in the answer");
        }
        let claimed = subject.take(notifier, 10).await?;
        promise!(
            claimed.entry.is_none(),
            "{notifier} gets more than was meant for it"
        );
    }
    Ok(())
}

pub(super) async fn an_alert_for_two_notifiers_is_told_by_both(subject: Subject) -> Verdict {
    let alert = alert(1, 0);
    let committed = subject.tell(0, &alert, &["mail", "chat"]).await?;
    same!(committed.outgoing, 2, "the alerts that were added");
    let mail = subject.take("mail", 1).await?;
    same!(entry(&mail)?.alert.id, alert.id, "the one's alert");
    subject.settle("mail", alert.id, Fate::Done).await?;
    let chat = subject.take("chat", 1).await?;
    same!(entry(&chat)?.alert.id, alert.id, "the other's alert");
    same!(entry(&chat)?.tries, 1, "the other's tries");
    subject.settle("mail", alert.id, Fate::Done).await?;
    same!(
        subject.notifier("chat").await?.waiting,
        1,
        "the other's alert, settled by the one again"
    );
    Ok(())
}

pub(super) async fn a_leased_alert_is_not_given_twice(subject: Subject) -> Verdict {
    subject.tell(0, &alert(1, 0), &["mail"]).await?;
    let first = subject.take("mail", 10).await?;
    let id = entry(&first)?.alert.id;
    for second in [10, 11, 3_000] {
        let waiting = subject.colleague().waiting("mail", second).await?;
        promise!(waiting.is_empty(), "a leased alert is shown as waiting");
        let thief = subject.colleague();
        let stolen = thief.claim("mail", second, move |_, _| Plan {
            take: Some(id),
            ..Plan::default()
        });
        let stolen = stolen.await?;
        promise!(
            stolen.entry.is_none(),
            "a leased alert is given to whoever knows its id"
        );
    }
    Ok(())
}

pub(super) async fn a_lease_ends(subject: Subject) -> Verdict {
    let told = alert(1, 0);
    subject.tell(0, &told, &["mail"]).await?;
    let (lease, claimed) = RunningLease::take(&subject, "mail").await?;
    same!(entry(&claimed)?.tries, 1, "the tries at first");
    let again = lease.outlast(&subject.colleague(), "mail").await?;
    same!(
        again.alert.id,
        told.id,
        "what is given when the lease is over"
    );
    same!(again.tries, 2, "the tries when the lease is over");
    Ok(())
}

pub(super) async fn waiting_and_leased_alerts_are_counted(subject: Subject) -> Verdict {
    for second in 0..4 {
        subject.tell(second, &alert(1, second), &["mail"]).await?;
    }
    let numbers = |claimed: &crate::store::Claimed| (claimed.waiting, claimed.leased);
    let nothing = |_: &mut crate::store::NotifierState, _: &[Waiting]| Plan::default();
    let looked = subject.claim("mail", 10, nothing).await?;
    same!(numbers(&looked), (4, 0), "waiting and leased at first");
    let first = subject.take("mail", 10).await?;
    same!(
        numbers(&first),
        (3, 0),
        "waiting and leased beside the first"
    );
    let second = subject.take("mail", 10).await?;
    same!(
        numbers(&second),
        (2, 1),
        "waiting and leased beside the second"
    );
    let looked = subject.claim("mail", 10, nothing).await?;
    same!(
        numbers(&looked),
        (2, 2),
        "waiting and leased with two on their way"
    );
    same!(subject.notifier("mail").await?.waiting, 4, "all of them");
    subject
        .settle("mail", entry(&first)?.alert.id, Fate::Done)
        .await?;
    let retry = Fate::Retry { due_at: at(99) };
    subject
        .settle("mail", entry(&second)?.alert.id, retry)
        .await?;
    let looked = subject.claim("mail", 11, nothing).await?;
    same!(
        numbers(&looked),
        (3, 0),
        "waiting and leased when both are settled"
    );
    Ok(())
}

pub(super) async fn a_plan_sees_what_waits(subject: Subject) -> Verdict {
    let told = alert(1, 0);
    subject.tell(5, &told, &["mail"]).await?;
    let waiting = subject.waiting("mail", 6).await?;
    let expected = Waiting {
        id: told.id,
        created_at: at(5),
        due_at: at(5),
        tries: 0,
        summary: told.summary(),
        also: told.also.clone(),
        also_more: told.also_more,
        lost: told.lost,
    };
    same!(waiting, [expected], "what is shown");
    let wrong = subject.claim("mail", 6, |_, _| Plan {
        take: Some(new_id()),
        look_again: Some(at(9)),
        ..Plan::default()
    });
    let wrong = wrong.await?;
    promise!(
        wrong.entry.is_none(),
        "something was handed out that nobody asked for"
    );
    same!(wrong.plan.look_again, Some(at(9)), "the plan in the answer");
    let waiting = subject.waiting("mail", 6).await?;
    same!(
        waiting.first().map(|it| it.tries),
        Some(0),
        "the tries of what was only looked at"
    );
    Ok(())
}

pub(super) async fn joined_alerts_are_one(subject: Subject) -> Verdict {
    let alerts: Vec<_> = (0..5).map(|second| alert(second as u64, second)).collect();
    for (second, alert) in alerts.iter().enumerate() {
        subject
            .tell(second as i64, alert, &["mail", "chat"])
            .await?;
    }
    let tried = subject.take("mail", 10).await?;
    let retry = Fate::Retry { due_at: at(10) };
    subject
        .settle("mail", entry(&tried)?.alert.id, retry)
        .await?;
    let (keep, id) = (alerts[2].id, new_id());
    let gone = vec![alerts[0].id, alerts[1].id, alerts[3].id];
    let also: Vec<_> = alerts[..2]
        .iter()
        .map(crate::issue::Alert::summary)
        .collect();
    let lost = alerts[0].lost.plus(&alerts[1].lost);
    let joined = Joined {
        keep,
        id,
        created_at: at(0),
        gone,
        also: also.clone(),
        also_more: 41,
        lost,
    };
    let claimed = subject.claim("mail", 11, move |_, _| Plan {
        join: Some(joined.clone()),
        take: Some(id),
        look_again: None,
    });
    let claimed = claimed.await?;
    let entry = entry(&claimed)?;
    let mut expected = alerts[2].clone();
    expected.id = id;
    expected.also = also;
    expected.also_more = 41;
    expected.lost = lost;
    same!(
        written(&entry.alert)?,
        written(&expected)?,
        "the alert that was joined"
    );
    same!(
        entry.created_at,
        at(0),
        "when the first of the joined was decided"
    );
    same!(entry.tries, 1, "the tries of the joined alert");
    same!(
        (claimed.waiting, claimed.leased),
        (1, 0),
        "waiting and leased beside it"
    );
    let left = subject.waiting("mail", 11).await?;
    same!(ids(&left), [alerts[4].id], "what was not joined");
    subject
        .settle("mail", id, Fate::Retry { due_at: at(20) })
        .await?;
    let left = subject.waiting("mail", 12).await?;
    same!(
        ids(&left),
        [id, alerts[4].id],
        "the order when the joined alert waits again"
    );
    let first = left.first().ok_or(Broken("nothing waits".to_owned()))?;
    same!(first.also_more, 41, "what is told by its number alone");
    same!(first.due_at, at(20), "when the joined alert is due");
    subject.settle("mail", id, Fate::Done).await?;
    same!(
        subject.notifier("mail").await?.waiting,
        1,
        "what waits in the end"
    );
    same!(
        subject.notifier("chat").await?.waiting,
        5,
        "what waits for the other notifier"
    );
    Ok(())
}

fn ids(waiting: &[Waiting]) -> Vec<uuid::Uuid> {
    waiting.iter().map(|waiting| waiting.id).collect()
}

//! The outbox: what becomes of an alert, and how a notifier is.

use std::sync::Arc;

use super::sample::{alert, at, change, new_id, written};
use super::subject::{Subject, entry};
use super::{Verdict, promise, same};
use crate::issue::Memos;
use crate::occurrence::Fingerprint;
use crate::store::{Breaker, Fate, NotifierState, Plan, StateUpdate, Waiting};

pub(super) async fn a_delivered_alert_is_gone(subject: Subject) -> Verdict {
    subject.tell(0, &alert(1, 0), &["mail"]).await?;
    let claimed = subject.take("mail", 1).await?;
    let id = entry(&claimed)?.alert.id;
    subject.settle("mail", id, Fate::Done).await?;
    let after = subject.take("mail", 1_000_000).await?;
    promise!(after.entry.is_none(), "it is handed out again");
    same!((after.waiting, after.leased), (0, 0), "waiting and leased");
    same!(subject.notifier("mail").await?.waiting, 0, "what waits");
    Ok(())
}

pub(super) async fn a_failed_alert_waits_for_its_next_try(subject: Subject) -> Verdict {
    let (told, later) = (alert(1, 0), alert(2, 1));
    subject.tell(0, &told, &["mail"]).await?;
    subject.tell(1, &later, &["mail"]).await?;
    for tries in 1..=3 {
        let claimed = subject.take("mail", 10 * i64::from(tries)).await?;
        let entry = entry(&claimed)?;
        same!(entry.alert.id, told.id, "the alert of try {tries}");
        same!(entry.tries, tries, "the number of tries");
        let due_at = at(1_000 * i64::from(tries));
        subject
            .settle("mail", told.id, Fate::Retry { due_at })
            .await?;
        let waiting = subject.waiting("mail", 10 * i64::from(tries)).await?;
        same!(waiting.len(), 2, "what waits after try {tries}");
        same!(waiting[0].id, told.id, "the oldest after try {tries}");
        same!(
            waiting[0].due_at,
            due_at,
            "when it is due after try {tries}"
        );
        same!(waiting[0].tries, tries, "the tries that are shown");
        same!(
            waiting[0].created_at,
            at(0),
            "when it was decided, after try {tries}"
        );
    }
    Ok(())
}

pub(super) async fn a_handed_over_alert_begins_anew(subject: Subject) -> Verdict {
    let (told, newer) = (alert(1, 0), alert(2, 5));
    subject.tell(0, &told, &["mail"]).await?;
    subject.tell(5, &newer, &["chat"]).await?;
    subject.take("mail", 9).await?;
    let to = |notifier: &str| Fate::HandOver {
        notifier: notifier.to_owned(),
    };
    subject.settle("mail", told.id, to("chat")).await?;
    same!(
        subject.notifier("mail").await?.waiting,
        0,
        "what waits for the one"
    );
    let waiting = subject.waiting("chat", 10).await?;
    let ids: Vec<_> = waiting.iter().map(|waiting| waiting.id).collect();
    same!(
        ids,
        [told.id, newer.id],
        "what waits for the other, oldest first"
    );
    same!(
        (waiting[0].tries, waiting[0].created_at),
        (0, at(0)),
        "its tries and when it was decided"
    );
    let claimed = subject.take("chat", 10).await?;
    same!(entry(&claimed)?.tries, 1, "the tries of the other");
    same!(
        written(&entry(&claimed)?.alert)?,
        written(&told)?,
        "the alert"
    );
    subject.settle("chat", told.id, Fate::Done).await?;
    subject.tell(20, &told, &["mail", "log"]).await?;
    subject.take("mail", 21).await?;
    subject.settle("mail", told.id, to("log")).await?;
    same!(
        subject.notifier("log").await?.waiting,
        1,
        "the same alert at the one that has it already"
    );
    subject.take("chat", 22).await?;
    subject
        .settle("chat", newer.id, to("never seen before"))
        .await?;
    let stored = subject.notifier("never seen before").await?;
    same!(
        stored.waiting,
        1,
        "what waits for a notifier that never had an alert"
    );
    Ok(())
}

pub(super) async fn what_is_no_longer_there_can_be_settled(subject: Subject) -> Verdict {
    let told = alert(1, 0);
    subject.tell(0, &told, &["mail"]).await?;
    subject.take("mail", 1).await?;
    let nobody = Fate::HandOver {
        notifier: "chat".to_owned(),
    };
    for fate in [Fate::Done, Fate::Retry { due_at: at(9) }, nobody] {
        subject.settle("mail", new_id(), fate.clone()).await?;
        subject.settle("nobody", told.id, fate.clone()).await?;
        same!(
            subject.notifier("mail").await?.waiting,
            1,
            "what waits after {fate:?} of another"
        );
        let waiting = subject.waiting("mail", 2).await?;
        promise!(
            waiting.is_empty(),
            "{fate:?} of another entry ended the lease"
        );
    }
    let count: StateUpdate = Arc::new(|state| state.delivered += 1);
    subject
        .store
        .settle("mail", new_id(), Fate::Done, count)
        .await?;
    same!(
        subject.notifier("mail").await?.state.delivered,
        1,
        "the state that came with it"
    );
    Ok(())
}

pub(super) async fn the_state_of_a_notifier_is_kept(subject: Subject) -> Verdict {
    subject.tell(0, &alert(1, 0), &["mail", "chat"]).await?;
    let mut memos = Memos::default();
    memos.set(Fingerprint::from_u64(7), Some("thread \"1\" 🙂".to_owned()));
    let planned = NotifierState {
        memos,
        tokens: 2.375,
        tokens_at: Some(at(3)),
        failures: 4,
        breaker: Breaker::Open { until: at(60) },
        last_success: Some(at(1)),
        last_failure: Some(at(2)),
        last_error: Some("503 \"later\" 🙂".to_owned()),
        delivered: 17,
    };
    let state = planned.clone();
    let claimed = subject.claim("mail", 5, move |it, waiting| {
        *it = state.clone();
        Plan {
            take: waiting.first().map(|waiting| waiting.id),
            ..Plan::default()
        }
    });
    let id = entry(&claimed.await?)?.alert.id;
    same!(
        subject.notifier("mail").await?.state,
        planned,
        "the state that the plan left"
    );
    let update: StateUpdate = Arc::new(|state| {
        state.failures += 1;
        state.breaker = Breaker::Stopped { since: at(7) };
        state.last_error = None;
    });
    let retry = Fate::Retry { due_at: at(9) };
    subject.store.settle("mail", id, retry, update).await?;
    let mut settled = planned;
    settled.failures = 5;
    settled.breaker = Breaker::Stopped { since: at(7) };
    settled.last_error = None;
    same!(
        subject.notifier("mail").await?.state,
        settled,
        "the state after settling"
    );
    let known = settled.clone();
    let found = subject.claim("mail", 10, move |it, _| Plan {
        look_again: (*it == known).then_some(at(11)),
        ..Plan::default()
    });
    let found = found.await?.plan.look_again;
    same!(
        found,
        Some(at(11)),
        "whether the next plan found that state"
    );
    let other = subject.notifier("chat").await?.state;
    same!(
        other,
        NotifierState::default(),
        "the state of the other notifier"
    );
    Ok(())
}

pub(super) async fn every_notifier_is_listed(subject: Subject) -> Verdict {
    let names = ["mail", "Chat Ü/🙂 \"x\" %_'--", "."];
    for (second, name) in names.iter().enumerate() {
        subject
            .tell(second as i64, &alert(1, second as i64), &[name])
            .await?;
    }
    let mut listed: Vec<_> = subject.store.notifiers().await?;
    listed.sort_by(|one, other| one.name.cmp(&other.name));
    let found: Vec<_> = listed.iter().map(|it| (&*it.name, it.waiting)).collect();
    let mut expected = names.map(|name| (name, 1));
    expected.sort_unstable();
    same!(found, expected, "the notifiers and what waits for them");
    for name in names {
        let claimed = subject.take(name, 9).await?;
        subject
            .settle(name, entry(&claimed)?.alert.id, Fate::Done)
            .await?;
        same!(
            subject.notifier(name).await?.waiting,
            0,
            "what waits for {name}"
        );
    }
    Ok(())
}

pub(super) async fn a_closed_store_still_works(subject: Subject) -> Verdict {
    subject.tell(0, &alert(1, 0), &["mail"]).await?;
    subject.store.close().await?;
    subject.commit(1, vec![change(2, 1)]).await?;
    subject.tell(2, &alert(3, 2), &["mail"]).await?;
    let seen = |waiting: &[Waiting]| waiting.len();
    same!(
        seen(&subject.waiting("mail", 3).await?),
        2,
        "what waits after closing"
    );
    let claimed = subject.take("mail", 3).await?;
    subject
        .settle("mail", entry(&claimed)?.alert.id, Fate::Done)
        .await?;
    same!(
        subject.problems().await?.len(),
        3,
        "the problems after closing"
    );
    subject.store.close().await?;
    Ok(())
}

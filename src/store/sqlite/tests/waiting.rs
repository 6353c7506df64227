//! The outbox, with Memory as the judge of what every step comes to.

use super::*;
use crate::store::{Joined, Memory, NotifierState, Plan, Waiting};

fn lease(second: i64) -> Lease {
    Lease {
        notifier: "ops".to_owned(),
        now: at(second),
        duration: Duration::from_secs(10),
    }
}

fn taking(at: usize) -> Planner {
    Arc::new(move |state: &mut NotifierState, waiting: &[Waiting]| {
        state.tokens += 1.0;
        Plan {
            take: waiting.get(at).map(|entry| entry.id),
            ..Plan::default()
        }
    })
}

fn joining() -> Planner {
    Arc::new(|_: &mut NotifierState, waiting: &[Waiting]| Plan {
        join: Some(Joined {
            keep: waiting[0].id,
            id: Uuid::from_u128(77),
            created_at: waiting[0].created_at,
            gone: waiting[1..].iter().map(|entry| entry.id).collect(),
            also: waiting[1..]
                .iter()
                .map(|entry| entry.summary.clone())
                .collect(),
            also_more: 3,
            lost: serde_json::from_value(json!({ "occurrence": 4 })).unwrap(),
        }),
        take: Some(Uuid::from_u128(77)),
        look_again: None,
    })
}

/// The same to both; what comes back has to be the same.
struct Both(
    Sqlite,
    Memory,
    #[expect(dead_code, reason = "it goes when this does")] TempDir,
);

impl Both {
    fn commit(&self, number: u64, changes: Vec<Change>, told: Arc<[Arc<Alert>]>) {
        let decide: Decide = Arc::new(move |_| {
            let outgoing = told.iter().map(|alert| Outgoing {
                notifier: "ops".to_owned(),
                alert: Arc::clone(alert),
            });
            outgoing.collect()
        });
        let batch = Arc::new(batch(number, changes));
        wait(self.0.commit(Arc::clone(&batch), Arc::clone(&decide))).unwrap();
        wait(self.1.commit(batch, decide)).unwrap();
    }

    fn claim(&self, second: i64, plan: Planner) -> Claimed {
        let one = wait(self.0.claim(lease(second), Arc::clone(&plan))).unwrap();
        let other = wait(self.1.claim(lease(second), plan)).unwrap();
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
        one
    }

    fn settle(&self, entry: Uuid, fate: &Fate) {
        let update: StateUpdate = Arc::new(|state| state.delivered += 1);
        let one = self
            .0
            .settle("ops", entry, fate.clone(), Arc::clone(&update));
        wait(one).unwrap();
        wait(self.1.settle("ops", entry, fate.clone(), update)).unwrap();
    }
}

impl Drop for Both {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let one = wait(self.0.notifiers()).unwrap();
            assert_eq!(one, wait(self.1.notifiers()).unwrap());
        }
    }
}

fn both() -> (Both, Vec<Arc<Alert>>) {
    let (folder, store) = fresh();
    let both = Both(store, Memory::new(), folder);
    let mut alerts = Vec::new();
    for number in 1..=3 {
        let change = change_of(number, number as i64, "42");
        let occurrence = Arc::clone(&change.occurrences[0]);
        let mut record = Record::begin(&change).unwrap();
        record.apply(&change, None, 9, at(number as i64));
        let alert = alert(&record, &occurrence);
        alerts.push(Arc::clone(&alert));
        both.commit(number, vec![change], [alert].into());
    }
    (both, alerts)
}

#[test]
fn an_entry_is_leased_tried_again_and_done() {
    let (both, alerts) = both();
    let claimed = both.claim(10, taking(0));
    let entry = claimed.entry.unwrap();
    assert_eq!((entry.alert.id, entry.tries), (alerts[0].id, 1));
    assert_eq!((claimed.waiting, claimed.leased), (2, 0));
    let claimed = both.claim(11, taking(0));
    assert_eq!(claimed.entry.unwrap().alert.id, alerts[1].id);
    assert_eq!((claimed.waiting, claimed.leased), (1, 1));
    both.settle(alerts[0].id, &Fate::Retry { due_at: at(30) });
    both.settle(alerts[1].id, &Fate::Done);
    both.settle(alerts[1].id, &Fate::Done);
    let again = both.claim(12, taking(0)).entry.unwrap();
    assert_eq!((again.alert.id, again.tries), (alerts[0].id, 2));
    // A lease that nobody settles ends.
    assert!(both.claim(21, taking(1)).entry.is_none());
    assert_eq!(both.claim(22, taking(0)).entry.unwrap().tries, 3);
}

#[test]
fn what_waits_becomes_one_and_goes_to_another() {
    let (both, alerts) = both();
    let entry = both.claim(10, joining()).entry.unwrap();
    assert_eq!(entry.alert.id, Uuid::from_u128(77));
    assert_eq!((entry.alert.also.len(), entry.alert.also_more), (2, 3));
    assert_eq!(entry.alert.lost.total(), 4);
    assert_eq!(entry.alert.occurrence, alerts[0].occurrence);
    let fate = Fate::HandOver {
        notifier: "boss".to_owned(),
    };
    both.settle(Uuid::from_u128(77), &fate);
    assert_eq!(both.claim(11, taking(0)).entry.map(|it| it.tries), None);
    let names = wait(both.0.notifiers()).unwrap();
    let names: Vec<_> = names.iter().map(|it| (&*it.name, it.waiting)).collect();
    assert_eq!(names, [("boss", 1), ("ops", 0)]);
}

#[test]
fn an_alert_that_comes_twice_waits_once() {
    let (both, alerts) = both();
    both.commit(9, vec![counted(1, 9, 1)], alerts.into());
    assert_eq!(both.claim(10, taking(9)).waiting, 3);
}

#[test]
fn one_that_cannot_be_read_is_in_nobodys_way() {
    let (both, alerts) = both();
    let store = &both.0;
    sql(
        store,
        "UPDATE outbox SET body = '{}' WHERE created_at = 1000000",
    );
    sql(
        store,
        "UPDATE outbox SET line = '{}' WHERE created_at = 2000000",
    );
    assert!(
        wait(store.claim(lease(10), taking(0)))
            .unwrap()
            .entry
            .is_none()
    );
    let second = wait(store.claim(lease(11), taking(0))).unwrap();
    assert_eq!(second.entry.unwrap().alert.id, alerts[2].id);
    sql(store, "UPDATE notifier SET state = 'x'");
    let notifiers = wait(store.notifiers()).unwrap();
    assert_eq!(notifiers[0].state, NotifierState::default());
    assert_eq!(notifiers[0].waiting, 3);
    std::mem::forget(both);
}

#[test]
fn a_lease_of_a_clock_that_was_set_back_is_free() {
    let (both, alerts) = both();
    let year = 365 * 86_400;
    let entry = both.claim(year, taking(0)).entry.unwrap();
    assert_eq!(entry.alert.id, alerts[0].id);
    let again = both.claim(20, taking(0)).entry.unwrap();
    assert_eq!((again.alert.id, again.tries), (alerts[0].id, 2));
    // By a clock that is 5 minutes behind it is a lease like any other.
    let other = both.claim(20 - 300, taking(0)).entry.unwrap();
    assert_eq!(other.alert.id, alerts[1].id);
}

#[test]
fn nothing_goes_for_an_entry_that_is_not_there() {
    let (both, _) = both();
    let planner = joining();
    let lost: Planner = Arc::new(move |state: &mut NotifierState, waiting: &[Waiting]| {
        let mut plan = planner(state, waiting);
        if let Some(join) = &mut plan.join {
            join.keep = Uuid::from_u128(5);
        }
        plan
    });
    assert_eq!(both.claim(10, lost).waiting, 3);
}

#[test]
fn an_alert_that_cannot_be_read_goes_after_a_week() {
    let (_folder, store) = fresh();
    let changes = vec![change(1, 1), change(2, 1), change(3, 1)];
    let batch = Arc::new(batch(1, changes));
    wait(store.commit(batch, telling("ops"))).unwrap();
    sql(&store, "UPDATE outbox SET body = '{}' WHERE number = 2");
    let week = 7 * 86_400;
    for (second, left, unreadable) in [(week, 3, 0), (week + 2, 2, 1), (week + 2, 2, 1)] {
        wait(store.tidy(at(second), Retention::new())).unwrap();
        assert_eq!(count(&store, "SELECT count(*) FROM outbox"), left);
        assert_eq!(store.unreadable.count(), unreadable);
    }
}

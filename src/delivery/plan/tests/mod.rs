//! A plan for every outbox.

mod properties;

use super::*;
use crate::delivery::fixtures::{alert, at};
use crate::delivery::health::Outcome;
use crate::issue::Severity;

const LEASE: Duration = Duration::from_secs(25);

fn rules(budget: Budget) -> Rules {
    Rules {
        budget,
        apart: 0,
        max_age: DEFAULT_ALERT_AGE,
        lease: LEASE,
    }
}

fn waiting(number: u64, severity: Severity, created: u64, tries: u32) -> Waiting {
    let alert = alert(number, severity);
    Waiting {
        id: alert.id,
        created_at: at(created),
        due_at: at(created),
        tries,
        summary: alert.summary(),
        also: Vec::new(),
        also_more: 0,
        lost: Losses::default(),
    }
}

fn moment(second: u64) -> Moment {
    Moment {
        now: at(second),
        new_id: Uuid::from_u128(u128::MAX - u128::from(second)),
    }
}

fn at_second(state: &mut NotifierState, all: &[Waiting], second: u64, budget: Budget) -> Plan {
    plan(state, all, moment(second), &rules(budget))
}

fn three_an_hour() -> Budget {
    Budget::new(3, Duration::from_secs(3_600))
}

#[test]
fn what_was_tried_least_comes_first_then_the_worst_then_the_oldest() {
    let mut all = vec![
        waiting(0, Severity::Critical, 0, 1),
        waiting(1, Severity::Error, 2, 0),
        waiting(2, Severity::Error, 1, 0),
        waiting(3, Severity::Critical, 3, 0),
    ];
    let mut order = Vec::new();
    while !all.is_empty() {
        let taken = at_second(&mut NotifierState::default(), &all, 9, Budget::unlimited()).take;
        let index = all
            .iter()
            .position(|entry| Some(entry.id) == taken)
            .unwrap();
        order.push(all.remove(index).summary.title);
    }
    assert_eq!(order, ["problem 3", "problem 2", "problem 1", "problem 0"]);
}

#[test]
fn what_is_beyond_the_budget_becomes_one_message_named_after_the_worst() {
    let mut all: Vec<_> = (0..30)
        .map(|number| waiting(number, Severity::Error, number, 0))
        .collect();
    all[7].summary.severity = Severity::Critical;
    all[9].also = vec![all[3].summary.clone()];
    all[9].also_more = 5;
    let lost = |count: u64| -> Losses {
        serde_json::from_value(serde_json::json!({ "occurrence": count })).unwrap()
    };
    (all[4].lost, all[5].lost) = (lost(3), lost(9));
    // Decided at once with another.
    (all[6].lost, all[6].created_at) = (lost(3), all[4].created_at);
    let mut state = NotifierState::default();
    let plan = at_second(&mut state, &all, 40, three_an_hour());
    let joined = plan.join.unwrap();
    assert_eq!((joined.keep, plan.take), (all[7].id, Some(joined.id)));
    assert_ne!(joined.id, all[7].id, "its words have changed");
    assert_eq!((joined.created_at, joined.gone.len()), (at(0), 29));
    let lines: u64 = joined.also.iter().map(|line| line.alerts).sum();
    assert_eq!(lines + joined.also_more, 29 + 1 + 5);
    assert_eq!(joined.lost, lost(12));
    assert_eq!(state.tokens, 2.0);
    let few = at_second(
        &mut NotifierState::default(),
        &all[..3],
        40,
        three_an_hour(),
    );
    assert_eq!((few.join, few.take), (None, Some(all[0].id)));
}

#[test]
fn many_are_joined_also_while_nothing_may_be_sent() {
    let all: Vec<_> = (0..65)
        .map(|number| waiting(number, Severity::Error, 0, 0))
        .collect();
    let mut state = NotifierState {
        breaker: Breaker::Open { until: at(100) },
        ..NotifierState::default()
    };
    let plan = at_second(&mut state, &all, 40, Budget::unlimited());
    assert_eq!((plan.take, plan.look_again), (None, Some(at(100))));
    assert_eq!(plan.join.unwrap().gone.len(), 64);
    let fewer = at_second(&mut state, &all[..64], 40, Budget::unlimited());
    assert_eq!(fewer.join, None);
}

#[test]
fn what_was_tried_stays_apart_unless_that_is_much() {
    let mut all: Vec<_> = (0..20)
        .map(|number| waiting(number, Severity::Error, 0, u32::from(number < 8)))
        .collect();
    let joined = at_second(&mut NotifierState::default(), &all, 9, three_an_hour()).join;
    assert_eq!(joined.unwrap().gone.len(), 11, "the eight keep their ids");
    all[8].tries = 1;
    let joined = at_second(&mut NotifierState::default(), &all, 9, three_an_hour()).join;
    assert_eq!(joined.unwrap().gone.len(), 19);
}

#[test]
fn what_has_waited_long_is_not_joined_and_in_the_end_taken_whatever_happens() {
    let all: Vec<_> = (0..5)
        .map(|number| waiting(number, Severity::Error, number * 6 * 3_600, 0))
        .collect();
    let mut state = NotifierState {
        breaker: Breaker::Open { until: at(86_400) },
        ..NotifierState::default()
    };
    let plan = at_second(&mut state, &all, 86_390, three_an_hour());
    assert_eq!(plan.look_again, Some(at(86_400)), "when the first expires");
    let plan = at_second(&mut state, &all, 86_400, three_an_hour());
    assert_eq!((plan.take, plan.join), (Some(all[0].id), None));
    let rest = at_second(
        &mut NotifierState::default(),
        &all[1..],
        86_400,
        Budget::TWILIO,
    );
    assert_eq!(rest.join, None);
    let budget = Budget::new(1, Duration::from_secs(60));
    let rest = at_second(&mut NotifierState::default(), &all[1..], 86_400, budget);
    assert_eq!(rest.join.unwrap().gone.len(), 1, "of the last two");
}

#[test]
fn a_stopped_notifiers_entries_are_all_taken() {
    let all = [waiting(0, Severity::Info, 0, 3)];
    let mut state = NotifierState {
        breaker: Breaker::Stopped { since: at(0) },
        tokens_at: Some(at(5)),
        ..NotifierState::default()
    };
    let plan = at_second(&mut state, &all, 5, three_an_hour());
    assert_eq!(plan.take, Some(all[0].id));
    assert_eq!(state.tokens, 0.0, "for handing over none is needed");
}

#[test]
fn when_the_breaker_may_close_one_try_tells() {
    let all = [
        waiting(0, Severity::Info, 0, 0),
        waiting(1, Severity::Info, 0, 0),
    ];
    let mut state = NotifierState {
        failures: 5,
        breaker: Breaker::Open { until: at(30) },
        last_failure: Some(at(1)),
        ..NotifierState::default()
    };
    let unlimited = Budget::unlimited();
    assert_eq!(at_second(&mut state, &all, 29, unlimited).take, None);
    assert_eq!(
        at_second(&mut state, &all, 30, unlimited).take,
        Some(all[0].id)
    );
    let other = at_second(&mut state, &all[1..], 31, unlimited);
    assert_eq!((other.take, other.look_again), (None, Some(at(55))));
    Outcome::Arrived.note(&mut state, at(30), at(32));
    assert!(
        at_second(&mut state, &all[1..], 32, unlimited)
            .take
            .is_some()
    );
}

#[test]
fn a_clock_that_was_set_back_holds_nothing_up_for_more_than_an_hour() {
    let mut entry = waiting(0, Severity::Info, 1_000_000, 1);
    entry.due_at = at(1_000_000);
    let mut state = NotifierState {
        breaker: Breaker::Open {
            until: at(1_000_000),
        },
        tokens_at: Some(at(1_000_000)),
        ..NotifierState::default()
    };
    let plan = at_second(&mut state, &[entry.clone()], 0, three_an_hour());
    assert_eq!(plan.look_again, Some(at(3_600)));
    assert_eq!(
        at_second(&mut state, &[entry], 3_600, three_an_hour()).take,
        Some(Uuid::from_u128(1))
    );
}

#[test]
fn a_problem_is_told_as_over_and_as_open_in_the_order_in_which_it_was() {
    let resolved = |number, created, tries| {
        let mut entry = waiting(number, Severity::Error, created, tries);
        entry.id = Uuid::from_u128(1_000 + u128::from(created));
        entry.summary.reason = crate::issue::Reason::Resolved;
        entry
    };
    // The end was tried, and is to be tried again; the return is news.
    let mut all = vec![resolved(1, 1, 2), waiting(1, Severity::Critical, 5, 0)];
    all[0].due_at = at(100);
    let mut state = NotifierState::default();
    let later = at_second(&mut state, &all, 9, Budget::unlimited());
    assert_eq!((later.take, later.look_again), (None, Some(at(100))));
    let another = |number, severity, created| {
        let mut entry = waiting(number, severity, created, 0);
        entry.summary.fingerprint = crate::occurrence::Fingerprint::from_u64(number);
        entry
    };
    let other = another(2, Severity::Info, 8);
    all.push(other.clone());
    let taken = at_second(&mut state, &all, 9, Budget::unlimited()).take;
    assert_eq!(taken, Some(other.id), "others need not wait for it");
    let taken = at_second(&mut state, &all, 100, Budget::unlimited()).take;
    assert_eq!(taken, Some(other.id));
    all.pop();
    let taken = at_second(&mut state, &all, 100, Budget::unlimited()).take;
    assert_eq!(taken, Some(all[0].id));
    // When there are too many, both stay apart.
    all.extend((10..100).map(|number| another(number, Severity::Error, 6)));
    let joined = at_second(&mut state, &all, 101, three_an_hour())
        .join
        .unwrap();
    assert_eq!(joined.gone.len(), 89);
    assert!(
        ![joined.keep]
            .iter()
            .chain(&joined.gone)
            .any(|id| *id == all[0].id || *id == all[1].id)
    );
}

#[test]
fn what_is_for_a_service_waits_apart_and_only_the_surplus_is_joined() {
    let mut all: Vec<_> = (0..100)
        .map(|number| waiting(number, Severity::Error, number, 0))
        .collect();
    let rules = Rules {
        apart: 512,
        ..rules(three_an_hour())
    };
    let mut state = NotifierState::default();
    let first = plan(&mut state, &all, moment(100), &rules);
    assert!(first.take.is_some() && first.join.is_none());
    all.extend((100..700).map(|number| waiting(number, Severity::Error, number, 0)));
    let joined = plan(&mut state, &all, moment(700), &rules).join.unwrap();
    assert_eq!(joined.gone.len(), 700 - 512 - 1);
}

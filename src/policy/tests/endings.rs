//! When a problem that was told has ended.

use super::*;
use crate::issue::{MuteEnd, ResolvedIn};

const QUIET: Reason = Reason::Quiet { seconds: 3_600 };

/// A problem that was told at second 0, and is told by nothing but its endings from there on.
fn told() -> Problem {
    let mut problem = Problem::under(Policy::new().milestones(false).without_reminder());
    problem.kind = Kind::Panic;
    let change = problem.change(1, 0);
    assert_eq!(said(&mut problem, &change, 0), Some(Reason::New));
    problem
}

/// What is told of a change, or that it has ended.
fn said(problem: &mut Problem, change: &Change, second: i64) -> Option<Reason> {
    let verdict = problem.judge(change, second);
    let record = problem.record.as_mut().unwrap();
    let ending = problem
        .policy
        .ending(record, change, verdict.as_ref(), at(second));
    assert!(record.review_at.is_none_or(|review| review > at(second)));
    assert!(verdict.is_none() || ending.is_none());
    verdict.map(|verdict| verdict.reason).or(ending)
}

fn reviewed(problem: &mut Problem, second: i64) -> Option<Reason> {
    let mut change = problem.change(1, second);
    change = Change {
        newest: change.newest.take(),
        ..Change::review(change.fingerprint)
    };
    said(problem, &change, second)
}

fn occurs(problem: &mut Problem, second: i64) -> Option<Reason> {
    let change = problem.change(1, second);
    said(problem, &change, second)
}

fn resolved(second: i64) -> IssueState {
    IssueState::Resolved {
        resolved_at: at(second),
        resolved_in: ResolvedIn::Any,
    }
}

#[test]
fn an_hour_without_it_is_the_end_until_it_occurs_again() {
    let mut problem = told();
    assert_eq!(problem.review_at(), Some(HOUR));
    assert_eq!(reviewed(&mut problem, HOUR - 1), None);
    assert_eq!(reviewed(&mut problem, HOUR), Some(QUIET));
    assert_eq!(reviewed(&mut problem, HOUR), None, "once more says nothing");
    assert_eq!(reviewed(&mut problem, 9 * HOUR), None);
    assert_eq!(occurs(&mut problem, 9 * HOUR), Some(Reason::Resumed));
    assert_eq!(occurs(&mut problem, 9 * HOUR + 1), None);
    assert_eq!(reviewed(&mut problem, 10 * HOUR), None);
    assert_eq!(reviewed(&mut problem, 10 * HOUR + 1), Some(QUIET));
}

#[test]
fn what_somebody_has_resolved_has_ended_and_a_regression_begins_it_anew() {
    let mut problem = told();
    problem.set(resolved(10));
    assert_eq!(reviewed(&mut problem, 11), Some(Reason::Resolved));
    assert_eq!(reviewed(&mut problem, 12), None);
    let back = occurs(&mut problem, 20);
    assert!(matches!(back, Some(Reason::Regressed { .. })), "{back:?}");
    assert_eq!(reviewed(&mut problem, 20 + HOUR), Some(QUIET));
    problem.set(resolved(20 + HOUR + 1));
    assert_eq!(
        reviewed(&mut problem, 9 * HOUR),
        None,
        "it was told to be over"
    );
}

#[test]
fn a_clock_that_jumps_tells_no_end_twice() {
    let mut problem = told();
    assert_eq!(reviewed(&mut problem, -2 * HOUR), Some(QUIET));
    assert_eq!(reviewed(&mut problem, 0), None);
    assert_eq!(reviewed(&mut problem, 30 * DAY), None);
    assert_eq!(occurs(&mut problem, HOUR), Some(Reason::Resumed));
}

#[test]
fn what_is_muted_or_was_never_told_does_not_end() {
    let mut problem = told();
    problem.set(IssueState::Muted {
        muted_at: at(1),
        muted_until: MuteEnd::Never,
    });
    assert_eq!(reviewed(&mut problem, 9 * HOUR), None);
    let mut problem = told();
    problem.record.as_mut().unwrap().memory = Default::default();
    problem.set(resolved(1));
    assert_eq!(reviewed(&mut problem, 9 * HOUR), None);
}

#[test]
fn what_a_reminder_opens_again_ends_again() {
    let mut problem = Problem::under(Policy::new().milestones(false));
    problem.kind = Kind::Panic;
    let change = problem.change(1, 0);
    assert_eq!(said(&mut problem, &change, 0), Some(Reason::New));
    assert_eq!(occurs(&mut problem, 60), None);
    assert_eq!(reviewed(&mut problem, 60 + HOUR), Some(QUIET));
    let reminder = reviewed(&mut problem, DAY);
    assert!(
        matches!(reminder, Some(Reason::StillOpen { .. })),
        "{reminder:?}"
    );
    assert_eq!(problem.review_at(), Some(DAY + HOUR));
    assert_eq!(reviewed(&mut problem, DAY + HOUR), Some(QUIET));
}

#[test]
fn every_ending_follows_something_that_was_told() {
    let mut problem = told();
    let mut is_open = true;
    for step in 0..2_000_i64 {
        let second = step * 977 % (5 * HOUR) + step * 600;
        match step % 7 {
            0 => problem.set(resolved(second)),
            3 => problem.set(IssueState::Open),
            _ => {}
        }
        let reason = match step % 3 {
            0 => occurs(&mut problem, second),
            _ => reviewed(&mut problem, second),
        };
        match reason {
            Some(Reason::Quiet { .. } | Reason::Resolved) => {
                assert!(is_open, "step {step}: ended twice");
                is_open = false;
            }
            Some(Reason::Resumed) => {
                assert!(!is_open, "step {step}: it had not ended");
                is_open = true;
            }
            Some(_) => is_open = true,
            None => {}
        }
    }
}

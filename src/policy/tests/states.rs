//! What people decide about a problem; how bad it is; and whether its release is new to it.

use super::*;
use crate::issue::{MuteEnd, Regression, ResolvedIn};

fn resolved(second: i64, resolved_in: ResolvedIn) -> IssueState {
    IssueState::Resolved {
        resolved_at: at(second),
        resolved_in,
    }
}

fn muted(second: i64, muted_until: MuteEnd) -> IssueState {
    IssueState::Muted {
        muted_at: at(second),
        muted_until,
    }
}

fn back(after: Regression) -> Option<Reason> {
    Some(Reason::Regressed { after })
}

#[test]
fn a_resolved_problem_is_back_when_it_occurs() {
    let mut problem = Problem::of(Kind::ServerError);
    assert_eq!(reasons([problem.occurs(30, 0)]), [Reason::New]);
    problem.set(resolved(100, ResolvedIn::Any));
    assert_eq!(problem.review(150), None);
    assert_eq!(problem.occurs_late(9, 99, 160), None, "it was before");
    assert_eq!(problem.issue().state.as_str(), "resolved");
    let verdict = problem.occurs(1, 200).unwrap();
    assert_eq!(
        (Some(verdict.reason), verdict.held_back),
        (back(Regression::Resolved), 9)
    );
    assert_eq!(problem.issue().state, IssueState::Open);
    let told = (0..9).map(|_| problem.occurs(1, 300));
    assert_eq!(
        reasons(told),
        [Reason::Count { count: 10 }],
        "its milestones begin anew"
    );
}

#[test]
fn a_problem_resolved_in_a_release_is_back_in_that_or_a_later_one() {
    let known = ["1.9.0", "rev-a"];
    let release = |release: &str| ResolvedIn::Release(release.to_owned());
    let after = |release: &str| ResolvedIn::After(Some(release.to_owned()));
    for (resolved_in, seen_in, is_back) in [
        (release("1.10.0"), "1.9.0", false),
        (release("1.10.0"), "1.8.0", false),
        (release("1.10.0"), "1.10.0", true),
        (release("1.10.0"), "1.11.0", true),
        (release("rev-b"), "rev-a", false),
        (release("rev-b"), "rev-b", true),
        (release("rev-b"), "rev-c", true),
        (release("rev-a"), "rev-a", true),
        (after("1.9.5"), "1.9.0", false),
        (after("1.9.5"), "1.9.5", false),
        (after("1.9.5"), "1.9.6", true),
        (after("rev-x"), "rev-a", false),
        (after("rev-x"), "rev-x", false),
        (after("rev-x"), "rev-y", true),
        (ResolvedIn::After(None), "1.9.0", false),
        (ResolvedIn::After(None), "2.0.0", true),
    ] {
        let mut problem = Problem::of(Kind::ServerError);
        for release in known {
            problem.release = Some(release);
            problem.occurs(1, 0);
        }
        problem.set(resolved(100, resolved_in.clone()));
        problem.release = Some(seen_in);
        let expected = is_back.then(|| Reason::Regressed {
            after: Regression::Release(seen_in.to_owned()),
        });
        assert_eq!(
            reason(problem.occurs(1, 200)),
            expected,
            "resolved in {resolved_in:?}, seen in {seen_in}"
        );
        let again = reason(problem.occurs(1, 300));
        assert_eq!(again, None, "{resolved_in:?} {seen_in}, once more");
    }
}

#[test]
fn an_occurrence_without_a_release_may_be_in_any() {
    let mut problem = Problem::of(Kind::ServerError);
    problem.occurs(1, 0);
    problem.set(resolved(100, ResolvedIn::After(None)));
    assert_eq!(reason(problem.occurs(1, 200)), back(Regression::Resolved));
}

#[test]
fn a_resolve_that_a_wrong_clock_has_dated_does_not_silence() {
    let mut problem = Problem::of(Kind::ServerError);
    problem.occurs(1, 0);
    problem.set(resolved(1_000 * DAY, ResolvedIn::Any));
    assert_eq!(reason(problem.occurs(1, 200)), back(Regression::Resolved));
}

#[test]
fn a_problem_is_back_after_14_days_of_silence() {
    let silence = |days: i64| Regression::Silence((days * DAY).unsigned_abs());
    let mut problem = Problem::of(Kind::ServerError);
    problem.occurs(40, 0);
    assert_eq!(reason(problem.occurs(1, 14 * DAY)), back(silence(14)));
    let told = (1..10).map(|second| problem.occurs(1, 14 * DAY + second));
    assert_eq!(reasons(told), [Reason::Count { count: 10 }]);
    let quiet = || Policy::new().without_reminder();
    let mut regular = Problem::under(quiet().milestones(false));
    let told = (0..9).map(|times| regular.occurs(1, times * 13 * DAY));
    assert_eq!(reasons(told), [Reason::New]);
    let week = Duration::from_secs(7 * DAY.unsigned_abs());
    let mut tuned = Problem::under(quiet().regressed_after(week));
    tuned.occurs(1, 0);
    assert_eq!(reason(tuned.occurs(1, 8 * DAY)), back(silence(8)));
    let mut own = Problem::of(Kind::Monitor);
    own.occurs(1, 0);
    assert_eq!(own.occurs(1, 3_599), None);
    assert_eq!(
        reason(own.occurs(1, 2 * 3_600)),
        back(Regression::Silence(3_601))
    );
    let mut off = Problem::under(quiet().without_regressed_after());
    off.occurs(1, 0);
    assert_eq!(off.occurs(1, 300 * DAY), None);
}

#[test]
fn a_muted_problem_is_silent_until_its_time_is_over() {
    let mut problem = Problem::of(Kind::ServerError);
    problem.occurs(1, 0);
    problem.set(muted(1, MuteEnd::At(at(7 * DAY))));
    for hour in 1..7 * 24 {
        assert_eq!(problem.occurs(500, hour * HOUR), None);
    }
    assert_eq!(problem.review_at(), Some(7 * DAY));
    assert_eq!(problem.review(7 * DAY), None, "it has not occurred since");
    assert_eq!(problem.issue().state, IssueState::Open);
    assert_eq!(problem.review_at(), None);
    assert_eq!(problem.review(9 * DAY), None);
    let verdict = problem.occurs(1, 9 * DAY).unwrap();
    assert_eq!(
        (verdict.reason, verdict.held_back),
        (Reason::Unmuted, 167 * 500)
    );
    assert_eq!(
        problem.occurs(1, 9 * DAY + 1),
        None,
        "its milestones were told"
    );
}

#[test]
fn a_mute_may_end_with_the_occurrence_that_comes_too_late_for_a_review() {
    let mut problem = Problem::of(Kind::ServerError);
    problem.occurs(1, 0);
    problem.set(muted(1, MuteEnd::At(at(HOUR))));
    assert_eq!(reason(problem.occurs(1, HOUR)), Some(Reason::Unmuted));
}

#[test]
fn a_mute_until_so_many_more_ends_at_once() {
    let mut problem = Problem::of(Kind::ServerError);
    problem.occurs(5, 0);
    problem.set(muted(1, MuteEnd::Count(105)));
    assert_eq!(problem.occurs(99, 10), None);
    let verdict = problem.occurs(1, 20).unwrap();
    assert_eq!((verdict.reason, verdict.held_back), (Reason::Unmuted, 99));
    assert_eq!(problem.issue().state, IssueState::Open);
}

#[test]
fn a_mute_for_good_holds_until_somebody_opens_it() {
    let mut problem = Problem::of(Kind::ServerError);
    problem.occurs(1, 0);
    problem.set(muted(1, MuteEnd::Never));
    let told = (1..500).map(|day| problem.occurs(1_000, day * DAY));
    assert_eq!(reasons(told), []);
    assert_eq!(problem.review_at(), None);
    problem.set(IssueState::Open);
    let told = problem.occurs(1, 500 * DAY).unwrap();
    assert_eq!(told.held_back, 499 * 1_000);
}

#[test]
fn an_error_ratio_is_told_when_it_begins_lasts_and_is_over() {
    let mut ratio = Problem::of(Kind::ErrorRatio);
    let mut told = Vec::new();
    for half_minute in 0..4_000 {
        let verdict = ratio.occurs(1, half_minute * 30);
        told.extend(verdict.map(|verdict| verdict.reason));
        let may_be_over = half_minute * 30 + 420;
        assert!(ratio.review_at().is_some_and(|at| at <= may_be_over));
    }
    let seconds = DAY.unsigned_abs();
    assert_eq!(told, [Reason::New, Reason::StillOpen { seconds }]);
    let last = 3_999 * 30;
    assert_eq!(ratio.review(last + 419), None);
    assert_eq!(reason(ratio.review(last + 420)), Some(Reason::AllClear));
    assert_eq!(ratio.issue().state.as_str(), "resolved");
    assert_eq!(ratio.review_at(), None);
    assert_eq!(ratio.review(last + 500), None, "told");
    assert_eq!(
        reason(ratio.occurs(1, last + 900)),
        back(Regression::Resolved)
    );
}

#[test]
fn an_error_ratio_that_flaps_is_told_in_pairs_and_within_the_bound() {
    let mut ratio = Problem::of(Kind::ErrorRatio);
    ratio.policy = Policy::new().max_per_hour(4);
    let mut told = Vec::new();
    for round in 0..7 {
        let begins = round * 8 * MINUTE;
        told.push(ratio.occurs(1, begins));
        told.push(ratio.review(begins + 7 * MINUTE));
    }
    let told = reasons(told);
    assert_eq!(told.len(), 4);
    for pair in told.chunks(2) {
        assert!(pair[0] != Reason::AllClear && pair[1] == Reason::AllClear);
    }
    assert_eq!(ratio.review_at(), None, "of what was over, nothing waits");
    let later = ratio.occurs(1, 2 * HOUR).unwrap();
    assert_eq!(Some(later.reason), back(Regression::Resolved));
    assert_eq!(later.held_back, 5);
}

#[test]
fn an_error_ratio_that_goes_on_is_not_over_by_a_clock_that_is_ahead_or_behind() {
    for skew in [-300, 300] {
        let mut ratio = Problem::of(Kind::ErrorRatio);
        assert_eq!(reason(ratio.occurs(1, 0)), Some(Reason::New));
        for half_minute in 1..100 {
            let now = half_minute * 30;
            assert_eq!(ratio.occurs(1, now), None);
            assert_eq!(ratio.review(now + 29 + skew), None);
        }
    }
}

#[test]
fn an_alert_is_as_bad_as_the_worst_that_it_tells_of() {
    let policy = Policy::new().route_severity("/checkout/*", Severity::Critical);
    let seen = |second, route| Change::of(occurrence(Kind::ServerError, None, second, Some(route)));
    let mut problem = Problem::under(policy);
    let mut change = seen(0, "/checkout/{step}");
    change.absorb(seen(1, "/search"), 9, 9);
    let verdict = problem.judge(&change, 1).unwrap();
    assert_eq!(
        (verdict.reason, verdict.severity),
        (Reason::New, Severity::Critical)
    );
    assert_eq!(problem.judge(&seen(60, "/search"), 60), None);
    let reminder = problem.judge(&seen(DAY + 60, "/search"), DAY + 60).unwrap();
    assert_eq!(reminder.reason.as_str(), "still_open");
    assert_eq!(
        reminder.severity,
        Severity::Critical,
        "as bad as the problem"
    );
}

#[test]
fn the_severity_is_that_of_the_route_else_of_the_kind() {
    let policy = Policy::new()
        .severity(Kind::Logged, Severity::Error)
        .severity(Kind::Logged, Severity::Info)
        .route_severity("GET /checkout/*", Severity::Info)
        .route_severity("/checkout/*", Severity::Critical)
        .route_severity("/checkout/{item}", Severity::Warning);
    assert_eq!(policy.check(), Ok(()));
    for (kind, route, severity) in [
        (Kind::Logged, None, Severity::Info),
        (Kind::Logged, Some("/checkout/{item}"), Severity::Critical),
        (Kind::Panic, Some("/search"), Severity::Error),
        (Kind::Message, None, Severity::Info),
        (Kind::ErrorRatio, None, Severity::Critical),
        (Kind::ErrorRatio, Some("/search"), Severity::Error),
    ] {
        let change = Change::of(occurrence(kind, None, 0, route));
        let mut record = Record::begin(&change).unwrap();
        record.apply(&change, None, 9, at(0));
        let verdict = policy.judge(&mut record, &change, at(0)).unwrap();
        assert_eq!(verdict.severity, severity, "{kind:?} {route:?}");
        assert_eq!(record.issue.severity, severity, "{kind:?} {route:?}");
    }
}

#[test]
fn a_problem_keeps_the_worst_severity_since_it_began_or_was_back() {
    let policy = Policy::new().route_severity("/checkout/*", Severity::Critical);
    let mut problem = Problem::under(policy);
    let mut seen_on = |route, second| {
        let change = Change::of(occurrence(Kind::ServerError, None, second, Some(route)));
        let verdict = problem.judge(&change, second);
        let alert = verdict.map(|verdict| verdict.severity);
        if second == 300 {
            problem.set(resolved(350, ResolvedIn::Any));
        }
        (alert, problem.issue().severity)
    };
    let (error, critical) = (Severity::Error, Severity::Critical);
    assert_eq!(seen_on("/search", 100), (Some(error), error));
    assert_eq!(seen_on("/checkout/{item}", 200), (None, critical));
    assert_eq!(seen_on("/search", 300), (None, critical));
    assert_eq!(seen_on("/search", 400), (Some(error), error));
}

#[test]
fn an_alert_says_whether_no_other_release_had_the_problem() {
    let is_new = |releases: &[Option<&'static str>]| {
        let mut problem = Problem::of(Kind::ServerError);
        let mut last = false;
        for (second, release) in (0..).zip(releases) {
            problem.set_if_known(resolved(second * 10 - 5, ResolvedIn::Any));
            problem.release = *release;
            last = problem.occurs(1, second * 10).unwrap().new_in_release;
        }
        last
    };
    assert!(is_new(&[Some("1.0")]));
    assert!(is_new(&[Some("1.0"), Some("1.0")]));
    assert!(!is_new(&[Some("1.0"), Some("1.1")]));
    assert!(!is_new(&[Some("1.0"), Some("1.1"), Some("1.0")]));
    assert!(!is_new(&[None]));
}

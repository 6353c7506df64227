//! The rules that go by numbers and by time, each with what it tells by default and tuned.

use super::*;

/// The counts and the verdicts of a problem whose count grows by these steps, within one second.
fn told(policy: Policy, steps: &[u64]) -> Vec<(u64, Reason, u64)> {
    let mut problem = Problem::under(policy);
    let mut told = Vec::new();
    for step in steps {
        if let Some(verdict) = problem.occurs(*step, 0) {
            told.push((problem.issue().count, verdict.reason, verdict.held_back));
        }
    }
    told
}

fn milestones_alone() -> Policy {
    Policy::new().without_rate()
}

#[test]
fn the_first_and_every_power_of_ten_is_told() {
    assert_eq!(
        told(milestones_alone(), &[1; 12_345]),
        [
            (1, Reason::New, 0),
            (10, Reason::Count { count: 10 }, 8),
            (100, Reason::Count { count: 100 }, 89),
            (1_000, Reason::Count { count: 1_000 }, 899),
            (10_000, Reason::Count { count: 10_000 }, 8_999),
        ]
    );
    let without = milestones_alone().milestones(false);
    assert_eq!(told(without, &[1; 12_345]), [(1, Reason::New, 0)]);
}

#[test]
fn of_several_milestones_passed_at_once_the_highest_is_told() {
    assert_eq!(
        told(milestones_alone(), &[3, 250, 700, 40]),
        [
            (3, Reason::New, 2),
            (253, Reason::Count { count: 100 }, 249)
        ]
    );
    assert_eq!(
        told(milestones_alone(), &[150, 50, 800]),
        [
            (150, Reason::New, 149),
            (1_000, Reason::Count { count: 1_000 }, 849)
        ],
        "100 was told with the first alert"
    );
}

#[test]
fn a_rate_is_told_when_it_rises_above_its_bound() {
    let rate = |count| Reason::Rate {
        count,
        seconds: 300,
    };
    let alone = || Problem::under(Policy::new().milestones(false));
    let mut steady = alone();
    let told = (0..60).map(|minute| steady.occurs(25, minute * MINUTE));
    assert_eq!(
        reasons(told),
        [Reason::New, rate(100)],
        "25 a minute: once, in the fourth minute"
    );
    let mut slow = alone();
    let told = (0..300).map(|minute| slow.occurs(19, minute * MINUTE));
    assert_eq!(reasons(told), [Reason::New], "95 in five minutes");
    let mut burst = alone();
    assert_eq!(reason(burst.occurs(1, 0)), Some(Reason::New));
    assert_eq!(reason(burst.occurs(150, 30)), Some(rate(151)));
}

#[test]
fn a_rate_is_told_again_after_it_fell_below_half() {
    let mut problem = Problem::under(Policy::new().milestones(false));
    let mut told = Vec::new();
    let steps = [(60, 0), (60, 1), (11, 6), (100, 7), (1, 13), (120, 14)];
    for (times, minute) in steps {
        if let Some(verdict) = problem.occurs(times, minute * MINUTE) {
            told.push((minute, verdict.reason.as_str()));
        }
    }
    assert_eq!(
        told,
        [(0, "new"), (1, "rate"), (7, "rate"), (14, "rate")],
        "at the end of minute 6 and of minute 13 it was low"
    );
    let mut lasting = Problem::under(Policy::new().milestones(false));
    let low = |minute: i64| if minute % 5 == 0 { 30 } else { 12 };
    let first = lasting.occurs(200, 0);
    let told = (1..90).map(|minute| lasting.occurs(low(minute), minute * MINUTE));
    assert_eq!(
        (reasons([first]), reasons(told)),
        (vec![Reason::New], vec![]),
        "78 in five minutes is not below half"
    );
}

#[test]
fn a_rate_has_its_own_count_and_window_and_can_be_turned_off() {
    let policy = Policy::new().milestones(false).without_jump();
    let hour = |policy: Policy| {
        let mut problem = Problem::under(policy);
        reasons((0..500).map(|minute| problem.occurs(2, minute * MINUTE)))
    };
    let rate = Reason::Rate {
        count: 120,
        seconds: 3_600,
    };
    let hourly = policy.clone().rate(120, minutes(60));
    assert_eq!(hour(hourly), [Reason::New, rate], "once, while it lasts");
    assert_eq!(hour(policy.without_rate()), [Reason::New]);
}

#[test]
fn a_jump_is_told_against_the_history_of_14_days() {
    let quiet = Policy::new().milestones(false).without_rate();
    let quiet = quiet.without_reminder();
    let day_of_threes = |policy: Policy, hours: i64| {
        let mut problem = Problem::under(policy);
        for hour in 0..hours {
            problem.occurs(3, hour * HOUR);
        }
        problem
    };
    let mut problem = day_of_threes(quiet.clone(), 48);
    assert_eq!(reason(problem.occurs(46, 48 * HOUR)), None, "46 in an hour");
    assert_eq!(
        reason(problem.occurs(4, 48 * HOUR + 60)),
        Some(Reason::Jump {
            count: 50,
            usual: 3
        })
    );
    assert_eq!(reason(problem.occurs(500, 48 * HOUR + 120)), None, "told");
    let again = (49..52).map(|hour| problem.occurs(3, hour * HOUR));
    assert!(reasons(again).is_empty());
    assert_eq!(
        reason(problem.occurs(900, 52 * HOUR)).map(|reason| reason.as_str()),
        Some("jump"),
        "it had fallen"
    );
    let mut young = day_of_threes(quiet.clone(), 20);
    assert_eq!(
        reason(young.occurs(500, 20 * HOUR)),
        None,
        "not known for a day"
    );
    let mut busy = Problem::under(quiet.clone());
    for hour in 0..48 {
        busy.occurs(40, hour * HOUR);
    }
    assert_eq!(
        reason(busy.occurs(350, 48 * HOUR)),
        None,
        "9 times as often"
    );
    let mut tuned = day_of_threes(quiet.clone().jump(4, 12), 48);
    assert_eq!(
        reason(tuned.occurs(12, 49 * HOUR)),
        Some(Reason::Jump {
            count: 12,
            usual: 3
        })
    );
    let mut off = day_of_threes(quiet.without_jump(), 48);
    assert_eq!(reason(off.occurs(5_000, 48 * HOUR)), None);
}

#[test]
fn the_number_of_users_is_told_at_its_bounds() {
    let alone = Policy::new().milestones(false).without_rate();
    let one_by_one = |policy: Policy, users: u64| {
        let mut problem = Problem::under(policy);
        let told = (0..users).map(|user| problem.hits(user..user + 1, 0));
        reasons(told)
    };
    let users = |users| Reason::Users { users };
    assert_eq!(
        one_by_one(alone.clone(), 120),
        [Reason::New, users(10), users(100)]
    );
    assert_eq!(
        one_by_one(alone.clone().users(3, 2), 20),
        [Reason::New, users(3), users(6), users(12)]
    );
    assert_eq!(
        one_by_one(alone.clone().without_users(), 120),
        [Reason::New]
    );
    let mut problem = Problem::under(alone);
    problem.hits(0..15, 0);
    assert_eq!(
        reasons((0..300).map(|_| problem.hits(0..9, 0))),
        [],
        "10 were told at once, and the same ones hit again are no more"
    );
    assert_eq!(reason(problem.hits(10..123, 0)), Some(users(123)));
}

#[test]
fn a_problem_that_occurred_since_is_told_again_after_a_day() {
    let mut problem = Problem::of(Kind::ServerError);
    problem.occurs(1, 0);
    assert_eq!(problem.review_at(), None, "all of it was told");
    problem.occurs(1, HOUR);
    assert_eq!(problem.review_at(), Some(DAY));
    assert_eq!(problem.review(DAY - 1), None);
    let reminder = problem.review(DAY).unwrap();
    let seconds = DAY.unsigned_abs();
    assert_eq!(
        (reminder.reason, reminder.held_back),
        (Reason::StillOpen { seconds }, 0),
        "it comes although nothing occurs any more"
    );
    assert_eq!(problem.review_at(), None);
    assert_eq!(problem.review(5 * DAY), None, "nothing new");
    assert_eq!(
        reason(problem.occurs(1, 5 * DAY)).map(|reason| reason.as_str()),
        Some("still_open"),
        "it goes on"
    );
    let mut hourly = Problem::under(Policy::new().milestones(false).remind_after(minutes(180)));
    let told = (0..10).map(|hour| hourly.occurs(1, hour * HOUR));
    assert_eq!(reasons(told).len(), 4, "at 0, 3, 6 and 9 hours");
    let mut off = Problem::under(Policy::new().milestones(false).without_reminder());
    let told = (0..300).map(|hour| off.occurs(1, hour * HOUR));
    assert_eq!(reasons(told), [Reason::New]);
    assert_eq!(off.review_at(), None);
}

#[test]
fn at_most_ten_alerts_an_hour_and_nothing_is_forgotten() {
    let chatty = Policy::new().users(1, 2).without_rate();
    let mut problem = Problem::under(chatty);
    let mut told = Vec::new();
    for user in 0..2_000 {
        told.extend(problem.hits(user..user + 1, user.cast_signed() / 2));
    }
    assert_eq!(told.len(), DEFAULT_MAX_PER_HOUR);
    let review = problem.review_at().unwrap();
    assert_eq!(review, HOUR, "when the first leaves the hour");
    assert_eq!(problem.review(review - 1), None);
    let next = problem.review(review).unwrap();
    assert_eq!(next.reason, Reason::Users { users: 2_000 });
    told.push(next);
    let held_back: u64 = told.iter().map(|verdict| verdict.held_back).sum();
    assert_eq!(held_back + told.len() as u64, 2_000);
    assert_eq!(problem.review_at(), None);
}

#[test]
fn a_milestone_that_had_to_wait_is_told_as_the_highest() {
    let mut problem = Problem::under(Policy::new().max_per_hour(1).without_rate());
    problem.occurs(1, 0);
    for minute in 1..30 {
        assert_eq!(problem.occurs(100, minute * MINUTE), None);
    }
    let later = problem.review(problem.review_at().unwrap()).unwrap();
    assert_eq!(
        (later.reason, later.held_back),
        (Reason::Count { count: 1_000 }, 2_899)
    );
}

#[test]
fn numbers_that_make_no_sense_are_refused_in_words() {
    let new = Policy::new;
    let second = Duration::from_secs(1);
    for (policy, words) in [
        (
            new().regressed_after(Duration::ZERO),
            "regressed_after: 0ns",
        ),
        (new().remind_after(second), "remind_after: 1s"),
        (new().rate(0, minutes(5)), "rate: 0"),
        (new().rate(5, second), "rate: a window of 1s"),
        (new().rate(5, minutes(61)), "rate: a window of 3660s"),
        (new().jump(1, 50), "jump: 1 times"),
        (new().jump(10, 0), "jump: 0 times"),
        (new().users(0, 10), "users: 0"),
        (new().users(10, 1), "users: 1 times"),
        (new().max_per_hour(0), "max_per_hour: 0"),
        (new().max_per_hour(61), "max_per_hour: 61"),
        (
            new().route_severity("checkout", Severity::Critical),
            "route_severity: `checkout`",
        ),
    ] {
        let mistake = policy.check().unwrap_err();
        assert!(mistake.starts_with(words), "{mistake}");
    }
    assert_eq!(new().check(), Ok(()));
}

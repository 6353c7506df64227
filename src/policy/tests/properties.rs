//! Any sequence of occurrences, clocks, decisions and restarts: never silent, never noisy.

use proptest::prelude::*;

use super::world::{World, muted, resolved};
use super::*;
use crate::issue::MuteEnd;

#[derive(Clone, Debug)]
pub(super) enum Step {
    Occur(Seen),
    Review,
    /// Time passes: seconds.
    Wait(i64),
    /// The clock is set: seconds.
    Jump(i64),
    /// All that is known goes through JSON.
    Restart,
    Resolve(u8),
    Mute(u8, i64),
    Reopen,
    /// The store is away: this is judged without it.
    Away(Vec<(Seen, i64)>),
}

#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) times: u64,
    /// How many seconds before it is judged; negative when its clock is ahead.
    pub(super) age: i64,
    pub(super) users: u64,
    pub(super) release: u8,
}

fn seen() -> impl Strategy<Value = Seen> {
    let times = prop_oneof![5 => 1u64..5, 2 => 5u64..400, 1 => 400u64..100_000];
    let age = prop_oneof![9 => 0i64..3, 1 => -4_000i64..4_000, 1 => -40 * DAY..40 * DAY];
    (times, age, 0u64..40, 0u8..4).prop_map(|(times, age, users, release)| Seen {
        times,
        age,
        users,
        release,
    })
}

fn span() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 0i64..90, 3 => 90i64..2 * HOUR, 2 => HOUR..2 * DAY, 1 => DAY..40 * DAY]
}

fn step() -> impl Strategy<Value = Step> {
    let away = prop::collection::vec((seen(), span()), 1..5);
    prop_oneof![
        12 => seen().prop_map(Step::Occur),
        4 => Just(Step::Review),
        8 => span().prop_map(Step::Wait),
        1 => (-20 * 365 * DAY..20 * 365 * DAY).prop_map(Step::Jump),
        1 => (-3 * HOUR..3 * HOUR).prop_map(Step::Jump),
        2 => Just(Step::Restart),
        2 => (0u8..4).prop_map(Step::Resolve),
        1 => (0u8..3, 0i64..3 * DAY).prop_map(|(how, time)| Step::Mute(how, time)),
        1 => Just(Step::Reopen),
        2 => away.prop_map(Step::Away),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    let cap = prop_oneof![Just(1usize), Just(3), Just(DEFAULT_MAX_PER_HOUR)];
    (cap, any::<bool>()).prop_map(|(cap, chatty)| {
        let policy = Policy::new().max_per_hour(cap);
        if chatty {
            policy
                .users(1, 2)
                .rate(2, minutes(1))
                .remind_after(minutes(1))
                .regressed_after(minutes(2))
        } else {
            policy
        }
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![3 => Just(Kind::ServerError), 1 => Just(Kind::ErrorRatio)]
}

/// A decision that no one would make and that a damaged file could hold, at times that no clock shows.
fn wild() -> impl Strategy<Value = (IssueState, Change, Timestamp)> {
    let time = || {
        let time = prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), -9i64..9];
        time.prop_map(Timestamp::from_unix_micros)
    };
    let count = || prop_oneof![0u64..3, any::<u64>(), Just(u64::MAX)];
    let state = (0u8..5, time(), time(), count());
    let state = state.prop_map(|(which, began, end, count)| match which {
        0 => muted(2, 0, &wild_record(), began),
        1 => IssueState::Muted {
            muted_at: began,
            muted_until: MuteEnd::At(end),
        },
        2 => IssueState::Muted {
            muted_at: began,
            muted_until: MuteEnd::Count(count),
        },
        3 => resolved(2, began),
        _ => IssueState::Open,
    });
    let change = (count(), time(), time(), count()).prop_map(|(count, first, last, more)| {
        let mut change = Change::of(occurrence(Kind::ServerError, Some("1.0"), 0, None));
        change.count(count, first);
        change.count(more, last);
        change
    });
    (state, change, time())
}

fn wild_record() -> Record {
    Record::begin(&Change::of(occurrence(Kind::ServerError, None, 0, None))).unwrap()
}

proptest! {
    #[test]
    fn never_silent_never_noisy(
        kind in kind(),
        policy in policy(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut world = World::new(kind, policy);
        for step in &steps {
            world.run(step)?;
        }
        world.settle()?;
        world.is_quiet_enough()?;
    }

    #[test]
    fn no_time_and_no_number_is_too_much(
        steps in prop::collection::vec(wild(), 1..12),
        kind in kind(),
        longest in any::<bool>(),
    ) {
        let policy = if longest {
            Policy::new().regressed_after(Duration::MAX).remind_after(Duration::MAX).jump(u64::MAX, u64::MAX).users(1, u64::MAX)
        } else {
            Policy::new().rate(u64::MAX, minutes(60))
        };
        let mut record = wild_record();
        record.issue.kind = kind;
        for (state, change, now) in steps {
            record.issue.state = state;
            let review = Change::review(change.fingerprint);
            record.apply(&change, None, 9, now);
            for change in [&change, &review] {
                policy.judge(&mut record, change, now);
                prop_assert!(record.review_at.is_none_or(|review| review > now));
            }
        }
    }
}

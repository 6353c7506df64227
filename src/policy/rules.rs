//! The rules that go by numbers: rate, jump, users, milestones; and the reminder.

use super::Policy;
use crate::issue::{CLOCK_SLACK, Change, HOURS, Memory, Reason, Record};
use crate::occurrence::Kind;
use crate::time::Timestamp;

/// What applies now and was not told.
#[derive(Debug, Default)]
pub(super) struct Fired {
    rate: Option<Reason>,
    jump: Option<Reason>,
    users: Option<Reason>,
    milestone: Option<Reason>,
    still_open: Option<Reason>,
    minute: i64,
}

impl Fired {
    /// The one to tell.
    pub(super) fn first(&self) -> Option<Reason> {
        let by_rank = [
            &self.rate,
            &self.jump,
            &self.users,
            &self.milestone,
            &self.still_open,
        ];
        by_rank.into_iter().flatten().next().cloned()
    }

    /// Remembers that all of it was told.
    pub(super) fn told(&self, policy: &Policy, memory: &mut Memory, count: u64, users: u64) {
        if self.rate.is_some() {
            memory.rate_told = Some(self.minute);
        }
        if self.jump.is_some() {
            memory.jump_told = Some(self.minute.div_euclid(60));
        }
        if let Some(bound) = policy.users_bound(users) {
            memory.told_users = memory.told_users.max(bound);
        }
        if let Some(milestone) = milestone(count.saturating_sub(memory.counted_from)) {
            memory.milestone = memory.milestone.max(milestone);
        }
    }
}

impl Policy {
    /// Looks at the numbers, and arms what has fallen. Without anything new there is nothing to tell.
    pub(super) fn fired(&self, record: &mut Record, change: &Change, now: Timestamp) -> Fired {
        // What was seen is judged by its own time, which does not depend on how long it took to get here.
        let seen = change.seen_until(now.after(CLOCK_SLACK));
        let at = seen.map_or(now, |(_, last)| last);
        let mut fired = Fired {
            minute: at.unix_seconds().div_euclid(60),
            ..Fired::default()
        };
        if record.issue.count <= record.memory.told_count {
            return fired;
        }
        fired.still_open = self.still_open(record, now);
        if record.issue.kind == Kind::ErrorRatio {
            return fired;
        }
        fired.rate = self.rate_now(record, fired.minute);
        fired.jump = self.jump_now(record, fired.minute);
        let (issue, memory) = (&record.issue, &record.memory);
        let bound = self.users_bound(issue.users);
        fired.users = bound
            .filter(|bound| *bound > memory.told_users)
            .map(|_| Reason::Users { users: issue.users });
        let milestone = milestone(issue.count.saturating_sub(memory.counted_from));
        fired.milestone = milestone
            .filter(|milestone| self.milestones && *milestone > memory.milestone)
            .map(|count| Reason::Count { count });
        fired
    }

    fn rate_now(&self, record: &mut Record, minute: i64) -> Option<Reason> {
        let (bound, window) = self.rate?;
        let length = i64::try_from(window.as_secs().div_ceil(60)).map_or(60, |it| it.clamp(1, 60));
        let until = |end: i64| record.minutes.sum(end - (length - 1), end);
        if let Some(told) = record.memory.rate_told {
            // Of minutes further back too little is known. The one that is not over yet would always look low.
            let from = (told.saturating_add(1)).max(minute - (60 - length).max(15));
            let fell = (from..minute).any(|end| until(end).saturating_mul(2) < bound);
            record.memory.rate_told = (!fell).then_some(told.clamp(minute - 1, minute));
            if !fell {
                return None;
            }
        }
        let count = until(minute);
        let seconds = length.unsigned_abs() * 60;
        (count >= bound).then_some(Reason::Rate { count, seconds })
    }

    fn jump_now(&self, record: &mut Record, minute: i64) -> Option<Reason> {
        let (factor, least) = self.jump?;
        let hour = minute.div_euclid(60);
        let begun = record.issue.first_seen.unix_seconds().div_euclid(3_600);
        let from = begun.max(hour - (HOURS as i64 - 1));
        // The last 60 minutes lie in this hour and the one before.
        let to = hour - 2;
        let known = u128::try_from(to.saturating_sub(from).saturating_add(1)).unwrap_or(0);
        if known < 24 {
            return None;
        }
        let before = u128::from(record.hours.sum(from, to));
        let bound = (u128::from(factor) * before).div_ceil(known);
        let bound = bound.max(least.into());
        if let Some(told) = record.memory.jump_told {
            let from = (told.saturating_add(1)).max(hour - MAX_HOURS_BACK);
            let fell = (from..hour)
                .any(|hour| u128::from(record.hours.sum(hour, hour)).saturating_mul(2) < bound);
            record.memory.jump_told = (!fell).then_some(told.clamp(hour - 1, hour));
            if !fell {
                return None;
            }
        }
        let count = record.minutes.sum(minute - 59, minute);
        let usual = u64::try_from(before / known).unwrap_or(u64::MAX);
        (u128::from(count) >= bound).then_some(Reason::Jump { count, usual })
    }

    /// The highest bound on users that this number has reached.
    fn users_bound(&self, users: u64) -> Option<u64> {
        let (first, factor) = self.users?;
        let bounds =
            std::iter::successors(Some(first.max(1)), |bound| bound.checked_mul(factor.max(2)));
        bounds.take_while(|bound| *bound <= users).last()
    }

    fn still_open(&self, record: &Record, now: Timestamp) -> Option<Reason> {
        let since = since_told(&record.memory, now)?;
        (since >= self.remind_after?).then_some(Reason::StillOpen {
            seconds: since.as_secs(),
        })
    }
}

/// How far the nearest alert is from now. One in the future was dated by a clock that has been set back since.
pub(super) fn since_told(memory: &Memory, now: Timestamp) -> Option<std::time::Duration> {
    let told = memory.told_at.iter();
    told.map(|at| apart(*at, now)).min()
}

pub(super) fn apart(one: Timestamp, other: Timestamp) -> std::time::Duration {
    one.since(other).max(other.since(one))
}

/// The highest power of ten that was passed, but for the first occurrence.
fn milestone(count: u64) -> Option<u64> {
    let digits = count.checked_ilog10()?;
    10_u64.checked_pow(digits).filter(|power| *power > 1)
}

/// What has not occurred for two days has fallen.
const MAX_HOURS_BACK: i64 = 48;

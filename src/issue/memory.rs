//! What was told of a problem so far.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Reason;
use crate::time::Timestamp;

/// What was told of a problem so far: the policy's notes. A store keeps them with the issue and does not look into them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Memory {
    /// How many alerts were decided.
    pub(crate) alerts: u64,
    /// The count at the last alert.
    pub(crate) told_count: u64,
    /// The highest bound on users that was told.
    pub(crate) told_users: u64,
    /// When the last alerts were decided, in their order: as many as may be decided in an hour.
    pub(crate) told_at: Vec<Timestamp>,
    /// The last minute in which the rate was known to be high and told, until it falls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rate_told: Option<i64>,
    /// The last hour in which the problem was known to occur far more often than usual and that was told, until it falls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jump_told: Option<i64>,
    /// The count when the problem was last found to be back; milestones begin anew from there.
    pub(crate) counted_from: u64,
    /// The highest power of ten that was told since.
    pub(crate) milestone: u64,
    /// When the policy last saw it occur, by its clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) heard_at: Option<Timestamp>,
    /// When it occurred again after a silence, the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) back_at: Option<Timestamp>,
    /// How often the policy has changed the problem's state. Clocks jump; this tells which notes on it are the later ones.
    pub(crate) turns: u64,
    /// When the resolve or the mute began that the policy ended last. Such a state is over, also where a store still has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) left: Option<Timestamp>,
    /// Whether it has not occurred since its mute was over.
    pub(crate) unmuted: bool,
    /// When the policy found it to be over, until it is back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cleared_at: Option<Timestamp>,
    /// When it was told to have ended, to those who are told of endings, until an alert is told or it occurs again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended_at: Option<Timestamp>,
    /// How many endings were told, and occurrences after them.
    pub(crate) turns_told: u64,
    /// Up to which count notifiers that take every occurrence have heard.
    pub(crate) passed_on: u64,
    /// Which occurrences they have heard of last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) passed: Vec<Uuid>,
    /// What is to be told as soon as the hour has room for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owed: Option<Reason>,
}

impl Memory {
    /// How many alerts were decided.
    #[must_use]
    pub fn alerts(&self) -> u64 {
        self.alerts
    }

    /// When the last alert was decided.
    #[must_use]
    pub fn last_told(&self) -> Option<Timestamp> {
        self.told_at.last().copied()
    }

    /// Notes that these occurrences were passed on.
    pub(crate) fn note_passed(&mut self, ids: impl IntoIterator<Item = Uuid>) {
        for id in ids {
            if !self.passed.contains(&id) {
                self.passed.push(id);
            }
        }
        let surplus = self.passed.len().saturating_sub(MAX_PASSED);
        self.passed.drain(..surplus);
    }

    /// Takes in what was told elsewhere, while the store was away. What one of both has told, nobody tells again.
    pub(crate) fn merge(&mut self, other: &Self) {
        // What is owed is told with every alert, so it counts from the last one only.
        match self.alerts.cmp(&other.alerts) {
            Ordering::Less => self.owed.clone_from(&other.owed),
            Ordering::Equal => self.owed = self.owed.take().or(other.owed.clone()),
            Ordering::Greater => {}
        }
        let told = |memory: &Self| (memory.alerts, memory.turns_told);
        if told(self) < told(other) {
            self.ended_at = other.ended_at;
        }
        self.turns_told = self.turns_told.max(other.turns_told);
        self.passed_on = self.passed_on.max(other.passed_on);
        self.note_passed(other.passed.iter().copied());
        match self.turns.cmp(&other.turns) {
            Ordering::Less => {
                self.turns = other.turns;
                self.left = other.left;
                self.unmuted = other.unmuted;
                self.cleared_at = other.cleared_at;
            }
            Ordering::Equal => {
                self.left = self.left.max(other.left);
                self.unmuted &= other.unmuted;
                self.cleared_at = self.cleared_at.max(other.cleared_at);
            }
            Ordering::Greater => {}
        }
        match self.counted_from.cmp(&other.counted_from) {
            Ordering::Less => self.milestone = other.milestone,
            Ordering::Equal => self.milestone = self.milestone.max(other.milestone),
            Ordering::Greater => {}
        }
        self.counted_from = self.counted_from.max(other.counted_from);
        let unknown = self.take_in_times(&other.told_at);
        self.alerts = self.alerts.saturating_add(unknown).max(other.alerts);
        self.told_count = self.told_count.max(other.told_count);
        self.told_users = self.told_users.max(other.told_users);
        self.rate_told = self.rate_told.max(other.rate_told);
        self.jump_told = self.jump_told.max(other.jump_told);
        self.heard_at = self.heard_at.max(other.heard_at);
        self.back_at = self.back_at.max(other.back_at);
    }

    /// Returns how many of the times were unknown. Two alerts may have been decided at the same time.
    fn take_in_times(&mut self, others: &[Timestamp]) -> u64 {
        let mut known = self.told_at.clone();
        let mut unknown = 0;
        for at in others {
            match known.iter().position(|known| known == at) {
                Some(found) => drop(known.swap_remove(found)),
                None => {
                    self.told_at.push(*at);
                    unknown += 1;
                }
            }
        }
        self.told_at.sort_unstable();
        let surplus = self.told_at.len().saturating_sub(MAX_TOLD);
        self.told_at.drain(..surplus);
        unknown
    }
}

/// More alerts than that of one problem no policy allows in an hour.
pub(crate) const MAX_TOLD: usize = 80;
/// More than one process keeps of a problem while the store is away.
const MAX_PASSED: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_micros(second * 1_000_000)
    }

    fn told(seconds: &[i64]) -> Memory {
        Memory {
            alerts: seconds.len() as u64,
            told_at: seconds.iter().map(|second| at(*second)).collect(),
            ..Memory::default()
        }
    }

    #[test]
    fn alerts_of_both_sides_are_counted_once() {
        let mut here = told(&[1, 5, 5]);
        here.merge(&told(&[1, 3, 5, 9]));
        assert_eq!((here.alerts(), here.last_told()), (5, Some(at(9))));
        let merged = here.clone();
        here.merge(&told(&[1, 3, 5, 9]));
        assert_eq!(here, merged, "once more changes nothing");
    }

    #[test]
    fn milestones_are_those_since_it_was_last_back() {
        let since = |counted_from, milestone| Memory {
            counted_from,
            milestone,
            ..Memory::default()
        };
        for (one, other, both) in [
            ((0, 1_000), (1_500, 1), (1_500, 1)),
            ((1_500, 1), (0, 1_000), (1_500, 1)),
            ((0, 10), (0, 100), (0, 100)),
        ] {
            let mut memory = since(one.0, one.1);
            memory.merge(&since(other.0, other.1));
            assert_eq!((memory.counted_from, memory.milestone), both);
        }
    }

    #[test]
    fn what_rose_above_its_bound_was_told_on_both_sides() {
        let risen = |users, minute| Memory {
            told_users: users,
            rate_told: minute,
            jump_told: minute.map(|minute| minute / 60),
            ..Memory::default()
        };
        for (one, other) in [
            (risen(10, None), risen(100, Some(600))),
            (risen(100, Some(600)), risen(0, Some(540))),
        ] {
            let mut memory = one;
            memory.merge(&other);
            assert_eq!(memory, risen(100, Some(600)));
        }
    }

    #[test]
    fn the_later_turn_of_the_state_holds_whatever_the_clock_says() {
        let turned = |turns, left, unmuted| Memory {
            turns,
            left: Some(at(left)),
            unmuted,
            ..Memory::default()
        };
        let mut here = turned(1, 500, true);
        here.merge(&turned(2, 100, false));
        assert_eq!(here, turned(2, 100, false));
        here.merge(&turned(1, 500, true));
        assert_eq!(here, turned(2, 100, false));
        here.merge(&turned(2, 100, true));
        assert!(!here.unmuted, "one side has told it");
    }

    #[test]
    fn what_is_owed_was_told_with_a_later_alert() {
        let owing = Memory {
            owed: Some(Reason::Unmuted),
            ..told(&[1])
        };
        let mut here = owing.clone();
        here.merge(&told(&[1, 2]));
        assert_eq!(here.owed, None);
        let mut here = told(&[1, 2]);
        here.merge(&owing);
        assert_eq!(here.owed, None);
        let mut here = told(&[1]);
        here.merge(&owing);
        assert_eq!(here.owed, Some(Reason::Unmuted));
    }

    #[test]
    fn the_times_are_bounded() {
        let mut here = told(&(0..80).collect::<Vec<_>>());
        here.merge(&told(&(40..200).collect::<Vec<_>>()));
        assert_eq!(
            (here.told_at.len(), here.last_told()),
            (MAX_TOLD, Some(at(199)))
        );
    }
}

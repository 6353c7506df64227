//! The verdict on a problem: one reason at most, and when to look again.

use std::time::Duration;

use super::rules::{Fired, apart};
use super::states::{over, settle};
use super::{ALL_CLEAR_AFTER, MAX_URGENT_PER_HOUR, Policy};
use crate::issue::{
    Change, Issue, IssueState, MAX_TOLD, Memory, MuteEnd, Reason, Record, Regression, Severity,
};
use crate::occurrence::Kind;
use crate::time::Timestamp;

/// Tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) reason: Reason,
    pub(crate) severity: Severity,
    /// How many occurrences went untold since the last alert.
    pub(crate) held_back: u64,
    /// Whether no release before the one that runs is known to have the problem.
    pub(crate) new_in_release: bool,
}

impl Policy {
    /// What is to be told of a problem that this change was applied to.
    ///
    /// Judged once more with the notes it has made, the same change tells nothing. Afterwards `review_at` lies after `now`, or
    /// nothing is to be expected of a review.
    pub(crate) fn judge(
        &self,
        record: &mut Record,
        change: &Change,
        now: Timestamp,
    ) -> Option<Verdict> {
        let is_first = record.memory.heard_at.is_none() && record.memory.alerts == 0;
        if change.count > 0 {
            record.memory.heard_at = Some(now);
        }
        settle(record);
        let event = self.leave_state(record, change, now);
        let is_back = matches!(event, Some(Reason::Regressed { .. }));
        let severity = self.grade(record, change, is_first || is_back);
        owe(&mut record.memory, event);
        let mut waits_until = None;
        let verdict = match self.reason(record, change, now) {
            None => None,
            Some((reason, fired)) => {
                let bound = self.bound(&reason, record.issue.kind);
                waits_until = room_at(&record.memory, bound, now);
                waits_until.is_none().then(|| {
                    let held_back = untold(record).saturating_sub(1);
                    if reason == Reason::AllClear {
                        clear(record, now);
                    }
                    fired.told(
                        self,
                        &mut record.memory,
                        record.issue.count,
                        record.issue.users,
                    );
                    note(&mut record.memory, record.issue.count, now);
                    let severity = match reason {
                        Reason::StillOpen { .. } => severity.max(record.issue.severity),
                        _ => severity,
                    };
                    Verdict {
                        reason,
                        severity,
                        held_back,
                        new_in_release: is_new_in_release(&record.issue, change),
                    }
                })
            }
        };
        let dates = [
            waits_until,
            self.reminder_at(record, now),
            next_end(record, now),
        ];
        let dates = dates.into_iter().flatten().filter(|at| *at > now);
        record.review_at = dates.min();
        verdict
    }

    /// What is to be told, if the hour has room.
    fn reason(
        &self,
        record: &mut Record,
        change: &Change,
        now: Timestamp,
    ) -> Option<(Reason, Fired)> {
        if record.issue.state != IssueState::Open || record.issue.count == 0 {
            return None;
        }
        let fired = self.fired(record, change, now);
        let is_new = record.memory.alerts == 0;
        if !is_new && is_over(record, change, now) {
            let is_unheard = matches!(record.memory.owed, Some(Reason::Regressed { .. }));
            if is_unheard {
                clear(record, now);
                return None;
            }
            return Some((Reason::AllClear, fired));
        }
        if record.memory.unmuted {
            return None;
        }
        let new = is_new.then_some(Reason::New);
        let reason = new.or_else(|| record.memory.owed.clone());
        Some((reason.or_else(|| fired.first())?, fired))
    }

    /// Alerts of the problem in an hour, before this one.
    fn bound(&self, reason: &Reason, kind: Kind) -> usize {
        let urgent = self.max_per_hour.saturating_add(MAX_URGENT_PER_HOUR);
        match reason {
            // Somebody was told that it began.
            Reason::AllClear => urgent + 1,
            Reason::New => urgent,
            // An error ratio resolves by itself, as often as it likes.
            Reason::Regressed { after } if kind != Kind::ErrorRatio => match after {
                Regression::Resolved | Regression::Release(_) => urgent,
                Regression::Silence(_) => self.max_per_hour,
            },
            _ => self.max_per_hour,
        }
    }

    /// The severity of the worst that the change tells of; the problem keeps the worst since it began or was back.
    fn grade(&self, record: &mut Record, change: &Change, begins: bool) -> Severity {
        let known = record.issue.severity;
        let seen = change.occurrences.iter().chain(&change.newest);
        let worst = seen.map(|seen| self.severities.of(seen)).max();
        let severity = worst.unwrap_or(known);
        record.issue.severity = if begins {
            severity
        } else {
            severity.max(known)
        };
        severity
    }

    fn reminder_at(&self, record: &Record, now: Timestamp) -> Option<Timestamp> {
        let memory = &record.memory;
        let is_waiting = record.issue.state == IssueState::Open && !memory.unmuted;
        let remind_after = self.remind_after?;
        let told = memory.told_at.iter().copied();
        let last = told.filter(|at| apart(*at, now) < remind_after).max()?;
        (is_waiting && untold(record) > 0).then_some(last.after(remind_after))
    }
}

fn untold(record: &Record) -> u64 {
    let count = record.issue.count;
    count.saturating_sub(record.memory.told_count)
}

/// What cannot be told now is told later; that it is back says more than that its mute is over.
fn owe(memory: &mut Memory, event: Option<Reason>) {
    let is_back = matches!(memory.owed, Some(Reason::Regressed { .. }));
    if event != Some(Reason::Unmuted) || !is_back {
        memory.owed = event.or(memory.owed.take());
    }
}

/// Whether an error ratio has not been above its bound for long enough.
fn is_over(record: &Record, change: &Change, now: Timestamp) -> bool {
    let heard = record.memory.heard_at.unwrap_or(record.issue.last_seen);
    record.issue.kind == Kind::ErrorRatio
        && change.count == 0
        && apart(heard, now) >= ALL_CLEAR_AFTER
}

fn clear(record: &mut Record, now: Timestamp) {
    record.issue.state = over(now);
    record.memory.turns = record.memory.turns.saturating_add(1);
    record.memory.cleared_at = Some(now);
    record.memory.unmuted = false;
    record.memory.owed = None;
}

fn note(memory: &mut Memory, count: u64, now: Timestamp) {
    memory.alerts = memory.alerts.saturating_add(1);
    memory.told_count = memory.told_count.max(count);
    memory.owed = None;
    memory.told_at.push(now);
    if memory.told_at.len() > MAX_TOLD {
        let times = memory.told_at.iter().enumerate();
        let farthest = times.max_by_key(|(_, at)| apart(**at, now));
        if let Some((farthest, _)) = farthest {
            memory.told_at.remove(farthest);
        }
    }
}

/// When there will be fewer than `bound` alerts in the hour around; `None` when there are now.
///
/// An hour around, because a clock that jumps must not make room.
fn room_at(memory: &Memory, bound: usize, now: Timestamp) -> Option<Timestamp> {
    let near = memory.told_at.iter().filter(|at| apart(**at, now) < HOUR);
    let mut near: Vec<_> = near.copied().collect();
    near.sort_unstable();
    let last_to_go = near.len().checked_sub(bound)?;
    near.get(last_to_go).map(|at| at.after(HOUR))
}

/// When a mute ends, or an error ratio may be over.
fn next_end(record: &Record, now: Timestamp) -> Option<Timestamp> {
    match &record.issue.state {
        IssueState::Muted {
            muted_until: MuteEnd::At(end),
            ..
        } => Some(*end),
        IssueState::Open if record.issue.kind == Kind::ErrorRatio => {
            let heard = record.memory.heard_at.unwrap_or(record.issue.last_seen);
            Some(heard.min(now).after(ALL_CLEAR_AFTER))
        }
        _ => None,
    }
}

fn is_new_in_release(issue: &Issue, change: &Change) -> bool {
    let newest = change.newest.as_deref();
    let release = newest.and_then(|newest| newest.origin.release.as_deref());
    let release = release.or(change.release.as_deref());
    release.is_some_and(|release| issue.releases.iter().all(|seen| seen.release == release))
}

const HOUR: Duration = Duration::from_secs(60 * 60);

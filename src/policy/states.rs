//! What people have decided about a problem, and what ends that.

use std::cmp::Ordering;
use std::time::Duration;

use super::Policy;
use crate::issue::{
    CLOCK_SLACK, Change, Issue, IssueState, Memory, MuteEnd, Reason, Record, Regression,
    ResolvedIn, compared,
};
use crate::occurrence::Kind;
use crate::time::Timestamp;

/// Ends a state that was ended elsewhere, and takes over one that began there, as the notes say: while a store is away, it does not
/// hear of states.
pub(super) fn settle(record: &mut Record) {
    let began = match record.issue.state {
        IssueState::Open => None,
        IssueState::Resolved { resolved_at, .. } => Some(resolved_at),
        IssueState::Muted { muted_at, .. } => Some(muted_at),
    };
    let memory = &record.memory;
    if began.is_some() && began == memory.left {
        record.issue.state = IssueState::Open;
    }
    let is_open = record.issue.state == IssueState::Open;
    match memory.cleared_at {
        Some(at) if is_open => record.issue.state = over(at),
        _ => {}
    }
}

/// Notes that the state which began then is over.
fn left(memory: &mut Memory, began: Timestamp) {
    memory.turns = memory.turns.saturating_add(1);
    memory.left = Some(began);
    memory.cleared_at = None;
}

/// The state of a problem that went away by itself.
pub(super) fn over(at: Timestamp) -> IssueState {
    IssueState::Resolved {
        resolved_at: at,
        resolved_in: ResolvedIn::Any,
    }
}

impl Policy {
    /// Opens a problem whose state is over. Returns what is to be told of that.
    pub(super) fn leave_state(
        &self,
        record: &mut Record,
        change: &Change,
        now: Timestamp,
    ) -> Option<Reason> {
        let has_occurred = change.count > 0;
        let reason = match &record.issue.state {
            IssueState::Open if record.memory.unmuted && has_occurred => Reason::Unmuted,
            IssueState::Open => Reason::Regressed {
                after: self.silence(record, change, now)?,
            },
            IssueState::Resolved {
                resolved_at,
                resolved_in,
            } => {
                let after = regression(&record.issue, change, *resolved_at, resolved_in, now)?;
                left(&mut record.memory, *resolved_at);
                Reason::Regressed { after }
            }
            IssueState::Muted {
                muted_at,
                muted_until,
            } => {
                let (is_over, by_count) = match muted_until {
                    MuteEnd::At(end) => (now >= *end, false),
                    MuteEnd::Count(count) => (record.issue.count >= *count, true),
                    MuteEnd::Never => (false, false),
                };
                if !is_over {
                    return None;
                }
                left(&mut record.memory, *muted_at);
                let has_untold = by_count && record.issue.count > record.memory.told_count;
                if !has_occurred && !has_untold {
                    record.issue.state = IssueState::Open;
                    record.memory.unmuted = true;
                    return None;
                }
                Reason::Unmuted
            }
        };
        record.issue.state = IssueState::Open;
        record.memory.unmuted = false;
        record.memory.back_at = change
            .seen_until(now.after(CLOCK_SLACK))
            .map(|(first, _)| first)
            .or(record.memory.back_at);
        if matches!(reason, Reason::Regressed { .. }) {
            record.memory.counted_from = record.issue.count.saturating_sub(change.count);
            record.memory.milestone = 0;
        }
        Some(reason)
    }

    fn silence(&self, record: &Record, change: &Change, now: Timestamp) -> Option<Regression> {
        let (first, _) = change.seen_until(now.after(CLOCK_SLACK))?;
        let before = record.seen_before?;
        // A change that is judged again, because the store was away, was preceded by the same silence.
        let before = record
            .memory
            .back_at
            .map_or(before, |back| back.max(before));
        let silence = first.since(before);
        let after = match record.issue.kind {
            // A notifier that was mended and fails again is news: nobody else can tell of it.
            Kind::Monitor => Some(MONITOR_SILENCE),
            _ => self.regressed_after,
        };
        (silence >= after?).then_some(Regression::Silence(silence.as_secs()))
    }
}

/// After what a resolved problem is back; `None` when it was seen only where, or when, it may still be.
fn regression(
    issue: &Issue,
    change: &Change,
    resolved_at: Timestamp,
    resolved_in: &ResolvedIn,
    now: Timestamp,
) -> Option<Regression> {
    let (_, last) = change.seen?;
    // A resolve in the future was dated by a clock that has been set back since: then times tell nothing.
    let is_dated = resolved_at.since(now) <= CLOCK_SLACK;
    if is_dated && last < resolved_at {
        return None;
    }
    // Where no release is named nothing tells that it is an earlier one.
    let Some(release) = change.release.as_deref() else {
        return Some(Regression::Resolved);
    };
    let was_known = || {
        let mut known = issue.releases.iter();
        is_dated && known.any(|seen| seen.release == release && seen.first_seen < resolved_at)
    };
    let may_have_it = match resolved_in {
        ResolvedIn::Any => return Some(Regression::Resolved),
        ResolvedIn::Release(mended) => match compared(release, mended) {
            Some(order) => order == Ordering::Less,
            None => was_known(),
        },
        ResolvedIn::After(current) => {
            let current = current.as_deref();
            let order = current.and_then(|current| compared(release, current));
            order.is_some_and(|order| order != Ordering::Greater) || was_known()
        }
    };
    (!may_have_it).then(|| Regression::Release(release.to_owned()))
}

/// The monitor's own trouble is told anew after so long without it.
const MONITOR_SILENCE: Duration = Duration::from_secs(60 * 60);

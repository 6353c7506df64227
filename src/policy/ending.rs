//! When a problem that was told has ended, for notifiers that keep a list of what is open.

use super::rules::apart;
use super::{Policy, judge::Verdict};
use crate::issue::{Change, IssueState, Reason, Record};
use crate::occurrence::Kind;
use crate::time::Timestamp;

impl Policy {
    /// Whether a problem that was told has ended, or occurs again after it was told to have. `verdict` is what [`Self::judge`] has
    /// just said of the same change.
    ///
    /// Judged once more with the notes it has made, the same change says nothing. An error ratio ends by an all-clear.
    pub(crate) fn ending(
        &self,
        record: &mut Record,
        change: &Change,
        verdict: Option<&Verdict>,
        now: Timestamp,
    ) -> Option<Reason> {
        if record.memory.alerts == 0 || record.issue.kind == Kind::ErrorRatio {
            return None;
        }
        let heard = record.memory.heard_at.unwrap_or(record.issue.last_seen);
        let is_quiet = change.count == 0 && apart(heard, now) >= self.quiet_after;
        let has_ended = record.memory.ended_at.is_some();
        let reason = match &record.issue.state {
            _ if verdict.is_some() => {
                record.memory.ended_at = None;
                None
            }
            IssueState::Open if has_ended && change.count > 0 => Some(Reason::Resumed),
            IssueState::Open if !has_ended && is_quiet => Some(Reason::Quiet {
                seconds: self.quiet_after.as_secs(),
            }),
            IssueState::Resolved { .. } if !has_ended => Some(Reason::Resolved),
            _ => None,
        };
        if let Some(reason) = &reason {
            record.memory.ended_at = (*reason != Reason::Resumed).then_some(now);
            record.memory.turns_told = record.memory.turns_told.saturating_add(1);
        }
        if record.memory.ended_at.is_none() && record.issue.state == IssueState::Open {
            let ends_at = heard.min(now).after(self.quiet_after);
            // A reminder opens it anew, long after it was last heard of.
            let ends_at = match ends_at > now {
                true => ends_at,
                false => now.after(self.quiet_after),
            };
            let next = record.review_at.map_or(ends_at, |at| at.min(ends_at));
            record.review_at = (next > now).then_some(next);
        }
        reason
    }
}

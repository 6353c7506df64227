//! What people have decided about a problem.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What people have decided about a problem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum IssueState {
    /// Nothing: it is told as the policy says.
    #[default]
    Open,
    /// It is mended. When it occurs again, it is told as regressed, and is open again.
    Resolved {
        /// Since when.
        resolved_at: Timestamp,
        /// In which release.
        resolved_in: ResolvedIn,
    },
    /// It is counted, and nobody is told.
    Muted {
        /// Since when.
        muted_at: Timestamp,
        /// How long.
        muted_until: MuteEnd,
    },
}

impl IssueState {
    /// `open`, `resolved` or `muted`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved { .. } => "resolved",
            Self::Muted { .. } => "muted",
        }
    }
}

/// In which release a problem is mended, for [`Monitor::resolve`](crate::Monitor::resolve).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolve {
    /// In what runs now: every further occurrence is a regression.
    Now,
    /// In this release: occurrences in earlier ones are none.
    InRelease(String),
    /// In the one after this: occurrences in releases known so far are none.
    InNextRelease,
}

/// In which release a problem is mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ResolvedIn {
    /// Whichever runs.
    Any,
    /// This one: earlier ones still have the problem.
    Release(String),
    /// One later than this, and than every one that is known to have the problem.
    After(Option<String>),
}

/// For how long nobody is told, for [`Monitor::mute`](crate::Monitor::mute).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mute {
    /// For so long.
    For(Duration),
    /// Until it has occurred so many times more.
    UntilMore(u64),
    /// Until somebody opens it again.
    ForGood,
}

/// When a mute ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MuteEnd {
    /// At this time.
    At(Timestamp),
    /// When the issue's count has reached this.
    Count(u64),
    /// When somebody opens the issue.
    Never,
}

//! Why an alert is told now.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::text::duration_in_words;

/// Why an alert is told now.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The problem occurred for the first time.
    New,
    /// It is back.
    Regressed {
        /// After what.
        after: Regression,
    },
    /// It has occurred so many times: 10, 100, 1000, …
    Count {
        /// The power of ten.
        count: u64,
    },
    /// It occurs often: so many times within a span.
    Rate {
        /// How many times.
        count: u64,
        /// Within how many seconds.
        seconds: u64,
    },
    /// It occurs far more often than it used to.
    Jump {
        /// How many times in the last hour.
        count: u64,
        /// How many times in an hour as a rule.
        usual: u64,
    },
    /// So many users were hit.
    Users {
        /// How many.
        users: u64,
    },
    /// It goes on, long after it was last told.
    StillOpen {
        /// How many seconds ago it was last told.
        seconds: u64,
    },
    /// Its mute is over.
    Unmuted,
    /// The problem is over.
    AllClear,
    /// Somebody has resolved the problem. Told to notifiers that [take endings](crate::notify::Takes::AlertsAndEndings).
    Resolved,
    /// The problem has not occurred for so long. Told to notifiers that [take endings](crate::notify::Takes::AlertsAndEndings).
    Quiet {
        /// For how many seconds.
        seconds: u64,
    },
    /// It occurs again after one of these two was told. Told to the same notifiers.
    Resumed,
    /// It occurred. Told to notifiers that [take occurrences](crate::notify::Takes::Occurrences).
    Occurred,
    /// Somebody wants to see whether alerts arrive.
    Test,
}

/// After what a problem is back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Regression {
    /// Somebody had resolved it.
    Resolved,
    /// It had been resolved in a release; this one should not have it any more.
    Release(String),
    /// It had not occurred for so many seconds.
    Silence(u64),
}

impl Reason {
    /// Whether it says that the problem has ended: [`AllClear`](Self::AllClear), [`Resolved`](Self::Resolved) or
    /// [`Quiet`](Self::Quiet).
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::AllClear | Self::Resolved | Self::Quiet { .. })
    }

    /// The name of the rule, in logs and JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Regressed { .. } => "regressed",
            Self::Count { .. } => "count",
            Self::Rate { .. } => "rate",
            Self::Jump { .. } => "jump",
            Self::Users { .. } => "users",
            Self::StillOpen { .. } => "still_open",
            Self::Unmuted => "unmuted",
            Self::AllClear => "all_clear",
            Self::Resolved => "resolved",
            Self::Quiet { .. } => "quiet",
            Self::Resumed => "resumed",
            Self::Occurred => "occurred",
            Self::Test => "test",
        }
    }
}

/// A few words for a title or a log line.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = |seconds: &u64| duration_in_words(Duration::from_secs(*seconds));
        match self {
            Self::New => f.write_str("new"),
            Self::Regressed { after } => match after {
                Regression::Resolved => f.write_str("back after it was resolved"),
                Regression::Release(release) => write!(f, "back in {release}"),
                Regression::Silence(seconds) => write!(f, "back after {}", span(seconds)),
            },
            Self::Count { count } => write!(f, "{count} times"),
            Self::Rate { count, seconds } => write!(f, "{count} times in {}", span(seconds)),
            Self::Jump { count, usual } => {
                write!(f, "{count} times in an hour, {usual} as a rule")
            }
            Self::Users { users } => write!(f, "{users} users hit"),
            Self::StillOpen { .. } => f.write_str("still open"),
            Self::Unmuted => f.write_str("no longer muted"),
            Self::AllClear => f.write_str("all clear"),
            Self::Resolved => f.write_str("resolved"),
            Self::Quiet { seconds } => write!(f, "quiet for {}", span(seconds)),
            Self::Resumed => f.write_str("again"),
            Self::Occurred => f.write_str("occurred"),
            Self::Test => f.write_str("test"),
        }
    }
}

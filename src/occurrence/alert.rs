//! What a person is told.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::{Issue, Occurrence};
use crate::loss::Losses;
use crate::time::Timestamp;

/// What a person is told: why now, about which issue, with one occurrence to look at.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Alert {
    /// The same for every try to deliver it, so that a receiver can tell a repetition.
    pub id: Uuid,
    /// When it was decided.
    pub time: Timestamp,
    /// Why it is told now.
    pub reason: Reason,
    /// The problem.
    pub issue: Issue,
    /// One of the problem's occurrences: the newest of which everything is known.
    pub occurrence: Arc<Occurrence>,
    /// How many occurrences of the issue went untold since the alert before.
    pub held_back: u64,
    /// What had to be dropped since the alert before, whichever issue that was about.
    pub lost: Losses,
}

/// Why an alert is told now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The problem occurred for the first time.
    New,
    /// It has occurred so many times: 10, 100, 1000, …
    Count(u64),
    /// Somebody wants to see whether alerts arrive.
    Test,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("new"),
            Self::Count(count) => write!(f, "{count} times"),
            Self::Test => f.write_str("test"),
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

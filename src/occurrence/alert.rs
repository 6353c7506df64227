//! What a person is told.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

use super::{Issue, Occurrence};
use crate::loss::Losses;
use crate::redact::Redactor;
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
    /// For the last look at what a notifier has made of it.
    #[serde(skip)]
    pub(crate) redactor: Redactor,
}

impl Alert {
    /// Takes secrets out of a text that is about to be sent, as a guard: everything in an alert has been redacted before.
    ///
    /// Notifiers call it on what they have put together, but not on their own credentials.
    #[must_use]
    pub fn redacted<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.redactor.text(text)
    }

    /// The same for JSON, field by field.
    pub fn redact_json(&self, payload: &mut Value) {
        self.redactor.json("", payload);
    }
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

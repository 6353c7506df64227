//! The group of occurrences that are the same problem.

use serde::Serialize;

use super::{Fingerprint, Kind, Occurrence};
use crate::time::Timestamp;

/// One problem: all occurrences with the same [`Fingerprint`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Issue {
    /// What its occurrences have in common.
    pub fingerprint: Fingerprint,
    /// What kind of problem it is.
    pub kind: Kind,
    /// What broke, in one line: of the first occurrence.
    pub title: String,
    /// Where: the place in the code, else the route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub culprit: Option<String>,
    /// When it occurred first.
    pub first_seen: Timestamp,
    /// When it occurred last.
    pub last_seen: Timestamp,
    /// How often it has occurred, exactly.
    pub count: u64,
}

impl Issue {
    /// The issue that begins with this occurrence, counted so often.
    pub(crate) fn begin(occurrence: &Occurrence, count: u64) -> Self {
        Self {
            fingerprint: occurrence.fingerprint,
            kind: occurrence.kind,
            title: occurrence.title(),
            culprit: occurrence.culprit(),
            first_seen: occurrence.time,
            last_seen: occurrence.time,
            count,
        }
    }
}

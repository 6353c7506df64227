//! The problems: what is known of each, who was hit, and the alert that tells of it.
//!
//! An [`Issue`] is what all occurrences with one [`Fingerprint`] have in common. A [`Record`] is all that a store keeps of it,
//! and a [`Change`] what one process has seen of it since it last told the store: [`Record::apply`] is how the first
//! takes in the second, in every store and on every machine alike.

mod affected;
mod alert;
mod change;
mod memo;
mod memory;
mod merge;
mod reason;
mod record;
mod release;
mod retention;
mod sample;
mod series;
mod severity;
mod sketch;
mod state;

use serde::{Deserialize, Serialize};

use crate::occurrence::{Fingerprint, Kind, Occurrence};
use crate::text::shortened;
use crate::time::Timestamp;

pub use affected::{Affected, AffectedUser};
pub use alert::{Alert, AlertSummary};
pub use change::Change;
pub use memo::{Memo, Memos};
pub use memory::Memory;
pub use reason::{Reason, Regression};
pub use record::Record;
pub use release::{ReleaseSeen, Releases};
pub use retention::{
    DEFAULT_MAX_AGE, DEFAULT_MAX_BYTES, DEFAULT_MAX_ISSUES, DEFAULT_MAX_OCCURRENCES,
    DEFAULT_MAX_USERS, Retention,
};
pub use sample::thinned;
pub use series::Series;
pub use severity::Severity;
pub use sketch::Sketch;
pub use state::{IssueState, Mute, MuteEnd, Resolve, ResolvedIn};

pub(crate) use alert::Desk;
pub(crate) use memory::MAX_TOLD;
pub(crate) use merge::{merged, ranked};
pub(crate) use record::{CLOCK_SLACK, HOURS};
pub(crate) use release::compared;
pub(crate) use sketch::{register_of, user_hash};

/// One problem: all occurrences with the same [`Fingerprint`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Issue {
    /// What its occurrences have in common.
    pub fingerprint: Fingerprint,
    /// What kind of problem it is.
    pub kind: Kind,
    /// How bad it is, as the [policy](crate::Policy) says.
    pub severity: Severity,
    /// What broke, in one line: of the first occurrence.
    pub title: String,
    /// Where: the place in the code, else the route; without a route the method alone, as the path may name a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub culprit: Option<String>,
    /// When it occurred first.
    pub first_seen: Timestamp,
    /// When it occurred last.
    pub last_seen: Timestamp,
    /// How often it has occurred, exactly.
    pub count: u64,
    /// How many users were hit: exact while all of them are listed, an estimate beyond.
    #[serde(default)]
    pub users: u64,
    /// The releases it was seen in.
    #[serde(default, skip_serializing_if = "Releases::is_empty")]
    pub releases: Releases,
    /// What people have decided about it.
    #[serde(flatten)]
    pub state: IssueState,
}

impl Issue {
    /// The issue that begins with this occurrence, counted so often.
    pub(crate) fn begin(occurrence: &Occurrence, count: u64) -> Self {
        Self {
            fingerprint: occurrence.fingerprint,
            kind: occurrence.kind,
            severity: Severity::of(occurrence.kind),
            title: occurrence.title(),
            culprit: culprit(occurrence),
            first_seen: occurrence.time,
            last_seen: occurrence.time,
            count,
            users: 0,
            releases: Releases::default(),
            state: IssueState::Open,
        }
    }
}

/// Where all occurrences of a problem broke. Without a route, what a client chose for a path stays in the occurrence.
fn culprit(occurrence: &Occurrence) -> Option<String> {
    let has_place = occurrence.exceptions.iter().any(|it| it.location.is_some());
    let response = occurrence.response.as_ref();
    let grpc_status = response.and_then(|response| response.grpc_status.as_deref());
    // A call that a service implements is named by its path, and only these get as far as another status.
    let is_call = grpc_status.is_some_and(|status| status != "Unimplemented");
    match &occurrence.request {
        Some(request) if !has_place && !is_call && request.route.is_none() => {
            Some(shortened(&request.method, 255))
        }
        _ => occurrence.culprit(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_problem_is_not_named_by_a_path_that_a_client_chose() {
        let culprit = |route: Option<&str>, status: Option<&str>, place: bool| {
            let location = json!({ "file": "src/cart.rs", "line": 17, "column": 5 });
            let exception = json!({
                "type": "panic", "message": "no", "location": place.then_some(location),
            });
            let occurrence: Occurrence = serde_json::from_value(json!({
                "id": "01980000-0000-7000-8000-000000000000", "kind": "server_error",
                "fingerprint": Fingerprint::from_u64(1), "time": Timestamp::from_unix_micros(0),
                "exceptions": [exception],
                "request": {
                    "id": "r-1", "started_at": Timestamp::from_unix_micros(0), "method": "PUT", "path": "/people/uma.berg",
                    "version": "HTTP/1.1", "curl": "", "route": route,
                },
                "response": { "status": 500, "grpc_status": status },
                "origin": { "pid": 7, "platform": {} }, "vitals": {},
            }))
            .unwrap();
            Issue::begin(&occurrence, 1).culprit.unwrap()
        };
        assert_eq!(culprit(None, None, false), "PUT");
        assert_eq!(culprit(None, Some("Unimplemented"), false), "PUT");
        assert_eq!(
            culprit(None, Some("Internal"), false),
            "PUT /people/uma.berg"
        );
        assert_eq!(
            culprit(Some("/people/{who}"), None, false),
            "PUT /people/{who}"
        );
        assert_eq!(culprit(None, None, true), "src/cart.rs:17:5");
    }
}

//! What a person is told.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{Issue, Memo, Reason, Severity};
use crate::loss::Losses;
use crate::occurrence::{Fingerprint, Kind, Occurrence};
use crate::redact::Redactor;
use crate::time::Timestamp;

/// What a person is told: why now, about which issue, with one occurrence to look at.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Alert {
    /// The same for every try to deliver it, so that a receiver can tell a repetition.
    pub id: Uuid,
    /// When it was decided.
    pub time: Timestamp,
    /// Why it is told now.
    pub reason: Reason,
    /// How bad it is: here, which may be worse than the problem is elsewhere.
    pub severity: Severity,
    /// The problem.
    pub issue: Issue,
    /// One of the problem's occurrences: the newest of which everything is known.
    pub occurrence: Arc<Occurrence>,
    /// Whether the problem was not seen in any release before the one that runs.
    #[serde(default)]
    pub new_in_release: bool,
    /// How many occurrences of the issue went untold since the alert before.
    pub held_back: u64,
    /// What had to be dropped since the alert before, whichever issue that was about.
    #[serde(default)]
    pub lost: Losses,
    /// What else is told with it, because it had to wait or came at the same moment: the worst first, 20 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<AlertSummary>,
    /// How many alerts are told by nothing but this number.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub also_more: u64,
    #[serde(skip)]
    pub(crate) desk: Desk,
    #[serde(skip)]
    pub(crate) memo: Memo,
}

/// What an alert is told with: the same for all of a monitor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Desk {
    /// For the last look at what a notifier has made of it.
    pub(crate) redactor: Redactor,
    /// Where the dashboard is, without a `/` at the end.
    pub(crate) dashboard: Option<Arc<str>>,
}

/// An alert in one line, for a message that tells of several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AlertSummary {
    /// Why it is told.
    pub reason: Reason,
    /// How bad it is.
    pub severity: Severity,
    /// Which problem.
    pub fingerprint: Fingerprint,
    /// What kind of problem.
    pub kind: Kind,
    /// What broke.
    pub title: String,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub culprit: Option<String>,
    /// How often it has occurred.
    pub count: u64,
    /// How many users were hit.
    #[serde(default)]
    pub users: u64,
    /// How many alerts this line stands for: itself, and others of the same kind at the same place.
    pub alerts: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Alert {
    /// Takes secrets out of a text that is about to be sent, as a guard: everything in an alert has been redacted before.
    ///
    /// Notifiers call it on what they have put together, but not on their own credentials.
    #[must_use]
    pub fn redacted<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.desk.redactor.text(text)
    }

    /// The same for JSON, field by field.
    pub fn redact_json(&self, payload: &mut Value) {
        self.desk.redactor.json("", payload);
    }

    /// The issue's page, when it is known [where the dashboard is](crate::Builder::dashboard_url).
    #[must_use]
    pub fn issue_url(&self) -> Option<String> {
        let dashboard = self.desk.dashboard.as_ref()?;
        Some(format!("{dashboard}/issues/{}", self.issue.fingerprint))
    }

    /// What the notifier kept at an earlier alert of the same issue, and where it keeps what it wants to know again.
    #[must_use]
    pub fn memo(&self) -> &Memo {
        &self.memo
    }

    /// How many alerts are told by it: itself, and all that were joined to it.
    #[must_use]
    pub fn alerts(&self) -> u64 {
        let lines = self.also.iter().map(|line| line.alerts);
        lines.fold(self.also_more.saturating_add(1), u64::saturating_add)
    }

    /// Why it is told, and each of those that were joined to it.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = &Reason> {
        let others = self.also.iter().map(|line| &line.reason);
        std::iter::once(&self.reason).chain(others)
    }

    /// The alert in one line.
    #[must_use]
    pub fn summary(&self) -> AlertSummary {
        AlertSummary {
            reason: self.reason.clone(),
            severity: self.severity,
            fingerprint: self.issue.fingerprint,
            kind: self.issue.kind,
            title: self.issue.title.clone(),
            culprit: self.issue.culprit.clone(),
            count: self.issue.count,
            users: self.issue.users,
            alerts: 1,
        }
    }
}

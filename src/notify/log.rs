//! The notifier that is always there: the app's own log.

use super::{Budget, Message, Notifier, NotifyError};
use crate::issue::{Alert, Reason};

/// Writes alerts as `tracing` events with the target `tower_monitor::alert`: the default when no other is set.
///
/// Failures are events of level ERROR, the test alert one of level INFO. Without a `tracing` subscriber nobody sees them.
///
/// ```
/// use tower_monitor::{Monitor, notify::Log};
///
/// let monitor = Monitor::builder().notifier(Log::new()).build()?;
/// # Ok::<_, tower_monitor::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Log;

impl Log {
    /// A notifier that writes to the log.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Notifier for Log {
    fn name(&self) -> &str {
        "log"
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        let message = words(alert);
        let (issue, reason) = (alert.issue.fingerprint, &alert.reason);
        let request = alert.occurrence.request.as_ref();
        let id = request.map(|request| request.id.as_str());
        if matches!(reason, Reason::Test | Reason::AllClear) {
            tracing::info!(target: TARGET, %issue, %reason, "{message}");
        } else {
            tracing::error!(target: TARGET, %issue, %reason, request.id = id, "{message}");
        }
        Ok(())
    }

    fn budget(&self) -> Budget {
        Budget::unlimited()
    }
}

/// Writes down what a notifier could not deliver, so that it is told at least here.
pub(crate) fn tell_locally(alert: &Alert, notifier: &str, why: &str) {
    let message = words(alert);
    let (issue, reason) = (alert.issue.fingerprint, &alert.reason);
    tracing::error!(target: TARGET, %issue, %reason, notifier, why, "not delivered: {message}");
}

/// The message without what is a field of the event.
fn words(alert: &Alert) -> Message {
    let mut message = Message::of(alert);
    message
        .fields
        .retain(|field| !matches!(field.name, "issue" | "request id"));
    message
}

const TARGET: &str = "tower_monitor::alert";

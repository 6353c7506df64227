//! The notifier that is always there: the app's own log.

use super::{Message, Notifier, NotifyError};
use crate::occurrence::{Alert, Reason};

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
        let mut message = Message::of(alert);
        // They are fields of the event.
        message
            .fields
            .retain(|(name, _)| !matches!(*name, "issue" | "request id"));
        let (issue, reason) = (alert.issue.fingerprint, alert.reason);
        let request = alert.occurrence.request.as_ref();
        let id = request.map(|request| request.id.as_str());
        if reason == Reason::Test {
            tracing::info!(target: TARGET, %issue, %reason, "{message}");
        } else {
            tracing::error!(target: TARGET, %issue, %reason, request.id = id, "{message}");
        }
        Ok(())
    }
}

const TARGET: &str = "tower_monitor::alert";

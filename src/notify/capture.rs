//! The notifier for tests: it keeps what it is given.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Budget, Notifier, NotifyError};
use crate::issue::Alert;

/// Keeps alerts in memory, so that a test can look at them. Clones share one list.
///
/// ```
/// # use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tower_monitor::BuildError> {
/// use tower_monitor::{Monitor, notify::Capture};
///
/// let alerts = Capture::new();
/// let monitor = Monitor::builder().notifier(alerts.clone()).build()?;
///
/// // … something fails …
/// # monitor.send_test_alert().await;
/// monitor.flush(Duration::from_secs(5)).await;
///
/// assert_eq!(alerts.taken().len(), 1);
/// # Ok(()) }
/// ```
///
/// At most 10,000 alerts are kept; later ones are refused.
#[derive(Clone, Default)]
pub struct Capture(Arc<Mutex<Vec<Alert>>>);

impl Capture {
    /// A notifier with an empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The alerts so far, oldest first.
    #[must_use]
    pub fn alerts(&self) -> Vec<Alert> {
        self.list().clone()
    }

    /// The alerts so far, oldest first; the list is empty afterwards.
    #[must_use]
    pub fn taken(&self) -> Vec<Alert> {
        std::mem::take(&mut *self.list())
    }

    fn list(&self) -> MutexGuard<'_, Vec<Alert>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture")
            .field("alerts", &self.list().len())
            .finish()
    }
}

impl Notifier for Capture {
    fn name(&self) -> &str {
        "capture"
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        let mut list = self.list();
        if list.len() >= MAX_ALERTS {
            return Err(NotifyError::refused("the list is full"));
        }
        list.push(alert.clone());
        Ok(())
    }

    fn budget(&self) -> Budget {
        Budget::unlimited()
    }
}

const MAX_ALERTS: usize = 10_000;

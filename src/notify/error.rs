//! Why an alert did not arrive, and what that means for the next try.

use std::fmt;
use std::time::Duration;

use crate::text::{one_line, shortened};

/// Why an alert did not arrive.
///
/// ```
/// use std::time::Duration;
/// use tower_monitor::NotifyError;
///
/// let busy = NotifyError::temporary("429 Too Many Requests").retry_after(Duration::from_secs(30));
/// assert!(busy.is_temporary());
/// assert!(!NotifyError::refused("400 invalid_blocks").is_temporary());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifyError {
    kind: ErrorKind,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ErrorKind {
    Temporary { retry_after: Option<Duration> },
    Refused,
    PayloadRefused,
    DestinationGone,
}

impl NotifyError {
    /// It may work later: no connection, a time limit, an overload. The alert is tried again.
    ///
    /// The message must hold no secret; at most 512 bytes of it are kept.
    pub fn temporary(message: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::Temporary { retry_after: None }, message.as_ref())
    }

    /// The destination does not want this alert and never will. It is not tried again.
    pub fn refused(message: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::Refused, message.as_ref())
    }

    /// The destination takes alerts, but not this one as it is: too long, or not understood. The notifier may try with less of
    /// it. What is returned as this is handled like [`refused`](Self::refused).
    pub fn payload_refused(message: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::PayloadRefused, message.as_ref())
    }

    /// Whether less of the alert may be taken.
    #[must_use]
    pub fn is_payload_refused(&self) -> bool {
        self.kind == ErrorKind::PayloadRefused
    }

    /// The destination takes nothing any more: a wrong token, a deleted channel. It is not tried again.
    pub fn destination_gone(message: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::DestinationGone, message.as_ref())
    }

    fn new(kind: ErrorKind, message: &str) -> Self {
        Self {
            kind,
            message: shortened(&one_line(message), 512),
        }
    }

    /// The destination says how long to wait. Only a [temporary](Self::temporary) error is affected.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        if let ErrorKind::Temporary { retry_after } = &mut self.kind {
            *retry_after = Some(wait);
        }
        self
    }

    /// Whether another try makes sense.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self.kind, ErrorKind::Temporary { .. })
    }

    /// Whether no alert at all will be taken.
    #[must_use]
    pub fn is_destination_gone(&self) -> bool {
        self.kind == ErrorKind::DestinationGone
    }

    /// How long the destination asked to wait.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        match self.kind {
            ErrorKind::Temporary { retry_after } => retry_after,
            ErrorKind::Refused | ErrorKind::PayloadRefused | ErrorKind::DestinationGone => None,
        }
    }
}

impl fmt::Display for NotifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ErrorKind::Temporary { .. } => "not now",
            ErrorKind::Refused | ErrorKind::PayloadRefused => "refused",
            ErrorKind::DestinationGone => "the destination takes nothing any more",
        };
        write!(f, "{kind}: {}", self.message)
    }
}

impl std::error::Error for NotifyError {}

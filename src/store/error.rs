//! Why something could not be remembered, and what that means for the next try.

use std::fmt;

use crate::text::{one_line, shortened};

/// Why something could not be remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError {
    kind: ErrorKind,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ErrorKind {
    Away,
    Full,
    Unusable,
}

impl StoreError {
    /// It may work later: no connection, a time limit, a lock that somebody holds.
    ///
    /// The message must hold no secret; at most 512 bytes of it are kept.
    pub fn away(message: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::Away, message.as_ref())
    }

    /// There is no room: a full disk. It may work later.
    pub fn full(message: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::Full, message.as_ref())
    }

    /// It will not work: a broken file, one of a newer version, settings that contradict each other.
    pub fn unusable(message: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::Unusable, message.as_ref())
    }

    fn new(kind: ErrorKind, message: &str) -> Self {
        Self {
            kind,
            message: shortened(&one_line(message), 512),
        }
    }

    /// Whether there is no room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.kind == ErrorKind::Full
    }

    /// Whether another try makes sense.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.kind != ErrorKind::Unusable
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ErrorKind::Away => "away: ",
            ErrorKind::Full => "full: ",
            ErrorKind::Unusable => "unusable: ",
        })?;
        f.write_str(&self.message)
    }
}

impl std::error::Error for StoreError {}

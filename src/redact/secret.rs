//! A value that must be used but never shown.

use std::fmt;

/// A password, key or token of ours: usable, but no `Debug` or `Display` shows it.
///
/// ```
/// let secret = tower_monitor::redact::Secret::new("whsec_5f1c0a9e4d7b");
/// assert_eq!(format!("{secret:?}"), "[redacted …4d7b]");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `value` out of sight.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself: for the request that needs it, never for a message.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    /// The last four characters tell two keys apart; of a value under twelve characters nothing is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chars = self.0.chars().count();
        if chars < 12 {
            return f.write_str("[redacted]");
        }
        let tail: String = self.0.chars().skip(chars - 4).collect();
        write!(f, "[redacted …{tail}]")
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self::new(value)
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self::new(value)
    }
}

//! What [`Builder::build`](crate::Builder::build) refuses, in words that name the setting and the remedy.

use std::fmt;

/// A setting that cannot work, found by [`Builder::build`](crate::Builder::build).
///
/// Its text names the setting, what is wrong with the value and what to write instead:
///
/// ```
/// let error = tower_monitor::Monitor::builder()
///     .trusted_proxies(["10.0.0.0/33"])
///     .build()
///     .unwrap_err();
///
/// assert_eq!(error.setting(), "trusted_proxies");
/// assert!(error.to_string().contains("10.0.0.0/33"));
/// ```
#[derive(Debug)]
pub struct BuildError {
    setting: &'static str,
    problem: String,
    remedy: &'static str,
    source: Option<std::io::Error>,
}

impl BuildError {
    pub(crate) fn new(
        setting: &'static str,
        problem: impl Into<String>,
        remedy: &'static str,
    ) -> Self {
        Self {
            setting,
            problem: problem.into(),
            remedy,
            source: None,
        }
    }

    pub(crate) fn caused_by(mut self, source: std::io::Error) -> Self {
        self.source = Some(source);
        self
    }

    /// The name of the builder method whose value is at fault.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        self.setting
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.setting, self.problem)?;
        if let Some(source) = &self.source {
            write!(f, " ({source})")?;
        }
        write!(f, "; {}", self.remedy)
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

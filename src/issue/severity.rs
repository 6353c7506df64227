//! How bad a problem is.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::occurrence::Kind;

/// How bad a problem is; the later, the worse.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// To look at in working hours.
    Warning,
    /// Somebody was not served.
    #[default]
    Error,
    /// To look at now: the whole service suffers.
    Critical,
}

impl Severity {
    /// The name in logs and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// The severity of problems of this kind, unless the policy says otherwise.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Message | Kind::Test => Self::Info,
            Kind::Captured | Kind::Logged => Self::Warning,
            _ => Self::Error,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

//! Which process of which service it happened in.

use serde::{Deserialize, Serialize};

use crate::platform::Platform;

/// The process that reports: what the app says of itself, and what the system knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Origin {
    /// The service's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The release that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// `production`, `staging`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The machine's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The process's number.
    pub pid: u32,
    /// The machine, the container and the build.
    pub platform: Platform,
}

/// The machine's name, where the system tells it without a call into C.
pub(crate) fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

//! The steps that led up to a failure, and how the app adds to them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::RequestContext;
use super::trail::{SpanRecord, Target, Trail, Words};
use crate::guard::contained;
use crate::time::Timestamp;

/// One step on the way to a failure: an event of `tracing`, or what [`RequestContext::breadcrumb`] said.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Breadcrumb {
    /// When.
    pub time: Timestamp,
    /// How important the app found it.
    pub level: Level,
    /// The module that said it, or the category given by hand.
    pub target: String,
    /// The words.
    pub message: String,
    /// What else was said, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

/// The importance of an event, as in `tracing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Level {
    pub(crate) const ALL: [Self; 5] = [
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
    ];

    /// `error`, `warn`, `info`, `debug` or `trace`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl From<tracing::Level> for Level {
    fn from(level: tracing::Level) -> Self {
        match level {
            tracing::Level::ERROR => Self::Error,
            tracing::Level::WARN => Self::Warn,
            tracing::Level::INFO => Self::Info,
            tracing::Level::DEBUG => Self::Debug,
            tracing::Level::TRACE => Self::Trace,
        }
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let mut all = Self::ALL.into_iter();
        all.find(|level| level.as_str() == name)
            .ok_or_else(|| de::Error::custom(format!("unknown level `{name}`")))
    }
}

impl RequestContext {
    /// Notes a step, so that an occurrence shows what led up to it.
    ///
    /// Of each request the last 50 steps are kept, 8 KiB of text in all and at most 1 KiB of each; nothing of it is seen when
    /// the request succeeds. Events of `tracing` become steps by themselves with [`Monitor::tracing_layer`](crate::Monitor::tracing_layer).
    pub fn breadcrumb(&self, message: impl fmt::Display) {
        use fmt::Write;
        let mut words = Words::default();
        // Outside of the lock: the words are the app's code. What it said before it panicked stays.
        let _ = contained(|| write!(words.message(), "{message}"));
        self.trail(|trail| trail.push(Level::Info, Target::Static("app"), &words));
    }

    /// Changes what is known of the way so far.
    pub(crate) fn trail<T>(&self, change: impl FnOnce(&mut Trail) -> T) -> T {
        change(self.state().trail.get_or_insert_default())
    }

    pub(crate) fn close_span(&self, id: u64) {
        if let Some(trail) = &mut self.state().trail {
            trail.close_span(id);
        }
    }

    /// How many steps were dropped, and those that are there.
    pub(crate) fn breadcrumbs(&self) -> (u64, Vec<Breadcrumb>) {
        let trail = self.state().trail.clone();
        trail.map(|trail| trail.breadcrumbs()).unwrap_or_default()
    }

    /// Copies of the spans that are open.
    pub(crate) fn open_spans(&self) -> Vec<SpanRecord> {
        let state = self.state();
        let trail = state.trail.as_deref();
        trail
            .map(|trail| trail.spans().to_vec())
            .unwrap_or_default()
    }
}

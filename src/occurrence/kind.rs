//! The sorts of occurrences.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The code panicked.
    Panic,
    /// The app answered that it failed: a 5xx, or the like in gRPC.
    ServerError,
    /// The service gave an error instead of an answer.
    ServiceError,
    /// The response's body ended with an error.
    BodyBroken,
    /// An error that the app handled and [passed on](crate::capture).
    Captured,
    /// Something that the app [said in words](crate::capture_message).
    Message,
    /// A `tracing` event of level ERROR, see [`Monitor::tracing_layer`](crate::Monitor::tracing_layer).
    Logged,
    /// Something went wrong in a visitor's browser.
    Browser,
    /// Too large a share of a route's requests, or of all requests, fails.
    ErrorRatio,
    /// The monitor itself cannot do its work: a notifier takes nothing any more, the store is away.
    Monitor,
    /// Nothing: somebody wants to see whether alerts arrive.
    Test,
}

impl Kind {
    pub(super) const ALL: [Self; 11] = [
        Self::Panic,
        Self::ServerError,
        Self::ServiceError,
        Self::BodyBroken,
        Self::Captured,
        Self::Message,
        Self::Logged,
        Self::Browser,
        Self::ErrorRatio,
        Self::Monitor,
        Self::Test,
    ];

    /// The kind of this [name](Self::as_str).
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The name in logs and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::ServerError => "server_error",
            Self::ServiceError => "service_error",
            Self::BodyBroken => "body_broken",
            Self::Captured => "captured",
            Self::Message => "message",
            Self::Logged => "logged",
            Self::Browser => "browser",
            Self::ErrorRatio => "error_ratio",
            Self::Monitor => "monitor",
            Self::Test => "test",
        }
    }

    pub(super) const fn describe(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::ServerError => "server error",
            Self::ServiceError => "the service failed",
            Self::BodyBroken => "the response broke off",
            Self::Captured => "handled",
            Self::Message => "message",
            Self::Logged => "logged",
            Self::Browser => "browser",
            Self::ErrorRatio => "errors",
            Self::Monitor => "monitor",
            Self::Test => "a test: nothing is broken",
        }
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| de::Error::custom(format!("unknown kind `{name}`")))
    }
}

//! What is worth telling: one thing that went wrong, the issue it belongs to, and the alert that tells of it.

mod alert;
mod evidence;
mod fingerprint;
mod issue;
mod origin;

use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};
use uuid::Uuid;

pub use alert::{Alert, Reason};
pub use fingerprint::Fingerprint;
pub use issue::Issue;
pub use origin::Origin;

pub(crate) use evidence::{ErrorEvidence, Evidence, ResponseEvidence};
pub(crate) use origin::host_name;

use crate::request::{CodeLocation, RequestSnapshot};
use crate::text::{one_line, shortened};
use crate::time::Timestamp;

/// One thing that went wrong, with everything that is known about it. No secret is in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Occurrence {
    /// Its own id, a UUIDv7.
    pub id: Uuid,
    /// What went wrong.
    pub kind: Kind,
    /// Which issue it belongs to.
    pub fingerprint: Fingerprint,
    /// When.
    pub time: Timestamp,
    /// The panic or the error, then what caused it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
    /// The thread that panicked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// The request in which it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestSnapshot>,
    /// What the app answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<ResponseSnapshot>,
    /// The time from the request's arrival to the failure, in JSON in milliseconds.
    #[serde(
        rename = "elapsed_ms",
        skip_serializing_if = "Option::is_none",
        serialize_with = "millis"
    )]
    pub elapsed: Option<Duration>,
    /// The process it happened in.
    pub origin: Arc<Origin>,
}

impl Occurrence {
    /// What broke, in one line of at most 200 bytes.
    #[must_use]
    pub fn title(&self) -> String {
        let title = match (self.exceptions.first(), &self.response) {
            (Some(exception), _) if self.kind == Kind::Panic => {
                format!("panic: {}", exception.message)
            }
            (Some(exception), _) => format!("{}: {}", self.kind.describe(), exception.message),
            (
                None,
                Some(ResponseSnapshot {
                    grpc_status: Some(code),
                    ..
                }),
            ) => format!("gRPC {code} answered"),
            (None, Some(response)) => format!("{} answered", response.status_line()),
            (None, None) => self.kind.describe().to_owned(),
        };
        let first_line = title.lines().next().unwrap_or_default();
        shortened(&one_line(first_line), 200)
    }

    /// Where it broke: the place in the code, else the route.
    #[must_use]
    pub fn culprit(&self) -> Option<String> {
        let place = self
            .exceptions
            .iter()
            .find_map(|exception| exception.location.as_ref());
        place.map(ToString::to_string).or_else(|| self.endpoint())
    }

    /// `POST /buy/{item}`: method and route or, where no router named one, the path.
    #[must_use]
    pub fn endpoint(&self) -> Option<String> {
        let request = self.request.as_ref()?;
        let route = request.route.as_ref().unwrap_or(&request.path);
        Some(shortened(&format!("{} {route}", request.method), 255))
    }
}

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
    /// Nothing: somebody wants to see whether alerts arrive.
    Test,
}

impl Kind {
    /// The name in logs and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::ServerError => "server_error",
            Self::ServiceError => "service_error",
            Self::BodyBroken => "body_broken",
            Self::Test => "test",
        }
    }

    const fn describe(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::ServerError => "server error",
            Self::ServiceError => "the service failed",
            Self::BodyBroken => "the response broke off",
            Self::Test => "a test: nothing is broken",
        }
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A panic or an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Exception {
    /// `panic`, the type of an error, or `source` for what caused the one before.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its text.
    pub message: String,
    /// Where it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<CodeLocation>,
}

/// What the app answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ResponseSnapshot {
    /// The status.
    pub status: u16,
    /// The gRPC status by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc_status: Option<String>,
    /// The beginning of the body, when it is text or JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl ResponseSnapshot {
    fn status_line(&self) -> String {
        http::StatusCode::from_u16(self.status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .map_or_else(
                || self.status.to_string(),
                |reason| format!("{} {reason}", self.status),
            )
    }
}

fn millis<S: Serializer>(elapsed: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    let millis = elapsed.map_or(0.0, |elapsed| elapsed.as_secs_f64() * 1_000.0);
    serializer.serialize_f64((millis * 1_000.0).round() / 1_000.0)
}

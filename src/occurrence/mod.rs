//! What is worth telling: one thing that went wrong, the issue it belongs to, and the alert that tells of it.
//!
//! # Where occurrences come from
//!
//! | Something | is told as | when |
//! |---|---|---|
//! | panics in a request: in the handler, a middleware, a body, a destructor, a [child task](crate::spawn) | [`Kind::Panic`] | at once; also when the app caught it itself |
//! | panics on any other thread or task | [`Kind::Panic`], without a request | at once, by the first monitor built |
//! | an answer that [counts as a failure](crate::Builder::failing_statuses), with the error it carries as [`ServerError`](crate::ServerError) or [`ErrorReport`](crate::ErrorReport) | [`Kind::ServerError`] | when the answer is out |
//! | [`capture`](crate::capture()) and [`capture_message`](crate::capture_message) | [`Kind::Captured`], [`Kind::Message`] | at once; in a request when its answer begins |
//! | `tracing` events of level ERROR, with [`Monitor::tracing_layer`](crate::Monitor::tracing_layer) | [`Kind::Logged`] | the same |
//! | a service that gives an error, a body that breaks off | [`Kind::ServiceError`], [`Kind::BodyBroken`] | at once |
//!
//! What belongs together is one occurrence: an error that is captured and then answered, a child task's panic that its handler
//! passes on, a logged error in a request that fails.
//!
//! # What one holds
//!
//! The panic or error with its sources and the [`Stack`]; the request with user, tags, headers, route parameters and, when
//! [kept](crate::Builder::request_bodies), the beginning of its body, and a `curl` command to send it again; the breadcrumbs and
//! open spans that led up to it; the answer; the browser; the machine, the build and how the process was. Everything is bounded,
//! and passes through [redaction](crate::redact) first. What should be there and could not be had is in
//! [`missing`](Occurrence::missing).
//!
//! # Stacks
//!
//! What a [`Frame`] tells depends on how the program was built:
//!
//! | Built with | A frame has |
//! |---|---|
//! | `debug = "limited"` or more | function, file, line and column; inlined calls are frames of their own |
//! | `debug = "line-tables-only"` | the same, but `add` instead of `shop::cart::add` |
//! | no debug information, as `release` is by default | the function, unless it was inlined |
//! | `strip = true` | the place in the program's file, with its build id, to look up in an unstripped build |
//!
//! So write `debug = "limited"` into `[profile.release]`: the program gets larger on disk, and no slower.
//! A panic's own place and the place of a `?` are known in every build.
//!
//! Requests are cut at the monitor's layer: what lies below is the server and the runtime. Frames are the app's when their file
//! is, so neither the standard library's nor a dependency's.

mod complete;
mod erase;
mod evidence;
mod fingerprint;
mod fnv;
mod grouping;
mod kind;
mod normal;
mod origin;
mod variables;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

pub use crate::platform::{Platform, Vitals};
pub use crate::request::{Breadcrumb, CodeLocation, Level, RequestSnapshot};
pub use crate::stack::{Frame, Missing, ObjectOffset, SourceLines, Stack, Value, Variable};
pub use fingerprint::{Fingerprint, InvalidFingerprint};
pub use grouping::Grouping;
pub use kind::Kind;
pub use origin::Origin;

pub(crate) use complete::Surroundings;
pub(crate) use evidence::{Evidence, ResponseEvidence};
pub(crate) use fingerprint::Site;
pub(crate) use fnv::Fnv;
pub(crate) use grouping::GroupRule;
#[cfg(any(fuzzing, tower_monitor_internals))]
pub(crate) use normal::normal_form;
pub(crate) use origin::host_name;

use crate::request::User;
use crate::text::{one_line, shortened};
use crate::time::Timestamp;

/// One thing that went wrong, with everything that is known about it. No secret is in it.
///
/// It can be read back from its JSON, with durations in the units given there; fields that this version does not know are left out.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
    /// The thread it happened on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// The `tracing` event that told of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Breadcrumb>,
    /// The spans that were open, the outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<Span>,
    /// What led up to it, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breadcrumbs: Vec<Breadcrumb>,
    /// How many breadcrumbs came before these.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub earlier_breadcrumbs: u64,
    /// The request in which it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestSnapshot>,
    /// What the app answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<ResponseSnapshot>,
    /// The time from the request's arrival to the failure, in JSON in milliseconds.
    #[serde(
        default,
        rename = "elapsed_ms",
        skip_serializing_if = "Option::is_none",
        serialize_with = "millis",
        deserialize_with = "from_millis"
    )]
    pub elapsed: Option<Duration>,
    /// The process it happened in.
    pub origin: Arc<Origin>,
    /// How the process was when the occurrence was completed, a moment after it happened.
    pub vitals: Vitals,
    /// What should be here and could not be had, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Occurrence {
    /// What broke, in one line of at most 200 bytes.
    #[must_use]
    pub fn title(&self) -> String {
        let title = match (self.exceptions.first(), &self.response) {
            (Some(exception), _) if self.kind == Kind::Panic => {
                format!("panic: {}", exception.message)
            }
            (Some(exception), _) if self.kind == Kind::ServerError => exception.to_string(),
            (Some(exception), _) if self.kind == Kind::Captured => {
                format!("{}: {exception}", self.kind.describe())
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

    /// Whether it was said in words, by the app or its log, and nothing failed with a stack or a cause: trackers show it as a message, not
    /// as an exception.
    #[must_use]
    pub fn is_message(&self) -> bool {
        let exceptions = &self.exceptions;
        match self.kind {
            Kind::Message | Kind::ErrorRatio | Kind::Monitor | Kind::Test => true,
            Kind::Logged => exceptions.len() < 2 && exceptions.iter().all(|it| it.stack.is_none()),
            _ => false,
        }
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

    /// The id of the user who was hit.
    pub(crate) fn user_id(&self) -> Option<&str> {
        self.request.as_ref()?.user.as_ref().map(User::id)
    }

    /// The route of whose requests too many fail; `None` when it is the whole app.
    pub(crate) fn failing_route(&self) -> Option<&str> {
        let is_ratio = self.kind == Kind::ErrorRatio;
        let said = self.exceptions.first().filter(|_| is_ratio)?;
        Some(&*said.type_name).filter(|name| name.starts_with('/'))
    }

    /// `POST /buy/{item}`: method and route or, where no router named one, the path.
    #[must_use]
    pub fn endpoint(&self) -> Option<String> {
        if let Some(route) = self.failing_route() {
            return Some(shortened(route, 255));
        }
        let request = self.request.as_ref()?;
        let route = request.route.as_ref().unwrap_or(&request.path);
        let endpoint = format!("{} {route}", request.method);
        // Without a route nothing is left of the path when the person is taken out.
        Some(shortened(endpoint.trim_end(), 255))
    }
}

/// A panic or an error.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
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
    /// The way there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<Stack>,
}

/// `TypeName: its words`; without a type that tells something, the words.
impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The path is in the data; a person knows the type by its name, but for the many that are called `Error`.
        let mut parts = self.type_name.rsplit("::");
        let name = match (parts.next(), parts.next()) {
            (Some("Error"), Some("error")) => {
                let root = self.type_name.split("::").next().unwrap_or_default();
                format!("{root}::Error")
            }
            (Some("Error"), Some(module)) => format!("{module}::Error"),
            (name, _) => name.unwrap_or_default().to_owned(),
        };
        let says_nothing = ["panic", "error", "source"].contains(&&*name) || name.contains('>');
        if !says_nothing && self.type_name != self.message {
            write!(f, "{name}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// A `tracing` span that was open.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Span {
    /// Its name.
    pub name: String,
    /// The module it is from.
    pub target: String,
    /// Its fields.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

/// What the app answered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ResponseSnapshot {
    /// The status.
    pub status: u16,
    /// The gRPC status by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc_status: Option<String>,
    /// Its headers, in the order they were set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The beginning of the body, when it is text or JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl ResponseSnapshot {
    pub(crate) fn status_line(&self) -> String {
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

fn from_millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let Some(millis) = Option::<f64>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let micros = (millis * 1_000.0).round();
    if micros < 0.0 {
        return Err(de::Error::custom("a negative duration"));
    }
    Ok(Some(Duration::from_micros(micros as u64)))
}

#[cfg(test)]
mod tests;

//! Occurrences as OpenTelemetry logs, over OTLP/HTTP with JSON: for a collector, or a service that takes OTLP.
//!
//! ```
//! use tower_monitor::{Monitor, notify::Otlp};
//!
//! let monitor = Monitor::builder()
//!     .service("shop")
//!     .notifier(Otlp::endpoint("http://localhost:4318").header("Api-Key", "0b6d3f1a"))
//!     .build()?;
//! # Ok::<_, tower_monitor::BuildError>(())
//! ```
//!
//! # What is sent
//!
//! Every occurrence, as [`Takes::Occurrences`] says: one log record in one request, in the JSON of OTLP and with the
//! attributes of OpenTelemetry's semantic conventions. A repeated try has the same `log.record.uid`.
//! There is no [budget](Budget::unlimited), unless a [`Channel`](super::Channel) has one.
//!
//! | Field | Is |
//! |---|---|
//! | `timeUnixNano`, `observedTimeUnixNano` | when it occurred, when the alert was decided |
//! | `severityNumber`, `severityText` | 9 `INFO`, 13 `WARN`, 17 `ERROR`, 18 `CRITICAL`; never `FATAL`, which is for what ends the process |
//! | `eventName` | `http.server.request.exception` where a request failed with a panic or an error, `exception` for others; else `tower_monitor.` and the [kind](crate::Kind::as_str), or what [ended](crate::Reason::as_str) |
//! | `body` | the panic's or error's words, else the title |
//! | `traceId`, `spanId`, `flags` | from the request's `traceparent` header |
//!
//! The resource is the process: `service.name` (`unknown_service` without one), `service.version`, `deployment.environment.name`,
//! `host.name`, `host.arch`, `os.type`, `os.description`, `process.pid`, `process.runtime.name` and `.version` (the compiler),
//! `container.id` or `.name`, `k8s.pod.name`, `k8s.namespace.name`, `k8s.node.name`, `vcs.ref.head.revision`, `telemetry.sdk.*`.
//!
//! The record's attributes:
//!
//! | Attribute | Is |
//! |---|---|
//! | `exception.type`, `.message`, `.stacktrace` | the panic or error; the stack names the causes too |
//! | `error.type` | the same type, or the status where an answer failed without an error |
//! | `code.function.name`, `.file.path`, `.line.number`, `.column.number` | where it began |
//! | `http.request.method`, `http.route`, `http.response.status_code`, `http.request.body.size`, `http.request.header.*`, `http.response.header.*` | the request and its answer; a method that HTTP does not know is `_OTHER`, and `http.request.method_original` has it |
//! | `url.scheme`, `.path`, `.query`, `server.address`, `.port`, `network.*` | the same |
//! | `rpc.response.status_code` | of gRPC, by its name |
//! | `client.address`, `user_agent.original` | who asked |
//! | `user.id`, `.full_name`, `.email` | who was hit |
//! | `thread.name` | the thread |
//! | `tower_monitor.fingerprint`, `.title`, `.culprit`, `.kind`, `.severity`, `.reason`, `.url` | the issue |
//! | `tower_monitor.count`, `.users`, `.held_back`, `.first_seen`, `.new_in_release`, `.also`, `.also_more`, `.lost` | how often, and what is told with it |
//! | `tower_monitor.request.id`, `.request.body`, `.response.body`, `.curl`, `.elapsed_ms` | more of the request |
//! | `tower_monitor.breadcrumbs`, `.spans`, `.variables`, `.missing` | what led up to it, a line each; arguments and locals by call; what could not be had |
//! | `tower_monitor.tags.*`, `.extra.*`, `.vitals.*` | what the app said, how the process was |
//!
//! Names, mail addresses and client addresses are there, unless the [privacy mode](crate::redact::Privacy) hides them.
//!
//! # Bounds
//!
//! A request has at most [1 MiB](MAX_REQUEST). Where it would have more, long texts are cut, and at last only the attributes that
//! matter most are left.
//!
//! # The answer
//!
//! | Answer | Means |
//! |---|---|
//! | 2xx | arrived; with a `partialSuccess` that rejects the record, refused |
//! | 429, 502, 503, 504 | another try, after the time in `Retry-After` when there is one |
//! | 400, 413, 414, 422 | refused as it is: less is sent |
//! | 401, 403, 404, 410 | the destination is gone |
//! | everything else, 500 too | refused: OTLP wants no other try |
//!
//! A connection that fails and a call that takes too long mean another try: see [`CONNECT_LIMIT`] and [`CALL_LIMIT`].
//!
//! # The environment
//!
//! [`from_env`](Otlp::from_env) reads, as OpenTelemetry specifies:
//!
//! | Variable | Is |
//! |---|---|
//! | `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT` | the URL for logs, used as it is |
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | else the URL to which `/v1/logs` is added; without one of the two there is no notifier |
//! | `OTEL_EXPORTER_OTLP_LOGS_HEADERS`, else `OTEL_EXPORTER_OTLP_HEADERS` | headers: `api-key=0b6d3f1a,x-team=shop`, percent-encoded |
//! | `OTEL_EXPORTER_OTLP_LOGS_PROTOCOL`, else `OTEL_EXPORTER_OTLP_PROTOCOL` | `http/json` or `http/protobuf`: it is sent as JSON. `grpc` for logs is an error; where it is said of everything, with an endpoint for everything, there is no notifier |
//! | `OTEL_SDK_DISABLED`, `OTEL_LOGS_EXPORTER` | there is no notifier when the first is `true` or the second `none` |
//! | `OTEL_SERVICE_NAME` | `service.name`, where the monitor was not told one |
//! | `OTEL_RESOURCE_ATTRIBUTES` | more of the resource: `service.namespace=shops,team=a`, percent-encoded. What the monitor knows stays |

mod answer;
mod code;
mod env;
mod record;
mod resource;
mod size;
#[cfg(test)]
mod tests;
mod value;

use std::fmt;

use http::HeaderMap;

pub use super::http::{CALL_LIMIT, CONNECT_LIMIT};
pub use size::MAX_REQUEST;

use super::http::{Endpoint, Target, base_headers, with_custom};
use super::settings::{Checked, check_name, variable};
use super::shrink::Shrink;
use super::{Budget, Notifier, NotifyError, Takes};
use crate::issue::Alert;
use crate::redact::Secret;

/// Sends occurrences as OpenTelemetry logs. [The module](self) describes what is sent and what answers mean.
///
/// ```
/// use tower_monitor::notify::Otlp;
///
/// let otlp = Otlp::endpoint("https://otlp.example.com").header("Api-Key", "0b6d3f1a");
///
/// assert!(!format!("{otlp:?}").contains("0b6d3f1a"));
/// ```
///
/// Its settings are checked by [`build()`](crate::Builder::build).
#[must_use]
pub struct Otlp {
    settings: Checked<Settings, Ready>,
    shrink: Shrink,
}

struct Settings {
    name: String,
    url: Secret,
    headers: Vec<(String, Secret)>,
    resource: Vec<(String, String)>,
    env_proxy: bool,
    /// What is wrong with the environment.
    problem: Option<String>,
}

impl Otlp {
    /// A notifier that posts to `/v1/logs` below `url`: `http` or `https`, as a rule with the port 4318. The whole URL beyond
    /// scheme and host is treated as a secret.
    ///
    /// The system's root certificates are trusted or, where there are none, Mozilla's.
    pub fn endpoint(url: impl AsRef<str>) -> Self {
        let base = url.as_ref().trim_end_matches('/');
        match base.contains(['?', '#']) {
            // Where a path can no more be added the check tells what is wrong.
            true => Self::to(base).with_problem(
                "the endpoint of OTLP has a query or a fragment, behind which `/v1/logs` cannot stand; a right one looks \
                 like `http://localhost:4318`",
            ),
            false => Self::to(format!("{base}/v1/logs")),
        }
    }

    /// A notifier that posts to `url` as it is.
    pub fn logs_endpoint(url: impl Into<Secret>) -> Self {
        Self::to(url)
    }

    /// A notifier as the environment describes it, see [the table](self#the-environment). `None` when there is no endpoint.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        Self::from(variable)
    }

    fn to(url: impl Into<Secret>) -> Self {
        let settings = Settings {
            name: DEFAULT_NAME.to_owned(),
            url: url.into(),
            headers: Vec::new(),
            resource: Vec::new(),
            env_proxy: false,
            problem: None,
        };
        Self {
            settings: Checked::new(settings, Settings::prepare),
            shrink: Shrink::default(),
        }
    }

    /// The first problem stays.
    fn with_problem(mut self, problem: impl Into<String>) -> Self {
        self.settings.problem.get_or_insert(problem.into());
        self
    }

    /// What it is called in logs and errors: 1 to 64 visible characters on one line.
    ///
    /// Default: [`DEFAULT_NAME`].
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Adds a header to every request, such as `Authorization`. The value is treated as a secret.
    ///
    /// A name that is given twice is sent twice. `Content-Type`, `User-Agent` and the headers that frame the request, such as
    /// `Content-Length`, cannot be set. Default: none.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.settings.headers.push((name.into(), value.into()));
        self
    }

    /// Adds an attribute to the resource, such as `service.namespace`. What the monitor itself knows stays, and so does what is
    /// added first. Default: none.
    pub fn resource_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.resource.push((name.into(), value.into()));
        self
    }

    /// Goes through the proxy that the environment names when the monitor is built: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`
    /// and `NO_PROXY`, in upper or lower case, as with curl. The proxy's own scheme is `http` or `https`.
    ///
    /// Default: the environment is not read.
    pub fn env_proxy(mut self) -> Self {
        self.settings.env_proxy = true;
        self
    }
}

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        let origin = settings.ready().map(|ready| ready.endpoint.origin());
        let is_right = origin.is_ok();
        f.debug_struct("Otlp")
            .field("name", &settings.name)
            .field("url", &origin.as_deref().unwrap_or("not usable"))
            .field("headers", &is_right.then_some(&settings.headers))
            .field("resource", &is_right.then_some(&settings.resource))
            .field("env_proxy", &settings.env_proxy)
            .finish()
    }
}

impl Notifier for Otlp {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn check(&self) -> Result<(), String> {
        self.settings.check()
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        let ready = self.settings.ready().map_err(NotifyError::refused)?;
        let name = &self.settings.name;
        self.shrink
            .send(name, alert.id, |size| async move {
                let body = size::payload(alert, &self.settings.resource, size);
                let answer = ready.endpoint.post(ready.headers.clone(), body).await?;
                answer::classified(name, &answer)
            })
            .await
    }

    fn budget(&self) -> Budget {
        Budget::unlimited()
    }

    fn takes(&self) -> Takes {
        Takes::Occurrences
    }
}

/// The settings, checked and turned into what a request needs.
struct Ready {
    endpoint: Endpoint,
    headers: HeaderMap,
}

impl Settings {
    fn prepare(&self) -> Result<Ready, String> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        check_name("OTLP", &self.name, "otlp")?;
        if self.resource.iter().any(|(name, _)| name.trim().is_empty()) {
            return Err(
                "a resource attribute for OTLP has no name; a right one looks like `service.namespace`"
                    .to_owned(),
            );
        }
        let endpoint = Endpoint::new(&Target {
            what: "the endpoint of OTLP",
            url: self.url.expose(),
            right: "http://localhost:4318",
            is_secure: false,
            env_proxy: self.env_proxy,
        })?;
        let headers = with_custom("OTLP", base_headers("application/json"), &self.headers, &[])?;
        let hidden = self.headers.iter().map(|(_, value)| value);
        let endpoint = hidden.fold(endpoint, Endpoint::hiding);
        Ok(Ready { endpoint, headers })
    }
}

/// What it is called when it is not given a name.
pub const DEFAULT_NAME: &str = "otlp";

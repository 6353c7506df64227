//! Alerts as signed JSON, to any HTTP endpoint.
//!
//! ```
//! use tower_monitor::{Monitor, notify::Webhook};
//!
//! let monitor = Monitor::builder()
//!     .notifier(Webhook::new("https://ops.example.com/alerts").secret("whsec_5f1c0a9e4d7b"))
//!     .build()?;
//! # Ok::<_, tower_monitor::BuildError>(())
//! ```
//!
//! # The request
//!
//! A `POST` with these headers, and those set by [`Webhook::header`]:
//!
//! | Header | Value |
//! |---|---|
//! | `Content-Type` | `application/json` |
//! | `User-Agent` | `tower-monitor/` and this crate's version |
//! | `Idempotency-Key` | the alert's id: the same for every try to deliver it |
//! | `X-Tower-Monitor-Signature` | `t=<unix seconds>,v1=<hexadecimal>`, when there is a [secret](Webhook::secret) |
//!
//! The body is one JSON object. Fields not marked as always there are left out when nothing is known. New fields may come in any
//! release: a receiver ignores what it does not know. `version` changes when one is renamed, removed, or means something else.
//!
//! | Field | Type | Is |
//! |---|---|---|
//! | `version` | number, always | `1` |
//! | `text` | string, always | the whole alert in words, a few lines: for a receiver that only shows it |
//! | `id` | UUID, always | the alert's id, as in `Idempotency-Key` |
//! | `time` | time, always | when the alert was decided |
//! | `reason` | object, always | why it is told now: `kind` is `new`, `regressed`, `count`, `rate`, `jump`, `users`, `still_open`, `unmuted`, `all_clear` or `test`; where the channel [takes](crate::notify::Takes) more, also `resolved`, `quiet`, `resumed` or `occurred`; with the numbers that belong to it, see [`Reason`](crate::Reason) |
//! | `severity` | string, always | `info`, `warning`, `error` or `critical` |
//! | `issue` | object, always | the problem: `fingerprint` (16 hexadecimal digits), `kind`, `severity`, `title`, `culprit` (may be missing), `first_seen`, `last_seen`, `count`, `users` (how many were hit), `releases` (may be missing: `release`, `first_seen`, `count`), `state` (`open`; `resolved`, with `resolved_at` and `resolved_in`; `muted`, with `muted_at` and `muted_until`) |
//! | `occurrence` | object, always | one of its occurrences, see below |
//! | `new_in_release` | boolean, always | whether no release before the one that runs is known to have the problem |
//! | `held_back` | number, always | how many occurrences of the issue went untold since the alert before |
//! | `lost` | object, always | what the reporter itself had to drop, by [reason](crate::LossReason::as_str); empty is the normal state |
//! | `also` | array | what else is told with it, the worst first: `reason`, `severity`, `fingerprint`, `kind`, `title`, `culprit`, `count`, `users`, `alerts` (how many alerts the line stands for) |
//! | `also_more` | number | how many alerts are told by nothing but this number |
//!
//! The occurrence:
//!
//! | Field | Type | Is |
//! |---|---|---|
//! | `id` | UUID, always | its own id |
//! | `kind` | string, always | [what went wrong](crate::Kind::as_str): `panic`, `server_error`, … |
//! | `fingerprint` | string, always | the issue's |
//! | `time` | time, always | when |
//! | `exceptions` | array | the panic or error, then its causes: `type`, `message`, and where known `location` (`file`, `line`, `column`) and `stack` (`frames`, innermost first, `cut`, `note`) |
//! | `thread` | string | the thread it happened on |
//! | `event` | object | the `tracing` event that told of it, like a breadcrumb |
//! | `spans` | array | the open spans, outermost first: `name`, `target`, `fields` |
//! | `breadcrumbs` | array | what led up to it, oldest first: `time`, `level`, `target`, `message`, `fields`; `earlier_breadcrumbs` were before these |
//! | `request` | object | `id`, `started_at`, `method`, `path`, `version`, `curl`; and where known `query`, `route`, `route_parameters`, `headers` (pairs), `headers_left_out`, `cookie_names`, `body` (`text`, `bytes_read`, `is_whole`), `host`, `client_address`, `peer_address`, `browser` (`browser`, `engine`, `os`, `device`, `model`, `architecture`), `user_agent`, `referer`, `content_length`, `trace` (`trace_id`, `parent_id`, `sampled`), `user` (`id`, `name`, `email`), `tags`, `extra`, `refused_values` |
//! | `response` | object | `status`, and where known `grpc_status`, `headers` (pairs), `body` (its beginning) |
//! | `elapsed_ms` | number | from the request's arrival to the failure |
//! | `origin` | object, always | the process: `pid`, `platform`, and where known `service`, `release`, `environment`, `host` |
//! | `vitals` | object, always | how the process was: `uptime_seconds`, and where known `resident_memory`, `memory_used`, `memory_limit` (bytes), `load`, `open_files`, `threads`, `requests_in_flight` |
//! | `missing` | array | what should be here and could not be had, in words |
//!
//! A frame has `in_app`, `inlined`, `address`, and where known `function`, `module`, `file`, `line`, `column`, `source` (`before`,
//! `line`, `after`), `variables` (`name`, `type`, `value`, `is_argument`), `object` (`name`, `offset`, `build_id`). A platform has `architecture`, and where known `os`, `kernel`, `cpus`,
//! `container`, `pod`, `namespace`, `node`, `memory_limit`, `rustc`, `profile`, `opt_level`, `git_revision`, `crates`.
//!
//! Times are RFC 3339 in UTC with microseconds. The secrets that redaction finds are taken out of everything; names, mail
//! addresses and client addresses are there, unless the [privacy mode](crate::redact::Privacy) hides them.
//!
//! ```json
#![doc = include_str!("../../tests/golden/webhook.json")]
//! ```
//!
//! # The answer
//!
//! Any 2xx means that the alert has arrived. 408, 425, 429 and 5xx mean another try, after the time in `Retry-After` when
//! there is one (at most an hour), as do a connection that fails and one that takes too long: see [`CONNECT_LIMIT`] and
//! [`CALL_LIMIT`]. 401, 403, 404 and 410 mean that the destination is gone. Everything else is a refusal. Redirects are
//! refused: the URL and the headers may hold secrets of the first host. At most 64 KiB of an answer are read.
//!
//! After 400, 413, 414 and 422 less of the alert follows at once, with the same `Idempotency-Key`: first without source code,
//! variables, breadcrumbs, headers, bodies, `extra`, `curl` (which is then empty) and most of `also`; when that is refused too, only
//! what is always there, with one line as `text`. `missing` says so. Instead of more than [`MAX_BODY`], the first of these is sent.
//!
//! # The signature
//!
//! `v1` is the HMAC-SHA256 (RFC 2104) of `t`, a full stop and the body as it was sent, with the secret as the key. A
//! receiver takes `t` and `v1` from the header, computes the same, compares in constant time, and refuses when `t` is
//! more than [five minutes](SIGNATURE_TOLERANCE) away from its own clock: an old request cannot be sent again. It must
//! take the body's bytes as they came, before any JSON parser, and remember `Idempotency-Key` to tell a repetition.
//!
//! In Rust, [`verify`] does it. In Python:
//!
//! ```python
//! import hashlib, hmac, time
//!
//! def is_genuine(secret: bytes, header: str, body: bytes) -> bool:
//!     parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
//!     t, v1 = parts.get("t", ""), parts.get("v1", "")
//!     expected = hmac.new(secret, t.encode() + b"." + body, hashlib.sha256).hexdigest()
//!     return t.isdecimal() and abs(time.time() - int(t)) <= 300 and hmac.compare_digest(v1.encode(), expected.encode())
//! ```
//!
//! # The environment
//!
//! [`Webhook::from_env`] reads:
//!
//! | Variable | Is |
//! |---|---|
//! | `ALERT_WEBHOOK_URL` | the URL |
//! | `ALERT_WEBHOOK_SECRET` | the key for the [signature](self#the-signature); without it nothing is signed |

mod payload;
mod signature;

use std::fmt;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue};

pub use super::http::{CALL_LIMIT, CONNECT_LIMIT};
pub use payload::MAX_BODY;
pub use signature::{SIGNATURE_TOLERANCE, verify};

use super::http::{Endpoint, Target, base_headers, classify, with_custom};
use super::settings::{Checked, check_name, variable};
use super::shrink::{Shrink, Size};
use super::{Notifier, NotifyError};
use crate::issue::Alert;
use crate::redact::Secret;
use payload::payload;

/// Sends alerts as JSON to a URL. [The module](self) describes the request field by field.
///
/// ```
/// use tower_monitor::notify::Webhook;
///
/// let webhook = Webhook::new("https://ops.example.com/alerts")
///     .name("ops")
///     .secret("whsec_5f1c0a9e4d7b")
///     .header("Authorization", "Bearer 0b6d3f1a");
///
/// assert!(!format!("{webhook:?}").contains("0b6d3f1a"));
/// ```
///
/// Its settings are checked by [`build()`](crate::Builder::build).
#[must_use]
pub struct Webhook {
    settings: Checked<Settings, Ready>,
    shrink: Shrink,
}

struct Settings {
    name: String,
    url: Secret,
    secret: Option<Secret>,
    headers: Vec<(String, Secret)>,
    env_proxy: bool,
}

impl Webhook {
    /// A notifier that posts to `url`: `http` or `https`, with a host and without user, password and fragment. The whole
    /// URL beyond scheme and host is treated as a secret.
    ///
    /// The system's root certificates are trusted or, where there are none, Mozilla's.
    pub fn new(url: impl Into<Secret>) -> Self {
        let settings = Settings {
            name: DEFAULT_NAME.to_owned(),
            url: url.into(),
            secret: None,
            headers: Vec::new(),
            env_proxy: false,
        };
        Self {
            settings: Checked::new(settings, Settings::prepare),
            shrink: Shrink::default(),
        }
    }

    /// What the environment says, see [the table](self#the-environment); `None` when `ALERT_WEBHOOK_URL` is not set or empty.
    pub fn from_env() -> Option<Self> {
        Self::from(variable)
    }

    fn from(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let mut webhook = Self::new(variable(URL_VARIABLE)?);
        webhook.settings.secret = variable(SECRET_VARIABLE).map(Secret::new);
        Some(webhook)
    }

    /// What it is called in logs and errors: 1 to 64 visible characters on one line.
    ///
    /// Default: [`DEFAULT_NAME`].
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Signs every request with this key, which only the receiver knows too. It must not be empty.
    ///
    /// Default: no signature.
    pub fn secret(mut self, secret: impl Into<Secret>) -> Self {
        self.settings.secret = Some(secret.into());
        self
    }

    /// Adds a header to every request, such as `Authorization`. The value is treated as a secret.
    ///
    /// A name that is given twice is sent twice. The headers in [the module's table](self) and those that frame the
    /// request, such as `Content-Length`, cannot be set. Default: none.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.settings.headers.push((name.into(), value.into()));
        self
    }

    /// Goes through the proxy that the environment names when the monitor is built.
    ///
    /// | Variable, in upper or lower case | Is |
    /// |---|---|
    /// | `HTTPS_PROXY` | the proxy for `https` URLs, such as `http://user:password@proxy.example.com:3128` |
    /// | `HTTP_PROXY` | the proxy for `http` URLs |
    /// | `ALL_PROXY` | the proxy for both, where no other is named |
    /// | `NO_PROXY` | hosts, domains and networks that are reached directly, separated by commas |
    ///
    /// This machine (`localhost`, `127.0.0.1`, `[::1]`) is always reached directly. The proxy's own scheme is `http` or `https`. As with curl, a value that is no URL counts as absent, and all of
    /// them do where `REQUEST_METHOD` is set, because there (in CGI) clients choose `HTTP_PROXY`.
    ///
    /// Default: the environment is not read.
    pub fn env_proxy(mut self) -> Self {
        self.settings.env_proxy = true;
        self
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        let origin = settings.ready().map(|ready| ready.endpoint.origin());
        let is_right = origin.is_ok();
        f.debug_struct("Webhook")
            .field("name", &settings.name)
            .field("url", &origin.as_deref().unwrap_or("not a URL"))
            .field("secret", &settings.secret)
            .field("headers", &is_right.then_some(&settings.headers))
            .field("env_proxy", &settings.env_proxy)
            .finish()
    }
}

impl Notifier for Webhook {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn check(&self) -> Result<(), String> {
        self.settings.check()
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        let ready = self.settings.ready().map_err(NotifyError::refused)?;
        self.shrink
            .send(&self.settings.name, alert.id, |size| {
                ready.send(alert, size)
            })
            .await
    }
}

/// The settings, checked and turned into what a request needs.
struct Ready {
    endpoint: Endpoint,
    headers: HeaderMap,
    key: Option<ring::hmac::Key>,
}

impl Settings {
    fn prepare(&self) -> Result<Ready, String> {
        check_name("webhook", &self.name, "ops")?;
        let right = "https://ops.example.com/alerts";
        let endpoint = Endpoint::new(&Target {
            what: "the webhook's URL",
            url: self.url.expose(),
            right,
            is_secure: false,
            env_proxy: self.env_proxy,
        })?;
        let endpoint = match &self.secret {
            Some(secret) => endpoint.hiding(secret),
            None => endpoint,
        };
        Ok(Ready {
            endpoint,
            headers: with_custom(
                "the webhook",
                base_headers("application/json"),
                &self.headers,
                &[SIGNATURE, IDEMPOTENCY_KEY],
            )?,
            key: self.key()?,
        })
    }

    fn key(&self) -> Result<Option<ring::hmac::Key>, String> {
        match self.secret.as_ref().map(Secret::expose) {
            Some("") => Err(
                "the webhook's secret is empty, so that anybody could sign; a right one is long and random, as \
                 `openssl rand -hex 32` prints it"
                    .to_owned(),
            ),
            secret => Ok(secret.map(signature::key)),
        }
    }
}

impl Ready {
    async fn send(&self, alert: &Alert, size: Size) -> Result<(), NotifyError> {
        let body = payload(alert, size)
            .map_err(|error| NotifyError::refused(format!("no JSON for this alert: {error}")))?;
        let headers = self.headers(alert, &body, SystemTime::now())?;
        let answer = self.endpoint.post(headers, body).await?;
        classify(&answer)
    }

    fn headers(
        &self,
        alert: &Alert,
        body: &[u8],
        now: SystemTime,
    ) -> Result<HeaderMap, NotifyError> {
        let value = |text: String| {
            HeaderValue::try_from(text).map_err(|error| NotifyError::refused(error.to_string()))
        };
        let mut headers = self.headers.clone();
        headers.insert(IDEMPOTENCY_KEY, value(alert.id.to_string())?);
        if let Some(key) = &self.key {
            headers.insert(SIGNATURE, value(signature::sign(key, body, now))?);
        }
        Ok(headers)
    }
}

/// What a webhook is called when it is not given a name.
pub const DEFAULT_NAME: &str = "webhook";

const URL_VARIABLE: &str = "ALERT_WEBHOOK_URL";
const SECRET_VARIABLE: &str = "ALERT_WEBHOOK_SECRET";
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const SIGNATURE: HeaderName = HeaderName::from_static("x-tower-monitor-signature");

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

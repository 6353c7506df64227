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
//! | `reason` | object, always | why it is told now: `kind` is `new`, `regressed`, `count`, `rate`, `jump`, `users`, `still_open`, `unmuted`, `all_clear` or `test`; with the numbers that belong to it, see [`Reason`](crate::Reason) |
//! | `severity` | string, always | `info`, `warning`, `error` or `critical` |
//! | `issue` | object, always | the problem: `fingerprint` (16 hexadecimal digits), `kind`, `severity`, `title`, `culprit` (may be missing), `first_seen`, `last_seen`, `count`, `users` (how many were hit), `releases` (may be missing: `release`, `first_seen`, `count`), `state` (`open`, `resolved`, `muted`) |
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
//! `line`, `after`), `object` (`name`, `offset`, `build_id`). A platform has `architecture`, and where known `os`, `kernel`, `cpus`,
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

mod signature;

use std::fmt;
use std::sync::OnceLock;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde::Serialize;
use serde_json::Value;

pub use super::http::{CALL_LIMIT, CONNECT_LIMIT};
pub use signature::{SIGNATURE_TOLERANCE, verify};

use super::http::{HttpClient, classify, url};
use super::{Message, Notifier, NotifyError};
use crate::issue::Alert;
use crate::redact::Secret;
use crate::text::{one_line, shortened};

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
    settings: Settings,
    /// Made by the check, for the one thread that delivers.
    ready: OnceLock<Result<Ready, String>>,
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
        Self {
            settings: Settings {
                name: DEFAULT_NAME.to_owned(),
                url: url.into(),
                secret: None,
                headers: Vec::new(),
                env_proxy: false,
            },
            ready: OnceLock::new(),
        }
    }

    /// What it is called in logs and errors: 1 to 64 visible characters on one line.
    ///
    /// Default: [`DEFAULT_NAME`].
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self.changed()
    }

    /// Signs every request with this key, which only the receiver knows too. It must not be empty.
    ///
    /// Default: no signature.
    pub fn secret(mut self, secret: impl Into<Secret>) -> Self {
        self.settings.secret = Some(secret.into());
        self.changed()
    }

    /// Adds a header to every request, such as `Authorization`. The value is treated as a secret.
    ///
    /// A name that is given twice is sent twice. The headers in [the module's table](self) and those that frame the
    /// request, such as `Content-Length`, cannot be set. Default: none.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.settings.headers.push((name.into(), value.into()));
        self.changed()
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
    /// The proxy's own scheme is `http` or `https`. As with curl, a value that is no URL counts as absent, and all of
    /// them do where `REQUEST_METHOD` is set, because there (in CGI) clients choose `HTTP_PROXY`.
    ///
    /// Default: the environment is not read.
    pub fn env_proxy(mut self) -> Self {
        self.settings.env_proxy = true;
        self.changed()
    }

    fn changed(mut self) -> Self {
        self.ready = OnceLock::new();
        self
    }

    fn ready(&self) -> Result<&Ready, &String> {
        self.ready.get_or_init(|| self.settings.prepare()).as_ref()
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        let origin = settings.url().map(|url| url::origin(&url));
        f.debug_struct("Webhook")
            .field("name", &settings.name)
            .field("url", &origin.as_deref().unwrap_or("not a URL"))
            .field("secret", &settings.secret)
            .field("headers", &settings.headers)
            .field("env_proxy", &settings.env_proxy)
            .finish()
    }
}

impl Notifier for Webhook {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn check(&self) -> Result<(), String> {
        self.ready().map(|_| ()).map_err(Clone::clone)
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        let ready = self.ready().map_err(NotifyError::refused)?;
        let body = payload(alert)
            .map_err(|error| NotifyError::refused(format!("no JSON for this alert: {error}")))?;
        let headers = ready.headers(alert, &body, SystemTime::now())?;
        let answer = ready.client.post(&ready.url, headers, body).await?;
        classify(&answer)
    }
}

/// The settings, checked and turned into what a request needs.
struct Ready {
    client: HttpClient,
    url: Uri,
    headers: HeaderMap,
    key: Option<ring::hmac::Key>,
}

impl Settings {
    fn prepare(&self) -> Result<Ready, String> {
        let name = &self.name;
        if name.trim().is_empty() || name.len() > MAX_NAME || one_line(name) != name.as_str() {
            return Err(format!(
                "the webhook's name is empty, longer than {MAX_NAME} bytes or not on one line; a right one looks like \
                 `ops`"
            ));
        }
        let url = self.url()?;
        let client = if self.env_proxy {
            HttpClient::with_env_proxy()?
        } else {
            HttpClient::new()?
        };
        client.check(&url)?;
        Ok(Ready {
            client,
            url,
            headers: self.headers()?,
            key: self.key()?,
        })
    }

    fn url(&self) -> Result<Uri, String> {
        url::parse(self.url.expose()).map_err(|problem| {
            format!(
                "the webhook's URL {problem}; a right one looks like `https://ops.example.com/alerts`"
            )
        })
    }

    fn headers(&self) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let shown = shortened(&one_line(name), MAX_NAME);
            let name = HeaderName::try_from(name).map_err(|_| {
                format!("`{shown}` is no header's name; a right one looks like `X-Api-Key`")
            })?;
            if OWN_HEADERS.contains(&name) || name == SIGNATURE || name == IDEMPOTENCY_KEY {
                return Err(format!(
                    "the webhook sets the header `{shown}` itself; leave it out, or choose another such as `X-Api-Key`"
                ));
            }
            let mut value = HeaderValue::try_from(value.expose()).map_err(|_| {
                format!(
                    "the value of the header `{shown}` has characters that no header can hold; a right one is one \
                     line of visible ASCII"
                )
            })?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        Ok(headers)
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

#[derive(Serialize)]
struct Payload<'a> {
    version: u32,
    text: String,
    #[serde(flatten)]
    alert: &'a Alert,
}

fn payload(alert: &Alert) -> serde_json::Result<Bytes> {
    let payload = Payload {
        version: 1,
        text: Message::of(alert).to_string(),
        alert,
    };
    let bytes = serde_json::to_vec(&payload)?;
    // The guard, field by field; what it changes nothing in keeps the order of its fields.
    let before: Value = serde_json::from_slice(&bytes)?;
    let mut after = before.clone();
    alert.redact_json(&mut after);
    if after == before {
        return Ok(bytes.into());
    }
    serde_json::to_vec(&after).map(Bytes::from)
}

/// What a webhook is called when it is not given a name.
pub const DEFAULT_NAME: &str = "webhook";

const MAX_NAME: usize = 64;
const AGENT: &str = concat!("tower-monitor/", env!("CARGO_PKG_VERSION"));
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const SIGNATURE: HeaderName = HeaderName::from_static("x-tower-monitor-signature");
const OWN_HEADERS: [HeaderName; 11] = [
    CONNECTION,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    EXPECT,
    HOST,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    USER_AGENT,
];

#[cfg(test)]
mod tests;

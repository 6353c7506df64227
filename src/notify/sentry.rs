//! Every occurrence as an event of Sentry, or of a server that speaks its protocol, such as Bugsink and GlitchTip.
//!
//! ```
//! use tower_monitor::{Monitor, notify::Sentry};
//!
//! let monitor = Monitor::builder()
//!     .notifier(Sentry::dsn("https://2f9c0d5e7a1b4c83b6d4e5f60718293a@sentry.example.com/42"))
//!     .build()?;
//! # Ok::<_, tower_monitor::BuildError>(())
//! ```
//!
//! # The DSN
//!
//! Sentry shows it under Settings → Projects → the project → Client Keys (DSN), Bugsink under the project's settings → SDK setup,
//! GlitchTip under the project's settings. It holds the host, the project and a key that can only send.
//!
//! # The event
//!
//! Sentry groups, counts and alerts by itself, so it is told of [every occurrence](Takes::Occurrences) of which everything is known.
//!
//! | In Sentry | Is |
//! |---|---|
//! | event id | the occurrence's id: the same for every try, so that one sent twice is stored once |
//! | level | `fatal` for a panic and for what is critical, else the severity |
//! | fingerprint | the occurrence's, so that Sentry groups as this crate does; see [`Sentry::own_grouping`] |
//! | exceptions | the panic or error with its causes; the stack with the app's frames marked, lines of source, arguments and locals |
//! | message | what was logged or said in words, with the stack as the thread's |
//! | transaction | method and route: `POST /buy/{item}` |
//! | release | `service@release`, as Sentry wants it; the release alone, when it has an `@` or the service has no name |
//! | environment, server name | the app's environment, the machine's name |
//! | platform | `native`, or `javascript` for what went wrong in a browser |
//! | request, user | URL, query, headers, body, client address; id, name, mail address; cookies are only named |
//! | tags | `kind`, `service`, `route`, `status`, `request_id` as the client saw it, and the request's; `app.` stands before one that Sentry keeps for itself |
//! | breadcrumbs | what led up to it |
//! | contexts | `os`, `runtime`, `device`, `app`, `browser`, `client_os`, `client_device`, `trace`, `response`, `http_request`, `vitals`, `kubernetes`, `issue` |
//! | extra | the request's, and `curl`, `spans`, `event_fields`, `missing`, `also_told` |
//! | images | the program and libraries whose frames have no symbols, by their build id: upload the unstripped files and Sentry names the calls |
//!
//! Every field is cut to what Sentry keeps of it, among them texts of 8,192 characters, 200 for a tag, 2,000 bytes for the variables of
//! a call and 50 calls. The whole is at most 1 MB: where there is more, variables, source, older breadcrumbs and extra go first, and the
//! context `left_out` says so. Events that are older than 30 days are refused by Sentry.
//!
//! # What was not sent one by one
//!
//! is told in a [client report](https://develop.sentry.dev/sdk/telemetry/client-reports/) with the event, in the category `error`:
//!
//! | Reason there | Is |
//! |---|---|
//! | `sample_rate` | occurrences that were only counted: [`Alert::held_back`] |
//! | `ratelimit_backoff` | alerts that had to wait and were joined into one: [`Alert::alerts`] |
//! | `queue_overflow` | [`LossReason::Occurrence`](crate::LossReason::Occurrence) |
//!
//! # The answer
//!
//! | Answer | Means |
//! |---|---|
//! | 2xx | stored, or dropped by a filter of the server |
//! | `X-Sentry-Rate-Limits` with any status | nothing is sent for so long when errors are concerned, at most an hour; what comes meanwhile waits |
//! | 429 without it | the same, for as long as `Retry-After` says, or a minute |
//! | 408, 425, 5xx, no connection within [`CONNECT_LIMIT`], no answer within [`CALL_LIMIT`] | another try |
//! | 400, 413, 414, 422 | less of the event is sent, at last a line of plain words |
//! | 401, 403, 404, 410 | the project or the key is gone |
//! | anything else | refused |
//!
//! # The environment
//!
//! [`Sentry::from_env`] reads:
//!
//! | Variable | Is |
//! |---|---|
//! | `SENTRY_DSN` | the DSN |

mod bounds;
mod clean;
mod contexts;
mod dsn;
mod envelope;
mod event;
mod exceptions;
mod limits;
mod shrunk;

use std::fmt;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue};

pub use super::http::{CALL_LIMIT, CONNECT_LIMIT};

use super::http::{Endpoint, HttpAnswer, Pause, Target, base_headers, classify};
use super::settings::{Checked, check_name, filled, variable};
use super::shrink::{Shrink, Size};
use super::{Budget, Notifier, NotifyError, Takes};
use crate::issue::Alert;
use crate::redact::{REDACTED, Secret};
use crate::time::Timestamp;

/// Sends occurrences to Sentry. [The module](self) says what of them stands where.
///
/// ```
/// use tower_monitor::notify::Sentry;
///
/// let sentry = Sentry::dsn("https://2f9c0d5e7a1b4c83b6d4e5f60718293a@sentry.example.com/42").name("bugsink");
/// assert!(!format!("{sentry:?}").contains("2f9c0d5e"));
/// ```
///
/// Its settings are checked by [`build()`](crate::Builder::build). It sends as many messages as [`Budget::SENTRY`] allows.
#[must_use]
pub struct Sentry {
    settings: Checked<Settings, Ready>,
    shrink: Shrink,
}

struct Settings {
    name: String,
    dsn: Secret,
    own_grouping: bool,
    env_proxy: bool,
}

impl Sentry {
    /// A notifier for the project with this DSN: `https://<key>@<host>/<project>`. A port, folders before the project, the
    /// secret key of old servers and `http` are taken too.
    ///
    /// The system's root certificates are trusted or, where there are none, Mozilla's.
    pub fn dsn(dsn: impl Into<Secret>) -> Self {
        let settings = Settings {
            name: DEFAULT_NAME.to_owned(),
            dsn: dsn.into(),
            own_grouping: true,
            env_proxy: false,
        };
        Self {
            settings: Checked::new(settings, Settings::prepare),
            shrink: Shrink::default(),
        }
    }

    /// A notifier for the project in `SENTRY_DSN`; `None` when that is unset or empty.
    pub fn from_env() -> Option<Self> {
        Self::from(variable)
    }

    fn from(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        filled(&variable("SENTRY_DSN")?).map(Self::dsn)
    }

    /// What it is called in logs and errors: 1 to 64 visible characters on one line.
    ///
    /// Default: [`DEFAULT_NAME`].
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Whether Sentry groups events by this crate's [fingerprints](crate::Fingerprint), so that an issue there is an issue here.
    /// Otherwise by its own rules and those set in the project.
    ///
    /// Default: `true`.
    pub fn own_grouping(mut self, own: bool) -> Self {
        self.settings.own_grouping = own;
        self
    }

    /// Goes through the proxy that the environment names when the monitor is built, in `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
    /// `NO_PROXY`, in upper or lower case.
    ///
    /// Default: the environment is not read.
    pub fn env_proxy(mut self) -> Self {
        self.settings.env_proxy = true;
        self
    }
}

impl fmt::Debug for Sentry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        let origin = settings.ready().map(|ready| ready.endpoint.origin());
        f.debug_struct("Sentry")
            .field("name", &settings.name)
            .field("dsn", &origin.as_deref().unwrap_or("not a DSN"))
            .field("own_grouping", &settings.own_grouping)
            .field("env_proxy", &settings.env_proxy)
            .finish()
    }
}

impl Notifier for Sentry {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn check(&self) -> Result<(), String> {
        self.settings.check()
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        // As an event of its issue, the news that it is over would open the issue again.
        if alert.reason.is_over() {
            return Ok(());
        }
        let ready = self.settings.ready().map_err(NotifyError::refused)?;
        let own_grouping = self.settings.own_grouping;
        self.shrink
            .send(&self.settings.name, alert.id, |size| {
                ready.send(alert, size, own_grouping)
            })
            .await
    }

    fn budget(&self) -> Budget {
        Budget::SENTRY
    }

    fn takes(&self) -> Takes {
        Takes::Occurrences
    }
}

/// The settings, checked and turned into what a request needs.
struct Ready {
    endpoint: Endpoint,
    headers: HeaderMap,
    keys: Vec<Secret>,
    pause: Pause,
}

impl Settings {
    fn prepare(&self) -> Result<Ready, String> {
        check_name("Sentry", &self.name, "bugsink")?;
        let dsn = dsn::parse(self.dsn.expose().trim())?;
        let endpoint = Endpoint::new(&Target {
            what: dsn::WHAT,
            url: &dsn.url,
            right: dsn::RIGHT,
            is_secure: false,
            env_proxy: self.env_proxy,
        })?;
        let secret = dsn.secret_key.as_ref().map(Secret::expose);
        let secret = secret.map(|secret| format!(", sentry_secret={secret}"));
        let login = format!(
            "Sentry sentry_version=7, sentry_client={CLIENT}, sentry_key={}{}",
            dsn.public_key.expose(),
            secret.unwrap_or_default()
        );
        let mut login = HeaderValue::try_from(login).map_err(|error| error.to_string())?;
        login.set_sensitive(true);
        let mut headers = base_headers("application/x-sentry-envelope");
        headers.insert(LOGIN, login);
        let keys: Vec<_> = [dsn.public_key].into_iter().chain(dsn.secret_key).collect();
        Ok(Ready {
            endpoint: keys.iter().fold(endpoint, Endpoint::hiding),
            headers,
            keys,
            pause: Pause::default(),
        })
    }
}

impl Ready {
    async fn send(&self, alert: &Alert, size: Size, own_grouping: bool) -> Result<(), NotifyError> {
        self.pause.check("Sentry")?;
        let body = envelope::of(alert, size, own_grouping, Timestamp::now());
        let answer = self.endpoint.post(self.headers.clone(), body).await?;
        self.judge(answer)
    }

    fn judge(&self, mut answer: HttpAnswer) -> Result<(), NotifyError> {
        let wait = limits::wait(answer.status.as_u16(), &answer.headers, SystemTime::now());
        if let Some(wait) = wait {
            self.pause.hold(wait);
        }
        if let Some(reason) = answer.headers.get(ERROR) {
            let reason = String::from_utf8_lossy(reason.as_bytes()).into_owned();
            let strike = |text: String, key: &Secret| text.replace(key.expose(), REDACTED);
            answer.body = self.keys.iter().fold(reason, strike).into();
        }
        classify(&answer).map_err(|error| match wait {
            Some(wait) => error.retry_after(wait),
            None => error,
        })
    }
}

/// What the notifier is called when it is not given a name.
pub const DEFAULT_NAME: &str = "sentry";

const CLIENT: &str = concat!("tower-monitor/", env!("CARGO_PKG_VERSION"));
const LOGIN: HeaderName = HeaderName::from_static("x-sentry-auth");
const ERROR: HeaderName = HeaderName::from_static("x-sentry-error");

#[cfg(test)]
mod tests;

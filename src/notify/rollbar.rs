//! Occurrences for [Rollbar](https://rollbar.com), which groups and counts them by itself.
//!
//! ```
//! use tower_monitor::{Monitor, notify::Rollbar};
//!
//! let monitor = Monitor::builder()
//!     .environment("production")
//!     .notifier(Rollbar::token("4f2a9c0d7e1b4c6d8a3f5e7b9c1d2e3f"))
//!     .build()?;
//! # Ok::<_, tower_monitor::BuildError>(())
//! ```
//!
//! # The token
//!
//! In Rollbar: the project's *Settings*, *Project Access Tokens*, one with the scope `post_server_item`. It takes errors from
//! browsers too, as long as this server passes them on.
//!
//! # What is sent
//!
//! Every occurrence, as [`Takes::Occurrences`] says, and not only what is worth a person's while: Rollbar has rules of its own
//! for that. A repeated try has the same `uuid`, which Rollbar keeps once. That a problem has ended is not sent: Rollbar would
//! count it as one more occurrence.
//!
//! An item has the form of "Create an item" in Rollbar's API:
//!
//! | Field | Is |
//! |---|---|
//! | `environment` | the monitor's, else [this notifier's](Rollbar::environment) |
//! | `level` | the alert's severity |
//! | `body.trace`, `body.trace_chain` | the panic or error; then its causes, the last one the root. Frames with file, line, function, source, `argspec` (the arguments' names) and `locals` (their values, and those of other variables), the most recent call last |
//! | `body.message` | what has no stack: words, an answer without an error, a test |
//! | `body.telemetry` | the breadcrumbs |
//! | `title`, `context`, `fingerprint`, `uuid` | what broke, method and route, the issue, the occurrence |
//! | `request` | `url`, `method`, `headers`, `params` (of the route), `GET`, `query_string`, `body`, `POST` (of a form), `user_ip`, and `request_id`, `route`, `status`, `cookie_names` |
//! | `person` | `id`, `username`, `email`; an id beyond 40 characters ends with a hash of itself, and is whole in `custom.user_id` |
//! | `server` | `host`, `pid`, `cpu`, `code_version` (the source's revision), and `service`, `os`, `kernel`, `container`, `pod`, `namespace`, `node` |
//! | `client` | for errors from browsers: `javascript.browser`, `javascript.code_version` |
//! | `code_version` | the release, else the source's revision |
//! | `custom` | `issue`, `tags`, `extra`, `vitals`, `build`, `spans`, `response`, `trace`, `curl`, and so on |
//!
//! # Bounds
//!
//! Texts are cut at the bounds that Rollbar documents, in characters: `environment`, `context`, `title`, `username` and
//! `email` at 255, `code_version` at 40. An item of more than [512 KiB](MAX_ITEM) gets smaller as with Rollbar's own gem: the
//! middle of the stack goes, then the ends of long texts, then causes, the request, `custom`. When Rollbar finds it too large
//! all the same, it gets 120 kB, and at last a message that says which occurrence could not be sent.
//!
//! # The answer
//!
//! | Answer | Means |
//! |---|---|
//! | 2xx | arrived; with `"err": 1` in it, refused |
//! | 400, 413, 422 | refused as it is: less is sent |
//! | 401, 403, 404 | the token is wrong, disabled, or of another scope |
//! | 429 | the limit of the token or the plan is reached: another try after the time in `X-Rate-Limit-Remaining-Seconds`, at most a minute, or in `Retry-After` |
//! | 408, 5xx | another try |
//!
//! A connection that fails and a call that takes too long mean another try: see [`CONNECT_LIMIT`] and [`CALL_LIMIT`].
//!
//! When an answer says that nothing more may be sent (`X-Rate-Limit-Remaining: 0`), nothing is, for the same time.
//!
//! # Deploys
//!
//! [`report_deploy`](Rollbar::report_deploy) tells Rollbar that a revision has been deployed, so that it can say which deploy
//! broke something:
//!
//! ```no_run
//! use tower_monitor::notify::Rollbar;
//! use tower_monitor::notify::rollbar::Deploy;
//!
//! # async fn deployed() -> Result<(), tower_monitor::NotifyError> {
//! let rollbar = Rollbar::token("4f2a9c0d7e1b4c6d8a3f5e7b9c1d2e3f").environment("production");
//! let deploy = Deploy::of("4b825dc642cb6eb9a060e54bf8d69288fbee4904").comment("gift cards");
//! let id = rollbar.report_deploy(&deploy).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # The environment
//!
//! [`from_env`](Rollbar::from_env) reads:
//!
//! | Variable | Is |
//! |---|---|
//! | `ROLLBAR_ACCESS_TOKEN` | the token; without it there is no notifier |
//! | `ROLLBAR_ENV` | the [environment](Rollbar::environment) where the monitor names none |

mod answer;
mod deploy;
mod item;
mod pieces;
mod size;
#[cfg(test)]
mod tests;

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

pub use super::http::{CALL_LIMIT, CONNECT_LIMIT};
pub use deploy::{Deploy, DeployStatus};
pub use size::MAX_ITEM;

use super::http::{Endpoint, Pause, Target, base_headers};
use super::settings::{Checked, check_name, filled, variable};
use super::shrink::Shrink;
use super::{Budget, Notifier, NotifyError, Takes};
use crate::issue::Alert;
use crate::redact::Secret;
use crate::text::one_line;

/// Sends occurrences to Rollbar. [The module](self) describes what is sent and what answers mean.
///
/// ```
/// use tower_monitor::notify::Rollbar;
///
/// let rollbar = Rollbar::token("4f2a9c0d7e1b4c6d8a3f5e7b9c1d2e3f");
///
/// assert!(!format!("{rollbar:?}").contains("4f2a9c0d"));
/// ```
///
/// Its settings are checked by [`build()`](crate::Builder::build).
#[must_use]
pub struct Rollbar {
    settings: Checked<Settings, Ready>,
    shrink: Shrink,
    pause: Pause,
}

struct Settings {
    name: String,
    token: Secret,
    base_url: String,
    environment: String,
    env_proxy: bool,
}

impl Rollbar {
    /// A notifier with a project's access token of the scope `post_server_item`: 32 hexadecimal digits; newer tokens are longer,
    /// and may have other letters, `-` and `_`.
    ///
    /// The system's root certificates are trusted or, where there are none, Mozilla's.
    pub fn token(token: impl Into<Secret>) -> Self {
        let settings = Settings {
            name: DEFAULT_NAME.to_owned(),
            token: token.into(),
            base_url: DEFAULT_BASE_URL.to_owned(),
            environment: DEFAULT_ENVIRONMENT.to_owned(),
            env_proxy: false,
        };
        Self {
            settings: Checked::new(settings, Settings::prepare),
            shrink: Shrink::default(),
            pause: Pause::default(),
        }
    }

    /// A notifier as the environment describes it, see [the table](self#the-environment). `None` when there is no token.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        Self::from(variable)
    }

    fn from(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let variable = |name| filled(&variable(name)?);
        let rollbar = Self::token(variable("ROLLBAR_ACCESS_TOKEN")?);
        Some(match variable("ROLLBAR_ENV") {
            Some(environment) => rollbar.environment(environment),
            None => rollbar,
        })
    }

    /// What it is called in logs and errors: 1 to 64 visible characters on one line.
    ///
    /// Default: [`DEFAULT_NAME`].
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Where Rollbar is: `http` or `https`, without `/api/1/…`.
    ///
    /// Default: [`DEFAULT_BASE_URL`].
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.settings.base_url = url.into();
        self
    }

    /// The environment of occurrences where the [monitor](crate::Builder::environment) names none, and of
    /// [deploys](Self::report_deploy) that name none: 1 to 255 characters on one line. Rollbar wants one always.
    ///
    /// Default: [`DEFAULT_ENVIRONMENT`].
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.settings.environment = environment.into();
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

    /// Tells Rollbar of a deploy ("Report a deploy" in its API), and returns the number that it gave to it.
    ///
    /// It is one request, without another try: the caller may make one when the error [is temporary](NotifyError::is_temporary).
    ///
    /// # Errors
    ///
    /// When a setting of this notifier or of the deploy is wrong, and when Rollbar does not take it.
    pub async fn report_deploy(&self, deploy: &Deploy) -> Result<u64, NotifyError> {
        let ready = self.settings.ready().map_err(NotifyError::refused)?;
        let body = deploy.payload(&self.settings.environment)?;
        let endpoint = self.settings.endpoint("/api/1/deploy/");
        let endpoint = endpoint.map_err(NotifyError::refused)?;
        let answer = endpoint.post(ready.headers.clone(), body).await?;
        answer::classified(&answer)?;
        deploy::id(&answer)
    }
}

impl fmt::Debug for Rollbar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        let origin = settings.ready().map(|ready| ready.items.origin());
        let is_right = origin.is_ok();
        f.debug_struct("Rollbar")
            .field("name", &settings.name)
            .field("token", &settings.token)
            .field("base_url", &origin.as_deref().unwrap_or("not usable"))
            .field("environment", &is_right.then_some(&settings.environment))
            .field("env_proxy", &settings.env_proxy)
            .finish()
    }
}

impl Notifier for Rollbar {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn check(&self) -> Result<(), String> {
        self.settings.check()
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        if alert.reason.is_over() {
            return Ok(());
        }
        let ready = self.settings.ready().map_err(NotifyError::refused)?;
        self.pause.check("Rollbar")?;
        self.shrink
            .send(&self.settings.name, alert.id, |size| async move {
                let body = size::payload(alert, &self.settings.environment, size);
                let answer = ready.items.post(ready.headers.clone(), body).await?;
                if let Some(wait) = answer::pause(&answer) {
                    self.pause.hold(wait);
                }
                answer::classified(&answer)
            })
            .await
    }

    fn budget(&self) -> Budget {
        Budget::ROLLBAR
    }

    fn takes(&self) -> Takes {
        Takes::Occurrences
    }
}

/// The settings, checked and turned into what a request needs.
struct Ready {
    items: Endpoint,
    headers: HeaderMap,
}

impl Settings {
    fn prepare(&self) -> Result<Ready, String> {
        check_name("Rollbar", &self.name, DEFAULT_NAME)?;
        check_line("environment", &self.environment, 255, "production")?;
        let token = self.token.expose();
        let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if token.len() < 32 || !token.chars().all(is_token) {
            return Err(
                "the token for Rollbar is shorter than 32 characters, or has others than letters, digits, `-` and `_`; a \
                 right one looks like `4f2a9c0d7e1b4c6d8a3f5e7b9c1d2e3f`, from the project's Settings, Project Access \
                 Tokens, with the scope post_server_item"
                    .to_owned(),
            );
        }
        let mut value = HeaderValue::try_from(token).map_err(|error| error.to_string())?;
        value.set_sensitive(true);
        let mut headers = base_headers("application/json");
        headers.insert(TOKEN, value);
        let items = self.endpoint("/api/1/item/")?;
        Ok(Ready { items, headers })
    }

    fn endpoint(&self, path: &str) -> Result<Endpoint, String> {
        let base = self.base_url.trim_end_matches('/');
        let what = "the base URL of Rollbar";
        if base.contains('?') {
            return Err(format!(
                "{what} has a query; a right one looks like `{DEFAULT_BASE_URL}`"
            ));
        }
        let url = format!("{base}{path}");
        Endpoint::new(&Target {
            what,
            url: &url,
            right: DEFAULT_BASE_URL,
            is_secure: true,
            env_proxy: self.env_proxy,
        })
        .map(|endpoint| endpoint.hiding(&self.token))
    }
}

fn check_line(setting: &str, value: &str, max: usize, right: &str) -> Result<(), String> {
    if value.trim().is_empty() || value.chars().count() > max || one_line(value) != value {
        return Err(format!(
            "the {setting} for Rollbar is empty, longer than {max} characters or not on one line; a right one looks like \
             `{right}`"
        ));
    }
    Ok(())
}

/// What it is called when it is not given a name.
pub const DEFAULT_NAME: &str = "rollbar";

/// Rollbar's own servers.
pub const DEFAULT_BASE_URL: &str = "https://api.rollbar.com";

/// The environment when nobody names one, as with Rollbar's own clients.
pub const DEFAULT_ENVIRONMENT: &str = "unspecified";

const TOKEN: HeaderName = HeaderName::from_static("x-rollbar-access-token");

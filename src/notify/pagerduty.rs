//! Alerts for whoever is on call, through PagerDuty: incidents that end when the problem does.
//!
//! ```no_run
//! use tower_monitor::{Monitor, Notifier, Severity, notify::PagerDuty};
//!
//! let on_call = PagerDuty::routing_key("0123456789abcdef0123456789abcdef");
//! let monitor = Monitor::builder()
//!     .notifier(on_call.when(Severity::Error))
//!     .build()?;
//! # Ok::<_, tower_monitor::BuildError>(())
//! ```
//!
//! The key: in PagerDuty, the service's page, Integrations, Add an integration, Events API V2, Integration Key. Accounts in the EU
//! also need the [base URL](PagerDuty::base_url) [`EU_BASE_URL`].
//!
//! # The events
//!
//! Events of the [Events API v2](https://developer.pagerduty.com/docs/events-api-v2-overview). An alert triggers, and an
//! [all-clear](crate::Reason::AllClear), a problem that somebody [resolved](crate::Reason::Resolved) or that is
//! [quiet](crate::Reason::Quiet) resolves. `dedup_key` is `tm:`, service, `:`, environment, `:` and the issue's fingerprint: all
//! alerts of an issue are one of PagerDuty's alerts, from whichever process they come. When an alert tells of several problems, each
//! of them that it names is an event of its own.
//!
//! | Field | Is |
//! |---|---|
//! | `summary` | the alert in one line |
//! | `source` | the pod, else the machine, else the service |
//! | `severity` | `critical`, `error`, `warning` or `info`, the alert's |
//! | `timestamp` | when it happened |
//! | `component` | the service |
//! | `group` | the route, else the place in the code |
//! | `class` | [what went wrong](crate::Kind::as_str): `panic`, `server_error`, … |
//! | `custom_details` | where, who was hit, how often and so on, the stack, what led up to it |
//! | `links`, `client_url` | the issue's page, when it is [known](crate::Builder::dashboard_url) |
//!
//! A test triggers with the severity `info` and a key of its own, and stays open until somebody closes it in PagerDuty: it is there to be
//! seen. Events are at most 512,000 bytes; what does not fit is left out, the least useful first.
//!
//! # The answer
//!
//! | Answer | Means |
//! |---|---|
//! | 202 | taken |
//! | 429 | temporary: after [`RATE_WAIT`], unless `Retry-After` says otherwise |
//! | 408, 5xx | temporary |
//! | 400 that names the routing key; 401, 403, 404 | the integration was deleted, or the key is wrong |
//! | 400, 413 | refused: less is tried |
//!
//! When an alert of several events has to be tried again, it goes on with the event that failed, as long as this process lives. One
//! that is sent again changes nothing: PagerDuty tells repetitions by `dedup_key`.
//!
//! # The environment
//!
//! [`PagerDuty::from_env`] reads:
//!
//! | Variable | Is |
//! |---|---|
//! | `PAGERDUTY_ROUTING_KEY` | the integration key. Without it there is no notifier |

mod event;

use std::fmt;
use std::time::Duration;

use serde_json::Value;

pub use super::http::{CALL_LIMIT, CONNECT_LIMIT};

use super::http::{Endpoint, HttpAnswer, Target, base_headers, classify};
use super::recent::Recent;
use super::settings::{Checked, check_name, variable};
use super::shrink::Shrink;
use super::{Budget, Notifier, NotifyError, Takes};
use crate::issue::Alert;
use crate::redact::Secret;
use event::{events, sized};

/// Triggers and resolves alerts at PagerDuty. [The module](self) describes the events.
///
/// Its settings are checked by [`build()`](crate::Builder::build). Default [budget](Notifier::budget): [`Budget::PAGERDUTY`].
#[must_use]
pub struct PagerDuty {
    settings: Checked<Settings, Endpoint>,
    shrink: Shrink,
    progress: Recent<Progress>,
}

/// How far an alert of several events has come.
#[derive(Clone, Default)]
struct Progress {
    done: usize,
    /// The last refusal among them.
    refused: Option<NotifyError>,
}

struct Settings {
    name: String,
    routing_key: Secret,
    base_url: String,
    env_proxy: bool,
}

impl PagerDuty {
    /// A notifier that posts with this integration key: 32 letters and digits.
    pub fn routing_key(key: impl Into<Secret>) -> Self {
        let settings = Settings {
            name: DEFAULT_NAME.to_owned(),
            routing_key: key.into(),
            base_url: DEFAULT_BASE_URL.to_owned(),
            env_proxy: false,
        };
        Self {
            settings: Checked::new(settings, Settings::prepare),
            shrink: Shrink::default(),
            progress: Recent::default(),
        }
    }

    /// What [the environment](self#the-environment) names; `None` when `PAGERDUTY_ROUTING_KEY` is unset or empty. A wrong value is
    /// found by [`build()`](crate::Builder::build).
    #[must_use]
    pub fn from_env() -> Option<Self> {
        Self::from_variables(variable)
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        variable("PAGERDUTY_ROUTING_KEY").map(Self::routing_key)
    }

    /// What it is called in logs and errors: 1 to 64 visible characters on one line.
    ///
    /// Default: [`DEFAULT_NAME`].
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Where PagerDuty is: [`EU_BASE_URL`], or a server that speaks like it. `https://` or `http://` and a host.
    ///
    /// Default: [`DEFAULT_BASE_URL`].
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.settings.base_url = url.into();
        self
    }

    /// Goes through the proxy that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name when the monitor is built.
    ///
    /// Default: the environment is not read.
    pub fn env_proxy(mut self) -> Self {
        self.settings.env_proxy = true;
        self
    }

    async fn send(&self, to: &Endpoint, mut event: Value) -> Result<(), NotifyError> {
        event["routing_key"] = self.settings.routing_key.expose().trim().into();
        let headers = base_headers("application/json");
        judged(&to.post(headers, event.to_string()).await?)
    }
}

impl fmt::Debug for PagerDuty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.settings.ready().map(Endpoint::origin);
        f.debug_struct("PagerDuty")
            .field("name", &self.settings.name)
            .field("routing_key", &self.settings.routing_key)
            .field("base_url", &origin.as_deref().unwrap_or("not a URL"))
            .field("env_proxy", &self.settings.env_proxy)
            .finish()
    }
}

impl Notifier for PagerDuty {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn check(&self) -> Result<(), String> {
        self.settings.check()
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        let to = self.settings.ready().map_err(NotifyError::refused)?;
        for event in events(alert).skip(self.progress.of(alert.id).done) {
            let send = |size| self.send(to, sized(alert, event, size));
            let name = &self.settings.name;
            let refused = match self.shrink.send(name, alert.id, send).await {
                // One that is refused keeps no other back.
                Err(error) if error.is_payload_refused() => Some(error),
                result => {
                    result?;
                    None
                }
            };
            self.progress.note(alert.id, |progress| {
                progress.done += 1;
                progress.refused = refused.or(progress.refused.take());
            });
        }
        let refused = self.progress.of(alert.id).refused;
        self.progress.forget(alert.id);
        refused.map_or(Ok(()), Err)
    }

    fn budget(&self) -> Budget {
        Budget::PAGERDUTY
    }

    fn takes(&self) -> Takes {
        Takes::AlertsAndEndings
    }
}

impl Settings {
    fn prepare(&self) -> Result<Endpoint, String> {
        check_name("PagerDuty", &self.name, "pagerduty")?;
        let key = self.routing_key.expose().trim();
        if key.len() != KEY_LENGTH || !key.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(format!(
                "PagerDuty's routing key is not {KEY_LENGTH} letters and digits; a right one looks like \
                 `0123456789abcdef0123456789abcdef`: the Integration Key of an integration of the type Events API V2"
            ));
        }
        let what = "PagerDuty's base URL";
        let base = self.base_url.trim_end_matches('/');
        if base.contains(['?', '#']) {
            return Err(format!(
                "{what} has more than scheme, host and path; a right one looks like `{DEFAULT_BASE_URL}`"
            ));
        }
        let url = format!("{base}/v2/enqueue");
        let endpoint = Endpoint::new(&Target {
            what,
            url: &url,
            right: DEFAULT_BASE_URL,
            is_secure: true,
            env_proxy: self.env_proxy,
        })?;
        Ok(endpoint.hiding(&Secret::new(key)))
    }
}

/// Like [`classify`]; PagerDuty says in a 400 that it does not know a routing key, and its documentation names the wait after a 429.
fn judged(answer: &HttpAnswer) -> Result<(), NotifyError> {
    classify(answer).map_err(|error| match answer.status.as_u16() {
        400 if names_the_key(&answer.body) => NotifyError::destination_gone(answer.summary()),
        429 if error.wait().is_none() => error.retry_after(RATE_WAIT),
        _ => error,
    })
}

fn names_the_key(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    ["routing_key", "routing key", "service_key", "service key"]
        .iter()
        .any(|key| text.contains(key))
}

/// What it is called when it is not given a name.
pub const DEFAULT_NAME: &str = "pagerduty";

/// Where PagerDuty is, unless something else is [said](PagerDuty::base_url).
pub const DEFAULT_BASE_URL: &str = "https://events.pagerduty.com";

/// Where PagerDuty is for accounts in the EU.
pub const EU_BASE_URL: &str = "https://events.eu.pagerduty.com";

/// The wait after a 429 that names none: 30 s, as PagerDuty's page on rate limits advises.
pub const RATE_WAIT: Duration = Duration::from_secs(30);

const KEY_LENGTH: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::header::RETRY_AFTER;
    use http::{HeaderMap, HeaderValue, StatusCode};

    const KEY: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

    #[test]
    fn right_settings_pass() {
        for pagerduty in [
            PagerDuty::routing_key(KEY),
            PagerDuty::routing_key(format!(" {KEY}\n")).base_url(EU_BASE_URL),
            PagerDuty::routing_key("R0123456789ABCDEFGHIJKLMNOPQRSTU").name("on-call"),
        ] {
            assert_eq!(pagerduty.check(), Ok(()));
        }
    }

    #[test]
    fn each_wrong_setting_is_named_with_a_right_one_and_not_shown() {
        for wrong in [
            "",
            "hidden",
            &format!("{KEY}0"),
            "0a1b2c3d-4e5f-6071-8293-a4b5c6d7",
        ] {
            let error = PagerDuty::routing_key(wrong).check().unwrap_err();
            assert!(
                error.contains("routing key") && error.contains("`0123"),
                "{error}"
            );
            assert!(
                !error.contains("hidden") && !error.contains("0a1b"),
                "{error}"
            );
        }
        for wrong in [
            "",
            "hidden",
            "ftp://hidden.example.com",
            "https://x.example.com?hidden",
            "https://hidden@example.com",
        ] {
            let error = PagerDuty::routing_key(KEY)
                .base_url(wrong)
                .check()
                .unwrap_err();
            assert!(
                error.contains("base URL") && error.contains(DEFAULT_BASE_URL),
                "{error}"
            );
            assert!(!error.contains("hidden"), "{error}");
        }
        assert!(PagerDuty::routing_key(KEY).name(" ").check().is_err());
    }

    #[test]
    fn debug_does_not_show_the_key() {
        let text = format!("{:?}", PagerDuty::routing_key(KEY));
        assert!(
            text.contains(DEFAULT_BASE_URL) && !text.contains("0a1b2c3d"),
            "{text}"
        );
    }

    #[test]
    fn the_environment_is_read_only_when_there_is_a_key() {
        assert!(PagerDuty::from_variables(|_| None).is_none());
        let given = |name: &str| (name == "PAGERDUTY_ROUTING_KEY").then(|| KEY.to_owned());
        assert_eq!(PagerDuty::from_variables(given).unwrap().check(), Ok(()));
    }

    #[test]
    fn every_answer_means_what_the_table_says() {
        let said = |status: u16, body: &str| HttpAnswer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_owned()),
        };
        assert!(judged(&said(202, r#"{"status":"success"}"#)).is_ok());
        let wrong = |error: &str| {
            format!(
                r#"{{"status":"invalid event","message":"Event object is invalid","errors":["{error}"]}}"#
            )
        };
        let error = judged(&said(400, &wrong("'payload.summary' is missing"))).unwrap_err();
        assert!(error.is_payload_refused());
        for gone in ["Invalid routing key", "'routing_key' is invalid"] {
            assert!(
                judged(&said(400, &wrong(gone)))
                    .unwrap_err()
                    .is_destination_gone()
            );
        }
        assert!(judged(&said(413, "")).unwrap_err().is_payload_refused());
        assert!(judged(&said(503, "")).unwrap_err().is_temporary());

        let mut limited = said(429, "");
        assert_eq!(judged(&limited).unwrap_err().wait(), Some(RATE_WAIT));
        limited
            .headers
            .insert(RETRY_AFTER, HeaderValue::from_static("7"));
        assert_eq!(
            judged(&limited).unwrap_err().wait(),
            Some(Duration::from_secs(7))
        );
    }
}

//! Alerts as text messages, through Twilio.
//!
//! ```no_run
//! use tower_monitor::{Monitor, Notifier, Severity, notify::Sms};
//!
//! let sms = Sms::twilio("AC0123456789abcdef0123456789abcdef", "an auth token")
//!     .from("+15005550006")
//!     .to("+491715550101")
//!     .to("+491715550102");
//! let monitor = Monitor::builder()
//!     .notifier(sms.when(Severity::Error))
//!     .build()?;
//! # Ok::<_, tower_monitor::BuildError>(())
//! ```
//!
//! The account's SID and its auth token are on the first page of Twilio's console. An [API key](Sms::api_key) can be taken back
//! without changing the account's password: prefer one. The sender is a number of the account or a
//! [messaging service](Sms::messaging_service).
//!
//! # The message
//!
//! One for each recipient, and always one segment: at most 160 characters of the GSM 7-bit alphabet (3GPP TS 23.038), in which
//! `^{}[]~\|€` count as two. What the alphabet does not have is written with what it has (`“ç…”` as `"c..."`), emoji are left out,
//! and `?` stands for the rest.
//!
//! ```text
//! shop production: panic: gift card GC-20 has no balance
//! POST /checkout/{cart} at src/checkout/gift_card.rs:17:9
//! once, Uma Berg
//! req 019aab4c-6a3e-7000
//! ```
//!
//! No link in it is ours: what looks like one was written by a client or the app, and phones make a link of it all the same.
//!
//! The last line is the beginning of the request's id or, outside of requests, `issue` with the fingerprint: search for it in the
//! logs. A trial account puts a line of its own before each message, which makes two segments of some.
//!
//! # The answer
//!
//! 201 means that Twilio has taken the message, not that it has arrived. Twilio throws away what it could not pass on within
//! [`VALIDITY`], without a word to this crate: alerts that must not be missed go to a second notifier as well.
//!
//! | Answer | Means |
//! |---|---|
//! | 2xx | taken |
//! | 429, code 20429 or 21611, 503, no connection | temporary, with the wait that `Retry-After` asks for |
//! | 5xx otherwise, a connection that breaks, no answer in time | temporary, once: nobody knows whether the message was taken |
//! | 401, 403, 404, code 20003 or 20404; a sender that cannot send (21212, 21603, 21606, 21659, 21660, 21701, 21703) | the account or the sender takes nothing any more |
//! | code 21211, 21214, 21217, 21408, 21608, 21610, 21612, 21614, 21635 | this number takes none: no mobile, another country, the person replied STOP |
//! | code 21617 and other 400 | refused: a shorter one is tried |
//!
//! A number that takes none is said once in the log and left out for [`DEAD_FOR`]; the others go on. When no number is left, the
//! destination is gone, and the owner is told by another notifier.
//!
//! Twilio cannot tell a repetition. When an alert has to be tried again, the numbers that Twilio has taken it for are left out, as
//! long as this process lives. Where nobody knows whether it was taken, the message is sent to that number [once more](MAX_UNCLEAR),
//! so a person may get it twice; after that the log says so, and the others go on. Where nobody is known to have it then, the alert
//! is refused, so that another notifier tells it.
//!
//! # The environment
//!
//! [`Sms::from_env`] reads:
//!
//! | Variable | Is |
//! |---|---|
//! | `TWILIO_ACCOUNT_SID` | the account: `AC` and 32 hexadecimal digits. Without it there is no notifier |
//! | `TWILIO_AUTH_TOKEN` | the account's auth token |
//! | `TWILIO_FROM` | the sender: a number such as `+15005550006`, or a messaging service: `MG` and 32 hexadecimal digits |
//! | `ALERT_SMS_TO` | the recipients' numbers, separated by commas |

mod gsm;
mod progress;
mod settings;
mod text;
mod twilio;

use std::fmt;
use std::time::Duration;

pub use super::http::{CALL_LIMIT, CONNECT_LIMIT};

use super::settings::{Checked, variable};
use super::shrink::{Shrink, Size};
use super::{Budget, Notifier, NotifyError};
use crate::guard::contained;
use crate::issue::Alert;
use crate::redact::Secret;
use progress::Progress;
use settings::{Ready, Sender, Settings};
use twilio::Trouble;

/// Sends alerts as text messages, through Twilio. [The module](self) shows one.
///
/// Its settings are checked by [`build()`](crate::Builder::build). Default [budget](Notifier::budget): [`Budget::TWILIO`].
#[must_use]
pub struct Sms {
    settings: Checked<Settings, Ready>,
    shrink: Shrink,
    progress: Progress,
}

impl Sms {
    /// Text messages from the account of this SID (`AC` and 32 hexadecimal digits), with its auth token.
    pub fn twilio(account_sid: impl Into<String>, auth_token: impl Into<Secret>) -> Self {
        let settings = Settings {
            name: DEFAULT_NAME.to_owned(),
            account: account_sid.into(),
            auth_token: auth_token.into(),
            api_key: None,
            sender: None,
            to: Vec::new(),
            base_url: DEFAULT_BASE_URL.to_owned(),
            env_proxy: false,
        };
        Self {
            settings: Checked::new(settings, Settings::prepare),
            shrink: Shrink::default(),
            progress: Progress::default(),
        }
    }

    /// What [the environment](self#the-environment) names; `None` when `TWILIO_ACCOUNT_SID` is unset or empty. What is wrong or
    /// missing beside it is found by [`build()`](crate::Builder::build).
    #[must_use]
    pub fn from_env() -> Option<Self> {
        Self::from_variables(variable)
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let token = variable("TWILIO_AUTH_TOKEN").unwrap_or_default();
        let mut sms = Self::twilio(variable("TWILIO_ACCOUNT_SID")?, token);
        if let Some(sender) = variable("TWILIO_FROM") {
            sms = if sender.starts_with("MG") {
                sms.messaging_service(sender)
            } else {
                sms.from(sender)
            };
        }
        let to = variable("ALERT_SMS_TO").unwrap_or_default();
        let numbers = to.split(',').map(str::trim);
        let numbers = numbers.filter(|number| !number.is_empty());
        Some(numbers.fold(sms, |sms, number| sms.to(number)))
    }

    /// What it is called in logs and errors: 1 to 64 visible characters on one line.
    ///
    /// Default: [`DEFAULT_NAME`].
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Who it comes from: a number of the account in E.164 (`+15005550006`), a short code (`12345`), or up to 11 letters, digits and
    /// spaces, which not every country allows. Instead of a [messaging service](Self::messaging_service): the last one set counts.
    ///
    /// Default: none; one of the two must be set.
    pub fn from(mut self, number: impl Into<String>) -> Self {
        self.settings.sender = Some(Sender::From(number.into()));
        self
    }

    /// The messaging service that chooses the sender: `MG` and 32 hexadecimal digits. Instead of [a number](Self::from): the last
    /// one set counts.
    pub fn messaging_service(mut self, sid: impl Into<String>) -> Self {
        self.settings.sender = Some(Sender::Service(sid.into()));
        self
    }

    /// Adds a recipient: a number in E.164, such as `+491715550101`. Each gets a message of its own. Numbers are treated as secrets.
    ///
    /// Default: none; at least one must be set.
    pub fn to(mut self, number: impl Into<Secret>) -> Self {
        self.settings.to.push(number.into());
        self
    }

    /// Logs in with an API key (`SK` and 32 hexadecimal digits) and its secret instead of the auth token, which may be empty then.
    ///
    /// Default: the auth token.
    pub fn api_key(mut self, sid: impl Into<String>, secret: impl Into<Secret>) -> Self {
        self.settings.api_key = Some((sid.into(), secret.into()));
        self
    }

    /// Where Twilio is: another of its regions, or a server that speaks like it. `https://` or `http://` and a host.
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

    /// To every number that lacks it. What one number refuses keeps it from no other.
    async fn send(&self, ready: &Ready, alert: &Alert, size: Size) -> Result<(), NotifyError> {
        let text = text::text(alert, size);
        let mut refused = None;
        let mut dead = None;
        for at in self.progress.missing(alert.id, ready.to.len()) {
            match ready.send(at, &text).await {
                Ok(()) => self.progress.arrived(alert.id, at),
                Err(Trouble::Number(words)) => {
                    self.progress.is_dead(at);
                    self.warn(at, &words, "takes none; the next try is in a day");
                    dead = Some(words);
                }
                Err(Trouble::Message(error)) => refused = Some(error),
                Err(Trouble::Unclear(error)) => {
                    if !self.progress.is_unclear(alert.id, at) {
                        return Err(error);
                    }
                    let words = error.to_string();
                    self.warn(
                        at,
                        &words,
                        "may have got an alert or not; it is not sent again",
                    );
                }
                Err(Trouble::Account(error)) => return Err(error),
            }
        }
        match (refused, dead) {
            (Some(error), _) => Err(error),
            _ if self.progress.has_any(alert.id) => Ok(()),
            _ if self.progress.may_have_any(alert.id) => Err(NotifyError::refused(
                "nobody knows whether Twilio has taken it: its log in Twilio's console does",
            )),
            (None, Some(words)) => {
                let numbers = ready.to.len();
                Err(NotifyError::destination_gone(format!(
                    "none of {numbers} numbers takes text messages: {words}"
                )))
            }
            (None, None) => Ok(()),
        }
    }

    fn warn(&self, at: usize, words: &str, what: &str) {
        let _ = contained(|| {
            tracing::warn!(
                target: "tower_monitor", notifier = %self.settings.name, recipient = at + 1, problem = words,
                "this recipient of text messages {what}"
            );
        });
    }
}

impl fmt::Debug for Sms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        let origin = settings.ready().map(|ready| ready.endpoint.origin());
        let is_right = origin.is_ok();
        f.debug_struct("Sms")
            .field("name", &settings.name)
            .field("account", &is_right.then_some(&settings.account))
            .field("auth_token", &settings.auth_token)
            .field("api_key", &is_right.then_some(&settings.api_key))
            .field("sender", &is_right.then_some(&settings.sender))
            .field("to", &settings.to)
            .field("base_url", &origin.as_deref().unwrap_or("not a URL"))
            .field("env_proxy", &settings.env_proxy)
            .finish()
    }
}

impl Notifier for Sms {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn check(&self) -> Result<(), String> {
        self.settings.check()
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        let ready = self.settings.ready().map_err(NotifyError::refused)?;
        let name = &self.settings.name;
        let result = self
            .shrink
            .send(name, alert.id, |size| self.send(ready, alert, size))
            .await;
        match result {
            // Somebody has it: there is nothing that another notifier would have to make up for.
            Err(error) if error.is_payload_refused() && self.progress.has_any(alert.id) => {
                let _ = contained(|| {
                    tracing::warn!(
                        target: "tower_monitor", notifier = %name, %error,
                        "not every recipient of text messages got an alert"
                    );
                });
                Ok(())
            }
            result => result,
        }
    }

    fn budget(&self) -> Budget {
        Budget::TWILIO
    }
}

/// What it is called when it is not given a name.
pub const DEFAULT_NAME: &str = "sms";

/// Where Twilio is, unless something else is [said](Sms::base_url).
pub const DEFAULT_BASE_URL: &str = "https://api.twilio.com";

/// How long Twilio may keep a message that it cannot pass on: 10 min. Older news would only confuse.
pub const VALIDITY: Duration = Duration::from_secs(600);

/// How long a number is left out that takes no messages: a day.
pub const DEAD_FOR: Duration = Duration::from_secs(86_400);

/// How many tries of an alert may end for a number without anybody knowing whether Twilio has taken it: 2.
pub const MAX_UNCLEAR: u32 = 2;

#[cfg(test)]
mod tests;

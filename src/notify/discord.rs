//! Alerts in a Discord channel.
//!
//! ```no_run
//! use tower_monitor::{Monitor, notify::Discord};
//!
//! let monitor = Monitor::builder()
//!     .notifier(Discord::webhook("https://discord.com/api/webhooks/1234567890/a-long-token"))
//!     .build()?;
//! # Ok::<_, tower_monitor::BuildError>(())
//! ```
//!
//! The URL: in Discord, the channel's settings, Integrations, Webhooks, New Webhook, Copy Webhook URL. Whoever has it can write into
//! the channel; the part after the host is treated as a secret.
//!
//! # The message
//!
//! One line that a phone shows, and under it a card in the color of the news: where, who was hit, how often and the other
//! fields, the stack and what led up to it as code, a link to the issue's page when it is
//! [known](crate::Builder::dashboard_url), and what to search for in the last line.
//!
//! What clients and apps wrote is only text: Discord's Markdown is escaped, `allowed_mentions` is empty, so that nobody
//! can be pinged, and no link or invitation gets a card of its own. Discord's limits are kept, counted in UTF-16 units: 2,000 for the line, 25 fields of 1,024, 4,096 for the
//! description, 6,000 for the card. What does not fit is left out, the least useful first.
//!
//! # The answer
//!
//! | Answer | Means |
//! |---|---|
//! | 200, 204 | arrived; asked with `?wait=true`, Discord answers when the message is in the channel |
//! | 429 | temporary, with the wait of `retry_after` in the body or the headers |
//! | 408, 5xx | temporary |
//! | 401, 403, 404 | the webhook was deleted (code 10015), or its token is wrong |
//! | 400, 413 | refused: less is tried |
//!
//! When an answer says that no request is left (`X-RateLimit-Remaining: 0`), the next alert waits for `X-RateLimit-Reset-After`
//! without asking: Discord bans addresses that run into its limits too often.
//!
//! # The environment
//!
//! [`Discord::from_env`] reads:
//!
//! | Variable | Is |
//! |---|---|
//! | `DISCORD_WEBHOOK_URL` | the webhook's URL. Without it there is no notifier |

mod limits;
mod markdown;
mod payload;

use std::fmt;

pub use super::http::{CALL_LIMIT, CONNECT_LIMIT};

use super::http::{Endpoint, Pause, Target, base_headers, url};
use super::settings::{Checked, check_name, variable};
use super::shrink::{Shrink, Size};
use super::{Budget, Notifier, NotifyError};
use crate::issue::Alert;
use crate::redact::Secret;
use limits::{judged, pause};
use payload::payload;

/// Posts alerts into a Discord channel. [The module](self) says what they look like.
///
/// Its settings are checked by [`build()`](crate::Builder::build). Default [budget](Notifier::budget): [`Budget::DISCORD`].
#[must_use]
pub struct Discord {
    settings: Checked<Settings, Endpoint>,
    shrink: Shrink,
    pause: Pause,
}

struct Settings {
    name: String,
    url: Secret,
    thread: Option<u64>,
    env_proxy: bool,
}

impl Discord {
    /// A notifier that posts to this webhook: `https://discord.com/api/webhooks/`, a number, `/` and a token. Hosts other than
    /// Discord's are refused, but for loopback addresses.
    pub fn webhook(url: impl Into<Secret>) -> Self {
        let settings = Settings {
            name: DEFAULT_NAME.to_owned(),
            url: url.into(),
            thread: None,
            env_proxy: false,
        };
        Self {
            settings: Checked::new(settings, Settings::prepare),
            shrink: Shrink::default(),
            pause: Pause::default(),
        }
    }

    /// What [the environment](self#the-environment) names; `None` when `DISCORD_WEBHOOK_URL` is unset or empty. A wrong value is
    /// found by [`build()`](crate::Builder::build).
    #[must_use]
    pub fn from_env() -> Option<Self> {
        Self::from_variables(variable)
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        variable("DISCORD_WEBHOOK_URL").map(Self::webhook)
    }

    /// What it is called in logs and errors: 1 to 64 visible characters on one line.
    ///
    /// Default: [`DEFAULT_NAME`].
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Posts into this thread of the webhook's channel: the thread's id, which Discord copies in its developer mode.
    ///
    /// Default: the channel itself.
    pub fn thread(mut self, id: u64) -> Self {
        self.settings.thread = Some(id);
        self
    }

    /// Goes through the proxy that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name when the monitor is built.
    ///
    /// Default: the environment is not read.
    pub fn env_proxy(mut self) -> Self {
        self.settings.env_proxy = true;
        self
    }

    async fn send(&self, to: &Endpoint, alert: &Alert, size: Size) -> Result<(), NotifyError> {
        self.pause.check("Discord")?;
        let body = payload(alert, size).to_string();
        let answer = to.post(base_headers("application/json"), body).await?;
        if let Some(wait) = pause(&answer) {
            self.pause.hold(wait);
        }
        judged(&answer)
    }
}

impl fmt::Debug for Discord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.settings.ready().map(Endpoint::origin);
        f.debug_struct("Discord")
            .field("name", &self.settings.name)
            .field("webhook", &origin.as_deref().unwrap_or("not a URL"))
            .field("thread", &self.settings.thread)
            .field("env_proxy", &self.settings.env_proxy)
            .finish()
    }
}

impl Notifier for Discord {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn check(&self) -> Result<(), String> {
        self.settings.check()
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        let to = self.settings.ready().map_err(NotifyError::refused)?;
        self.shrink
            .send(&self.settings.name, alert.id, |size| {
                self.send(to, alert, size)
            })
            .await
    }

    fn budget(&self) -> Budget {
        Budget::DISCORD
    }
}

impl Settings {
    fn prepare(&self) -> Result<Endpoint, String> {
        check_name("Discord", &self.name, "discord")?;
        let what = "the Discord webhook's URL";
        let problem = |problem: &str| format!("{what} {problem}; a right one looks like `{RIGHT}`");
        let text = self.url.expose().trim();
        if text.contains('?') {
            return Err(problem("has a query, which is set by `.thread(…)`"));
        }
        let parsed = url::parse(text).map_err(|why| problem(&why))?;
        let is_loopback = url::is_loopback(&parsed);
        if !is_loopback && !is_discords(parsed.host().unwrap_or_default()) {
            return Err(problem("leads to a host that is not Discord's"));
        }
        if !is_webhook(parsed.path()) {
            return Err(problem("has not the path of a webhook"));
        }
        let thread = self.thread.map(|id| format!("&thread_id={id}"));
        let url = format!("{text}?wait=true{}", thread.unwrap_or_default());
        Endpoint::new(&Target {
            what,
            url: &url,
            right: RIGHT,
            is_secure: true,
            env_proxy: self.env_proxy,
        })
        .map(|endpoint| endpoint.hiding(&self.url))
    }
}

fn is_discords(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    ["discord.com", "discordapp.com"].iter().any(|own| {
        let before = host.strip_suffix(own);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    })
}

/// `/api/webhooks/`, a number, `/` and a token; a version may follow `api`.
fn is_webhook(path: &str) -> bool {
    let mut parts = path.split('/').skip(1).peekable();
    let is_api = parts.next() == Some("api");
    let is_version = |part: &&str| {
        part.strip_prefix('v')
            .is_some_and(|number| number.parse::<u8>().is_ok())
    };
    parts.next_if(is_version);
    let is_token = |token: &str| {
        !token.is_empty()
            && token
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    is_api
        && parts.next() == Some("webhooks")
        && parts.next().is_some_and(|id| id.parse::<u64>().is_ok())
        && parts.next().is_some_and(is_token)
        && parts.next().is_none()
}

/// What it is called when it is not given a name.
pub const DEFAULT_NAME: &str = "discord";

const RIGHT: &str = "https://discord.com/api/webhooks/1234567890/a-long-token";

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://discord.com/api/webhooks/1234567890/hidden-token_1";

    #[test]
    fn right_urls_pass() {
        for right in [
            URL,
            "https://ptb.discord.com/api/webhooks/1/a",
            "https://discordapp.com/api/v10/webhooks/1/a",
            "http://127.0.0.1:4010/api/webhooks/1/a",
            "http://[::1]:4010/api/webhooks/1/a",
            "http://localhost/api/webhooks/1/a",
        ] {
            assert_eq!(Discord::webhook(right).thread(7).check(), Ok(()), "{right}");
        }
    }

    #[test]
    fn a_wrong_setting_is_named_with_a_right_one_and_not_shown() {
        for wrong in [
            "",
            "hidden",
            "https://discord.com/hidden",
            "https://discord.com/api/webhooks/hidden/x",
            "https://discord.com/api/webhooks/1/hidden/slack",
            "https://discord.com/api/webhooks/1/hidden?thread_id=2",
            "https://discord.com/api/webhooks/1/",
            "https://hooks.example.com/api/webhooks/1/hidden",
            "https://notdiscord.com/api/webhooks/1/hidden",
            "http://discord.com/api/webhooks/1/hidden",
            "https://discord.com.example.com/api/webhooks/1/hidden",
        ] {
            let error = Discord::webhook(wrong).check().unwrap_err();
            assert!(
                error.contains("webhook's URL") && error.contains(RIGHT),
                "{error}"
            );
            assert!(!error.contains("hidden"), "{error}");
        }
        let error = Discord::webhook(URL).name("\n").check().unwrap_err();
        assert!(error.contains("Discord notifier"), "{error}");
    }

    #[test]
    fn debug_shows_the_host_alone() {
        let text = format!("{:?}", Discord::webhook(URL).thread(99));
        assert!(
            text.contains("https://discord.com\"") && text.contains("99"),
            "{text}"
        );
        assert!(
            !text.contains("hidden") && !text.contains("1234567890"),
            "{text}"
        );
    }

    #[test]
    fn the_environment_is_read_only_when_there_is_a_url() {
        assert!(Discord::from_variables(|_| None).is_none());
        let given = |name: &str| (name == "DISCORD_WEBHOOK_URL").then(|| URL.to_owned());
        assert_eq!(Discord::from_variables(given).unwrap().check(), Ok(()));
    }
}

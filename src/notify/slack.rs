//! Alerts as messages in Slack, through a webhook or as a bot.
//!
//! ```
//! use tower_monitor::{Monitor, notify::Slack};
//!
//! let monitor = Monitor::builder()
//!     .notifier(Slack::webhook("https://hooks.slack.com/services/T024BE7LD/B02Q4T1QH/the-secret"))
//!     .build()?;
//! # Ok::<_, tower_monitor::BuildError>(())
//! ```
//!
//! # A webhook or a bot
//!
//! A webhook posts to one channel. At <https://api.slack.com/apps> create an app ("From scratch"), turn on "Incoming Webhooks",
//! "Add New Webhook to Workspace", choose the channel and copy the URL. GovSlack's webhooks work, too. So do those of
//! Mattermost, Rocket.Chat and other servers that take Slack's messages, at any host and path; some of them show only the
//! headline, the reference and the link. URLs that start workflows (`/workflows/`, `/triggers/`) do not work.
//!
//! A bot keeps all alerts of an issue in one thread. Give the app of above the scope `chat:write` under "OAuth & Permissions",
//! install it, copy the "Bot User OAuth Token" (`xoxb-…`), and invite it into the channel with `/invite`:
//!
//! ```
//! use tower_monitor::{Monitor, notify::Slack};
//!
//! let monitor = Monitor::builder()
//!     .notifier(Slack::bot("xoxb-the-token-of-your-bot", "C024BE91L"))
//!     .build()?;
//! # Ok::<_, tower_monitor::BuildError>(())
//! ```
//!
//! The first alert of an issue begins its thread, which all processes that share the [store](crate::store) continue. A later
//! alert goes into the thread and, as a reply that is also sent to the channel, to everybody: when the issue is back (after it was
//! told to be over, too), has reached a number of times or users, has become frequent, is over or no longer muted. Only into the
//! thread goes what reminds of an issue that goes on, and its endings where a [`Channel`](super::Channel::takes) asks for them;
//! unless it is critical, worse than what was told in the thread before, or tells of other issues, too. A test alert is a message of
//! its own. Where the thread is gone, or [forgotten](crate::Alert::memo), a new one begins.
//!
//! # The message
//!
//! As a person sees it, with the evidence beside a bar in the [tone's color](super::Tone::color):
//!
//! ```text
#![doc = include_str!("../../tests/payloads/slack/panic.txt")]
//! ```
//!
//! Slack's limits are kept, counted in UTF-16 code units: a header of 150, texts of 3,000, fields of 2,000, 10 of them in a block,
//! 50 blocks, 12,000 in all blocks together. What [helps least](super::Message::shorten) is left out. `text`, for notifications
//! and screen readers, is the headline, the reference and the link, at most 4,000.
//!
//! Nothing that clients or apps wrote can mention anybody, become a link or end a code block. Links are not unfurled.
//!
//! When Slack refuses the message as it is, less is sent: few blocks without attachments and buttons, then two plain lines.
//!
//! # The answer
//!
//! | A webhook says | A bot is told, mostly with 200 and `"ok": false` | Means |
//! |---|---|---|
//! | 2xx | `"ok": true`, even where the rest is cut off | arrived |
//! | 408, 425, 429, 5xx such as `rollup_error` | `ratelimited`, `fatal_error`, `internal_error`, `service_unavailable`, `request_timeout`, an answer that says neither yes nor no | another try, after the time in `Retry-After` when there is one |
//! | 400 such as `invalid_blocks`, 413, 422 | `msg_too_long`, `msg_blocks_too_long`, `invalid_blocks`, `invalid_arguments`, `invalid_attachments`, `no_text` | refused as it is: less is sent |
//! | 401, 403 such as `invalid_token`, 404 such as `no_service`, 410 such as `channel_is_archived` | `invalid_auth`, `not_authed`, `account_inactive`, `token_revoked`, `missing_scope`, `channel_not_found`, `not_in_channel`, `is_archived`, `restricted_action` | the destination is gone; where the remedy is known, the error says it |
//! | | `thread_not_found`, `message_not_found`, `cannot_reply_to_message` | the same alert is sent once more, and begins a new thread |
//! | everything else, redirects too | everything else | refused |
//!
//! The time limits are [`CONNECT_LIMIT`] and [`CALL_LIMIT`]; at most 64 KiB of an answer are read.
//!
//! # The environment
//!
//! Read by [`Slack::from_env`] only:
//!
//! | Variable | Is |
//! |---|---|
//! | `SLACK_WEBHOOK_URL` | the webhook's URL; it goes before the others |
//! | `SLACK_BOT_TOKEN` | the bot's token |
//! | `SLACK_CHANNEL` | the channel's id or name, for the bot |

mod answer;
mod blocks;
mod settings;
mod text;
mod thread;

use std::fmt;

use serde_json::Value;

pub use super::http::{CALL_LIMIT, CONNECT_LIMIT};

use super::http::HttpAnswer;
use super::settings::{Checked, filled, variable};
use super::shrink::{Shrink, Size};
use super::{Budget, Message, Notifier, NotifyError};
use crate::issue::Alert;
use crate::redact::Secret;
use answer::Said;
use settings::{Ready, Settings, Way};
use thread::Thread;

/// Sends alerts to Slack. [The module](self) says how to get a webhook or a bot, and what a message looks like.
///
/// ```
/// use tower_monitor::notify::Slack;
///
/// let slack = Slack::bot("xoxb-the-token-of-your-bot", "#alerts").name("slack-ops");
///
/// assert!(!format!("{slack:?}").contains("the-token"));
/// ```
///
/// Its settings are checked by [`build()`](crate::Builder::build). Its [budget](Notifier::budget) is [`Budget::SLACK`].
#[must_use]
pub struct Slack {
    settings: Checked<Settings, Ready>,
    shrink: Shrink,
}

impl Slack {
    /// A notifier that posts to an incoming webhook, such as `https://hooks.slack.com/services/T…/B…/…`. The whole URL beyond
    /// scheme and host is treated as a secret. `http` is taken for loopback hosts only.
    pub fn webhook(url: impl Into<Secret>) -> Self {
        Self::with(Way::Webhook(url.into()))
    }

    /// A notifier that posts as a bot, one thread for each issue. The token begins with `xoxb-`; the channel is its id such as
    /// `C024BE91L`, which outlasts a new name, or its name such as `#alerts`, at most 128 bytes.
    pub fn bot(token: impl Into<Secret>, channel: impl Into<String>) -> Self {
        let (token, channel) = (token.into(), channel.into());
        Self::with(Way::Bot { token, channel })
    }

    /// What [the environment](self#the-environment) says; `None` when neither `SLACK_WEBHOOK_URL` nor `SLACK_BOT_TOKEN` is set,
    /// or both are empty. A wrong value is found by [`build()`](crate::Builder::build).
    #[must_use]
    pub fn from_env() -> Option<Self> {
        Self::from(variable)
    }

    fn from(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let variable = |name| filled(&variable(name)?);
        if let Some(url) = variable("SLACK_WEBHOOK_URL") {
            return Some(Self::webhook(url));
        }
        let token = variable("SLACK_BOT_TOKEN")?;
        Some(Self::bot(
            token,
            variable("SLACK_CHANNEL").unwrap_or_default(),
        ))
    }

    fn with(way: Way) -> Self {
        Self {
            settings: Checked::new(Settings::new(way), Settings::prepare),
            shrink: Shrink::default(),
        }
    }

    /// What it is called in logs and errors: 1 to 64 visible characters on one line.
    ///
    /// Default: [`DEFAULT_NAME`].
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Where the Web API is, for a bot: `/chat.postMessage` follows. GovSlack's is `https://slack-gov.com/api`.
    ///
    /// Default: [`DEFAULT_BASE_URL`].
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.settings.base_url = Some(url.into());
        self
    }

    /// Goes through the proxy that the environment names when the monitor is built: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
    /// `NO_PROXY`, in upper or lower case.
    ///
    /// Default: the environment is not read.
    pub fn env_proxy(mut self) -> Self {
        self.settings.env_proxy = true;
        self
    }
}

impl fmt::Debug for Slack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        let origin = settings.ready().map(|ready| ready.endpoint.origin());
        let is_right = origin.is_ok();
        let origin = origin.as_deref().unwrap_or("not ready");
        let mut out = f.debug_struct("Slack");
        out.field("name", &settings.name);
        match &settings.way {
            Way::Webhook(_) => out.field("webhook", &origin),
            Way::Bot { token, channel } => out
                .field("token", token)
                .field("channel", &is_right.then_some(channel))
                .field("base_url", &origin),
        };
        out.field("env_proxy", &settings.env_proxy).finish()
    }
}

impl Notifier for Slack {
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

    fn budget(&self) -> Budget {
        Budget::SLACK
    }
}

impl Ready {
    async fn send(&self, alert: &Alert, size: Size) -> Result<(), NotifyError> {
        let payload = payload(alert, size);
        match &self.channel {
            None => answer::of_webhook(&self.post(&payload).await?),
            Some(channel) => self.say(payload, alert, channel).await,
        }
    }

    /// Posts as a bot: into the issue's thread or, where there is none any more, as the beginning of a new one.
    async fn say(
        &self,
        mut payload: Value,
        alert: &Alert,
        channel: &str,
    ) -> Result<(), NotifyError> {
        payload["channel"] = channel.into();
        if let Some(thread) = Thread::of(alert, channel) {
            let mut reply = payload.clone();
            reply["thread_ts"] = thread.ts.as_str().into();
            reply["reply_broadcast"] = thread.is_for_all(alert).into();
            if let Said::Arrived(_) = answer::of_bot(&self.post(&reply).await?)? {
                thread.keep(alert, channel);
                return Ok(());
            }
        }
        match answer::of_bot(&self.post(&payload).await?)? {
            Said::Arrived(ts) => {
                if let Some(thread) = Thread::begun(&ts, alert) {
                    thread.keep(alert, channel);
                }
                Ok(())
            }
            Said::NoThread(error) => Err(error),
        }
    }

    async fn post(&self, payload: &Value) -> Result<HttpAnswer, NotifyError> {
        let headers = self.headers.clone();
        Ok(self.endpoint.post(headers, payload.to_string()).await?)
    }
}

fn payload(alert: &Alert, size: Size) -> Value {
    let message = Message::of(alert);
    match size {
        Size::Whole => blocks::whole(message),
        Size::Small => blocks::small(message),
        Size::Failsafe => blocks::failsafe(&message),
    }
}

/// What it is called when it is not given a name.
pub const DEFAULT_NAME: &str = "slack";

/// Slack's own Web API.
pub const DEFAULT_BASE_URL: &str = "https://slack.com/api";

#[cfg(test)]
mod tests;

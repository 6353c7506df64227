//! Alerts as messages of a Telegram bot.
//!
//! ```
//! use tower_monitor::{Monitor, notify::Telegram};
//!
//! let token = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";
//! let monitor = Monitor::builder()
//!     .notifier(Telegram::bot(token, -1_001_234_567_890_i64))
//!     .build()?;
//! # Ok::<_, tower_monitor::BuildError>(())
//! ```
//!
//! # Getting the token and the chat
//!
//! 1. Write `/newbot` to [@BotFather](https://t.me/BotFather), which answers with the token.
//! 2. Add the bot to the group; in a channel, make it an administrator that may post. To be told in person, open the bot and press
//!    *Start*: a bot cannot write to somebody first.
//! 3. Write something there, and open `https://api.telegram.org/bot<token>/getUpdates` in a browser: `chat.id` is the number, of a
//!    group below zero. A public channel is named by its `@name` as well. In a group with topics, `message_thread_id` is the topic's.
//!
//! # The message
//!
//! The headline, what is known about it, the stack and the way to it in fixed width, and a button to the issue's page where
//! the [dashboard](crate::Builder::dashboard_url) has an `https` address. It comes without sound when it tells that something is over, or
//! is no worse than [`Severity::Info`].
//!
//! What others wrote stays text: it makes no bold letters, no links, and mentions nobody. Outside of fixed width, an invisible
//! U+2060 stands behind each `@`, `#`, `/`, `$` and `.` from which Telegram would make a link by itself.
//!
//! | Limit of Telegram's Bot API (`sendMessage`) | Kept by |
//! |---|---|
//! | 4,096 UTF-16 units of text, markup not counted | taking away [what helps least](crate::notify::Message::shorten) |
//! | 20 messages in a minute for each group | [`Budget::TELEGRAM`] |
//!
//! # The answer
//!
//! | Answer | Means |
//! |---|---|
//! | 2xx, unless it says `"ok":false` | the alert has arrived |
//! | 429, 5xx, no answer | another try, after the time in `parameters.retry_after` or `Retry-After` when there is one |
//! | 400 with `parameters.migrate_to_chat_id` | the group has become a supergroup: the message goes there, as all later ones do until the process ends; the log says which number to set |
//! | 400 that says the chat or the topic is not there, or the bot may not write to it; 401, 403, 404 | the destination is gone |
//! | 400 otherwise, such as `can't parse entities` or `message is too long`; 413 | refused as it is: the alert in few words follows, without any markup |
//!
//! The time limits are [`CONNECT_LIMIT`] and [`CALL_LIMIT`]; at most 64 KiB of an answer are read.
//!
//! # The environment
//!
//! [`Telegram::from_env`] reads:
//!
//! | Variable | Is |
//! |---|---|
//! | `TELEGRAM_BOT_TOKEN` | the bot's token |
//! | `TELEGRAM_CHAT_ID` | the chat: a number, or the `@name` of a public channel |

mod answer;
mod chat;
mod text;

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};

pub use super::http::{CALL_LIMIT, CONNECT_LIMIT};

use super::http::{Endpoint, Target, base_headers};
use super::settings::{Checked, check_name, variable};
use super::shrink::{Shrink, Size};
use super::{Budget, Message, Notifier, NotifyError, Tone};
use crate::guard::contained;
use crate::issue::{Alert, Severity};
use crate::redact::Secret;
use answer::{Said, understand};
use chat::Chat;
use text::Text;

/// Sends alerts as messages of a Telegram bot. [The module](self) says how to get one, and what a message looks like.
///
/// ```
/// use tower_monitor::notify::Telegram;
///
/// let token = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";
/// let telegram = Telegram::bot(token, "@shop_alerts").name("telegram-ops");
/// assert!(!format!("{telegram:?}").contains("AAHdqTcvCH1v"));
/// ```
///
/// Its settings are checked by [`build()`](crate::Builder::build).
#[must_use]
pub struct Telegram {
    settings: Checked<Settings, Ready>,
    shrink: Shrink,
    /// The supergroup that the chat has become; 0 while it has not.
    moved_to: AtomicI64,
}

struct Settings {
    name: String,
    token: Secret,
    chat: String,
    thread: Option<i64>,
    base_url: String,
    env_proxy: bool,
}

struct Ready {
    endpoint: Endpoint,
    chat: Chat,
}

impl Telegram {
    /// A bot that writes to a chat: its number, or the `@name` of a public channel.
    ///
    /// The token is treated as a secret.
    pub fn bot(token: impl Into<Secret>, chat: impl ToString) -> Self {
        let settings = Settings {
            name: DEFAULT_NAME.to_owned(),
            token: token.into(),
            chat: chat.to_string(),
            thread: None,
            base_url: DEFAULT_BASE_URL.to_owned(),
            env_proxy: false,
        };
        Self {
            settings: Checked::new(settings, Settings::prepare),
            shrink: Shrink::default(),
            moved_to: AtomicI64::new(0),
        }
    }

    /// What the environment says, see [the table](self#the-environment); `None` when `TELEGRAM_BOT_TOKEN` is not set or empty.
    pub fn from_env() -> Option<Self> {
        Self::from(variable)
    }

    fn from(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let token = variable(TOKEN_VARIABLE)?;
        let chat = variable(CHAT_VARIABLE).unwrap_or_default();
        Some(Self::bot(token, chat))
    }

    /// What it is called in logs and errors: 1 to 64 visible characters on one line.
    ///
    /// Default: [`DEFAULT_NAME`].
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// The topic of the group to write to: its `message_thread_id`, greater than 0. Default: the group's general topic.
    pub fn thread(mut self, id: i64) -> Self {
        self.settings.thread = Some(id);
        self
    }

    /// Another server of the Bot API, such as your own. Default: [`DEFAULT_BASE_URL`].
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.settings.base_url = url.into();
        self
    }

    /// Goes through the proxy that the environment names when the monitor is built: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`,
    /// `NO_PROXY`, in upper or lower case. Default: the environment is not read.
    pub fn env_proxy(mut self) -> Self {
        self.settings.env_proxy = true;
        self
    }

    fn chat(&self, ready: &Ready) -> Value {
        match self.moved_to.load(Ordering::Relaxed) {
            0 => ready.chat.to_json(),
            id => id.into(),
        }
    }

    async fn send(&self, ready: &Ready, alert: &Alert, size: Size) -> Result<(), NotifyError> {
        match self.post(ready, alert, size).await? {
            Said::Arrived => Ok(()),
            Said::MovedTo(id) => {
                self.follow(id);
                match self.post(ready, alert, size).await? {
                    Said::Arrived => Ok(()),
                    Said::MovedTo(_) => Err(NotifyError::refused(
                        "Telegram names one supergroup after another for this chat",
                    )),
                }
            }
        }
    }

    async fn post(&self, ready: &Ready, alert: &Alert, size: Size) -> Result<Said, NotifyError> {
        let payload = payload(alert, size, &self.chat(ready), self.settings.thread);
        let headers = base_headers("application/json");
        let answer = ready.endpoint.post(headers, payload.to_string()).await?;
        understand(&answer)
    }

    fn follow(&self, id: i64) {
        self.moved_to.store(id, Ordering::Relaxed);
        let notifier = &self.settings.name;
        let _ = contained(|| {
            tracing::warn!(
                target: "tower_monitor", notifier, chat = id,
                "the Telegram group has become a supergroup; set this number as its chat, in the code or as {CHAT_VARIABLE}"
            );
        });
    }
}

impl fmt::Debug for Telegram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        let ready = settings.ready();
        let origin = ready.map(|ready| ready.endpoint.origin());
        f.debug_struct("Telegram")
            .field("name", &settings.name)
            .field("token", &settings.token)
            .field("chat", &ready.map(|ready| &ready.chat).ok())
            .field("thread", &settings.thread)
            .field("base_url", &origin.as_deref().unwrap_or("not ready"))
            .field("env_proxy", &settings.env_proxy)
            .finish()
    }
}

impl Notifier for Telegram {
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
                self.send(ready, alert, size)
            })
            .await
    }

    fn budget(&self) -> Budget {
        Budget::TELEGRAM
    }
}

impl Settings {
    fn prepare(&self) -> Result<Ready, String> {
        check_name("Telegram", &self.name, "telegram-ops")?;
        let token = self.token.expose();
        let secret = chat::secret_of(token)?;
        if let Some(id) = self.thread.filter(|id| *id <= 0) {
            return Err(format!(
                "the Telegram topic {id} is not greater than 0; a right one is the `message_thread_id` that `getUpdates` shows, such as `7`"
            ));
        }
        let base = self.base_url.trim_end_matches('/');
        let endpoint = Endpoint::new(&Target {
            what: "Telegram's base URL",
            url: &format!("{base}/bot{token}/sendMessage"),
            right: DEFAULT_BASE_URL,
            is_secure: true,
            env_proxy: self.env_proxy,
        })?;
        Ok(Ready {
            endpoint: endpoint.hiding(&self.token).hiding(&Secret::new(secret)),
            chat: Chat::parse(&self.chat)?,
        })
    }
}

fn payload(alert: &Alert, size: Size, chat: &Value, thread: Option<i64>) -> Value {
    let message = Message::of(alert);
    let is_quiet = matches!(message.tone, Tone::Good | Tone::Bad(Severity::Info));
    let button = button(&message).filter(|_| size == Size::Whole);
    let text = match size {
        Size::Whole => Text::whole(message, button.is_some()),
        Size::Small => Text::small(message),
        Size::Failsafe => Text::failsafe(&message),
    };
    let mut payload = json!({
        "chat_id": chat,
        "text": text.content,
        "link_preview_options": { "is_disabled": true },
    });
    if text.has_markup {
        payload["parse_mode"] = "HTML".into();
    }
    if let Some(thread) = thread {
        payload["message_thread_id"] = thread.into();
    }
    if is_quiet {
        payload["disable_notification"] = true.into();
    }
    if let Some(button) = button {
        payload["reply_markup"] = json!({ "inline_keyboard": [[button]] });
    }
    payload
}

/// Telegram refuses the whole message for a button whose address it does not like, as those of private hosts over `http`.
fn button(message: &Message) -> Option<Value> {
    let mut links = message.links.iter();
    let link = links.find(|link| link.url.starts_with("https://"))?;
    Some(json!({ "text": format!("Open the {}", link.text), "url": link.url }))
}

/// What it is called when it is not given a name.
pub const DEFAULT_NAME: &str = "telegram";
/// Telegram's own server of the Bot API.
pub const DEFAULT_BASE_URL: &str = "https://api.telegram.org";

const TOKEN_VARIABLE: &str = "TELEGRAM_BOT_TOKEN";
const CHAT_VARIABLE: &str = "TELEGRAM_CHAT_ID";

#[cfg(test)]
mod tests;

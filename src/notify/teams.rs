//! Alerts as cards in a Microsoft Teams channel or chat.
//!
//! ```
//! use tower_monitor::{Monitor, notify::Teams};
//!
//! let url = "https://prod-00.westeurope.logic.azure.com/workflows/0a1b2c/triggers/manual/paths/invoke?api-version=2016-06-01&sig=u7Yc0Jq2";
//! let monitor = Monitor::builder().notifier(Teams::workflow(url)).build()?;
//! # Ok::<_, tower_monitor::BuildError>(())
//! ```
//!
//! # Getting the URL
//!
//! 1. In Teams, open *Workflows* from the menu `…` beside the channel's name.
//! 2. Choose *Send webhook alerts to a channel* (or *to a chat*; older versions call it *Post to a channel when a webhook request is received*).
//! 3. Copy the URL that it shows at the end, all of it: who has it can write to the channel. In a shell it stands in quotation marks,
//!    because of its `&`.
//!
//! The older connectors, `….webhook.office.com`, have been retired by Microsoft. A workflow belongs to a person: give it a
//! second owner, so that it does not end with an account.
//!
//! # The card
//!
//! An [Adaptive Card](https://adaptivecards.io) 1.4 inside of a message: the headline in the color of the news, what is known
//! about it as facts, the stack and the way to it in fixed width, and a button to the issue's page where there is a
//! [dashboard](crate::Builder::dashboard_url). What others wrote stays text: the Markdown that cards know is escaped.
//!
//! | Limit | Kept by |
//! |---|---|
//! | 28 KB for the whole message, of which some 21 KB were seen to arrive | at most 20 KiB, by taking away [what helps least](crate::notify::Message::shorten) |
//! | 4 messages in a second, 100 in an hour | [`Budget::TEAMS`] |
//!
//! # The answer
//!
//! | Answer | Means |
//! |---|---|
//! | 2xx, as the 202 that workflows give | the workflow has taken the alert. Whether it could post the card is in the workflow's run history |
//! | 2xx whose text says `HTTP error` with a number, or that the delivery failed | what that number means here, another try without one |
//! | 408, 425, 429, 5xx, no answer | another try, after the time in `Retry-After` when there is one |
//! | 400 that says the workflow is turned off (`WorkflowTriggerIsNotEnabled`), 401, 403, 404, 410 | the destination is gone |
//! | 400 otherwise, 413 | refused as it is: the alert in few words follows, then one line |
//!
//! The time limits are [`CONNECT_LIMIT`] and [`CALL_LIMIT`]; at most 64 KiB of an answer are read.
//!
//! # The environment
//!
//! [`Teams::from_env`] reads:
//!
//! | Variable | Is |
//! |---|---|
//! | `TEAMS_WEBHOOK_URL` | the workflow's URL |

mod answer;
mod card;

use std::fmt;

pub use super::http::{CALL_LIMIT, CONNECT_LIMIT};

use super::http::{Endpoint, Target, base_headers};
use super::settings::{Checked, check_name, variable};
use super::shrink::Shrink;
use super::{Budget, Notifier, NotifyError};
use crate::issue::Alert;
use crate::redact::{Secret, percent_decoded};
use answer::understand;

/// Sends alerts to a workflow of Microsoft Teams. [The module](self) says how to make one, and what a card looks like.
///
/// ```
/// use tower_monitor::notify::Teams;
///
/// let url = "https://prod-00.westeurope.logic.azure.com/workflows/0a1b2c/triggers/manual/paths/invoke?sig=u7Yc0Jq2";
/// let teams = Teams::workflow(url).name("teams-ops");
/// assert!(!format!("{teams:?}").contains("u7Yc0Jq2"));
/// ```
///
/// Its settings are checked by [`build()`](crate::Builder::build).
#[must_use]
pub struct Teams {
    settings: Checked<Settings, Endpoint>,
    shrink: Shrink,
}

struct Settings {
    name: String,
    url: Secret,
    env_proxy: bool,
}

impl Teams {
    /// A notifier that posts to the URL of a workflow: `https`, with the `sig` in its query. A loopback address may be `http`.
    ///
    /// The whole URL beyond scheme and host is treated as a secret.
    pub fn workflow(url: impl Into<Secret>) -> Self {
        let settings = Settings {
            name: DEFAULT_NAME.to_owned(),
            url: url.into(),
            env_proxy: false,
        };
        Self {
            settings: Checked::new(settings, Settings::prepare),
            shrink: Shrink::default(),
        }
    }

    /// What the environment says, see [the table](self#the-environment); `None` when `TEAMS_WEBHOOK_URL` is not set or empty.
    pub fn from_env() -> Option<Self> {
        Self::from(variable)
    }

    fn from(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let url = variable(URL_VARIABLE)?;
        Some(Self::workflow(url))
    }

    /// What it is called in logs and errors: 1 to 64 visible characters on one line.
    ///
    /// Default: [`DEFAULT_NAME`].
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Goes through the proxy that the environment names when the monitor is built: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`,
    /// `NO_PROXY`, in upper or lower case. Default: the environment is not read.
    pub fn env_proxy(mut self) -> Self {
        self.settings.env_proxy = true;
        self
    }
}

impl fmt::Debug for Teams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.settings.ready().map(Endpoint::origin);
        f.debug_struct("Teams")
            .field("name", &self.settings.name)
            .field("url", &origin.as_deref().unwrap_or("no URL of a workflow"))
            .field("env_proxy", &self.settings.env_proxy)
            .finish()
    }
}

impl Notifier for Teams {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn check(&self) -> Result<(), String> {
        self.settings.check()
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        let endpoint = self.settings.ready().map_err(NotifyError::refused)?;
        self.shrink
            .send(&self.settings.name, alert.id, async |size| {
                let payload = card::payload(alert, size);
                let headers = base_headers("application/json");
                let answer = endpoint.post(headers, payload.to_string()).await?;
                understand(&answer)
            })
            .await
    }

    fn budget(&self) -> Budget {
        Budget::TEAMS
    }
}

impl Settings {
    fn prepare(&self) -> Result<Endpoint, String> {
        check_name("Teams", &self.name, "teams-ops")?;
        let url = self.url.expose();
        let endpoint = Endpoint::new(&Target {
            what: WHAT,
            url,
            right: RIGHT,
            is_secure: true,
            env_proxy: self.env_proxy,
        })?;
        let sig = check(url)
            .map_err(|problem| format!("{WHAT} {problem}; a right one looks like `{RIGHT}`"))?;
        // An answer may repeat it as the workflow reads it.
        Ok(endpoint.hiding(&Secret::new(percent_decoded(sig))))
    }
}

/// The `sig` of a workflow's URL.
///
/// # Errors
///
/// What is wrong with the URL as that of a workflow, to follow the words "the URL".
fn check(url: &str) -> Result<&str, &'static str> {
    let uri: http::Uri = url.parse().map_err(|_| "cannot be read")?;
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    if host == "outlook.office.com" || host.ends_with(".office.com") {
        return Err(
            "is that of a connector, which Microsoft has retired: in Teams, open `Workflows` from the menu beside the \
             channel's name, choose `Send webhook alerts to a channel`, and take the URL that it shows",
        );
    }
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut values = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("sig="));
    values.find(|sig| !sig.is_empty()).ok_or(
        "has no `sig=` in its query, without which no workflow starts: copy all of it and, in a shell, put it into \
         quotation marks, because it holds `&`",
    )
}

/// What it is called when it is not given a name.
pub const DEFAULT_NAME: &str = "teams";

const URL_VARIABLE: &str = "TEAMS_WEBHOOK_URL";
const WHAT: &str = "the Teams workflow's URL";
const RIGHT: &str =
    "https://prod-00.westeurope.logic.azure.com/workflows/…/triggers/manual/paths/invoke?…&sig=…";

#[cfg(test)]
mod tests;

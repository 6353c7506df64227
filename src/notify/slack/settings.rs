//! What a Slack notifier is set up with, and what is wrong with it.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Uri};

use super::{DEFAULT_BASE_URL, DEFAULT_NAME};
use crate::notify::http::{Endpoint, Target, base_headers};
use crate::notify::settings::check_name;
use crate::redact::Secret;

pub(super) struct Settings {
    pub(super) name: String,
    pub(super) way: Way,
    pub(super) base_url: Option<String>,
    pub(super) env_proxy: bool,
}

pub(super) enum Way {
    Webhook(Secret),
    Bot { token: Secret, channel: String },
}

/// The settings, checked and turned into what a request needs.
pub(super) struct Ready {
    pub(super) endpoint: Endpoint,
    pub(super) headers: HeaderMap,
    /// Where a bot posts to; `None` with a webhook, which has its channel in itself.
    pub(super) channel: Option<String>,
}

impl Settings {
    pub(super) fn new(way: Way) -> Self {
        Self {
            name: DEFAULT_NAME.to_owned(),
            way,
            base_url: None,
            env_proxy: false,
        }
    }

    pub(super) fn prepare(&self) -> Result<Ready, String> {
        check_name("Slack", &self.name, "slack-ops")?;
        match &self.way {
            Way::Webhook(url) => self.webhook(url),
            Way::Bot { token, channel } => self.bot(token, channel),
        }
    }

    fn webhook(&self, url: &Secret) -> Result<Ready, String> {
        if self.base_url.is_some() {
            return Err(
                "a Slack webhook's URL is whole: leave `base_url` out, or use `Slack::bot`, which it is for"
                    .to_owned(),
            );
        }
        let what = "the Slack webhook's URL";
        let endpoint = Endpoint::new(&Target {
            what,
            url: url.expose(),
            right: RIGHT_WEBHOOK,
            is_secure: true,
            env_proxy: self.env_proxy,
        })?;
        check_url(url.expose()).map_err(|problem| {
            format!("{what} {problem}; a right one looks like `{RIGHT_WEBHOOK}`")
        })?;
        Ok(Ready {
            endpoint,
            headers: base_headers(CONTENT_TYPE),
            channel: None,
        })
    }

    fn bot(&self, token: &Secret, channel: &str) -> Result<Ready, String> {
        check_token(token.expose())?;
        check_channel(channel)?;
        let what = "the base URL of the Slack notifier";
        let base = self.base_url.as_deref().unwrap_or(DEFAULT_BASE_URL);
        let url = format!("{}/chat.postMessage", base.trim_end_matches('/'));
        let endpoint = Endpoint::new(&Target {
            what,
            url: &url,
            right: DEFAULT_BASE_URL,
            is_secure: true,
            env_proxy: self.env_proxy,
        })?;
        let mut headers = base_headers(CONTENT_TYPE);
        let mut bearer =
            HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| {
                format!("the Slack bot's token has characters that no token has; {RIGHT_TOKEN}")
            })?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
        Ok(Ready {
            endpoint: endpoint.hiding(token),
            headers,
            channel: Some(channel.to_owned()),
        })
    }
}

/// What is wrong with a webhook's URL, to follow the words "the URL".
fn check_url(url: &str) -> Result<(), String> {
    let url: Uri = url.parse().map_err(|_| "cannot be read".to_owned())?;
    let host = url.host().unwrap_or_default().to_ascii_lowercase();
    let parts: Vec<_> = url.path().split('/').skip(1).collect();
    if !SLACK_HOSTS.contains(&host.as_str()) {
        // Mattermost, Rocket.Chat and others take the same messages at paths of their own.
        let is_slack = ["slack.com", "slack-gov.com"]
            .iter()
            .any(|domain| host == *domain || host.ends_with(&format!(".{domain}")));
        return match (is_slack, url.path()) {
            (true, _) => Err(format!(
                "is one of Slack's, but no webhook's, whose host is `{}`",
                SLACK_HOSTS.join("` or `")
            )),
            (false, "" | "/") => Err("has no path, where a webhook has its secret".to_owned()),
            (false, _) => Ok(()),
        };
    }
    match parts.first().copied().unwrap_or_default() {
        "services" if parts.len() == 4 && parts.iter().all(|part| !part.is_empty()) => Ok(()),
        "services" => Err("is not whole: three parts follow `/services/`".to_owned()),
        "workflows" | "triggers" => Err(
            "starts a workflow (`/workflows/`, `/triggers/`), which takes variables of its own and no alerts; add \
             an \"incoming webhook\" to an app at api.slack.com/apps"
                .to_owned(),
        ),
        _ => Err("does not begin with `/services/` after the host".to_owned()),
    }
}

fn check_token(token: &str) -> Result<(), String> {
    let problem = match token.split_once('-').map(|(kind, _)| kind) {
        Some("xoxb") if token.len() > "xoxb-".len() => return Ok(()),
        Some("xoxp") => {
            "is a user's (`xoxp-`), and alerts would be posted in the name of that person"
        }
        Some("xapp") => "is an app-level one (`xapp-`), which cannot post",
        Some("xoxe" | "xoxe.xoxb" | "xoxe.xoxp") => {
            "is one of those that expire within hours (`xoxe`): turn token rotation off for the app"
        }
        Some("https" | "http") => "is a URL, which `Slack::webhook` takes",
        _ if token.contains("://") => "is a URL, which `Slack::webhook` takes",
        _ if token.is_empty() => "is empty",
        _ => "does not begin with `xoxb-`",
    };
    Err(format!("the Slack bot's token {problem}; {RIGHT_TOKEN}"))
}

fn check_channel(channel: &str) -> Result<(), String> {
    let right =
        "right ones look like `C024BE91L`, which \"View channel details\" shows, and `#alerts`";
    if channel.trim_start_matches('#').is_empty() {
        return Err(format!(
            "the Slack bot has no channel to post to: name one in `Slack::bot` or SLACK_CHANNEL; {right}"
        ));
    }
    let is_wrong = |c: char| c.is_whitespace() || c.is_control() || c == '/';
    if channel.len() > MAX_CHANNEL || channel.contains(is_wrong) {
        return Err(format!(
            "the Slack bot's channel is longer than {MAX_CHANNEL} bytes, or has blanks or slashes in it; {right}"
        ));
    }
    Ok(())
}

const CONTENT_TYPE: &str = "application/json; charset=utf-8";
const SLACK_HOSTS: &[&str] = &["hooks.slack.com", "hooks.slack-gov.com"];
const RIGHT_WEBHOOK: &str = "https://hooks.slack.com/services/T…/B…/…";
const RIGHT_TOKEN: &str = "a right one begins with `xoxb-`: the \"Bot User OAuth Token\" at api.slack.com/apps, under \"OAuth & Permissions\"";
/// So that it fits into the memo with the thread.
const MAX_CHANNEL: usize = 128;

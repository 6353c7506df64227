//! The settings of text messages: checked, and turned into requests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use super::twilio::{Trouble, is_number, is_sender, is_sid, judged, sid_words};
use super::{DEFAULT_BASE_URL, VALIDITY};
use crate::notify::http::{Endpoint, Failure, Target, base_headers};
use crate::notify::settings::check_name;
use crate::redact::Secret;

pub(super) struct Settings {
    pub(super) name: String,
    pub(super) account: String,
    pub(super) auth_token: Secret,
    pub(super) api_key: Option<(String, Secret)>,
    pub(super) sender: Option<Sender>,
    pub(super) to: Vec<Secret>,
    pub(super) base_url: String,
    pub(super) env_proxy: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Sender {
    From(String),
    Service(String),
}

/// The settings, checked and turned into what a request needs.
pub(super) struct Ready {
    pub(super) endpoint: Endpoint,
    headers: HeaderMap,
    sender: (&'static str, String),
    pub(super) to: Vec<String>,
}

impl Settings {
    pub(super) fn prepare(&self) -> Result<Ready, String> {
        check_name("SMS", &self.name, "sms")?;
        if !is_sid("AC", &self.account) {
            return Err(format!(
                "the account SID of the text messages is not {}; a right one looks like `AC0123456789abcdef0123456789abcdef`",
                sid_words("AC")
            ));
        }
        let to = self.numbers()?;
        let base = self.base_url.trim_end_matches('/');
        let url = format!("{base}/2010-04-01/Accounts/{}/Messages.json", self.account);
        if base.contains(['?', '#']) {
            return Err(format!(
                "the base URL of the text messages has more than scheme, host and path; a right one looks like \
                 `{DEFAULT_BASE_URL}`"
            ));
        }
        let what = "the base URL of the text messages";
        let endpoint = Endpoint::new(&Target {
            what,
            url: &url,
            right: DEFAULT_BASE_URL,
            is_secure: true,
            env_proxy: self.env_proxy,
        })?;
        // Twilio's errors repeat the number that they are about.
        let hidden = self.to.iter().chain([&self.auth_token]);
        let hidden = hidden.chain(self.api_key.iter().map(|(_, secret)| secret));
        let hidden = hidden.map(|secret| Secret::new(secret.expose().trim()));
        Ok(Ready {
            endpoint: hidden.fold(endpoint, |endpoint, secret| endpoint.hiding(&secret)),
            headers: self.headers()?,
            sender: self.sender()?,
            to,
        })
    }

    fn numbers(&self) -> Result<Vec<String>, String> {
        let right = "a right one looks like `+491715550101`";
        if self.to.is_empty() {
            return Err(format!(
                "the text messages have no recipient; set one with `.to(…)` or in ALERT_SMS_TO: {right}"
            ));
        }
        let mut numbers: Vec<String> = Vec::new();
        for (at, number) in self.to.iter().enumerate() {
            let number = number.expose();
            if !is_number(number) {
                return Err(format!(
                    "recipient {} of the text messages is no number in E.164 (`+`, then 2 to 15 digits); {right}",
                    at + 1
                ));
            }
            if numbers.iter().any(|known| known == number) {
                return Err(format!(
                    "recipient {} of the text messages is there twice; leave it out once",
                    at + 1
                ));
            }
            numbers.push(number.to_owned());
        }
        Ok(numbers)
    }

    fn sender(&self) -> Result<(&'static str, String), String> {
        match &self.sender {
            Some(Sender::From(from)) if is_sender(from) => Ok(("From", from.clone())),
            Some(Sender::From(_)) => Err(
                "the sender of the text messages is neither a number in E.164 nor a short code nor up to 11 letters and \
                 digits; a right one looks like `+15005550006`"
                    .to_owned(),
            ),
            Some(Sender::Service(sid)) if is_sid("MG", sid) => {
                Ok(("MessagingServiceSid", sid.clone()))
            }
            Some(Sender::Service(_)) => Err(format!(
                "the messaging service of the text messages is not {}; a right one looks like \
                 `MG0123456789abcdef0123456789abcdef`",
                sid_words("MG")
            )),
            None => Err(
                "the text messages have no sender; set one with `.from(…)`, `.messaging_service(…)` or in TWILIO_FROM: a \
                 right one looks like `+15005550006`"
                    .to_owned(),
            ),
        }
    }

    fn headers(&self) -> Result<HeaderMap, String> {
        let (user, password) = match &self.api_key {
            Some((sid, _)) if !is_sid("SK", sid) => {
                return Err(format!(
                    "the SID of the API key of the text messages is not {}; a right one looks like \
                     `SK0123456789abcdef0123456789abcdef`",
                    sid_words("SK")
                ));
            }
            Some((sid, secret)) => (sid, secret),
            None => (&self.account, &self.auth_token),
        };
        if password.expose().trim().is_empty() {
            return Err(
                "the auth token of the text messages is empty; set TWILIO_AUTH_TOKEN or an API key: a right token is the one \
                 beside the account's SID in Twilio's console"
                    .to_owned(),
            );
        }
        let login = STANDARD.encode(format!("{user}:{}", password.expose().trim()));
        let mut login = HeaderValue::try_from(format!("Basic {login}"))
            .map_err(|_| "the login of the text messages fits into no header".to_owned())?;
        login.set_sensitive(true);
        let mut headers = base_headers("application/x-www-form-urlencoded");
        headers.insert(AUTHORIZATION, login);
        Ok(headers)
    }
}

impl Ready {
    pub(super) async fn send(&self, at: usize, text: &str) -> Result<(), Trouble> {
        let (kind, sender) = &self.sender;
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("To", &self.to[at])
            .append_pair(kind, sender)
            .append_pair("Body", text)
            .append_pair("ValidityPeriod", &VALIDITY.as_secs().to_string())
            .finish();
        match self.endpoint.post(self.headers.clone(), body).await {
            Ok(answer) => judged(&answer),
            Err(Failure::Unsent(error)) => Err(Trouble::Account(error)),
            Err(Failure::Unanswered(error)) => Err(Trouble::Unclear(error)),
        }
    }
}

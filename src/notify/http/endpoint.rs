//! Where a notifier posts to.

use std::fmt;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Uri};

use super::{Failure, HttpAnswer, HttpClient, url};
use crate::redact::Secret;

/// A URL that was checked, with the client that reaches it and what no error may repeat.
pub(crate) struct Endpoint {
    client: HttpClient,
    url: Uri,
    secrets: Vec<Secret>,
}

/// Where to, as the settings say.
pub(crate) struct Target<'s> {
    /// What the setting is called in errors: `the webhook's URL`.
    pub(crate) what: &'s str,
    pub(crate) url: &'s str,
    /// An example of a right one.
    pub(crate) right: &'s str,
    /// Whether anything but this machine is reached by `https` alone, because a secret goes along.
    pub(crate) is_secure: bool,
    pub(crate) env_proxy: bool,
}

impl Endpoint {
    /// # Errors
    ///
    /// What is wrong with the URL, with the proxy in the environment, or with TLS. Nothing of the URL is in it.
    pub(crate) fn new(target: &Target<'_>) -> Result<Self, String> {
        let Target { what, right, .. } = target;
        let wrong = |problem: &str| format!("{what} {problem}; a right one looks like `{right}`");
        let url = url::parse(target.url).map_err(|problem| wrong(&problem))?;
        if target.is_secure && url.scheme_str() != Some("https") && !url::is_loopback(&url) {
            return Err(wrong(
                "does not begin with `https://`, so that anybody on the way could read the secret that goes along",
            ));
        }
        let client = if target.env_proxy {
            HttpClient::with_env_proxy()?
        } else {
            HttpClient::new()?
        };
        client.check(&url)?;
        let secrets = Vec::new();
        Ok(Self {
            client,
            url,
            secrets,
        })
    }

    /// Where an answer repeats this, as one may repeat a key that was in the body, `[redacted]` stands instead.
    pub(crate) fn hiding(mut self, secret: &Secret) -> Self {
        self.secrets.push(secret.clone());
        self
    }

    /// Sends one request. See [`HttpClient::post`].
    pub(crate) async fn post(
        &self,
        headers: HeaderMap,
        body: impl Into<Bytes>,
    ) -> Result<HttpAnswer, Failure> {
        self.client
            .post(&self.url, headers, body.into(), &self.secrets)
            .await
    }

    /// Scheme and host, which may be shown.
    pub(crate) fn origin(&self) -> String {
        url::origin(&self.url)
    }
}

/// The URL as far as it may be shown.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("client", &self.client)
            .field("origin", &self.origin())
            .finish_non_exhaustive()
    }
}

/// The headers that every request has.
pub(crate) fn base_headers(content_type: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers
}

const AGENT: &str = concat!("tower-monitor/", env!("CARGO_PKG_VERSION"));

//! A request as an occurrence keeps it: plain data, redacted.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::Serialize;
use serde_json::Value;

use super::{RequestContext, RequestId, TraceContext, User};
use crate::redact::{REDACTED, Redactor};
use crate::time::Timestamp;

/// What was known of a request when something went wrong in it. No secret is in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RequestSnapshot {
    /// The request's id, as the client saw it.
    pub id: RequestId,
    /// When it arrived.
    pub started_at: Timestamp,
    /// The method, as the client sent it.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query, without the `?`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The route's template, such as `/buy/{item}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// `HTTP/1.1`, `HTTP/2.0`, …
    pub version: String,
    /// The host that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Who asked: the peer or, behind trusted proxies, the address they vouch for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_address: Option<IpAddr>,
    /// The other end of the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_address: Option<SocketAddr>,
    /// The `User-Agent` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The `Referer` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referer: Option<String>,
    /// The length of the request's body in bytes, as its header says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_length: Option<u64>,
    /// Where the request stands in a distributed trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// Who was hit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// The tags that the app set.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The extra values that the app set.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, Value>,
    /// How many tags and extra values were beyond the bounds.
    #[serde(skip_serializing_if = "is_zero")]
    pub refused_values: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl RequestContext {
    /// Everything known so far, with no secret in it.
    pub(crate) fn snapshot(&self, redactor: &Redactor) -> RequestSnapshot {
        let text = |text: &str| redactor.text(text).into_owned();
        // Copied first: the request may still be running, and must not wait for the redaction.
        let (route, user, values) = self.copied_state();
        let tags = values.tags().iter().map(|(name, value)| {
            let hidden = redactor.is_sensitive(name);
            let value = if hidden {
                REDACTED.to_owned()
            } else {
                text(value)
            };
            (name.clone(), value)
        });
        let extra = values.extra().iter().map(|(name, value)| {
            let mut value = value.clone();
            redactor.json(name, &mut value);
            (name.clone(), value)
        });
        RequestSnapshot {
            id: self.id().clone(),
            started_at: self.started_at(),
            method: self.method().to_string(),
            path: redactor.url(self.path()).into_owned(),
            query: self.query().map(|query| redactor.query(query).into_owned()),
            route,
            version: format!("{:?}", self.version()),
            host: self.host().map(text),
            client_address: self.client_address(),
            peer_address: self.peer_address(),
            user_agent: self.user_agent().map(text),
            referer: self.referer().map(|url| redactor.url(url).into_owned()),
            content_length: self.content_length(),
            trace: self.trace(),
            user: user.map(|user| user.redacted(text)),
            tags: tags.collect(),
            extra: extra.collect(),
            refused_values: values.refused(),
        }
    }
}

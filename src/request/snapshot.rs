//! A request as an occurrence keeps it: plain data, redacted.

use std::collections::BTreeMap;

use http::header;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{KeptHeaders, RequestContext, RequestId, TraceContext, User};
use crate::redact::{Redactor, percent_decoded};
use crate::time::Timestamp;
use crate::user_agent::{ClientHints, UserAgent};

/// What was known of a request when something went wrong in it. No secret is in it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
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
    /// Who asked: the peer or, behind trusted proxies, the address they vouch for; or its network, or nothing, as the
    /// [privacy mode](crate::redact::Privacy) says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_address: Option<String>,
    /// The other end of the connection, without the port where the privacy mode hides the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_address: Option<String>,
    /// The parts of the path that the route names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub route_parameters: BTreeMap<String, String>,
    /// The headers, without cookies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// How many headers were beyond the bounds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub headers_left_out: u32,
    /// The names of the cookies that came along, without their values; in JSON one text, with commas between them.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "with_commas",
        deserialize_with = "between_commas"
    )]
    pub cookie_names: Vec<String>,
    /// The beginning of the body, when [bodies are kept](crate::Builder::request_bodies).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<BodySnapshot>,
    /// A command for a shell that sends the request again; what was redacted has to be filled in.
    pub curl: String,
    /// Which browser, system and device, or which bot or tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<UserAgent>,
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
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The extra values that the app set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, Value>,
    /// How many tags and extra values were beyond the bounds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused_values: u32,
}

/// What the client sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct BodySnapshot {
    /// The beginning; bytes that are no text are replaced.
    pub text: String,
    /// The bytes that were read of it.
    pub bytes_read: u64,
    /// Whether the text is all that was read.
    pub is_whole: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A list would look like names and values in turns, and the guard would take the values out.
fn with_commas<S: Serializer>(names: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&names.join(", "))
}

fn between_commas<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = String::deserialize(deserializer)?;
    Ok(names.split(", ").map(str::to_owned).collect())
}

impl RequestSnapshot {
    /// Leaves what the request was for, and nothing of who made it or of what they sent.
    pub(crate) fn without_person(&mut self) {
        self.path = self.route.clone().unwrap_or_default();
        self.query = None;
        self.client_address = None;
        self.peer_address = None;
        self.route_parameters.clear();
        self.headers.clear();
        self.cookie_names.clear();
        self.body = None;
        self.user_agent = None;
        self.referer = None;
        self.user = None;
        self.tags.clear();
        self.extra.clear();
        self.curl = super::curl::command(self);
    }
}

impl RequestContext {
    /// Everything known so far, with no secret in it.
    pub(crate) fn snapshot(&self, redactor: &Redactor) -> RequestSnapshot {
        let text = |text: &str| redactor.text(text).into_owned();
        // Copied first: the request may still be running, and must not wait for the redaction.
        let copy = self.copied_state();
        let values = copy.values;
        let tags = values
            .tags()
            .iter()
            .map(|(name, value)| (text(name), redactor.field(name, value).into_owned()));
        let extra = values.extra().iter().map(|(name, value)| {
            let mut value = value.clone();
            redactor.json(name, &mut value);
            (text(name), value)
        });
        let parameters = copy
            .route
            .iter()
            .flat_map(|route| parameters(route, self.path()));
        let parameters = parameters.map(|(name, value)| {
            let value = redactor.field(name, &percent_decoded(value)).into_owned();
            (name.to_owned(), value)
        });
        let content_type = copy.headers.text("content-type").unwrap_or_default();
        let mut snapshot = RequestSnapshot {
            id: self.id().clone(),
            started_at: self.started_at(),
            method: text(self.method().as_str()),
            path: redactor.url(self.path()).into_owned(),
            query: self.query().map(|query| redactor.query(query).into_owned()),
            route_parameters: parameters.collect(),
            version: format!("{:?}", self.version()),
            host: self.host().map(text),
            client_address: self
                .client_address()
                .and_then(|client| redactor.address(client)),
            peer_address: self
                .peer_address()
                .and_then(|peer| match redactor.keeps_people() {
                    true => Some(peer.to_string()),
                    false => redactor.address(peer.ip()),
                }),
            headers: self.headers(&copy.headers, redactor),
            headers_left_out: copy.headers.left_out().into(),
            // A value without a name, such as one in Base64, may look like a name with nothing behind it.
            cookie_names: copy
                .headers
                .cookie_names()
                .iter()
                .map(|name| text(name))
                .collect(),
            body: copy.body.map(|body| BodySnapshot {
                text: redactor.body(content_type, &String::from_utf8_lossy(&body.bytes)),
                bytes_read: body.read,
                is_whole: body.is_whole(),
            }),
            curl: String::new(),
            browser: UserAgent::parse(
                self.user_agent(),
                &ClientHints::take(|name| copy.headers.text(name)),
            ),
            user_agent: self.user_agent().map(text),
            referer: self.referer().map(|url| redactor.url(url).into_owned()),
            content_length: self.content_length(),
            trace: self.trace(),
            user: copy
                .user
                .and_then(|user| user.redacted(redactor, self.started_at())),
            route: copy.route.as_deref().map(text),
            tags: tags.collect(),
            extra: extra.collect(),
            refused_values: values.refused(),
        };
        snapshot.curl = super::curl::command(&snapshot);
        snapshot
    }
}

impl RequestContext {
    /// The headers that the head has, and then all others.
    fn headers(&self, others: &KeptHeaders, redactor: &Redactor) -> Vec<(String, String)> {
        let texts = self.texts();
        let known = [
            (header::HOST, texts.host.map(|text| redactor.text(text))),
            (
                header::USER_AGENT,
                texts.user_agent.map(|text| redactor.text(text)),
            ),
            (header::REFERER, texts.referer.map(|url| redactor.url(url))),
        ];
        let known = known
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_string(), value?.into_owned())));
        known.chain(others.redacted(redactor)).collect()
    }
}

impl KeptHeaders {
    /// Text without secrets; cookies are left to [`cookie_names`](Self::cookie_names).
    pub(crate) fn redacted(&self, redactor: &Redactor) -> Vec<(String, String)> {
        self.iter()
            .filter(|(name, _)| *name != header::COOKIE.as_str())
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value);
                let value = match name {
                    "location" | "content-location" => redactor.url(&value),
                    _ => redactor.field(name, &value),
                };
                (name.to_owned(), value.into_owned())
            })
            .collect()
    }
}

/// The parts of `path` that the template names: `/buy/{item}` and `/files/{*rest}`.
fn parameters<'p>(template: &'p str, path: &'p str) -> Vec<(&'p str, &'p str)> {
    let mut found = Vec::new();
    let mut rest = path;
    for segment in template.split('/').skip(1) {
        let behind = rest.strip_prefix('/').unwrap_or(rest);
        if let Some(name) = segment
            .strip_prefix("{*")
            .and_then(|name| name.strip_suffix('}'))
        {
            found.push((name, behind));
            break;
        }
        let (part, next) = behind
            .find('/')
            .map_or((behind, ""), |end| behind.split_at(end));
        // A parameter may have text on one side, as in `/@{name}` or `/{file}.json`.
        if let Some((before, after)) = segment.split_once('{')
            && let Some((name, after)) = after.split_once('}')
            && let Some(value) = part
                .strip_prefix(before)
                .and_then(|part| part.strip_suffix(after))
            && !value.is_empty()
        {
            found.push((name, value));
        }
        rest = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::parameters;

    #[test]
    fn a_template_names_the_parts_of_the_path() {
        for (template, path, expected) in [
            ("/buy/{item}", "/buy/gift-card", vec![("item", "gift-card")]),
            ("/{a}/x/{b}", "/1/x/2", vec![("a", "1"), ("b", "2")]),
            ("/files/{*rest}", "/files/a/b/c", vec![("rest", "a/b/c")]),
            ("/@{name}", "/@uma", vec![("name", "uma")]),
            ("/{file}.json", "/one.json", vec![("file", "one")]),
            ("/", "/", vec![]),
            ("/a/{b}", "/", vec![]),
            ("{{}", "/x", vec![]),
        ] {
            assert_eq!(parameters(template, path), expected, "{template}");
        }
    }
}

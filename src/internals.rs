//! A door for the fuzzers and the benchmark to what reads strangers' text; no part of the public interface.

/// The text without its secrets.
#[must_use]
pub fn redact(text: &str) -> String {
    crate::redact::Redactor::default().text(text).into_owned()
}

/// A query without its secrets.
#[must_use]
pub fn redact_query(query: &str) -> String {
    crate::redact::Redactor::default().query(query).into_owned()
}

/// A URL without its secrets.
#[must_use]
pub fn redact_url(url: &str) -> String {
    crate::redact::Redactor::default().url(url).into_owned()
}

/// A body of this content type without its secrets.
#[must_use]
pub fn redact_body(content_type: &str, body: &str) -> String {
    crate::redact::Redactor::default().body(content_type, body)
}

/// The normal form of a message, as one text.
#[must_use]
pub fn normal_form(message: &str) -> String {
    let mut form = String::new();
    crate::occurrence::normal_form(message, &mut |piece| form.push_str(piece));
    form
}

/// What is read out of a user agent and its hints, in words.
#[must_use]
pub fn user_agent(agent: &str, hint: &str) -> Option<String> {
    let hints = crate::user_agent::ClientHints::take(|_| Some(hint));
    crate::user_agent::UserAgent::parse(Some(agent), &hints).map(|agent| agent.to_string())
}

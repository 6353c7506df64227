//! Names and values that are never kept.
//!
//! Redaction runs before anything is stored, sent or written: on the background thread and in the audit file's writer; and, where
//! a `tracing` subscriber wants spans and audit events, in the request's own task. It works by name
//! (`password=…`, `"api_key": "…"`, `Authorization: …`) and by value (bearer tokens, JSON Web Tokens, keys with a
//! vendor's prefix, passwords in URLs, card numbers).

mod secret;
mod text;

pub use secret::Secret;

use std::borrow::Cow;

use serde_json::Value;

/// What stands in the place of a value that was taken out.
pub const REDACTED: &str = "[redacted]";

/// The parts of names whose values are taken out by default.
///
/// A name is compared in lower case without `_`, `-` and `.`, and matches when it contains one of these:
/// `X-Api-Key`, `api_key` and `stripeApiKey` all contain `apikey`.
pub const SENSITIVE_NAMES: &[&str] = &[
    "accesskey",
    "apikey",
    "authorization",
    "cardnumber",
    "cookie",
    "credential",
    "creditcard",
    "csrf",
    "cvc",
    "cvv",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "secret",
    "sessionid",
    "signature",
    "ssn",
    "token",
];

/// Takes secrets out of text, by name and by value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redactor {
    names: Vec<String>,
}

impl Redactor {
    /// Whether a name can be found in text: letters and digits of ASCII, with `_`, `-`, `.` or spaces between them.
    pub(crate) fn is_name(name: &str) -> bool {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
        name.chars().all(allowed) && !normalised(name).is_empty()
    }

    /// The default names and these; more names only ever hide more.
    pub(crate) fn with_names(names: impl IntoIterator<Item = String>) -> Self {
        Self {
            names: names
                .into_iter()
                .map(|name| normalised(&name))
                .filter(|name| !name.is_empty())
                .collect(),
        }
    }

    /// Whether the value that belongs to `name` must not be kept.
    pub(crate) fn is_sensitive(&self, name: &str) -> bool {
        let name = normalised(name);
        SENSITIVE_NAMES.iter().any(|part| name.contains(part))
            || self.names.iter().any(|own| {
                // A short one would be part of too many words.
                name == *own || (own.len() >= MIN_PART && name.contains(own))
            })
    }

    /// Free text: a message, a path, a user agent, the beginning of a body.
    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        text::redact(self, text)
    }

    /// A query string or a form, `a=b&c=d`, without the `?`.
    pub(crate) fn query<'q>(&self, query: &'q str) -> Cow<'q, str> {
        let mut out = String::with_capacity(query.len());
        for (index, pair) in query.split('&').enumerate() {
            if index > 0 {
                out.push('&');
            }
            match pair.split_once('=') {
                Some((name, _)) if self.is_sensitive(&percent_decoded(name)) => {
                    out.push_str(name);
                    out.push('=');
                    out.push_str(REDACTED);
                }
                _ => out.push_str(&self.encoded(pair)),
            }
        }
        if out == query {
            Cow::Borrowed(query)
        } else {
            Cow::Owned(out)
        }
    }

    /// A URL as a client sent it, with its query.
    pub(crate) fn url<'u>(&self, url: &'u str) -> Cow<'u, str> {
        match url.split_once('?') {
            None => self.encoded(url),
            Some((path, query)) => match (self.encoded(path), self.query(query)) {
                (Cow::Borrowed(_), Cow::Borrowed(_)) => Cow::Borrowed(url),
                (path, query) => Cow::Owned(format!("{path}?{query}")),
            },
        }
    }

    /// A JSON value that is known by `name`, field by field.
    pub(crate) fn json(&self, name: &str, value: &mut Value) {
        match value {
            Value::Null => {}
            _ if self.is_sensitive(name) => *value = Value::from(REDACTED),
            Value::String(text) => {
                if let Cow::Owned(clean) = self.text(text) {
                    *text = clean;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.json("", item)),
            Value::Object(fields) => {
                fields
                    .iter_mut()
                    .for_each(|(name, field)| self.json(name, field));
            }
            Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Text that may hide a secret behind percent-encoding: it is kept as it is only when its decoded form is clean too.
    fn encoded<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if text.contains('%') {
            let decoded = percent_decoded(text);
            if let Cow::Owned(clean) = self.text(&decoded) {
                return Cow::Owned(clean);
            }
        }
        self.text(text)
    }
}

/// Own names of fewer letters must be the whole name.
const MIN_PART: usize = 4;

fn normalised(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-' | '.' | ' '))
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// Undoes `%41` and `+`; what is not valid stays as it is.
pub(crate) fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |offset: usize| {
            bytes
                .get(at + offset)
                .and_then(|byte| char::from(*byte).to_digit(16))
        };
        match (bytes[at], hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 3;
            }
            (b'+', ..) => {
                out.push(b' ');
                at += 1;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_query_loses_the_values_of_sensitive_names() {
        let redactor = Redactor::default();
        for (query, expected) in [
            ("q=rust&page=2", "q=rust&page=2"),
            ("token=abc&q=1", "token=[redacted]&q=1"),
            ("new%50assword=hunter2", "new%50assword=[redacted]"),
            ("password", "password"),
            ("x=%70assword%3Dhunter2", "x=password=[redacted]"),
            ("", ""),
        ] {
            assert_eq!(redactor.query(query), expected);
        }
    }

    #[test]
    fn own_names_hide_more() {
        let redactor = Redactor::with_names(["tax-id".to_owned(), String::new()]);
        assert_eq!(redactor.query("taxId=12&q=1"), "taxId=[redacted]&q=1");
        let short = Redactor::with_names(["pw".to_owned()]);
        assert_eq!(short.query("pw=12&upward=1"), "pw=[redacted]&upward=1");
        assert_eq!(redactor.query("token=12"), "token=[redacted]");
        assert_eq!(redactor.text("TAX_ID: 12"), "TAX_ID: [redacted]");
    }

    proptest! {
        #[test]
        fn no_url_makes_it_fail(url in ".{0,200}") {
            let _ = Redactor::default().url(&url);
        }

        #[test]
        fn a_planted_secret_never_survives(
            before in "[a-z0-9/&=?.]{0,20}",
            name in prop::sample::select(SENSITIVE_NAMES),
            secret in "[A-Z]{12,20}",
        ) {
            let url = format!("/{before}?{name}={secret}&z=1");
            prop_assert!(!Redactor::default().url(&url).contains(&secret));
        }
    }
}

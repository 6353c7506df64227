//! Names and values that are never kept.
//!
//! Redaction runs before anything is stored, sent or written: on the background thread and in the audit file's writer; and, where
//! a `tracing` subscriber wants spans and audit events, in the request's own task. Whatever it takes out, `[redacted]` stands in
//! its place. It cannot be turned off.
//!
//! # By name
//!
//! The values of headers, cookies, fields of queries, forms and JSON, tags, span fields and local variables go when their name is
//! one of [`SENSITIVE_NAMES`] in any case and with any separator. So they go in free text, wherever a name and a value stand
//! together:
//!
//! | As in | Gone is |
//! |---|---|
//! | `password=hunter2`, `api key: abc`, `token => abc` | the value, up to a space or the next field |
//! | `"password":"x"`, also escaped in a string, percent-encoded or with `&quot;` | the value, up to its quotation mark |
//! | `Login { password: Some("x") }`, `Header("authorization", "x")`, `{"name":"token","value":"x"}` | the value |
//! | `"credentials":{…}`, `tokens: [`…`]`, `secret: Secret { … }` | everything in the brackets |
//! | `Authorization: …`, `Cookie: …`, and every sensitive name that begins a line and has a colon | the rest of the line |
//! | `<password>x</password>`, `name="password" value="x"`, `--password x`, `curl -u user:x` | the value |
//!
//! `None`, `null`, `true`, `false`, `yes` and `no` stay, and sentences behind a colon that begin like a complaint, as
//! `token: unexpected end`. A value that was cut off is hidden to its end.
//!
//! # By value
//!
//! - card numbers: issuer, length and check digit fit, in one piece or in groups
//! - `Bearer …` and `Basic …`, JSON Web Tokens, private keys (`-----BEGIN … PRIVATE KEY-----`), hashes of passwords
//! - keys with a vendor's prefix (`sk-…`, `AKIA…`, `ghp_…`, `xoxb-…` and some seventy more), addresses of webhooks
//! - users and passwords in URLs: `postgres://[redacted]@db/shop`
//! - long strings that look drawn by lot: 24 characters or more of lower case, upper case and digits that change as random text
//!   does, 32 of digits and letters of one case, or 48 hexadecimal digits. UUIDs, trace ids, git's SHA-1, symbols of Rust and paths
//!   stay; SHA-256 sums go.
//!
//! # By setting
//!
//! [`Redaction`] adds names and rules, e-mail and IP addresses, and the [`Privacy`] mode.
//!
//! # Limits
//!
//! What has no name and no form is not found: `the password is hunter2`, a short key in a path, a secret split in two, a value whose
//! name stands elsewhere, as in `INSERT INTO users (password) VALUES ('x')`. The time is
//! linear to the text, whatever the text; nothing recurses. The result is at most four times as long as the text, as the shortest
//! secret with its name is three bytes long, and redacting it again changes nothing, unless a rule of your own does.

mod assignment;
mod body;
mod card;
mod class;
mod encoded;
mod json;
mod keys;
mod names;
mod personal;
mod privacy;
mod random;
mod secret;
mod settings;
mod steps;
mod text;
mod value;
mod words;

pub use secret::Secret;
pub use settings::{Privacy, Redaction};
pub use words::SENSITIVE_NAMES;

pub(crate) use encoded::percent_decoded;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::guard::contained;
use names::Names;

/// What stands in the place of a value that was taken out.
pub const REDACTED: &str = "[redacted]";

/// Takes secrets out of text, by name and by value. Clones share everything.
#[derive(Clone)]
pub(crate) struct Redactor {
    inner: Arc<Inner>,
    /// Whether the app's own rules are left out.
    without_rules: bool,
}

struct Inner {
    names: Names,
    rules: Vec<settings::Rule>,
    emails: bool,
    addresses: bool,
    privacy: Privacy,
    key: [u8; 32],
}

impl Redactor {
    pub(crate) fn new(settings: Redaction) -> Self {
        let hides_people = settings.privacy != Privacy::Full;
        let mut kept = settings.kept;
        kept.extend(words::NO_SECRETS.iter().map(|name| (*name).to_owned()));
        let inner = Inner {
            names: Names::new(&settings.names, &kept),
            rules: settings.rules,
            emails: settings.emails || hides_people,
            addresses: settings.addresses || hides_people,
            privacy: settings.privacy,
            key: privacy::key(settings.salt.as_ref()),
        };
        Self {
            inner: Arc::new(inner),
            without_rules: false,
        }
    }

    /// The same without the app's own rules, which may take their time: for where somebody waits, and all of it is done again later.
    #[cfg_attr(
        not(feature = "locals"),
        expect(dead_code, reason = "the leaf `locals` does")
    )]
    pub(crate) fn without_rules(&self) -> Self {
        Self {
            without_rules: true,
            ..self.clone()
        }
    }

    /// Whether people are not to be known: names and addresses in texts are nothing that a rule could find.
    pub(crate) fn hides_people(&self) -> bool {
        self.inner.privacy != Privacy::Full
    }

    /// Whether a name can be found in text: letters and digits of ASCII, with `_`, `-`, `.` or spaces between them.
    pub(crate) fn is_name(name: &str) -> bool {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
        name.chars().all(allowed) && !names::squeezed(name).is_empty()
    }

    /// Whether the value that belongs to `name` must not be kept.
    pub(crate) fn is_sensitive(&self, name: &str) -> bool {
        self.inner.names.find(name.as_bytes()).is_some()
    }

    /// Free text: a message, a path, a user agent, the beginning of a body. Borrowed when there is nothing to hide.
    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut clean = text::redact(&self.inner.names, text);
        if self.inner.emails || self.inner.addresses {
            clean = then(clean, |text| self.without_addresses(text));
        }
        let rules = match self.without_rules {
            true => &[][..],
            false => &self.inner.rules,
        };
        for rule in rules {
            match contained(|| rule(&clean)) {
                Some(Some(own)) => clean = Cow::Owned(own),
                Some(None) => {}
                None => return Cow::Owned(PANICKED.to_owned()),
            }
        }
        clean
    }

    fn without_addresses<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut clean = Cow::Borrowed(text);
        if self.inner.emails {
            clean = then(clean, personal::emails);
        }
        if self.inner.addresses {
            clean = then(clean, personal::ip_addresses);
        }
        match clean {
            // What stood beside an address may be a secret by itself.
            Cow::Owned(text) => Cow::Owned(text::redact(&self.inner.names, &text).into_owned()),
            Cow::Borrowed(text) => Cow::Borrowed(text),
        }
    }

    /// The value of a header, a tag, a span field or a route parameter, whose name is known.
    pub(crate) fn field<'v>(&self, name: &str, value: &'v str) -> Cow<'v, str> {
        if self.is_sensitive(name) {
            Cow::Borrowed(REDACTED)
        } else {
            self.text(value)
        }
    }
}

impl Default for Redactor {
    fn default() -> Self {
        static DEFAULT: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(Redaction::new()));
        DEFAULT.clone()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor")
            .field("rules", &self.inner.rules.len())
            .field("emails", &self.inner.emails)
            .field("ip_addresses", &self.inner.addresses)
            .field("privacy", &self.inner.privacy)
            .finish_non_exhaustive()
    }
}

fn then<'t>(text: Cow<'t, str>, next: impl Fn(&str) -> Cow<'_, str>) -> Cow<'t, str> {
    match text {
        Cow::Borrowed(text) => next(text),
        Cow::Owned(text) => match next(&text) {
            Cow::Owned(clean) => Cow::Owned(clean),
            Cow::Borrowed(_) => Cow::Owned(text),
        },
    }
}

/// What is left of a text over which a user's rule panicked.
const PANICKED: &str = "[redacted: a rule panicked]";

#[cfg(test)]
mod tests;

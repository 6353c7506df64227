//! What a user can say about redaction.

use std::fmt;
use std::sync::Arc;

use super::{Redactor, Secret};

/// What is taken out of everything that is kept, beside what always is, and how much of a person stays.
///
/// ```
/// use tower_monitor::redact::{Privacy, Redaction};
///
/// let redaction = Redaction::new()
///     .names(["tax_id", "pet name"])
///     .keep_names(["session_kind"])
///     .emails(true)
///     .privacy(Privacy::Pseudonymous)
///     .rule(|text| text.contains("ACME-").then(|| text.replace("ACME-", "[vendor]")));
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Redaction {
    pub(super) names: Vec<String>,
    pub(super) kept: Vec<String>,
    pub(super) rules: Vec<Rule>,
    pub(super) emails: bool,
    pub(super) addresses: bool,
    pub(super) privacy: Privacy,
    pub(super) salt: Option<Secret>,
}

pub(super) type Rule = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// How much of the person behind a request is kept.
///
/// It is about occurrences. The audit record, which stays on the machine, keeps user and address in every mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Privacy {
    /// User and address as they are. The default.
    #[default]
    Full,
    /// In place of the user a pseudonym that changes every day; of the address the network, which is the first 24 bits of an IPv4
    /// address and 48 of an IPv6 address. E-mail and IP addresses in texts are taken out. Of texts in variables only the length is told,
    /// as there may be names among them; numbers are kept.
    Pseudonymous,
    /// Neither user nor address, nor e-mail and IP addresses in texts, nor texts in variables.
    Strict,
}

impl Redaction {
    /// The rules that always hold, and nothing else.
    pub fn new() -> Self {
        Self::default()
    }

    /// More names whose values are never kept, beside [`SENSITIVE_NAMES`](super::SENSITIVE_NAMES).
    ///
    /// They are made of letters and digits of ASCII, with `_`, `-`, `.` or spaces between them, and are found in any case and with
    /// any separator. One of fewer than four letters must be a whole word of a name, a longer one is found anywhere in it.
    pub fn names<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.names.extend(names.into_iter().map(Into::into));
        self
    }

    /// Names that are no secrets although they look like it, as `session_kind`: each as a whole, in any case and with any separator.
    ///
    /// What stands there still loses what is a secret by its value.
    pub fn keep_names<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.kept.extend(names.into_iter().map(Into::into));
        self
    }

    /// A name that could not be found in any text.
    pub(crate) fn wrong_name(&self) -> Option<&str> {
        let mut names = self.names.iter().chain(&self.kept);
        names
            .find(|name| !Redactor::is_name(name))
            .map(String::as_str)
    }

    /// A rule of your own, run over each text after those that always hold: `Some` is what is kept instead of the text.
    ///
    /// It must be quick, as it runs over every text of every occurrence and every audit record, and should leave alone what
    /// it returned itself, as texts may pass more than once. When it panics, the whole text becomes `[redacted: a rule panicked]`.
    pub fn rule(mut self, rule: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.rules.push(Arc::new(rule));
        self
    }

    /// Whether e-mail addresses in texts are taken out. By default they are not.
    pub fn emails(mut self, hide: bool) -> Self {
        self.emails = hide;
        self
    }

    /// Whether IPv4 and IPv6 addresses in texts are taken out. By default they are not.
    pub fn ip_addresses(mut self, hide: bool) -> Self {
        self.addresses = hide;
        self
    }

    /// How much of the person behind a request is kept. By default [`Privacy::Full`].
    pub fn privacy(mut self, privacy: Privacy) -> Self {
        self.privacy = privacy;
        self
    }

    /// The key of [pseudonyms](Privacy::Pseudonymous).
    ///
    /// By default every process draws its own, so that a user has another pseudonym after each start and in each process.
    /// Processes with the same salt give a user the same pseudonym for a day; whoever knows the salt and guesses an id can check
    /// the guess.
    pub fn salt(mut self, salt: impl Into<Secret>) -> Self {
        self.salt = Some(salt.into());
        self
    }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redaction")
            .field("names", &self.names)
            .field("keep_names", &self.kept)
            .field("rules", &self.rules.len())
            .field("emails", &self.emails)
            .field("ip_addresses", &self.addresses)
            .field("privacy", &self.privacy)
            .field("salt", &self.salt)
            .finish()
    }
}

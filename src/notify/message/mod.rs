//! The wording of an alert: made once, laid out by each notifier.

mod cut;
mod sections;
mod words;

use std::borrow::Cow;
use std::fmt;

use crate::issue::{Alert, Reason, Severity};
use crate::occurrence::Occurrence;
use crate::text::{one_line, shortened};

/// What an alert says, in the order in which a woken person needs it.
///
/// Its `Display` is plain text of a few lines. Nothing in it can forge a line: what clients and apps wrote is shown on
/// one line, control characters written out. Markup of any kind is left to the notifier: it escapes for its own format.
///
/// Where a format has bounds, [`shorten`](Self::shorten) takes away what helps least, one piece at a time:
///
/// ```
/// use tower_monitor::{Alert, notify::Message};
///
/// fn text_of_at_most(bytes: usize, alert: &Alert) -> String {
///     let mut message = Message::of(alert);
///     while message.to_string().len() > bytes && message.shorten() {}
///     message.to_string()
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// Everything in one line, for a notification or a subject: environment, service, what broke, where, who was hit. At most 300
    /// bytes.
    pub headline: String,
    /// The same for every alert of an issue: environment, service, what broke, where. For what threads by subject. At most 300 bytes.
    pub subject: String,
    /// What broke. At most 200 bytes.
    pub title: String,
    /// Whether it is bad news.
    pub tone: Tone,
    /// Where, who was hit, how often, and so on, the most important first.
    pub fields: Vec<Field>,
    /// The way through the app's code, what led up to it, how to send the request again: to read after the fields, the most useful
    /// first.
    pub sections: Vec<Section>,
    /// Where to read on.
    pub links: Vec<Link>,
    /// What a person quotes to find it again: the request's id as the client saw it or, outside of requests, the issue's
    /// fingerprint.
    pub reference: String,
    /// Whether something was [taken away](Self::shorten).
    pub is_shortened: bool,
}

/// A name and what there is to say, on one line of at most 1,000 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// In lower case: `where`, `user`, `how often`.
    pub name: &'static str,
    /// In words.
    pub value: String,
}

/// Some lines under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Section {
    /// In lower case: `stack`, `before`, `curl`.
    pub name: &'static str,
    /// Each of at most 2,000 bytes. A line may begin with spaces.
    pub lines: Vec<String>,
    /// Whether it is best set in a fixed-width font.
    pub is_code: bool,
}

/// Where to read on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// What is there.
    pub text: &'static str,
    /// An `http` or `https` URL.
    pub url: String,
}

/// How bad the news is: what a message's color tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tone {
    /// As bad as this.
    Bad(Severity),
    /// It is over.
    Good,
    /// Somebody is trying whether alerts arrive.
    Test,
}

impl Tone {
    /// Red, orange, blue or green, as `0xRRGGBB`; readable on white and on black.
    #[must_use]
    pub const fn color(self) -> u32 {
        match self {
            Self::Bad(Severity::Critical) => 0x00b3_0021,
            Self::Bad(Severity::Error) => 0x00e0_1e3c,
            Self::Bad(Severity::Warning) => 0x00d9_7706,
            Self::Bad(Severity::Info) | Self::Test => 0x0025_63eb,
            Self::Good => 0x0016_8a4a,
        }
    }

    /// One character that tells the same.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Bad(Severity::Critical) => "🚨",
            Self::Bad(Severity::Error) => "🔴",
            Self::Bad(Severity::Warning) => "🟠",
            Self::Bad(Severity::Info) => "🔵",
            Self::Good => "✅",
            Self::Test => "🧪",
        }
    }
}

impl Message {
    /// Words for `alert`.
    #[must_use]
    pub fn of(alert: &Alert) -> Self {
        let occurrence = &*alert.occurrence;
        let mut message = Self {
            headline: words::headline(alert),
            subject: words::subject(alert),
            title: shortened(&one_line(&occurrence.title()), 200),
            tone: words::tone(alert),
            fields: Vec::new(),
            sections: sections::of(alert),
            links: words::links(alert),
            reference: words::reference(alert),
            is_shortened: false,
        };
        message.field("where", words::place(occurrence));
        message.field("user", words::user(occurrence));
        if alert.issue.users > 1 {
            message.field("users hit", Some(alert.issue.users.to_string()));
        }
        message.field("how often", Some(words::frequency(alert)));
        message.field("why now", Some(words::why_now(alert)));
        if alert.severity != Severity::Error && alert.reason != Reason::Test {
            message.field("severity", Some(alert.severity.to_string()));
        }
        for cause in occurrence.exceptions.iter().skip(1) {
            message.field("caused by", Some(cause.to_string()));
        }
        message.field("release", words::release(alert));
        message.field("host", words::host(occurrence));
        let request = occurrence.request.as_ref();
        message.field("request id", request.map(|request| request.id.to_string()));
        message.field("issue", Some(alert.issue.fingerprint.to_string()));
        if alert.lost.total() > 0 {
            let lost = alert
                .lost
                .iter()
                .map(|(reason, count)| format!("{} {count}", reason.as_str()));
            message.field("lost", Some(lost.collect::<Vec<_>>().join(", ")));
        }
        message.field("answered", words::answer(occurrence));
        message.request(occurrence);
        if alert.issue.count > 1 {
            message.field(
                "shown",
                Some(format!("one of them, of {}", occurrence.time)),
            );
        }
        message.guarded(alert)
    }

    /// A last look for secrets at what was put together.
    fn guarded(mut self, alert: &Alert) -> Self {
        let lines = self.sections.iter_mut().flat_map(|it| &mut it.lines);
        let values = self.fields.iter_mut().map(|field| &mut field.value);
        for text in
            lines
                .chain(values)
                .chain([&mut self.title, &mut self.headline, &mut self.subject])
        {
            if let Cow::Owned(clean) = alert.redacted(text) {
                *text = clean;
            }
        }
        self
    }

    fn request(&mut self, occurrence: &Occurrence) {
        let Some(request) = &occurrence.request else {
            return;
        };
        let query = request.query.as_ref().map(|query| format!("?{query}"));
        let target = format!(
            "{} {}{}",
            request.method,
            request.path,
            query.unwrap_or_default()
        );
        self.field("request", Some(shortened(&target, 500)));
        self.field("client", request.client_address.clone());
        let browser = request.browser.as_ref().map(ToString::to_string);
        self.field("browser", browser.or_else(|| request.user_agent.clone()));
        let tags = request
            .tags
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        self.field("tags", Some(tags.collect::<Vec<_>>().join(" ")));
        let extra = request.extra.iter().map(|(name, value)| {
            let value = value.to_string();
            format!("{name}={}", shortened(&value, 200))
        });
        self.field("extra", Some(extra.collect::<Vec<_>>().join(" ")));
    }

    fn field(&mut self, name: &'static str, value: Option<String>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let value = shortened(&one_line(&value), 1_000);
            self.fields.push(Field { name, value });
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)?;
        for Field { name, value } in &self.fields {
            write!(f, "\n  {name:<10} {value}")?;
        }
        for section in &self.sections {
            for (index, line) in section.lines.iter().enumerate() {
                let name = if index == 0 { section.name } else { "" };
                write!(f, "\n  {name:<10} {line}")?;
            }
        }
        for Link { text, url } in &self.links {
            write!(f, "\n  {text:<10} {url}")?;
        }
        Ok(())
    }
}

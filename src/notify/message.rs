//! The wording of an alert: made once, laid out by each notifier.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::details;
use crate::issue::{Alert, AlertSummary, Reason, Regression, Severity};
use crate::occurrence::{Kind, Occurrence};
use crate::text::{cut, duration_in_words, one_line, shortened};

/// What an alert says, in the order in which a woken person needs it.
///
/// Its `Display` is plain text of a few lines. Nothing in it can forge a line: what clients and apps wrote is shown on
/// one line, control characters written out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// What broke.
    pub title: String,
    /// Where, who was hit, how often, and so on: a name and a value each.
    pub fields: Vec<(&'static str, String)>,
    /// The way through the app's code, what led up to it, how to send the request again: a name and some lines each, to read
    /// after the fields. A line may begin with spaces.
    pub details: Vec<(&'static str, Vec<String>)>,
}

impl Message {
    /// Words for `alert`.
    #[must_use]
    pub fn of(alert: &Alert) -> Self {
        let occurrence = &*alert.occurrence;
        let mut message = Self {
            title: shortened(&one_line(&occurrence.title()), 200),
            fields: Vec::new(),
            details: details::of(occurrence),
        };
        message.field("where", place(occurrence));
        for cause in occurrence.exceptions.iter().skip(1) {
            message.field("caused by", Some(cause.to_string()));
        }
        message.field("user", user(occurrence));
        if alert.issue.users > 1 {
            message.field("users hit", Some(alert.issue.users.to_string()));
        }
        message.field("how often", Some(frequency(alert)));
        message.field("why now", Some(why_now(alert)));
        if alert.severity != Severity::Error && alert.reason != Reason::Test {
            message.field("severity", Some(alert.severity.to_string()));
        }
        message.field("answered", answer(occurrence));
        message.field("from", origin(occurrence));
        if alert.issue.count > 1 {
            message.field(
                "shown",
                Some(format!("one of them, of {}", occurrence.time)),
            );
        }
        message.request(occurrence);
        if alert.lost.total() > 0 {
            let lost = alert
                .lost
                .iter()
                .map(|(reason, count)| format!("{} {count}", reason.as_str()));
            message.field("lost", Some(lost.collect::<Vec<_>>().join(", ")));
        }
        message.field("issue", Some(alert.issue.fingerprint.to_string()));
        let also = also(alert);
        if !also.is_empty() {
            message.details.insert(0, ("also told", also));
        }
        message.guarded(alert)
    }

    /// A last look for secrets at what was put together.
    fn guarded(mut self, alert: &Alert) -> Self {
        let details = self.details.iter_mut().flat_map(|(_, lines)| lines);
        let fields = self.fields.iter_mut().map(|(_, value)| value);
        for text in details.chain(fields).chain([&mut self.title]) {
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
        self.field("request id", Some(request.id.to_string()));
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
            self.fields
                .push((name, shortened(&one_line(&value), 1_000)));
        }
    }
}

fn place(occurrence: &Occurrence) -> Option<String> {
    match (occurrence.endpoint(), occurrence.culprit()) {
        (Some(endpoint), Some(culprit)) if endpoint != culprit => {
            Some(format!("{endpoint} at {culprit}"))
        }
        (endpoint, culprit) => endpoint.or(culprit),
    }
}

fn user(occurrence: &Occurrence) -> Option<String> {
    let request = occurrence.request.as_ref()?;
    let Some(user) = &request.user else {
        return Some("not known".to_owned());
    };
    let name = user.display_name().map(|name| format!("{name} "));
    let email = user.email_address().map(|email| format!(" <{email}>"));
    Some(format!(
        "{}({}){}",
        name.unwrap_or_default(),
        user.id(),
        email.unwrap_or_default()
    ))
}

fn answer(occurrence: &Occurrence) -> Option<String> {
    let response = occurrence.response.as_ref()?;
    let body = response.body.as_deref().map(|body| {
        let words: Vec<_> = body.split_whitespace().collect();
        format!(": {}", shortened(&words.join(" "), 300))
    });
    Some(format!("{}{}", response.status, body.unwrap_or_default()))
}

fn frequency(alert: &Alert) -> String {
    let issue = &alert.issue;
    let first = issue.first_seen;
    match (issue.count, alert.held_back) {
        (1, _) => format!("once, at {first}"),
        (count, 0) => format!("{count} times since {first}"),
        (count, held_back) => {
            format!("{count} times since {first}, {held_back} not told one by one")
        }
    }
}

fn why_now(alert: &Alert) -> String {
    let span = |seconds: u64| duration_in_words(Duration::from_secs(seconds));
    let why = match &alert.reason {
        Reason::New if alert.issue.kind == Kind::ErrorRatio => "it has just begun".to_owned(),
        Reason::New => "it is new".to_owned(),
        Reason::Regressed { after } => match after {
            Regression::Resolved => "it was resolved, and is back".to_owned(),
            Regression::Release(release) => format!("it was resolved, and is back in {release}"),
            Regression::Silence(seconds) => {
                format!("it is back after {} without it", span(*seconds))
            }
        },
        Reason::Count { count } => format!("it has happened {count} times"),
        Reason::Rate { count, seconds } => {
            format!("it has happened {count} times in {}", span(*seconds))
        }
        Reason::Jump { count, usual: 0 } => {
            format!("it has happened {count} times in an hour, which it never did before")
        }
        Reason::Jump { count, usual } => {
            format!("it has happened {count} times in an hour; {usual} times is usual")
        }
        Reason::Users { users } => format!("it has hit {users} users"),
        Reason::StillOpen { seconds } => {
            format!("it goes on, {} after it was last told", span(*seconds))
        }
        Reason::Unmuted => "its mute is over, and it goes on".to_owned(),
        Reason::AllClear => "it is over".to_owned(),
        Reason::Test => "somebody wants to see whether alerts arrive; nothing is broken".to_owned(),
    };
    match alert.new_in_release {
        true if alert.reason != Reason::New => format!("{why}; no release before had it"),
        _ => why,
    }
}

/// What else is told with it: a line each.
fn also(alert: &Alert) -> Vec<String> {
    let line = |summary: &AlertSummary| {
        let place = summary.culprit.as_deref();
        let place = place
            .map(|place| format!(" at {place}"))
            .unwrap_or_default();
        let hit = match summary.users {
            0 => String::new(),
            1 => ", 1 user".to_owned(),
            users => format!(", {users} users"),
        };
        let alike = match summary.alerts {
            0 | 1 => String::new(),
            alerts => format!(", and {} more like it", alerts - 1),
        };
        let line = format!(
            "{} ({}): {}{place}, {} in all{hit}{alike}",
            summary.fingerprint, summary.reason, summary.title, summary.count
        );
        shortened(&one_line(&line), 400)
    };
    let mut lines: Vec<_> = alert.also.iter().map(line).collect();
    if alert.also_more > 0 {
        lines.push(format!("… and {} alerts more", alert.also_more));
    }
    lines
}

fn origin(occurrence: &Occurrence) -> Option<String> {
    let origin = &occurrence.origin;
    let platform = &origin.platform;
    let parts = [
        origin
            .service
            .as_ref()
            .map(|service| match &origin.release {
                Some(release) => format!("{service} {release}"),
                None => service.clone(),
            }),
        origin.environment.clone(),
        platform
            .git_revision
            .as_ref()
            .map(|revision| format!("revision {}", cut(revision, 12))),
        platform.pod.as_ref().map(|pod| format!("pod {pod}")),
        origin
            .host
            .as_ref()
            .map(|host| format!("{host} (pid {})", origin.pid)),
    ];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)?;
        for (name, value) in &self.fields {
            write!(f, "\n  {name:<10} {value}")?;
        }
        for (name, lines) in &self.details {
            for (index, line) in lines.iter().enumerate() {
                let name = if index == 0 { name } else { "" };
                write!(f, "\n  {name:<10} {line}")?;
            }
        }
        Ok(())
    }
}

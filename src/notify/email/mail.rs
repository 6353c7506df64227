//! One mail: headers and bodies, as long as they may be.

use std::time::{Duration, SystemTime};

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{MessageBuilder, MultiPart, SinglePart};

use super::draft::Draft;
use super::settings::Ready;
use super::{html, plain};
use crate::issue::{Alert, Severity};
use crate::notify::shrink::Size;
use crate::notify::{Message, NotifyError, Tone};
use crate::text::{one_line, shortened};
use crate::time::Timestamp;

/// How long a whole mail may be, headers included: 200 KB.
pub const MAX_BYTES: usize = 200_000;

/// # Errors
///
/// When no mail can be made of it.
pub(super) fn of(ready: &Ready, alert: &Alert, size: Size) -> Result<Vec<u8>, NotifyError> {
    let message = Message::of(alert);
    match size {
        Size::Whole => fitting(ready, alert, message),
        Size::Small => fitting(ready, alert, message.brief()),
        Size::Failsafe => failsafe(ready, alert, &message),
    }
}

fn fitting(ready: &Ready, alert: &Alert, mut message: Message) -> Result<Vec<u8>, NotifyError> {
    let draft = Draft::of(alert, &message);
    loop {
        let mail = laid_out(ready, alert, &message, draft.as_ref())?;
        if mail.len() <= MAX_BYTES || !message.shorten() {
            return Ok(mail);
        }
    }
}

fn laid_out(
    ready: &Ready,
    alert: &Alert,
    message: &Message,
    draft: Option<&Draft>,
) -> Result<Vec<u8>, NotifyError> {
    let parts = MultiPart::alternative()
        .boundary(boundary(alert))
        .singlepart(SinglePart::plain(plain::body(message, draft)))
        .singlepart(SinglePart::html(html::body(message, draft)));
    let mail = head(ready, alert, message.tone, &message.subject).multipart(parts);
    mail.map(|mail| mail.formatted())
        .map_err(|error| broken(&error))
}

/// Nothing but words: no HTML, no links, no quotation of what a client wrote but the beginning of the headline.
fn failsafe(ready: &Ready, alert: &Alert, message: &Message) -> Result<Vec<u8>, NotifyError> {
    let text = format!(
        "{}\n\nThe mail server refused more than this. The reference is {}.\n",
        shortened(&message.headline, 100),
        message.reference
    );
    let subject = format!("Alert {}", alert.issue.fingerprint);
    let mail = head(ready, alert, message.tone, &subject)
        .header(ContentType::TEXT_PLAIN)
        .body(text);
    mail.map(|mail| mail.formatted())
        .map_err(|error| broken(&error))
}

fn broken(error: &lettre::error::Error) -> NotifyError {
    NotifyError::payload_refused(format!("no mail can be made of this alert: {error}"))
}

fn head(ready: &Ready, alert: &Alert, tone: Tone, subject: &str) -> MessageBuilder {
    let domain = ready.from.email.domain();
    let issue = alert.issue.fingerprint;
    let thread = format!("<issue-{issue}@{domain}>");
    let (priority, importance) = priority(tone);
    let mut head = lettre::Message::builder().from(ready.from.clone());
    for to in &ready.to {
        head = head.to(to.clone());
    }
    if let Some(reply_to) = &ready.reply_to {
        head = head.reply_to(reply_to.clone());
    }
    let own = [
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("X-Auto-Response-Suppress", "All".to_owned()),
        ("X-Priority", priority.to_owned()),
        ("Importance", importance.to_owned()),
        ("X-Tower-Monitor-Issue", issue.to_string()),
        ("X-Tower-Monitor-Severity", alert.severity.to_string()),
    ];
    head = head
        .subject(shortened(&one_line(subject), MAX_SUBJECT))
        .date(date(alert.time))
        .message_id(Some(format!("<{}@{domain}>", alert.id)))
        .in_reply_to(thread.clone())
        .references(thread)
        .user_agent(concat!("tower-monitor/", env!("CARGO_PKG_VERSION")).to_owned());
    for (name, value) in own {
        head = head.raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str(name),
            value,
        ));
    }
    head
}

/// Behind `=`, which neither quoted-printable nor base64 has in front of `_`, so that no body can hold it.
fn boundary(alert: &Alert) -> String {
    format!("=_{}", alert.id.simple())
}

fn priority(tone: Tone) -> (&'static str, &'static str) {
    match tone {
        Tone::Bad(Severity::Critical) => ("1", "high"),
        Tone::Bad(Severity::Error | Severity::Warning) => ("3", "normal"),
        _ => ("5", "low"),
    }
}

/// The alert's time, within the years that a mail can name and `httpdate` does not panic over.
fn date(time: Timestamp) -> SystemTime {
    let seconds = time.unix_seconds().clamp(0, LAST_SECOND).unsigned_abs();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

const MAX_SUBJECT: usize = 150;
/// The end of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

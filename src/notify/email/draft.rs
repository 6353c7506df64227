//! The letter to the user who was hit, begun.

use std::fmt::Write;

use lettre::Address;

use crate::issue::Alert;
use crate::notify::{Message, Tone};
use crate::text::{one_line, shortened};
use crate::time::Timestamp;

/// A link that opens a letter to the user, in words for people who know nothing of servers.
#[derive(Debug)]
pub(super) struct Draft {
    /// Whom it is to.
    pub(super) name: String,
    /// A `mailto:` URL (RFC 6068) of printable ASCII, without blanks and quotation marks.
    pub(super) url: String,
}

impl Draft {
    /// `None` where nobody was hit, they have no address, or it is none that is safe to write to.
    pub(super) fn of(alert: &Alert, message: &Message) -> Option<Self> {
        if !matches!(message.tone, Tone::Bad(_)) {
            return None;
        }
        let occurrence = &alert.occurrence;
        let user = occurrence.request.as_ref()?.user.as_ref()?;
        let address = alert.redacted(user.email_address()?);
        if !is_plain(&address) {
            return None;
        }
        let name = user.display_name().map(|name| {
            let line = one_line(name);
            shortened(alert.redacted(line.trim()).trim(), MAX_NAME)
        });
        let name = name.filter(|name| !name.is_empty());
        let service = occurrence.origin.service.as_deref();
        let at = service.map(|service| format!(" at {}", shortened(&one_line(service), MAX_NAME)));
        let at = at.unwrap_or_default();
        let time = moment(occurrence.time);
        let reference = shortened(&message.reference, MAX_NAME);
        let hello = name.as_ref().map(|name| format!(" {name}"));
        let subject = format!("Sorry for the trouble{at}");
        let body = format!(
            "Hello{},\r\n\r\n\
             {time}, something went wrong on our side while you were using our service{at}. We are sorry for that.\r\n\r\n\
             We know about it and are looking into it. You need not do anything. If something is missing or looks wrong to you \
             now, just answer this mail.\r\n\r\n\
             Reference: {reference}\r\n",
            hello.unwrap_or_default()
        );
        let body = alert.redacted(&body);
        let url = format!(
            "mailto:{}?subject={}&body={}",
            encoded(&address).replace("%40", "@"),
            encoded(&subject),
            encoded(&body)
        );
        Some(Self {
            name: name.unwrap_or_else(|| address.into_owned()),
            url,
        })
    }
}

/// Whether it is an address that no mail program can take for two or for anything else: RFC 5322's `dot-atom` in front, a host name
/// with a dot behind.
fn is_plain(address: &str) -> bool {
    let Some((local, domain)) = address.split_once('@') else {
        return false;
    };
    let of_local = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let of_domain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    address.len() <= 254
        && local.chars().all(of_local)
        && domain.chars().all(of_domain)
        && domain.contains('.')
        && address.parse::<Address>().is_ok()
}

/// `On 22 November 2026 at 09:38 UTC`.
fn moment(time: Timestamp) -> String {
    let civil = time.civil();
    let month = usize::try_from(civil.month - 1).ok();
    let month = month.and_then(|month| MONTHS.get(month)).unwrap_or(&"");
    format!(
        "On {} {month} {} at {:02}:{:02} UTC",
        civil.day, civil.year, civil.hour, civil.minute
    )
}

/// RFC 3986's unreserved characters as they are, everything else percent-encoded.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

const MAX_NAME: usize = 64;
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

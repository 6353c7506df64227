//! E-mail and IP addresses in text, which are taken out only when that is asked for.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{REDACTED, steps};

pub(super) fn emails(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut spans = Spans::new(text);
    for at in memchr::memchr_iter(b'@', bytes) {
        let before = &bytes[spans.copied..at];
        let local = before
            .iter()
            .rev()
            .take(MAX_LOCAL)
            .take_while(|byte| is_local(**byte))
            .count();
        let domain = run(&bytes[at + 1..], is_domain);
        steps::add(local + domain);
        let name = trimmed(&bytes[at + 1..at + 1 + domain]);
        // A name without a dot is a host of one's own; `@2x.png` is none, nor is `@1.2.3`.
        let top = name.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
        let is_host =
            name.contains(&b'.') && top.len() >= 2 && top.iter().any(u8::is_ascii_alphabetic);
        if local > 0 && is_host {
            spans.hide(at - local, at + 1 + name.len());
        }
    }
    spans.finish()
}

pub(super) fn ip_addresses(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut spans = Spans::new(text);
    let mut at = 0;
    while at < bytes.len() {
        let length = run(&bytes[at..], is_address);
        steps::add(length);
        // In `client:203.0.113.7` the colon is no part of the address.
        if length == 0 || bytes[at] == b':' && bytes.get(at + 1) != Some(&b':') {
            at += 1;
            continue;
        }
        // A letter before or behind makes it a part of something else, as in `a::b::fmt`.
        let beside = |at: Option<usize>| {
            at.and_then(|at| bytes.get(at))
                .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        };
        let alone = !beside(at.checked_sub(1)) && !beside(Some(at + length));
        if alone && let Some((from, to)) = address(&text[at..at + length]) {
            spans.hide(at + from, at + to);
        }
        at += length;
    }
    spans.finish()
}

/// The address that such a run begins with, without a port or the end of a sentence.
fn address(run: &str) -> Option<(usize, usize)> {
    let trimmed = run.trim_end_matches(['.', ':']);
    let v4 = |text: &str| text.parse::<Ipv4Addr>().is_ok();
    let host = trimmed.split(':').next().unwrap_or_default();
    if v4(host) {
        return Some((0, host.len()));
    }
    // `client:203.0.113.7`, with whatever hexadecimal word before it.
    let last = trimmed.rsplit(':').next().unwrap_or_default();
    if (3..=MAX_ADDRESS).contains(&trimmed.len()) && trimmed.parse::<Ipv6Addr>().is_ok() {
        return Some((0, trimmed.len()));
    }
    v4(last).then(|| (trimmed.len() - last.len(), trimmed.len()))
}

struct Spans<'t> {
    text: &'t str,
    copied: usize,
    clean: String,
}

impl<'t> Spans<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            copied: 0,
            clean: String::new(),
        }
    }

    fn hide(&mut self, from: usize, to: usize) {
        self.clean.push_str(&self.text[self.copied..from]);
        self.clean.push_str(REDACTED);
        self.copied = to;
    }

    fn finish(mut self) -> Cow<'t, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.text);
        }
        self.clean.push_str(&self.text[self.copied..]);
        Cow::Owned(self.clean)
    }
}

fn run(bytes: &[u8], is: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| is(**byte)).count()
}

fn trimmed(name: &[u8]) -> &[u8] {
    let end = name
        .iter()
        .rposition(|byte| byte.is_ascii_alphanumeric())
        .map_or(0, |last| last + 1);
    &name[..end]
}

/// What people have in their addresses. RFC 5322 allows more, as `=` and an apostrophe,
/// which are more often beside an address than in it.
fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'%')
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

fn is_address(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':')
}

const MAX_LOCAL: usize = 64;
const MAX_ADDRESS: usize = 45;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn email_addresses_go_and_what_looks_like_them_stays() {
        for (text, clean) in [
            ("mail to uma.b+x@example.org.", "mail to [redacted]."),
            ("<uma@example.org>,<a@b.co>", "<[redacted]>,<[redacted]>"),
            ("user@host logo@2x.png", "user@host [redacted]"),
            ("@example.org a@ @", "@example.org a@ @"),
            ("müller@example.org", "mü[redacted]"),
            ("a@b.cc@d.ee", "[redacted]@d.ee"),
        ] {
            assert_eq!(emails(text), clean);
            assert_eq!(emails(clean), clean);
        }
    }

    #[test]
    fn ip_addresses_go_and_what_looks_like_them_stays() {
        for (text, clean) in [
            ("from 203.0.113.7:443.", "from [redacted]:443."),
            ("peer [2001:db8::1]:80", "peer [[redacted]]:80"),
            ("::1 and ::ffff:1.2.3.4", "[redacted] and [redacted]"),
            ("client:203.0.113.7", "client:[redacted]"),
            (
                "at 12:34:56, v1.2.3, 1.2.3.4.5",
                "at 12:34:56, v1.2.3, 1.2.3.4.5",
            ),
            (
                "core::fmt a::b::fmt :: 300.1.1.1",
                "core::fmt a::b::fmt :: 300.1.1.1",
            ),
        ] {
            assert_eq!(ip_addresses(text), clean);
            assert_eq!(ip_addresses(clean), clean);
        }
    }
}

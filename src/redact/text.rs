//! One pass over free text: word by word, in time linear to its length, whatever the text.

use std::borrow::Cow;

use super::{REDACTED, Redactor};

pub(super) fn redact<'t>(rules: &Redactor, text: &'t str) -> Cow<'t, str> {
    let mut out = Output {
        text,
        copied: 0,
        clean: String::new(),
    };
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if let Some(length) = url_password(rest) {
            out.hide(at + 3, at + length);
            at += length;
            continue;
        }
        let word = word_at(rest);
        if word.is_empty() {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        }
        let end = at + word.len();
        if let Some(length) = secret_value(rest) {
            out.hide(at, at + length);
            at += length;
        } else if is_scheme(word)
            && let Some((from, to)) = credentials_after(text, end)
        {
            out.hide(from, to);
            at = to;
        } else if rules.is_sensitive(word)
            && let Some((from, to)) = value_after(text, end)
        {
            let to = if to_end_of_line(word) {
                line_end(text, from)
            } else {
                to
            };
            out.hide(from, to);
            at = to;
        } else {
            at = end;
        }
    }
    out.finish()
}

struct Output<'t> {
    text: &'t str,
    copied: usize,
    clean: String,
}

impl<'t> Output<'t> {
    fn hide(&mut self, from: usize, to: usize) {
        let hidden = self.text[from..].starts_with(REDACTED);
        if from < to && !hidden {
            self.clean.push_str(&self.text[self.copied..from]);
            self.clean.push_str(REDACTED);
            self.copied = to;
        }
    }

    fn finish(mut self) -> Cow<'t, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.text);
        }
        self.clean.push_str(&self.text[self.copied..]);
        Cow::Owned(self.clean)
    }
}

fn word_at(text: &str) -> &str {
    let end = text
        .bytes()
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')))
        .unwrap_or(text.len());
    &text[..end]
}

/// `://user:pass@` at the beginning: the length up to the `@`.
fn url_password(text: &str) -> Option<usize> {
    let authority = text.strip_prefix("://")?;
    let end = authority
        .find(['/', '?', '#', ' ', '"', '\'', '\n'])
        .unwrap_or(authority.len());
    let length = match authority[..end].rfind('@') {
        Some(at) => at,
        // Cut off before its `@`: what stands behind the colon may be a password, unless it is a port.
        None if end == authority.len() => {
            let (_, port) = authority.rsplit_once(':')?;
            let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
            (!is_port && !authority.ends_with(']')).then_some(end)?
        }
        None => return None,
    };
    Some("://".len() + length)
}

/// A value that is a secret whatever its name: its length.
fn secret_value(text: &str) -> Option<usize> {
    let word = word_at(text);
    // Only with the dot is the rest looked through: so that each byte is looked at a bounded number of times.
    if word.starts_with("eyJ") && word.len() > 8 && text.as_bytes().get(word.len()) == Some(&b'.') {
        let token = text
            .bytes()
            .position(|byte| {
                !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'='))
            })
            .unwrap_or(text.len());
        return Some(token);
    }
    let known = KEY_PREFIXES
        .iter()
        .any(|prefix| word.len() >= prefix.len() + 8 && word.starts_with(prefix));
    (known || is_card_number(word)).then_some(word.len())
}

fn is_card_number(word: &str) -> bool {
    (13..=19).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_digit())
        && luhn(word.bytes())
}

fn luhn(digits: impl DoubleEndedIterator<Item = u8>) -> bool {
    let sum: u32 = digits
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let digit = u32::from(digit - b'0');
            match (index % 2, digit) {
                (0, _) => digit,
                (_, 0..=4) => digit * 2,
                _ => digit * 2 - 9,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

fn is_scheme(word: &str) -> bool {
    word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic")
}

/// The token behind `Bearer `: from eight characters on, so that prose keeps its words.
fn credentials_after(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = text[at..].strip_prefix(' ')?;
    let length = rest
        .bytes()
        .position(|byte| !(byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)))
        .unwrap_or(rest.len());
    (length >= 8).then_some((at + 1, at + 1 + length))
}

/// The value behind a name, `=` or `:` and an optional quotation mark.
fn value_after(text: &str, at: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut at = at;
    // A closing quotation mark of the name, escaped when the text is JSON within a string.
    while matches!(bytes.get(at), Some(b'"' | b'\'' | b'\\' | b']' | b' ')) {
        at += 1;
    }
    if !matches!(bytes.get(at), Some(b'=' | b':')) {
        return None;
    }
    at += 1;
    while matches!(bytes.get(at), Some(b' ' | b'\\' | b'>')) {
        at += 1;
    }
    // `Some("…")` and the like, as `Debug` writes it.
    if text[at..].starts_with("Some(") {
        at += "Some(".len();
    }
    if text[at..].starts_with(REDACTED) {
        return Some((at, at + REDACTED.len()));
    }
    let end = match bytes.get(at) {
        Some(quote @ (b'"' | b'\'')) => {
            at += 1;
            quoted_end(bytes, at, *quote)
        }
        _ => text[at..]
            .find(|c: char| c.is_whitespace() || "&,;)}]\"'<".contains(c))
            .map_or(text.len(), |length| at + length),
    };
    Some((at, end))
}

fn quoted_end(bytes: &[u8], from: usize, quote: u8) -> usize {
    let mut at = from;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' && bytes.get(at + 1).is_some_and(u8::is_ascii) {
            2
        } else {
            1
        };
    }
    at.min(bytes.len())
}

/// `Authorization: Digest a, b`, `Cookie: a=1; b=2` and a passphrase hold spaces and more than one value.
fn to_end_of_line(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    ["authorization", "cookie", "passphrase"]
        .iter()
        .any(|name| word.contains(name))
}

fn line_end(text: &str, from: usize) -> usize {
    text[from..]
        .find(['\n', '\r', '"'])
        .map_or(text.len(), |length| from + length)
}

/// Beginnings that vendors give their keys so that scanners find them.
const KEY_PREFIXES: &[&str] = &[
    "AKIA",
    "ASIA",
    "AIza",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "npm_",
    "pypi-",
    "rk_live_",
    "rk_test_",
    "sk-",
    "sk_live_",
    "sk_test_",
    "whsec_",
    "xoxa-",
    "xoxb-",
    "xoxp-",
];

#[cfg(test)]
mod tests {
    use super::super::Redactor;
    use proptest::prelude::*;

    #[test]
    fn secrets_go_and_the_rest_stays() {
        for (text, expected) in [
            (
                "connection refused (os error 111)",
                "connection refused (os error 111)",
            ),
            (
                "login failed: password=hunter2, user=7",
                "login failed: password=[redacted], user=7",
            ),
            (
                r#"{"user":"uma","password":"hun\"ter2","n":1}"#,
                r#"{"user":"uma","password":"[redacted]","n":1}"#,
            ),
            (r#"{"api_key":"abcdef"#, r#"{"api_key":"[redacted]"#),
            (
                "Login { secret: Some(\"abc\") }",
                "Login { secret: Some(\"[redacted]\") }",
            ),
            (
                "postgres://app:hunter2@db/shop failed",
                "postgres://[redacted]@db/shop failed",
            ),
            (
                "Authorization: Digest a=1, b=2\nnext",
                "Authorization: [redacted]\nnext",
            ),
            ("sent Bearer abcdefgh12345", "sent Bearer [redacted]"),
            ("a bearer of news", "a bearer of news"),
            ("postgres://app:hunter2", "postgres://[redacted]"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("passphrase: correct horse staple", "passphrase: [redacted]"),
            ("jwt was eyJhbGciOi.eyJzdWIi.SflKxw", "jwt was [redacted]"),
            ("card 4111111111111111 refused", "card [redacted] refused"),
            (
                "order 4111111111111112 refused",
                "order 4111111111111112 refused",
            ),
            ("key AKIAIOSFODNN7EXAMPLE", "key [redacted]"),
            ("passwort für müller", "passwort für müller"),
        ] {
            assert_eq!(Redactor::default().text(text), expected, "of {text:?}");
        }
    }

    #[test]
    fn hostile_text_takes_no_longer_than_other_text() {
        // Looking on from every word to the end would take minutes over these.
        for piece in [
            "a=",
            "eyJaaaaaa=",
            "password=",
            "bearer ",
            "://",
            "://a:",
            "token\"",
            "'",
            "\\",
        ] {
            let text = piece.repeat((1 << 18) / piece.len());
            let _ = Redactor::default().text(&text);
            let _ = Redactor::default().query(&text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in ".{0,300}") {
            let _ = Redactor::default().text(&text);
        }

        #[test]
        fn a_clean_text_stays_clean(text in "[a-z \"':=&{}é\n]{0,200}") {
            let redactor = Redactor::default();
            let once = redactor.text(&text).into_owned();
            prop_assert_eq!(redactor.text(&once).into_owned(), once);
        }
    }
}

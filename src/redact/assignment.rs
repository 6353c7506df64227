//! Where a name ends and the value begins that belongs to it, in the ways in which people and programs write it.

use super::class::is_word;
use super::names::Sensitive;
use super::steps;
use super::value;

/// What stands between a name and its value.
struct Separator {
    /// Where the value begins, or the spaces before it.
    at: usize,
    kind: Kind,
    /// In front of the name a line begins.
    own_line: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Equals,
    Colon,
    /// `("name", "value")`
    Comma,
    /// `<name>value<`
    Element,
    /// `--name value`
    Option,
}

/// Whether a value can follow: a look at two bytes, before the name is looked up.
pub(super) fn may_follow(bytes: &[u8], start: usize, end: usize) -> bool {
    match bytes[end] {
        b' ' | b'\t' => match bytes.get(end + 1) {
            Some(b'-') => bytes.get(end + 2) == Some(&b'>'),
            Some(b'=' | b':' | b' ' | b'\t' | b'\'' | b'"' | b'%' | b'&' | b'\\') => true,
            _ => bytes[start..end].starts_with(b"--"),
        },
        b':' => bytes.get(end + 1) != Some(&b':'),
        // Only `value=` can follow in the place of a separator.
        b'"' | b'\'' => bytes
            .get(end + 1)
            .is_none_or(|byte| !is_word(*byte) || matches!(byte, b'v' | b'V' | b'-')),
        b'>' => is_tag(bytes, start),
        // PostgreSQL's `Key (token)=(x) already exists`.
        b')' => bytes[end + 1..].starts_with(b"=("),
        _ => true,
    }
}

/// Whether a name is a tag, `<name>` or `<space:name>`, and not the parameter of a type: `Vec<Token>`.
fn is_tag(bytes: &[u8], start: usize) -> bool {
    let prefix = bytes[..start]
        .iter()
        .rev()
        .take(MAX_PREFIX)
        .take_while(|byte| is_word(**byte) || **byte == b':')
        .count();
    let bracket = (start - prefix).checked_sub(1);
    bracket.is_some_and(|at| {
        let beside = at.checked_sub(1).map(|before| bytes[before]);
        bytes[at] == b'<' && !beside.is_some_and(|byte| is_word(byte) || byte == b':')
    })
}

/// The credentials of `curl -u user:password`.
pub(super) fn user_option(bytes: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let options = [&b"-u"[..], b"-U", b"--user", b"--proxy-user"];
    if bytes[start] != b'-' || bytes[end] != b' ' || !options.contains(&&bytes[start..end]) {
        return None;
    }
    let quoted = matches!(bytes.get(end + 1), Some(b'"' | b'\''));
    let from = end + 1 + usize::from(quoted);
    let to = value::end_of_word(bytes, from);
    bytes.get(from..to)?.contains(&b':').then_some((from, to))
}

/// The value that belongs to the sensitive name `text[start..end]`.
pub(super) fn value(
    text: &str,
    start: usize,
    end: usize,
    sensitive: Sensitive,
) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let separator = separator(bytes, start, end)?;
    value::span(bytes, &separator.into_start(bytes, sensitive)?)
}

impl Separator {
    /// Where and how to look for the value.
    fn into_start(self, bytes: &[u8], sensitive: Sensitive) -> Option<value::Start> {
        let from = match self.kind {
            Kind::Element => self.at,
            _ => skip(bytes, self.at, b" \t*>"),
        };
        if is_masked(bytes, skip(bytes, self.at, b" \t")) {
            return None;
        }
        let literal = skip(bytes, from, b"\\");
        let prefix = usize::from(bytes.get(literal) == Some(&b'b'));
        let quoted = is_quote(bytes.get(literal + prefix));
        let option = self.kind == Kind::Option;
        if self.kind == Kind::Comma && !quoted || option && bytes.get(from) == Some(&b'-') {
            return None;
        }
        let whole_line = self.own_line && self.kind == Kind::Colon;
        Some(value::Start {
            at: from,
            to_end_of_line: sensitive.to_end_of_line || whole_line,
            to_tag: self.kind == Kind::Element,
            may_be_sentence: self.kind == Kind::Colon
                && from > self.at
                && !sensitive.to_end_of_line
                && !whole_line,
        })
    }
}

/// Whether somebody else put asterisks in the place of the value.
fn is_masked(bytes: &[u8], at: usize) -> bool {
    let end = skip(bytes, at, b"*");
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b';' | b')' | b'}');
    end - at >= 3 && bytes.get(end).is_none_or(ends)
}

fn separator(bytes: &[u8], start: usize, end: usize) -> Option<Separator> {
    let own_line = start > 0 && bytes[start - 1] == b'\n';
    let found = |at: usize, kind: Kind| Some(Separator { at, kind, own_line });
    if bytes[end] == b'>' {
        return found(end + 1, Kind::Element);
    }
    if bytes[end] == b')' {
        return found(end + 2, Kind::Equals);
    }
    if bytes[start..end].starts_with(b"--")
        && let Some(at) = quoted_argument(bytes, end)
    {
        return found(at, Kind::Option);
    }
    // The closing quotation mark of the name, escaped or encoded when the text is JSON within a string.
    let mut at = end;
    let mut closed = false;
    loop {
        match unit(bytes, at) {
            Some((b'"' | b'\'' | b'`' | b']', length)) => {
                closed = true;
                at += length;
            }
            Some((b'\\', length)) => at += length,
            Some((b' ' | b'\t', length)) => at += length,
            _ => break,
        }
    }
    steps::add(at - end);
    match unit(bytes, at)? {
        (b'=', length) => found(skip(bytes, at + length, b"=>"), Kind::Equals),
        (b':', length) => match bytes.get(at + length) {
            // A path of Rust.
            Some(b':') => None,
            Some(b'=') => found(at + length + 1, Kind::Equals),
            // A module of Rust, which a log line begins with: `shop::session: save failed`.
            Some(b' ') if !closed && bytes[..start].ends_with(b"::") => None,
            // A host and its port: `http://auth:8080/`.
            Some(b'0'..=b'9') if !closed && bytes[..start].ends_with(b"://") => None,
            Some(b'\r' | b'\n') if closed => {
                let next = skip(bytes, at + length, b" \t\r\n");
                let quoted = is_quote(bytes.get(next));
                found(if quoted { next } else { at + length }, Kind::Colon)
            }
            _ => found(at + length, Kind::Colon),
        },
        (b'-', 1) if bytes.get(at + 1) == Some(&b'>') => found(at + 2, Kind::Equals),
        (b',', 1) if closed => {
            let next = skip(bytes, at + 1, b" \t\r\n");
            behind_value_key(bytes, next)
                .and_then(|at| found(at, Kind::Equals))
                .or_else(|| {
                    opens_pair(bytes, start)
                        .then(|| found(next, Kind::Comma))
                        .flatten()
                })
        }
        (b'v' | b'V', 1) if closed => found(behind_value_key(bytes, at)?, Kind::Equals),
        _ if at > end && bytes[start..end].starts_with(b"--") && !closed => found(at, Kind::Option),
        _ => None,
    }
}

/// The opening quotation mark behind `--name`, as in `--name "…"`, `"--name" "…"` and `"--name", "…"`.
fn quoted_argument(bytes: &[u8], end: usize) -> Option<usize> {
    let closed = end + usize::from(is_quote(bytes.get(end)));
    let at = skip(bytes, closed, b" \t,");
    (at > closed && is_quote(bytes.get(at))).then_some(at)
}

/// `value="…"` behind `name="password"`, and `"value":` behind `"name":"password",`: the place behind the separator.
fn behind_value_key(bytes: &[u8], from: usize) -> Option<usize> {
    let from = skip(bytes, from, b"\\\"' ");
    let key = bytes.get(from..from + 5)?;
    if !key.eq_ignore_ascii_case(b"value") {
        return None;
    }
    let at = skip(bytes, from + 5, b"\\\"' ");
    matches!(bytes.get(at), Some(b'=' | b':')).then_some(at + 1)
}

/// Whether the name is the first of a tuple or an array: `("name", …`.
fn opens_pair(bytes: &[u8], start: usize) -> bool {
    let before = |count: usize| start.checked_sub(count).map(|at| bytes[at]);
    let quote = before(1);
    let opening = match before(2) {
        Some(b'\\') => before(3),
        other => other,
    };
    is_quote(quote.as_ref()) && matches!(opening, Some(b'(' | b'['))
}

/// The byte at `at`, as text: percent-encoded once or twice, escaped as `\u0022`, or a character reference of HTML.
pub(super) fn unit(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let rest = bytes.get(at..)?;
    match rest.first()? {
        b'%' => super::text::encoded(rest).or(Some((b'%', 1))),
        b'\\' => {
            let hex = |at: usize| char::from(*rest.get(at)?).to_digit(16);
            match rest {
                [_, b'u', b'0', b'0', ..] => {
                    let byte = hex(4).zip(hex(5)).map(|(high, low)| high * 16 + low);
                    Some(
                        byte.and_then(|byte| u8::try_from(byte).ok())
                            .map_or((b'\\', 1), |byte| (byte, 6)),
                    )
                }
                _ => Some((b'\\', 1)),
            }
        }
        b'&' => Some(
            REFERENCES
                .iter()
                .find(|(name, _)| rest.starts_with(name))
                .map_or((b'&', 1), |(name, byte)| (*byte, name.len())),
        ),
        byte => Some((*byte, 1)),
    }
}

fn skip(bytes: &[u8], from: usize, any: &[u8]) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let length = rest
        .iter()
        .position(|byte| !any.contains(byte))
        .unwrap_or(rest.len());
    steps::add(length);
    from + length
}

fn is_quote(byte: Option<&u8>) -> bool {
    matches!(byte, Some(b'"' | b'\''))
}

/// The longest namespace of a tag.
const MAX_PREFIX: usize = 16;

const REFERENCES: &[(&[u8], u8)] = &[
    (b"&quot;", b'"'),
    (b"&#34;", b'"'),
    (b"&#x22;", b'"'),
    (b"&#39;", b'\''),
    (b"&#x27;", b'\''),
    (b"&apos;", b'\''),
];

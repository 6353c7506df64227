//! Where a value ends: with its quotation mark, its bracket, its line, or where the next field begins.

use super::REDACTED;
use super::assignment::unit;
use super::class::{STOP, class, is_word};
use super::steps;

/// Where a value begins, and what its name says about its end.
pub(super) struct Start {
    pub(super) at: usize,
    pub(super) to_end_of_line: bool,
    /// Up to the next `<`.
    pub(super) to_tag: bool,
    /// Behind a colon, where `token: unexpected end` is a sentence.
    pub(super) may_be_sentence: bool,
}

/// The value's beginning and end; `None` when there is none, or one that says only that there is none.
pub(super) fn span(bytes: &[u8], start: &Start) -> Option<(usize, usize)> {
    let mut at = start.at;
    if start.to_tag {
        let to = position(bytes, at, |byte| byte == b'<');
        return (to > at).then_some((at, to));
    }
    // As `Debug` writes what may be missing.
    while bytes[at..].starts_with(b"Some(") || bytes[at..].starts_with(b"Ok(") {
        at += if bytes[at] == b'S' { 5 } else { 3 };
        at = behind_breaks(bytes, at);
    }
    if matches!(bytes.get(at), Some(b'b' | b'r')) && bytes.get(at + 1) == Some(&b'"') {
        at += 1;
    }
    let backslashes = position(bytes, at, |byte| byte != b'\\') - at;
    if let Some(quote @ (b'"' | b'\'')) = bytes.get(at + backslashes).copied() {
        let from = at + backslashes + 1;
        // As TOML writes a text of many lines.
        if backslashes == 0 && bytes.get(from..from + 2) == Some(&[quote, quote][..]) {
            let from = from + 2;
            let length = memchr::memmem::find(&bytes[from..], &[quote; 3]);
            let to = length.map_or(bytes.len(), |length| from + length);
            steps::add(to - from);
            return (to > from).then_some((from, to));
        }
        let (to, _) = quoted_end(bytes, from, quote, backslashes);
        return (to > from).then_some((from, to));
    }
    if let Some((b'"' | b'\'', length)) = unit(bytes, at).filter(|(_, length)| *length > 1) {
        let to = encoded_end(bytes, at + length, &bytes[at..at + length]);
        return (to > at + length).then_some((at + length, to));
    }
    if start.may_be_sentence && is_complaint(bytes, at) || is_marked(bytes, at) {
        return None;
    }
    let to = if start.to_end_of_line {
        let structured = matches!(bytes.get(at), Some(b'{' | b'[' | b'('));
        let group = if structured {
            group_end(bytes, at, true)
        } else {
            at
        };
        line_end(bytes, at, group)
    } else {
        unquoted_end(bytes, at)
    };
    (to > at && !is_nothing(&bytes[at..to])).then_some((at, to))
}

/// The end of a word as a shell sees it.
pub(super) fn end_of_word(bytes: &[u8], from: usize) -> usize {
    position(bytes, from, |byte| {
        byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'')
    })
}

/// The end of the text in quotation marks, and the place behind the closing one; or the end of what there is.
///
/// In JSON within a string the marks have a backslash before them, in JSON within that three, then seven; `backslashes` says how
/// many the opening one had. A mark is a closing one when its backslashes are those and the escaped backslashes of the text before.
fn quoted_end(bytes: &[u8], from: usize, quote: u8, backslashes: usize) -> (usize, usize) {
    let mut at = from;
    let mut run = 0;
    let (end, behind) = loop {
        match bytes.get(at) {
            None => break (at, at),
            Some(b'\\') => run += 1,
            Some(byte) if *byte == quote => {
                let closes = run < backslashes || run % (2 * backslashes + 2) == backslashes;
                let doubled = backslashes == 0 && at > from && bytes.get(at + 1) == Some(&quote);
                if closes && doubled {
                    at += 1;
                } else if closes {
                    break (at - run.min(backslashes), at + 1);
                }
                run = 0;
            }
            // An apostrophe is more often one than a value of many lines.
            Some(b'\n') if quote == b'\'' => break (at, at),
            Some(_) => run = 0,
        }
        at += 1;
    };
    steps::add(behind - from);
    (end, behind)
}

/// A value between two marks that are encoded the same way.
fn encoded_end(bytes: &[u8], from: usize, mark: &[u8]) -> usize {
    let mut at = from;
    while let Some(byte) = bytes.get(at)
        && !matches!(byte, b'\n' | b'"' | b'<')
        && !bytes[at..].starts_with(mark)
    {
        at += 1;
    }
    steps::add(at - from);
    at
}

/// The end of `a, b="c", d`: of the line, of the string around it, or an escaped end of line.
fn line_end(bytes: &[u8], from: usize, group: usize) -> usize {
    let mut at = group;
    let mut inside = None;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\n' | b'\r' => break,
            b'\\' if matches!(bytes.get(at + 1), Some(b'n' | b'r')) => break,
            b'(' | b'[' | b'{' => {
                at = group_end(bytes, at, is_broken(bytes, at));
                continue;
            }
            b'"' | b'\'' => {
                let before = bytes[from..at].iter().rev().find(|byte| **byte != b'\\');
                match inside {
                    Some(mark) if mark == *byte => inside = None,
                    Some(_) => {}
                    None if before == Some(&b'=') => inside = Some(*byte),
                    None => break,
                }
            }
            _ => {}
        }
        at += 1;
    }
    steps::add(at - from);
    without_trailing(bytes, from, at)
}

/// The end of a value without quotation marks.
fn unquoted_end(bytes: &[u8], from: usize) -> usize {
    let mut at = if matches!(bytes.get(from), Some(b'{' | b'[' | b'(')) {
        group_end(bytes, from, true)
    } else {
        from
    };
    at = plain_end(bytes, at);
    let value = &bytes[from..at];
    let next = bytes.get(at + 1).copied();
    if bytes.get(at) == Some(&b' ') && !value.is_empty() {
        // `Secret { inner: … }`, `Bearer …`
        if next == Some(b'{') && value.iter().all(|byte| is_word(*byte)) {
            at = plain_end(bytes, group_end(bytes, at + 1, true));
        } else if SCHEMES
            .iter()
            .any(|scheme| value.eq_ignore_ascii_case(scheme))
        {
            at = plain_end(bytes, at + 1);
        }
    }
    without_trailing(bytes, from, at)
}

fn plain_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        if class(byte) & STOP == 0 {
            at += 1;
            continue;
        }
        let next = bytes.get(at + 1).copied();
        match byte {
            b'(' | b'[' | b'{' => at = group_end(bytes, at, is_broken(bytes, at)),
            b')' | b']' | b'}' | b'"' | b'\'' | b'|' | b'>' if next.is_some_and(is_word) => at += 1,
            b',' | b';' | b'&' if !begins_field(bytes, at + 1) => at += 1,
            b'\\' if !matches!(next, Some(b'"' | b'\'')) => at += 1,
            _ => break,
        }
    }
    steps::add(at - from);
    at
}

/// Whether a field begins, or nothing of the value can follow, behind `,`, `;` or `&`.
fn begins_field(bytes: &[u8], from: usize) -> bool {
    let to = position(bytes, from, |byte| {
        !is_word(byte) && !matches!(byte, b'.' | b'%' | b'[' | b']')
    });
    match bytes.get(to) {
        None => to == from,
        Some(b'=' | b':') => true,
        Some(b';') if bytes[from..to] == *b"amp" => true,
        Some(byte) => to == from && class(*byte) & STOP != 0 && !matches!(byte, b'(' | b'['),
    }
}

/// The place behind the bracket that closes the one at `from`; of one that is never closed, the end of the text or of the line.
fn group_end(bytes: &[u8], from: usize, many_lines: bool) -> usize {
    let mut depth = 0_usize;
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    at += 1;
                    break;
                }
            }
            b'"' => {
                let before = bytes[from..at].iter().rev();
                let backslashes = before.take_while(|byte| **byte == b'\\').count();
                at = quoted_end(bytes, at + 1, b'"', backslashes).1;
                continue;
            }
            b'\n' if !many_lines => break,
            _ => {}
        }
        at += 1;
    }
    let at = at.min(bytes.len());
    steps::add(at - from);
    at
}

/// Whether a line ends behind the bracket, as in `{:#?}`: then what it holds is on the lines below.
fn is_broken(bytes: &[u8], at: usize) -> bool {
    behind_break(bytes, at + 1).is_some()
}

/// The place behind line breaks, escaped ones too, and the spaces that lines begin with.
fn behind_breaks(bytes: &[u8], from: usize) -> usize {
    let Some(mut at) = behind_break(bytes, from) else {
        return from;
    };
    while bytes.get(at) == Some(&b' ') {
        at += 1;
    }
    steps::add(at - from);
    at
}

fn behind_break(bytes: &[u8], from: usize) -> Option<usize> {
    match bytes.get(from..)? {
        [b'\n', ..] => Some(from + 1),
        [b'\\', b'n', ..] => Some(from + 2),
        _ => None,
    }
}

/// Without the backslashes that belong to the mark behind, and without the spaces before it.
fn without_trailing(bytes: &[u8], from: usize, to: usize) -> usize {
    let kept = bytes[from..to]
        .iter()
        .rposition(|byte| !matches!(byte, b'\\' | b' '))
        .map_or(0, |last| last + 1);
    from + kept
}

/// Whether a sentence about the name follows, and no value: `too short`, `unexpected end of input`, `InvalidSignature`.
fn is_complaint(bytes: &[u8], from: usize) -> bool {
    let to = position(bytes, from, |byte| !byte.is_ascii_alphabetic());
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b')' | b'}');
    bytes.get(to).is_none_or(ends)
        && COMPLAINTS
            .iter()
            .any(|word| bytes[from..to].eq_ignore_ascii_case(word))
}

/// As `Debug` writes a header that is missing, or that the app marked: `"cookie": Sensitive, `.
fn is_marked(bytes: &[u8], at: usize) -> bool {
    let ends = |word: &[u8]| matches!(bytes.get(at + word.len()), None | Some(b',' | b'}'));
    [&b"Sensitive"[..], b"None", b"null"]
        .iter()
        .any(|word| bytes[at..].starts_with(word) && ends(word))
}

/// `None`, `null` and the like: nobody's secret, and good to know.
fn is_nothing(value: &[u8]) -> bool {
    let nothing = [
        &b"none"[..],
        b"null",
        b"nil",
        b"undefined",
        b"true",
        b"false",
        // MySQL's `(using password: YES)`.
        b"yes",
        b"no",
    ];
    value != REDACTED.as_bytes() && nothing.iter().any(|word| value.eq_ignore_ascii_case(word))
}

fn position(bytes: &[u8], from: usize, is: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let length = rest.iter().position(|byte| is(*byte)).unwrap_or(rest.len());
    steps::add(length);
    from + length
}

/// What libraries say of a token or a password that they do not accept; first words of sentences, and variants of errors.
const COMPLAINTS: &[&[u8]] = &[
    b"cannot",
    b"connection",
    b"expected",
    b"expired",
    b"expiredsignature",
    b"expiredtoken",
    b"failed",
    b"incorrect",
    b"invalid",
    b"invalidsignature",
    b"invalidtoken",
    b"malformed",
    b"mismatch",
    b"missing",
    b"must",
    b"not",
    b"notfound",
    b"notpresent",
    b"permission",
    b"required",
    b"tokenexpired",
    b"too",
    b"unexpected",
    b"unknown",
];

/// The schemes of RFC 9110's `Authorization`, and those that APIs add.
const SCHEMES: &[&[u8]] = &[
    b"basic",
    b"bearer",
    b"token",
    b"apikey",
    b"negotiate",
    b"digest",
    b"aws4-hmac-sha256",
];

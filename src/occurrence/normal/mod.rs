//! The normal form of a message: the same for every occurrence of a problem, and different for two problems.
//!
//! What differs from one occurrence to the next becomes `<value>`, the same word for a number, an id, an address or a quoted name,
//! so that `user 17` and `user 0x1f` are one problem; several in a row are one, so that lists of any length are. Data are:
//!
//! - words with a digit (but not `u32`, `IPv4` and the like), long hexadecimal words, truth values, and a number's unit;
//! - URLs, paths, e-mail addresses, IP addresses, dates, what follows `key=`, and lists in brackets;
//! - quoted text, whatever the quotes.
//!
//! Some quoted text tells problems apart and stays, itself normalised:
//!
//! - code in backticks: `Option::unwrap()`, `None`, `left == right`;
//! - names that the program made: ``missing field `name` ``, `constraint "users_email_key"`; not so ``unknown field `x` ``, where
//!   a client made up the name;
//! - messages in an error's `Debug`: the value of `message:`, `"error":` and the like, and text with a word of failing in it
//!   (`"connection refused"`). A user may type such text too, which costs an issue more, and the number of messages that one place
//!   in the code may tell apart is bounded elsewhere.
//!
//! Quotation marks, line breaks, terminal colours, source excerpts and the sides of a failed assertion are left out.

mod quoted;
mod words;
mod writer;

#[cfg(test)]
mod tests;

use quoted::{after_path, array_end, carets, is_excerpt, line_end};
use writer::Writer;

use crate::text::cut;

/// Calls `piece` with the pieces of the normal form, one after the other; together they are the form, however they are cut.
///
/// Allocates nothing, takes time linear in the message, and looks at its first [`MAX_INPUT`] bytes.
pub(crate) fn normal_form(message: &str, piece: &mut impl FnMut(&str)) {
    let mut scan = Scan {
        writer: Writer::new(piece),
        depth: 0,
    };
    scan.text(cut(message, MAX_INPUT));
}

#[cfg(test)]
pub(super) fn to_string(message: &str) -> String {
    let mut form = String::new();
    normal_form(message, &mut |piece| form.push_str(piece));
    form
}

struct Scan<'t, 'p, P> {
    writer: Writer<'t, 'p, P>,
    /// How many quotes are around the text.
    depth: u8,
}

impl<'t, P: FnMut(&str)> Scan<'t, '_, P> {
    /// Every branch moves `at` forward, and what a branch looks ahead at is consumed, or looked at once more at most.
    fn text(&mut self, text: &'t str) {
        let bytes = text.as_bytes();
        let mut marks = quoted::Marks::default();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let rest = &text[at..];
            let before = at;
            at = match byte {
                b'\n' => match self.line(text, at) {
                    Some(next) => next,
                    None => return,
                },
                b' ' | b'\t' | b'\r' => {
                    self.writer.space();
                    at + 1
                }
                b'\x1b' => at + escape_length(rest),
                b'"' | b'\'' | b'`' => self.quoted(text, at, &mut marks),
                b'\\' => self.backslash(text, at, &mut marks),
                b'[' => self.bracket(text, at, &mut marks),
                b'(' | b'{' => {
                    self.writer.open(&rest[..1]);
                    at + 1
                }
                b')' | b'}' | b']' => {
                    self.writer.close(&rest[..1]);
                    at + 1
                }
                b'=' => self.assignment(text, at),
                _ if byte.is_ascii_alphanumeric() || byte == b'_' || begins_word(bytes, at) => {
                    self.word(text, at)
                }
                b',' | b';' | b':' | b'.' | b'/' | b'-' | b'+' | b'|' | b'~' => {
                    self.writer.separator(byte);
                    at + 1
                }
                _ if byte.is_ascii() => {
                    self.writer.other(&rest[..1]);
                    at + 1
                }
                _ => self.foreign(text, at),
            };
            debug_assert!(at > before, "no progress at {rest:?}");
        }
    }

    /// A line break is a space. `None` where the rest is a dump.
    fn line(&mut self, text: &'t str, at: usize) -> Option<usize> {
        self.writer.space();
        let end = line_end(text, at + 1);
        let line = text[at + 1..end].trim_start();
        let is_dump = [
            "left:",
            "Diff < left",
            "Stack backtrace:",
            "stack backtrace:",
        ]
        .iter()
        .any(|dump| line.starts_with(dump));
        if is_dump {
            return None;
        }
        let next = text
            .get(end + 1..line_end(text, end + 1))
            .unwrap_or_default();
        if is_excerpt(line) || carets(line) || carets(next) {
            return Some(end);
        }
        Some(at + 1)
    }

    /// A word with the signs that paths, addresses, dates and compound names have within.
    fn word(&mut self, text: &'t str, at: usize) -> usize {
        let bytes = text.as_bytes();
        let mut length = 0;
        let mut plain = true;
        for byte in &bytes[at..] {
            if !is_inner(*byte) || (*byte == b'\\' && self.depth > 0) {
                break;
            }
            plain &= byte.is_ascii_alphabetic() || *byte == b'_';
            length += 1;
        }
        // Most words: everything below looks for a digit, a sign or a length that they do not have.
        if plain && length < 8 && bytes.get(at + length) != Some(&b':') {
            let word = &text[at..at + length];
            if words::is_value(word) || self.is_value_here(word, &text[at + length..]) {
                self.writer.value();
            } else {
                self.writer.word(word);
            }
            return at + length;
        }
        let word = text[at..at + length].trim_end_matches(['-', '.', '+', '/', '~', '@', '\\']);
        let end = at + word.len();
        let rest = &text[end..];
        if rest.starts_with(':')
            && let Some(end) = address_end(bytes, at)
        {
            self.writer.value();
            return end;
        }
        let is_drive = word.len() == 1 && (rest.starts_with(":\\") || rest.starts_with(":/"));
        if rest.starts_with("://") || is_drive || is_path(word) || word.is_empty() {
            self.writer.value();
            return after_path(text, end.max(at + 1));
        }
        let is_email = word.find('@').is_some_and(|place| place > 0);
        if is_email || words::is_value(word) || self.is_value_here(word, rest) {
            self.writer.value();
            return end + tail_length(word, rest);
        }
        self.writer.word(word);
        end
    }

    /// Words that are data only beside other data.
    fn is_value_here(&self, word: &str, rest: &str) -> bool {
        let before_digit = || {
            let next = rest.trim_start_matches([',', ' ', '-']).as_bytes().first();
            next.is_some_and(u8::is_ascii_digit)
        };
        (words::is_day_or_month(word) && (self.writer.is_after_value() || before_digit()))
            || (word == "null" && matches!(self.writer.sign, b':' | b',' | b'['))
    }

    /// `user=alice` as log lines have it, and `(email)=(a@b.example)` as Postgres has it.
    fn assignment(&mut self, text: &'t str, at: usize) -> usize {
        let bytes = text.as_bytes();
        let before = at.checked_sub(1).map_or(b' ', |place| bytes[place]);
        let after = bytes.get(at + 1).copied().unwrap_or(b' ');
        let is_key = before.is_ascii_alphanumeric() || matches!(before, b'_' | b')' | b'"');
        self.writer.separator(b'=');
        let keeps = words::is_message_key(self.writer.lead) && before != b')';
        if !is_key
            || keeps
            || matches!(
                after,
                b' ' | b'=' | b'>' | b'"' | b'\'' | b'`' | b'[' | b'{'
            )
        {
            return at + 1;
        }
        let ends: &[char] = if after == b'(' {
            &[')']
        } else {
            &[
                ',', ';', '&', ')', ']', '}', '"', '\'', '`', '>', ' ', '\n', '\t',
            ]
        };
        let length = text[at + 1..].find(ends).unwrap_or(text.len() - at - 1);
        self.writer.value();
        at + 1 + length + usize::from(after == b'(' && at + 1 + length < text.len())
    }

    /// Within quotes a backslash escapes; elsewhere it begins a Windows share.
    fn backslash(&mut self, text: &'t str, at: usize, marks: &mut quoted::Marks) -> usize {
        match text.as_bytes().get(at + 1) {
            Some(b'"') if self.depth > 0 => self.quoted(text, at, marks),
            Some(b'n' | b'r' | b't') if self.depth > 0 => {
                self.writer.space();
                at + 2
            }
            Some(b'\\') if self.depth == 0 => {
                self.writer.value();
                after_path(text, at + 2)
            }
            _ => at + 1,
        }
    }

    /// A list is data, however long; `[db]` is a word.
    fn bracket(&mut self, text: &'t str, at: usize, marks: &mut quoted::Marks) -> usize {
        let bytes = text.as_bytes();
        if let Some(end) = address_end(bytes, at + 1).filter(|end| bytes.get(*end) == Some(&b']')) {
            self.writer.value();
            return end + 1;
        }
        self.writer.open("[");
        match array_end(text, at, marks) {
            Some(end) => {
                self.writer.value();
                end
            }
            None => at + 1,
        }
    }

    fn foreign(&mut self, text: &'t str, at: usize) -> usize {
        let rest = &text[at..];
        let Some(first) = rest.chars().next() else {
            return text.len();
        };
        let next = at + first.len_utf8();
        // Some letters are numbers too: `Ⅷ`.
        if first.is_alphabetic() && !first.is_numeric() {
            let length = rest
                .find(|c: char| c.is_ascii() || !c.is_alphanumeric() || c.is_numeric())
                .unwrap_or(rest.len());
            self.writer.word(&rest[..length]);
            return at + length;
        }
        if let Some(end) = self.foreign_quoted(text, at, first) {
            return end;
        }
        if first.is_numeric() {
            self.writer.value();
        } else if first.is_whitespace() {
            self.writer.space();
        } else if matches!(first, '…' | '–' | '—' | '−' | '、' | '，' | '：' | '。') {
            self.writer
                .separator(if first == '…' { b'.' } else { b'-' });
        } else if !crate::text::is_forging(first) {
            self.writer.other(&rest[..first.len_utf8()]);
        }
        next
    }
}

/// A sign, a dot or a slash that begins a number or a path.
fn begins_word(bytes: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).map_or(b' ', |place| bytes[place]);
    let next = bytes.get(at + 1).copied().unwrap_or(b' ');
    if before.is_ascii_alphanumeric() {
        return false;
    }
    match bytes[at] {
        b'-' | b'+' => next.is_ascii_digit(),
        b'/' => {
            before != b'<'
                && before != b'/'
                && (next.is_ascii_alphanumeric() || b"._{:*~%@-".contains(&next))
        }
        b'.' => {
            before != b'.'
                && (next == b'/' || next.is_ascii_digit() || bytes[at..].starts_with(b"../"))
        }
        b'~' => next == b'/',
        b':' => address_end(bytes, at).is_some(),
        _ => false,
    }
}

fn is_inner(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'_' | b'-' | b'.' | b'+' | b'/' | b'%' | b'~' | b'@' | b'\\'
        )
}

/// `/a`, `./a`, `~/a`, `a/b/c`, `a/b.c` or `a\b`; `and/or` and `text/plain` are words.
fn is_path(word: &str) -> bool {
    let Some(slash) = word.rfind(['/', '\\']) else {
        return false;
    };
    word.starts_with(['/', '.', '~'])
        || word.contains('\\')
        || word[..slash].contains('/')
        || word[slash..].contains('.')
}

/// Where an address of IPv6 or of a network card ends: hexadecimal digits and at least two colons, and not `dead::code`.
fn address_end(bytes: &[u8], at: usize) -> Option<usize> {
    let run = bytes.get(at..)?;
    if !matches!(run.first(), Some(b':')) && !run.first().is_some_and(u8::is_ascii_hexdigit) {
        return None;
    }
    let length = run
        .iter()
        .take(MAX_ADDRESS)
        .position(|byte| !byte.is_ascii_hexdigit() && !matches!(byte, b':' | b'.'))
        .unwrap_or(run.len().min(MAX_ADDRESS));
    let mut length = length;
    while length > 0
        && (run[length - 1] == b'.' || (run[length - 1] == b':' && !run[..length].ends_with(b"::")))
    {
        length -= 1;
    }
    let colons = run[..length].iter().filter(|byte| **byte == b':').count();
    let has_digit = run[..length].iter().any(u8::is_ascii_digit);
    let zone = match run.get(length) {
        Some(b'%') => run[length + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count(),
        _ => 0,
    };
    if zone > 0 {
        length += 1 + zone;
    }
    let ends = run
        .get(length)
        .is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    (colons >= 2 && (has_digit || colons >= 5) && ends).then_some(at + length)
}

/// What still belongs to a value: the `µs` that is not ASCII, and the padding of base64.
fn tail_length(word: &str, rest: &str) -> usize {
    if rest.starts_with("µs") || rest.starts_with("μs") {
        return "µs".len();
    }
    let padding = rest.bytes().take_while(|byte| *byte == b'=').count();
    if word.len() >= 16 && padding <= 2 {
        padding
    } else {
        0
    }
}

/// The length of a terminal's escape sequence (ECMA-48): `ESC [ … letter`; of another one, the escape alone.
fn escape_length(text: &str) -> usize {
    let is_sequence = text.as_bytes().get(1) == Some(&b'[');
    let end = text
        .bytes()
        .skip(2)
        .take(16)
        .position(|byte| (b'@'..=b'~').contains(&byte));
    end.filter(|_| is_sequence).map_or(1, |end| end + 3)
}

/// How much of a message is looked at.
pub(crate) const MAX_INPUT: usize = 2 * 1024;
const MAX_ADDRESS: usize = 48;

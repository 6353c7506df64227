//! What stands between quotation marks or brackets, and where it ends.

use super::{Scan, words};

/// What was looked for in vain, so that it is not looked for again.
#[derive(Default)]
pub(super) struct Marks {
    no_single: bool,
    no_list: bool,
}

impl<'t, P: FnMut(&str)> Scan<'t, '_, P> {
    /// `at` is a quotation mark of ASCII, or the backslash before it.
    pub(super) fn quoted(&mut self, text: &'t str, at: usize, marks: &mut Marks) -> usize {
        let bytes = text.as_bytes();
        let escaped = bytes[at] == b'\\';
        let mark = bytes[at + usize::from(escaped)];
        let from = at + 1 + usize::from(escaped);
        let before = at.checked_sub(1).map_or(b' ', |place| bytes[place]);
        let next = bytes.get(from).copied().unwrap_or(b' ');
        let opens = !before.is_ascii_alphanumeric()
            && (mark != b'\'' || (!marks.no_single && next != b' '));
        if !opens {
            return from;
        }
        let to = match mark {
            _ if escaped => text[from..].find("\\\"").map(|length| from + length),
            // The last words of a message about a piece of text, which may hold backticks too.
            b'`' if matches!(self.writer.lead, "of" | "slicing") => {
                text[from..].rfind('`').map(|length| from + length)
            }
            b'`' => text[from..].find('`').map(|length| from + length),
            _ => closing(bytes, from, mark),
        };
        let Some(to) = to else {
            if mark == b'\'' {
                marks.no_single = true;
                return from;
            }
            // The message was cut within the quotes.
            self.writer.value();
            return text.len();
        };
        let end = to + 1 + usize::from(escaped);
        self.content(&text[from..to], mark, &text[end..]);
        // `std` puts this after a text that it shortened.
        let shortened = text[end..].starts_with("[...]");
        end + if shortened { "[...]".len() } else { 0 }
    }

    pub(super) fn foreign_quoted(&mut self, text: &'t str, at: usize, mark: char) -> Option<usize> {
        let closing = match mark {
            '“' => '”',
            '„' => '“',
            '‘' => '’',
            '‚' => '‘',
            '«' => '»',
            '»' => '«',
            '‹' => '›',
            '「' => '」',
            '『' => '』',
            _ => return None,
        };
        let from = at + mark.len_utf8();
        let Some(length) = text[from..].find(closing) else {
            self.writer.value();
            return Some(text.len());
        };
        let end = from + length + closing.len_utf8();
        self.content(&text[from..from + length], b'"', &text[end..]);
        Some(end)
    }

    fn content(&mut self, content: &'t str, mark: u8, rest: &str) {
        if self.depth < MAX_DEPTH && self.keeps(content, mark, rest) {
            self.depth += 1;
            self.text(content);
            self.depth -= 1;
        } else {
            self.writer.value();
        }
    }

    /// Whether quoted text tells problems apart; the rules are at the door of this room.
    fn keeps(&self, content: &str, mark: u8, rest: &str) -> bool {
        let writer = &self.writer;
        let content = content.trim();
        let next = rest.trim_start().as_bytes().first().copied();
        if content.is_empty() {
            return false;
        }
        let is_name = content.len() <= MAX_NAME
            && content
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte));
        if is_name && next == Some(b':') && matches!(writer.sign, b'{' | b',') {
            return true;
        }
        if writer.sign == 0 && matches!(writer.lead, "message" | "reason") {
            return true;
        }
        let ends_field = matches!(next, None | Some(b',' | b'}' | b')'));
        if words::is_message_key(writer.lead) && matches!(writer.sign, b':' | b'=') && ends_field {
            return true;
        }
        if is_name
            && writer.sign == 0
            && words::names_part_of_the_program(writer.before, writer.lead)
        {
            return true;
        }
        if words::announces_input(writer.lead) || words::tells_of_a_stranger(writer.before) {
            return false;
        }
        if mark == b'`' {
            words::is_code(content)
        } else {
            words::is_message(content)
        }
    }
}

/// Where the quotation ends: a backslash escapes, and an apostrophe within a word is none.
fn closing(bytes: &[u8], from: usize, mark: u8) -> Option<usize> {
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'\\' {
            at += 1;
        } else if byte == mark
            && (mark != b'\'' || !bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric))
        {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// Where the list that begins at `at` ends; `None` if these brackets are around no list.
pub(super) fn array_end(text: &str, at: usize, marks: &mut Marks) -> Option<usize> {
    let inside = &text[at + 1..];
    let first = inside.find([',', '{', '[', ']', '\n'])?;
    let is_list = match inside.as_bytes()[first] {
        // `{:#?}` breaks the line there.
        b']' | b'\n' => inside[..first].trim().is_empty(),
        _ => true,
    };
    if !is_list || marks.no_list {
        return None;
    }
    let mut depth = 1;
    for (place, byte) in inside.bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' if depth == 1 => return Some(at + 1 + place),
            b']' => depth -= 1,
            _ => {}
        }
    }
    marks.no_list = true;
    None
}

/// The end of the path or URL that goes on at `at`.
pub(super) fn after_path(text: &str, at: usize) -> usize {
    let mut in_braces = false;
    let mut before = b' ';
    let length = text[at..]
        .bytes()
        .position(|byte| {
            let ends = match byte {
                b'{' => before != b'/',
                b'}' => !in_braces,
                _ => byte.is_ascii_whitespace() || b"\"'`<>(),;".contains(&byte),
            };
            in_braces = byte == b'{' || (in_braces && byte != b'}');
            before = byte;
            ends
        })
        .unwrap_or(text.len() - at);
    at + text[at..at + length]
        .trim_end_matches(['.', ':', '!', '?', '…'])
        .len()
}

/// Where the line that `at` is in ends.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at.min(text.len()) + rest.find('\n').unwrap_or(rest.len())
}

/// `3 | name = "x"`: a line of a source that a parser shows.
pub(super) fn is_excerpt(line: &str) -> bool {
    line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ')
        .starts_with('|')
}

/// The line under a source line that points at a place in it.
pub(super) fn carets(line: &str) -> bool {
    line.contains('^') && line.bytes().all(|byte| b" ^~-|".contains(&byte))
}

const MAX_DEPTH: u8 = 3;
const MAX_NAME: usize = 64;

//! Text that others wrote, made safe to keep: cut to a bound, and with nothing in it that could forge a line.

use std::borrow::Cow;
use std::time::Duration;

/// The longest beginning of `text` that has at most `max` bytes and ends between two characters.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Like [`cut`], owned, with `…` where something is missing.
pub(crate) fn shortened(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut short = cut(text, max.saturating_sub('…'.len_utf8())).to_owned();
    short.push('…');
    short
}

/// `45 s`, `5 min`, `3 h` or `14 days`: the largest unit of which there are at least two.
pub(crate) fn duration_in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// The fields of a span or a log line as they stand behind it: ` {a=1 b=2}`, or nothing where there are none.
pub(crate) fn in_braces<'f>(fields: impl Iterator<Item = (&'f String, &'f String)>) -> String {
    let fields: Vec<_> = fields
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if fields.is_empty() {
        return String::new();
    }
    format!(" {{{}}}", fields.join(" "))
}

/// The media type of a `Content-Type` in lower case, without its parameters.
pub(crate) fn media_type(content_type: &str) -> String {
    let kind = content_type.split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

/// Whether `c` could end a line, move the cursor or turn the reading direction of what follows.
///
/// Control characters (C0, DEL, C1), U+2028 and U+2029, and the bidirectional controls of Unicode (UAX #9, table 3).
pub(crate) fn is_forging(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{061c}' | '\u{200e}' | '\u{200f}'
        )
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text on one line: every [forging](is_forging) character is written as `\u{…}`.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_forging) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_forging(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_in_braces_where_there_are_any() {
        let fields = ["a", "b"].map(|name| (name.to_owned(), "1".to_owned()));
        let of = |count| in_braces(fields[..count].iter().map(|(name, value)| (name, value)));
        assert_eq!((of(2), of(0)), (" {a=1 b=1}".to_owned(), String::new()));
    }

    proptest! {
        #[test]
        fn a_cut_text_is_a_beginning_within_the_bound(text in "\\PC{0,40}", max in 0usize..60) {
            let short = cut(&text, max);
            prop_assert!(text.starts_with(short) && short.len() <= max);
            prop_assert!(short == text || short.len() + 4 > max);
        }

        #[test]
        fn a_shortened_text_keeps_the_bound(text in "\\PC{0,40}", max in 3usize..60) {
            prop_assert!(shortened(&text, max).len() <= max);
        }

        #[test]
        fn one_line_is_one_line(text in any::<String>()) {
            prop_assert!(!one_line(&text).contains(is_forging));
        }
    }
}

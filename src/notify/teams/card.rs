//! The card: laid out, escaped, and within Teams' bound.

use serde_json::{Value, json};

use crate::issue::{Alert, Severity};
use crate::notify::shrink::Size;
use crate::notify::{Field, Link, Message, Section, Tone};
use crate::text::cut;

/// The message with the card in it.
pub(super) fn payload(alert: &Alert, size: Size) -> Value {
    let mut message = Message::of(alert);
    match size {
        Size::Whole => loop {
            let payload = around(&card(&message));
            if payload.to_string().len() <= MAX_BYTES || !message.shorten() {
                return payload;
            }
        },
        Size::Small => around(&card(&message.brief())),
        Size::Failsafe => around(&json!({
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [
                plain(cut(&message.headline, MAX_HEADLINE)),
                plain(cut(&message.reference, MAX_HEADLINE)),
            ],
        })),
    }
}

fn around(card: &Value) -> Value {
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

fn card(message: &Message) -> Value {
    let mut body = vec![json!({
        "type": "Container",
        "style": style(message.tone),
        "bleed": true,
        "items": title(message),
    })];
    let facts: Vec<_> = message.fields.iter().map(fact).collect();
    body.push(json!({ "type": "FactSet", "facts": facts }));
    body.extend(message.sections.iter().flat_map(section));
    body.extend(note(message));
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": { "width": "Full" },
        "fallbackText": escaped(&message.headline),
        "body": body,
    });
    if !message.links.is_empty() {
        card["actions"] = message.links.iter().map(action).collect();
    }
    card
}

fn title(message: &Message) -> Vec<Value> {
    let headline = format!("{} {}", message.tone.symbol(), escaped(&message.headline));
    let mut title = vec![json!({
        "type": "TextBlock",
        "text": headline,
        "size": "Large",
        "weight": "Bolder",
        "color": color(message.tone),
        "wrap": true,
    })];
    if !message.headline.contains(&message.title) {
        title.push(plain(&message.title));
    }
    title
}

fn fact(field: &Field) -> Value {
    json!({ "title": field.name, "value": escaped(&field.value) })
}

/// The name, and the lines in one block: each block of its own would be far apart from the next.
fn section(section: &Section) -> [Value; 2] {
    let lines: Vec<_> = section.lines.iter().map(|line| escaped(line)).collect();
    let mut block = json!({
        "type": "TextBlock",
        "text": lines.join("\n\n"),
        "wrap": true,
        "spacing": "Small",
        "size": "Small",
    });
    if section.is_code {
        block["fontType"] = "Monospace".into();
    }
    let name = json!({
        "type": "TextBlock",
        "text": section.name,
        "weight": "Bolder",
        "spacing": "Medium",
        "separator": true,
    });
    [name, block]
}

/// What to quote where no fact says it, and whether there is more.
fn note(message: &Message) -> Option<Value> {
    let is_quoted = |field: &Field| field.value == message.reference;
    let reference = (!message.fields.iter().any(is_quoted))
        .then(|| format!("reference {}", escaped(&message.reference)));
    let more = message.is_shortened.then(|| "shortened".to_owned());
    let words: Vec<_> = reference.into_iter().chain(more).collect();
    (!words.is_empty()).then(|| {
        json!({
            "type": "TextBlock",
            "text": words.join(", "),
            "size": "Small",
            "isSubtle": true,
            "wrap": true,
        })
    })
}

fn action(link: &Link) -> Value {
    json!({
        "type": "Action.OpenUrl",
        "title": format!("Open the {}", link.text),
        "url": link.url,
    })
}

fn plain(text: &str) -> Value {
    json!({ "type": "TextBlock", "text": escaped(text), "wrap": true })
}

fn color(tone: Tone) -> &'static str {
    match tone {
        Tone::Bad(Severity::Critical | Severity::Error) => "Attention",
        Tone::Bad(Severity::Warning) => "Warning",
        Tone::Bad(Severity::Info) | Tone::Test => "Accent",
        Tone::Good => "Good",
    }
}

/// The ground behind the title.
fn style(tone: Tone) -> &'static str {
    match tone {
        Tone::Bad(Severity::Critical | Severity::Error) => "attention",
        Tone::Bad(Severity::Warning) => "warning",
        Tone::Bad(Severity::Info) | Tone::Test => "accent",
        Tone::Good => "good",
    }
}

/// One line that reads as it is written, in the Markdown of cards (emphasis, lists, links; some renderers know more: code,
/// headings, entities) and with its `{{DATE(…)}}`.
///
/// Not every renderer takes the backslash away, so it stands only where there would be markup.
fn escaped(line: &str) -> String {
    let text = line.trim_start_matches(' ');
    let mut out = String::with_capacity(line.len() + 16);
    // Markdown takes four spaces at the beginning for code, and several anywhere for one.
    out.extend(std::iter::repeat_n(WIDE_SPACE, line.len() - text.len()));
    // Whatever a renderer takes for a blank.
    let blanks = text.len() - text.trim_start().len();
    let mark = mark(&text[blanks..]).map(|at| blanks + at);
    let mut before = '\0';
    for (at, c) in text.char_indices() {
        let after = text[at + c.len_utf8()..].chars().next().unwrap_or('\0');
        let is_markup = match c {
            '*' | '`' => true,
            '\\' => after == '\0' || after.is_ascii_punctuation(),
            '_' => !(before.is_ascii_alphanumeric() && after.is_ascii_alphanumeric()),
            '~' => before == '~' || after == '~',
            ']' => matches!(after, '(' | '[' | ':'),
            '(' | '[' => before == ']',
            '<' => after.is_ascii_alphabetic() || matches!(after, '/' | '!' | '?'),
            '&' => is_entity(&text[at..]),
            _ => false,
        };
        if is_markup || mark == Some(at) {
            out.push('\\');
        }
        match c {
            '{' if before == '{' => out.extend([WORD_JOINER, c]),
            ' ' if before == ' ' => out.push(WIDE_SPACE),
            c => out.push(c),
        }
        before = c;
    }
    out
}

/// Where a line has the character that makes it a heading, a quotation, an item of a list or a rule.
fn mark(text: &str) -> Option<usize> {
    let ends_mark = |rest: &str| rest.is_empty() || rest.starts_with(' ');
    match text.chars().next()? {
        '#' | '>' => Some(0),
        '-' | '+' if ends_mark(&text[1..]) || text.starts_with("--") => Some(0),
        _ => {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            let rest = text[digits..].strip_prefix(['.', ')'])?;
            (digits > 0 && ends_mark(rest)).then_some(digits)
        }
    }
}

/// Whether it begins with an HTML entity, such as `&amp;` or `&#60;`.
fn is_entity(text: &str) -> bool {
    let Some((name, _)) = text[1..].split_once(';') else {
        return false;
    };
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#')
}

/// A space that is neither taken for markup nor joined with its neighbors.
const WIDE_SPACE: char = '\u{a0}';
/// Invisible.
const WORD_JOINER: char = '\u{2060}';
const MAX_BYTES: usize = 20 * 1_024;
const MAX_HEADLINE: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_would_be_markup_is_text() {
        for (line, expected) in [
            ("src/gift_card.rs:17", "src/gift_card.rs:17"),
            (
                "_a_ *b* `c` ~~d~~ ~e",
                "\\_a\\_ \\*b\\* \\`c\\` \\~\\~d\\~\\~ ~e",
            ),
            (
                "[x](https://evil.example.com)",
                "[x\\]\\(https://evil.example.com)",
            ),
            ("[x][y]", "[x\\]\\[y]"),
            (
                "[x]: https://evil.example.com",
                "[x\\]: https://evil.example.com",
            ),
            ("[redacted], total(1)", "[redacted], total(1)"),
            ("<https://evil.example.com>", "\\<https://evil.example.com>"),
            ("1 < 2", "1 < 2"),
            ("# a", "\\# a"),
            ("\u{a0}\t# a", "\u{a0}\t\\# a"),
            ("> a", "\\> a"),
            ("- a - b", "\\- a - b"),
            ("-1.5 ms", "-1.5 ms"),
            ("+ a", "\\+ a"),
            ("---", "\\---"),
            ("17. a", "17\\. a"),
            ("1) a", "1\\) a"),
            ("17.5 a.", "17.5 a."),
            ("    let x;", "\u{a0}\u{a0}\u{a0}\u{a0}let x;"),
            ("  - a", "\u{a0}\u{a0}\\- a"),
            ("a   b", "a \u{a0}\u{a0}b"),
            ("a=1&b=2", "a=1&b=2"),
            ("&lt;b&#62;", "\\&lt;b\\&#62;"),
            ("{{DATE(x)}}", "{\u{2060}{DATE(x)}}"),
            ("/buy/{item}", "/buy/{item}"),
            ("a\\b \\* \\", "a\\b \\\\\\* \\\\"),
        ] {
            assert_eq!(escaped(line), expected);
        }
    }

    proptest! {
        #[test]
        fn a_line_reads_as_it_was(line in "[-*_`~#>+=\\[\\]()<&;{}|!.:/0-9a x\\\\]{0,24}") {
            let escaped = escaped(&line);
            let mut read = String::new();
            let mut chars = escaped.chars().peekable();
            while let Some(c) = chars.next() {
                match c {
                    '\\' if chars.peek().is_some_and(char::is_ascii_punctuation) => {
                        read.extend(chars.next());
                    }
                    WORD_JOINER => {}
                    WIDE_SPACE => read.push(' '),
                    c => read.push(c),
                }
            }
            prop_assert_eq!(read, line);
        }
    }
}

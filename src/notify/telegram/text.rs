//! The text of a message: laid out, marked up, and within Telegram's bound.

use crate::notify::{Field, Link, Message, Section};
use crate::text::cut;

/// What Telegram is given as `text`.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) content: String,
    /// Whether it is for Telegram's HTML parser.
    pub(super) has_markup: bool,
    /// The UTF-16 units of what is read, which is what Telegram counts.
    units: usize,
}

impl Text {
    /// As much of the message as there is room for. `is_linked` says whether a button leads to the page.
    pub(super) fn whole(mut message: Message, is_linked: bool) -> Self {
        loop {
            let text = Self::laid_out(&message, true, is_linked);
            if text.units <= MAX_UNITS || !message.shorten() {
                return text;
            }
        }
    }

    /// The alert in few words, without markup.
    pub(super) fn small(message: Message) -> Self {
        Self::laid_out(&message.brief(), false, false)
    }

    /// One line, and what to quote.
    pub(super) fn failsafe(message: &Message) -> Self {
        let mut text = Self::default();
        text.say(cut(&message.headline, MAX_HEADLINE));
        text.say("\n");
        text.say(cut(&message.reference, MAX_HEADLINE));
        text
    }

    fn laid_out(message: &Message, has_markup: bool, is_linked: bool) -> Self {
        let mut text = Self {
            has_markup,
            ..Self::default()
        };
        text.say(message.tone.symbol());
        text.say(" ");
        text.inside("b", |text| text.say(&message.headline));
        if !message.headline.contains(&message.title) {
            text.say("\n");
            text.say(&message.title);
        }
        text.say("\n");
        for field in &message.fields {
            text.field(field);
        }
        for section in &message.sections {
            text.section(section);
        }
        let is_quoted = |field: &Field| field.value == message.reference;
        if !message.fields.iter().any(is_quoted) {
            text.say("\nreference: ");
            text.literal(&message.reference);
        }
        for link in message.links.iter().filter(|_| !is_linked) {
            text.link(link);
        }
        if message.is_shortened && has_markup {
            text.say("\n");
            text.inside("i", |text| text.say("shortened"));
        }
        text
    }

    fn field(&mut self, field: &Field) {
        self.say("\n");
        self.say(field.name);
        self.say(": ");
        // These are sentences; all others hold names and numbers that one copies.
        if IN_WORDS.contains(&field.name) {
            self.say(&field.value);
        } else {
            self.literal(&field.value);
        }
    }

    fn section(&mut self, section: &Section) {
        self.say("\n\n");
        self.inside("b", |text| text.say(section.name));
        self.say("\n");
        let lines = section.lines.join("\n");
        if section.is_code && self.has_markup {
            self.inside("pre", |text| text.exactly(&lines));
        } else {
            self.say(&lines);
        }
    }

    fn link(&mut self, link: &Link) {
        self.say("\n");
        if self.has_markup {
            let url = escaped(&link.url).replace('"', "&quot;");
            self.content += &format!("<a href=\"{url}\">");
            self.exactly(link.text);
            self.content += "</a>";
        } else {
            self.exactly(&format!("{}: {}", link.text, link.url));
        }
    }

    /// In fixed width, where Telegram makes no links.
    fn literal(&mut self, text: &str) {
        if self.has_markup {
            self.inside("code", |all| all.exactly(text));
        } else {
            self.say(text);
        }
    }

    fn inside(&mut self, tag: &str, content: impl FnOnce(&mut Self)) {
        if !self.has_markup {
            return content(self);
        }
        self.content += &format!("<{tag}>");
        content(self);
        self.content += &format!("</{tag}>");
    }

    /// As text that neither links nor mentions.
    fn say(&mut self, text: &str) {
        self.exactly(&inert(text));
    }

    fn exactly(&mut self, text: &str) {
        self.units += text.encode_utf16().count();
        if self.has_markup {
            self.content += &escaped(text);
        } else {
            self.content += text;
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Nothing in it is a mention, a tag, a command, or the address of a page or a person to Telegram.
fn inert(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        let next = chars.peek();
        let begins_link = match c {
            '@' | '#' | '$' | '/' => next.is_some_and(|next| !next.is_whitespace()),
            '.' => next.is_some_and(|next| next.is_alphanumeric()),
            _ => false,
        };
        if begins_link {
            out.push(WORD_JOINER);
        }
    }
    out
}

/// Invisible, and no part of any address or name.
const WORD_JOINER: char = '\u{2060}';
const IN_WORDS: [&str; 4] = ["users hit", "how often", "why now", "severity"];
/// What the Bot API documents for `sendMessage`: 1 to 4096 characters after entities parsing.
const MAX_UNITS: usize = 4_096;
const MAX_HEADLINE: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_inert_reads_the_same_and_names_nothing(text in "[@#$/.a-z0-9:_ é]{0,40}") {
            let out = inert(&text);
            prop_assert_eq!(out.replace(WORD_JOINER, ""), text);
            let chars: Vec<_> = out.chars().collect();
            for pair in chars.windows(2) {
                prop_assert!(!matches!(pair[0], '@' | '#' | '$' | '/') || pair[1] == WORD_JOINER || pair[1] == ' ');
                prop_assert!(pair[0] != '.' || !pair[1].is_alphanumeric());
            }
        }

        #[test]
        fn escaped_text_has_no_tags_and_can_be_read_back(text in "[<>&a;lt\"]{0,40}") {
            let out = escaped(&text);
            prop_assert!(!out.contains(['<', '>']));
            prop_assert_eq!(out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"), text);
        }

        #[test]
        fn units_are_those_of_utf_16(text in "\\PC{0,40}") {
            let mut out = Text { has_markup: true, ..Text::default() };
            out.inside("code", |out| out.exactly(&text));
            prop_assert_eq!(out.units, text.encode_utf16().count());
        }
    }
}

//! Text for Discord: its markup escaped, its characters counted as the strictest of its readers does.

/// How many UTF-16 code units the text takes. Discord's documentation says characters; there are never more of those.
pub(super) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The text as it is to be read, in at most `max` units, with `…` where something is missing. It makes no markup, no link and no
/// mention. An escape is never cut in two.
pub(super) fn escaped(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let (mut used, mut room_for_more) = (0, 0);
    let mut begins = true;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let before = &text[..text.len() - rest.as_str().len() - c.len_utf8()];
        let is_markup =
            is_markup(c, rest.clone().next(), begins) || (c == '.' && ends_in_discord(before));
        begins &= c.is_whitespace();
        used += usize::from(is_markup) + c.len_utf16();
        if used > max {
            out.truncate(room_for_more);
            if max > 0 {
                out.push('…');
            }
            return out;
        }
        if is_markup {
            out.push('\\');
        }
        out.push(c);
        if used < max {
            room_for_more = out.len();
        }
    }
    out
}

/// Whether Discord may read it as markup: these anywhere, `](` in a link, `:/` in a URL, and at the beginning of a line what makes
/// headings, quotations and lists. Nothing else, because a phone's notification shows the escapes.
fn is_markup(c: char, next: Option<char>, begins: bool) -> bool {
    match c {
        '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '>' | '@' => true,
        ']' => next == Some('('),
        ':' => next == Some('/'),
        '#' | '-' | '+' => begins,
        _ => false,
    }
}

/// Whether a host of Discord may follow: `discord.gg/…` and `discord.com/invite/…` make a card that invites to a server, as a link
/// and without.
fn ends_in_discord(text: &str) -> bool {
    ["discord", "discordapp"].iter().any(|name| {
        let start = text.len().checked_sub(name.len());
        let end = start.and_then(|start| text.get(start..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(name))
    })
}

/// The lines as a block of code, which nothing in them can end.
pub(super) fn block(lines: &[String]) -> String {
    let mut out = String::from("```\n");
    for line in lines {
        let mut before = ' ';
        for c in line.chars() {
            if c == '`' && before == '`' {
                out.push(NO_WIDTH);
            }
            out.push(c);
            before = c;
        }
        out.push('\n');
    }
    out.push_str("```");
    out
}

/// Between two backticks it keeps them from being three in a row.
const NO_WIDTH: char = '\u{200b}';

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What Discord looks at when it looks for markup: every escaped character is an `x`, and so is a block of code.
    pub(in super::super) fn live(text: &str) -> String {
        let outside: Vec<_> = text.split("```").step_by(2).collect();
        let outside = outside.join("x");
        let mut chars = outside.chars();
        let mut live = String::new();
        while let Some(c) = chars.next() {
            live.push(if c == '\\' { 'x' } else { c });
            if c == '\\' {
                chars.next();
            }
        }
        live
    }

    #[test]
    fn markup_mentions_and_links_are_only_text() {
        assert_eq!(
            escaped(
                "@everyone <@1> **b** [x](https://evil.example.com) `c` 1 < 2",
                200
            ),
            r"\@everyone \<\@1\> \*\*b\*\* [x\](https\://evil.example.com) \`c\` 1 \< 2"
        );
        assert_eq!(
            escaped(
                "discord.gg/a https://Discord.com/invite/a discordapp.com/a a.discord",
                200
            ),
            r"discord\.gg/a https\://Discord\.com/invite/a discordapp\.com/a a.discord"
        );
        assert_eq!(escaped(r"a\*b", 20), r"a\\\*b");
        assert_eq!(escaped(" - # x", 20), r" \- # x");
        assert_eq!(
            escaped("[production] shop: GC-20 (1)", 40),
            "[production] shop: GC-20 (1)"
        );
    }

    #[test]
    fn a_text_is_cut_in_utf_16_and_not_in_an_escape() {
        assert_eq!(escaped("🦀🦀🦀", 6), "🦀🦀🦀");
        assert_eq!(escaped("🦀🦀🦀", 5), "🦀🦀…");
        assert_eq!(escaped("ab*", 3), "ab…");
        assert_eq!(escaped("a**", 4), r"a\*…");
        assert_eq!(escaped("a**", 3), "a…");
        assert_eq!(escaped("a", 0), "");
    }

    #[test]
    fn a_block_ends_where_it_should() {
        let lines = ["let x = ```;".to_owned(), "`".to_owned()];
        assert_eq!(block(&lines), "```\nlet x = `\u{200b}`\u{200b}`;\n`\n```");
    }

    proptest! {
        #[test]
        fn nothing_is_left_unescaped_and_nothing_but_escapes_is_added(text in "[a-z*_~`|<>@#\\[\\]():\\\\🦀\\PC]{0,60}", max in 0usize..90) {
            let escaped = escaped(&text, max);
            prop_assert!(units(&escaped) <= max);
            let live = live(&escaped);
            prop_assert!(!live.contains(['*', '_', '~', '`', '|', '<', '>', '@']), "{escaped}");
            prop_assert!(!live.contains("](") && !live.contains(":/"), "{escaped}");
            prop_assert!(!live.trim_start().starts_with(['#', '-', '+']), "{escaped}");
            let mut read = String::new();
            let mut chars = escaped.chars();
            while let Some(c) = chars.next() {
                match c {
                    '\\' => read.push(chars.next().expect("an escape is whole")),
                    c => read.push(c),
                }
            }
            let is_whole = read == text;
            prop_assert!(is_whole || text.starts_with(read.trim_end_matches('…')), "{escaped}");
        }

        #[test]
        fn no_line_ends_a_block(lines in prop::collection::vec("[a`\u{200b}]{0,20}|\\PC{0,20}", 0..5)) {
            let block = block(&lines);
            prop_assert_eq!(block.matches("```").count(), 2, "{}", block);
            prop_assert!(block.ends_with("\n```"));
        }
    }
}

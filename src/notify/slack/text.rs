//! Text for Slack: what others wrote is shown as it is and does nothing.

use std::borrow::Cow;

/// At most `most` [units](units) of mrkdwn that shows `text`; where something is missing, it ends in `…`.
///
/// `&`, `<` and `>` are written as entities, so that nothing can mention, link or end a link of ours. No three backticks stand
/// side by side, so that nothing can end a code block. They are kept apart by a character without width, because a quotation
/// mark in their place would turn the data in a shell command into a command.
pub(super) fn escaped(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut used, mut backticks, mut end) = (0, 0, 0);
    for c in text.chars() {
        let mut bytes = [0; 4];
        let (shown, length) = match c {
            '&' => ("&amp;", 5),
            '<' => ("&lt;", 4),
            '>' => ("&gt;", 4),
            '`' if backticks == 2 => ("\u{200b}`", 2),
            c => (&*c.encode_utf8(&mut bytes), c.len_utf16()),
        };
        backticks = match c {
            '`' => backticks % 2 + 1,
            _ => 0,
        };
        if used < most {
            end = out.len();
        }
        used += length;
        if used > most {
            out.truncate(end);
            out.push('…');
            return out;
        }
        out.push_str(shown);
    }
    out
}

/// Like [`escaped`], for text outside of blocks, where Slack and what is compatible with it look for names and URLs by themselves.
///
/// A character without width after each `@` and `:` that could begin one keeps them from it.
pub(super) fn defused(text: &str, most: usize) -> String {
    let mut apart = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        apart.push(c);
        let rest = &text[at + c.len_utf8()..];
        let before = text[..at].chars().next_back();
        let is_mention = c == '@' && !before.is_some_and(char::is_alphanumeric);
        if is_mention || (c == ':' && rest.starts_with("//")) {
            apart.push('\u{200b}');
        }
    }
    escaped(&apart, most)
}

/// A URL for `<…|…>`.
pub(super) fn target(url: &str) -> Cow<'_, str> {
    if !url.contains(['&', '<', '>', '|']) {
        return Cow::Borrowed(url);
    }
    let url = url.replace('<', "%3C").replace('>', "%3E");
    Cow::Owned(url.replace('|', "%7C").replace('&', "&amp;"))
}

/// How long a text is in UTF-16 code units.
///
/// Slack counts characters and does not say of which kind; there are never more characters than units.
pub(super) fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What Slack makes of it.
    fn shown(text: &str) -> String {
        let text = text.replace("&lt;", "<").replace("&gt;", ">");
        text.replace("&amp;", "&").replace('\u{200b}', "")
    }

    #[test]
    fn nothing_mentions_links_or_ends_a_fence() {
        for (text, expected) in [
            ("plain", "plain"),
            ("<!channel> & <@U1>", "&lt;!channel&gt; &amp; &lt;@U1&gt;"),
            ("&lt;", "&amp;lt;"),
            ("``x``", "``x``"),
            ("```x", "``\u{200b}`x"),
            ("```````", "``\u{200b}``\u{200b}``\u{200b}`"),
        ] {
            assert_eq!(escaped(text, 100), expected);
        }
        assert_eq!(
            defused("@here a@b.c https://x <@U1>", 100),
            "@\u{200b}here a@b.c https:\u{200b}//x &lt;@\u{200b}U1&gt;"
        );
        assert_eq!(
            target("http://a/?x=1&y=<|>"),
            "http://a/?x=1&amp;y=%3C%7C%3E"
        );
    }

    #[test]
    fn a_cut_is_between_two_characters_and_never_inside_an_entity() {
        assert_eq!(escaped("abc", 3), "abc");
        assert_eq!(escaped("abcd", 3), "ab…");
        assert_eq!(escaped("a<b", 5), "a…");
        assert_eq!(escaped("a<b", 6), "a&lt;b");
        assert_eq!(escaped("🦀🦀", 4), "🦀🦀");
        assert_eq!(escaped("🦀🦀", 3), "🦀…");
        assert_eq!(escaped("🦀🦀", 2), "…");
    }

    proptest! {
        #[test]
        fn the_text_is_shown_as_it_is(text in "[^\u{200b}]{0,60}|[&<>`a]{0,40}") {
            let out = escaped(&text, usize::MAX);
            prop_assert!(!out.contains(['<', '>']) && !out.contains("```"));
            prop_assert_eq!(shown(&out), text);
        }

        #[test]
        fn the_bound_is_kept(text in "\\PC{0,60}|[&<>`@:/🦀]{0,40}", most in 1usize..80) {
            for out in [escaped(&text, most), defused(&text, most)] {
                prop_assert!(units(&out) <= most);
                prop_assert!(!out.contains("```"));
                let whole = shown(out.trim_end_matches('…'));
                prop_assert!(text.starts_with(&whole) || text.ends_with('…'));
            }
        }
    }
}

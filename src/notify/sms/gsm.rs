//! The alphabet of text messages: GSM 7 bit (3GPP TS 23.038, 6.2.1).
//!
//! One character outside of it makes a whole message UCS-2, of which 70 characters are one segment and not 160.

/// How many septets the text takes. What is not in the alphabet counts as two.
pub(super) fn septets(text: &str) -> usize {
    text.chars().map(|c| cost(c).unwrap_or(2)).sum()
}

/// How many septets the character takes; `None` when it is not in the alphabet.
pub(super) fn cost(c: char) -> Option<usize> {
    match c {
        ' '..='Z' | 'a'..='z' | '_' | '\n' | '\r' => Some(1),
        _ if BASIC.contains(c) => Some(1),
        _ if EXTENSION.contains(c) => Some(2),
        _ => None,
    }
}

/// The text on one line in letters of the alphabet: what looks or sounds alike for what is not in it, nothing for emoji, `?`
/// for a row of anything else. Blanks are single.
pub(super) fn spelled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        } else if cost(c).is_some() {
            out.push(c);
        } else if let Some(alike) = alike(c) {
            out.push_str(&alike);
        } else if !is_silent(c) && !out.ends_with('?') {
            out.push('?');
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// The longest beginning of at most `max` septets.
pub(super) fn cut(text: &str, max: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += cost(c).unwrap_or(2);
        if used > max {
            return &text[..at];
        }
    }
    text
}

/// Like [`cut`], owned, with `..` where something is missing.
pub(super) fn shortened(text: &str, max: usize) -> String {
    if septets(text) <= max {
        return text.to_owned();
    }
    let short = cut(text, max.saturating_sub(ELLIPSIS.len())).trim_end();
    format!("{short}{}", cut(ELLIPSIS, max))
}

/// What stands for a character that has something alike.
fn alike(c: char) -> Option<String> {
    // Full-width forms of ASCII.
    if let '\u{ff01}'..='\u{ff5e}' = c {
        let narrow = char::from_u32(u32::from(c) - 0xfee0)?;
        return cost(narrow).map(|_| narrow.to_string());
    }
    if let Some(sound) = cyrillic(c) {
        return Some(sound);
    }
    let (alike, _) = ALIKE.iter().find(|(_, all)| all.contains(c))?;
    Some((*alike).to_owned())
}

/// The usual Latin letters for a Cyrillic one.
fn cyrillic(c: char) -> Option<String> {
    let lower = c.to_lowercase().next()?;
    let sound = match lower {
        'а'..='я' => CYRILLIC[(u32::from(lower) - u32::from('а')) as usize],
        'ё' => "yo",
        'і' => "i",
        'ї' => "yi",
        'є' => "ye",
        'ґ' => "g",
        'ў' => "u",
        _ => return None,
    };
    let mut letters = sound.chars();
    Some(match letters.next() {
        Some(first) if lower != c => first.to_uppercase().chain(letters).collect(),
        _ => sound.to_owned(),
    })
}

/// Emoji, what joins and colors them, marks above a letter, and what has no width.
fn is_silent(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{0300}'..='\u{036f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{20d0}'..='\u{20ff}' | '\u{2300}'..='\u{23ff}' | '\u{25a0}'..='\u{27bf}'
        | '\u{2900}'..='\u{297f}' | '\u{2b00}'..='\u{2bff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{1f000}'..='\u{1faff}' | '\u{e0000}'..='\u{e01ef}')
}

const ELLIPSIS: &str = "..";

/// What is beyond ASCII, as in the standard's table.
const BASIC: &str = "£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà";
const EXTENSION: &str = "^{}\\[~]|€";

const ALIKE: &[(&str, &str)] = &[
    ("\"", "“”„‟«»″"),
    ("'", "`´‘’‚‛′‹›"),
    ("-", "‐‑‒–—―−"),
    ("...", "…"),
    ("*", "•·∙×"),
    ("->", "→⇒"),
    ("<-", "←⇐"),
    ("<=", "≤"),
    (">=", "≥"),
    ("!=", "≠"),
    ("/", "÷⁄"),
    ("o", "°ºóôõōŏő"),
    ("A", "ÁÂÃĀĂĄΑΆαά"),
    ("a", "áâãāăąª"),
    ("B", "Ββ"),
    ("C", "ĆĈĊČ"),
    ("c", "çćĉċč"),
    ("D", "ĎĐÐ"),
    ("d", "ďđð"),
    ("E", "ÈÊËĒĔĖĘĚΕΈεέ"),
    ("e", "êëēĕėęě"),
    ("G", "ĜĞĠĢ"),
    ("g", "ĝğġģ"),
    ("H", "ĤĦΗΉηή"),
    ("h", "ĥħ"),
    ("I", "ÌÍÎÏĨĪĬĮİΙΊιί"),
    ("i", "íîïĩīĭįı"),
    ("J", "Ĵ"),
    ("j", "ĵ"),
    ("K", "ĶΚκ"),
    ("k", "ķ"),
    ("L", "ĹĻĽĿŁ"),
    ("l", "ĺļľŀł"),
    ("M", "Μμ"),
    ("N", "ŃŅŇΝν"),
    ("n", "ńņňŉ"),
    ("O", "ÒÓÔÕŌŎŐΟΌοό"),
    ("OE", "Œ"),
    ("oe", "œ"),
    ("P", "Ρρ"),
    ("R", "ŔŖŘ"),
    ("r", "ŕŗř"),
    ("S", "ŚŜŞŠȘ"),
    ("s", "śŝşšș"),
    ("SS", "ẞ"),
    ("T", "ŢŤŦȚΤτ"),
    ("t", "ţťŧț"),
    ("TH", "Þ"),
    ("th", "þ"),
    ("U", "ÙÚÛŨŪŬŮŰŲ"),
    ("u", "úûũūŭůűųµ"),
    ("W", "Ŵ"),
    ("w", "ŵ"),
    ("X", "Χχ"),
    ("Y", "ÝŶŸΥΎυύ"),
    ("y", "ýÿŷ"),
    ("Z", "ŹŻŽΖζ"),
    ("z", "źżž"),
    ("Δ", "δ"),
    ("Φ", "φ"),
    ("Γ", "γ"),
    ("Λ", "λ"),
    ("Ω", "ωώΏ"),
    ("Π", "π"),
    ("Ψ", "ψ"),
    ("Σ", "σς"),
    ("Θ", "θ"),
    ("Ξ", "ξ"),
    ("(c)", "©"),
    ("(R)", "®"),
    ("(TM)", "™"),
    ("1", "¹"),
    ("2", "²"),
    ("3", "³"),
    ("1/2", "½"),
    ("1/4", "¼"),
    ("3/4", "¾"),
    ("c", "¢"),
    ("|", "¦"),
];

/// From `а` to `я`.
const CYRILLIC: [&str; 32] = [
    "a", "b", "v", "g", "d", "e", "zh", "z", "i", "y", "k", "l", "m", "n", "o", "p", "r", "s", "t",
    "u", "f", "kh", "ts", "ch", "sh", "shch", "", "y", "", "e", "yu", "ya",
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The two tables of 3GPP TS 23.038, 6.2.1 and 6.2.1.1, row by row.
    const STANDARD: &str = concat!(
        "@£$¥èéùìòÇ\nØø\rÅå",
        "Δ_ΦΓΛΩΠΨΣΘΞÆæßÉ",
        " !\"#¤%&'()*+,-./",
        "0123456789:;<=>?",
        "¡ABCDEFGHIJKLMNO",
        "PQRSTUVWXYZÄÖÑÜ§",
        "¿abcdefghijklmno",
        "pqrstuvwxyzäöñüà",
    );

    #[test]
    fn the_alphabet_is_the_standards() {
        assert_eq!(STANDARD.chars().count(), 127, "and the escape");
        for c in (0..=0x2fff_u32).filter_map(char::from_u32) {
            let expected = match c {
                _ if STANDARD.contains(c) => Some(1),
                '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' => Some(2),
                _ => None,
            };
            assert_eq!(cost(c), expected, "{c:?}");
        }
        assert_eq!(septets("a{b}"), 6);
    }

    #[test]
    fn what_is_not_in_the_alphabet_is_written_with_what_is() {
        for (text, expected) in [
            ("Füße, é, ñ, à: 5 €", "Füße, é, ñ, à: 5 €"),
            ("“no” – `x`…", "\"no\" - 'x'..."),
            ("naïve garçon, Łódź, İzmir", "naive garcon, Lodz, Izmir"),
            ("🔥 panic 👩‍👩‍👧 in 🇩🇪 ❤️", "panic in"),
            ("e\u{301}te\u{301}", "ete"),
            ("Привет, Щука", "Privet, Shchuka"),
            ("Ελλάδα", "EΛΛAΔA"),
            ("库存不足 at 7", "? at 7"),
            ("a\u{a0}\t\u{2009}b\r\nc", "a b c"),
            ("ＡＢ１", "AB1"),
            ("", ""),
        ] {
            assert_eq!(spelled(text), expected, "{text}");
        }
    }

    #[test]
    fn what_stands_for_something_is_in_the_alphabet_itself() {
        for (alike, all) in ALIKE {
            assert!(alike.chars().all(|c| cost(c).is_some()), "{alike}");
            for c in all.chars() {
                assert!(cost(c).is_none(), "{c} needs nothing to stand for it");
            }
        }
    }

    #[test]
    fn a_text_is_cut_in_septets() {
        assert_eq!(shortened("{{{{", 8), "{{{{");
        assert_eq!(shortened("{{{{{", 9), "{{{..");
        assert_eq!(shortened("ab cd", 4), "ab..");
        assert_eq!(shortened("abc", 1), ".");
        assert_eq!(cut("€€", 3), "€");
    }

    proptest! {
        #[test]
        fn anything_can_be_spelled_and_cut(text in any::<String>(), max in 0usize..40) {
            let spelled = spelled(&text);
            prop_assert!(spelled.chars().all(|c| cost(c).is_some() && c != '\n' && c != '\r'), "{spelled:?}");
            let short = shortened(&spelled, max);
            prop_assert!(septets(&short) <= max);
            prop_assert!(septets(&spelled) > max || short == spelled);
        }
    }
}

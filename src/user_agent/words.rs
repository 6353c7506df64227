//! The words of an agent string: `name/version`, `name version`, bare names.

/// One word, with the version behind its slash or behind a single space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) name: &'a str,
    pub(super) version: Option<&'a str>,
}

/// Every word of `agent`, also those inside of comments. Addresses of the web and of mail are no words: they are
/// where `bot` stands in strings that are no bot's, and `.com` in strings that are.
pub(super) fn words(agent: &str) -> impl Iterator<Item = Word<'_>> {
    let mut rest = agent;
    let words = std::iter::from_fn(move || {
        loop {
            let start = rest.bytes().position(|byte| !is_separator(byte));
            rest = &rest[start.unwrap_or(rest.len())..];
            if rest.is_empty() {
                return None;
            }
            let (piece, behind) = next(rest);
            rest = behind;
            if !is_address(piece) {
                return Some(word(piece, behind));
            }
        }
    });
    words.take(MAX_WORDS)
}

fn next(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().position(is_separator).unwrap_or(text.len()))
}

fn word<'a>(piece: &'a str, behind: &'a str) -> Word<'a> {
    if let Some((name, rest)) = piece.split_once('/') {
        return match rest.split_once('/') {
            // `XiaoMi/MiuiBrowser/13.22.1-gn`: a maker before the product.
            Some((product, version)) if !is_version(product) => Word {
                name: product,
                version: Some(version),
            },
            Some((version, _)) => Word {
                name,
                version: Some(version),
            },
            None => Word {
                name,
                version: (!rest.is_empty()).then_some(rest),
            },
        };
    }
    let version = behind
        .strip_prefix(' ')
        .map(|behind| next(behind).0)
        .filter(|next| is_version(next) && !next.contains('/'));
    Word {
        name: piece,
        version,
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b';' | b'(' | b')' | b'[' | b']' | b',' | b'"' | b'\'' | b'\t'
    )
}

fn is_version(piece: &str) -> bool {
    piece
        .strip_prefix(['v', 'V'])
        .unwrap_or(piece)
        .starts_with(|c: char| c.is_ascii_digit())
}

fn is_address(piece: &str) -> bool {
    piece.contains("://")
        || piece.contains('@')
        || piece.starts_with('+')
        || piece.starts_with("www.")
}

/// Real agents have 8 to 50.
const MAX_WORDS: usize = 80;

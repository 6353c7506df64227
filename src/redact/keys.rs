//! Values that give themselves away: keys with a vendor's prefix, JSON Web Tokens, private keys, password hashes, credentials
//! behind their scheme.

use super::class::is_word;

/// The end of a secret that begins with the word `bytes[start..end]`.
pub(super) fn secret_at(bytes: &[u8], start: usize, end: usize) -> Option<usize> {
    let word = &bytes[start..end];
    if word.ends_with(b"-----BEGIN") {
        return private_key(bytes, end);
    }
    if word.starts_with(b"eyJ") && word.len() >= MIN_TOKEN {
        return Some(run_end(bytes, end, b".=~"));
    }
    if word.len() >= MIN_KEY && is_vendors(word) {
        return Some(end);
    }
    None
}

/// The beginning and the end of a secret behind a word with a dot after it.
pub(super) fn secret_behind_dot(bytes: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let shortest = |bytes: &[u8], from: usize| {
        let to = run_end(bytes, from, b".~");
        (to >= from + MIN_KEY).then_some((start, to))
    };
    match &bytes[start..end] {
        b"ya29" | b"SG" | b"hvs" | b"hvb" | b"hvr" | b"dt0c01" => shortest(bytes, end),
        // The address of a webhook is the right to write there.
        b"hooks" => behind(bytes, end, b".slack.com/services/"),
        b"discord" | b"discordapp" => behind(bytes, end, b".com/api/webhooks/"),
        b"webhook" => behind(bytes, end, b".office.com/webhookb2/"),
        b"api" => behind(bytes, end, b".telegram.org/bot"),
        _ => None,
    }
}

fn behind(bytes: &[u8], end: usize, rest: &[u8]) -> Option<(usize, usize)> {
    let from = end + rest.len();
    (bytes.get(end..from) == Some(rest)).then(|| (from, run_end(bytes, from, b"./:@%~+=")))
}

/// The hash of a password, as crypt(3) and PHC strings write it, at a `$`.
pub(super) fn password_hash(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = &bytes[from..];
    HASHES
        .iter()
        .any(|prefix| rest.starts_with(prefix))
        .then(|| run_end(bytes, from, b"$./+=,"))
}

/// The credentials behind `Bearer ` or `Basic `, and behind `AUTH PLAIN ` as SMTP's clients log it.
pub(super) fn credentials(bytes: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let word = &bytes[start..end];
    let bearer = word.eq_ignore_ascii_case(b"bearer");
    let mail =
        matches!(word, b"PLAIN" | b"LOGIN" | b"XOAUTH2") && bytes[..start].ends_with(b"AUTH ");
    if !bearer && !mail && !word.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let space = match bytes.get(end..)? {
        [b' ' | b'+', ..] => 1,
        [b'%', b'2', b'0', ..] => 3,
        _ => return None,
    };
    let from = end + space;
    let to = run_end(bytes, from, b".~+/=%");
    let token = &bytes[from..to];
    // A server lists what it offers: `250-AUTH PLAIN XOAUTH2`.
    let offered = mail && !token.iter().any(u8::is_ascii_lowercase);
    (token.len() >= 6 && !offered && !is_prose(token, bearer)).then_some((from, to))
}

/// `Basic authentication` and `bearer token` are words, not credentials.
fn is_prose(token: &[u8], bearer: bool) -> bool {
    let token = token.strip_suffix(b".").unwrap_or(token);
    let letters = token.iter().all(|byte| byte.is_ascii_alphabetic());
    let tail = token.get(1..).unwrap_or_default();
    let lower = tail.iter().all(u8::is_ascii_lowercase);
    let word = letters && lower && token.len() < MIN_KEY * 2;
    let known = || PROSE.iter().any(|word| token.eq_ignore_ascii_case(word));
    word && (!bearer || token.len() < 8 || known())
}

/// The end of a private key's block, of what is there of it.
///
/// The newlines may be escaped, the spaces encoded.
fn private_key(bytes: &[u8], from: usize) -> Option<usize> {
    let label = &bytes[from..bytes.len().min(from + MAX_LABEL)];
    let label = &label[..memchr::memmem::find(label, b"-----").unwrap_or(label.len())];
    super::steps::add(label.len());
    memchr::memmem::find(label, b"PRIVATE")?;
    let end = memchr::memmem::find(&bytes[from..], b"-----END").map_or(bytes.len(), |end| {
        let behind = from + end + "-----END".len();
        let label = &bytes[behind..bytes.len().min(behind + MAX_LABEL)];
        memchr::memmem::find(label, b"-----").map_or(behind, |length| behind + length + 5)
    });
    super::steps::add(end - from);
    Some(end)
}

fn is_vendors(word: &[u8]) -> bool {
    let (from, to) = FIRST[usize::from(word[0])];
    let key = PREFIXES[from..to]
        .iter()
        .find_map(|prefix| word.strip_prefix(*prefix));
    key.is_some_and(is_key)
        || matches!(word.len(), 34 | 36)
            && HEX_PREFIXES
                .iter()
                .find_map(|prefix| word.strip_prefix(*prefix))
                .is_some_and(|key| key.len() == 32 && key.iter().all(u8::is_ascii_hexdigit))
}

/// Eight letters and digits in one piece, or sixteen letters: `sk-learn` is no key.
fn is_key(rest: &[u8]) -> bool {
    let with_digit = |piece: &[u8]| piece.len() >= 8 && piece.iter().any(u8::is_ascii_digit);
    rest.split(|byte| !byte.is_ascii_alphanumeric())
        .any(|piece| with_digit(piece) || piece.len() >= 16)
}

/// The end of a run of letters, digits, `_`, `-` and `also`.
fn run_end(bytes: &[u8], from: usize, also: &[u8]) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let length = rest
        .iter()
        .position(|byte| !is_word(*byte) && !also.contains(byte))
        .unwrap_or(rest.len());
    super::steps::add(length);
    from + length
}

const MIN_KEY: usize = 12;
const MIN_TOKEN: usize = 9;
const MAX_LABEL: usize = 60;

const PROSE: &[&[u8]] = &[
    b"authentication",
    b"authorization",
    b"challenge",
    b"credential",
    b"credentials",
    b"required",
];

const HASHES: &[&[u8]] = &[
    b"$2a$",
    b"$2b$",
    b"$2y$",
    b"$5$",
    b"$6$",
    b"$argon2",
    b"$pbkdf2",
    b"$scrypt$",
    b"$y$",
];

/// Twilio, Mailgun, Databricks: a prefix and 32 hexadecimal digits.
const HEX_PREFIXES: &[&[u8]] = &[b"SK", b"key-", b"dapi"];

/// Beginnings that vendors give their keys so that scanners find them.
const PREFIXES: &[&[u8]] = &[
    b"AGE-SECRET-KEY-",
    b"AIza",
    b"AKIA",
    b"ASIA",
    b"ATATT3",
    b"ATBB",
    b"CCIPAT_",
    b"CFPAT-",
    b"EAAA",
    b"NRAK-",
    b"PMAK-",
    b"bkua_",
    b"dckr_pat_",
    b"doo_v1_",
    b"dop_v1_",
    b"dor_v1_",
    b"figd_",
    b"gho_",
    b"ghp_",
    b"ghr_",
    b"ghs_",
    b"ghu_",
    b"github_pat_",
    b"glc_",
    b"glcbt-",
    b"gldt-",
    b"glft-",
    b"glpat-",
    b"glptt-",
    b"glrt-",
    b"glsa_",
    b"glsoat-",
    b"gsk_",
    b"hf_",
    b"lin_api_",
    b"lin_oauth_",
    b"npm_",
    b"ntn_",
    b"pplx-",
    b"pscale_",
    b"pul-",
    b"pypi-",
    b"r8_",
    b"rk_live_",
    b"rk_test_",
    b"rubygems_",
    b"sb_secret_",
    b"sbp_",
    b"shpat_",
    b"shpca_",
    b"shppa_",
    b"shpss_",
    b"sk-",
    b"sk_live_",
    b"sk_test_",
    b"sntrys_",
    b"sntryu_",
    b"sq0atp-",
    b"sq0csp-",
    b"tskey-",
    b"whsec_",
    b"xai-",
    b"xapp-",
    b"xkeysib-",
    b"xoxa-",
    b"xoxb-",
    b"xoxc-",
    b"xoxd-",
    b"xoxe-",
    b"xoxo-",
    b"xoxp-",
    b"xoxr-",
    b"xoxs-",
];

/// For each byte, where the prefixes that begin with it are among the sorted ones.
const FIRST: [(usize, usize); 256] = {
    let mut table = [(0, 0); 256];
    let mut at = 0;
    while at < PREFIXES.len() {
        let first = PREFIXES[at][0] as usize;
        let from = if table[first].1 == 0 {
            at
        } else {
            table[first].0
        };
        table[first] = (from, at + 1);
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    #[test]
    fn the_prefixes_are_sorted_so_that_their_first_letters_find_them() {
        assert!(super::PREFIXES.is_sorted());
    }
}

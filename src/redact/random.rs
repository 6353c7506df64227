//! Strings that look drawn by lot: keys and tokens that no name and no prefix gives away.

use std::ops::Range;

use super::steps;

/// The part of `run` that was probably drawn by lot. `run` is made of letters, digits and `_-/+%`.
///
/// - Hexadecimal digits in one case: from 48 on, so that UUIDs, trace ids, fingerprints and git's SHA-1 stay.
/// - Lower case, upper case and digits: from 24 characters on, when the class changes at four in ten of them or more (in a random
///   text at six in ten, in `camelCase2` at two) and characters repeat as little as in a random text.
/// - Digits and letters of one case: from 32 in one piece on, when the class changes at one in four, with the same repetition.
///
/// Left alone are symbols of Rust, words beside short hexadecimal ids, ids that a vendor calls no secret, and the folders that
/// lead to a random string.
pub(super) fn find(run: &[u8]) -> Option<Range<usize>> {
    steps::add(run.len());
    let range = without_folders(run)?;
    is_random(&run[range.clone()]).then_some(range)
}

/// From the first piece between slashes that is no plain word to the last such one.
fn without_folders(run: &[u8]) -> Option<Range<usize>> {
    if memchr::memchr(b'/', run).is_none() {
        return Some(0..run.len());
    }
    let mut range: Option<Range<usize>> = None;
    let mut from = 0;
    for piece in run.split(|byte| *byte == b'/') {
        let to = from + piece.len();
        let look = Look::at(piece);
        if piece.len() > 3 && look.changes * 4 > piece.len() && !look.all_ids {
            let start = range.map_or(from, |range| range.start);
            range = Some(start..to);
        }
        from = to + 1;
    }
    range
}

fn is_random(text: &[u8]) -> bool {
    if text.len() < MIN || is_symbol(text) || HARMLESS.iter().any(|id| text.starts_with(id)) {
        return false;
    }
    let look = Look::at(text);
    if look.long_hex {
        return true;
    }
    if look.all_ids || text.len() < look.joints * MIN_PIECE {
        return false;
    }
    let varied = if look.classes & ALL == ALL {
        look.changes * 10 >= text.len() * 4
    } else {
        look.long_piece
    };
    varied && repeats_little(text)
}

/// What one pass over a text tells.
struct Look {
    classes: u8,
    /// How often the class of a letter or digit differs from that of the one before it; a word as in `camelCase` counts once.
    changes: usize,
    /// Slashes and plus signs.
    joints: usize,
    /// All of it is plain words and short hexadecimal ids.
    all_ids: bool,
    long_hex: bool,
    /// A long piece that is not hexadecimal has digits and letters in turns.
    long_piece: bool,
}

impl Look {
    fn at(text: &[u8]) -> Self {
        let mut look = Self {
            classes: 0,
            changes: 0,
            joints: 0,
            all_ids: true,
            long_hex: false,
            long_piece: false,
        };
        let mut before = [0, 0];
        let mut from = 0;
        let mut classes = 0;
        let mut changes_before = 0;
        for (at, byte) in text.iter().enumerate() {
            let class = CLASS[usize::from(*byte)];
            if class == 0 {
                look.joints += usize::from(matches!(byte, b'/' | b'+'));
                look.piece(at - from, classes, changes_before);
                from = at + 1;
                classes = 0;
                changes_before = look.changes;
                continue;
            }
            classes |= class;
            let class = class & ALL;
            look.changes += usize::from(before[1] != 0 && before[1] != class);
            look.changes -= usize::from([before[0], before[1], class] == [UPPER, LOWER, LOWER]);
            before = [before[1], class];
        }
        look.piece(text.len() - from, classes, changes_before);
        look
    }

    fn piece(&mut self, length: usize, classes: u8, changes_before: usize) {
        self.classes |= classes;
        let one_case = classes & (LOWER | UPPER) != LOWER | UPPER;
        let hex = one_case && classes & NOT_HEX == 0;
        self.long_hex |= hex && length >= MIN_HEX;
        self.all_ids &= hex && length < MIN_HEX || classes & DIGIT == 0;
        let changes = self.changes.saturating_sub(changes_before);
        self.long_piece |= length >= MIN_ONE_CASE && !hex && changes * 4 >= length;
    }
}

/// Whether two characters of the text are the same less often than one time in eleven (Friedman's index of coincidence): of a
/// random Base64 text one time in 64 they are, of English words one time in fifteen, of `aAbB1212` more often.
fn repeats_little(text: &[u8]) -> bool {
    let mut counts = [0_u32; 128];
    let text = &text[..text.len().min(MAX_COUNTED)];
    let mut pairs = 0;
    for byte in text {
        let count = &mut counts[usize::from(*byte & 0x7f)];
        pairs += *count as usize;
        *count += 1;
    }
    pairs * 22 <= text.len() * (text.len() - 1)
}

/// A mangled symbol of Rust (the legacy scheme, or RFC 2603), or the end of one behind a `$`.
fn is_symbol(text: &[u8]) -> bool {
    let mangled = text.starts_with(b"_ZN")
        || text.starts_with(b"__ZN")
        || text.starts_with(b"_R") && text.get(2).is_some_and(u8::is_ascii_uppercase);
    let hashed = || {
        let tail = text.len().checked_sub(20).map(|from| &text[from..]);
        tail.is_some_and(|tail| {
            tail.starts_with(b"17h") && tail.ends_with(b"E") && is_hex(&tail[3..19])
        })
    };
    mangled || hashed()
}

fn is_hex(text: &[u8]) -> bool {
    let all = |letters: std::ops::RangeInclusive<u8>| {
        text.iter()
            .all(|byte| byte.is_ascii_digit() || letters.contains(byte))
    };
    all(b'a'..=b'f') || all(b'A'..=b'F')
}

/// The shortest run that is worth a look.
pub(super) const MIN: usize = 24;

const LOWER: u8 = 1;
const UPPER: u8 = 2;
const DIGIT: u8 = 4;
const ALL: u8 = LOWER | UPPER | DIGIT;
const NOT_HEX: u8 = 8;

const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        let character = byte as u8;
        table[byte] = match character {
            b'a'..=b'f' => LOWER,
            b'g'..=b'z' => LOWER | NOT_HEX,
            b'A'..=b'F' => UPPER,
            b'G'..=b'Z' => UPPER | NOT_HEX,
            b'0'..=b'9' => DIGIT,
            _ => 0,
        };
        byte += 1;
    }
    table
};

const MIN_HEX: usize = 48;
const MIN_ONE_CASE: usize = 32;
/// The folders of a path are shorter than the pieces of Base64.
const MIN_PIECE: usize = 9;
/// More says nothing new about repetition.
const MAX_COUNTED: usize = 512;

/// Ids of objects at Stripe, which its documentation calls no secrets, and the separators of multipart bodies.
const HARMLESS: &[&[u8]] = &[
    b"--", b"acct_", b"ch_", b"cus_", b"evt_", b"in_", b"pi_", b"pm_", b"po_", b"price_", b"prod_",
    b"re_", b"req_", b"si_", b"sub_", b"txn_",
];

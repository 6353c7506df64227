//! What the optimiser never wrote of an array in the frame.
//!
//! A store of what nobody reads is left out: of `[(1, "one"), (2, "two")]`, the number that is only compared to `1`. Debug
//! information still says that the array lies there. Told by the code: the same word of each other element is stored
//! by an instruction of its own, and so are other words of this element.

use super::location::{Base, Location, Step};

/// The words of an array that were never stored: their distances from its beginning.
pub(super) fn gaps(
    code: &[u8],
    (register, offset): (u16, i64),
    items: u64,
    words: u64,
) -> Vec<u64> {
    if items < 2 || words < 2 || items.saturating_mul(words) > MAX_WORDS {
        return Vec::new();
    }
    let stores = stores(code, register);
    let is_stored = |item: u64, word: u64| {
        let at = offset.saturating_add_unsigned((item * words + word) * 8);
        let by = |(to, size): &(i64, i64)| *to < at + 8 && at < to.saturating_add(*size);
        stores.iter().any(by)
    };
    let is_gap = |item: u64, word: u64| {
        !is_stored(item, word)
            && (0..items).all(|other| other == item || is_stored(other, word))
            && (0..words).any(|other| is_stored(item, other))
    };
    let all = (0..items).flat_map(|item| (0..words).map(move |word| (item, word)));
    all.filter(|(item, word)| is_gap(*item, *word))
        .map(|(item, word)| (item * words + word) * 8)
        .collect()
}

/// The place without those words.
pub(super) fn without(gaps: &[u64], base: Base, offset: i64, size: u64) -> Option<Location> {
    let mut steps = Vec::new();
    let mut from = 0;
    let mut until = |to: u64, steps: &mut Vec<Step>| {
        if to > from {
            steps.push(Step::Push(base, offset.checked_add_unsigned(from)?));
            steps.push(Step::Piece(u32::try_from(to - from).ok()?));
        }
        from = to + 8;
        Some(())
    };
    for gap in gaps {
        until(*gap, &mut steps)?;
        steps.push(Step::Piece(8));
    }
    until(size, &mut steps)?;
    Some(Location::Steps(steps.into()))
}

/// Where instructions store to, counted from the register, and how many bytes at most: `MOV r/m, r`, `MOV r/m, imm`, and
/// moves of 16 bytes, in volume 2 of the Intel manual. Only of the stack pointer.
fn stores(code: &[u8], register: u16) -> Vec<(i64, i64)> {
    if !cfg!(target_arch = "x86_64") || register != 7 {
        return Vec::new();
    }
    let store = |bytes: &[u8]| {
        let (size, rest) = match bytes {
            [0x0f, 0x11 | 0x29 | 0x7f | 0xd6 | 0xe7, rest @ ..] => (16, rest),
            [0x88 | 0x89 | 0xc6 | 0xc7, rest @ ..] => (8, rest),
            _ => return None,
        };
        match rest {
            [modrm, 0x24, rest @ ..] if modrm & 7 == 4 => match modrm >> 6 {
                0 => Some((0, size)),
                1 => Some((i64::from(rest.first()?.cast_signed()), size)),
                2 => Some((i64::from(i32::from_le_bytes(*rest.first_chunk()?)), size)),
                _ => None,
            },
            _ => None,
        }
    };
    (0..code.len())
        .filter_map(|at| store(&code[at..]))
        .collect()
}

const MAX_WORDS: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_word_that_all_other_elements_have_is_missed() {
        // movq $1, at(%rsp)
        let store = |at: u8| [0x48, 0xc7, 0x44, 0x24, at, 1, 0, 0, 0];
        let code = |at: &[u8]| at.iter().flat_map(|at| store(*at)).collect::<Vec<_>>();
        let of = |at: &[u8]| gaps(&code(at), (7, 0x48), 3, 2);
        assert_eq!(of(&[0x50, 0x58, 0x60, 0x68, 0x70]), [0]);
        assert_eq!(of(&[0x48, 0x50, 0x58, 0x60, 0x68, 0x70]), [0_u64; 0]);
        // An element that was made by a call, and an array that was.
        assert_eq!(of(&[0x58, 0x60, 0x68, 0x70]), [0_u64; 0]);
        assert_eq!(of(&[0x50]), [0_u64; 0]);
    }

    #[test]
    fn the_rest_stays_where_it_is() {
        let base = Base::Register(7);
        let steps = [
            Step::Push(base, 72),
            Step::Piece(8),
            Step::Piece(8),
            Step::Push(base, 88),
            Step::Piece(32),
        ];
        let left = without(&[8], base, 72, 48);
        assert_eq!(left, Some(Location::Steps(steps.into())));
    }
}

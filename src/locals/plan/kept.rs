//! What outlives a call although debug information names a register that does not.
//!
//! Where a value is both in a register for the call and in one that the callee gives back, LLVM's lists name the former
//! up to the call and the latter from the return address on. The value is the same, unless the call's return is where
//! the variable is given another: so a copy between the two registers, or a store to the place in the frame, is looked for.

use super::assigned;
use super::earlier::is_piece;
use super::location::{Base, Location, Step};
use crate::locals::registers::{KEPT, STACK_POINTER};

/// The location at a call, given that at its return; `code` is that of the function up to the call.
pub(super) fn kept<'c>(
    at_call: Location,
    at_return: impl FnOnce() -> Option<Location>,
    code: impl FnOnce() -> Option<&'c [u8]>,
) -> Location {
    if is_safe(&at_call) {
        return at_call;
    }
    let before = steps(&at_call);
    let Some(Some(after)) = at_return().map(|location| matched(&before, &steps(&location), code()))
    else {
        return at_call;
    };
    match after.as_slice() {
        [Step::Push(base, offset)] => Location::At(*base, *offset),
        [Step::In(register)] => Location::In(*register),
        _ => Location::Steps(after.into()),
    }
}

/// Whether nothing of it can be lost.
pub(super) fn is_whole(location: &Location) -> bool {
    let is_pieced = matches!(location, Location::Steps(steps) if steps.iter().any(is_piece));
    !is_pieced && is_safe(location)
}

/// Whether the call destroys nothing that it needs.
pub(super) fn is_safe(location: &Location) -> bool {
    match location {
        Location::At(Base::Register(register), _) | Location::In(register) => {
            KEPT.contains(register)
        }
        Location::At(..) | Location::Bytes(_) => true,
        Location::Steps(steps) => !steps.iter().any(is_lost),
        Location::Lost(_) => false,
    }
}

pub(super) fn steps(location: &Location) -> Vec<Step> {
    match location {
        Location::At(base, offset) => vec![Step::Push(*base, *offset)],
        Location::In(register) => vec![Step::In(*register)],
        Location::Steps(steps) => steps.to_vec(),
        Location::Bytes(bytes) => vec![Step::Bytes(bytes.clone())],
        Location::Lost(missing) => vec![Step::Lost(*missing)],
    }
}

/// The first, with those of its pieces replaced by the second's that only these still have; `None` when there are none.
fn matched(before: &[Step], after: &[Step], code: Option<&[u8]>) -> Option<Vec<Step>> {
    let whole = before.split_inclusive(is_piece);
    let pieces: Vec<_> = whole.zip(after.split_inclusive(is_piece)).collect();
    let same = |(before, after): &(&[Step], &[Step])| match (before.last(), after.last()) {
        (Some(Step::Piece(size)), after) => after == Some(&Step::Piece(*size)),
        (_, after) => !after.is_some_and(is_piece),
    };
    if pieces.len() != before.split_inclusive(is_piece).count() || !pieces.iter().all(same) {
        return None;
    }
    let mut any = false;
    let chosen = pieces.into_iter().flat_map(|(before, after)| {
        let is_better = before.iter().any(is_lost)
            && !after.iter().any(is_lost)
            && is_copied(before, after, code);
        any |= is_better;
        if is_better { after } else { before }
    });
    let chosen = chosen.cloned().collect();
    any.then_some(chosen)
}

/// Whether the code copies what the first is about to where the second has it.
fn is_copied(before: &[Step], after: &[Step], code: Option<&[u8]>) -> bool {
    let lost = before.iter().filter(|step| is_lost(step)).map(register);
    let mut lost = lost.collect::<Vec<_>>();
    lost.dedup();
    let mut now = after.iter().filter(|step| register(step).is_some());
    let (&[Some(from)], Some(to), None, Some(code)) =
        (lost.as_slice(), now.next(), now.next(), code)
    else {
        return false;
    };
    match to {
        Step::Push(Base::Register(base), offset) if *base == STACK_POINTER => {
            assigned::refers(code, *base, *offset, 1) == Some(true)
        }
        _ => register(to).is_some_and(|to| moves(code, from, to)),
    }
}

fn register(step: &Step) -> Option<u16> {
    match step {
        Step::In(register) | Step::Push(Base::Register(register), _) => Some(*register),
        _ => None,
    }
}

/// Whether the callee does not give back what the step needs.
pub(super) fn is_lost(step: &Step) -> bool {
    match step {
        Step::PushAtEntry(_) | Step::Lost(_) => true,
        step => register(step).is_some_and(|register| !KEPT.contains(&register)),
    }
}

/// Whether some instruction moves one of the registers to the other: `MOV r, r/m` and `MOV r/m, r` of two registers, in
/// volume 2 of the Intel manual.
fn moves(code: &[u8], one: u16, other: u16) -> bool {
    if !cfg!(target_arch = "x86_64") {
        return false;
    }
    // The numbers of instructions, by those of DWARF.
    const NUMBERS: [u8; 16] = [0, 2, 1, 3, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15];
    let number = |register: u16| NUMBERS.get(usize::from(register)).copied();
    let (Some(one), Some(other)) = (number(one), number(other)) else {
        return false;
    };
    code.windows(3).any(|bytes| {
        let &[rex, operation, modrm] = bytes else {
            return false;
        };
        if !matches!(operation, 0x89 | 0x8b) || modrm >> 6 != 3 {
            return false;
        }
        let rex = if rex >> 4 == 4 { rex } else { 0 };
        let left = (modrm >> 3 & 7) | (rex & 4) << 1;
        let right = (modrm & 7) | (rex & 1) << 3;
        (left, right) == (one, other) || (left, right) == (other, one)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_value_is_found_where_it_was_copied_to() {
        // mov %rdi,%rbx; mov %rsi,%r14; mov %rdx,0x8(%rsp); call
        let code: &[u8] = &[
            0x48, 0x89, 0xfb, 0x49, 0x89, 0xf6, 0x48, 0x89, 0x54, 0x24, 0x08, 0xe8, 0, 0, 0, 0,
        ];
        let (rdi, rsi, rdx, rbx, r14) = (5, 4, 1, 3, 14);
        let spilled = Location::At(Base::Register(STACK_POINTER), 8);
        for (before, after, is_kept) in [
            (Location::In(rdi), Location::In(rbx), true),
            (Location::In(rsi), Location::In(r14), true),
            (Location::In(rdx), spilled.clone(), true),
            (Location::In(rdi), Location::In(r14), false),
            (Location::In(rbx), Location::In(r14), false),
            (Location::In(rdi), Location::In(rsi), false),
            (spilled, Location::In(rbx), false),
        ] {
            let found = kept(before.clone(), || Some(after.clone()), || Some(code));
            assert_eq!(found, if is_kept { after } else { before });
        }
        let fat = |pointer, length| {
            let steps = [
                Step::In(pointer),
                Step::Piece(8),
                Step::In(length),
                Step::Piece(8),
            ];
            Location::Steps(steps.into())
        };
        let found = kept(fat(rdi, 0), || Some(fat(rbx, r14)), || Some(code));
        assert_eq!(found, fat(rbx, 0), "the length was copied from elsewhere");
        let whole = kept(fat(rdi, 0), || Some(Location::In(rbx)), || Some(code));
        assert_eq!(whole, fat(rdi, 0));
        assert_eq!(
            kept(Location::In(rdi), || None, || Some(code)),
            Location::In(rdi)
        );
        let unknown = kept(Location::In(rdi), || Some(Location::In(rbx)), || None);
        assert_eq!(unknown, Location::In(rdi));
    }
}

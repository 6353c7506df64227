//! The stack on which locations are computed: words that wrap, as DWARF's generic type does.

use super::super::plan::{Binary, Step, Unary};
use crate::stack::Missing;

/// Words, as few as compilers need.
#[derive(Default)]
pub(super) struct Stack {
    words: [u64; MAX_DEPTH],
    depth: usize,
}

impl Stack {
    pub(super) fn push(&mut self, word: u64) -> Result<(), Missing> {
        let slot = self.words.get_mut(self.depth);
        *slot.ok_or(Missing::Unsupported)? = word;
        self.depth += 1;
        Ok(())
    }

    pub(super) fn pop(&mut self) -> Result<u64, Missing> {
        let top = self.depth.checked_sub(1).ok_or(Missing::Unsupported)?;
        self.depth = top;
        self.words.get(top).copied().ok_or(Missing::Unsupported)
    }

    /// A step that needs no more than the stack.
    pub(super) fn step(&mut self, step: &Step) -> Result<(), Missing> {
        match step {
            Step::Pick(index) => {
                let at = self.depth.checked_sub(usize::from(*index) + 1);
                let word = at.and_then(|at| self.words.get(at)).copied();
                self.push(word.ok_or(Missing::Unsupported)?)
            }
            Step::Drop => self.pop().map(|_| ()),
            Step::Swap => {
                let (top, second) = (self.pop()?, self.pop()?);
                self.push(top)?;
                self.push(second)
            }
            Step::Rotate => {
                let (top, second, third) = (self.pop()?, self.pop()?, self.pop()?);
                self.push(top)?;
                self.push(third)?;
                self.push(second)
            }
            Step::Unary(what) => {
                let word = self.pop()?;
                self.push(match what {
                    Unary::Absolute => word.cast_signed().unsigned_abs(),
                    Unary::Negate => word.wrapping_neg(),
                    Unary::Not => !word,
                })
            }
            Step::Binary(what) => {
                let (right, left) = (self.pop()?, self.pop()?);
                self.push(binary(*what, left, right).ok_or(Missing::Unsupported)?)
            }
            Step::Convert { bits, signed } => {
                let word = self.pop()?;
                let unused = 64u32.saturating_sub(u32::from(*bits)).min(63);
                self.push(if *signed {
                    ((word << unused).cast_signed() >> unused).cast_unsigned()
                } else {
                    (word << unused) >> unused
                })
            }
            _ => Err(Missing::Unsupported),
        }
    }
}

/// `None` for a division by zero.
fn binary(what: Binary, left: u64, right: u64) -> Option<u64> {
    let (signed_left, signed_right) = (left.cast_signed(), right.cast_signed());
    let by = u32::try_from(right).ok();
    Some(match what {
        Binary::And => left & right,
        Binary::Or => left | right,
        Binary::Xor => left ^ right,
        Binary::Plus => left.wrapping_add(right),
        Binary::Minus => left.wrapping_sub(right),
        Binary::Multiply => left.wrapping_mul(right),
        // DWARF divides with signs, and takes the remainder without.
        Binary::Divide if right == 0 => return None,
        Binary::Divide => signed_left.wrapping_div(signed_right).cast_unsigned(),
        Binary::Modulo => left.checked_rem(right)?,
        Binary::ShiftLeft => by.and_then(|by| left.checked_shl(by)).unwrap_or(0),
        Binary::ShiftRight => by.and_then(|by| left.checked_shr(by)).unwrap_or(0),
        Binary::ShiftRightSigned => {
            let shifted = by.and_then(|by| signed_left.checked_shr(by));
            shifted.unwrap_or(signed_left >> 63).cast_unsigned()
        }
        Binary::Equal => u64::from(left == right),
        Binary::NotEqual => u64::from(left != right),
        Binary::Less => u64::from(signed_left < signed_right),
        Binary::LessOrEqual => u64::from(signed_left <= signed_right),
        Binary::Greater => u64::from(signed_left > signed_right),
        Binary::GreaterOrEqual => u64::from(signed_left >= signed_right),
    })
}

/// LLVM's expressions use some four.
const MAX_DEPTH: usize = 32;

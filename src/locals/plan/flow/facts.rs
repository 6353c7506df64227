//! What is known of a value beside where it is: how it was computed, and what a branch has told of it.

use iced_x86::{ConditionCode, Instruction, Mnemonic, OpKind, Register};

use super::state::{Held, Root, State};
use super::step::{address, general, low_bits, number, operand};
use crate::locals::plan::location::Binary;

/// That a value is the same as an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) of: Held,
    pub(super) is: Expression,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    Constant(u64),
    /// The lowest bits of another, with or without their sign.
    Same(Held, u8, bool),
    /// Of two words, or of their lowest 32 bits.
    Binary(Binary, Held, Held, u8),
    /// The second so many times, and the first.
    Scaled(Option<Held>, Held, u8),
    /// So many bytes in memory, to which nothing was written since.
    Load(Held, Option<(Held, u8)>, u8, bool),
}

impl Expression {
    pub(super) fn needs(&self, mut is: impl FnMut(Root) -> bool) -> bool {
        match self {
            Self::Constant(_) => false,
            Self::Same(held, ..) => is(held.root),
            Self::Binary(_, left, right, _) => is(left.root) || is(right.root),
            Self::Scaled(base, index, _) => {
                base.is_some_and(|base| is(base.root)) || is(index.root)
            }
            Self::Load(base, index, ..) => {
                is(base.root) || index.is_some_and(|(index, _)| is(index.root))
            }
        }
    }
}

/// What two values were compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Compared {
    left: Held,
    right: Held,
}

impl Compared {
    /// That a value is compared to zero.
    pub(super) fn to_zero(left: Held) -> Self {
        let right = Held::constant(0).narrow(left.bits);
        Self { left, right }
    }

    pub(super) fn needs(self, is: impl Fn(Root) -> bool) -> bool {
        is(self.left.root) || is(self.right.root)
    }
}

/// What the instruction compares, if a branch can ask for it.
pub(super) fn compared(state: &State, it: &Instruction) -> Option<Compared> {
    let bits = u8::try_from(match it.op0_kind() {
        OpKind::Register => it.op0_register().size() * 8,
        _ => it.memory_size().size() * 8,
    });
    let bits = bits.ok()?;
    let left = operand(state, it, 0)?.narrow(bits);
    let right = match it.mnemonic() {
        Mnemonic::Cmp => operand(state, it, 1)?.narrow(bits),
        Mnemonic::Test
            if it.op1_kind() == OpKind::Register && it.op1_register() == it.op0_register() =>
        {
            Held::constant(0).narrow(bits)
        }
        _ => return None,
    };
    (left.bits == bits && right.bits == bits).then_some(Compared { left, right })
}

/// What taking a branch, or not, tells.
pub(super) fn on_way(state: &mut State, branch: &Instruction, is_taken: bool) {
    let is_equal = match branch.condition_code() {
        ConditionCode::e => is_taken,
        ConditionCode::ne => !is_taken,
        _ => return,
    };
    let Some(Compared { left, right }) = state.compared.filter(|_| is_equal) else {
        return;
    };
    for (of, is) in [(left, right), (right, left)] {
        if !of.root.is_made() {
            continue;
        }
        let is = match is.root {
            Root::Zero => {
                let unused = 64 - u32::from(of.bits.clamp(1, 64));
                Expression::Constant(is.plus.cast_unsigned() << unused >> unused)
            }
            _ => Expression::Same(is, of.bits, false),
        };
        state.learn(Fact { of, is });
    }
}

/// How the instruction computes what it puts into a register, told of the values before.
pub(super) fn computed(state: &State, it: &Instruction) -> Option<(u16, Expression)> {
    if it.op_count() < 2 || it.op0_kind() != OpKind::Register {
        return None;
    }
    let target = it.op0_register();
    let register = general(target)?;
    let bits = low_bits(target).filter(|bits| *bits >= 32)?;
    let expression = match it.mnemonic() {
        Mnemonic::Mov | Mnemonic::Movzx | Mnemonic::Movsx | Mnemonic::Movsxd => {
            let signed = matches!(it.mnemonic(), Mnemonic::Movsx | Mnemonic::Movsxd);
            // Into the lower half of a register, the sign goes no further.
            if signed && bits < 64 {
                return None;
            }
            match it.op1_kind() {
                OpKind::Memory => load(state, it, signed)?,
                OpKind::Register => {
                    let from = it.op1_register();
                    let held = state.get(general(from)?);
                    let bits = low_bits(from)?;
                    Expression::Same(known(held.narrow(bits), bits)?, bits, signed)
                }
                _ => return None,
            }
        }
        Mnemonic::Lea if it.memory_index() != Register::None => {
            let index = known(state.get(general(it.memory_index())?), 64)?;
            let by = it.memory_displacement64().cast_signed();
            let base = match it.memory_base() {
                Register::None => Held::constant(by.cast_unsigned()),
                base => known(state.get(general(base)?), 64)?.plus(by),
            };
            if bits != 64 {
                return None;
            }
            Expression::Scaled(
                Some(base),
                index,
                u8::try_from(it.memory_index_scale()).ok()?,
            )
        }
        Mnemonic::Imul if it.op_count() == 3 => {
            let left = known(operand(state, it, 1)?, bits)?;
            let right = Held::constant(number(it, 2)?.cast_unsigned());
            Expression::Binary(Binary::Multiply, left, right, bits)
        }
        mnemonic => {
            let what = match mnemonic {
                Mnemonic::Add => Binary::Plus,
                Mnemonic::Sub => Binary::Minus,
                Mnemonic::And => Binary::And,
                Mnemonic::Or => Binary::Or,
                Mnemonic::Xor => Binary::Xor,
                Mnemonic::Imul => Binary::Multiply,
                Mnemonic::Shl => Binary::ShiftLeft,
                Mnemonic::Shr => Binary::ShiftRight,
                Mnemonic::Sar => Binary::ShiftRightSigned,
                _ => return None,
            };
            let is_shift = matches!(
                what,
                Binary::ShiftLeft | Binary::ShiftRight | Binary::ShiftRightSigned
            );
            let left = known(state.get(register), bits)?;
            let right = if is_shift {
                let by = number(it, 1)?.cast_unsigned() & u64::from(bits - 1);
                Held::constant(by)
            } else {
                known(operand(state, it, 1)?, bits)?
            };
            Expression::Binary(what, left, right, bits)
        }
    };
    Some((register, expression))
}

pub(super) fn load(state: &State, it: &Instruction, signed: bool) -> Option<Expression> {
    let size = u8::try_from(it.memory_size().size()).ok()?;
    if it.segment_prefix() != Register::None || !matches!(size, 1 | 2 | 4 | 8) {
        return None;
    }
    if let Some(base) = address(state, it) {
        // The frame has its own.
        let is_frame = base.root == Root::Cfa;
        return (!is_frame).then_some(Expression::Load(known(base, 64)?, None, size, signed));
    }
    let index = known(state.get(general(it.memory_index())?), 64)?;
    let by = it.memory_displacement64().cast_signed();
    let base = known(state.get(general(it.memory_base())?), 64)?.plus(by);
    let scale = u8::try_from(it.memory_index_scale()).ok()?;
    (base.root != Root::Cfa).then_some(Expression::Load(base, Some((index, scale)), size, signed))
}

fn known(held: Held, bits: u8) -> Option<Held> {
    (held.root != Root::Nothing && held.bits >= bits).then_some(held)
}

/// How far expressions are followed.
pub(super) const MAX_DEPTH: u8 = 4;

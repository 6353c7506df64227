//! Where a variable is, compiled from expressions of DWARF: section 2.5 and 2.6 of DWARF 5.

use gimli::{AttributeValue, Expression, Operation, UnitOffset};

use super::code::Code;
use super::flow::Flow;
use super::kept::{is_safe, is_whole, kept};
use super::negated::is_negated;
use crate::locals::units::{Slice, Unit};
use crate::stack::Missing;

/// Where a variable is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::locals) enum Location {
    /// In memory, so far from there.
    At(Base, i64),
    /// In a register.
    In(u16),
    /// Nowhere: it is always this.
    Bytes(Box<[u8]>),
    /// Where these steps lead.
    Steps(Box<[Step]>),
    /// Nowhere.
    Lost(Missing),
}

/// What an offset is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::locals) enum Base {
    Register(u16),
    /// Where the stack pointer stood before the function was called.
    Cfa,
    Zero,
}

/// A step on a stack of words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::locals) enum Step {
    Push(Base, i64),
    /// What the register held when the function was called.
    PushAtEntry(u16),
    /// What the register held when the call was made: the function that is called may have put it away. It is what the
    /// second held when the function itself was called.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "code is understood on x86-64 alone")
    )]
    PushPassed(u16, Option<u16>),
    Deref(u8),
    Pick(u8),
    Drop,
    Swap,
    Rotate,
    Unary(Unary),
    Binary(Binary),
    /// Keeps the lowest bits, with or without their sign.
    Convert {
        bits: u8,
        signed: bool,
    },
    /// The top of the stack is the value, not its address.
    Value,
    In(u16),
    Bytes(Box<[u8]>),
    Lost(Missing),
    /// What came before is so many bytes of the whole.
    Piece(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::locals) enum Unary {
    Absolute,
    Negate,
    Not,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::locals) enum Binary {
    And,
    Divide,
    Minus,
    Modulo,
    Multiply,
    Or,
    Plus,
    ShiftLeft,
    ShiftRight,
    ShiftRightSigned,
    Xor,
    Equal,
    GreaterOrEqual,
    Greater,
    LessOrEqual,
    Less,
    NotEqual,
}

/// What expressions are compiled for: a function at a place.
pub(super) struct Compiler<'a> {
    pub(super) unit: &'a Unit,
    pub(super) address: u64,
    pub(super) bias: u64,
    /// What `DW_OP_fbreg` counts from.
    pub(super) base: Option<(Base, i64)>,
    pub(super) code: Option<&'a Code<'a>>,
    /// Whether code is followed to what a call destroys.
    pub(super) follows: bool,
}

impl<'a> Compiler<'a> {
    /// The location that the attributes of a variable tell, for this place.
    pub(super) fn of(
        &self,
        location: Option<AttributeValue<Slice>>,
        constant: Option<AttributeValue<Slice>>,
    ) -> Location {
        let known = match (location, constant) {
            (Some(location), _) => self.attribute(location),
            (None, Some(constant)) => Ok(bytes(constant)),
            (None, None) => Ok(None),
        };
        match known {
            Ok(Some(location)) => location,
            Ok(None) => Location::Lost(Missing::OptimizedOut),
            Err(missing) => Location::Lost(missing),
        }
    }

    fn attribute(&self, value: AttributeValue<Slice>) -> Result<Option<Location>, Missing> {
        if let AttributeValue::Exprloc(expression) = value {
            let location = self.expression(expression)?;
            return Ok(Some(self.followed(location)));
        }
        let Some(at_call) = self.listed(value, self.address)? else {
            return self.earlier(value, None);
        };
        if is_negated(&at_call) && self.negates_twice(value)? {
            return Ok(None);
        }
        let at_return = || self.listed(value, self.address.checked_add(1)?).ok()?;
        let code = || self.code.and_then(Code::before);
        let known = kept(self.followed(at_call), at_return, code);
        if is_whole(&known) {
            return Ok(Some(known));
        }
        Ok(self.earlier(value, Some(&known))?.or(Some(known)))
    }

    /// The code's own account, where it is asked for.
    pub(super) fn flow(&self) -> Option<&'a Flow> {
        self.code.filter(|_| self.follows).and_then(Code::flow)
    }

    /// The location, with what the call destroys replaced by where else it is.
    fn followed(&self, location: Location) -> Location {
        if is_safe(&location) {
            return location;
        }
        match self.flow() {
            Some(flow) => flow.kept(location),
            None => location,
        }
    }

    fn listed(
        &self,
        list: AttributeValue<Slice>,
        address: u64,
    ) -> Result<Option<Location>, Missing> {
        let Some(mut list) = self.unit.refs().attr_locations(list)? else {
            return Ok(None);
        };
        for _ in 0..MAX_RANGES {
            let Some(entry) = list.next()? else {
                return Ok(None);
            };
            if (entry.range.begin..entry.range.end).contains(&address) {
                return self.expression(entry.data).map(Some);
            }
        }
        Err(Missing::Unsupported)
    }

    pub(super) fn expression(&self, expression: Expression<Slice>) -> Result<Location, Missing> {
        let mut steps = Vec::new();
        let mut operations = expression.operations(self.unit.unit.encoding());
        while let Some(operation) = operations.next()? {
            if steps.len() >= MAX_STEPS {
                return Err(Missing::Unsupported);
            }
            self.step(operation, &mut steps)?;
        }
        Ok(match steps.as_slice() {
            [] => Location::Lost(Missing::OptimizedOut),
            [Step::Push(base, offset)] => Location::At(*base, *offset),
            [Step::In(register)] => Location::In(*register),
            [Step::Bytes(_)] => match steps.pop() {
                Some(Step::Bytes(bytes)) => Location::Bytes(bytes),
                _ => Location::Lost(Missing::Unsupported),
            },
            [Step::Lost(missing)] => Location::Lost(*missing),
            _ => Location::Steps(steps.into()),
        })
    }

    /// The value that an expression computes, where DWARF means no address.
    pub(super) fn value(&self, expression: Expression<Slice>) -> Location {
        match self.expression(expression) {
            Ok(Location::At(base, offset)) => {
                Location::Steps([Step::Push(base, offset), Step::Value].into())
            }
            Ok(Location::Steps(steps)) => {
                let mut steps = steps.into_vec();
                steps.push(Step::Value);
                Location::Steps(steps.into())
            }
            Ok(other) => other,
            Err(missing) => Location::Lost(missing),
        }
    }

    fn step(&self, operation: Operation<Slice>, steps: &mut Vec<Step>) -> Result<(), Missing> {
        let constant = |value: u64| Step::Push(Base::Zero, value.cast_signed());
        let step = match operation {
            Operation::Nop | Operation::Uninitialized => return Ok(()),
            Operation::Deref {
                size, space: false, ..
            } if (1..=8).contains(&size) => Step::Deref(size),
            Operation::Drop => Step::Drop,
            Operation::Pick { index } => Step::Pick(index),
            Operation::Swap => Step::Swap,
            Operation::Rot => Step::Rotate,
            Operation::Abs => Step::Unary(Unary::Absolute),
            Operation::Neg => Step::Unary(Unary::Negate),
            Operation::Not => Step::Unary(Unary::Not),
            Operation::PlusConstant { value } => {
                // `fbreg 8, plus_uconst 16` is the same as `fbreg 24`.
                if let Some(Step::Push(_, offset)) = steps.last_mut() {
                    *offset = offset.wrapping_add_unsigned(value);
                    return Ok(());
                }
                steps.push(constant(value));
                Step::Binary(Binary::Plus)
            }
            Operation::UnsignedConstant { value } => constant(value),
            Operation::SignedConstant { value } => Step::Push(Base::Zero, value),
            Operation::Register { register } => Step::In(register.0),
            Operation::RegisterOffset {
                register, offset, ..
            } => Step::Push(Base::Register(register.0), offset),
            Operation::FrameOffset { offset } => {
                let (base, from) = self.base.ok_or(Missing::Unsupported)?;
                Step::Push(base, from.wrapping_add(offset))
            }
            Operation::CallFrameCFA => Step::Push(Base::Cfa, 0),
            Operation::Piece {
                size_in_bits,
                bit_offset: None | Some(0),
            } if size_in_bits.is_multiple_of(8) => {
                let size = u32::try_from(size_in_bits / 8).map_err(|_| Missing::Unsupported)?;
                Step::Piece(size)
            }
            Operation::ImplicitValue { data } => Step::Bytes(data.slice().into()),
            Operation::StackValue => Step::Value,
            // What it pointed to was optimised out, and with it the pointer.
            Operation::ImplicitPointer { .. } => Step::Lost(Missing::OptimizedOut),
            Operation::EntryValue { expression } => self.at_entry(Expression(expression))?,
            Operation::Address { address } => constant(address.wrapping_add(self.bias)),
            Operation::AddressIndex { index } => {
                let address = self.unit.refs().address(index)?;
                constant(address.wrapping_add(self.bias))
            }
            Operation::ConstantIndex { index } => constant(self.unit.refs().address(index)?),
            Operation::TypedLiteral { value, .. } => constant(word(value.slice())),
            Operation::Convert { base_type } => match self.integer(base_type)? {
                Some((bits, signed)) => Step::Convert { bits, signed },
                None => return Ok(()),
            },
            Operation::Reinterpret { .. } => return Ok(()),
            other => Step::Binary(binary(&other).ok_or(Missing::Unsupported)?),
        };
        // `call_frame_cfa, consts -8, plus`.
        if step == Step::Binary(Binary::Plus)
            && let [.., Step::Push(_, offset), Step::Push(Base::Zero, by)] = steps.as_mut_slice()
        {
            *offset = offset.wrapping_add(*by);
            steps.pop();
            return Ok(());
        }
        steps.push(step);
        Ok(())
    }

    /// `DW_OP_entry_value` of a register; compilers ask for nothing else.
    fn at_entry(&self, expression: Expression<Slice>) -> Result<Step, Missing> {
        match expression.operations(self.unit.unit.encoding()).next()? {
            Some(
                Operation::Register { register }
                | Operation::RegisterOffset {
                    register,
                    offset: 0,
                    ..
                },
            ) => Ok(Step::PushAtEntry(register.0)),
            _ => Err(Missing::OptimizedOut),
        }
    }

    /// The size and sign of an integer type; `None` for the generic one, a whole word.
    fn integer(&self, base_type: UnitOffset) -> Result<Option<(u8, bool)>, Missing> {
        if base_type.0 == 0 {
            return Ok(None);
        }
        let entry = self.unit.unit.entry(base_type)?;
        let size = entry.attr_value(gimli::DW_AT_byte_size);
        let size = size
            .and_then(|size| size.udata_value())
            .filter(|size| (1..=8).contains(size));
        let signed = match entry.attr_value(gimli::DW_AT_encoding) {
            Some(AttributeValue::Encoding(gimli::DW_ATE_signed | gimli::DW_ATE_signed_char)) => {
                true
            }
            Some(AttributeValue::Encoding(gimli::DW_ATE_float)) => {
                return Err(Missing::Unsupported);
            }
            _ => false,
        };
        let bits = size.and_then(|size| u8::try_from(size * 8).ok());
        Ok(Some((bits.ok_or(Missing::Unsupported)?, signed)))
    }
}

fn binary(operation: &Operation<Slice>) -> Option<Binary> {
    Some(match operation {
        Operation::And => Binary::And,
        Operation::Div => Binary::Divide,
        Operation::Minus => Binary::Minus,
        Operation::Mod => Binary::Modulo,
        Operation::Mul => Binary::Multiply,
        Operation::Or => Binary::Or,
        Operation::Plus => Binary::Plus,
        Operation::Shl => Binary::ShiftLeft,
        Operation::Shr => Binary::ShiftRight,
        Operation::Shra => Binary::ShiftRightSigned,
        Operation::Xor => Binary::Xor,
        Operation::Eq => Binary::Equal,
        Operation::Ge => Binary::GreaterOrEqual,
        Operation::Gt => Binary::Greater,
        Operation::Le => Binary::LessOrEqual,
        Operation::Lt => Binary::Less,
        Operation::Ne => Binary::NotEqual,
        _ => return None,
    })
}

/// The bytes of `DW_AT_const_value`, widened to the widest number of Rust.
fn bytes(constant: AttributeValue<Slice>) -> Option<Location> {
    let wide = match constant {
        AttributeValue::Block(data) => return Some(Location::Bytes(data.slice().into())),
        AttributeValue::Sdata(value) => i128::from(value).to_ne_bytes(),
        AttributeValue::Data1(value) => u128::from(value).to_ne_bytes(),
        AttributeValue::Data2(value) => u128::from(value).to_ne_bytes(),
        AttributeValue::Data4(value) => u128::from(value).to_ne_bytes(),
        AttributeValue::Data8(value) | AttributeValue::Udata(value) => {
            u128::from(value).to_ne_bytes()
        }
        AttributeValue::Data16(value) => value.to_ne_bytes(),
        _ => return None,
    };
    Some(Location::Bytes(wide.into()))
}

fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    for (to, from) in word.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_ne_bytes(word)
}

/// The longest expression: rustc's have up to some 30 operations.
const MAX_STEPS: usize = 96;

/// The longest list of ranges that is searched for one variable.
pub(super) const MAX_RANGES: usize = 10_000;

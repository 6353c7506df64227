//! Where a variable of a call is, or what of its bytes is known.

mod stack;
#[cfg(test)]
mod tests;

use smallvec::{SmallVec, smallvec};

use self::stack::Stack;
use super::memory::Memory;
use super::plan::{Base, Inner, Location, Plan, Step};
use crate::stack::Missing;

/// A variable's place, or the value itself where it has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// At this address.
    Memory(u64),
    /// In registers, in pieces here and there, or nowhere but in the debug information.
    Bytes(Known),
}

/// Bytes, each of which is known or not. What lies beyond them is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) bytes: SmallVec<[u8; INLINE]>,
    /// Which of them are known; as long as the bytes.
    pub(super) mask: SmallVec<[bool; INLINE]>,
}

/// What is left of a call: its registers and its frame.
pub(super) trait Frame {
    /// A register by the number DWARF gives it: the stack pointer, and what the functions that were called gave back.
    fn register(&self, number: u16) -> Option<u64>;

    /// Where the stack pointer stood before the function was called.
    fn cfa(&self) -> Option<u64>;
}

/// Evaluates locations for a call.
pub(super) struct Evaluator<'a, F> {
    pub(super) frame: &'a F,
    /// Where the function begins, as loaded.
    pub(super) start: u64,
    /// The calls that led to this one, the nearest first: only they can tell what registers held at the beginning.
    pub(super) callers: &'a [Caller<'a, F>],
    /// The calls that it led to, the nearest first: only they can tell what was in registers that they did not give back.
    pub(super) inner: &'a [Callee<'a, F>],
}

/// A function that was called, with what it has kept where that is known.
pub(super) type Callee<'a, F> = (Option<&'a Inner>, &'a F);

/// A call with its plan, if there is one.
pub(super) type Caller<'a, F> = (Option<&'a Plan>, &'a F);

impl<F: Frame> Evaluator<'_, F> {
    /// Where the variable is.
    ///
    /// # Errors
    ///
    /// [`Missing::OptimizedOut`] when the compiler kept it nowhere, or in a register that is lost; what `memory` says when
    /// the way leads through memory that cannot be read.
    pub(super) fn find(
        &self,
        location: &Location,
        memory: &mut dyn Memory,
    ) -> Result<Where, Missing> {
        match location {
            Location::At(base, offset) => self.push(*base, *offset).map(Where::Memory),
            Location::In(register) => self.in_register(*register).map(Where::Bytes),
            Location::Bytes(bytes) => Ok(Where::Bytes(Known::all(bytes))),
            Location::Lost(missing) => Err(*missing),
            Location::Steps(steps) => self.run(steps, memory),
        }
    }

    fn push(&self, base: Base, offset: i64) -> Result<u64, Missing> {
        let from = match base {
            Base::Zero => Some(0),
            Base::Cfa => self.frame.cfa(),
            Base::Register(register) => self.frame.register(register),
        };
        let from = from.ok_or(Missing::OptimizedOut)?;
        Ok(from.wrapping_add_signed(offset))
    }

    fn in_register(&self, register: u16) -> Result<Known, Missing> {
        let value = self.frame.register(register);
        let value = value.ok_or(Missing::OptimizedOut)?;
        Ok(Known::all(&value.to_ne_bytes()))
    }

    fn run(&self, steps: &[Step], memory: &mut dyn Memory) -> Result<Where, Missing> {
        if !steps.iter().any(|step| matches!(step, Step::Piece(_))) {
            return self.simple(steps, memory);
        }
        let mut whole = Known::default();
        let mut reason = Missing::OptimizedOut;
        for piece in steps.split_inclusive(|step| matches!(step, Step::Piece(_))) {
            let Some((Step::Piece(size), steps)) = piece.split_last() else {
                break;
            };
            let size = *size as usize;
            // An empty description says that this part is nowhere.
            let part = match steps {
                [] => Err(Missing::OptimizedOut),
                _ => self.simple(steps, memory),
            };
            if let Err(why) = whole.append(part, size, memory) {
                reason = why;
            }
            if whole.bytes.len() >= MAX_BYTES {
                break;
            }
        }
        if whole.mask.contains(&true) {
            Ok(Where::Bytes(whole))
        } else {
            Err(reason)
        }
    }

    /// A location that is in one piece.
    fn simple(&self, steps: &[Step], memory: &mut dyn Memory) -> Result<Where, Missing> {
        if let [Step::PushAtEntry(register), Step::Value] = steps {
            return self.at_entry(*register, memory).map(Where::Bytes);
        }
        if let [Step::PushPassed(register, at_entry), Step::Value] = steps {
            let known = self.passed_or_at_entry(*register, *at_entry, memory);
            return known.map(Where::Bytes);
        }
        let mut stack = Stack::default();
        let mut is_value = false;
        for step in steps {
            match step {
                Step::Push(base, offset) => stack.push(self.push(*base, *offset)?)?,
                Step::PushAtEntry(register) => {
                    let known = self.at_entry(*register, memory)?;
                    let word = known.bytes.first_chunk().filter(|_| known.has(0..8));
                    stack.push(u64::from_ne_bytes(*word.ok_or(Missing::OptimizedOut)?))?;
                }
                Step::PushPassed(register, at_entry) => {
                    let known = self.passed_or_at_entry(*register, *at_entry, memory)?;
                    let word = known.bytes.first_chunk().filter(|_| known.has(0..8));
                    stack.push(u64::from_ne_bytes(*word.ok_or(Missing::OptimizedOut)?))?;
                }
                Step::Deref(size) => {
                    let mut word = [0; 8];
                    let size = usize::from(*size).min(8);
                    let from = if cfg!(target_endian = "little") {
                        0
                    } else {
                        8 - size
                    };
                    memory.read(stack.pop()?, &mut word[from..from + size])?;
                    stack.push(u64::from_ne_bytes(word))?;
                }
                Step::Value => is_value = true,
                Step::In(register) => return self.in_register(*register).map(Where::Bytes),
                Step::Bytes(bytes) => return Ok(Where::Bytes(Known::all(bytes))),
                Step::Lost(missing) => return Err(*missing),
                Step::Piece(_) => return Err(Missing::Unsupported),
                step => stack.step(step)?,
            }
        }
        let top = stack.pop()?;
        Ok(if is_value {
            Where::Bytes(Known::all(&top.to_ne_bytes()))
        } else {
            Where::Memory(top)
        })
    }

    /// What the register held when the function was called, if the caller says.
    fn at_entry(&self, register: u16, memory: &mut dyn Memory) -> Result<Known, Missing> {
        let Some(((Some(plan), frame), callers)) = self.callers.split_first() else {
            return Err(Missing::OptimizedOut);
        };
        let caller = Evaluator {
            frame: *frame,
            start: plan.start,
            callers,
            inner: &[],
        };
        let passed = plan.passed.get().ok_or(Missing::OptimizedOut)?;
        if let Some(to) = &passed.to
            && caller.word(to, memory)? != Known::all(&self.start.to_ne_bytes())
        {
            return Err(Missing::OptimizedOut);
        }
        let mut values = passed.values.iter();
        let (_, location) = values
            .find(|(to, _)| *to == register)
            .ok_or(Missing::OptimizedOut)?;
        caller.word(location, memory)
    }

    fn passed_or_at_entry(
        &self,
        register: u16,
        at_entry: Option<u16>,
        memory: &mut dyn Memory,
    ) -> Result<Known, Missing> {
        let passed = self.passed(register, memory);
        match (&passed, at_entry) {
            (Err(_), Some(at_entry)) => self.at_entry(at_entry, memory),
            _ => passed,
        }
    }

    /// What the register held when the next function was called, if that one has put it away.
    fn passed(&self, register: u16, memory: &mut dyn Memory) -> Result<Known, Missing> {
        let Some(((Some(inner), frame), rest)) = self.inner.split_first() else {
            return Err(Missing::OptimizedOut);
        };
        let mut homes = inner.at_entry.iter();
        let (_, location) = homes
            .find(|(of, _)| *of == register)
            .ok_or(Missing::OptimizedOut)?;
        let callee = Evaluator {
            frame: *frame,
            start: inner.start,
            callers: &[],
            inner: rest,
        };
        callee.word(location, memory)
    }

    fn word(&self, location: &Location, memory: &mut dyn Memory) -> Result<Known, Missing> {
        match self.find(location, memory)? {
            Where::Memory(address) => Ok(Known::all(&memory.word(address)?.to_ne_bytes())),
            Where::Bytes(known) => Ok(known),
        }
    }
}

impl Known {
    /// All of them are.
    pub(super) fn all(bytes: &[u8]) -> Self {
        Self {
            bytes: SmallVec::from_slice(bytes),
            mask: smallvec![true; bytes.len()],
        }
    }

    /// Whether each of these bytes is known.
    pub(super) fn has(&self, range: std::ops::Range<usize>) -> bool {
        self.mask
            .get(range)
            .is_some_and(|mask| mask.iter().all(|known| *known))
    }

    /// Adds the next piece, up to the bound; what of it cannot be told stays unknown, for the reason that is returned.
    fn append(
        &mut self,
        part: Result<Where, Missing>,
        size: usize,
        memory: &mut dyn Memory,
    ) -> Result<(), Missing> {
        let from = self.bytes.len();
        let size = size.min(MAX_BYTES.saturating_sub(from));
        self.bytes.resize(from + size, 0);
        self.mask.resize(from + size, false);
        match part? {
            Where::Memory(address) => {
                memory.read(address, &mut self.bytes[from..])?;
                self.mask[from..].fill(true);
            }
            Where::Bytes(known) => {
                // Of a wider register, a piece is the lower part.
                let skip = match known.bytes.len().checked_sub(size) {
                    Some(wider) if cfg!(target_endian = "big") => wider,
                    _ => 0,
                };
                let to = self.bytes[from..].iter_mut().zip(&mut self.mask[from..]);
                let known = known.bytes.iter().zip(&known.mask).skip(skip);
                for ((byte, mask), (known, is_known)) in to.zip(known) {
                    (*byte, *mask) = (*known, *is_known);
                }
            }
        }
        Ok(())
    }
}

/// Three words: a vector in registers.
const INLINE: usize = 24;

/// The most of a variable in pieces that is put together.
const MAX_BYTES: usize = 4096;

//! What the registers and the frame of a function hold at a place, in terms of values that have a name.

use super::facts::{Compared, Expression, Fact};
use crate::locals::registers;
pub(super) use crate::locals::registers::STACK_POINTER;

/// What a value is counted from. Two places that hold the same root, at the same time, hold the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    Zero,
    /// Where the stack pointer stood before the function was called.
    Cfa,
    /// What the register held when the function was called.
    Entry(u16),
    /// What the instruction at this address put into the register when it last ran.
    Made(u64, u16),
    /// What the register held when the block at this address was last entered.
    Joined(u64, u16),
    /// Of which nothing is known, not even that it is the same as another.
    Nothing,
}

impl Root {
    /// Whether it stands for something that is not known before the program runs.
    pub(super) fn is_made(self) -> bool {
        !matches!(self, Self::Zero | Self::Cfa | Self::Nothing)
    }
}

/// The lowest `bits` of the root and a distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) root: Root,
    pub(super) plus: i64,
    pub(super) bits: u8,
}

impl Held {
    pub(super) fn new(root: Root) -> Self {
        Self {
            root,
            plus: 0,
            bits: 64,
        }
    }

    pub(super) fn constant(value: u64) -> Self {
        Self::new(Root::Zero).plus(value.cast_signed())
    }

    pub(super) fn plus(self, by: i64) -> Self {
        let plus = self.plus.wrapping_add(by);
        Self { plus, ..self }
    }

    pub(super) fn narrow(self, bits: u8) -> Self {
        let bits = self.bits.min(bits);
        Self { bits, ..self }
    }

    fn is_same(self, other: Self) -> bool {
        (self.root, self.plus) == (other.root, other.plus)
    }
}

/// Bytes of the frame to which the function wrote, and nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// From the frame's address on.
    pub(super) at: i64,
    pub(super) size: u8,
    pub(super) held: Held,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// By the numbers of DWARF.
    pub(super) registers: [Held; 16],
    pub(super) slots: Vec<Slot>,
    /// From here on, others may write to the frame: the address of something there was taken. How far that reaches nobody
    /// says.
    pub(super) shared_from: i64,
    pub(super) facts: Vec<Fact>,
    /// What the flags tell of.
    pub(super) compared: Option<Compared>,
}

impl State {
    /// When the function is called.
    pub(super) fn at_entry() -> Self {
        let mut registers =
            std::array::from_fn(|register| Held::new(Root::Entry(number(register))));
        registers[usize::from(STACK_POINTER)] = Held::new(Root::Cfa).plus(-8);
        Self {
            registers,
            slots: Vec::new(),
            shared_from: i64::MAX,
            facts: Vec::new(),
            compared: None,
        }
    }

    /// Nothing is known, at the beginning of a block.
    pub(super) fn unknown(block: u64) -> Self {
        let joined = |register| Held::new(Root::Joined(block, number(register)));
        Self {
            registers: std::array::from_fn(joined),
            slots: Vec::new(),
            shared_from: i64::MIN,
            facts: Vec::new(),
            compared: None,
        }
    }

    pub(super) fn get(&self, register: u16) -> Held {
        self.registers[usize::from(register) & 15]
    }

    pub(super) fn set(&mut self, register: u16, held: Held) {
        self.registers[usize::from(register) & 15] = held;
    }

    /// The instruction at this address puts something new into registers: one bit for each.
    pub(super) fn make(&mut self, address: u64, registers: u16) {
        if registers == 0 {
            return;
        }
        let is_of = |root: Root| matches!(root, Root::Made(at, _) if at == address);
        // Copies of what this instruction made when it ran before.
        self.slots.retain(|slot| !is_of(slot.held.root));
        for held in &mut self.registers {
            if is_of(held.root) {
                *held = Held::new(Root::Nothing);
            }
        }
        self.facts
            .retain(|fact| !is_of(fact.of.root) && !fact.is.needs(is_of));
        if self.compared.is_some_and(|compared| compared.needs(is_of)) {
            self.compared = None;
        }
        for register in (0..16).filter(|register| registers & 1 << register != 0) {
            self.set(register, Held::new(Root::Made(address, register)));
        }
    }

    /// A fact more, as long as there is room.
    pub(super) fn learn(&mut self, fact: Fact) {
        let of = fact.of.root;
        if !fact
            .is
            .needs(|needed| needed == of || needed == Root::Nothing)
            && self.facts.len() < MAX_FACTS
            && !self.facts.contains(&fact)
        {
            self.facts.push(fact);
        }
    }

    /// Memory outside of the frame may have changed.
    pub(super) fn forget_loads(&mut self) {
        self.facts
            .retain(|fact| !matches!(fact.is, Expression::Load(..)));
    }

    /// What enters a block from one side more; whether that changed anything.
    pub(super) fn join(&mut self, other: &Self, block: u64) -> bool {
        let (registers, compared) = (self.registers, self.compared);
        let (slots, facts) = (self.slots.len(), self.facts.len());
        let mut is_narrowed = false;
        let is_stale = |held: &Held| matches!(held.root, Root::Joined(of, _) if of == block);
        for (at, (own, other)) in self.registers.iter_mut().zip(&other.registers).enumerate() {
            if !is_stale(own) && own.is_same(*other) {
                own.bits = own.bits.min(other.bits);
            } else {
                *own = Held::new(Root::Joined(block, number(at)));
            }
        }
        self.slots.retain_mut(|own| {
            let same = |slot: &&Slot| (slot.at, slot.size) == (own.at, own.size);
            let Some(other) = other.slots.iter().find(same) else {
                return false;
            };
            is_narrowed |= other.held.bits < own.held.bits;
            own.held.bits = own.held.bits.min(other.held.bits);
            !is_stale(&own.held) && own.held.is_same(other.held)
        });
        is_narrowed |= other.shared_from < self.shared_from;
        self.shared_from = self.shared_from.min(other.shared_from);
        let is_older = |root: Root| matches!(root, Root::Joined(of, _) if of == block);
        self.facts.retain(|fact| {
            !is_older(fact.of.root) && !fact.is.needs(is_older) && other.facts.contains(fact)
        });
        if self.compared != other.compared
            || self
                .compared
                .is_some_and(|compared| compared.needs(is_older))
        {
            self.compared = None;
        }
        is_narrowed
            || (self.slots.len(), self.facts.len()) != (slots, facts)
            || (self.registers, self.compared) != (registers, compared)
    }

    /// What enters a block first.
    pub(super) fn entering(&self, block: u64) -> Self {
        let is_older = |root: Root| matches!(root, Root::Joined(of, _) if of == block);
        let slots = self.slots.iter().filter(|slot| !is_older(slot.held.root));
        let is_current = |fact: &&Fact| !is_older(fact.of.root) && !fact.is.needs(is_older);
        let mut registers = self.registers;
        for (at, held) in registers.iter_mut().enumerate() {
            if is_older(held.root) {
                *held = Held::new(Root::Joined(block, number(at)));
            }
        }
        Self {
            registers,
            slots: slots.copied().collect(),
            shared_from: self.shared_from,
            facts: self.facts.iter().filter(is_current).cloned().collect(),
            compared: self.compared.filter(|compared| !compared.needs(is_older)),
        }
    }

    pub(super) fn share(&mut self, from: i64) {
        self.shared_from = self.shared_from.min(from);
    }

    /// Others may have written to what they know of.
    pub(super) fn unshare(&mut self) {
        let shared = self.shared_from;
        self.slots
            .retain(|slot| slot.at.saturating_add(i64::from(slot.size)) <= shared);
    }

    /// Something is written there.
    pub(super) fn overwrite(&mut self, at: i64, size: i64) {
        let end = at.saturating_add(size);
        self.slots
            .retain(|slot| slot.at >= end || slot.at.saturating_add(i64::from(slot.size)) <= at);
    }

    pub(super) fn store(&mut self, at: i64, size: u8, held: Held) {
        self.overwrite(at, i64::from(size));
        let slot = Slot { at, size, held };
        // What lies beyond belongs to the caller.
        if at < 0 && self.slots.len() < MAX_SLOTS {
            self.slots.push(slot);
        }
    }

    pub(super) fn load(&self, at: i64, size: u8) -> Option<Held> {
        let holds = |slot: &&Slot| slot.at == at && slot.size >= size;
        let slot = self.slots.iter().find(holds)?;
        Some(slot.held.narrow(size.saturating_mul(8)))
    }

    /// A function is called, and may use what lies below the stack pointer.
    pub(super) fn forget_below_stack(&mut self) {
        match self.get(STACK_POINTER) {
            Held {
                root: Root::Cfa,
                plus,
                ..
            } => self.slots.retain(|slot| slot.at >= plus),
            _ => self.slots.clear(),
        }
    }
}

fn number(register: usize) -> u16 {
    u16::try_from(register).unwrap_or(u16::MAX)
}

pub(super) const FRAME_POINTER: u16 = 6;

/// Registers that a function gives back, but for the stack pointer.
pub(super) const KEPT: &[u16] = registers::KEPT.split_last().expect("it is not empty").1;

const MAX_SLOTS: usize = 64;
const MAX_FACTS: usize = 48;

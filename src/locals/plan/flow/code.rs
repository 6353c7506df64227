//! A function's instructions, and the ways between them.

mod follow;

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpKind,
};

use super::state::State;
use super::step::{self, Effect};

/// What is known of the functions that are called.
pub(in crate::locals::plan) trait Callees {
    /// The address that the loader writes to this place.
    fn pointer(&self, at: u64) -> Option<u64>;

    /// Whether the function that begins there never comes back.
    fn never_returns(&self, start: u64) -> bool;

    /// A number that the program cannot change.
    fn constant(&self, at: u64) -> Option<i32>;
}

#[derive(Debug)]
pub(super) struct Function {
    pub(super) code: Vec<Instruction>,
    /// Of the blocks that are followed.
    effects: Vec<Effect>,
    /// In the order of their code.
    blocks: Vec<Block>,
    /// The numbers of blocks. Those that come first go first: most of what leads to a block stands before it.
    waiting: BTreeSet<usize>,
    /// Calls that never come back.
    last: BTreeSet<usize>,
    /// Where jumps through a table lead.
    tables: HashMap<usize, Vec<usize>>,
}

/// Instructions that run one after the other.
#[derive(Debug)]
struct Block {
    code: Range<usize>,
    /// Whether it may lead to the place that is asked for: all others need not be followed.
    leads: bool,
    /// What is known at its beginning, where it was reached.
    state: Option<Box<State>>,
    /// The instructions from which it is reached.
    before: Vec<usize>,
}

impl Function {
    pub(super) fn decode(code: &[u8], start: u64, callees: &dyn Callees) -> Option<Self> {
        let mut decoder = Decoder::try_with_ip(64, code, start, DecoderOptions::NONE).ok()?;
        let mut decoded = Vec::with_capacity(code.len() / MEAN_SIZE);
        while decoder.can_decode() {
            let it = decoder.decode();
            if it.is_invalid() || decoded.len() >= MAX_INSTRUCTIONS {
                return None;
            }
            decoded.push(it);
        }
        let mut function = Self {
            code: decoded,
            effects: Vec::new(),
            blocks: Vec::new(),
            waiting: BTreeSet::new(),
            last: BTreeSet::new(),
            tables: HashMap::new(),
        };
        function.find_blocks(start, code.len(), callees)?;
        Some(function)
    }

    fn find_blocks(&mut self, start: u64, size: usize, callees: &dyn Callees) -> Option<()> {
        let mut begins = vec![0];
        let end = start.checked_add(u64::try_from(size).ok()?)?;
        for at in 0..self.code.len() {
            let it = &self.code[at];
            match it.flow_control() {
                FlowControl::Next => {}
                FlowControl::Call | FlowControl::IndirectCall => {
                    let target = self.target(at, callees);
                    if target.is_some_and(|target| callees.never_returns(target)) {
                        self.last.insert(at);
                        begins.push(at + 1);
                    }
                }
                FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch => {
                    let target = near_target(it)?;
                    if (start..end).contains(&target) {
                        begins.push(self.index(target)?);
                    }
                    begins.push(at + 1);
                }
                FlowControl::IndirectBranch => {
                    let targets = self.table(at, callees)?;
                    begins.extend(targets.iter().copied());
                    begins.push(at + 1);
                    self.tables.insert(at, targets);
                }
                FlowControl::Return | FlowControl::Exception | FlowControl::Interrupt => {
                    begins.push(at + 1);
                }
                _ => {
                    return None;
                }
            }
        }
        begins.push(self.code.len());
        begins.sort_unstable();
        begins.dedup();
        let block = |pair: &[usize]| Block {
            code: *pair.first().unwrap_or(&0)..*pair.last().unwrap_or(&0),
            leads: false,
            state: None,
            before: Vec::new(),
        };
        self.blocks = begins.windows(2).map(block).collect();
        Some(())
    }

    /// The instructions that may run next, but for the way out by unwinding.
    pub(super) fn next(&self, at: usize) -> impl Iterator<Item = usize> + use<> {
        let it = self.code.get(at);
        let goes_on = match it.map(Instruction::flow_control) {
            Some(FlowControl::Next | FlowControl::ConditionalBranch) => true,
            Some(FlowControl::Call | FlowControl::IndirectCall) => !self.last.contains(&at),
            _ => false,
        };
        let next = Some(at + 1).filter(|next| goes_on && *next < self.code.len());
        let branches = it.filter(|it| !it.is_call_near());
        let target = branches.and_then(near_target);
        let table = self.tables.get(&at).cloned().unwrap_or_default();
        next.into_iter()
            .chain(target.and_then(|target| self.index(target)))
            .chain(table)
    }

    /// Where `movslq (table,index,4),to; add table,to; jmp *to` leads: the table's numbers count from its own address.
    fn table(&self, at: usize, callees: &dyn Callees) -> Option<Vec<usize>> {
        let near = at.saturating_sub(MAX_AWAY)..at;
        let is_load = |at: &usize| {
            self.code[*at].mnemonic() == Mnemonic::Movsxd
                && self.code[*at].memory_index_scale() == 4
        };
        let load = near.rev().find(is_load)?;
        let base = self.code[load].memory_base().full_register();
        let mut infos = InstructionInfoFactory::new();
        let mut sets = |at: &usize| {
            let info = infos.info(&self.code[*at]);
            let mut used = info.used_registers().iter();
            used.any(|used| used.register().full_register() == base && step::writes(used.access()))
        };
        let set = self.code.get((0..load).rev().find(&mut sets)?)?;
        if set.mnemonic() != Mnemonic::Lea || !set.is_ip_rel_memory_operand() {
            return None;
        }
        let table = set.ip_rel_memory_address();
        let entries = (0..MAX_ENTRIES).map_while(|entry| {
            let distance = callees.constant(table.checked_add(entry * 4)?)?;
            self.index(table.checked_add_signed(i64::from(distance))?)
        });
        let mut targets: Vec<_> = entries.collect();
        targets.sort_unstable();
        targets.dedup();
        (!targets.is_empty()).then_some(targets)
    }

    /// Whether the instruction calls what never comes back.
    pub(super) fn is_last(&self, at: usize) -> bool {
        self.last.contains(&at)
    }

    /// The instructions from which this one may be reached.
    pub(super) fn leading_to(&self, at: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut left = vec![at];
        while let Some(at) = left.pop() {
            for before in self.previous(at).unwrap_or_default() {
                if found.insert(before) {
                    left.push(before);
                }
            }
        }
        found
    }

    /// The instructions that may have run before; `None` where that is not known.
    pub(super) fn previous(&self, at: usize) -> Option<Vec<usize>> {
        if let Some(block) = self.block_from(at) {
            let before = &self.blocks.get(block)?.before;
            return (!before.is_empty()).then(|| before.clone());
        }
        Some(vec![at.checked_sub(1)?])
    }

    /// The function that an instruction calls.
    pub(super) fn target(&self, at: usize, callees: &dyn Callees) -> Option<u64> {
        let it = self.code.get(at)?;
        match it.flow_control() {
            FlowControl::Call => near_target(it),
            FlowControl::IndirectCall if it.is_ip_rel_memory_operand() => {
                callees.pointer(it.ip_rel_memory_address())
            }
            _ => None,
        }
    }

    pub(super) fn index_around(&self, pc: u64) -> Option<usize> {
        let at = self.code.partition_point(|it| it.ip() <= pc);
        let at = at.checked_sub(1)?;
        (pc < self.code.get(at)?.next_ip()).then_some(at)
    }

    fn index(&self, address: u64) -> Option<usize> {
        self.code
            .binary_search_by_key(&address, Instruction::ip)
            .ok()
    }

    /// What an instruction does.
    pub(super) fn effect(&self, at: usize) -> Option<Effect> {
        self.effects.get(at).copied()
    }

    /// Whether a block begins with the instruction.
    pub(super) fn is_block(&self, at: usize) -> bool {
        self.block_from(at).is_some()
    }

    /// The block that begins with the instruction.
    fn block_from(&self, at: usize) -> Option<usize> {
        let begin = |block: &Block| block.code.start;
        self.blocks.binary_search_by_key(&at, begin).ok()
    }

    /// The block that the instruction is of.
    fn block_around(&self, at: usize) -> Option<usize> {
        let begun = self.blocks.partition_point(|block| block.code.start <= at);
        begun.checked_sub(1)
    }
}

fn near_target(it: &Instruction) -> Option<u64> {
    matches!(it.op0_kind(), OpKind::NearBranch64).then(|| it.near_branch_target())
}

pub(super) const MAX_INSTRUCTIONS: usize = 4000;
/// Bytes of an instruction, less than most functions have of each.
const MEAN_SIZE: usize = 4;
/// How far from the jump its table is asked, and how long it may be.
const MAX_AWAY: usize = 16;
const MAX_ENTRIES: u64 = 512;

//! A function's instructions, and the ways between them.

use std::collections::{BTreeSet, HashMap};

use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpKind,
};

use super::facts;
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
    effects: Vec<Effect>,
    /// Where blocks begin, by the number of the instruction.
    blocks: BTreeSet<usize>,
    /// What is known at the beginning of each block that was reached.
    states: HashMap<usize, State>,
    /// Those that come first go first: most of what leads to a block stands before it.
    waiting: BTreeSet<usize>,
    /// Calls that never come back.
    last: BTreeSet<usize>,
    /// The instructions from which a block is reached.
    before: HashMap<usize, Vec<usize>>,
    /// Where jumps through a table lead.
    tables: HashMap<usize, Vec<usize>>,
}

impl Function {
    pub(super) fn decode(code: &[u8], start: u64, callees: &dyn Callees) -> Option<Self> {
        let mut decoder = Decoder::try_with_ip(64, code, start, DecoderOptions::NONE).ok()?;
        let (mut decoded, mut effects) = (Vec::new(), Vec::new());
        let mut infos = InstructionInfoFactory::new();
        while decoder.can_decode() {
            let it = decoder.decode();
            if it.is_invalid() || decoded.len() >= MAX_INSTRUCTIONS {
                return None;
            }
            effects.push(Effect::of(&it, &mut infos));
            decoded.push(it);
        }
        let mut function = Self {
            code: decoded,
            effects,
            blocks: BTreeSet::from([0]),
            states: HashMap::new(),
            waiting: BTreeSet::new(),
            last: BTreeSet::new(),
            before: HashMap::new(),
            tables: HashMap::new(),
        };
        let end = start.checked_add(u64::try_from(code.len()).ok()?)?;
        for at in 0..function.code.len() {
            let it = &function.code[at];
            match it.flow_control() {
                FlowControl::Next => {}
                FlowControl::Call | FlowControl::IndirectCall => {
                    let target = function.target(at, callees);
                    if target.is_some_and(|target| callees.never_returns(target)) {
                        function.last.insert(at);
                        function.blocks.insert(at + 1);
                    }
                }
                FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch => {
                    let target = near_target(it)?;
                    if (start..end).contains(&target) {
                        let target = function.index(target)?;
                        function.blocks.insert(target);
                    }
                    function.blocks.insert(at + 1);
                }
                FlowControl::IndirectBranch => {
                    let targets = function.table(at, callees)?;
                    function.blocks.extend(targets.iter().copied());
                    function.blocks.insert(at + 1);
                    function.tables.insert(at, targets);
                }
                FlowControl::Return | FlowControl::Exception | FlowControl::Interrupt => {
                    function.blocks.insert(at + 1);
                }
                _ => {
                    return None;
                }
            }
        }
        function.blocks.remove(&function.code.len());
        Some(function)
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
        if self.blocks.contains(&at) {
            return self.before.get(&at).cloned();
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

    /// Learns what is known at the beginning of each block.
    pub(super) fn follow(&mut self) -> Option<()> {
        let mut infos = InstructionInfoFactory::new();
        let mut left = MAX_STEPS;
        self.states.insert(0, State::at_entry());
        self.waiting.insert(0);
        self.run(&mut infos, &mut left)?;
        // Landing pads: whence they are reached the code does not say.
        for block in &self.blocks {
            let block = *block;
            if self.states.contains_key(&block) || self.is_padding(block) {
                continue;
            }
            let state = State::unknown(self.code.get(block)?.ip());
            self.states.insert(block, state);
            self.waiting.insert(block);
        }
        self.run(&mut infos, &mut left)?;
        let mut is_reached = false;
        for at in 0..self.code.len() {
            if self.blocks.contains(&at) {
                is_reached = self.states.contains_key(&at);
            }
            for next in self.next(at).filter(|_| is_reached) {
                if self.blocks.contains(&next) {
                    self.before.entry(next).or_default().push(at);
                }
            }
        }
        Some(())
    }

    /// Whether nothing but what fills a gap stands there, up to the next block.
    fn is_padding(&self, block: usize) -> bool {
        let end = self.blocks.range(block + 1..).next();
        let code = self
            .code
            .get(block..end.copied().unwrap_or(self.code.len()));
        let mut code = code.unwrap_or_default().iter();
        code.all(|it| matches!(it.mnemonic(), Mnemonic::Nop | Mnemonic::Int3))
    }

    /// What is known before the instruction.
    pub(super) fn state_before(&self, at: usize) -> Option<State> {
        let mut infos = InstructionInfoFactory::new();
        let block = *self.blocks.range(..=at).next_back()?;
        let mut state = self.states.get(&block)?.clone();
        let effects = self.effects.get(block..at)?;
        for (it, effect) in self.code.get(block..at)?.iter().zip(effects) {
            step::step(&mut state, it, *effect, &mut infos);
        }
        Some(state)
    }

    /// What an instruction does.
    pub(super) fn effect(&self, at: usize) -> Option<Effect> {
        self.effects.get(at).copied()
    }

    /// The block that the instruction is of.
    pub(super) fn is_block(&self, at: usize) -> bool {
        self.blocks.contains(&at)
    }

    /// Follows all ways until nothing more is learned.
    fn run(&mut self, infos: &mut InstructionInfoFactory, left: &mut usize) -> Option<()> {
        while let Some(block) = self.waiting.pop_first() {
            let mut state = self.states.get(&block)?.clone();
            let next = self.blocks.range(block + 1..).next().copied();
            for at in block.. {
                let Some((it, effect)) = self.code.get(at).copied().zip(self.effect(at)) else {
                    break;
                };
                if next == Some(at) {
                    self.enter(at, &state);
                    break;
                }
                *left = left.checked_sub(1)?;
                step::step(&mut state, &it, effect, infos);
                let goes_on = match it.flow_control() {
                    FlowControl::Next => continue,
                    FlowControl::Call | FlowControl::IndirectCall if self.last.contains(&at) => {
                        break;
                    }
                    FlowControl::Call | FlowControl::IndirectCall => continue,
                    FlowControl::ConditionalBranch => true,
                    _ => false,
                };
                for target in self.tables.get(&at).cloned().unwrap_or_default() {
                    self.enter(target, &state);
                }
                let target = near_target(&it).and_then(|target| self.index(target));
                if goes_on && at + 1 < self.code.len() {
                    let mut state = state.clone();
                    if target != Some(at + 1) {
                        facts::on_way(&mut state, &it, false);
                    }
                    self.enter(at + 1, &state);
                }
                if let Some(target) = target {
                    if goes_on && target != at + 1 {
                        facts::on_way(&mut state, &it, true);
                    }
                    self.enter(target, &state);
                }
                break;
            }
        }
        Some(())
    }

    fn enter(&mut self, block: usize, from: &State) {
        let Some(address) = self.code.get(block).map(Instruction::ip) else {
            return;
        };
        let changed = match self.states.get_mut(&block) {
            Some(known) => known.join(from, address),
            None => {
                self.states.insert(block, from.entering(address));
                true
            }
        };
        if changed {
            self.waiting.insert(block);
        }
    }
}

fn near_target(it: &Instruction) -> Option<u64> {
    matches!(it.op0_kind(), OpKind::NearBranch64).then(|| it.near_branch_target())
}

pub(super) const MAX_INSTRUCTIONS: usize = 4000;
/// How far from the jump its table is asked, and how long it may be.
const MAX_AWAY: usize = 16;
const MAX_ENTRIES: u64 = 512;
/// Instructions that are followed, again and again.
const MAX_STEPS: usize = 60_000;

//! What is known at the beginning of each block.

use iced_x86::{FlowControl, Instruction, InstructionInfoFactory, Mnemonic};

use super::{Block, Function, near_target};
use crate::locals::plan::flow::facts;
use crate::locals::plan::flow::state::State;
use crate::locals::plan::flow::step::{self, Effect};

impl Function {
    /// Learns what is known at the beginning of each block that may lead to an instruction.
    pub(in super::super) fn follow(&mut self, to: usize) -> Option<()> {
        self.mark_leading(self.block_around(to)?);
        let mut infos = InstructionInfoFactory::new();
        self.effects.resize(self.code.len(), Effect::default());
        for block in self.blocks.iter().filter(|block| block.leads) {
            for at in block.code.clone() {
                self.effects[at] = Effect::of(&self.code[at], &mut infos);
            }
        }
        let mut left = MAX_STEPS;
        let first = self.blocks.first_mut()?;
        if first.leads {
            first.state = Some(Box::new(State::at_entry()));
            self.waiting.insert(0);
        }
        self.run(&mut infos, &mut left)?;
        // Landing pads: whence they are reached the code does not say.
        for number in 0..self.blocks.len() {
            let block = &self.blocks[number];
            if block.leads && block.state.is_none() && !self.is_padding(block) {
                let state = State::unknown(self.code.get(block.code.start)?.ip());
                self.blocks[number].state = Some(Box::new(state));
                self.waiting.insert(number);
            }
        }
        self.run(&mut infos, &mut left)?;
        for number in 0..self.blocks.len() {
            if self.blocks[number].state.is_some() {
                self.note_followers(number);
            }
        }
        Some(())
    }

    /// Marks the blocks that may lead to this one, and itself.
    fn mark_leading(&mut self, to: usize) {
        let mut leading = vec![Vec::new(); self.blocks.len()];
        for (number, block) in self.blocks.iter().enumerate() {
            for next in self.next(block.code.end - 1) {
                if let Some(next) = self.block_from(next) {
                    leading[next].push(number);
                }
            }
        }
        let mut left = vec![to];
        while let Some(number) = left.pop() {
            if !std::mem::replace(&mut self.blocks[number].leads, true) {
                left.append(&mut leading[number]);
            }
        }
    }

    fn note_followers(&mut self, number: usize) {
        let last = self.blocks[number].code.end - 1;
        for next in self.next(last) {
            if let Some(next) = self.block_from(next) {
                self.blocks[next].before.push(last);
            }
        }
    }

    /// Whether nothing but what fills a gap stands there.
    fn is_padding(&self, block: &Block) -> bool {
        let code = self.code.get(block.code.clone()).unwrap_or_default();
        let fills = |it: &Instruction| matches!(it.mnemonic(), Mnemonic::Nop | Mnemonic::Int3);
        code.iter().all(fills)
    }

    /// What is known before the instruction.
    pub(in super::super) fn state_before(&self, at: usize) -> Option<State> {
        let mut infos = InstructionInfoFactory::new();
        let block = self.blocks.get(self.block_around(at)?)?;
        let mut state = State::clone(block.state.as_ref()?);
        let before = block.code.start..at;
        let effects = self.effects.get(before.clone())?;
        for (it, effect) in self.code.get(before)?.iter().zip(effects) {
            step::step(&mut state, it, *effect, &mut infos);
        }
        Some(state)
    }

    /// Follows all ways until nothing more is learned.
    fn run(&mut self, infos: &mut InstructionInfoFactory, left: &mut usize) -> Option<()> {
        while let Some(number) = self.waiting.pop_first() {
            let block = self.blocks.get(number)?;
            let (mut state, code) = (State::clone(block.state.as_ref()?), block.code.clone());
            *left = left.checked_sub(code.len())?;
            for at in code.clone() {
                let (it, effect) = (self.code.get(at)?, *self.effects.get(at)?);
                step::step(&mut state, it, effect, infos);
            }
            self.leave(code.end - 1, &mut state)?;
        }
        Some(())
    }

    /// Enters the blocks to which the last instruction of one leads.
    fn leave(&mut self, at: usize, state: &mut State) -> Option<()> {
        let it = *self.code.get(at)?;
        let goes_on = match it.flow_control() {
            FlowControl::Next => {
                self.enter(at + 1, state);
                return Some(());
            }
            FlowControl::Call | FlowControl::IndirectCall => {
                if !self.last.contains(&at) {
                    self.enter(at + 1, state);
                }
                return Some(());
            }
            FlowControl::ConditionalBranch => true,
            _ => false,
        };
        for target in self.tables.get(&at).cloned().unwrap_or_default() {
            self.enter(target, state);
        }
        let target = near_target(&it).and_then(|target| self.index(target));
        if goes_on && at + 1 < self.code.len() && self.is_followed(at + 1) {
            let mut state = state.clone();
            if target != Some(at + 1) {
                facts::on_way(&mut state, &it, false);
            }
            self.enter(at + 1, &state);
        }
        if let Some(target) = target {
            if goes_on && target != at + 1 {
                facts::on_way(state, &it, true);
            }
            self.enter(target, state);
        }
        Some(())
    }

    fn is_followed(&self, at: usize) -> bool {
        let block = self.block_from(at).and_then(|block| self.blocks.get(block));
        block.is_some_and(|block| block.leads)
    }

    fn enter(&mut self, at: usize, from: &State) {
        let Some((number, address)) = self
            .block_from(at)
            .zip(self.code.get(at).map(Instruction::ip))
        else {
            return;
        };
        let block = &mut self.blocks[number];
        if !block.leads {
            return;
        }
        let changed = match &mut block.state {
            Some(known) => known.join(from, address),
            None => {
                block.state = Some(Box::new(from.entering(address)));
                true
            }
        };
        if changed {
            self.waiting.insert(number);
        }
    }
}

/// Instructions that are followed, again and again.
const MAX_STEPS: usize = 60_000;

//! Where a variable is that debug information lost on the way to a call.
//!
//! A list of ranges ends where the register that it names is given to something else, whether the value is elsewhere or not.
//! What the ways to the call have in common as its last place leads on.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::Flow;
use super::state::{Held, Root, State};
use crate::locals::plan::location::{Base, Step};

/// A range of the list, as loaded, and what it says.
pub(in crate::locals::plan) type Listed = (Range<u64>, Vec<Step>);

impl Flow {
    /// Where a variable is at the call, or a piece of it of this size, told from where it was on the ways there.
    pub(in crate::locals::plan) fn earlier(
        &self,
        list: &[Listed],
        size: Option<u32>,
    ) -> Option<Vec<Step>> {
        let ways = self.ways(list)?;
        let mut found: Option<Vec<Step>> = None;
        for (at, listed) in &ways.ends {
            let (_, steps) = list.get(*listed)?;
            let state = self.function.state_before(*at)?;
            let steps = self.since(steps, size, &state, &ways, *at)?;
            if found.as_ref().is_some_and(|found| *found != steps) {
                return None;
            }
            found = Some(steps);
        }
        found
    }

    fn ways(&self, list: &[Listed]) -> Option<Ways> {
        let mut ways = Ways::default();
        let mut left = vec![self.at];
        while let Some(at) = left.pop() {
            for before in self.function.previous(at)? {
                let address = self.function.code.get(before)?.ip();
                let listed = list.iter().position(|(range, _)| range.contains(&address));
                match listed {
                    Some(listed) => ways.ends.push((before, listed)),
                    None if ways.between.insert(before) => left.push(before),
                    None => {}
                }
                if listed.is_none() {
                    ways.edges.push((before, at));
                }
                if ways.between.len() > MAX_BETWEEN || ways.ends.len() > MAX_ENDS {
                    return None;
                }
            }
        }
        ways.find_loop();
        (!ways.ends.is_empty()).then_some(ways)
    }

    /// What the location, as it was before an instruction, is at the call.
    fn since(
        &self,
        steps: &[Step],
        size: Option<u32>,
        state: &State,
        ways: &Ways,
        end: usize,
    ) -> Option<Vec<Step>> {
        let named = steps.iter().filter_map(|step| match step {
            Step::In(register) | Step::Push(Base::Register(register), _) => Some(*register),
            _ => None,
        });
        let named: Vec<_> = named.collect();
        let is_lost = named.iter().any(|it| self.writes(ways, end, *it));
        // What ends for no reason was given another value. Within a loop, it may have been with one.
        let is_unchanged = if ways.is_loop {
            named.iter().any(|it| self.writes_at(end, *it))
        } else {
            is_lost || named.is_empty() && self.function.is_block(end + 1)
        };
        if !is_unchanged {
            return None;
        }
        self.piece_since(steps, size, state, ways, end)
    }

    fn piece_since(
        &self,
        piece: &[Step],
        size: Option<u32>,
        state: &State,
        ways: &Ways,
        end: usize,
    ) -> Option<Vec<Step>> {
        let current = |held: Held| (!self.is_made_again(ways, end, held.root)).then_some(held);
        if let [Step::In(register)] = piece {
            let held = state.registers.get(usize::from(*register))?;
            return self.value(current(*held)?, size);
        }
        // A word of the frame.
        if let [Step::Push(Base::Register(register), offset)] = piece {
            let address = state.registers.get(usize::from(*register))?.plus(*offset);
            if address.root != Root::Cfa {
                return None;
            }
            let bytes = u8::try_from(size.unwrap_or(8)).ok()?;
            let held = state.load(address.plus, bytes)?;
            return self.value(current(held)?, size);
        }
        if !matches!(piece, [.., Step::Value]) {
            return None;
        }
        let mut found = Vec::with_capacity(piece.len() + 2);
        for step in piece {
            match step {
                Step::Push(Base::Register(register), offset) => {
                    let held = state.registers.get(usize::from(*register))?;
                    let (steps, 64) = self.pushes(current(*held)?.plus(*offset))? else {
                        return None;
                    };
                    found.extend(steps);
                }
                Step::In(_) | Step::PushAtEntry(_) | Step::Deref(_) | Step::Lost(_) => {
                    return None;
                }
                step => found.push(step.clone()),
            }
        }
        found.extend(size.map(Step::Piece));
        Some(found)
    }

    /// Whether the root may stand for another value at the call than it did before the instruction.
    fn is_made_again(&self, ways: &Ways, end: usize, root: Root) -> bool {
        let is_at = |at: &usize, address: u64| {
            self.function
                .code
                .get(*at)
                .is_some_and(|it| it.ip() == address)
        };
        match root {
            Root::Zero | Root::Cfa | Root::Entry(_) => false,
            Root::Nothing => true,
            // The instruction makes it from what it was.
            Root::Made(address, _) => {
                is_at(&end, address) || ways.between.iter().any(|at| is_at(at, address))
            }
            Root::Joined(address, _) => {
                is_at(&self.at, address) || ways.between.iter().any(|at| is_at(at, address))
            }
        }
    }

    /// Whether something is written to the register on the way.
    fn writes(&self, ways: &Ways, end: usize, register: u16) -> bool {
        let mut all = ways.between.iter().chain([&end, &self.at]);
        all.any(|at| self.writes_at(*at, register))
    }

    fn writes_at(&self, at: usize, register: u16) -> bool {
        let Some(it) = self.function.code.get(at) else {
            return false;
        };
        let is_call = it.is_call_near() || it.is_call_near_indirect();
        if is_call && !super::KEPT.contains(&register) {
            return true;
        }
        let effect = self.function.effect(at);
        effect.is_some_and(|effect| effect.registers & 1u16.unbounded_shl(register.into()) != 0)
    }
}

/// The instructions between where the variable was last told and the call.
#[derive(Default)]
struct Ways {
    between: HashSet<usize>,
    ends: Vec<(usize, usize)>,
    /// From one of these instructions to the next.
    edges: Vec<(usize, usize)>,
    is_loop: bool,
}

impl Ways {
    /// Whether one of the instructions may run again before the call: takes away those behind which nothing is left.
    fn find_loop(&mut self) {
        let mut followers: HashMap<usize, usize> = HashMap::new();
        let mut leaders: HashMap<usize, Vec<usize>> = HashMap::new();
        for (from, to) in &self.edges {
            *followers.entry(*from).or_default() += 1;
            leaders.entry(*to).or_default().push(*from);
        }
        let is_end = |at: &usize| !followers.contains_key(at);
        let mut left: Vec<_> = leaders.keys().copied().filter(is_end).collect();
        while let Some(at) = left.pop() {
            for from in leaders.remove(&at).unwrap_or_default() {
                if let Some(count) = followers.get_mut(&from) {
                    *count -= 1;
                    if *count == 0 {
                        followers.remove(&from);
                        left.push(from);
                    }
                }
            }
        }
        self.is_loop = !followers.is_empty();
    }
}

const MAX_BETWEEN: usize = 600;
const MAX_ENDS: usize = 16;

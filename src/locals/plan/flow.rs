//! Where a function still has what is in registers at a call, also those that the call does not give back.
//!
//! Debug information names one place of a value, often a register that is lost; the code shows the others. A forward
//! analysis of the function's machine code tells what its registers and the words of its frame hold at the call.

mod code;
mod earlier;
mod facts;
mod state;
mod step;
#[cfg(test)]
mod tests;

pub(super) use self::code::Callees;
use self::code::Function;
use self::facts::{Expression, MAX_DEPTH};
use self::state::{Held, KEPT, Root, STACK_POINTER, State};
use super::location::{Base, Binary, Location, Step};

/// What is known at a call.
#[derive(Debug)]
pub(super) struct Flow {
    state: State,
    calls: Option<u64>,
    function: Function,
    /// The number of the instruction that calls.
    at: usize,
}

impl Flow {
    /// What the code, loaded at `start`, is known to hold before the instruction around `pc`; `None` where its ways are not
    /// understood.
    pub(super) fn at(code: &[u8], start: u64, pc: u64, callees: &dyn Callees) -> Option<Self> {
        let mut function = Function::decode(code, start, callees)?;
        let at = function.index_around(pc)?;
        function.follow(at)?;
        let mut state = function.state_before(at)?;
        state.forget_below_stack();
        // Who never comes back is only lent what is to be told.
        if !function.is_last(at) {
            state.unshare();
            state.forget_loads();
        }
        Some(Self {
            state,
            calls: function.target(at, callees),
            function,
            at,
        })
    }

    /// The location, with what the call destroys replaced by where else it is.
    pub(super) fn kept(&self, location: Location) -> Location {
        let Some(steps) = steps(&location) else {
            return location;
        };
        let mut found = Vec::with_capacity(steps.len());
        let mut any = false;
        for piece in steps.split_inclusive(|step| matches!(step, Step::Piece(_))) {
            match self.piece(piece) {
                Some(better) => {
                    any = true;
                    found.extend(better);
                }
                None => found.extend_from_slice(piece),
            }
        }
        if any { self::location(found) } else { location }
    }

    /// Where the instructions lie that may run before the call.
    pub(super) fn leading(&self) -> impl Iterator<Item = (u64, u64)> {
        let leading = self.function.leading_to(self.at);
        let code = leading
            .into_iter()
            .filter_map(|at| self.function.code.get(at));
        code.map(|it| (it.ip(), it.next_ip()))
    }

    /// The function that is called, where the code says.
    pub(super) fn calls(&self) -> Option<u64> {
        self.calls
    }

    /// Where the address of the function is that is called: also of a method of a `dyn` value, which no code names.
    pub(super) fn called(&self) -> Option<Location> {
        let push = |steps: Vec<Step>| Location::Steps([&steps[..], &[Step::Value]].concat().into());
        if let Some(known) = self.calls {
            return Some(push(vec![Step::Push(Base::Zero, known.cast_signed())]));
        }
        let it = self.function.code.get(self.at)?;
        if !it.is_call_near_indirect() {
            return None;
        }
        if let Some(held) = step::operand(&self.state, it, 0) {
            return match self.pushes(held)? {
                (steps, 64) => Some(push(steps)),
                _ => None,
            };
        }
        let loads = facts::load(&self.state, it, false)?;
        self.computed(&loads, MAX_DEPTH).map(push)
    }

    /// What the call passes in registers.
    pub(super) fn passed(&self) -> Vec<(u16, Location)> {
        let value = |register| {
            let steps = self.value(self.state.get(register), None)?;
            Some((register, Location::Steps(steps.into())))
        };
        ARGUMENTS.into_iter().filter_map(value).collect()
    }

    fn piece(&self, piece: &[Step]) -> Option<Vec<Step>> {
        let (steps, size) = match piece {
            [steps @ .., Step::Piece(size)] => (steps, Some(*size)),
            steps => (steps, None),
        };
        if let [Step::In(_) | Step::PushAtEntry(_)]
        | [Step::Push(..) | Step::PushAtEntry(_), Step::Value] = steps
            && let Some(held) = steps.first().and_then(|step| self.lost(step))
            && (steps.len() == 2 || matches!(steps, [Step::In(_)]))
        {
            return self.value(held, size);
        }
        if !steps.iter().any(|step| self.lost(step).is_some()) {
            return None;
        }
        let mut found = Vec::with_capacity(steps.len() + 2);
        for step in steps {
            match self.lost(step) {
                Some(held) => {
                    let (pushes, 64) = self.pushes(held)? else {
                        return None;
                    };
                    if matches!(step, Step::PushAtEntry(_)) && pushes == [step.clone()] {
                        found.push(step.clone());
                        continue;
                    }
                    found.extend(pushes);
                    if matches!(step, Step::In(_)) {
                        found.push(Step::Value);
                    }
                }
                None => found.push(step.clone()),
            }
        }
        found.extend(size.map(Step::Piece));
        Some(found)
    }

    /// What the step needs, if the call destroys it.
    fn lost(&self, step: &Step) -> Option<Held> {
        let destroyed =
            |register: u16| register < 16 && register != STACK_POINTER && !KEPT.contains(&register);
        match step {
            Step::PushAtEntry(register) => Some(Held::new(Root::Entry(*register))),
            Step::In(register) if destroyed(*register) => Some(self.state.get(*register)),
            Step::Push(Base::Register(register), offset) if destroyed(*register) => {
                Some(self.state.get(*register).plus(*offset))
            }
            _ => None,
        }
    }

    /// Steps to a value of `size` bytes, or of as many as are known.
    fn value(&self, held: Held, size: Option<u32>) -> Option<Vec<Step>> {
        let (mut steps, bits) = self.pushes(held)?;
        steps.push(Step::Value);
        let known = u32::from(bits / 8);
        match size {
            Some(size) if size <= known => steps.push(Step::Piece(size)),
            Some(size) => steps.extend([Step::Piece(known), Step::Piece(size - known)]),
            None if known < 8 => steps.push(Step::Piece(known)),
            None => {}
        }
        Some(steps)
    }

    /// Steps to a word whose lowest bits, as many as are told, are what is asked for.
    fn pushes(&self, held: Held) -> Option<(Vec<Step>, u8)> {
        let at_entry = || {
            let Root::Entry(register) = held.root else {
                return None;
            };
            let mut steps = vec![Step::PushAtEntry(register)];
            steps.extend(added(held.plus));
            Some((steps, held.bits))
        };
        self.pushes_within(held, MAX_DEPTH).or_else(at_entry)
    }

    fn pushes_within(&self, held: Held, depth: u8) -> Option<(Vec<Step>, u8)> {
        let found = self.pushes_kept(held);
        let known = |found: &Option<(Vec<Step>, u8)>| found.as_ref().map_or(0, |(_, bits)| *bits);
        let mut found = found.filter(|(_, bits)| *bits != 0);
        if known(&found) < held.bits
            && let Some(depth) = depth.checked_sub(1)
        {
            let facts = self.state.facts.iter();
            for fact in facts.filter(|fact| fact.of.root == held.root) {
                let bits = fact.of.bits.min(held.bits);
                if bits > known(&found)
                    && let Some(mut steps) = self.computed(&fact.is, depth)
                {
                    steps.extend(added(held.plus.wrapping_sub(fact.of.plus)));
                    found = Some((steps, bits));
                }
            }
        }
        if found.is_none() {
            found = self.pushes_passed(held);
        }
        found
    }

    /// What the call passes on, for the function that is called to tell.
    fn pushes_passed(&self, held: Held) -> Option<(Vec<Step>, u8)> {
        if !held.root.is_made() {
            return None;
        }
        let mut passed = ARGUMENTS
            .iter()
            .map(|register| (register, self.state.get(*register)));
        let (register, there) = passed.find(|(_, there)| there.root == held.root)?;
        let at_entry = match there.root {
            Root::Entry(register) if there.plus == 0 => Some(register),
            _ => None,
        };
        let mut steps = vec![Step::PushPassed(*register, at_entry)];
        steps.extend(added(held.plus.wrapping_sub(there.plus)));
        Some((steps, held.bits.min(there.bits)))
    }

    /// Where it still is what registers held when the function was called.
    pub(super) fn at_entry(&self) -> Vec<(u16, Location)> {
        let home = |register| {
            let held = Held::new(Root::Entry(register));
            let (mut steps, 64) = self.pushes_within(held, 0)? else {
                return None;
            };
            steps.push(Step::Value);
            Some((register, Location::Steps(steps.into())))
        };
        ARGUMENTS.into_iter().filter_map(home).collect()
    }

    /// Steps to the value of an expression, of which all that is needed is kept.
    fn computed(&self, expression: &Expression, depth: u8) -> Option<Vec<Step>> {
        let whole = |held: Held, bits: u8, signed: bool| {
            let (mut steps, known) = self.pushes_within(held, depth)?;
            if bits > known {
                return None;
            }
            if bits < 64 {
                steps.push(Step::Convert { bits, signed });
            }
            Some(steps)
        };
        Some(match *expression {
            Expression::Constant(value) => vec![Step::Push(Base::Zero, value.cast_signed())],
            Expression::Same(held, bits, signed) => whole(held, bits, signed)?,
            Expression::Binary(what, left, right, bits) => {
                let signed = what == Binary::ShiftRightSigned;
                let mut steps = whole(left, bits, signed)?;
                steps.extend(whole(right, bits, false)?);
                steps.push(Step::Binary(what));
                if bits < 64 {
                    let signed = false;
                    steps.push(Step::Convert { bits, signed });
                }
                steps
            }
            Expression::Scaled(base, index, scale) => {
                let mut steps = whole(index, 64, false)?;
                let scale = Step::Push(Base::Zero, i64::from(scale));
                steps.extend([scale, Step::Binary(Binary::Multiply)]);
                if let Some(base) = base {
                    steps.extend(whole(base, 64, false)?);
                    steps.push(Step::Binary(Binary::Plus));
                }
                steps
            }
            Expression::Load(base, index, size, signed) => {
                let mut steps = whole(base, 64, false)?;
                if let Some((index, scale)) = index {
                    steps.extend(whole(index, 64, false)?);
                    let scale = Step::Push(Base::Zero, i64::from(scale));
                    steps.extend([scale, Step::Binary(Binary::Multiply)]);
                    steps.push(Step::Binary(Binary::Plus));
                }
                steps.push(Step::Deref(size));
                if signed {
                    let bits = size * 8;
                    steps.push(Step::Convert { bits, signed });
                }
                steps
            }
        })
    }

    fn pushes_kept(&self, held: Held) -> Option<(Vec<Step>, u8)> {
        let of_base = |base, offset| vec![Step::Push(base, offset)];
        match held.root {
            Root::Nothing => return None,
            Root::Zero => return Some((of_base(Base::Zero, held.plus), held.bits)),
            Root::Cfa => return Some((of_base(Base::Cfa, held.plus), held.bits)),
            Root::Entry(_) | Root::Made(..) | Root::Joined(..) => {}
        }
        let registers = KEPT.iter().map(|register| {
            let there = self.state.get(*register);
            let by = held.plus.wrapping_sub(there.plus);
            (there, of_base(Base::Register(*register), by))
        });
        let slots = self.state.slots.iter().map(|slot| {
            let by = held.plus.wrapping_sub(slot.held.plus);
            let mut steps = of_base(Base::Cfa, slot.at);
            steps.push(Step::Deref(slot.size));
            steps.extend(added(by));
            (slot.held.narrow(slot.size * 8), steps)
        });
        let same = registers
            .chain(slots)
            .filter(|(there, _)| there.root == held.root);
        // The first of the widest.
        let best = same.fold(None, |best: Option<(Held, Vec<Step>)>, next| match best {
            Some(best) if best.0.bits >= next.0.bits => Some(best),
            _ => Some(next),
        });
        let (there, steps) = best?;
        Some((steps, there.bits.min(held.bits)))
    }
}

fn steps(location: &Location) -> Option<Vec<Step>> {
    Some(match location {
        Location::In(register) => vec![Step::In(*register)],
        Location::At(base, offset) => vec![Step::Push(*base, *offset)],
        Location::Steps(steps) => steps.to_vec(),
        Location::Bytes(_) | Location::Lost(_) => return None,
    })
}

fn location(steps: Vec<Step>) -> Location {
    match steps.as_slice() {
        [Step::Push(base, offset)] => Location::At(*base, *offset),
        [Step::In(register)] => Location::In(*register),
        _ => Location::Steps(steps.into()),
    }
}

fn added(by: i64) -> Vec<Step> {
    match by {
        0 => Vec::new(),
        by => vec![Step::Push(Base::Zero, by), Step::Binary(Binary::Plus)],
    }
}

/// rdi, rsi, rdx, rcx, r8 and r9.
const ARGUMENTS: [u16; 6] = [5, 4, 1, 2, 8, 9];

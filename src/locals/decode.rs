//! From the calls of a thread that stands still to their variables.

mod found;
mod plans;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use self::found::{Found, assign, shown};
use self::plans::shown_scopes;
use super::coroutine::{Local, Running, Search};
use super::eval::{Evaluator, Frame, Known, Where};
use super::helper::{Decode, Held};
use super::image::Image;
use super::memory::Memory;
use super::modules::Modules;
use super::plan::{self, Location, Plan, Plans, Scope, Variable as Planned};
use super::read::{self, Place, Reader};
use super::settings::Limits;
use super::types::{Rules, Type, Types};
use super::units::{Prepared, Units};
use super::walk::{Call, FrameRule, FrameRules};
use crate::stack::{Missing, Sampled, Value, is_app_file};

/// What is known of the program, and grows with each failure.
pub(super) struct Decoder {
    limits: Limits,
    rules: Arc<Rules>,
    modules: Modules,
    /// Files that were looked at, as loaded at their place.
    opened: HashSet<(PathBuf, u64)>,
    units: Units,
    frames: FrameRules,
    plans: Plans,
    types: Types,
    /// Why the program itself says nothing of variables.
    program: Option<Missing>,
    step: Step,
    prepared: Prepared,
}

/// What is to be prepared next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Load,
    /// Whose the units are.
    Know,
    Read,
    Done,
}

impl Decoder {
    pub(super) fn new(limits: Limits, rules: Rules) -> Self {
        Self::of(limits, Arc::new(rules))
    }

    fn of(limits: Limits, rules: Arc<Rules>) -> Self {
        Self {
            limits,
            modules: Modules::default(),
            opened: HashSet::new(),
            units: Units::new(|file| is_app_file(file) && !is_our_file(file)),
            frames: FrameRules::default(),
            plans: Plans::default(),
            types: Types::new(Arc::clone(&rules)),
            rules,
            program: None,
            step: Step::Load,
            prepared: Prepared::default(),
        }
    }

    /// Opens the files that were loaded since.
    fn load(&mut self) {
        if self.step == Step::Load {
            self.step = Step::Know;
            plan::warm_up();
        }
        let unloaded = self.modules.unloaded();
        if !self.modules.refresh() {
            return;
        }
        if self.modules.unloaded() != unloaded && !self.opened.is_empty() {
            // What is loaded next lies where this was.
            *self = Self {
                modules: std::mem::take(&mut self.modules),
                step: Step::Know,
                ..Self::of(self.limits, Arc::clone(&self.rules))
            };
        }
        for module in self.modules.iter() {
            if !self.opened.insert((module.path.clone(), module.bias)) {
                continue;
            }
            match Image::open(&module.path, module.bias) {
                Ok(image) => self.units.add(image),
                Err(reason) if module.is_program() => self.program = Some(reason),
                // Libraries of the system say nothing of Rust.
                Err(_) => {}
            }
        }
        self.plans.forget_unknown();
    }
}

impl Decode for Decoder {
    type Answer = Box<Sampled>;

    fn decode(&mut self, held: &Held<'_>, memory: &mut dyn Memory) -> Self::Answer {
        if self.step == Step::Load || self.modules.have_changed() {
            self.load();
        }
        if !self.units.are_as_they_were() {
            self.program = Some(Missing::Unreadable);
        }
        if let Some(missing) = self.program {
            let missing = Some(missing);
            return Box::new(Sampled {
                missing,
                ..Sampled::default()
            });
        }
        let now = Instant::now();
        // What is known of the innermost calls is to be read as well.
        let to_plan = held.until.saturating_duration_since(now) / 4 * 3;
        let (plans, why_not) = self.plans(held, now + to_plan);
        let inner: Vec<_> = plans
            .iter()
            .enumerate()
            .map(|(at, plan)| {
                let asks = plan.as_ref().and_then(|plan| plan.asks);
                let calls = held.calls.iter().take(at).rev().map(|call| call.pc);
                self.plans.inner(&self.units, asks, calls)
            })
            .collect();
        let limits = read::Limits::of(&self.limits);
        let mut reader = Reader::new(&mut self.types, &self.units, memory, limits);
        let mut reading = Reading {
            rules: &self.rules,
            most: self.limits.variables,
            wanted: held.wanted,
            until: held.until,
            leads: Vec::new(),
            running: Vec::new(),
            found: Vec::new(),
        };
        let calls: Vec<_> = held
            .calls
            .iter()
            .zip(&plans)
            .map(|(call, plan)| (plan.as_deref(), call))
            .collect();
        for (at, (plan, call)) in calls.iter().enumerate() {
            let Some(plan) = *plan else { continue };
            let callers = calls.get(at + 1..).unwrap_or_default();
            let callees: Vec<_> = (0..at)
                .rev()
                .zip(inner.get(at).into_iter().flatten())
                .filter_map(|(at, inner)| Some((Some(&**inner), held.calls.get(at)?)))
                .collect();
            let evaluator = Evaluator {
                frame: *call,
                start: plan.start,
                callers: callers.get(..MAX_CALLERS).unwrap_or(callers),
                inner: &callees,
            };
            reading.call(call, plan, &evaluator, &mut reader);
        }
        let Reading {
            leads,
            running,
            mut found,
            ..
        } = reading;
        // Futures are looked for where a call runs one.
        if running.iter().any(Running::is_async) {
            let mut search = Search::new(&mut reader, &running);
            if let Some([address, vtable]) = held.runs {
                search.look_behind(address as u64, vtable as u64);
            }
            // Those who wait before those they wait for.
            let (own, others): (Vec<_>, Vec<_>) = leads.into_iter().partition(|lead| lead.is_own);
            for Lead { of, at, .. } in own.iter().rev().chain(&others) {
                search.look_into(of, at);
            }
            let waiting = search.finish();
            assign(&mut found, waiting, &mut |of, at| reader.value_at(of, at));
        }
        let row = |pc| self.units.image_at(pc)?.frame(pc);
        self.frames
            .learn(held.calls, row, |address| memory.word(address).ok());
        let calls: Vec<_> = found.into_iter().map(shown).collect();
        let missing = match calls.iter().all(|call| call.variables.is_empty()) {
            true => self.units.describe_nothing().or(why_not),
            false => None,
        };
        Box::new(Sampled { calls, missing })
    }

    fn rule(&self, pc: u64) -> Option<FrameRule> {
        self.frames.get(pc)
    }

    fn knows(&self, call: &Call) -> Option<(usize, bool)> {
        if !matches!(self.step, Step::Read | Step::Done) {
            return None;
        }
        let plan = self.plans.known(call.pc)?;
        Some(plan.map_or((0, false), |plan| (shown_scopes(plan), plan.asks_callers())))
    }

    fn prepare(&mut self) -> bool {
        match self.step {
            Step::Load => self.load(),
            Step::Know => {
                if !self.units.know_more(&mut self.prepared) {
                    (self.step, self.prepared) = (Step::Read, Prepared::default());
                }
            }
            Step::Read => {
                if !self.units.prepare_more(&mut self.prepared) {
                    self.step = Step::Done;
                }
            }
            Step::Done => {}
        }
        self.step != Step::Done
    }
}

/// How far back arguments are looked for.
const MAX_CALLERS: usize = 2;

/// What is read of one failure.
struct Reading<'p> {
    rules: &'p Rules,
    /// Variables of one call.
    most: usize,
    /// Calls of the app's.
    wanted: usize,
    until: Instant,
    /// What may lead to a future.
    leads: Vec<Lead>,
    /// The app's calls, and those of other people's futures.
    running: Vec<Running>,
    found: Vec<Found<'p>>,
}

struct Lead {
    of: Arc<Type>,
    at: Where,
    /// Whether it is what a call of the app's is called with.
    is_own: bool,
}

impl<'p> Reading<'p> {
    fn call(
        &mut self,
        call: &Call,
        plan: &'p Plan,
        evaluator: &Evaluator<'_, Call>,
        reader: &mut Reader<'_>,
    ) {
        for scope in &plan.scopes {
            let mut runs = None;
            let own = scope.environment.iter().map(|lead| (lead, scope.is_app));
            let others = scope.variables.iter().filter(|_| !scope.is_app);
            for (lead, is_own) in own.chain(others.map(|lead| (lead, false))) {
                let of = reader.types.get(reader.units, lead.kind);
                if of.may_hold_coroutine() != Some(false)
                    && let Ok(at) = evaluator.find(&lead.location, reader.memory)
                {
                    if is_own {
                        runs = reader.word_at(Place::of(&at), 0).ok();
                    }
                    self.leads.push(Lead { of, at, is_own });
                }
            }
            if !scope.is_app || is_ours(scope) || self.rules.excluded.has_path(&scope.function) {
                let running = Running::new(scope, &[], reader);
                self.running.extend(running.is_async().then_some(running));
                continue;
            }
            if self.found.len() >= self.wanted {
                break;
            }
            let variables = scope.variables.iter().take(self.most);
            let locals = variables.map(|planned| self.local(planned, evaluator, reader));
            let locals: Vec<_> = locals.collect();
            self.running.push(Running::new(scope, &locals, reader));
            self.found.push(Found {
                pc: call.pc,
                scope,
                locals,
                runs,
                is_taken: false,
                is_cut: scope.variables.len() > self.most,
            });
        }
    }

    fn local(
        &self,
        planned: &Planned,
        evaluator: &Evaluator<'_, Call>,
        reader: &mut Reader<'_>,
    ) -> Local {
        let of = reader.types.get(reader.units, planned.kind);
        let (mut is_stale, mut place) = (false, None);
        let value = if self.rules.hides(&planned.name) || of.is_secret {
            Value::Missing(Missing::Redacted)
        } else if Instant::now() >= self.until {
            Value::Missing(Missing::Deadline)
        } else {
            let at = match evaluator.find(&planned.location, reader.memory) {
                // What has no bytes is nowhere.
                Err(Missing::OptimizedOut) if of.size == 0 => Ok(Where::Bytes(Known::default())),
                at => at,
            };
            is_stale = matches!((&planned.location, &at), (Location::In(_), Ok(Where::Bytes(held)))
                if !is_all_of_it(&of.name, held));
            if let Ok(Where::Memory(address)) = &at {
                place = Some(*address);
            }
            at.map_or_else(Value::Missing, |at| reader.value(&of, &at))
        };
        Local {
            name: Arc::clone(&planned.name),
            of,
            line: planned.line,
            is_argument: planned.is_argument,
            value,
            at: place,
            is_kept: planned.is_in_coroutine(),
            is_copy: planned.is_copy,
            is_stale,
        }
    }
}

/// Whether a small number is all that its register holds, but for its sign. Else it may be what the compiler went on to make
/// of it, `count * 4500` for `count`, under its name.
fn is_all_of_it(of: &str, held: &Known) -> bool {
    let size = match of {
        "u8" | "i8" => 1,
        "u16" | "i16" => 2,
        _ => return true,
    };
    let Some(low) = held.bytes.first_chunk::<4>() else {
        return true;
    };
    let (whole, bits) = (i64::from(i32::from_le_bytes(*low)), size * 8);
    (-(1_i64 << (bits - 1))..1 << bits).contains(&whole)
}

/// Whether it is a file of this crate's, which is part of the app where it lies in its workspace: its units are large, and
/// nothing of them is shown.
fn is_our_file(file: &str) -> bool {
    file.starts_with(concat!(env!("CARGO_MANIFEST_DIR"), "/src/"))
}

/// Whether it is this crate's own, which may be made for the app in its units.
fn is_ours(scope: &Scope) -> bool {
    scope
        .function
        .trim_start_matches('<')
        .starts_with(concat!(env!("CARGO_CRATE_NAME"), "::"))
}

impl Frame for Call {
    fn register(&self, number: u16) -> Option<u64> {
        self.saved.get(number)
    }

    fn cfa(&self) -> Option<u64> {
        Some(self.cfa)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monitor_is_not_read_where_it_is_part_of_the_app() {
        let here = |file| format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        assert!(is_our_file(&here("src/lib.rs")));
        assert!(!is_our_file(&here("tests/corpus/src/main.rs")));
    }

    #[test]
    fn a_register_that_holds_more_than_a_small_number_is_not_it() {
        let is = |of, word: u64| is_all_of_it(of, &Known::all(&word.to_ne_bytes()));
        assert!(is("u8", 2) && is("u8", 255) && is("u16", 9000) && is("u32", 1 << 31));
        assert!(is("i8", 0xff) && is("i8", 0xffff_fffe) && is("i16", u64::MAX));
        assert!(!is("u8", 9000) && !is("u16", 70_000) && !is("i8", 0xffff_0000));
    }
}

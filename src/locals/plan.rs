//! What can be read at a place in the code: the functions whose code it is, and where each keeps its variables there.

mod assigned;
mod calls;
mod code;
mod draft;
mod earlier;
#[cfg(target_arch = "x86_64")]
mod flow;
#[cfg(not(target_arch = "x86_64"))]
#[path = "plan/flow/elsewhere.rs"]
mod flow;
mod gaps;
mod inner;
mod kept;
mod lines;
mod location;
mod negated;
mod origin;
mod passed;
mod scopes;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;

pub(super) use self::inner::Inner;
pub(super) use self::location::{Base, Binary, Location, Step, Unary};
pub(super) use self::passed::Passed;
use super::units::{EntryRef, Units};
use crate::stack::Missing;

/// The functions of a place, innermost first: all but the last were inlined into the next.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) scopes: Box<[Scope]>,
    /// What this call passes to the function that it calls, once that was [learnt](Plans::learn_passed).
    pub(super) passed: OnceLock<Passed>,
    /// Where the function begins into which all others here were inlined, as loaded.
    pub(super) start: u64,
    /// The function that is called, as loaded, where that is to be asked for what was passed to it.
    pub(super) asks: Option<u64>,
}

/// A function at a place in the code.
#[derive(Debug)]
pub(super) struct Scope {
    /// Its path as stacks show it: `shop::cart::add`, also for the body of an async function.
    pub(super) function: Arc<str>,
    /// The file and line where it is declared.
    pub(super) file: Option<Arc<str>>,
    pub(super) declared: Option<u32>,
    /// The line of this place in it.
    pub(super) line: Option<u32>,
    /// Whether it is declared in a file of the app's. Of others, only the arguments and what may lead to a future are told.
    pub(super) is_app: bool,
    /// What a closure or coroutine is called with: the parameter without a name.
    pub(super) environment: Option<Variable>,
    /// In the order of their declaration, arguments first. One may hide an earlier of its name.
    pub(super) variables: Box<[Variable]>,
}

impl Plan {
    /// Whether only the function that is called can tell where something is.
    fn asks_inner(&self) -> bool {
        let variables = self.scopes.iter().flat_map(|scope| &scope.variables);
        let mut locations = variables.map(|variable| &variable.location);
        locations.any(|location| {
            matches!(location, Location::Steps(steps)
                if steps.iter().any(|step| matches!(step, Step::PushPassed(..))))
        })
    }
}

impl Scope {
    /// Where those of its variables are that are shown, or likely lead to a future.
    fn located(&self) -> impl Iterator<Item = &Location> {
        let is_wanted = |it: &&Variable| self.is_app || leads(&it.name);
        let variables = self.variables.iter().filter(is_wanted);
        let all = self.environment.iter().chain(variables);
        all.map(|variable| &variable.location)
    }
}

/// Whether futures go by this name in the functions of other people that run them.
fn leads(name: &str) -> bool {
    matches!(name, "self" | "this" | "fut" | "future")
}

/// An argument or local.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) name: Arc<str>,
    pub(super) kind: EntryRef,
    pub(super) line: Option<u32>,
    pub(super) is_argument: bool,
    /// Whether its future keeps one of its name, from the same line: an argument of an async function that its body binds again, in a
    /// place of the frame that is right until the body waits for the first time.
    pub(super) is_copy: bool,
    pub(super) location: Location,
}

/// Plans by place in the code, made when first asked for.
#[derive(Debug, Default)]
pub(super) struct Plans {
    known: FxHashMap<u64, Result<Option<Arc<Plan>>, Missing>>,
    inner: FxHashMap<u64, Option<Arc<Inner>>>,
}

impl Plans {
    /// The plan for an address within the instruction that calls; `None` where the code is not of the app's units.
    ///
    /// # Errors
    ///
    /// [`Missing::NoDebuginfo`] where functions are known but not their variables, [`Missing::Unavailable`] outside all
    /// images, [`Missing::Unsupported`] for what is broken.
    pub(super) fn get(&mut self, units: &Units, pc: u64) -> Result<Option<Arc<Plan>>, Missing> {
        if let Some(known) = self.known.get(&pc) {
            return known.clone();
        }
        let plan = make(units, pc);
        if self.known.len() >= MAX_PLANS {
            self.known.clear();
        }
        self.known.insert(pc, plan.clone());
        plan
    }

    /// What was made of this place, if it was asked for.
    pub(super) fn known(&self, pc: u64) -> Option<Option<&Plan>> {
        let plan = self.known.get(&pc)?;
        Some(plan.as_ref().ok().and_then(Option::as_deref))
    }

    /// What the functions that a call led to have kept of what was passed to them, the nearest first: `asks` is the function
    /// that it called, `inner` are the calls further in.
    pub(super) fn inner(
        &mut self,
        units: &Units,
        asks: Option<u64>,
        inner: impl Iterator<Item = u64>,
    ) -> Vec<Arc<Inner>> {
        let (mut found, mut next) = (Vec::new(), asks);
        for pc in inner.take(MAX_INNER) {
            let Some(start) = next else { break };
            if self.inner.len() >= MAX_PLANS {
                self.inner.clear();
            }
            let make = || Inner::at(units, pc).map(Arc::new);
            let known = self.inner.entry(pc).or_insert_with(make).clone();
            // Another stands in the place of one that jumped to it.
            let Some(known) = known.filter(|known| known.start == start) else {
                break;
            };
            next = known.calls;
            found.push(known);
        }
        found
    }

    /// Forgets what is known of places in no image, or without one: a library may have been loaded there since.
    pub(super) fn forget_unknown(&mut self) {
        self.known.retain(|_, plan| plan.is_ok());
        self.inner.retain(|_, inner| inner.is_some());
    }
}

/// Has ready what all plans need: unpacking the tables of the instructions takes as long as several of them.
pub(super) fn warm_up() {
    #[cfg(target_arch = "x86_64")]
    std::hint::black_box(iced_x86::Decoder::new(
        64,
        &[],
        iced_x86::DecoderOptions::NONE,
    ));
}

fn make(units: &Units, pc: u64) -> Result<Option<Arc<Plan>>, Missing> {
    let Some(place) = units.place(pc)? else {
        return Ok(None);
    };
    let unit = units.own_unit(place.unit)?;
    if !units.is_described(&unit) {
        return Err(Missing::NoDebuginfo);
    }
    scopes::plan(units, &unit, place).map(|plan| plan.map(Arc::new))
}

/// Places that are remembered, some 700 bytes each; all are forgotten when there are more.
const MAX_PLANS: usize = 1024;
/// How many calls arguments are handed on.
const MAX_INNER: usize = 3;

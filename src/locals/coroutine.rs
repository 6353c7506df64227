//! The futures that `async` makes: what they keep while they wait, and for whom they wait.
//!
//! In release builds a call inside of a future keeps its variables in the future alone, and debug information does not say so. But
//! the library's calls around it still know where the future is; from there it is found by type, and the variables have the names
//! of the source.

mod holds;
mod home;
mod merge;
mod stands;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use rustc_hash::FxHashSet;

pub(super) use merge::{Fetch, Local, merge};
pub(super) use stands::Running;

use super::eval::Where;
use super::read::{Place, Reader, aligned};
use super::types::{Choice, Field, Kind, Link, Rest, Type};
use super::units::EntryRef;
use crate::stack::Value;

/// A future made by `async`, that waits or runs.
#[derive(Debug)]
pub(super) struct Waiting {
    /// The function or block as debug information names it: `shop::cart::add::{async_fn#0}`.
    pub(super) function: Arc<str>,
    /// Where it is, when it is in memory as a whole.
    pub(super) address: Option<u64>,
    /// The line where its body begins.
    pub(super) declared: Option<u32>,
    /// The line where it waits, or waited last; none before its first wait.
    pub(super) line: Option<u32>,
    pub(super) held: Vec<Held>,
    /// What it would keep over other waits than this one, as far as its call asks for that: each has its place in the future for
    /// good.
    pub(super) homes: Vec<Held>,
    /// Which of those found before this one waits for it.
    pub(super) parent: Option<usize>,
    /// Whether another one of the same function was found beside it: which of them a call belongs to is not known.
    pub(super) is_ambiguous: bool,
}

/// A variable that a future keeps.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) name: Arc<str>,
    pub(super) of: Arc<Type>,
    pub(super) kept: Kept,
    /// An argument as it was at first: it is not kept, and may have been moved or changed since.
    pub(super) is_stale: bool,
}

/// What a future keeps of a variable.
#[derive(Debug)]
pub(super) enum Kept {
    Value(Value),
    /// It lies there, to be read if its call has not read it already.
    At(u64),
}

/// Looks for futures in values.
pub(super) struct Search<'s, 'r> {
    reader: &'s mut Reader<'r>,
    /// The calls of the app's, innermost first.
    running: &'s [Running],
    found: Vec<Waiting>,
    seen: FxHashSet<(u64, EntryRef)>,
    steps: usize,
}

/// How a value was come to.
#[derive(Clone, Copy)]
struct Way {
    /// Which future it is part of.
    parent: Option<usize>,
    /// How far on this may go.
    depth: usize,
    /// Whether it is the only one that may be running.
    is_only: bool,
}

impl Way {
    fn further(self) -> Option<Self> {
        let depth = self.depth.checked_sub(1)?;
        Some(Self { depth, ..self })
    }

    /// On to one of several.
    fn among(self, several: u64) -> Self {
        Self {
            is_only: self.is_only && several < 2,
            ..self
        }
    }
}

/// How many values are looked at, for all that is asked of one search.
const MAX_STEPS: usize = 600;
const MAX_FOUND: usize = 32;
const MAX_DEPTH: usize = 40;

impl Waiting {
    /// Whether a call of this function, which is declared at this line, runs it.
    ///
    /// Paths differ where the function belongs to a type: `shop::Cart::add` on the stack is `shop::{impl#0}::add` here.
    pub(super) fn is_run_by(&self, function: &str, declared: Option<u32>) -> bool {
        let own = self.function.split("::{async").next().unwrap_or_default();
        let are_plain = !own.contains(['{', '<']) && !function.contains(['{', '<']);
        declared.is_some()
            && declared == self.declared
            && own_name(function) == own_name(&self.function)
            && krate(function) == krate(&self.function)
            && (!are_plain || own == function)
    }
}

impl<'s, 'r> Search<'s, 'r> {
    pub(super) fn new(reader: &'s mut Reader<'r>, running: &'s [Running]) -> Self {
        Self {
            reader,
            running,
            found: Vec::new(),
            seen: FxHashSet::default(),
            steps: MAX_STEPS,
        }
    }

    /// Looks into a value: of a library's call its `self`, `future` or the like.
    pub(super) fn look_into(&mut self, of: &Arc<Type>, at: &Where) {
        self.reader.begin();
        let way = Way {
            parent: None,
            depth: MAX_DEPTH,
            is_only: true,
        };
        self.search(of, Place::of(at), way);
    }

    /// Looks into what a pointer with a vtable leads to: a future that told its place.
    pub(super) fn look_behind(&mut self, address: u64, vtable: u64) {
        if let Some(of) = self.reader.types.behind(self.reader.units, vtable) {
            self.look_into(&of, &Where::Memory(address));
        }
    }

    /// What was found, those who wait before those they wait for.
    pub(super) fn finish(mut self) -> Vec<Waiting> {
        for one in 0..self.found.len() {
            let line = self.line_of(one);
            for other in 0..one {
                let same = self.found[one].function == self.found[other].function;
                if same && !line.contains(&other) {
                    self.found[one].is_ambiguous = true;
                    self.found[other].is_ambiguous = true;
                }
            }
        }
        self.found
    }

    /// Those who wait for one, from the nearest on.
    fn line_of(&self, mut at: usize) -> Vec<usize> {
        let mut line = Vec::new();
        while let Some(parent) = self.found[at].parent {
            line.push(parent);
            at = parent;
        }
        line
    }

    fn search(&mut self, of: &Arc<Type>, place: Place<'_>, way: Way) {
        let Some(way) = way.further() else {
            return;
        };
        if self.steps == 0 || of.is_secret || !self.reader.may_hold_coroutine(of) {
            return;
        }
        self.steps -= 1;
        if let Place::Memory(address) = place
            && !self.seen.insert((address, of.entry))
        {
            return;
        }
        match self.reader.types.kind(self.reader.units, of) {
            Kind::Choice(choice) if choice.is_coroutine => {
                self.coroutine(of, choice, place, way);
            }
            Kind::Choice(choice) => {
                if let Ok(variant) = self.reader.variant(choice, place) {
                    self.fields(&variant.fields, place, way);
                }
            }
            Kind::Struct(fields) => self.fields(fields, place, way),
            Kind::Same { offset, to }
            | Kind::Once {
                value: offset, to, ..
            } => {
                self.inner(to, place, *offset, way);
            }
            Kind::Pointer { offset, to } => {
                let to = self.reader.types.follow(self.reader.units, to);
                if let Ok(address) = self.reader.word_at(place, *offset)
                    && aligned(address, to.align).is_ok()
                {
                    self.search(&to, Place::Memory(address), way);
                }
            }
            Kind::Dyn { pointer, vtable } => {
                if let Ok(concrete) = self.reader.concrete(place, *vtable)
                    && let Ok(address) = self.reader.word_at(place, *pointer)
                    && aligned(address, concrete.align).is_ok()
                {
                    self.search(&concrete, Place::Memory(address), way);
                }
            }
            Kind::Shared(shared) if matches!(shared.rest, Rest::None) => {
                if let Ok(address) = self.reader.word_at(place, shared.pointer)
                    && aligned(address, 8).is_ok()
                {
                    let start = Place::Memory(address);
                    self.inner(&shared.to, start, shared.value, way);
                }
            }
            Kind::Slice {
                data, length, item, ..
            } => {
                let data = self.reader.word_at(place, *data);
                let length = self.reader.word_at(place, *length);
                if let (Ok(data), Ok(length)) = (data, length)
                    && aligned(data, item.align).is_ok()
                {
                    let items = (length.min(MAX_ITEMS), item.stride);
                    self.items(&item.to, Place::Memory(data), items, way);
                }
            }
            Kind::Array { count, item } => {
                let items = ((*count).min(MAX_ITEMS), item.stride);
                self.items(&item.to, place, items, way);
            }
            Kind::Chain {
                head,
                next,
                value,
                align,
                to,
            } => {
                let head = place.plus(*head);
                let tasks = head.and_then(|head| self.reader.tasks(head, *next, *align));
                let tasks = tasks.unwrap_or_default();
                let way = way.among(tasks.len() as u64);
                for task in tasks {
                    self.inner(to, Place::Memory(task), *value, way);
                }
            }
            _ => {}
        }
    }

    fn items(&mut self, to: &Link, place: Place<'_>, (count, stride): (u64, u64), way: Way) {
        let way = way.among(count);
        for index in 0..count {
            if let Some(offset) = index.checked_mul(stride) {
                self.inner(to, place, offset, way);
            }
        }
    }

    fn fields(&mut self, fields: &[Field], place: Place<'_>, way: Way) {
        let mut several = 0;
        for field in fields {
            let to = self.reader.types.follow(self.reader.units, &field.to);
            several += u64::from(self.reader.may_hold_coroutine(&to));
        }
        let way = way.among(several);
        for field in fields {
            self.inner(&field.to, place, field.offset, way);
        }
    }

    fn inner(&mut self, to: &Link, place: Place<'_>, offset: u64, way: Way) {
        let to = self.reader.types.follow(self.reader.units, to);
        if let Ok(place) = place.plus(offset) {
            self.search(&to, place, way);
        }
    }

    fn keep(&mut self, field: &Field, place: Place<'_>) -> Kept {
        match place.plus(field.offset) {
            Ok(Place::Memory(address)) if !field.is_secret => Kept::At(address),
            _ => Kept::Value(self.reader.variable(field, place)),
        }
    }

    fn coroutine(&mut self, of: &Arc<Type>, choice: &Choice, place: Place<'_>, way: Way) {
        let function = Arc::clone(of.function());
        let first = choice.variants.iter().find(|v| &*v.name == "Unresumed");
        let declared = first.and_then(|first| first.line);
        let tagged = self.reader.variant(choice, place).ok();
        let awaits = match place {
            Place::Memory(_) if way.is_only => self.awaits(choice, &function),
            _ => None,
        };
        let Some(variant) = awaits.or(tagged) else {
            return;
        };
        let address = match place {
            Place::Memory(address) => Some(address),
            Place::Bytes(..) => None,
        };
        // Each unit describes the type anew.
        let is_it = |known: &Waiting| known.address == address && known.function == function;
        if address.is_some()
            && let Some(known) = self.found.iter().position(is_it)
        {
            let adopts = |at: usize| at != known && !self.line_of(at).contains(&known);
            if self.found[known].parent.is_none() && way.parent.is_some_and(adopts) {
                self.found[known].parent = way.parent;
            }
            return;
        }
        let is_first = &*variant.name == "Unresumed";
        if self.found.len() >= MAX_FOUND || (!is_first && !variant.name.starts_with("Suspend")) {
            return;
        }
        let is_function = of.base().starts_with("{async_fn_env");
        let mut held: Vec<Held> = Vec::new();
        for field in variant.fields.iter().filter(|field| is_named(field)) {
            let known = held.iter_mut().find(|known| known.name == field.name);
            if let Some(known) = known {
                // The argument, behind the variable it was moved into: that one is kept.
                known.is_stale = false;
                continue;
            }
            let is_argument = first.is_some_and(|first| {
                let mut arguments = first.fields.iter();
                arguments.any(|argument| argument.name == field.name)
            });
            let of = self.reader.types.follow(self.reader.units, &field.to);
            held.push(Held {
                name: Arc::clone(&field.name),
                kept: self.keep(field, place),
                is_stale: is_argument && is_function && !is_first && !self.reader.is_plain(&of),
                of,
            });
        }
        let waited = tagged.filter(|it| it.name.starts_with("Suspend"));
        let waited = waited.and_then(|tagged| tagged.line);
        let homes = self.homes(choice, (variant, waited), place, &function);
        let own = self.found.len();
        self.found.push(Waiting {
            function,
            address,
            declared,
            line: waited,
            held,
            homes,
            parent: way.parent,
            is_ambiguous: false,
        });
        // Whom it waits for, and what it keeps: one that it polls by reference, or among others.
        let waits_for = |field: &&Field| &*field.name == "__awaitee";
        let way = Way {
            parent: Some(own),
            ..way
        };
        for field in variant.fields.iter().filter(waits_for) {
            self.inner(&field.to, place, field.offset, way);
        }
        let way = way.among(u64::MAX);
        for field in variant.fields.iter().filter(|field| !waits_for(field)) {
            self.inner(&field.to, place, field.offset, way);
        }
    }
}

/// Whether the source gave it its name: what the compiler keeps for itself has numbers for names, or underscores.
fn is_named(field: &Field) -> bool {
    !field.name.starts_with("__") && !field.name.starts_with(|c: char| c.is_ascii_digit())
}

/// How many items of a list of futures are looked at.
const MAX_ITEMS: u64 = 16;

/// The last part of a path that somebody gave a name.
fn own_name(path: &str) -> Option<&str> {
    let mut parts = path.rsplit("::");
    parts.find(|part| !part.starts_with('{'))
}

fn krate(path: &str) -> Option<&str> {
    let plain = path.trim_start_matches(['<', '&']);
    plain.split("::").next()
}

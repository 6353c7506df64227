//! A scope while its variables are gathered, and which of them are told.

mod lost;

use std::ops::Range;

use gimli::UnitOffset;

use super::assigned::Assigned;
use super::location::{Location, Step};
use super::origin::Origin;
use super::{Scope, Variable, leads};
use crate::locals::units::{EntryRef, Units};

pub(super) struct Draft {
    pub(super) scope: Scope,
    pub(super) found: Vec<Found>,
    /// What its arguments and those of its blocks are instances of.
    pub(super) instances: Vec<EntryRef>,
    /// The abstract function and blocks whose variables should be here.
    pub(super) abstracts: Vec<EntryRef>,
    /// Where its code lies when it was inlined.
    pub(super) inlined: Vec<Range<u64>>,
}

pub(super) struct Found {
    pub(super) variable: Variable,
    /// A whole-scope location: the one place where it is from its block's beginning to the end.
    pub(super) depth: isize,
}

impl Draft {
    pub(super) fn take(&mut self, units: &Units, variable: Variable, depth: isize) {
        if variable.name.is_empty() {
            if variable.is_argument && self.scope.environment.is_none() {
                self.scope.environment = Some(variable);
            }
            return;
        }
        if is_compilers(units, &variable) {
            return;
        }
        self.found.push(Found { variable, depth });
    }

    /// Whether a variable of this name is told: of other people's functions, arguments and what likely leads to a future.
    pub(super) fn wants(&self, name: &str, is_argument: bool) -> bool {
        self.scope.is_app || is_argument || leads(name)
    }

    pub(super) fn wants_line(&self) -> bool {
        self.scope.is_app || self.found.iter().any(|it| !it.variable.is_argument)
    }

    pub(super) fn finish(mut self, units: &Units, assigned: &Assigned<'_>) -> Scope {
        let line = self.scope.line;
        let mut kept: Vec<Variable> = Vec::with_capacity(self.found.len());
        let loops: Vec<_> = self
            .found
            .iter()
            .map(|found| (found.depth, found.variable.line))
            .collect();
        let in_coroutine: Vec<_> = self
            .found
            .iter()
            .filter(|found| found.variable.is_in_coroutine())
            .map(|found| (found.variable.name.clone(), found.variable.line))
            .collect();
        for (
            at,
            Found {
                mut variable,
                depth,
            },
        ) in self.found.into_iter().enumerate()
        {
            // `for item in items` keeps `items.into_iter()` as `iter`, with the items one block further in.
            let is_loops = &*variable.name == "iter"
                && (variable.line == line
                    || loops[at + 1..]
                        .iter()
                        .any(|(of, line)| *of == depth + 1 && *line == variable.line));
            // What `?` found, for as long as the line runs.
            let is_tried = &*variable.name == "val" && variable.line == line;
            variable.is_copy = !variable.is_in_coroutine()
                && in_coroutine
                    .iter()
                    .any(|(name, line)| *name == variable.name && *line == variable.line);
            let is_own = variable.is_argument || !(is_loops || is_tried);
            if is_own && (variable.is_argument || assigned.is(units, &variable, line)) {
                if let Some(written) = assigned.written(units, &variable) {
                    variable.location = written;
                }
                kept.push(variable);
            }
        }
        kept.sort_by_key(|variable| !variable.is_argument);
        self.scope.variables = kept.into();
        self.scope
    }
}

impl Variable {
    /// Whether it is reached through a pointer in the frame: what a coroutine or closure holds.
    pub(in super::super) fn is_in_coroutine(&self) -> bool {
        matches!(&self.location, Location::Steps(steps)
            if matches!(**steps, [Step::Push(..), Step::Deref(8), ..]) && !steps.contains(&Step::Value))
    }
}

pub(super) fn variable(origin: &Origin, is_argument: bool, location: Location) -> Option<Variable> {
    Some(Variable {
        name: origin.name().unwrap_or_default().into(),
        kind: origin.kind?,
        line: origin.line,
        is_argument,
        is_copy: false,
        location,
    })
}

/// Whether the compiler made it up for what the source says otherwise.
fn is_compilers(units: &Units, variable: &Variable) -> bool {
    if variable.is_argument {
        return false;
    }
    let named = || {
        let unit = units.unit(variable.kind.unit)?;
        let kind = unit.unit.entry(UnitOffset(variable.kind.offset)).ok()?;
        if kind.tag() == gimli::DW_TAG_array_type {
            return Some("[]".to_owned());
        }
        let name = unit.refs().attr_string(kind.attr_value(gimli::DW_AT_name)?);
        Some(String::from_utf8_lossy(name.ok()?.slice()).into_owned())
    };
    match &*variable.name {
        "_task_context" => true,
        // `Result<Infallible, E>`: what `?` gives back.
        "residual" => named().is_some_and(|name| name.contains("Infallible")),
        // What `format_args!` borrows, and then makes of it.
        "args" => named().is_some_and(|name| name.starts_with("(&") || name == "[]"),
        name => name.starts_with("__"),
    }
}

pub(super) const MAX_VARIABLES: usize = 256;

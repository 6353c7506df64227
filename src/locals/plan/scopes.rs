//! The walk through a function's entries to those whose code is at a place.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use gimli::UnitOffset;

use super::assigned::Assigned;
use super::code::Code;
use super::draft::{Draft, MAX_VARIABLES, variable};
use super::location::{Base, Compiler, Location};
use super::origin::Origin;
use super::{Passed, Plan, Scope, calls, leads, lines};
use crate::locals::units::{Entry, Place, Unit, Units};
use crate::stack::Missing;

/// The plan for a place in this unit; `None` when none of its functions has code there.
pub(super) fn plan(units: &Units, unit: &Arc<Unit>, place: Place) -> Result<Option<Plan>, Missing> {
    let Some((offset, code)) = unit.function(place.address) else {
        return Ok(None);
    };
    let function = unit.unit.entry(offset)?;
    let image = units.image_of(unit.number);
    let of_function = image.map(|image| Code::new(image, code.clone(), place));
    let mut compiler = Compiler {
        unit,
        address: place.address,
        bias: place.bias,
        base: None,
        code: of_function.as_ref(),
        follows: true,
    };
    compiler.base = frame_base(&compiler, &function);
    let mut walk = Walk {
        units,
        unit,
        compiler,
        open: Vec::new(),
        scopes: Vec::new(),
        passed: Vec::new(),
    };
    walk.enter(&function, 0);
    // What was understood before something broken is told.
    let _end_or_error = walk.run(offset);
    if let Some(innermost) = walk.scopes.last_mut().filter(|it| it.wants_line()) {
        innermost.scope.line = lines::line(unit, code.start, place.address);
    }
    let mut plan = walk.finish();
    plan.start = code.start.wrapping_add(place.bias);
    // Only code that was followed asks.
    if let Some(flow) = of_function.as_ref().and_then(Code::known_flow) {
        if plan.asks_inner() {
            plan.asks = flow.calls();
        }
        if let Some(passed) = Passed::of(flow).filter(|_| plan.passed.get().is_none()) {
            plan.passed = passed.into();
        }
    }
    Ok(Some(plan))
}

struct Walk<'a> {
    units: &'a Units,
    unit: &'a Arc<Unit>,
    compiler: Compiler<'a>,
    /// The functions and blocks that are open and have the place in them: their depth and scope.
    open: Vec<(isize, usize)>,
    /// Outermost first.
    scopes: Vec<Draft>,
    passed: Vec<(u16, Location)>,
}

impl Walk<'_> {
    fn run(&mut self, function: UnitOffset) -> Result<(), Missing> {
        let mut entries = self.unit.unit.entries_raw(Some(function))?;
        let mut entry = Entry::null();
        // The function itself was entered before.
        entries.read_entry(&mut entry)?;
        if !entry.has_children() {
            return Ok(());
        }
        loop {
            let depth = entries.next_depth();
            if depth < 1 || entries.is_empty() {
                return Ok(());
            }
            while self.open.pop_if(|(of, _)| *of >= depth).is_some() {}
            let parent = self.open.last().copied().filter(|(of, _)| *of == depth - 1);
            let Some((_, scope)) = parent else {
                if let Some(abbreviation) = entries.read_abbreviation()? {
                    entries.skip_attributes(abbreviation.attributes())?;
                }
                continue;
            };
            if !entries.read_entry(&mut entry)? {
                continue;
            }
            match entry.tag() {
                gimli::DW_TAG_formal_parameter | gimli::DW_TAG_variable => {
                    self.variable(&entry, scope, depth);
                }
                gimli::DW_TAG_lexical_block if self.is_here(&entry) => {
                    self.open.push((depth, scope));
                    let abstract_block = entry.attr_value(gimli::DW_AT_abstract_origin);
                    let block = abstract_block
                        .and_then(|value| self.units.reference(self.unit.number, value));
                    let abstracts = &mut self.scopes[scope].abstracts;
                    if abstracts.len() < MAX_BLOCKS {
                        abstracts.extend(block);
                    }
                }
                gimli::DW_TAG_inlined_subroutine if self.is_here(&entry) => {
                    if self.scopes.len() >= MAX_SCOPES {
                        return Ok(());
                    }
                    let line = entry.attr_value(gimli::DW_AT_call_line);
                    self.scopes[scope].scope.line = line
                        .and_then(|line| line.udata_value())
                        .and_then(|line| u32::try_from(line).ok())
                        .filter(|line| *line != 0);
                    self.enter(&entry, depth);
                }
                gimli::DW_TAG_call_site | gimli::DW_TAG_GNU_call_site => {
                    if let Some(passed) = calls::passed(&self.compiler, &entry) {
                        self.passed = passed;
                    }
                }
                _ => {}
            }
        }
    }

    fn is_here(&self, entry: &Entry) -> bool {
        let Ok(mut ranges) = self.unit.refs().die_ranges(entry) else {
            return false;
        };
        for _ in 0..MAX_RANGES {
            match ranges.next() {
                Ok(Some(range)) if range.begin <= self.compiler.address => {
                    if self.compiler.address < range.end {
                        return true;
                    }
                }
                Ok(Some(_)) => {}
                _ => return false,
            }
        }
        false
    }

    /// The code of an inlined function.
    fn inlined(&self, entry: &Entry) -> Vec<Range<u64>> {
        let mut found = Vec::new();
        if entry.tag() == gimli::DW_TAG_inlined_subroutine
            && let Ok(mut ranges) = self.unit.refs().die_ranges(entry)
        {
            while let Ok(Some(range)) = ranges.next() {
                if found.len() < MAX_INLINED {
                    found.push(range.begin..range.end);
                }
            }
        }
        found
    }

    fn enter(&mut self, entry: &Entry, depth: isize) {
        let origin = Origin::of(self.units, self.unit, entry);
        let file = origin.file();
        let scope = Scope {
            function: origin.path(self.units).into(),
            is_app: file.as_deref().is_none_or(|file| self.units.is_own(file)),
            file: file.map(Into::into),
            declared: origin.line,
            line: None,
            environment: None,
            variables: Box::default(),
        };
        self.open.push((depth, self.scopes.len()));
        self.scopes.push(Draft {
            scope,
            found: Vec::new(),
            instances: Vec::new(),
            abstracts: origin.instance_of.into_iter().collect(),
            inlined: self.inlined(entry),
        });
    }

    fn variable(&mut self, entry: &Entry, scope: usize, depth: isize) {
        let origin = Origin::of(self.units, self.unit, entry);
        let Some(draft) = self.scopes.get_mut(scope) else {
            return;
        };
        if draft.found.len() >= MAX_VARIABLES {
            return;
        }
        draft.instances.extend(origin.instance_of);
        let name = origin.name().unwrap_or_default();
        let is_argument = entry.tag() == gimli::DW_TAG_formal_parameter;
        if !draft.wants(name, is_argument) {
            return;
        }
        self.compiler.follows = draft.scope.is_app || name.is_empty() || leads(name);
        let location = self.compiler.of(
            entry.attr_value(gimli::DW_AT_location),
            entry.attr_value(gimli::DW_AT_const_value),
        );
        if let Some(variable) = variable(&origin, is_argument, location) {
            draft.take(self.units, variable, depth);
        }
    }

    fn finish(mut self) -> Plan {
        let units = self.units;
        for draft in &mut self.scopes {
            draft.add_lost(units);
        }
        let Compiler { code, base, .. } = self.compiler;
        let scopes = self.scopes.into_iter().rev().map(|mut draft| {
            let inlined = std::mem::take(&mut draft.inlined);
            draft.finish(units, &Assigned::new(code, base, &inlined))
        });
        let values = Some(self.passed).filter(|passed| !passed.is_empty());
        let passed = values.map(|values| Passed {
            values: values.into(),
            to: None,
        });
        Plan {
            scopes: scopes.collect(),
            passed: passed.map_or_else(OnceLock::new, OnceLock::from),
            start: 0,
            asks: None,
        }
    }
}

/// What `DW_OP_fbreg` counts from. rustc writes a register, or the frame's address and a distance for frames of over a page.
fn frame_base(compiler: &Compiler<'_>, function: &Entry) -> Option<(Base, i64)> {
    let expression = function
        .attr_value(gimli::DW_AT_frame_base)?
        .exprloc_value()?;
    match compiler.expression(expression).ok()? {
        Location::In(register) => Some((Base::Register(register), 0)),
        Location::At(base, offset) => Some((base, offset)),
        _ => None,
    }
}

const MAX_SCOPES: usize = 64;
const MAX_BLOCKS: usize = 64;
const MAX_INLINED: usize = 256;
const MAX_RANGES: usize = 10_000;

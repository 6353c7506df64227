//! What an entry says of itself, or leaves to the entry that it is an instance of.

use std::fmt::Write;
use std::sync::Arc;

use gimli::{AttributeValue, UnitOffset};

use super::lines;
use crate::locals::units::{Entry, EntryRef, Unit, Units};
use crate::stack::tidy;

/// What is known of a function or variable.
#[derive(Default)]
pub(super) struct Origin {
    name: Option<&'static [u8]>,
    linkage_name: Option<&'static [u8]>,
    pub(super) kind: Option<EntryRef>,
    pub(super) line: Option<u32>,
    file: Option<(Arc<Unit>, u64)>,
    /// The last entry of the chain, which stands in its namespace.
    pub(super) entry: Option<EntryRef>,
    /// The first entry that this is an instance of.
    pub(super) instance_of: Option<EntryRef>,
}

impl Origin {
    pub(super) fn of(units: &Units, unit: &Arc<Unit>, entry: &Entry) -> Self {
        let mut origin = Self::default();
        let mut unit = Arc::clone(unit);
        let mut next = origin.take(units, &unit, entry);
        for _ in 0..MAX_HOPS {
            let Some(to) = next else { break };
            if to.unit != unit.number {
                let Some(other) = units.unit(to.unit) else {
                    break;
                };
                unit = other;
            }
            let Ok(entry) = unit.unit.entry(UnitOffset(to.offset)) else {
                break;
            };
            next = origin.take(units, &unit, &entry);
        }
        origin
    }

    fn take(&mut self, units: &Units, unit: &Arc<Unit>, entry: &Entry) -> Option<EntryRef> {
        let text = |value| unit.text(value);
        let mut next = None;
        for attribute in entry.attrs() {
            let value = attribute.value();
            match attribute.name() {
                gimli::DW_AT_name => self.name = self.name.or_else(|| text(value)),
                gimli::DW_AT_linkage_name | gimli::DW_AT_MIPS_linkage_name => {
                    self.linkage_name = self.linkage_name.or_else(|| text(value));
                }
                gimli::DW_AT_type => {
                    self.kind = self.kind.or_else(|| units.reference(unit.number, value));
                }
                gimli::DW_AT_decl_line => {
                    let line = value
                        .udata_value()
                        .and_then(|line| u32::try_from(line).ok());
                    self.line = self.line.or(line);
                }
                gimli::DW_AT_decl_file => {
                    let number = match value {
                        AttributeValue::FileIndex(number) => Some(number),
                        other => other.udata_value(),
                    };
                    if self.file.is_none() {
                        self.file = number.map(|number| (Arc::clone(unit), number));
                    }
                }
                gimli::DW_AT_abstract_origin | gimli::DW_AT_specification => {
                    next = units.reference(unit.number, value);
                    self.instance_of = self.instance_of.or(next);
                }
                _ => {}
            }
        }
        self.entry = Some(EntryRef {
            unit: unit.number,
            offset: entry.offset().0,
        });
        next
    }

    /// A variable's name, or a function's without its path.
    pub(super) fn name(&self) -> Option<&'static str> {
        std::str::from_utf8(self.name?).ok()
    }

    /// A function's path, as stacks show it.
    pub(super) fn path(&self, units: &Units) -> String {
        if let Some(mangled) = self.linkage_name {
            let mut path = String::new();
            let _written = write!(path, "{:#}", backtrace::SymbolName::new(mangled));
            return tidy(&path);
        }
        let name = self.name().unwrap_or_default();
        let unit = self.entry.and_then(|entry| units.unit(entry.unit));
        let within = self.entry.map_or(0, |entry| entry.offset);
        let namespace = unit.map(|unit| unit.namespace(UnitOffset(within)));
        match namespace.as_deref() {
            None | Some("") => tidy(name),
            Some(namespace) => tidy(&format!("{namespace}::{name}")),
        }
    }

    /// The file it is declared in.
    pub(super) fn file(&self) -> Option<String> {
        let (unit, number) = self.file.as_ref()?;
        lines::file(unit, *number)
    }
}

/// An inlined function leads to its abstract entry, that to its declaration.
const MAX_HOPS: usize = 8;

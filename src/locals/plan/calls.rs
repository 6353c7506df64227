//! What a call passes to the function it calls, where the compiler wrote it down.

use gimli::AttributeValue;

use super::location::{Compiler, Location};
use crate::locals::units::Entry;

/// The registers and values that the call passes, when it is the one at this place.
///
/// rustc 1.95 writes no such entries, C compilers do.
pub(super) fn passed(compiler: &Compiler<'_>, call: &Entry) -> Option<Vec<(u16, Location)>> {
    let refs = compiler.unit.refs();
    // GNU's entries, from before DWARF 5, have it as `DW_AT_low_pc`.
    let returns = call
        .attr_value(gimli::DW_AT_call_return_pc)
        .or_else(|| call.attr_value(gimli::DW_AT_low_pc))?;
    let returns = refs.attr_address(returns).ok()??;
    if returns != compiler.address.checked_add(1)? || !call.has_children() {
        return None;
    }
    let mut entries = compiler.unit.unit.entries_raw(Some(call.offset())).ok()?;
    let mut entry = Entry::null();
    entries.read_entry(&mut entry).ok()?;
    let mut passed = Vec::new();
    while passed.len() < MAX_PASSED && entries.next_depth() == 1 {
        if !entries.read_entry(&mut entry).ok()? {
            break;
        }
        let register = match entry.attr_value(gimli::DW_AT_location) {
            Some(AttributeValue::Exprloc(expression)) => compiler.expression(expression),
            _ => continue,
        };
        let value = entry
            .attr_value(gimli::DW_AT_call_value)
            .or_else(|| entry.attr_value(gimli::DW_AT_GNU_call_site_value));
        if let (Ok(Location::In(register)), Some(AttributeValue::Exprloc(value))) =
            (register, value)
        {
            passed.push((register, compiler.value(value)));
        }
    }
    Some(passed)
}

const MAX_PASSED: usize = 16;

//! Whether a variable was given its value before a place.
//!
//! Debug information lists a variable from its `let` on: also in `let late;`, and in `if let Some(first) = look_up()`
//! while `look_up` runs. A build that is not optimised gives each variable its own place in the frame, to which no
//! instruction refers before the value is put there.

use std::cell::OnceCell;
use std::ops::Range;

use gimli::UnitOffset;

use super::code::Code;
use super::location::{Base, Location};
use super::{Variable, gaps};
use crate::locals::units::{Entry, Units};

/// The code of a function up to a place.
pub(super) struct Assigned<'a> {
    code: Option<&'a Code<'a>>,
    base: Option<(Base, i64)>,
    /// Where the code lies of a function that was inlined.
    inlined: &'a [Range<u64>],
    /// What of it may run before the place.
    leading: OnceCell<Option<Vec<u8>>>,
}

impl<'a> Assigned<'a> {
    pub(super) fn new(
        code: Option<&'a Code<'a>>,
        base: Option<(Base, i64)>,
        inlined: &'a [Range<u64>],
    ) -> Self {
        Self {
            code,
            base,
            inlined,
            leading: OnceCell::new(),
        }
    }

    fn code(&self) -> Option<&[u8]> {
        let code = self.code?;
        if self.inlined.is_empty() {
            return code.before();
        }
        let leading = self.leading.get_or_init(|| code.leading(self.inlined));
        leading.as_deref().or_else(|| code.before())
    }

    /// Whether the local may have its value already, where `line` is the line of the place.
    pub(super) fn is(&self, units: &Units, local: &Variable, line: Option<u32>) -> bool {
        let Location::At(Base::Register(register), offset) = local.location else {
            return true;
        };
        if self.base != Some((Base::Register(register), 0)) {
            return true;
        }
        let of_array = || {
            let (items, size) = array(units, local)?;
            i64::try_from(items.checked_mul(size)?).ok()
        };
        let size = size(units, local).or_else(of_array).unwrap_or(1);
        match self.code().map(|code| refers(code, register, offset, size)) {
            Some(Some(refers)) => refers || size == 0,
            _ => local.line.is_none() || local.line != line,
        }
    }

    /// Where the local is, without what of it was never written.
    pub(super) fn written(&self, units: &Units, local: &Variable) -> Option<Location> {
        let Location::At(base @ Base::Register(register), offset) = local.location else {
            return None;
        };
        let (items, size) = array(units, local)?;
        if !size.is_multiple_of(8) {
            return None;
        }
        let gaps = gaps::gaps(self.code()?, (register, offset), items, size / 8);
        if gaps.is_empty() {
            return None;
        }
        gaps::without(&gaps, base, offset, items * size)
    }
}

/// How many items an array has, and the size of each.
fn array(units: &Units, local: &Variable) -> Option<(u64, u64)> {
    let unit = units.unit(local.kind.unit)?;
    let offset = UnitOffset(local.kind.offset);
    let kind = unit.unit.entry(offset).ok()?;
    if kind.tag() != gimli::DW_TAG_array_type {
        return None;
    }
    let item = units.reference(local.kind.unit, kind.attr_value(gimli::DW_AT_type)?)?;
    let mut entries = unit.unit.entries_raw(Some(offset)).ok()?;
    let mut range = Entry::null();
    entries.read_entry(&mut range).ok()?;
    entries.read_entry(&mut range).ok()?;
    let items = range.attr_value(gimli::DW_AT_count)?.udata_value()?;
    let unit = units.unit(item.unit)?;
    let item = unit.unit.entry(UnitOffset(item.offset)).ok()?;
    let size = item.attr_value(gimli::DW_AT_byte_size)?.udata_value()?;
    Some((items, size))
}

/// The size of a type, as far as it says so itself.
fn size(units: &Units, local: &Variable) -> Option<i64> {
    let unit = units.unit(local.kind.unit)?;
    let kind = unit.unit.entry(UnitOffset(local.kind.offset)).ok()?;
    match kind.attr_value(gimli::DW_AT_byte_size) {
        Some(size) => size
            .sdata_value()
            .or_else(|| i64::try_from(size.udata_value()?).ok()),
        None if kind.tag() == gimli::DW_TAG_pointer_type => Some(8),
        None => None,
    }
}

/// Whether some instruction has an operand in memory within `offset..offset + size` of the register, as far as a search
/// for the bytes of such operands tells: what is no instruction may look like one. `None` for registers and machines of
/// which that is not known.
pub(super) fn refers(code: &[u8], register: u16, offset: i64, size: i64) -> Option<bool> {
    if !cfg!(target_arch = "x86_64") {
        return None;
    }
    // ModRM and SIB, section 2.1.5 of the Intel manual, volume 2: the byte that names the register as a base, and whether
    // another follows.
    let (base, follows) = match register {
        6 => (0b101, false),
        7 => (0b100, true),
        _ => return None,
    };
    let within = |distance: i64| (offset..offset.saturating_add(size.max(1))).contains(&distance);
    let operand = |bytes: &[u8]| {
        let (modrm, mut rest) = bytes.split_first()?;
        if modrm & 0b111 != base {
            return None;
        }
        if follows {
            let (sib, after) = rest.split_first()?;
            if *sib != 0x24 {
                return None;
            }
            rest = after;
        }
        match modrm >> 6 {
            0 if follows => Some(0),
            1 => Some(i64::from(rest.first()?.cast_signed())),
            2 => Some(i64::from(i32::from_le_bytes(*rest.first_chunk()?))),
            _ => None,
        }
    };
    let mut at = code;
    while !at.is_empty() {
        if operand(at).is_some_and(within) {
            return Some(true);
        }
        at = &at[1..];
    }
    Some(false)
}

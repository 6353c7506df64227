//! Types that a unit only declares: optimised together, a unit that takes over another's function leaves its types there.

use std::ops::Range;
use std::sync::PoisonError;

use gimli::{UnitOffset, constants as c};

use super::tables::{self, Tables};
use super::{Entry, EntryRef, Loaded, Unit, Units, number, root};

impl Units {
    /// The entry of another unit that describes the type which `from` declares; `None` as well when there are some of different
    /// sizes. It looks at the app's own units, of whose namespaces there are tables, and, when none has it, at some of the crate
    /// that the type is of.
    pub(in super::super) fn definition(
        &self,
        from: u32,
        path: &str,
        name: &str,
    ) -> Option<EntryRef> {
        let key = format!("{}/{path}::{name}", from >> super::UNIT_BITS);
        let declared = self.declared.lock();
        let mut declared = declared.unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = declared.get(&key) {
            return *known;
        }
        let found = self.find(from, path, name);
        if declared.len() >= MAX_DECLARED {
            declared.clear();
        }
        declared.insert(key, found);
        found
    }

    fn find(&self, from: u32, path: &str, name: &str) -> Option<EntryRef> {
        let (image, loaded) = self.image(from)?;
        let slots = || loaded.index().slots.iter().enumerate();
        let mut found = Found::None;
        for (within, slot) in slots().filter(|(_, slot)| self.is_own_slot(loaded, slot)) {
            let known = slot.tables.get();
            if known.is_some_and(|tables| !tables.namespaces.has(path)) {
                continue;
            }
            if let Ok(unit) = self.parse(number(image, within)) {
                found.take_from(&unit, unit.tables(), path, name);
            }
        }
        if !matches!(found, Found::None) {
            return found.only();
        }
        let mut left = MAX_LOOKED_AT;
        for (within, slot) in slots() {
            let size = loaded.size_of_crate(slot, path.split("::").next()?);
            let Some(size) = size.filter(|size| *size <= left) else {
                continue;
            };
            left -= size;
            if let Ok(unit) = self.parse(number(image, within)) {
                // Those of others are not kept.
                let tables = tables::read(&unit.refs());
                found.take_from(&unit, &tables, path, name);
            }
        }
        found.only()
    }
}

impl Loaded {
    /// The bytes of the unit, if it is of this crate.
    fn size_of_crate(&self, slot: &super::index::Slot, name: &str) -> Option<usize> {
        let dwarf = &self.image.dwarf;
        let header = dwarf.debug_info.header_from_offset(slot.offset()).ok()?;
        let size = header.length_including_self();
        let unit = root::unit(dwarf, header)?;
        (root::crate_of(unit.name?)? == name).then_some(size)
    }
}

/// The descriptions of one type.
enum Found {
    None,
    /// The first, and the size that all have.
    Same(EntryRef, u64),
    Different,
}

impl Found {
    fn only(self) -> Option<EntryRef> {
        match self {
            Self::Same(entry, _) => Some(entry),
            Self::None | Self::Different => None,
        }
    }

    fn take_from(&mut self, unit: &Unit, tables: &Tables, path: &str, name: &str) {
        let Some((offset, size)) = described(unit, tables, path, name) else {
            return;
        };
        let entry = EntryRef {
            unit: unit.number,
            offset: offset.0,
        };
        self.add(entry, size);
    }

    fn add(&mut self, entry: EntryRef, size: u64) {
        *self = match self {
            Self::None => Self::Same(entry, size),
            Self::Same(first, same) if *same == size => Self::Same(*first, size),
            _ => Self::Different,
        };
    }
}

/// The type of this name in a namespace of the unit, and its size.
fn described(unit: &Unit, tables: &Tables, path: &str, name: &str) -> Option<(UnitOffset, u64)> {
    let parts = tables.namespaces.parts(path);
    parts.into_iter().find_map(|part| within(unit, part, name))
}

fn within(unit: &Unit, part: Range<usize>, name: &str) -> Option<(UnitOffset, u64)> {
    let mut entries = unit.unit.entries_raw(Some(UnitOffset(part.start))).ok()?;
    let mut entry = Entry::null();
    while !entries.is_empty() && entries.next_offset().0 < part.end {
        let is_below = entries.next_depth() > 0;
        let mut peeked = entries.clone();
        let Some(abbreviation) = entries.read_abbreviation().ok()? else {
            continue;
        };
        let has = |name| abbreviation.attributes().iter().any(|a| a.name() == name);
        let is_type = matches!(
            abbreviation.tag(),
            c::DW_TAG_structure_type | c::DW_TAG_enumeration_type | c::DW_TAG_union_type
        );
        if is_below || !is_type || !has(c::DW_AT_byte_size) || has(c::DW_AT_declaration) {
            entries.skip_attributes(abbreviation.attributes()).ok()?;
            continue;
        }
        peeked.read_entry(&mut entry).ok()?;
        entries = peeked;
        let own = entry.attr_value(c::DW_AT_name);
        let own = own.and_then(|own| unit.refs().attr_string(own).ok());
        if own.is_some_and(|own| own.slice() == name.as_bytes()) {
            let size = entry.attr(c::DW_AT_byte_size)?.udata_value()?;
            return Some((entry.offset(), size));
        }
    }
    None
}

/// Types that are remembered, with those that were not found.
const MAX_DECLARED: usize = 1_000;

/// Bytes of units of others that are looked at for one type: 20 ms.
const MAX_LOOKED_AT: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use crate::locals::sample::{entry_of, rules, units};
    use crate::locals::types::Types;

    struct Parcel {
        _grams: u64,
        _to: Option<String>,
    }

    #[test]
    fn a_type_is_found_by_its_name() {
        let parcel = entry_of::<Parcel>();
        let find = |path: &str, name: &str| units().definition(parcel.unit, path, name);
        let found = find(module_path!(), "Parcel").unwrap();
        assert_eq!(Some(found), find(module_path!(), "Parcel"), "remembered");
        let found = Types::new(rules()).get(units(), found);
        let own = Types::new(rules()).get(units(), parcel);
        assert_eq!((&found.name, found.size), (&own.name, own.size));
        let option = find("core::option", "Option<alloc::string::String>").unwrap();
        let option = Types::new(rules()).get(units(), option);
        assert_eq!(option.shown(), "Option<String>");
        assert_eq!(option.size, 24);
        for (path, name) in [
            ("core", "Option<alloc::string::String>"),
            ("core::option", "Some"),
            ("no::such::module", "Parcel"),
            (module_path!(), "Parcels"),
        ] {
            assert_eq!(find(path, name), None, "{path}::{name}");
        }
    }

    #[test]
    fn of_different_sizes_none_is_taken() {
        use super::{EntryRef, Found};
        let entry = EntryRef { unit: 1, offset: 2 };
        let mut found = Found::None;
        found.add(entry, 8);
        found.add(EntryRef { unit: 2, offset: 2 }, 8);
        assert!(matches!(found, Found::Same(first, 8) if first == entry));
        found.add(entry, 16);
        found.add(entry, 8);
        assert_eq!(found.only(), None);
    }
}

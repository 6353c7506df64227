//! Types that a unit only declares: optimised together, a unit that takes over another's function leaves its types there.

use std::ops::Range;
use std::sync::{Arc, PoisonError};

use gimli::{Abbreviation, AttributeValue, Section, UnitOffset, constants as c};
use memchr::memmem;

use super::index::Slot;
use super::skim::{Seen, Shapes, Skim};
use super::tables;
use super::{Entry, EntryRef, Loaded, Slice, Unit, Units, number, root};

impl Units {
    /// The entry of another unit that describes the type which this one only declares; `None` as well when there are some of
    /// different sizes. It looks at the app's own units, and, when none has it, at some of the crate that the type is of.
    pub(in super::super) fn definition(
        &self,
        declared: EntryRef,
        path: &str,
        name: &str,
    ) -> Option<EntryRef> {
        let key = format!("{}/{path}::{name}", declared.unit >> super::UNIT_BITS);
        let known = self.declared.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&key) {
            return *known;
        }
        let found = self.find(declared, path, name);
        if known.len() >= MAX_DECLARED {
            known.clear();
        }
        known.insert(key, found);
        found
    }

    fn find(&self, declared: EntryRef, path: &str, name: &str) -> Option<EntryRef> {
        let (image, loaded) = self.image(declared.unit)?;
        let place = self.place_of_name(declared, name);
        let place = place.as_ref().map(memmem::Finder::new);
        let slots = || loaded.index().slots.iter().enumerate();
        let own = slots().filter(|(_, slot)| self.is_own_slot(loaded, slot));
        let (mut found, mut unread) = (Found::None, Vec::new());
        for (within, slot) in own {
            let number = number(image, within);
            if let Some(tables) = slot.tables() {
                let mut parts = tables.namespaces.parts(path);
                parts.retain(|part| loaded.mentions(slot, part, place.as_ref()));
                if !parts.is_empty()
                    && let Some(unit) = self.unit(number)
                {
                    found.take_from(&unit, parts, name);
                }
            } else if loaded.mentions(slot, &WHOLE, place.as_ref())
                && let Some(unit) = self.unit(number)
            {
                unread.push((sizes(&unit, place.as_ref()), unit));
            }
        }
        for (sizes, unit) in unread {
            if !sizes.is_some_and(|sizes| found.is_the_same_with(&sizes)) {
                found.take_from(&unit, unit.tables().namespaces.parts(path), name);
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
            if !loaded.mentions(slot, &WHOLE, place.as_ref()) {
                continue;
            }
            if let Ok(unit) = self.parse(number(image, within))
                && sizes(&unit, place.as_ref()).is_none_or(|sizes| !sizes.is_empty())
            {
                // Those of others are not kept.
                let tables = tables::read(&unit.refs());
                found.take_from(&unit, tables.namespaces.parts(path), name);
            }
        }
        found.only()
    }

    /// What entries of this name have in their bytes: linkers keep each text once, and entries say where. `None` for what was
    /// split off, and for texts that are kept otherwise.
    fn place_of_name(&self, of: EntryRef, name: &str) -> Option<[u8; 4]> {
        let (_, loaded) = self.image(of.unit)?;
        let unit = self.unit(of.unit)?;
        let entry = unit.unit.entry(UnitOffset(of.offset)).ok()?;
        let own = entry.attr_value(c::DW_AT_name)?;
        let AttributeValue::DebugStrRef(offset) = own else {
            return None;
        };
        let is_whole = Arc::ptr_eq(&unit.dwarf, &loaded.image.dwarf);
        let place = u32::try_from(offset.0).ok().map(u32::to_ne_bytes);
        place.filter(|_| is_whole && is_named(&unit, own, name))
    }
}

impl Loaded {
    /// Whether some bytes of this part of the unit are these.
    fn mentions(
        &self,
        slot: &Slot,
        part: &Range<usize>,
        bytes: Option<&memmem::Finder<'_>>,
    ) -> bool {
        let Some(bytes) = bytes else { return true };
        let info = &self.image.dwarf.debug_info;
        let Ok(header) = info.header_from_offset(slot.offset()) else {
            return false;
        };
        let root = header.root_offset();
        let Ok(entries) = header.range_from(root..) else {
            return false;
        };
        let [begin, end] = [part.start, part.end].map(|at| at.saturating_sub(root.0));
        let part = entries.slice().get(begin..end.min(entries.len()));
        part.is_some_and(|part| bytes.find(part).is_some())
    }

    /// The bytes of the unit, if it is of this crate.
    fn size_of_crate(&self, slot: &Slot, name: &str) -> Option<usize> {
        let dwarf = &self.image.dwarf;
        let header = dwarf.debug_info.header_from_offset(slot.offset()).ok()?;
        let size = header.length_including_self();
        let unit = root::unit(dwarf, header, &self.recent)?;
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

    /// Whether descriptions of these sizes, if they are of the type, change nothing.
    fn is_the_same_with(&self, sizes: &[u64]) -> bool {
        sizes.iter().all(|size| match self {
            Self::None => false,
            Self::Same(_, same) => size == same,
            Self::Different => true,
        })
    }

    fn take_from(&mut self, unit: &Unit, parts: Vec<Range<usize>>, name: &str) {
        let Some((offset, size)) = described(unit, parts, name) else {
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

/// The type of this name in parts of the unit, and its size.
fn described(unit: &Unit, parts: Vec<Range<usize>>, name: &str) -> Option<(UnitOffset, u64)> {
    if parts.is_empty() {
        return None;
    }
    let shapes = Shapes::new(&unit.unit, |abbreviation| {
        is_of_types(abbreviation).then_some(i32::MAX)
    });
    let named = |part| within(unit, &shapes, part, name);
    parts.into_iter().find_map(named)
}

fn within(
    unit: &Unit,
    shapes: &Shapes<'_>,
    part: Range<usize>,
    name: &str,
) -> Option<(UnitOffset, u64)> {
    let mut skim = Skim::new(shapes, UnitOffset(part.start)).ok()?;
    let mut entry = Entry::null();
    while let Some(Seen::Wanted(offset, depth)) = skim.next(-1).ok()?
        && offset < part.end
    {
        // What stands in another type is not meant.
        if depth > 0 {
            continue;
        }
        let offset = UnitOffset(offset);
        let mut entries = unit.unit.entries_raw(Some(offset)).ok()?;
        entries.read_entry(&mut entry).ok()?;
        let own = entry.attr_value(c::DW_AT_name);
        if own.is_some_and(|own| is_named(unit, own, name)) {
            let size = entry.attr(c::DW_AT_byte_size)?.udata_value()?;
            return Some((offset, size));
        }
    }
    None
}

/// Whether entries of this kind describe a type.
fn is_of_types(abbreviation: &Abbreviation) -> bool {
    let has = |name| abbreviation.attributes().iter().any(|a| a.name() == name);
    let is_type = matches!(
        abbreviation.tag(),
        c::DW_TAG_structure_type | c::DW_TAG_enumeration_type | c::DW_TAG_union_type
    );
    is_type && has(c::DW_AT_byte_size) && !has(c::DW_AT_declaration)
}

/// The sizes of the types that are named by this place, in whatever namespace; of those that only declare one, of which a unit
/// may have many, there are none. `None` where they are not to be found so.
fn sizes(unit: &Unit, place: Option<&memmem::Finder<'_>>) -> Option<Vec<u64>> {
    let unit = &unit.unit;
    let root = unit.header.root_offset();
    let entries = unit.header.range_from(root..).ok()?.slice();
    let abbreviation = |code| unit.abbreviations.get(code);
    let types = (1..).map_while(abbreviation).filter(|it| is_of_types(it));
    let mut before = types
        .map(|it| before_name(unit, it))
        .collect::<Option<Vec<_>>>()?;
    before.sort_unstable();
    before.dedup();
    if abbreviation(1 << 14).is_some() {
        return None;
    }
    let mut found = Vec::new();
    for at in place?.find_iter(entries) {
        for before in &before {
            let behind_code = entries.get(..at.saturating_sub(*before));
            for (begin, code) in codes(behind_code.unwrap_or_default()) {
                let of = abbreviation(code).filter(|it| is_of_types(it));
                if of.and_then(|it| before_name(unit, it)) == Some(*before) {
                    let entry = unit.entry(UnitOffset(root.0 + begin)).ok()?;
                    found.push(entry.attr(c::DW_AT_byte_size)?.udata_value()?);
                }
            }
        }
    }
    Some(found)
}

/// How many bytes of an entry stand between its code and its name; `None` where they differ.
fn before_name(unit: &gimli::Unit<Slice>, abbreviation: &Abbreviation) -> Option<usize> {
    let attributes = abbreviation.attributes().iter();
    let before = attributes.take_while(|it| it.name() != c::DW_AT_name);
    before.map(|it| it.size(&unit.header)).sum()
}

/// The codes of abbreviations, numbers in LEB128 of one byte or two, with which these bytes may end, and where they begin.
fn codes(bytes: &[u8]) -> impl Iterator<Item = (usize, u64)> + use<> {
    let (one, two) = match *bytes {
        [.., before @ 0x80..=0xff, last @ 0..0x80] => {
            let code = u64::from(before & 0x7f) | u64::from(last) << 7;
            (Some(last), Some((bytes.len() - 2, code)))
        }
        [.., last @ 0..0x80] => (Some(last), None),
        _ => (None, None),
    };
    let one = one.map(|code| (bytes.len() - 1, u64::from(code)));
    one.into_iter().chain(two)
}

/// Whether the name is this one. Names of types are long, and their ends have to be looked for.
fn is_named(unit: &Unit, own: AttributeValue<Slice>, name: &str) -> bool {
    if let AttributeValue::DebugStrRef(offset) = own {
        let texts = unit.dwarf.debug_str.reader().slice();
        let from = texts.get(offset.0..).unwrap_or_default();
        let behind = from.strip_prefix(name.as_bytes());
        return behind.is_some_and(|behind| behind.first() == Some(&0));
    }
    let own = unit.refs().attr_string(own);
    own.is_ok_and(|own| own.slice() == name.as_bytes())
}

/// All entries of a unit.
const WHOLE: Range<usize> = 0..usize::MAX;

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
        let find = |path: &str, name: &str| units().definition(parcel, path, name);
        let found = find(module_path!(), "Parcel").unwrap();
        assert_eq!(Some(found), find(module_path!(), "Parcel"), "remembered");
        let found = Types::new(rules()).get(units(), found);
        let own = Types::new(rules()).get(units(), parcel);
        assert_eq!((&found.name, found.size), (&own.name, own.size));
        let option = find("core::option", "Option<alloc::string::String>").unwrap();
        let option = Types::new(rules()).get(units(), option);
        assert_eq!(&**option.shown(), "Option<String>");
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
    fn the_sizes_of_a_type_are_found_without_a_table_of_its_unit() {
        use super::{WHOLE, memmem, sizes};
        let parcel = entry_of::<Parcel>();
        let unit = units().unit(parcel.unit).unwrap();
        let place = units().place_of_name(parcel, "Parcel").unwrap();
        let place = memmem::Finder::new(&place);
        assert_eq!(sizes(&unit, Some(&place)), Some(vec![32]));
        let (_, loaded) = units().image(parcel.unit).unwrap();
        let slots = loaded.index().slots.iter().enumerate();
        let with = slots.filter(|(_, slot)| loaded.mentions(slot, &WHOLE, Some(&place)));
        let with: Vec<_> = with.map(|(within, _)| within).collect();
        assert!(with.contains(&(parcel.unit as usize)), "{with:?}");
        let slot = &loaded.index().slots[parcel.unit as usize];
        let is_in = |part| loaded.mentions(slot, &part, Some(&place));
        let (at, size) = (parcel.offset, unit.unit.header.length_including_self());
        assert!(is_in(at..at + 16) && is_in(at..usize::MAX) && !is_in(size..usize::MAX));
        assert!(!is_in(at + 16..at + 17), "too short");
        assert_eq!(units().place_of_name(parcel, "Parcels"), None);
    }

    #[test]
    fn of_different_sizes_none_is_taken() {
        use super::{EntryRef, Found};
        let entry = EntryRef { unit: 1, offset: 2 };
        let mut found = Found::None;
        assert!(!found.is_the_same_with(&[8]) && found.is_the_same_with(&[]));
        found.add(entry, 8);
        assert!(found.is_the_same_with(&[8, 8]) && !found.is_the_same_with(&[8, 16]));
        found.add(EntryRef { unit: 2, offset: 2 }, 8);
        assert!(matches!(found, Found::Same(first, 8) if first == entry));
        found.add(entry, 16);
        found.add(entry, 8);
        assert_eq!(found.only(), None);
    }
}

//! What a unit says of itself in its first entry. That is read for half a microsecond: all abbreviations would take thirty times as long.

use std::sync::{Arc, Mutex, PoisonError};

use gimli::{
    Abbreviations, AttributeValue, DebugAbbrev, DebugAbbrevOffset, DebugAddrBase, DebugLineOffset,
    DebugLocListsBase, DebugRngListsBase, DebugStrOffsetsBase, EndianSlice, NativeEndian, Reader,
    Section, UnitHeader, UnitType,
};

use super::{Dwarf, Slice};

/// Whether a unit is rustc's, of a crate that is the app's.
pub(super) fn is_own(unit: &gimli::Unit<Slice>, is_own: &dyn Fn(&str) -> bool) -> bool {
    let text =
        |slice: Option<Slice>| slice.and_then(|slice| std::str::from_utf8(slice.slice()).ok());
    let folder = text(unit.comp_dir).unwrap_or_default();
    match text(unit.name) {
        // `src/main.rs/@/shop.47a7f79b2855e1ac-cgu.0`, for each part that rustc compiled on its own.
        Some(name) => match parted(name) {
            Some((file, _)) if file.starts_with('/') => is_own(file),
            Some((file, _)) => is_own(&format!("{folder}/{file}")),
            None => false,
        },
        // What was split off leaves its folder only.
        None => unit.dwo_id.is_some() && is_own(folder),
    }
}

/// The crate that a unit of this name is a part of: `shop` of `src/main.rs/@/shop.47a7f79b2855e1ac-cgu.0`.
pub(super) fn crate_of(name: Slice) -> Option<&'static str> {
    let name = std::str::from_utf8(name.slice()).ok()?;
    let (_, part) = parted(name)?;
    part.split_once('.').map(|(name, _)| name)
}

/// What is before and behind `/@/`. It is looked for in every unit, and not worth the preparations of a search for a text.
fn parted(name: &str) -> Option<(&str, &str)> {
    let mut marks = memchr::memchr_iter(b'@', name.as_bytes());
    marks.find_map(|at| {
        let (before, behind) = name.split_at_checked(at)?;
        Some((before.strip_suffix('/')?, behind.strip_prefix("@/")?))
    })
}

/// The unit with the abbreviation of its first entry alone, and without lines.
pub(super) fn unit(
    dwarf: &Dwarf,
    header: UnitHeader<Slice>,
    recent: &Recent,
) -> Option<gimli::Unit<Slice>> {
    let code = header
        .range_from(header.root_offset()..)
        .and_then(|mut entries| entries.read_uleb128())
        .ok()?;
    let abbreviations = recent.abbreviation(dwarf, header.debug_abbrev_offset(), code)?;
    read(dwarf, header, abbreviations)
        .ok()
        .map(|(unit, _)| unit)
}

/// The unit with all abbreviations, and where its lines are: what gimli reads as well, the names of all files, takes as long
/// as the rest.
pub(super) fn whole(
    dwarf: &Dwarf,
    header: UnitHeader<Slice>,
) -> gimli::Result<(gimli::Unit<Slice>, Option<DebugLineOffset>)> {
    let abbreviations = dwarf.abbreviations(&header)?;
    read(dwarf, header, abbreviations)
}

fn read(
    dwarf: &Dwarf,
    header: UnitHeader<Slice>,
    abbreviations: Arc<Abbreviations>,
) -> gimli::Result<(gimli::Unit<Slice>, Option<DebugLineOffset>)> {
    let (encoding, kind) = (header.encoding(), dwarf.file_type);
    let mut unit = gimli::Unit {
        abbreviations,
        name: None,
        comp_dir: None,
        low_pc: 0,
        str_offsets_base: DebugStrOffsetsBase::default_for_encoding_and_file(encoding, kind),
        addr_base: DebugAddrBase(0),
        loclists_base: DebugLocListsBase::default_for_encoding_and_file(encoding, kind),
        rnglists_base: DebugRngListsBase::default_for_encoding_and_file(encoding, kind),
        line_program: None,
        dwo_id: match header.type_() {
            UnitType::Skeleton(id) | UnitType::SplitCompilation(id) => Some(id),
            _ => None,
        },
        header,
    };
    let root = unit.entry(unit.header.root_offset())?;
    let (mut name, mut folder, mut low, mut lines) = (None, None, None, None);
    for attribute in root.attrs() {
        match (attribute.name(), attribute.value()) {
            (gimli::DW_AT_name, value) => name = Some(value),
            (gimli::DW_AT_comp_dir, value) => folder = Some(value),
            (gimli::DW_AT_low_pc, value) => low = Some(value),
            (_, AttributeValue::DebugStrOffsetsBase(base)) => unit.str_offsets_base = base,
            (_, AttributeValue::DebugAddrBase(base)) => unit.addr_base = base,
            (_, AttributeValue::DebugLocListsBase(base)) => unit.loclists_base = base,
            (_, AttributeValue::DebugRngListsBase(base)) => unit.rnglists_base = base,
            (gimli::DW_AT_stmt_list, AttributeValue::DebugLineRef(offset)) => lines = Some(offset),
            (_, AttributeValue::DwoId(id)) => unit.dwo_id = Some(id),
            _ => {}
        }
    }
    unit.name = name.and_then(|name| dwarf.attr_string(&unit, name).ok());
    unit.comp_dir = folder.and_then(|folder| dwarf.attr_string(&unit, folder).ok());
    if let Some(low) = low {
        unit.low_pc = dwarf.attr_address(&unit, low)?.unwrap_or(0);
    }
    Ok((unit, lines))
}

/// The last abbreviation that was looked for: units that were compiled together have the same.
#[derive(Default)]
pub(super) struct Recent(Mutex<Option<(DebugAbbrevOffset, u64, Arc<Abbreviations>)>>);

impl Recent {
    fn abbreviation(
        &self,
        dwarf: &Dwarf,
        of: DebugAbbrevOffset,
        code: u64,
    ) -> Option<Arc<Abbreviations>> {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((last, known, found)) = &*recent
            && (*last, *known) == (of, code)
        {
            return Some(Arc::clone(found));
        }
        let mut table = *dwarf.debug_abbrev.reader();
        table.skip(of.0).ok()?;
        let found = Arc::new(abbreviation(table, code)?);
        *recent = Some((of, code, Arc::clone(&found)));
        Some(found)
    }
}

/// The abbreviation of this code alone: its tag and mark of children, then pairs until two zeros. It is mostly the first.
fn abbreviation(mut table: Slice, wanted: u64) -> Option<Abbreviations> {
    for _ in 0..MAX_SKIPPED {
        let begin = table;
        let code = table.read_uleb128().ok()?;
        if code == 0 {
            return None;
        }
        let (_tag, _children) = (table.read_uleb128().ok()?, table.read_u8().ok()?);
        loop {
            let (name, form) = (table.read_uleb128().ok()?, table.read_uleb128().ok()?);
            if (name, form) == (0, 0) {
                break;
            }
            if form == u64::from(gimli::DW_FORM_implicit_const.0) {
                table.read_sleb128().ok()?;
            }
        }
        if code == wanted {
            let own = begin.slice().get(..begin.len() - table.len())?;
            // A zero ends the table.
            let mut alone = [0; MAX_LENGTH];
            alone[..MAX_LENGTH - 1]
                .get_mut(..own.len())?
                .copy_from_slice(own);
            let table = DebugAbbrev::from(EndianSlice::new(&alone, NativeEndian));
            return table.abbreviations(DebugAbbrevOffset(0)).ok();
        }
    }
    None
}

/// rustc's is some 25 bytes long.
const MAX_LENGTH: usize = 128;

/// How far the abbreviation is looked for; of units that were optimised together, it is among the first ten or so.
const MAX_SKIPPED: usize = 256;

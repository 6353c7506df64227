//! What the units of a program are, without asking those who use them.

use super::*;

impl Units {
    /// Takes every unit for the app's, also those of C.
    pub(in crate::locals) fn own_all(&self) {
        for loaded in &self.images {
            for slot in loaded.index().slots.iter().chain(&loaded.rest().slots) {
                let _known = slot.own.set(true);
            }
        }
    }

    /// The units that the app's own index names, and those that were read.
    pub(in crate::locals) fn counts(&self) -> (usize, usize) {
        let slots = || self.images.iter().flat_map(|loaded| &loaded.index().slots);
        let read = slots().filter(|slot| slot.tables().is_some());
        (slots().count(), read.count())
    }
}

#[test]
fn a_reference_across_units_finds_its_unit() {
    let mut units = Units::new(crate::stack::is_app_file);
    units.add(Image::open("/proc/self/exe".as_ref(), 0).unwrap());
    let dwarf = Arc::clone(&units.images[0].image.dwarf);
    let mut headers = dwarf.units();
    let mut seen = 0;
    while let Some(header) = headers.next().unwrap() {
        let start = header.debug_info_offset().unwrap().0;
        let root = header.root_offset().0;
        let last = header.length_including_self() - 1;
        for within in [root, last] {
            let found = units.images[0].covering(start + within);
            let (number, offset) = found.unwrap();
            assert_eq!(offset, within);
            let slot = units.images[0].slot(number).unwrap();
            assert_eq!(slot.offset().0, start);
        }
        seen += 1;
    }
    assert!(seen > 100, "{seen} units");
    assert_eq!(units.images[0].covering(usize::MAX), None);
    assert_eq!(units.images[0].covering(1), None, "in a header");
}

#[test]
fn a_program_that_describes_nothing_of_the_app_is_known_as_one() {
    let describes = |is_own: fn(&str) -> bool| {
        let mut units = Units::new(is_own);
        units.add(Image::open("/proc/self/exe".as_ref(), 0).unwrap());
        units.describe_nothing()
    };
    assert_eq!(describes(crate::stack::is_app_file), None);
    assert_eq!(describes(|_| false), Some(Missing::NoDebuginfo));
}

#[test]
fn the_first_entry_is_read_as_by_reading_all() {
    let image = Image::open("/proc/self/exe".as_ref(), 0).unwrap();
    let mut headers = image.dwarf.units();
    let recent = root::Recent::default();
    let mut own = 0;
    while let Some(header) = headers.next().unwrap() {
        let whole = image.dwarf.unit(header).unwrap();
        let first = root::unit(&image.dwarf, header, &recent).unwrap();
        assert_eq!(first.name, whole.name);
        assert_eq!(first.comp_dir, whole.comp_dir);
        assert_eq!(first.low_pc, whole.low_pc);
        let (all, lines) = root::whole(&image.dwarf, header).unwrap();
        assert_eq!(
            (all.name, all.comp_dir, all.low_pc),
            (whole.name, whole.comp_dir, whole.low_pc)
        );
        let bases = |unit: &gimli::Unit<Slice>| {
            (
                unit.str_offsets_base,
                unit.addr_base,
                unit.loclists_base,
                unit.rnglists_base,
                unit.dwo_id,
            )
        };
        assert_eq!(bases(&all), bases(&whole));
        let of_whole = whole.line_program.as_ref();
        assert_eq!(lines, of_whole.map(|lines| lines.header().offset()));
        let is_own = root::is_own(&first, &crate::stack::is_app_file);
        let text = |slice: Option<Slice>| slice.unwrap_or_default().to_string_lossy().into_owned();
        let (name, folder) = (text(whole.name), text(whole.comp_dir));
        let here = folder == env!("CARGO_MANIFEST_DIR") && name.starts_with("src/lib.rs/@/");
        assert_eq!(is_own, here, "{name} in {folder}");
        own += usize::from(is_own);
    }
    assert!(own > 0);
}

#[test]
fn passing_over_entries_leads_to_the_same_as_reading_each() {
    let image = Image::open("/proc/self/exe".as_ref(), 0).unwrap();
    let (mut headers, mut seen) = (image.dwarf.units(), 0);
    while let Some(header) = headers.next().unwrap() {
        let (unit, _) = root::whole(&image.dwarf, header).unwrap();
        let is_wanted = |tag| matches!(tag, gimli::DW_TAG_member | gimli::DW_TAG_variable);
        let mut read = Vec::new();
        let (mut entries, mut entry) = (unit.entries_raw(None).unwrap(), Entry::null());
        while !entries.is_empty() {
            let depth = i32::try_from(entries.next_depth()).unwrap();
            let offset = entries.next_offset().0;
            if entries.read_entry(&mut entry).unwrap() && is_wanted(entry.tag()) && depth <= 4 {
                read.push(skim::Seen::Wanted(offset, depth));
            }
            if depth > 1 && entries.next_depth() == 1 && entry.is_null() {
                read.push(skim::Seen::Up);
            }
        }
        let deepest = |it: &gimli::Abbreviation| is_wanted(it.tag()).then_some(4);
        let shapes = skim::Shapes::new(&unit, deepest);
        let mut skim = skim::Skim::new(&shapes, unit.header.root_offset()).unwrap();
        let mut own = Vec::new();
        while skim.offset() < unit.header.length_including_self() {
            own.extend(skim.next(1).unwrap().filter(|_| skim.depth > 0));
        }
        assert!(read == own, "{:?}", unit.name);
        seen += own.len();
    }
    assert!(seen > 10_000, "{seen}");
}

#[test]
fn texts_are_what_gimli_reads() {
    let image = Image::open("/proc/self/exe".as_ref(), 0).unwrap();
    let (mut headers, mut seen) = (image.dwarf.units(), 0);
    while let Some(header) = headers.next().unwrap() {
        let (unit, _) = root::whole(&image.dwarf, header).unwrap();
        let refs = unit.unit_ref(&image.dwarf);
        let root = unit.entry(unit.header.root_offset()).unwrap();
        for attribute in root.attrs() {
            let read = refs.attr_string(attribute.value()).ok();
            let read = read.map(|read| read.slice());
            assert_eq!(text(&refs, attribute.value()), read);
            seen += usize::from(read.is_some());
        }
    }
    assert!(seen > 100, "{seen} texts");
}

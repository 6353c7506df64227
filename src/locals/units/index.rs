//! Which unit an address belongs to.

use std::sync::{Arc, OnceLock};

use gimli::{ArangeHeader, DebugInfoOffset, Section};

use super::root::Recent;
use super::tables::Tables;
use super::{Dwarf, Loaded, Slice, UNIT_MASK};

/// Units with the addresses of their code.
pub(super) struct Index {
    /// In the order of their places in the section.
    pub(super) slots: Vec<Slot>,
    /// In the order of their beginnings; of units that no table names, once they are asked for.
    ranges: OnceLock<Vec<Range>>,
}

/// A unit that may have been read.
pub(super) struct Slot {
    offset: usize,
    pub(super) own: OnceLock<bool>,
    /// Of one that was parsed.
    tables: OnceLock<Arc<OnceLock<Tables>>>,
    /// Whether its vtables are among those that are known.
    pub(super) listed: OnceLock<()>,
}

#[derive(Clone, Copy)]
struct Range {
    start: u64,
    length: u32,
    slot: u32,
}

impl Slot {
    fn new(offset: usize) -> Self {
        Self {
            offset,
            own: OnceLock::new(),
            tables: OnceLock::new(),
            listed: OnceLock::new(),
        }
    }

    pub(super) fn offset(&self) -> DebugInfoOffset {
        DebugInfoOffset(self.offset)
    }

    /// What was found in it, if it was passed over.
    pub(super) fn tables(&self) -> Option<&Tables> {
        self.tables.get()?.get()
    }

    /// Where that is kept.
    pub(super) fn place_of_tables(&self) -> Arc<OnceLock<Tables>> {
        Arc::clone(self.tables.get_or_init(Arc::default))
    }
}

impl Loaded {
    pub(super) fn index(&self) -> &Index {
        self.index.get_or_init(|| from_aranges(&self.image.dwarf))
    }

    /// Most have no code: rustc and LLVM write `.debug_aranges` for each that does. Walking the headers costs about a
    /// millisecond for 28 MB.
    pub(super) fn rest(&self) -> &Index {
        let walk = || from_headers(&self.image.dwarf, self.index());
        self.rest.get_or_init(walk)
    }

    /// The same, with the addresses of what code they have: that takes as long again, or longer.
    pub(super) fn rest_with_ranges(&self) -> &Index {
        let rest = self.rest();
        let ranges = || ranges(&self.image.dwarf, &rest.slots, &self.recent);
        rest.ranges.get_or_init(ranges);
        rest
    }

    pub(super) fn slot(&self, within: usize) -> Option<&Slot> {
        let index = self.index();
        match within.checked_sub(index.slots.len()) {
            None => index.slots.get(within),
            Some(beyond) => self.rest().slots.get(beyond),
        }
    }

    /// The unit of the code at this address.
    pub(super) fn at(&self, address: u64) -> Option<usize> {
        let index = self.index();
        if let Some(slot) = index.at(address) {
            return Some(slot);
        }
        Some(index.slots.len() + self.rest_with_ranges().at(address)?)
    }

    /// The unit that has this place of the section, and the place in it.
    pub(super) fn covering(&self, offset: usize) -> Option<(usize, usize)> {
        let index = self.index();
        let before = |index: &Index| {
            let at = index.slots.partition_point(|slot| slot.offset <= offset);
            at.checked_sub(1)
        };
        let covers = |slot: &Slot| {
            let dwarf = &self.image.dwarf;
            let header = dwarf.debug_info.header_from_offset(slot.offset()).ok()?;
            let within = DebugInfoOffset(offset).to_unit_offset(&header)?;
            Some(within.0)
        };
        if let Some(at) = before(index)
            && let Some(within) = covers(&index.slots[at])
        {
            return Some((at, within));
        }
        let rest = self.rest();
        let at = before(rest)?;
        Some((index.slots.len() + at, covers(&rest.slots[at])?))
    }
}

impl Index {
    fn new(mut offsets: Vec<usize>) -> Self {
        offsets.sort_unstable();
        offsets.dedup();
        offsets.truncate(UNIT_MASK as usize);
        Self {
            slots: offsets.into_iter().map(Slot::new).collect(),
            ranges: OnceLock::new(),
        }
    }

    fn at(&self, address: u64) -> Option<usize> {
        let ranges = self.ranges.get()?;
        let after = ranges.partition_point(|range| range.start <= address);
        // The linker folds equal functions, and then ranges of several units begin at the same address.
        let mut candidates = ranges[..after].iter().rev().take(MAX_OVERLAP);
        let found = candidates.find(|range| address - range.start < u64::from(range.length))?;
        Some(found.slot as usize)
    }
}

impl Range {
    /// `None` for what has no code: what the linker dropped begins at zero, or at the end of all.
    fn new(start: u64, length: u64, slot: usize) -> Option<Self> {
        let is_there = start != 0 && length != 0 && start.checked_add(length).is_some();
        let length = u32::try_from(length).ok().filter(|_| is_there)?;
        let slot = u32::try_from(slot).ok()?;
        Some(Self {
            start,
            length,
            slot,
        })
    }

    fn sorted(mut ranges: Vec<Self>) -> Vec<Self> {
        // Linkers keep the order of most: a sort that finds what is in order already is the quicker one.
        ranges.sort_by_key(|range| range.start);
        ranges.shrink_to_fit();
        ranges
    }
}

fn from_aranges(dwarf: &Dwarf) -> Index {
    let section = dwarf.debug_aranges.reader().slice();
    let mut offsets = Vec::new();
    // Their slots are those of the tables, which mostly stand in the order of their units.
    let mut ranges = Vec::with_capacity(section.len() / TUPLE);
    let mut headers = dwarf.debug_aranges.headers();
    while let Ok(Some(header)) = headers.next() {
        let tuples = tuples(section, &header);
        ranges
            .extend(tuples.filter_map(|(begin, length)| Range::new(begin, length, offsets.len())));
        offsets.push(header.debug_info_offset().0);
    }
    let index = Index::new(offsets.clone());
    let own: Vec<_> = index.slots.iter().map(|slot| slot.offset).collect();
    if own != offsets {
        ranges.retain_mut(|range| {
            let slot = own.binary_search(&offsets[range.slot as usize]);
            let slot = slot.ok().and_then(|slot| u32::try_from(slot).ok());
            range.slot = slot.unwrap_or_default();
            slot.is_some()
        });
    }
    Index {
        ranges: Range::sorted(ranges).into(),
        ..index
    }
}

/// The addresses and lengths of a table, all at once: gimli's reader takes a hundred instructions for each.
fn tuples(
    section: &'static [u8],
    header: &ArangeHeader<Slice>,
) -> impl Iterator<Item = (u64, u64)> + use<> {
    let encoding = header.encoding();
    let format = encoding.format;
    let [length, word] = [format.initial_length_size(), format.word_size()].map(usize::from);
    // Behind its length: a version, a unit, and the sizes of addresses and segments. The first tuple stands at a multiple of its own size.
    let first = (length + 2 + word + 2).next_multiple_of(TUPLE);
    let begin = header.offset().0;
    let table = section.get(begin + first..begin + length + header.length());
    let table = table.filter(|_| usize::from(encoding.address_size) * 2 == TUPLE);
    let (tuples, _) = table.unwrap_or_default().as_chunks::<{ TUPLE / 2 }>();
    let (tuples, _) = tuples.as_chunks::<2>();
    let words = tuples.iter().map(|tuple| tuple.map(u64::from_ne_bytes));
    let tuples = words.map(|[begin, length]| (begin, length));
    tuples.take_while(|tuple| *tuple != (0, 0))
}

/// Two words of 64 bits.
const TUPLE: usize = 16;

fn from_headers(dwarf: &Dwarf, known: &Index) -> Index {
    let mut offsets = Vec::new();
    let mut headers = dwarf.units();
    while let Ok(Some(header)) = headers.next() {
        let Some(DebugInfoOffset(offset)) = header.debug_info_offset() else {
            continue;
        };
        let known = known
            .slots
            .binary_search_by_key(&offset, |slot| slot.offset);
        if known.is_err() {
            offsets.push(offset);
        }
    }
    Index::new(offsets)
}

fn ranges(dwarf: &Dwarf, slots: &[Slot], recent: &Recent) -> Vec<Range> {
    let mut ranges = Vec::new();
    for (at, slot) in slots.iter().enumerate() {
        let header = dwarf.debug_info.header_from_offset(slot.offset());
        let unit = header
            .ok()
            .and_then(|header| super::root::unit(dwarf, header, recent));
        let Some(mut of_unit) = unit.and_then(|unit| dwarf.unit_ranges(&unit).ok()) else {
            continue;
        };
        while let Ok(Some(gimli::Range { begin, end })) = of_unit.next() {
            ranges.extend(Range::new(begin, end.saturating_sub(begin), at));
        }
    }
    Range::sorted(ranges)
}

const MAX_OVERLAP: usize = 8;

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::locals::image::Image;

    #[test]
    fn a_table_of_addresses_is_read_as_gimli_reads_it() {
        let image = Image::open("/proc/self/exe".as_ref(), 0).unwrap();
        let aranges = &image.dwarf.debug_aranges;
        let mut headers = aranges.headers();
        let (mut seen, mut sets) = (0, 0);
        while let Some(header) = headers.next().unwrap() {
            let mut theirs = Vec::new();
            let mut entries = header.entries();
            while let Some(entry) = entries.next_raw().unwrap() {
                theirs.push((entry.address(), entry.length()));
            }
            let own: Vec<_> = tuples(aranges.reader().slice(), &header).collect();
            assert_eq!(own, theirs);
            (seen, sets) = (seen + own.len(), sets + 1);
        }
        assert!(seen > 1_000 && sets > 100, "{seen} in {sets}");
    }

    #[test]
    fn units_may_be_indexed_in_any_order() {
        let set = |unit: u32, tuples: &[[u64; 2]]| {
            let mut set = Vec::new();
            set.extend([2, 0]);
            set.extend(unit.to_ne_bytes());
            set.extend([8, 0, 0, 0, 0, 0]);
            let tuples = tuples.iter().chain(&[[0, 0]]).flatten();
            set.extend(tuples.flat_map(|word| word.to_ne_bytes()));
            [(set.len() as u32).to_ne_bytes().to_vec(), set].concat()
        };
        let index = |sets: &[Vec<u8>]| {
            let section = Slice::new(sets.concat().leak(), gimli::NativeEndian);
            let debug_aranges = section.into();
            from_aranges(&Dwarf {
                debug_aranges,
                ..Dwarf::default()
            })
        };
        let dropped = [[0, 9], [u64::MAX - 1, 9], [0x500, 0]];
        let (one, other) = (
            set(0x100, &[[0x30, 4], [0x10, 4]]),
            set(0x200, &[[0x20, 8]]),
        );
        let more = set(0x100, &[&dropped[..], &[[0x40, 4]]].concat());
        for sets in [[&one, &other, &more], [&other, &more, &one]] {
            let index = index(&sets.map(Clone::clone));
            let offsets: Vec<_> = index.slots.iter().map(|slot| slot.offset).collect();
            assert_eq!(offsets, [0x100, 0x200]);
            let at = [0x10, 0x27, 0x28, 0x33, 0x40, 0x3f, 0x500].map(|address| index.at(address));
            let expected = [Some(0), Some(1), None, Some(0), Some(0), None, None];
            assert_eq!(at, expected);
        }
    }
}

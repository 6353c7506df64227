//! What one pass over a unit finds: functions, namespaces, vtables.

use gimli::{Abbreviation, AttributeValue, DwTag, Range, UnitOffset, UnitRef};

use super::skim::{Seen, Shapes, Skim};
use super::{Entry, Slice};

/// What is kept of a unit for good.
#[derive(Default)]
pub(super) struct Tables {
    /// In the order of their code.
    functions: Box<[Function]>,
    pub(super) namespaces: Namespaces,
    /// Addresses, as the file counts, and entries of what may be vtables.
    pub(super) vtables: Box<[(u64, u32)]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Function {
    low: u64,
    length: u32,
    entry: u32,
}

/// The paths of namespaces, by the places where each begins and ends: entries do not know what they are in.
#[derive(Default)]
pub(super) struct Namespaces {
    paths: Vec<Box<str>>,
    /// From this offset on, it is that path.
    marks: Vec<(u32, u32)>,
}

impl Tables {
    pub(super) fn function(&self, address: u64) -> Option<(usize, std::ops::Range<u64>)> {
        let after = self
            .functions
            .partition_point(|function| function.low <= address);
        let last = self.functions.get(after.checked_sub(1)?)?;
        let code = last.low..last.low.checked_add(u64::from(last.length))?;
        code.contains(&address)
            .then_some((last.entry as usize, code))
    }
}

impl Namespaces {
    pub(super) fn of(&self, offset: usize) -> &str {
        let after = self
            .marks
            .partition_point(|(from, _)| *from as usize <= offset);
        let path = after
            .checked_sub(1)
            .and_then(|at| self.paths.get(self.marks[at].1 as usize));
        path.map_or("", |path| path)
    }

    /// Where what stands in it itself begins and ends.
    pub(super) fn parts(&self, path: &str) -> Vec<std::ops::Range<usize>> {
        let ends = self.marks.iter().skip(1).map(|(from, _)| *from as usize);
        let marks = self.marks.iter().zip(ends.chain([usize::MAX]));
        let named = (0..).zip(&self.paths).filter(|(_, own)| ***own == *path);
        let named: Vec<u32> = named.map(|(at, _)| at).collect();
        if named.is_empty() {
            return Vec::new();
        }
        let part = |(&(from, at), end)| named.contains(&at).then_some(from as usize..end);
        marks.filter_map(part).collect()
    }

    fn path(&mut self, outer: u32, name: &str) -> u32 {
        if self.paths.len() >= MAX_PATHS {
            return outer;
        }
        let outer = self.paths.get(outer as usize).map_or("", |outer| outer);
        let path = if outer.is_empty() {
            name.into()
        } else if outer.len() + name.len() > MAX_PATH {
            outer.into()
        } else {
            [outer, "::", name].concat().into()
        };
        self.paths.push(path);
        u32::try_from(self.paths.len() - 1).unwrap_or(u32::MAX)
    }

    fn mark(&mut self, offset: u32, path: u32) {
        match self.marks.last_mut() {
            // It ended where the next began.
            Some(last) if last.0 == offset => last.1 = path,
            _ => self.marks.push((offset, path)),
        }
    }
}

/// Reads as much of the unit as follows the format.
pub(super) fn read(unit: &UnitRef<'_, Slice>) -> Tables {
    let mut pass = Pass::default();
    pass.tables.namespaces.paths.push("".into());
    let _end_or_error = pass.run(unit);
    let Pass {
        mut tables,
        mut functions,
        vtables,
        ..
    } = pass;
    functions.sort_unstable_by_key(|function| function.low);
    tables.functions = functions.into();
    tables.vtables = vtables.into();
    tables.namespaces.paths.shrink_to_fit();
    tables.namespaces.marks.shrink_to_fit();
    tables
}

#[derive(Default)]
struct Pass {
    tables: Tables,
    functions: Vec<Function>,
    vtables: Vec<(u64, u32)>,
    /// The namespaces that are open: their depth and path.
    open: Vec<(i32, u32)>,
}

impl Pass {
    fn run(&mut self, unit: &UnitRef<'_, Slice>) -> gimli::Result<()> {
        let shapes = Shapes::new(unit.unit, deepest);
        let mut skim = Skim::new(&shapes, unit.header.root_offset())?;
        let mut entry = Entry::null();
        loop {
            let up = self.open.last().map_or(i32::MIN, |(of, _)| *of);
            let Some(seen) = skim.next(up)? else {
                return Ok(());
            };
            let Ok(behind) = u32::try_from(skim.offset()) else {
                return Ok(());
            };
            match seen {
                Seen::Up => {
                    self.open.pop();
                    let outer = self.open.last().map_or(0, |(_, path)| *path);
                    self.tables.namespaces.mark(behind, outer);
                }
                Seen::Wanted(offset, depth) => {
                    let mut entries = unit.entries_raw(Some(UnitOffset(offset)))?;
                    entries.read_entry(&mut entry)?;
                    let offset = u32::try_from(offset).unwrap_or(behind);
                    self.take(unit, &entry, offset..behind, depth);
                }
            }
        }
    }

    fn take(
        &mut self,
        unit: &UnitRef<'_, Slice>,
        entry: &Entry,
        at: std::ops::Range<u32>,
        depth: i32,
    ) {
        match entry.tag() {
            gimli::DW_TAG_namespace => {
                let name = entry.attr_value(gimli::DW_AT_name);
                let name = name.and_then(|name| unit.attr_string(name).ok());
                let name = name.and_then(|name| std::str::from_utf8(name.slice()).ok());
                if let Some(name) = name.filter(|_| entry.has_children()) {
                    let outer = self.open.last().map_or(0, |(_, path)| *path);
                    let path = self.tables.namespaces.path(outer, name);
                    self.open.push((depth, path));
                    self.tables.namespaces.mark(at.end, path);
                }
            }
            gimli::DW_TAG_subprogram => self.take_function(unit, entry, at.start),
            _ => {
                if let Some(address) = entry
                    .attr_value(gimli::DW_AT_location)
                    .and_then(|value| address(unit, value))
                {
                    self.vtables.push((address, at.start));
                }
            }
        }
    }

    fn take_function(&mut self, unit: &UnitRef<'_, Slice>, entry: &Entry, offset: u32) {
        let Ok(mut ranges) = unit.die_ranges(entry) else {
            return;
        };
        while let Ok(Some(Range { begin, end })) = ranges.next() {
            let length = end.checked_sub(begin).map(u32::try_from);
            // What the linker dropped begins at zero.
            if let Some(Ok(length)) = length
                && begin != 0
            {
                self.functions.push(Function {
                    low: begin,
                    length,
                    entry: offset,
                });
            }
        }
    }
}

/// How deep an entry may be to be read.
fn deepest(abbreviation: &Abbreviation) -> Option<i32> {
    let has = |name| abbreviation.attributes().iter().any(|a| a.name() == name);
    match abbreviation.tag() {
        gimli::DW_TAG_namespace => Some(i32::MAX),
        gimli::DW_TAG_subprogram => {
            let has_code = has(gimli::DW_AT_low_pc) || has(gimli::DW_AT_ranges);
            has_code.then_some(i32::MAX)
        }
        gimli::DW_TAG_variable => has(gimli::DW_AT_location).then_some(1),
        _ => None,
    }
}

/// The address that is all there is in an expression.
fn address(unit: &UnitRef<'_, Slice>, value: AttributeValue<Slice>) -> Option<u64> {
    let mut operations = value.exprloc_value()?.operations(unit.encoding());
    let found = match operations.next().ok()?? {
        gimli::Operation::Address { address } => address,
        gimli::Operation::AddressIndex { index } => unit.address(index).ok()?,
        _ => return None,
    };
    operations.next().ok()?.is_none().then_some(found)
}

/// Whether types or variables are among what its entries can be.
pub(super) fn is_described(unit: &UnitRef<'_, Slice>) -> bool {
    const TAGS: &[DwTag] = &[
        gimli::DW_TAG_formal_parameter,
        gimli::DW_TAG_variable,
        gimli::DW_TAG_base_type,
        gimli::DW_TAG_structure_type,
    ];
    (1..)
        .map_while(|code| unit.abbreviations.get(code))
        .any(|abbreviation| TAGS.contains(&abbreviation.tag()))
}

/// The longest path of a namespace that is kept whole.
const MAX_PATH: usize = 512;

/// Namespaces of a unit; large ones have some thousands.
const MAX_PATHS: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_namespace_is_in_its_parts() {
        let mut namespaces = Namespaces::default();
        namespaces.paths.push("".into());
        let shop = namespaces.path(0, "shop");
        namespaces.mark(11, shop);
        let cart = namespaces.path(shop, "cart");
        namespaces.mark(21, cart);
        namespaces.mark(30, shop);
        assert_eq!(namespaces.parts("shop"), [11..21, 30..usize::MAX]);
        let one = std::slice::from_ref(&(21..30));
        assert_eq!(namespaces.parts("shop::cart"), one);
        assert!(namespaces.parts("cart").is_empty());
    }

    #[test]
    fn a_namespace_ends_where_the_next_begins() {
        let mut namespaces = Namespaces::default();
        namespaces.paths.push("".into());
        let shop = namespaces.path(0, "shop");
        namespaces.mark(11, shop);
        let cart = namespaces.path(shop, "cart");
        namespaces.mark(21, cart);
        namespaces.mark(30, shop);
        namespaces.mark(40, 0);
        let told = [5, 11, 20, 25, 30, 39, 40, 900].map(|at| namespaces.of(at).to_owned());
        let root = String::new;
        let (shop, cart) = ("shop".to_owned(), "shop::cart".to_owned());
        assert_eq!(
            told,
            [
                root(),
                shop.clone(),
                shop.clone(),
                cart,
                shop.clone(),
                shop,
                root(),
                root()
            ]
        );
    }
}

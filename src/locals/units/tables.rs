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

/// The namespaces, by the places where each begins and ends: entries do not know what they are in.
pub(super) struct Namespaces {
    /// The first is that of the unit itself, outside of all others.
    known: Vec<Namespace>,
    /// From this offset on, it is that namespace.
    marks: Vec<(u32, u32)>,
}

struct Namespace {
    /// One that comes before it.
    outer: u32,
    /// Where what is in it begins.
    begin: u32,
    name: &'static str,
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

impl Default for Namespaces {
    fn default() -> Self {
        Self {
            known: vec![Namespace {
                outer: 0,
                begin: 0,
                name: "",
            }],
            marks: Vec::new(),
        }
    }
}

impl Namespaces {
    /// The path of the one that this place is in.
    pub(super) fn of(&self, offset: usize) -> String {
        let after = self
            .marks
            .partition_point(|(from, _)| *from as usize <= offset);
        let last = after.checked_sub(1).map_or(0, |at| self.marks[at].1);
        let mut names: Vec<_> = self.outwards(last).map(|(_, name)| name).collect();
        names.reverse();
        names.join("::")
    }

    /// Where what stands in it itself begins and ends.
    pub(super) fn parts(&self, path: &str) -> Vec<std::ops::Range<usize>> {
        let name = path.rsplit("::").next().unwrap_or_default();
        let named = (0..).zip(&self.known).filter(|(_, own)| own.name == name);
        let named = named.filter(|(at, _)| self.is(*at, path));
        named.flat_map(|(at, own)| self.parts_of(at, own)).collect()
    }

    fn parts_of(&self, at: u32, own: &Namespace) -> impl Iterator<Item = std::ops::Range<usize>> {
        let first = self.marks.partition_point(|(from, _)| *from < own.begin);
        let marks = self.marks.get(first..).unwrap_or_default();
        // Those in it have higher numbers, and what is around it has a lower one.
        let within = marks.iter().take_while(move |(_, of)| *of >= at);
        let ends = marks.iter().skip(1).map(|(from, _)| *from as usize);
        let parts = within.zip(ends.chain([usize::MAX]));
        parts.filter_map(move |(&(from, of), end)| (of == at).then_some(from as usize..end))
    }

    fn is(&self, at: u32, path: &str) -> bool {
        let mut left = Some(path);
        for (outer, name) in self.outwards(at) {
            left = left.and_then(|left| left.strip_suffix(name));
            if outer != 0 {
                left = left.and_then(|left| left.strip_suffix("::"));
            }
        }
        left == Some("")
    }

    /// The names from this one outwards, each with the number of the next.
    fn outwards(&self, at: u32) -> impl Iterator<Item = (u32, &'static str)> {
        let mut next = at;
        std::iter::from_fn(move || {
            let own = self.known.get(next as usize).filter(|_| next != 0)?;
            next = own.outer;
            Some((own.outer, own.name))
        })
    }

    /// Notes one that begins in this other one.
    fn begin(&mut self, begin: u32, outer: u32, name: &'static str) -> u32 {
        let own = match u32::try_from(self.known.len()) {
            Ok(own @ 0..MAX_NAMESPACES) if name.len() <= MAX_NAME => own,
            _ => return outer,
        };
        self.known.push(Namespace { outer, begin, name });
        self.mark(begin, own);
        own
    }

    fn mark(&mut self, offset: u32, namespace: u32) {
        match self.marks.last_mut() {
            // It ended where the next began.
            Some(last) if last.0 == offset => last.1 = namespace,
            _ => self.marks.push((offset, namespace)),
        }
    }
}

/// Reads as much of the unit as follows the format.
pub(super) fn read(unit: &UnitRef<'_, Slice>) -> Tables {
    let mut pass = Pass::default();
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
    tables.namespaces.known.shrink_to_fit();
    tables.namespaces.marks.shrink_to_fit();
    tables
}

#[derive(Default)]
struct Pass {
    tables: Tables,
    functions: Vec<Function>,
    vtables: Vec<(u64, u32)>,
    /// The namespaces that are open: their depth and number.
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
                    let outer = self.outer();
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
                let name = name.and_then(|name| super::text(unit, name));
                let name = name.and_then(|name| std::str::from_utf8(name).ok());
                if let Some(name) = name.filter(|_| entry.has_children()) {
                    let outer = self.outer();
                    let own = match self.open.len() {
                        0..MAX_DEPTH => self.tables.namespaces.begin(at.end, outer, name),
                        _ => outer,
                    };
                    self.open.push((depth, own));
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

    /// The innermost that is open.
    fn outer(&self) -> u32 {
        self.open.last().map_or(0, |(_, namespace)| *namespace)
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

/// The longest name of a namespace; those with longer ones, and those further in, do not count.
const MAX_NAME: usize = 512;
const MAX_DEPTH: usize = 64;

/// Namespaces of a unit; large ones have some thousands.
const MAX_NAMESPACES: u32 = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_namespace_is_in_its_parts() {
        let mut namespaces = Namespaces::default();
        let shop = namespaces.begin(11, 0, "shop");
        namespaces.begin(21, shop, "cart");
        namespaces.mark(30, shop);
        assert_eq!(namespaces.parts("shop"), [11..21, 30..usize::MAX]);
        let one = std::slice::from_ref(&(21..30));
        assert_eq!(namespaces.parts("shop::cart"), one);
        assert!(namespaces.parts("cart").is_empty());
        namespaces.mark(40, 0);
        namespaces.begin(50, 0, "till");
        namespaces.mark(60, 0);
        assert_eq!(namespaces.parts("shop"), [11..21, 30..40]);
    }

    #[test]
    fn a_name_that_is_too_long_does_not_count() {
        let mut namespaces = Namespaces::default();
        let shop = namespaces.begin(11, 0, "shop");
        let long = "cart".repeat(MAX_NAME).leak();
        assert_eq!(namespaces.begin(21, shop, long), shop);
        assert_eq!(namespaces.of(25), "shop");
    }

    #[test]
    fn a_namespace_ends_where_the_next_begins() {
        let mut namespaces = Namespaces::default();
        let shop = namespaces.begin(11, 0, "shop");
        namespaces.begin(21, shop, "cart");
        namespaces.mark(30, shop);
        namespaces.mark(40, 0);
        let told = [5, 11, 20, 25, 30, 39, 40, 900].map(|at| namespaces.of(at));
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

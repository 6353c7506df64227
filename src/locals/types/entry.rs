//! One entry of the debug information, and what stands below it.

use gimli::{AttributeValue, DebuggingInformationEntry, DwTag, UnitOffset, constants as c};

use super::super::units::{EntryRef, Slice, Unit, Units};

/// What an entry says of itself.
pub(super) struct Die {
    pub(super) at: EntryRef,
    pub(super) tag: DwTag,
    pub(super) name: String,
    pub(super) path: String,
    pub(super) byte_size: Option<u64>,
    align: Option<u64>,
    pub(super) encoding: Option<u64>,
    /// Whether it only says that there is such a type, and no other unit was found that describes it.
    pub(super) is_declaration: bool,
    pub(super) to: Option<EntryRef>,
}

/// A field, or a part of an enum.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) offset: u64,
    pub(super) to: EntryRef,
    pub(super) line: Option<u32>,
}

/// An enum's variants.
#[derive(Default)]
pub(super) struct Part {
    pub(super) tag: Option<Member>,
    pub(super) variants: Vec<(Option<u128>, Member)>,
}

/// The children of a type that matter.
#[derive(Default)]
pub(super) struct Children {
    pub(super) members: Vec<Member>,
    pub(super) params: Vec<(String, EntryRef)>,
    pub(super) part: Option<Part>,
    pub(super) names: Vec<(u128, String)>,
    pub(super) count: Option<u64>,
}

type Entry = DebuggingInformationEntry<Slice>;

impl Die {
    pub(super) fn read(units: &Units, at: EntryRef) -> Option<Self> {
        Self::read_within(units, at, 4)
    }

    fn read_within(units: &Units, at: EntryRef, depth: u32) -> Option<Self> {
        let unit = units.unit(at.unit)?;
        let entry = unit.unit.entry(UnitOffset(at.offset)).ok()?;
        let whole = match entry.tag() {
            c::DW_TAG_array_type if depth > 0 => {
                let item = reference(units, &unit, &entry, c::DW_AT_type)?;
                array_name(units, at, &Self::read_within(units, item, depth - 1)?)
            }
            _ => name(&unit, &entry),
        };
        let number = |attribute| entry.attr(attribute).and_then(|a| a.udata_value());
        let space = unit.namespace(UnitOffset(at.offset));
        // Pointers and boxes stand outside of modules and have the path in their name.
        let (path, name) = match space.as_str() {
            "" => super::name::split(&whole),
            space => (space, whole.as_str()),
        };
        let is_declaration = entry.attr(c::DW_AT_declaration).is_some();
        if is_declaration
            && depth > 0
            && let Some(described) = units.definition(at, path, name)
        {
            return Self::read_within(units, described, 0);
        }
        Some(Self {
            at,
            tag: entry.tag(),
            name: name.to_owned(),
            path: path.to_owned(),
            byte_size: number(c::DW_AT_byte_size),
            align: number(c::DW_AT_alignment),
            is_declaration,
            encoding: match entry.attr_value(c::DW_AT_encoding) {
                Some(AttributeValue::Encoding(encoding)) => Some(encoding.0.into()),
                _ => None,
            },
            to: reference(units, &unit, &entry, c::DW_AT_type),
        })
    }

    /// What a value's address is a multiple of; 1 where it is not known.
    pub(super) fn align(&self, units: &Units) -> u64 {
        self.align_within(units, 8)
    }

    fn align_within(&self, units: &Units, depth: u32) -> u64 {
        match (self.align, self.tag) {
            (Some(align), _) => align.max(1),
            // Of what is the language's own it is not said.
            (None, c::DW_TAG_pointer_type) => 8,
            (None, c::DW_TAG_base_type) => self.byte_size.unwrap_or(1).clamp(1, 8),
            (None, c::DW_TAG_array_type) if depth > 0 => self
                .to
                .and_then(|item| Self::read(units, item))
                .map_or(1, |item| item.align_within(units, depth - 1)),
            _ => 1,
        }
    }

    /// The bytes that a value takes.
    pub(super) fn size(&self, units: &Units) -> u64 {
        self.size_within(units, 8).unwrap_or(0)
    }

    fn size_within(&self, units: &Units, depth: u32) -> Option<u64> {
        if let Some(size) = self.byte_size {
            return Some(size);
        }
        match self.tag {
            c::DW_TAG_pointer_type => Some(8),
            c::DW_TAG_array_type if depth > 0 => {
                let item = Self::read(units, self.to?)?.size_within(units, depth - 1)?;
                children(units, self.at)?.count?.checked_mul(item)
            }
            c::DW_TAG_typedef if depth > 0 => {
                Self::read(units, self.to?)?.size_within(units, depth - 1)
            }
            _ => None,
        }
    }
}

/// `[shop::Item; 3]`: debug information does not name arrays.
fn array_name(units: &Units, at: EntryRef, item: &Die) -> String {
    let count = children(units, at).and_then(|below| below.count);
    let count = count.map_or("_".to_owned(), |count| count.to_string());
    match item.path.as_str() {
        "" => format!("[{}; {count}]", item.name),
        path => format!("[{path}::{}; {count}]", item.name),
    }
}

/// What stands below an entry.
pub(super) fn children(units: &Units, at: EntryRef) -> Option<Children> {
    let unit = units.unit(at.unit)?;
    let mut all = Children::default();
    let mut tree = unit.unit.entries_tree(Some(UnitOffset(at.offset))).ok()?;
    let root = tree.root().ok()?;
    if root.entry().attr(c::DW_AT_declaration).is_some() {
        let described = Die::read(units, at).filter(|die| !die.is_declaration)?;
        return children(units, described.at);
    }
    let mut nodes = root.children();
    while let Some(node) = nodes.next().ok()? {
        let entry = node.entry();
        match entry.tag() {
            c::DW_TAG_member => all.members.extend(member(units, &unit, entry)),
            c::DW_TAG_template_type_parameter => {
                let to = reference(units, &unit, entry, c::DW_AT_type);
                all.params.extend(to.map(|to| (name(&unit, entry), to)));
            }
            c::DW_TAG_enumerator => {
                let value = entry.attr_value(c::DW_AT_const_value).and_then(bits);
                all.names
                    .extend(value.map(|value| (value, name(&unit, entry))));
            }
            c::DW_TAG_subrange_type => {
                let number = |at| entry.attr(at).and_then(|a| a.udata_value());
                let last = || number(c::DW_AT_upper_bound).and_then(|last| last.checked_add(1));
                all.count = number(c::DW_AT_count).or_else(last);
            }
            c::DW_TAG_variant_part => {
                let discriminant = match entry.attr_value(c::DW_AT_discr) {
                    Some(AttributeValue::UnitRef(offset)) => Some(offset),
                    _ => None,
                };
                all.part = Some(part(units, &unit, discriminant, node)?);
            }
            _ => {}
        }
    }
    Some(all)
}

fn part(
    units: &Units,
    unit: &Unit,
    discriminant: Option<UnitOffset>,
    node: gimli::EntriesTreeNode<'_, '_, Slice>,
) -> Option<Part> {
    let mut part = Part::default();
    let mut nodes = node.children();
    while let Some(node) = nodes.next().ok()? {
        let entry = node.entry();
        match entry.tag() {
            c::DW_TAG_member if Some(entry.offset()) == discriminant => {
                part.tag = member(units, unit, entry);
            }
            c::DW_TAG_variant => {
                let value = entry.attr_value(c::DW_AT_discr_value);
                let value = match value {
                    Some(value) => Some(bits(value)?),
                    None => None,
                };
                let mut below = node.children();
                while let Some(inner) = below.next().ok()? {
                    if inner.entry().tag() == c::DW_TAG_member {
                        part.variants
                            .push((value, member(units, unit, inner.entry())?));
                    }
                }
            }
            _ => {}
        }
    }
    // A tag that is named and not found would be read as none at all.
    (part.tag.is_some() == discriminant.is_some()).then_some(part)
}

fn member(units: &Units, unit: &Unit, entry: &Entry) -> Option<Member> {
    let number = |at| entry.attr(at).and_then(|a| a.udata_value());
    Some(Member {
        name: name(unit, entry),
        offset: number(c::DW_AT_data_member_location).unwrap_or(0),
        to: reference(units, unit, entry, c::DW_AT_type)?,
        line: number(c::DW_AT_decl_line).and_then(|line| u32::try_from(line).ok()),
    })
}

fn name(unit: &Unit, entry: &Entry) -> String {
    let name = entry
        .attr_value(c::DW_AT_name)
        .and_then(|value| unit.text(value));
    let name = name.unwrap_or_default();
    match std::str::from_utf8(name) {
        Ok(name) => name.to_owned(),
        Err(_) => String::from_utf8_lossy(name).into_owned(),
    }
}

fn reference(units: &Units, unit: &Unit, entry: &Entry, at: gimli::DwAt) -> Option<EntryRef> {
    units.reference(unit.number, entry.attr_value(at)?)
}

/// A constant's bits, extended by its sign where it has one.
fn bits(value: AttributeValue<Slice>) -> Option<u128> {
    #[expect(clippy::cast_sign_loss, reason = "the bits are what counts")]
    match value {
        AttributeValue::Data1(value) => Some(value.into()),
        AttributeValue::Data2(value) => Some(value.into()),
        AttributeValue::Data4(value) => Some(value.into()),
        AttributeValue::Data8(value) | AttributeValue::Udata(value) => Some(value.into()),
        AttributeValue::Sdata(value) => Some(i128::from(value) as u128),
        AttributeValue::Block(bytes) => {
            let mut all = [0; 16];
            let bytes = bytes.slice();
            all.get_mut(..bytes.len())?.copy_from_slice(bytes);
            Some(u128::from_ne_bytes(all))
        }
        _ => None,
    }
}

/// The field at the end of a path of fields: where it begins, and its type.
pub(super) fn find(units: &Units, at: EntryRef, path: &[&str]) -> Option<(u64, EntryRef)> {
    let mut found = (0_u64, at);
    for name in path {
        let members = children(units, found.1)?.members;
        let member = members.into_iter().find(|member| member.name == *name)?;
        found = (found.0.checked_add(member.offset)?, member.to);
    }
    Some(found)
}

/// The number or pointer that a struct is but a coat of.
pub(super) fn core_of(units: &Units, mut at: EntryRef) -> Option<(u64, Die)> {
    let mut offset = 0_u64;
    for _ in 0..8 {
        let die = Die::read(units, at)?;
        if die.tag != c::DW_TAG_structure_type {
            return Some((offset, die));
        }
        let size = die.size(units);
        let mut inner = children(units, at)?.members.into_iter().filter(|member| {
            Die::read(units, member.to).is_some_and(|die| die.size(units) == size)
        });
        let member = inner.next()?;
        if size == 0 || inner.next().is_some() {
            return None;
        }
        offset = offset.checked_add(member.offset)?;
        at = member.to;
    }
    None
}

/// The word at the end of a path: its offset.
pub(super) fn word(units: &Units, at: EntryRef, path: &[&str]) -> Option<u64> {
    number(units, at, path, 8)
}

/// The number of so many bytes at the end of a path: its offset.
pub(super) fn number(units: &Units, at: EntryRef, path: &[&str], size: u64) -> Option<u64> {
    let (offset, to) = find(units, at, path)?;
    let (within, die) = core_of(units, to)?;
    let fits = matches!(die.tag, c::DW_TAG_base_type | c::DW_TAG_pointer_type);
    (fits && die.size(units) == size)
        .then(|| offset.checked_add(within))
        .flatten()
}

/// The type that a generic parameter stands for.
pub(super) fn param(units: &Units, at: EntryRef, name: &str) -> Option<EntryRef> {
    let params = children(units, at)?.params;
    let found = params.into_iter().find(|(param, _)| param == name)?;
    Some(found.1)
}

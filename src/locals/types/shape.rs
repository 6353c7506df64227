//! From an entry of the debug information to a kind.

use gimli::constants as c;

use super::entry::{self, Children, Die, Member, Part, children};
use super::kind::{Choice, Field, Item, Kind, Tag, Variant};
use super::{Link, Rules, Type, crates, name, std_types};
use crate::locals::units::{EntryRef, Units};
use crate::stack::Missing;

/// How values of the type are laid out.
pub(super) fn kind(units: &Units, of: &Type, rules: &Rules) -> Kind {
    let maker = Maker { units, rules };
    Die::read(units, of.entry)
        .and_then(|die| maker.kind(&die))
        .unwrap_or(Kind::Opaque(Missing::Unsupported))
}

pub(super) struct Maker<'u> {
    pub(super) units: &'u Units,
    pub(super) rules: &'u Rules,
}

impl Maker<'_> {
    fn kind(&self, die: &Die) -> Option<Kind> {
        if die.is_declaration {
            return None;
        }
        match die.tag {
            c::DW_TAG_base_type => scalar(die, die.size(self.units)),
            c::DW_TAG_pointer_type => Some(self.pointer(die)),
            c::DW_TAG_structure_type => {
                let children = children(self.units, die.at)?;
                if let Some(part) = children.part {
                    return self.choice(die, part);
                }
                match self.fat(die, &children) {
                    Fat::No => {}
                    Fat::Yes(kind) => return Some(kind),
                }
                std_types::kind(self, die)
                    .or_else(|| crates::kind(self, die))
                    .or_else(|| {
                        Some(Kind::Struct(self.fields(
                            children.members,
                            0,
                            owner(die),
                        )?))
                    })
            }
            c::DW_TAG_enumeration_type => {
                let names = children(self.units, die.at)?.names;
                let size = die.size(self.units);
                let names = names.into_iter().map(|(value, name)| {
                    let name = crates::enumerator(&die.path, &die.name, name);
                    (masked(value, size), name.into())
                });
                Some(Kind::Names(names.collect()))
            }
            c::DW_TAG_array_type => Some(Kind::Array {
                count: children(self.units, die.at)?.count?,
                item: self.item(die.to?)?,
            }),
            c::DW_TAG_typedef => Some(Kind::Same {
                offset: 0,
                to: Link::new(die.to?),
            }),
            _ => None,
        }
    }

    fn pointer(&self, die: &Die) -> Kind {
        let owns = die.path == "alloc::boxed" && name::base(&die.name) == "Box";
        let Some(to) = die.to.filter(|_| owns || die.name.starts_with('&')) else {
            return Kind::Address;
        };
        match Die::read(self.units, to).map(|die| die.tag) {
            None | Some(c::DW_TAG_subroutine_type) => Kind::Address,
            Some(_) => Kind::Pointer {
                offset: 0,
                to: Link::new(to),
            },
        }
    }

    /// Pointers of two words.
    fn fat(&self, die: &Die, children: &Children) -> Fat {
        let [first, second] = children.members.as_slice() else {
            return Fat::No;
        };
        let is_dyn = match (first.name.as_str(), second.name.as_str()) {
            ("pointer", "vtable") => true,
            ("data_ptr", "length") => false,
            _ => return Fat::No,
        };
        let name = die.name.as_str();
        if name.starts_with('*') {
            return Fat::Yes(Kind::Address);
        }
        let boxed = name
            .strip_prefix("Box<")
            .filter(|_| die.path == "alloc::boxed");
        let Some(to) = boxed
            .or_else(|| name.strip_prefix("&mut "))
            .or_else(|| name.strip_prefix('&'))
        else {
            return Fat::No;
        };
        let (data, length) = (first.offset, second.offset);
        if is_dyn {
            let kind = match to.starts_with("dyn ") || to.starts_with("(dyn ") {
                true => Kind::Dyn {
                    pointer: data,
                    vtable: length,
                },
                false => Kind::Opaque(Missing::Unsupported),
            };
            return Fat::Yes(kind);
        }
        let item = || {
            let pointer = Die::read(self.units, first.to)?;
            self.item(pointer.to?)
        };
        let kind = match unsized_of(to) {
            Some(Unsized::Text) => Some(Kind::Text {
                data,
                length,
                capacity: None,
                zero: false,
            }),
            Some(Unsized::ZeroEnded) => Some(Kind::Text {
                data,
                length,
                capacity: None,
                zero: true,
            }),
            Some(Unsized::Slice) => item().map(|item| Kind::Slice {
                data,
                length,
                capacity: None,
                item,
            }),
            None => None,
        };
        Fat::Yes(kind.unwrap_or(Kind::Opaque(Missing::Unsupported)))
    }

    fn choice(&self, die: &Die, part: Part) -> Option<Kind> {
        let is_coroutine = name::base(&die.name).starts_with("{async_")
            || name::base(&die.name).starts_with("{coroutine_env")
            || name::base(&die.name).starts_with("{gen_");
        let tag = part.tag.as_ref().map(|member| Tag {
            offset: member.offset,
            size: Die::read(self.units, member.to).map_or(0, |die| die.size(self.units)),
        });
        if tag.is_some_and(|tag| !matches!(tag.size, 1 | 2 | 4 | 8 | 16)) {
            return None;
        }
        let unnamed: Vec<_> = (0..part.variants.len())
            .filter(|index| part.variants[*index].0.is_none() || tag.is_none())
            .collect();
        // Without a tag, or without a value for it: the only one of which there can be values.
        let otherwise = match unnamed.as_slice() {
            [] => None,
            [one] => Some(*one),
            many => {
                let mut possible = many
                    .iter()
                    .filter(|index| !self.is_impossible(part.variants[**index].1.to, 6));
                match (possible.next(), possible.next()) {
                    (Some(one), None) => Some(*one),
                    _ => return None,
                }
            }
        };
        if tag.is_none() && otherwise.is_none() {
            return Some(Kind::Opaque(Missing::Invalid));
        }
        let mut variants = Vec::with_capacity(part.variants.len());
        for (value, member) in part.variants {
            let inner = Die::read(self.units, member.to)?;
            let members = children(self.units, member.to)?.members;
            let name = if is_coroutine {
                inner.name
            } else {
                member.name
            };
            let mut fields = self.fields(members, member.offset, &name)?;
            if self.rules.hides(owner(die)) {
                fields.iter_mut().for_each(|field| field.is_secret = true);
            }
            variants.push(Variant {
                fields,
                name: crates::variant(&die.path, &die.name, name).into(),
                value: value.map(|value| masked(value, tag.map_or(16, |tag| tag.size))),
                line: member.line,
            });
        }
        Some(Kind::Choice(Box::new(Choice {
            tag,
            variants: variants.into(),
            otherwise,
            is_plain: is_plain(&die.path, name::base(&die.name)),
            is_coroutine,
        })))
    }

    /// Whether there are no values of the type: `!`, an enum of no variants, a struct of such.
    fn is_impossible(&self, at: EntryRef, depth: u32) -> bool {
        let (Some(die), Some(next)) = (Die::read(self.units, at), depth.checked_sub(1)) else {
            return false;
        };
        match die.tag {
            c::DW_TAG_base_type => die.name == "!",
            c::DW_TAG_enumeration_type => {
                children(self.units, at).is_some_and(|all| all.names.is_empty())
            }
            c::DW_TAG_structure_type => children(self.units, at).is_some_and(|all| {
                let none_of = all.part.is_some_and(|part| {
                    part.variants
                        .iter()
                        .all(|(_, member)| self.is_impossible(member.to, next))
                });
                none_of
                    || all
                        .members
                        .iter()
                        .any(|member| self.is_impossible(member.to, next))
            }),
            _ => false,
        }
    }

    /// All fields of what is called `ApiKey` are hidden.
    fn fields(&self, members: Vec<Member>, base: u64, owner: &str) -> Option<Box<[Field]>> {
        let owner_is_secret = self.rules.hides(owner);
        let mut fields = Vec::with_capacity(members.len());
        for member in members {
            let of = Die::read(self.units, member.to);
            if of.is_some_and(|die| die.path == "core::marker" && die.name.starts_with("Phantom")) {
                continue;
            }
            let mut field = self.field(member, base)?;
            field.is_secret |= owner_is_secret;
            fields.push(field);
        }
        Some(fields.into())
    }

    pub(super) fn field(&self, member: Member, base: u64) -> Option<Field> {
        let name = member.name.as_str();
        let captured = name.strip_prefix("_ref__").unwrap_or(name);
        let number = captured
            .strip_prefix("__")
            .filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()) && !rest.is_empty());
        Some(Field {
            is_secret: number.is_none() && self.rules.hides(captured),
            name: number.unwrap_or(captured).into(),
            offset: member.offset.checked_add(base)?,
            to: Link::new(member.to),
        })
    }

    pub(super) fn item(&self, of: EntryRef) -> Option<Item> {
        let die = Die::read(self.units, of)?;
        Some(Item {
            to: Link::new(of),
            stride: die.size(self.units),
            align: die.align(self.units),
            is_byte: die.tag == c::DW_TAG_base_type && die.name == "u8",
        })
    }

    pub(super) fn word(&self, of: &Die, path: &[&str]) -> Option<u64> {
        entry::word(self.units, of.at, path)
    }

    pub(super) fn find(&self, of: &Die, path: &[&str]) -> Option<(u64, EntryRef)> {
        entry::find(self.units, of.at, path)
    }

    pub(super) fn param(&self, of: EntryRef, name: &str) -> Option<EntryRef> {
        entry::param(self.units, of, name)
    }
}

/// The name of a struct; of a tuple none.
fn owner(die: &Die) -> &str {
    match name::base(&die.name) {
        tuple if tuple.starts_with('(') => "",
        name => name,
    }
}

enum Fat {
    No,
    Yes(Kind),
}

/// What has no size of its own.
pub(super) enum Unsized {
    Text,
    ZeroEnded,
    Slice,
}

/// Which of them a name begins with: `str`, `[u8], alloc::alloc::Global>`.
pub(super) fn unsized_of(name: &str) -> Option<Unsized> {
    if name.starts_with('[') {
        return Some(Unsized::Slice);
    }
    let end = name.find([',', '>']).unwrap_or(name.len());
    match &name[..end] {
        "str" | "std::path::Path" | "std::ffi::os_str::OsStr" => Some(Unsized::Text),
        "core::ffi::c_str::CStr" => Some(Unsized::ZeroEnded),
        _ => None,
    }
}

/// The lowest bytes of a number.
pub(in super::super) fn masked(value: u128, size: u64) -> u128 {
    match size {
        0..16 => value & ((1 << (size * 8)) - 1),
        _ => value,
    }
}

/// Numbers and the like; of sizes that are read.
pub(super) fn scalar(die: &Die, size: u64) -> Option<Kind> {
    let encoding = u8::try_from(die.encoding?).ok().map(gimli::DwAte)?;
    if size == 0 {
        return (die.name == "()").then_some(Kind::Unit);
    }
    let kind = match encoding {
        c::DW_ATE_boolean if size == 1 => Kind::Bool,
        c::DW_ATE_UTF if size == 4 => Kind::Char,
        c::DW_ATE_float if matches!(size, 4 | 8) => Kind::Float,
        c::DW_ATE_signed | c::DW_ATE_signed_char => Kind::Signed,
        c::DW_ATE_unsigned | c::DW_ATE_unsigned_char => Kind::Unsigned,
        _ => return None,
    };
    matches!(size, 1 | 2 | 4 | 8 | 16).then_some(kind)
}

/// Enums that are read as what they hold.
fn is_plain(path: &str, base: &str) -> bool {
    matches!(
        (path, base),
        ("alloc::borrow", "Cow")
            | ("core::net::ip_addr", "IpAddr")
            | ("core::net::socket_addr", "SocketAddr")
    ) || crates::is_plain(path, base)
}

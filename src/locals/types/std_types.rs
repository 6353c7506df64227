//! The standard library's types, known by path and name; where their fields are is asked of the debug information, and a type that
//! does not look as expected is shown as any other struct.

use super::entry::{self, Die, children, core_of};
use super::kind::{Hash, Kind, Rest, Shared, Told, Tree};
use super::shape::{Maker, Unsized, scalar, unsized_of};
use super::{Link, name};
use crate::locals::units::EntryRef;

pub(super) fn kind(maker: &Maker<'_>, die: &Die) -> Option<Kind> {
    if !name::is_std(&die.path) {
        return None;
    }
    let base = name::base(&die.name);
    match (die.path.as_str(), base) {
        ("alloc::string", "String") => text(maker, die, &["vec"]),
        ("std::path", "PathBuf") => text(maker, die, &["inner", "inner", "inner"]),
        ("std::ffi::os_str", "OsString") => text(maker, die, &["inner", "inner"]),
        ("alloc::ffi::c_str", "CString") => Some(Kind::Text {
            data: maker.word(die, &["inner", "data_ptr"])?,
            length: maker.word(die, &["inner", "length"])?,
            capacity: None,
            zero: true,
        }),
        ("alloc::vec", "Vec") => {
            let (data, capacity, length) = vector(maker, die, &[])?;
            Some(Kind::Slice {
                data,
                length,
                capacity: Some(capacity),
                item: maker.item(maker.param(die.at, "T")?)?,
            })
        }
        ("alloc::collections::vec_deque", "VecDeque") => {
            let (data, capacity, length) = vector(maker, die, &[])?;
            Some(Kind::Ring {
                data,
                capacity,
                length,
                head: maker.word(die, &["head"])?,
                item: maker.item(maker.param(die.at, "T")?)?,
            })
        }
        ("alloc::collections::binary_heap", "BinaryHeap") => same(maker, die, "data"),
        ("std::collections::hash::map", "HashMap") => hash(maker, die, &["base", "table"], true),
        ("hashbrown::map", "HashMap") => hash(maker, die, &["table"], true),
        ("std::collections::hash::set", "HashSet") => {
            hash(maker, die, &["base", "map", "table"], false)
        }
        ("hashbrown::set", "HashSet") => hash(maker, die, &["map", "table"], false),
        ("alloc::collections::btree::map", "BTreeMap") => tree(maker, die, &[], true),
        ("alloc::collections::btree::set", "BTreeSet") => tree(maker, die, &["map"], false),
        ("alloc::rc", "Rc") | ("alloc::sync", "Arc") => shared(maker, die),
        ("alloc::rc" | "alloc::sync", "Weak") => told(Told::Weak, []),
        ("core::time", "Duration") => told(
            Told::Duration,
            [
                maker.word(die, &["secs"])?,
                entry::number(maker.units, die.at, &["nanos"], 4)?,
            ],
        ),
        ("std::time", "Instant" | "SystemTime") => {
            let what = match base {
                "Instant" => Told::Instant,
                _ => Told::SystemTime,
            };
            let nanos = ["__0", "t", "tv_nsec"];
            let seconds = maker.word(die, &["__0", "t", "tv_sec"])?;
            told(
                what,
                [seconds, entry::number(maker.units, die.at, &nanos, 4)?],
            )
        }
        ("core::net::ip_addr", "Ipv4Addr" | "Ipv6Addr") => {
            let (offset, _) = maker.find(die, &["octets"])?;
            match (base, die.byte_size) {
                ("Ipv4Addr", Some(4)) => told(Told::Ip4, [offset]),
                ("Ipv6Addr", Some(16)) => told(Told::Ip6, [offset]),
                _ => None,
            }
        }
        ("core::net::socket_addr", "SocketAddrV4" | "SocketAddrV6") => {
            let what = match base {
                "SocketAddrV4" => Told::Socket4,
                _ => Told::Socket6,
            };
            let (ip, _) = maker.find(die, &["ip", "octets"])?;
            told(
                what,
                [ip, entry::number(maker.units, die.at, &["port"], 2)?],
            )
        }
        ("core::sync::atomic", _) if base.starts_with("Atomic") => atomic(maker, die),
        ("core::cell", "Cell" | "UnsafeCell" | "RefCell" | "SyncUnsafeCell") => {
            same(maker, die, "value")
        }
        ("core::cell::once", "OnceCell") => same(maker, die, "inner"),
        ("std::sync::once_lock", "OnceLock") => once(maker, die, "value", "T"),
        ("std::sync::lazy_lock", "LazyLock") => once(maker, die, "data", "T"),
        (path, "Mutex" | "RwLock") if path.starts_with("std::sync") => same(maker, die, "data"),
        (path, "MutexGuard" | "RwLockWriteGuard") if path.starts_with("std::sync") => {
            same(maker, die, "lock")
        }
        (path, "RwLockReadGuard") if path.starts_with("std::sync") => guard(maker, die, "data"),
        ("core::cell", "Ref" | "RefMut") => guard(maker, die, "value"),
        ("core::num::nonzero", "NonZero")
        | ("core::mem::manually_drop", "ManuallyDrop")
        | ("core::mem::maybe_dangling", "MaybeDangling")
        | ("core::pin", "Pin")
        | ("core::ptr::non_null", "NonNull")
        | ("core::ptr::unique", "Unique")
        | ("core::panic::unwind_safe", "AssertUnwindSafe") => only(maker, die),
        (path, _) if path.starts_with("core::num::niche_types") => only(maker, die),
        _ => None,
    }
}

pub(super) fn told<const N: usize>(what: Told, parts: [u64; N]) -> Option<Kind> {
    Some(Kind::Told {
        what,
        parts: parts.into(),
    })
}

/// What the field of this name holds.
pub(super) fn same(maker: &Maker<'_>, die: &Die, field: &str) -> Option<Kind> {
    let (offset, to) = maker.find(die, &[field])?;
    Some(Kind::Same {
        offset,
        to: Link::new(to),
    })
}

/// What the only field of any size holds.
pub(super) fn only(maker: &Maker<'_>, die: &Die) -> Option<Kind> {
    let members = children(maker.units, die.at)?.members;
    let mut members = members.into_iter().filter(|member| {
        die.byte_size == Some(0)
            || Die::read(maker.units, member.to).is_some_and(|die| die.size(maker.units) > 0)
    });
    let member = members.next()?;
    members.next().is_none().then(|| Kind::Same {
        offset: member.offset,
        to: Link::new(member.to),
    })
}

/// What a guard gives access to, by the pointer in this field.
pub(super) fn guard(maker: &Maker<'_>, die: &Die, field: &str) -> Option<Kind> {
    let (start, to) = maker.find(die, &[field])?;
    let (within, pointer) = core_of(maker.units, to)?;
    if pointer.tag != gimli::DW_TAG_pointer_type {
        return None;
    }
    Some(Kind::Pointer {
        offset: start.checked_add(within)?,
        to: Link::new(pointer.to?),
    })
}

/// Where pointer, capacity and length of a vector at the end of the path are.
pub(super) fn vector(maker: &Maker<'_>, die: &Die, path: &[&str]) -> Option<(u64, u64, u64)> {
    let at = |rest: &[&str]| maker.word(die, &[path, rest].concat());
    let data = at(&["buf", "inner", "ptr"]).or_else(|| at(&["buf", "ptr"]))?;
    let capacity = at(&["buf", "inner", "cap"]).or_else(|| at(&["buf", "cap"]))?;
    Some((data, capacity, at(&["len"])?))
}

fn text(maker: &Maker<'_>, die: &Die, path: &[&str]) -> Option<Kind> {
    let (data, capacity, length) = vector(maker, die, path)?;
    Some(Kind::Text {
        data,
        length,
        capacity: Some(capacity),
        zero: false,
    })
}

fn hash(maker: &Maker<'_>, die: &Die, path: &[&str], is_map: bool) -> Option<Kind> {
    let (_, table) = maker.find(die, path)?;
    let at = |rest: &[&str]| maker.word(die, &[path, &["table"], rest].concat());
    let entry = maker.param(table, "T")?;
    let of = Die::read(maker.units, entry)?;
    let mut members = children(maker.units, entry)?.members.into_iter();
    let (key, value) = (members.next()?, members.next()?);
    if of.path.is_empty() && members.next().is_some() {
        return None;
    }
    Some(Kind::Hash(Box::new(Hash {
        control: at(&["ctrl"])?,
        mask: at(&["bucket_mask"])?,
        items: at(&["items"])?,
        stride: of.size(maker.units),
        align: of.align(maker.units),
        key: maker.field(key, 0)?,
        value: match is_map {
            true => Some(maker.field(value, 0)?),
            false => None,
        },
    })))
}

fn tree(maker: &Maker<'_>, die: &Die, path: &[&str], is_map: bool) -> Option<Kind> {
    let (base, map) = maker.find(die, path)?;
    let (root, option) = maker.find(die, &[path, &["root"]].concat())?;
    let reference = some(maker, option)?;
    let (node, pointer) = entry::find(maker.units, reference.1, &["node"])?;
    let height = entry::word(maker.units, reference.1, &["height"])?;
    let leaf = maker.param(pointer, "T")?;
    let (_, parent) = entry::find(maker.units, leaf, &["parent"])?;
    let internal = maker.param(some(maker, parent)?.1, "T")?;
    let within = |field: &str| entry::find(maker.units, leaf, &[field]);
    let (keys, array) = within("keys")?;
    // Nodes are addressed as leaves, which inner nodes begin with.
    if entry::find(maker.units, internal, &["data"])?.0 != 0 {
        return None;
    }
    let at = |offset: u64| root.checked_add(reference.0)?.checked_add(offset);
    Some(Kind::Tree(Box::new(Tree {
        root: at(node)?,
        height: at(height)?,
        length: base.checked_add(entry::word(maker.units, map, &["length"])?)?,
        count: entry::number(maker.units, leaf, &["len"], 2)?,
        keys,
        values: within("vals")?.0,
        edges: entry::find(maker.units, internal, &["edges"])?.0,
        capacity: children(maker.units, array)?.count?,
        key: maker.item(maker.param(map, "K")?)?,
        value: match is_map {
            true => Some(maker.item(maker.param(map, "V")?)?),
            false => None,
        },
    })))
}

/// What an option of a pointer holds: where, and what.
fn some(maker: &Maker<'_>, option: EntryRef) -> Option<(u64, EntryRef)> {
    let part = children(maker.units, option)?.part?;
    let variant = part.variants.into_iter().find(|(_, m)| m.name == "Some")?;
    let (offset, to) = entry::find(maker.units, variant.1.to, &["__0"])?;
    Some((offset.checked_add(variant.1.offset)?, to))
}

fn shared(maker: &Maker<'_>, die: &Die) -> Option<Kind> {
    let (base, pointer) = maker.find(die, &["ptr", "pointer"])?;
    let pointer = Die::read(maker.units, pointer)?;
    let (start, inner, rest) = if let Some(inner) = pointer.to {
        (base, inner, Rest::None)
    } else {
        let at = |name: &str| entry::find(maker.units, pointer.at, &[name]);
        let inner = |of: EntryRef| Die::read(maker.units, of)?.to;
        if let (Some((data, to)), Some((vtable, _))) = (at("pointer"), at("vtable")) {
            let vtable = base.checked_add(vtable)?;
            (base.checked_add(data)?, inner(to)?, Rest::Dyn { vtable })
        } else {
            let ((data, to), (length, _)) = (at("data_ptr")?, at("length")?);
            let length = base.checked_add(length)?;
            let to = inner(to)?;
            let (_, of) = value_of(maker, to)?;
            let start = die.name.find('<').map(|at| &die.name[at + 1..])?;
            let rest = match unsized_of(start)? {
                Unsized::Text => Rest::Text { length },
                Unsized::Slice => Rest::Slice {
                    length,
                    item: maker.item(of)?,
                },
                Unsized::ZeroEnded => return None,
            };
            (base.checked_add(data)?, to, rest)
        }
    };
    let (value, to) = value_of(maker, inner)?;
    let is_dyn = Die::read(maker.units, to)?.name.starts_with("dyn ");
    if is_dyn != matches!(rest, Rest::Dyn { .. }) {
        return None;
    }
    Some(Kind::Shared(Box::new(Shared {
        pointer: start,
        rest,
        strong: entry::word(maker.units, inner, &["strong"])?,
        value,
        to: Link::new(to),
    })))
}

fn value_of(maker: &Maker<'_>, inner: EntryRef) -> Option<(u64, EntryRef)> {
    let at = |name: &str| entry::find(maker.units, inner, &[name]);
    at("value").or_else(|| at("data"))
}

fn atomic(maker: &Maker<'_>, die: &Die) -> Option<Kind> {
    if die.name == "AtomicBool" || die.name == "Atomic<bool>" {
        return (die.byte_size == Some(1)).then_some(Kind::Bool);
    }
    match core_of(maker.units, die.at)? {
        (0, number) if number.tag == gimli::DW_TAG_pointer_type => Some(Kind::Address),
        (0, number) => scalar(&number, number.size(maker.units)),
        _ => None,
    }
}

fn once(maker: &Maker<'_>, die: &Die, field: &str, param: &str) -> Option<Kind> {
    let (once, state) = maker.find(die, &["once"])?;
    if Die::read(maker.units, state)?.byte_size != Some(4) {
        return None;
    }
    Some(Kind::Once {
        once,
        value: maker.find(die, &[field])?.0,
        to: Link::new(maker.param(die.at, param)?),
    })
}

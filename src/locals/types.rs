//! What the debug information says of types: each is looked at once, when a value of it is met.

mod crates;
mod entry;
mod kind;
mod name;
mod shape;
mod std_types;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

pub(super) use kind::{Choice, Field, Hash, Item, Kind, Rest, Shared, Told, Tree, Variant};
pub(super) use shape::masked;

use rustc_hash::FxHashMap;

use super::excluded::Excluded;
use super::units::{EntryRef, Units};
use crate::redact::Redactor;
use entry::Die;

/// A type of the program.
pub(super) struct Type {
    /// Its name as debug information has it: `Vec<shop::Item, alloc::alloc::Global>`, also `&str` and `(u32, u8)`.
    pub(super) name: Arc<str>,
    /// The module it stands in: `shop::cart`. Empty for tuples, references and what the language brings along.
    pub(super) path: Box<str>,
    pub(super) size: u64,
    /// 1 where it is not known.
    pub(super) align: u64,
    /// Whether its values must not be read.
    pub(super) is_secret: bool,
    /// Whether it is neither the app's nor the language's own.
    pub(super) is_foreign: bool,
    pub(super) entry: EntryRef,
    shown: OnceLock<Arc<str>>,
    struct_name: OnceLock<Arc<str>>,
    function: OnceLock<Arc<str>>,
    kind: OnceLock<Kind>,
    may_hold_coroutine: OnceLock<bool>,
}

/// A type within another one's description, found when it is needed.
///
/// It does not own the type: types refer to themselves by way of others.
pub(super) struct Link {
    pub(super) entry: EntryRef,
    met: OnceLock<Weak<Type>>,
}

/// What the app says of its types.
pub(super) struct Rules {
    pub(super) redactor: Redactor,
    pub(super) excluded: Excluded,
}

impl Rules {
    /// Whether nothing of this name is read.
    pub(super) fn hides(&self, name: &str) -> bool {
        self.redactor.is_sensitive(name) || self.excluded.has_name(name)
    }
}

/// The types that were met.
pub(super) struct Types {
    met: FxHashMap<EntryRef, Arc<Type>>,
    /// By the addresses of their vtables.
    behind: FxHashMap<u64, Arc<Type>>,
    rules: Arc<Rules>,
    most: usize,
    bytes: usize,
}

/// How many types are kept, and roughly how many bytes of memory they may take; beyond that all are dropped.
const MAX_TYPES: usize = 20_000;
const MAX_BYTES: usize = 4 << 20;

impl Types {
    pub(super) fn new(rules: Arc<Rules>) -> Self {
        Self {
            met: FxHashMap::default(),
            behind: FxHashMap::default(),
            rules,
            most: MAX_TYPES,
            bytes: 0,
        }
    }

    /// The type that this entry describes.
    pub(super) fn get(&mut self, units: &Units, entry: EntryRef) -> Arc<Type> {
        if let Some(known) = self.met.get(&entry) {
            return Arc::clone(known);
        }
        if self.met.len() >= self.most || self.bytes >= MAX_BYTES {
            self.met.clear();
            self.behind.clear();
            self.bytes = 0;
        }
        let new = Arc::new(Type::read(units, entry, &self.rules));
        self.bytes += size_of::<Type>() + 48 + new.name.len() + new.path.len();
        self.met.insert(entry, Arc::clone(&new));
        new
    }

    pub(super) fn follow(&mut self, units: &Units, link: &Link) -> Arc<Type> {
        if let Some(known) = link.met.get().and_then(Weak::upgrade) {
            return known;
        }
        let found = self.get(units, link.entry);
        // A link that led to a type that was dropped stays as it is, and is looked up each time.
        let _met = link.met.set(Arc::downgrade(&found));
        found
    }

    /// The type that the vtable at an address belongs to.
    pub(super) fn behind(&mut self, units: &Units, vtable: u64) -> Option<Arc<Type>> {
        if let Some(known) = self.behind.get(&vtable) {
            return Some(Arc::clone(known));
        }
        let of = self.get(units, units.vtable(vtable)?);
        self.behind.insert(vtable, Arc::clone(&of));
        Some(of)
    }

    /// How values of the type are laid out.
    pub(super) fn kind<'t>(&mut self, units: &Units, of: &'t Type) -> &'t Kind {
        if let Some(known) = of.kind.get() {
            return known;
        }
        let kind = shape::kind(units, of, &self.rules);
        self.bytes += kind.weight();
        of.kind.get_or_init(|| kind)
    }

    /// Types kept, and roughly their bytes.
    #[cfg(test)]
    pub(super) fn kept(&self) -> (usize, usize) {
        (self.met.len(), self.bytes)
    }

    pub(super) fn redactor(&self) -> &Redactor {
        &self.rules.redactor
    }
}

impl Type {
    fn read(units: &Units, entry: EntryRef, rules: &Rules) -> Self {
        let die = Die::read(units, entry);
        let size = die.as_ref().map_or(0, |die| die.size(units));
        let align = die.as_ref().map_or(1, |die| die.align(units));
        let (name, path) = die.map_or_else(Default::default, |die| (die.name, die.path));
        Self {
            is_secret: name::is_secret(&path, &name, &rules.excluded),
            is_foreign: name::is_foreign(&path, &|name| units.is_foreign_crate(name)),
            name: name.into(),
            path: path.into(),
            size,
            align,
            entry,
            shown: OnceLock::new(),
            struct_name: OnceLock::new(),
            function: OnceLock::new(),
            kind: OnceLock::new(),
            may_hold_coroutine: OnceLock::new(),
        }
    }

    /// Of a future that `async` makes, the function whose calls run it: `shop::cart::add::{async_fn#0}`.
    pub(super) fn function(&self) -> &Arc<str> {
        self.function.get_or_init(|| {
            let own = self.base().replacen("_env#", "#", 1);
            match &*self.path {
                "" => own.into(),
                path => format!("{path}::{own}").into(),
            }
        })
    }

    /// Whether both describe the same type: each unit has descriptions of its own.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.entry == other.entry
            || (self.size == other.size && self.name == other.name && self.path == other.path)
    }

    /// Whether a value of it can lead to a future made by `async`, where that was looked up.
    pub(super) fn may_hold_coroutine(&self) -> Option<bool> {
        self.may_hold_coroutine.get().copied()
    }

    pub(super) fn set_may_hold_coroutine(&self, holds: bool) {
        let _known = self.may_hold_coroutine.set(holds);
    }

    /// The name without path and generic arguments: `Vec`.
    pub(super) fn base(&self) -> &str {
        name::base(&self.name)
    }

    /// As people write it: `shop::Cart`, `Vec<Item>`, `Option<&str>`.
    pub(super) fn shown(&self) -> &Arc<str> {
        let shown = || name::shown(&self.path, &self.name).into();
        self.shown.get_or_init(shown)
    }

    /// The name that its values have as structs: none those of tuples.
    pub(super) fn struct_name(&self) -> Arc<str> {
        let name = self.struct_name.get_or_init(|| match self.base() {
            tuple if tuple.starts_with('(') => "".into(),
            closure if closure.starts_with("{closure_env") => "closure".into(),
            name => name.into(),
        });
        Arc::clone(name)
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.path, self.name)
    }
}

impl Link {
    pub(super) fn new(entry: EntryRef) -> Self {
        Self {
            entry,
            met: OnceLock::new(),
        }
    }
}

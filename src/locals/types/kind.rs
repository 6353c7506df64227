//! The kinds of types there are for a reader.

use std::sync::Arc;

use crate::stack::Missing;

use super::Link;

/// How values of a type are laid out. Offsets count from the value's beginning, in bytes.
pub(in super::super) enum Kind {
    Unit,
    Bool,
    Char,
    Signed,
    Unsigned,
    Float,
    /// A raw pointer, a pointer to a function: shown as a number, never followed.
    Address,
    /// `&T`, `&mut T`, `Box<T>`; what a guard of a lock leads to.
    Pointer {
        offset: u64,
        to: Link,
    },
    /// A pointer and a vtable.
    Dyn {
        pointer: u64,
        vtable: u64,
    },
    /// UTF-8 elsewhere: `&str`, `String`, paths.
    Text {
        data: u64,
        length: u64,
        capacity: Option<u64>,
        /// Ends with a zero that is not shown.
        zero: bool,
    },
    /// Items elsewhere: slices, `Vec`.
    Slice {
        data: u64,
        length: u64,
        capacity: Option<u64>,
        item: Item,
    },
    Array {
        count: u64,
        item: Item,
    },
    /// `VecDeque`.
    Ring {
        data: u64,
        capacity: u64,
        head: u64,
        length: u64,
        item: Item,
    },
    Hash(Box<Hash>),
    Tree(Box<Tree>),
    /// `Rc`, `Arc`.
    Shared(Box<Shared>),
    /// Shown as what is in it: `Cell`, `Mutex`, `Pin`, `NonZero`.
    Same {
        offset: u64,
        to: Link,
    },
    /// `OnceLock`, `LazyLock`: in it is something once its `Once`, at this offset, is complete.
    Once {
        once: u64,
        value: u64,
        to: Link,
    },
    Struct(Box<[Field]>),
    Choice(Box<Choice>),
    /// An enum without fields: the values and names of its variants.
    Names(Box<[(u128, Arc<str>)]>),
    /// Bytes, of which the number is told: where it stands.
    Bytes {
        length: u64,
        capacity: Option<u64>,
    },
    /// What has a way of its own to be shown; the offsets of its parts.
    Told {
        what: Told,
        parts: Box<[u64]>,
    },
    /// `http::HeaderMap`: its entries, of key and value.
    Headers {
        entries: u64,
        length: u64,
        stride: u64,
        key: Field,
        /// Where in an entry pointer and length of the value are.
        value: (u64, u64),
        sensitive: u64,
    },
    /// `http::Uri`, put together from its parts: pointers and lengths.
    Uri {
        scheme: Field,
        authority: (u64, u64),
        path: (u64, u64),
        query: u64,
    },
    /// `FuturesUnordered`: where the first task is; within a task, where the next one is and what it runs.
    Chain {
        head: u64,
        next: u64,
        value: u64,
        align: u64,
        to: Link,
    },
    Opaque(Missing),
}

/// What is shown in a form of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Told {
    Duration,
    Instant,
    SystemTime,
    Ip4,
    Ip6,
    Socket4,
    Socket6,
    Uuid,
    /// HTTP's.
    Status,
    /// `(Weak)`.
    Weak,
}

/// The items of a sequence.
pub(in super::super) struct Item {
    pub(in super::super) to: Link,
    pub(in super::super) stride: u64,
    pub(in super::super) align: u64,
    pub(in super::super) is_byte: bool,
}

pub(in super::super) struct Field {
    /// Without the underscores of a tuple's: `0`.
    pub(in super::super) name: Arc<str>,
    pub(in super::super) offset: u64,
    pub(in super::super) to: Link,
    /// Whether its name forbids to read it.
    pub(in super::super) is_secret: bool,
}

pub(in super::super) struct Choice {
    pub(in super::super) tag: Option<Tag>,
    pub(in super::super) variants: Box<[Variant]>,
    /// The one without a value of its own.
    pub(in super::super) otherwise: Option<usize>,
    /// Shown as what the variant holds: `Cow`, `IpAddr`, JSON.
    pub(in super::super) is_plain: bool,
    /// A future made by `async`.
    pub(in super::super) is_coroutine: bool,
}

#[derive(Clone, Copy)]
pub(in super::super) struct Tag {
    pub(in super::super) offset: u64,
    pub(in super::super) size: u64,
}

pub(in super::super) struct Variant {
    pub(in super::super) name: Arc<str>,
    /// The values of the tag that mean it.
    pub(in super::super) value: Option<u128>,
    pub(in super::super) fields: Box<[Field]>,
    /// Of a coroutine: the line where it waits.
    pub(in super::super) line: Option<u32>,
}

/// A table of hashbrown: control bytes, before which the entries lie, the first the nearest.
pub(in super::super) struct Hash {
    pub(in super::super) control: u64,
    pub(in super::super) mask: u64,
    pub(in super::super) items: u64,
    pub(in super::super) stride: u64,
    pub(in super::super) align: u64,
    pub(in super::super) key: Field,
    /// None of a set's.
    pub(in super::super) value: Option<Field>,
}

/// A B-tree: where root, height and length are, and how its nodes look.
pub(in super::super) struct Tree {
    pub(in super::super) root: u64,
    pub(in super::super) height: u64,
    pub(in super::super) length: u64,
    /// Within a node: the number of its keys, the keys, the values, and the nodes below.
    pub(in super::super) count: u64,
    pub(in super::super) keys: u64,
    pub(in super::super) values: u64,
    pub(in super::super) edges: u64,
    pub(in super::super) capacity: u64,
    pub(in super::super) key: Item,
    pub(in super::super) value: Option<Item>,
}

/// What `Rc` and `Arc` point to.
pub(in super::super) struct Shared {
    pub(in super::super) pointer: u64,
    /// Of what has no fixed size: the length of the slice, or the vtable.
    pub(in super::super) rest: Rest,
    pub(in super::super) strong: u64,
    /// The value, behind the counts.
    pub(in super::super) value: u64,
    pub(in super::super) to: Link,
}

/// The second half of a pointer.
pub(in super::super) enum Rest {
    None,
    Text { length: u64 },
    Slice { length: u64, item: Item },
    Dyn { vtable: u64 },
}

impl Kind {
    /// Roughly the bytes it takes.
    pub(super) fn weight(&self) -> usize {
        let fields = |fields: &[Field]| fields.len() * (size_of::<Field>() + 24);
        match self {
            Self::Struct(all) => fields(all),
            Self::Choice(choice) => choice
                .variants
                .iter()
                .map(|variant| size_of::<Variant>() + 24 + fields(&variant.fields))
                .sum(),
            Self::Names(names) => names.len() * 64,
            Self::Hash(_) | Self::Tree(_) | Self::Shared(_) => 256,
            _ => 0,
        }
    }
}

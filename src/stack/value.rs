//! What a variable held, as a tree.

mod json;
mod shown;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a variable held, as far as it could be read.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Value {
    /// A number, a boolean, a character, `()` or a raw address, as Rust writes it: `-7`, `1.5`, `true`, `'x'`.
    Scalar(String),
    /// Text, or the beginning of it.
    Text {
        /// What was kept.
        text: String,
        /// The length of the whole, in bytes.
        length: u64,
    },
    /// Bytes, of which only the number is told.
    Bytes {
        /// How many there are.
        length: u64,
    },
    /// A slice, an array, a vector, a set.
    List {
        /// The first of them.
        items: Vec<Value>,
        /// How many there are.
        length: u64,
    },
    /// A map.
    Map {
        /// Some keys with their values.
        entries: Vec<(Value, Value)>,
        /// How many there are.
        length: u64,
    },
    /// A struct or, with an empty name, a tuple; the fields of tuples are called `0`, `1` and so on.
    Struct {
        /// The type's name without its path.
        name: Arc<str>,
        /// The fields, in the order of the source.
        fields: Vec<(Arc<str>, Value)>,
    },
    /// What an enum was: `Some(3)`, `Payment::Card { last4: 4242 }`.
    Variant {
        /// The variant's name.
        name: Arc<str>,
        /// Its fields, none for one without.
        fields: Vec<(Arc<str>, Value)>,
    },
    /// What a reference or a smart pointer points to.
    Pointer {
        /// That. Pointers to the same share it.
        to: Arc<Value>,
        /// How many own it together: the strong count of an `Rc` or `Arc`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owners: Option<u64>,
    },
    /// Nothing, for this reason.
    Missing(Missing),
}

impl Value {
    /// Whether it says, as the key or the name of something, that it must not be kept. One that was cut may have said so.
    pub(crate) fn names(&self, is_sensitive: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Text { text, length } => *length > text.len() as u64 || is_sensitive(text),
            Self::Variant { name, fields } if is_sensitive(name) || fields.is_empty() => {
                is_sensitive(name)
            }
            Self::Variant { fields, .. } | Self::Struct { fields, .. } => match fields.as_slice() {
                [(_, only)] => only.names(is_sensitive),
                _ => false,
            },
            Self::Pointer { to, .. } => to.names(is_sensitive),
            _ => false,
        }
    }
}

/// Whether what the first of two fields holds is the name of what the second holds: of a pair, of `Header { name, value }`.
pub(crate) fn is_name_of(first: &str, second: &str) -> bool {
    matches!(
        (first, second),
        ("0", "1")
            | (
                "name" | "key" | "field" | "header",
                "value" | "values" | "val"
            )
    )
}

impl Default for Value {
    fn default() -> Self {
        Self::Missing(Missing::Unavailable)
    }
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Missing {
    /// The compiler kept it nowhere at this place.
    OptimizedOut,
    /// The memory it should be in is not there any more.
    Unreadable,
    /// The bytes are no value of its type: it was moved, dropped, or not yet written.
    Invalid,
    /// Its name, its type or a setting forbids to read it.
    Redacted,
    /// It lies deeper within others than is read.
    TooDeep,
    /// As much as may be read had been read before.
    TooMuch,
    /// The time for reading was over.
    Deadline,
    /// The program was built without what describes variables.
    NoDebuginfo,
    /// The debug information describes it in a way that this version does not know.
    Unsupported,
    /// There were too many failures at once.
    Busy,
    /// Variables are not read on this platform, or not in this process.
    Unavailable,
}

//! How much is read.

use crate::locals::settings;

/// How much of a value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Limits {
    /// How deep structs, lists and maps may lie within one another.
    pub(in super::super) depth: u8,
    /// How many items of a list, or entries of a map, are read.
    pub(in super::super) items: usize,
    /// How many bytes of a text are kept.
    pub(in super::super) text: usize,
    /// How many fields of a struct are read.
    pub(in super::super) fields: usize,
    /// Of how many pieces a value may consist in all.
    pub(in super::super) pieces: usize,
}

impl Limits {
    pub(in super::super) fn of(limits: &settings::Limits) -> Self {
        Self {
            depth: u8::try_from(limits.depth).unwrap_or(u8::MAX),
            items: limits.items,
            text: limits.text,
            fields: FIELDS,
            pieces: PIECES.max(limits.items),
        }
    }
}

const FIELDS: usize = 32;
const PIECES: usize = 200;

/// Small ones.
#[cfg(test)]
impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 5,
            items: 8,
            text: 80,
            fields: FIELDS,
            pieces: PIECES,
        }
    }
}

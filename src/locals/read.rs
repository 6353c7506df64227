//! From a type and a place to a value.
//!
//! What is read may be anything: moved, freed, overwritten meanwhile, never written. So every length, pointer and tag is judged
//! before it is used, and what has a forbidden name or type is not read at all.

mod choice;
mod hash;
mod http;
mod limits;
mod list;
mod point;
mod scalar;
#[cfg(test)]
mod tests;
mod text;
mod told;
mod tree;

use std::sync::Arc;

use super::eval::{Known, Where};
use super::memory::Memory;
use super::types::{Field, Kind, Type, Types};
use super::units::Units;
use crate::stack::{Missing, Value, is_name_of};
pub(super) use limits::Limits;
pub(super) use list::aligned;
use point::Met;

/// Reads values.
pub(super) struct Reader<'r> {
    pub(super) types: &'r mut Types,
    pub(super) units: &'r Units,
    pub(super) memory: &'r mut dyn Memory,
    pub(super) limits: Limits,
    pieces: usize,
    stopped: Option<Missing>,
    met: Vec<Met>,
}

/// Where the bytes of a value are.
#[derive(Clone, Copy)]
pub(super) enum Place<'k> {
    Memory(u64),
    Bytes(&'k Known, u64),
}

/// How far down the reader is.
#[derive(Clone, Copy)]
struct Depth {
    /// Structs, lists and maps that may still lie within.
    levels: u8,
    /// Steps of any kind: this bounds the stack.
    steps: u8,
    /// Whether it is part of somebody else's struct.
    in_foreign: bool,
}

/// Steps down to a value, of whatever kind: through pointers, cells, options.
const MAX_STEPS: u8 = 24;

/// The size up to which somebody else's struct is shown within another: numbers, not machinery.
const SMALL: u64 = 32;

pub(super) type Read<T> = Result<T, Missing>;

impl<'r> Reader<'r> {
    pub(super) fn new(
        types: &'r mut Types,
        units: &'r Units,
        memory: &'r mut dyn Memory,
        limits: Limits,
    ) -> Self {
        Self {
            types,
            units,
            memory,
            limits,
            pieces: 0,
            stopped: None,
            met: Vec::new(),
        }
    }

    /// What a variable of the type holds.
    pub(super) fn value(&mut self, of: &Arc<Type>, at: &Where) -> Value {
        self.begin();
        self.show(of, Place::of(at), self.whole())
    }

    pub(super) fn value_at(&mut self, of: &Arc<Type>, address: u64) -> Value {
        self.value(of, &Where::Memory(address))
    }

    /// What a variable holds that is a part of something.
    pub(super) fn variable(&mut self, field: &Field, place: Place<'_>) -> Value {
        if field.is_secret {
            return Value::Missing(Missing::Redacted);
        }
        self.begin();
        self.field(field, place, self.whole())
    }

    /// Allows for another variable's pieces.
    pub(super) fn begin(&mut self) {
        self.pieces = self.limits.pieces;
    }

    fn whole(&self) -> Depth {
        Depth {
            levels: self.limits.depth,
            steps: MAX_STEPS,
            in_foreign: false,
        }
    }

    fn show(&mut self, of: &Type, place: Place<'_>, depth: Depth) -> Value {
        self.try_show(of, place, depth)
            .unwrap_or_else(Value::Missing)
    }

    fn try_show(&mut self, of: &Type, place: Place<'_>, depth: Depth) -> Read<Value> {
        if of.is_secret {
            return Err(Missing::Redacted);
        }
        if let Some(stopped) = self.stopped {
            return Err(stopped);
        }
        self.pieces = self.pieces.checked_sub(1).ok_or(Missing::TooMuch)?;
        let depth = depth.down()?;
        match self.types.kind(self.units, of) {
            Kind::Unit => Ok(Value::Scalar("()".to_owned())),
            Kind::Bool | Kind::Char | Kind::Float | Kind::Signed | Kind::Unsigned => {
                self.scalar(of, place)
            }
            Kind::Address => scalar::address(self.word(place)?),
            Kind::Pointer { offset, to } => self.pointer(to, place.plus(*offset)?, depth),
            Kind::Dyn { pointer, vtable } => self.dynamic(*pointer, *vtable, place, depth),
            Kind::Text {
                data,
                length,
                capacity,
                zero,
            } => self.text(place, (*data, *length, *capacity), *zero),
            Kind::Slice {
                data,
                length,
                capacity,
                item,
            } => self.slice(place, (*data, *length, *capacity), item, depth),
            Kind::Array { count, item } => self.array(place, *count, item, depth),
            Kind::Ring {
                data,
                capacity,
                head,
                length,
                item,
            } => self.ring(place, [*data, *capacity, *head, *length], item, depth),
            Kind::Hash(hash) => self.hash(place, hash, depth),
            Kind::Tree(tree) => self.tree(place, tree, depth),
            Kind::Shared(shared) => self.shared(place, shared, depth),
            Kind::Same { offset, to } => {
                let to = self.types.follow(self.units, to);
                self.try_show(&to, place.plus(*offset)?, depth)
            }
            Kind::Once { once, value, to } => {
                if !self.is_complete(place.plus(*once)?)? {
                    return Ok(Value::Scalar("<uninit>".to_owned()));
                }
                let to = self.types.follow(self.units, to);
                self.try_show(&to, place.plus(*value)?, depth)
            }
            Kind::Struct(fields) => self.structure(of, fields, place, depth),
            Kind::Choice(choice) => self.choice(of, choice, place, depth),
            Kind::Names(names) => self.name(of, names, place),
            Kind::Bytes { length, capacity } => self.byte_count(place, *length, *capacity),
            Kind::Told { what, parts } => self.told(*what, parts, place),
            Kind::Headers {
                entries,
                length,
                stride,
                key,
                value,
                sensitive,
            } => {
                let bucket = http::Bucket {
                    stride: *stride,
                    key,
                    value: *value,
                    sensitive: *sensitive,
                };
                self.headers(place, (*entries, *length), &bucket, depth)
            }
            Kind::Uri {
                scheme,
                authority,
                path,
                query,
            } => self.uri(place, scheme, *authority, *path, *query),
            Kind::Chain {
                head,
                next,
                value,
                align,
                to,
            } => self.chain(place.plus(*head)?, (*next, *value, *align), to, depth),
            Kind::Opaque(missing) => Err(*missing),
        }
    }

    fn structure(
        &mut self,
        of: &Type,
        fields: &[Field],
        place: Place<'_>,
        depth: Depth,
    ) -> Read<Value> {
        let inner = match fields {
            [] => depth,
            _ => depth.into_struct(of)?,
        };
        Ok(Value::Struct {
            name: of.struct_name(),
            fields: self.fields(fields, place, inner),
        })
    }

    fn fields(
        &mut self,
        fields: &[Field],
        place: Place<'_>,
        depth: Depth,
    ) -> Vec<(Arc<str>, Value)> {
        let mut shown: Vec<(Arc<str>, Value)> =
            Vec::with_capacity(fields.len().min(self.limits.fields + 1));
        for field in fields {
            if shown.len() == self.limits.fields {
                shown.push(("…".into(), Value::Missing(Missing::TooMuch)));
                break;
            }
            let named_before = shown
                .iter()
                .any(|(name, value)| is_name_of(name, &field.name) && self.names_a_secret(value));
            let value = match field.is_secret || named_before {
                true => Value::Missing(Missing::Redacted),
                false => self.field(field, place, depth),
            };
            shown.push((Arc::clone(&field.name), value));
        }
        shown
    }

    fn field(&mut self, field: &Field, place: Place<'_>, depth: Depth) -> Value {
        let of = self.types.follow(self.units, &field.to);
        match place.plus(field.offset) {
            Ok(place) => self.show(&of, place, depth),
            Err(missing) => Value::Missing(missing),
        }
    }

    /// Whether a key, or the like, says that what it stands for must not be read.
    fn names_a_secret(&self, key: &Value) -> bool {
        key.names(&|name| self.types.redactor().is_sensitive(name))
    }

    fn read(&mut self, place: Place<'_>, into: &mut [u8]) -> Read<()> {
        if let Some(stopped) = self.stopped {
            return Err(stopped);
        }
        match place {
            Place::Memory(address) => self.memory.read(address, into).inspect_err(|missing| {
                if matches!(missing, Missing::Deadline | Missing::TooMuch) {
                    self.stopped = Some(*missing);
                }
            }),
            Place::Bytes(known, at) => {
                let start = usize::try_from(at).map_err(|_| Missing::Invalid)?;
                let end = start.checked_add(into.len()).ok_or(Missing::Invalid)?;
                let bytes = known.bytes.get(start..end).ok_or(Missing::OptimizedOut)?;
                let mask = known.mask.get(start..end).ok_or(Missing::OptimizedOut)?;
                if mask.contains(&false) {
                    return Err(Missing::OptimizedOut);
                }
                into.copy_from_slice(bytes);
                Ok(())
            }
        }
    }

    fn bytes<const N: usize>(&mut self, place: Place<'_>) -> Read<[u8; N]> {
        let mut bytes = [0; N];
        self.read(place, &mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn word(&mut self, place: Place<'_>) -> Read<u64> {
        self.bytes(place).map(u64::from_ne_bytes)
    }

    pub(super) fn word_at(&mut self, place: Place<'_>, offset: u64) -> Read<u64> {
        self.word(place.plus(offset)?)
    }

    /// A length that something could have.
    fn length(&mut self, place: Place<'_>, offset: u64, capacity: Option<u64>) -> Read<u64> {
        let length = self.word_at(place, offset)?;
        if length > MAX_LENGTH {
            return Err(Missing::Invalid);
        }
        if let Some(capacity) = capacity {
            let capacity = self.word_at(place, capacity)?;
            if capacity < length || capacity > i64::MAX.cast_unsigned() {
                return Err(Missing::Invalid);
            }
        }
        Ok(length)
    }
}

/// More than this would not fit into a machine's memory: 16 TB.
const MAX_LENGTH: u64 = 1 << 44;

impl<'k> Place<'k> {
    pub(super) fn of(at: &'k Where) -> Self {
        match at {
            Where::Memory(address) => Self::Memory(*address),
            Where::Bytes(known) => Self::Bytes(known, 0),
        }
    }

    pub(super) fn plus(self, offset: u64) -> Read<Self> {
        match self {
            Self::Memory(address) => address.checked_add(offset).map(Self::Memory),
            Self::Bytes(known, at) => at.checked_add(offset).map(|at| Self::Bytes(known, at)),
        }
        .ok_or(Missing::Invalid)
    }
}

impl Depth {
    fn down(self) -> Read<Self> {
        let steps = self.steps.checked_sub(1).ok_or(Missing::TooDeep)?;
        Ok(Self { steps, ..self })
    }

    /// Whether what is read from here is what is read from there, which may have come further down already.
    fn reads_as(self, there: Self) -> bool {
        (self.levels, self.in_foreign) == (there.levels, there.in_foreign)
            && self.steps >= there.steps
    }

    /// Into a struct, a list or a map.
    fn into_level(self) -> Read<Self> {
        let levels = self.levels.checked_sub(1).ok_or(Missing::TooDeep)?;
        Ok(Self { levels, ..self })
    }

    fn into_struct(self, of: &Type) -> Read<Self> {
        if of.is_foreign && self.in_foreign && of.size > SMALL {
            return Err(Missing::TooDeep);
        }
        let in_foreign = of.is_foreign || (self.in_foreign && of.path.is_empty());
        Ok(Self {
            in_foreign,
            ..self.into_level()?
        })
    }
}

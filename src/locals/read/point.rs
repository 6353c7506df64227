//! What pointers lead to.

use std::sync::{Arc, Once};

use super::{Depth, Place, Read, Reader, aligned};
use crate::locals::types::{Link, Rest, Shared, Type};
use crate::stack::{Missing, Value};

impl Reader<'_> {
    pub(super) fn pointer(&mut self, to: &Link, place: Place<'_>, depth: Depth) -> Read<Value> {
        let to = self.types.follow(self.units, to);
        if to.is_secret {
            return Err(Missing::Redacted);
        }
        let address = self.word(place)?;
        aligned(address, to.align)?;
        Ok(pointer(self.show(&to, Place::Memory(address), depth)))
    }

    pub(super) fn dynamic(
        &mut self,
        pointer: u64,
        vtable: u64,
        place: Place<'_>,
        depth: Depth,
    ) -> Read<Value> {
        let of = self.concrete(place, vtable)?;
        if of.is_secret {
            return Err(Missing::Redacted);
        }
        let address = self.word_at(place, pointer)?;
        aligned(address, of.align)?;
        Ok(self::pointer(self.show(&of, Place::Memory(address), depth)))
    }

    /// The type that the vtable belongs to.
    pub(in super::super) fn concrete(&mut self, place: Place<'_>, vtable: u64) -> Read<Arc<Type>> {
        let vtable = self.word_at(place, vtable)?;
        aligned(vtable, 8)?;
        self.types
            .behind(self.units, vtable)
            .ok_or(Missing::Unsupported)
    }

    pub(super) fn shared(
        &mut self,
        place: Place<'_>,
        shared: &Shared,
        depth: Depth,
    ) -> Read<Value> {
        let of = self.types.follow(self.units, &shared.to);
        if of.is_secret {
            return Err(Missing::Redacted);
        }
        let address = self.word_at(place, shared.pointer)?;
        aligned(address, 8)?;
        let start = Place::Memory(address);
        let owners = self.word_at(start, shared.strong)?;
        if owners == 0 || owners > i64::MAX.cast_unsigned() {
            return Err(Missing::Invalid);
        }
        let value = start.plus(shared.value)?;
        let to = match &shared.rest {
            Rest::None => self.show(&of, value, depth),
            Rest::Text { length } => {
                let whole = self.length(place, *length, None)?;
                let read = self.text_at(value, whole)?;
                self.clean(read, whole)
            }
            Rest::Slice { length, item } => {
                let length = self.length(place, *length, None)?;
                let data = address.checked_add(shared.value).ok_or(Missing::Invalid)?;
                self.items(data, length, item, depth)?
            }
            Rest::Dyn { vtable } => {
                let of = self.concrete(place, *vtable)?;
                if of.is_secret {
                    return Err(Missing::Redacted);
                }
                let data = shared.value.checked_next_multiple_of(of.align);
                let data = data.ok_or(Missing::Invalid)?;
                self.show(&of, start.plus(data)?, depth)
            }
        };
        Ok(Value::Pointer {
            to: Box::new(to),
            owners: Some(owners),
        })
    }

    /// Whether a `Once` is in the state of one that is complete.
    pub(super) fn is_complete(&mut self, place: Place<'_>) -> Read<bool> {
        // Its states are the standard library's own affair, so one that is known to be complete is asked.
        static COMPLETE: Once = Once::new();
        COMPLETE.call_once(|| {});
        let complete = std::ptr::from_ref(&COMPLETE).addr() as u64;
        if size_of::<Once>() != 4 {
            return Err(Missing::Unsupported);
        }
        let expected: [u8; 4] = self.bytes(Place::Memory(complete))?;
        Ok(self.bytes::<4>(place)? == expected)
    }
}

fn pointer(to: Value) -> Value {
    Value::Pointer {
        to: Box::new(to),
        owners: None,
    }
}

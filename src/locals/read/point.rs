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
        Ok(pointer(self.pointee(&to, address, depth)))
    }

    /// What lies there, which another pointer of this failure may have led to: it was read for that one.
    fn pointee(&mut self, of: &Arc<Type>, address: u64, depth: Depth) -> Arc<Value> {
        let is_it = |met: &&Met| {
            met.address == address && met.of.is_same_as(of) && met.depth.reads_as(depth)
        };
        if let Some(met) = self.met.iter().find(is_it) {
            self.pieces = self.pieces.saturating_sub(met.pieces);
            return Arc::clone(&met.value);
        }
        let before = self.pieces;
        let value = Arc::new(self.show(of, Place::Memory(address), depth));
        if self.pieces > 0 && self.stopped.is_none() && self.met.len() < MAX_MET {
            self.met.push(Met {
                address,
                of: Arc::clone(of),
                depth,
                pieces: before - self.pieces,
                value: Arc::clone(&value),
            });
        }
        value
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
        Ok(self::pointer(self.pointee(&of, address, depth)))
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
        let value = address.checked_add(shared.value).ok_or(Missing::Invalid)?;
        let to = match &shared.rest {
            Rest::None => self.pointee(&of, value, depth),
            Rest::Text { length } => {
                let whole = self.length(place, *length, None)?;
                let read = self.text_at(Place::Memory(value), whole)?;
                Arc::new(self.clean(read, whole))
            }
            Rest::Slice { length, item } => {
                let length = self.length(place, *length, None)?;
                Arc::new(self.items(value, length, item, depth)?)
            }
            Rest::Dyn { vtable } => {
                let of = self.concrete(place, *vtable)?;
                if of.is_secret {
                    return Err(Missing::Redacted);
                }
                let data = shared.value.checked_next_multiple_of(of.align);
                let data = data.and_then(|data| address.checked_add(data));
                self.pointee(&of, data.ok_or(Missing::Invalid)?, depth)
            }
        };
        Ok(Value::Pointer {
            to,
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

fn pointer(to: Arc<Value>) -> Value {
    let owners = None;
    Value::Pointer { to, owners }
}

/// What a pointer led to.
pub(super) struct Met {
    address: u64,
    of: Arc<Type>,
    depth: Depth,
    pieces: usize,
    value: Arc<Value>,
}

/// Pointers of one failure whose values are looked for among those that were met.
const MAX_MET: usize = 64;

//! Slices, vectors, arrays, queues.

use super::{Depth, Place, Read, Reader};
use crate::locals::types::{Item, Link};
use crate::stack::{Missing, Value};

impl Reader<'_> {
    pub(super) fn slice(
        &mut self,
        place: Place<'_>,
        (data, length, capacity): (u64, u64, Option<u64>),
        item: &Item,
        depth: Depth,
    ) -> Read<Value> {
        // Vectors of nothing have any length and no capacity.
        let capacity = capacity.filter(|_| item.stride > 0);
        let length = self.length(place, length, capacity)?;
        let data = match length {
            0 => 0,
            _ => self.word_at(place, data)?,
        };
        self.items(data, length, item, depth)
    }

    /// So many items from an address on.
    pub(super) fn items(
        &mut self,
        data: u64,
        length: u64,
        item: &Item,
        depth: Depth,
    ) -> Read<Value> {
        if item.is_byte {
            return Ok(Value::Bytes { length });
        }
        if length > 0 {
            aligned(data, item.align)?;
            let end = length
                .checked_mul(item.stride)
                .map(|size| data.checked_add(size));
            end.flatten().ok_or(Missing::Invalid)?;
        }
        self.list(length, item, depth, |index| {
            Ok(Place::Memory(data + index * item.stride))
        })
    }

    pub(super) fn array(
        &mut self,
        place: Place<'_>,
        count: u64,
        item: &Item,
        depth: Depth,
    ) -> Read<Value> {
        if item.is_byte {
            return Ok(Value::Bytes { length: count });
        }
        self.list(count, item, depth, |index| {
            let offset = index.checked_mul(item.stride).ok_or(Missing::Invalid)?;
            place.plus(offset)
        })
    }

    /// Where data, capacity, head and length are.
    pub(super) fn ring(
        &mut self,
        place: Place<'_>,
        [data, capacity, head, length]: [u64; 4],
        item: &Item,
        depth: Depth,
    ) -> Read<Value> {
        if item.stride == 0 {
            return Err(Missing::Unsupported);
        }
        let length = self.length(place, length, Some(capacity))?;
        let capacity = self.word_at(place, capacity)?;
        let (head, data) = (self.word_at(place, head)?, self.word_at(place, data)?);
        if item.is_byte {
            return Ok(Value::Bytes { length });
        }
        if length > 0 {
            aligned(data, item.align)?;
        }
        if head >= capacity.max(1) {
            return Err(Missing::Invalid);
        }
        self.list(length, item, depth, |index| {
            let at = head.checked_add(index).ok_or(Missing::Invalid)?;
            let at = if at >= capacity { at - capacity } else { at };
            let offset = at.checked_mul(item.stride).ok_or(Missing::Invalid)?;
            Place::Memory(data).plus(offset)
        })
    }

    /// Tasks, of which each knows the next; where in a task that and its value are, and how it is aligned.
    pub(super) fn chain(
        &mut self,
        head: Place<'_>,
        (next, value, align): (u64, u64, u64),
        to: &Link,
        depth: Depth,
    ) -> Read<Value> {
        let of = self.types.follow(self.units, to);
        let mut items = Vec::new();
        let mut length = 0;
        for task in self.tasks(head, next, align)? {
            length += 1;
            if items.len() < self.limits.items {
                let value = Place::Memory(task).plus(value)?;
                items.push(self.show(&of, value, depth.into_level()?));
            }
        }
        Ok(Value::List { items, length })
    }

    /// The addresses of such tasks, as far as they are looked at.
    pub(in super::super) fn tasks(
        &mut self,
        head: Place<'_>,
        next: u64,
        align: u64,
    ) -> Read<Vec<u64>> {
        let mut tasks = Vec::new();
        let mut task = self.word(head)?;
        while task != 0 && tasks.len() < MAX_TASKS {
            aligned(task, align)?;
            tasks.push(task);
            task = self.word_at(Place::Memory(task), next)?;
        }
        Ok(tasks)
    }

    fn list<'k>(
        &mut self,
        length: u64,
        item: &Item,
        depth: Depth,
        place: impl Fn(u64) -> Read<Place<'k>>,
    ) -> Read<Value> {
        let mut items = Vec::new();
        if length > 0 {
            let depth = depth.into_level()?;
            let of = self.types.follow(self.units, &item.to);
            if of.is_secret {
                return Err(Missing::Redacted);
            }
            let shown = length.min(self.limits.items as u64);
            items.reserve_exact(shown as usize);
            for index in 0..shown {
                items.push(self.show(&of, place(index)?, depth));
                if self.pieces == 0 || self.stopped.is_some() {
                    break;
                }
            }
        }
        Ok(Value::List { items, length })
    }
}

const MAX_TASKS: usize = 32;

/// Fails for an address at which no such value can be.
pub(in super::super) fn aligned(address: u64, align: u64) -> Read<()> {
    let fits = address != 0 && address.is_multiple_of(align.max(1));
    fits.then_some(()).ok_or(Missing::Invalid)
}

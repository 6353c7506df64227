//! Hash maps and sets.

use super::{Depth, Place, Read, Reader, aligned};
use crate::locals::types::Hash;
use crate::stack::{Missing, Value};

/// How many control bytes are looked at for the first entries.
const MAX_BUCKETS: u64 = 4_096;

const EMPTY: u8 = 0xff;
const DELETED: u8 = 0x80;

impl Reader<'_> {
    pub(super) fn hash(&mut self, place: Place<'_>, hash: &Hash, depth: Depth) -> Read<Value> {
        let length = self.length(place, hash.items, None)?;
        let mask = self.word_at(place, hash.mask)?;
        let buckets = mask.checked_add(1).ok_or(Missing::Invalid)?;
        if !buckets.is_power_of_two() || (length > 0 && length >= buckets) {
            return Err(Missing::Invalid);
        }
        let control = self.word_at(place, hash.control)?;
        aligned(control, hash.align)?;
        let mut entries = Vec::new();
        let mut items = Vec::new();
        if length > 0 {
            let depth = depth.into_level()?;
            let wanted = length.min(self.limits.items as u64);
            for bucket in self.full_buckets(control, buckets, wanted)? {
                let below = (bucket + 1).checked_mul(hash.stride);
                let entry = below.and_then(|below| control.checked_sub(below));
                let entry = Place::Memory(entry.ok_or(Missing::Invalid)?);
                let key = self.field(&hash.key, entry, depth);
                match &hash.value {
                    None => items.push(key),
                    Some(_) if self.names_a_secret(&key) => {
                        entries.push((key, Value::Missing(Missing::Redacted)));
                    }
                    Some(value) => {
                        let value = self.field(value, entry, depth);
                        entries.push((key, value));
                    }
                }
                if self.pieces == 0 || self.stopped.is_some() {
                    break;
                }
            }
        }
        Ok(match hash.value {
            Some(_) => Value::Map { entries, length },
            None => Value::List { items, length },
        })
    }

    fn full_buckets(&mut self, control: u64, buckets: u64, wanted: u64) -> Read<Vec<u64>> {
        const AT_ONCE: usize = 64;
        let mut full = Vec::new();
        let mut group = [0; AT_ONCE];
        let mut first = 0;
        while first < buckets.min(MAX_BUCKETS) {
            let count = usize::try_from(buckets - first).map_or(AT_ONCE, |rest| rest.min(AT_ONCE));
            let group = group.get_mut(..count).ok_or(Missing::Invalid)?;
            self.read(Place::Memory(control).plus(first)?, group)?;
            for (bucket, byte) in (first..).zip(group.iter()) {
                match *byte {
                    EMPTY | DELETED => {}
                    0x81..EMPTY => return Err(Missing::Invalid),
                    _ => full.push(bucket),
                }
                if full.len() as u64 == wanted {
                    return Ok(full);
                }
            }
            first += count as u64;
        }
        // All were seen, and there are fewer than the table says.
        if buckets <= MAX_BUCKETS {
            return Err(Missing::Invalid);
        }
        Ok(full)
    }
}

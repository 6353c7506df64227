//! B-trees: maps and sets in the order of their keys.

use super::{Depth, Place, Read, Reader, aligned};
use crate::locals::types::{Item, Tree};
use crate::stack::{Missing, Value};

/// A tree of this height has more entries than there is memory.
const MAX_HEIGHT: u64 = 24;

struct Walk<'t> {
    tree: &'t Tree,
    wanted: usize,
    depth: Depth,
    entries: Vec<(Value, Option<Value>)>,
}

impl Reader<'_> {
    pub(super) fn tree(&mut self, place: Place<'_>, tree: &Tree, depth: Depth) -> Read<Value> {
        let length = self.length(place, tree.length, None)?;
        let mut walk = Walk {
            tree,
            wanted: usize::try_from(length).map_or(self.limits.items, |n| n.min(self.limits.items)),
            depth,
            entries: Vec::new(),
        };
        if length > 0 {
            walk.depth = depth.into_level()?;
            let root = self.word_at(place, tree.root)?;
            let height = self.word_at(place, tree.height)?;
            if height > MAX_HEIGHT {
                return Err(Missing::Invalid);
            }
            self.node(root, height, &mut walk)?;
        }
        let is_whole = walk.entries.len() == walk.wanted;
        if !is_whole && self.pieces > 0 && self.stopped.is_none() {
            return Err(Missing::Invalid);
        }
        let entries = walk.entries.into_iter();
        Ok(match tree.value {
            Some(_) => Value::Map {
                entries: entries
                    .filter_map(|(key, value)| Some((key, value?)))
                    .collect(),
                length,
            },
            None => Value::List {
                items: entries.map(|(key, _)| key).collect(),
                length,
            },
        })
    }

    fn node(&mut self, node: u64, height: u64, walk: &mut Walk<'_>) -> Read<()> {
        let tree = walk.tree;
        aligned(node, 8)?;
        let place = Place::Memory(node);
        let count = u64::from(u16::from_ne_bytes(self.bytes(place.plus(tree.count)?)?));
        if count == 0 || count > tree.capacity {
            return Err(Missing::Invalid);
        }
        for index in 0..=count {
            if walk.entries.len() >= walk.wanted || self.pieces == 0 || self.stopped.is_some() {
                return Ok(());
            }
            if let Some(below) = height.checked_sub(1) {
                let edge = self.word(place.plus(tree.edges)?.plus(index * 8)?)?;
                self.node(edge, below, walk)?;
            }
            if index < count && walk.entries.len() < walk.wanted {
                let key = self.within(place, tree.keys, index, &tree.key, walk.depth)?;
                let value = match &tree.value {
                    None => None,
                    Some(_) if self.names_a_secret(&key) => Some(Value::Missing(Missing::Redacted)),
                    Some(item) => Some(self.within(place, tree.values, index, item, walk.depth)?),
                };
                walk.entries.push((key, value));
            }
        }
        Ok(())
    }

    fn within(
        &mut self,
        node: Place<'_>,
        array: u64,
        index: u64,
        item: &Item,
        depth: Depth,
    ) -> Read<Value> {
        let of = self.types.follow(self.units, &item.to);
        let offset = index.checked_mul(item.stride).ok_or(Missing::Invalid)?;
        let place = node.plus(array)?.plus(offset)?;
        Ok(self.show(&of, place, depth))
    }
}

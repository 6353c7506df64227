//! The variables that the compiler left out of an inlined function, because they are nowhere.
//!
//! A block is left out as well where none of its variables is anywhere. The function that was inlined has them all: around a
//! block that is there lie others that must be, and so do those around what the very line of the place declares.

use gimli::UnitOffset;

use super::{Draft, MAX_VARIABLES, Origin, variable};
use crate::locals::plan::Location;
use crate::locals::units::{Entry, EntryRef, Units};
use crate::stack::Missing;

/// A block of the function as it was written; the first is the function itself.
struct Block {
    depth: isize,
    parent: Option<usize>,
    /// Whether the place is in it.
    is_here: bool,
    variables: Vec<Declared>,
}

struct Declared {
    entry: EntryRef,
    origin: Origin,
    is_argument: bool,
}

impl Draft {
    pub(in super::super) fn add_lost(&mut self, units: &Units) {
        let mut blocks = vec![Block {
            depth: 0,
            parent: None,
            is_here: true,
            variables: Vec::new(),
        }];
        // What was understood before something broken is told.
        let _end_or_error = self.read_blocks(units, &mut blocks);
        for around in common(&blocks, self.scope.line) {
            blocks[around].is_here = true;
        }
        // Those within come after those around them.
        for at in (0..blocks.len()).rev() {
            if blocks[at].is_here
                && let Some(parent) = blocks[at].parent
            {
                blocks[parent].is_here = true;
            }
        }
        for at in 0..blocks.len() {
            if !blocks[at].is_here {
                continue;
            }
            for declared in std::mem::take(&mut blocks[at].variables) {
                // What `for` goes through: the items are in the next block.
                let is_loops = declared.origin.name() == Some("iter")
                    && blocks.iter().any(|block| {
                        block.parent == Some(at) && block.declares(declared.origin.line)
                    });
                let name = declared.origin.name().unwrap_or_default();
                if is_loops
                    || self.instances.contains(&declared.entry)
                    || !self.wants(name, declared.is_argument)
                {
                    continue;
                }
                let lost = Location::Lost(Missing::OptimizedOut);
                if self.found.len() < MAX_VARIABLES
                    && let Some(lost) = variable(&declared.origin, declared.is_argument, lost)
                {
                    self.take(units, lost, 0);
                }
            }
        }
    }

    fn read_blocks(&self, units: &Units, blocks: &mut Vec<Block>) -> Option<()> {
        let of = *self.abstracts.first()?;
        let unit = units.unit(of.unit)?;
        let mut entries = unit.unit.entries_raw(Some(UnitOffset(of.offset))).ok()?;
        let mut entry = Entry::null();
        entries.read_entry(&mut entry).ok()?;
        if !entry.has_children() {
            return None;
        }
        let mut open = vec![0];
        let mut left = MAX_ENTRIES;
        while entries.next_depth() >= 1 && !entries.is_empty() {
            left = left.checked_sub(1)?;
            let depth = entries.next_depth();
            while open.pop_if(|at| blocks[*at].depth >= depth).is_some() {}
            let parent = open.last().copied();
            let Some(parent) = parent.filter(|at| blocks[*at].depth == depth - 1) else {
                if let Some(abbreviation) = entries.read_abbreviation().ok()? {
                    entries.skip_attributes(abbreviation.attributes()).ok()?;
                }
                continue;
            };
            if !entries.read_entry(&mut entry).ok()? {
                continue;
            }
            let own = EntryRef {
                unit: of.unit,
                offset: entry.offset().0,
            };
            let tag = entry.tag();
            match tag {
                // Of others, only the arguments are told.
                gimli::DW_TAG_lexical_block if self.scope.is_app => {
                    open.push(blocks.len());
                    blocks.push(Block {
                        depth,
                        parent: Some(parent),
                        is_here: self.abstracts.contains(&own),
                        variables: Vec::new(),
                    });
                }
                gimli::DW_TAG_formal_parameter | gimli::DW_TAG_variable => {
                    let block = &mut blocks[parent];
                    block.is_here |= self.instances.contains(&own);
                    block.variables.push(Declared {
                        entry: own,
                        origin: Origin::of(units, &unit, &entry),
                        is_argument: tag == gimli::DW_TAG_formal_parameter,
                    });
                }
                _ => {}
            }
        }
        Some(())
    }
}

impl Block {
    fn declares(&self, line: Option<u32>) -> bool {
        line.is_some() && self.variables.iter().any(|it| it.origin.line == line)
    }
}

/// The blocks around all that this line declares: whatever runs on the line is in them.
fn common(blocks: &[Block], line: Option<u32>) -> Vec<usize> {
    let declaring = blocks.iter().filter(|block| block.declares(line));
    let around = declaring.map(|block| {
        std::iter::successors(block.parent, |at| blocks[*at].parent).collect::<Vec<_>>()
    });
    let common = around.reduce(|mut common, next| {
        common.retain(|at| next.contains(at));
        common
    });
    common.unwrap_or_default()
}

/// Entries of a function that are looked at.
const MAX_ENTRIES: usize = 4_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn block(parent: Option<usize>, lines: &[u32]) -> Block {
        let declared = |line: &u32| {
            let mut origin = Origin::default();
            origin.line = Some(*line);
            Declared {
                entry: EntryRef { unit: 0, offset: 0 },
                origin,
                is_argument: false,
            }
        };
        Block {
            depth: 0,
            parent,
            is_here: false,
            variables: lines.iter().map(declared).collect(),
        }
    }

    #[test]
    fn a_line_is_within_what_is_around_all_that_it_declares() {
        let blocks = [
            block(None, &[1]),
            block(Some(0), &[2]),
            // An `if` with a variable, that has ended before line 5.
            block(Some(1), &[3]),
            block(Some(1), &[5]),
            block(Some(3), &[5]),
            block(Some(1), &[5]),
            block(Some(3), &[6, 7]),
        ];
        assert_eq!(common(&blocks, Some(5)), [1, 0]);
        assert_eq!(common(&blocks, Some(6)), [3, 1, 0]);
        assert_eq!(common(&blocks, Some(3)), [1, 0]);
        assert!(common(&blocks, Some(1)).is_empty());
        assert!(common(&blocks, Some(4)).is_empty() && common(&blocks, None).is_empty());
    }
}

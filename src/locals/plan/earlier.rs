//! What of a variable its list of ranges no longer tells at a call, found from where it was before.

use std::ops::Range;

use gimli::AttributeValue;

use super::flow::Flow;
use super::kept::{is_lost, steps};
use super::location::{Compiler, Location, Step};
use super::negated::is_negated;
use crate::locals::units::Slice;
use crate::stack::Missing;

impl Compiler<'_> {
    /// Where the variable still is although its list has ended.
    pub(super) fn earlier(
        &self,
        value: AttributeValue<Slice>,
        known: Option<&Location>,
    ) -> Result<Option<Location>, Missing> {
        let Some(mut list) = self.unit.refs().attr_locations(value)? else {
            return Ok(None);
        };
        if !self.follows {
            return Ok(None);
        }
        let mut listed = Vec::new();
        while let Some(entry) = list.next()? {
            if listed.len() >= MAX_LISTED {
                return Ok(None);
            }
            let loaded = |address: u64| address.wrapping_add(self.bias);
            let range = loaded(entry.range.begin)..loaded(entry.range.end);
            listed.push((range, self.expression(entry.data)?));
        }
        let is_turned = listed.iter().any(|(_, it)| is_negated(it));
        if is_turned && self.negates_twice(value)? {
            return Ok(None);
        }
        if listed.is_empty() {
            return Ok(None);
        }
        Ok(self.flow().and_then(|flow| find(flow, &listed, known)))
    }
}

/// Where the variable is, or what of it is not known yet, told by the ranges of its list that do not reach the call.
fn find(
    flow: &Flow,
    list: &[(Range<u64>, Location)],
    known: Option<&Location>,
) -> Option<Location> {
    let pieces: Vec<_> = list
        .iter()
        .map(|(range, location)| (range, pieces(&steps(location))))
        .collect();
    let known = known.map(|known| self::pieces(&steps(known)));
    let whole = pieces.iter().map(|(_, pieces)| pieces).chain(&known);
    let layout = whole.max_by_key(|pieces| pieces.iter().map(|piece| piece.size).sum::<u32>())?;
    let (mut found, mut any) = (Vec::new(), false);
    for (at, piece) in layout.iter().enumerate() {
        let same = |pieces: &[Piece]| {
            let from =
                |pieces: &[Piece]| pieces.iter().take(at).map(|piece| piece.size).sum::<u32>();
            let other = pieces.get(at)?;
            let fits = other.size == piece.size && from(pieces) == from(layout);
            (fits && !other.steps.is_empty()).then(|| other.steps.clone())
        };
        let kept = known.as_deref().and_then(same);
        let size = (piece.size != 0).then_some(piece.size);
        if let Some(kept) = kept.as_ref().filter(|kept| !kept.iter().any(is_lost)) {
            found.extend(kept.iter().cloned().chain(size.map(Step::Piece)));
            continue;
        }
        let of_piece: Vec<_> = pieces
            .iter()
            .filter_map(|(range, pieces)| Some(((*range).clone(), same(pieces)?)))
            .collect();
        match flow.earlier(&of_piece, size) {
            Some(steps) => {
                any = true;
                found.extend(steps);
            }
            None => {
                let kept = kept.into_iter().flatten();
                found.extend(kept.chain([Step::Piece(size?)]));
            }
        }
    }
    any.then(|| match found.as_slice() {
        [Step::Push(base, offset)] => Location::At(*base, *offset),
        [Step::In(register)] => Location::In(*register),
        _ => Location::Steps(found.into()),
    })
}

/// A part of a variable; of no size where it is the whole.
struct Piece {
    steps: Vec<Step>,
    size: u32,
}

fn pieces(steps: &[Step]) -> Vec<Piece> {
    let split = steps.split_inclusive(is_piece);
    let piece = |steps: &[Step]| match steps {
        [steps @ .., Step::Piece(size)] => Piece {
            steps: steps.to_vec(),
            size: *size,
        },
        steps => Piece {
            steps: steps.to_vec(),
            size: 0,
        },
    };
    split.map(piece).collect()
}

pub(super) fn is_piece(step: &Step) -> bool {
    matches!(step, Step::Piece(_))
}

/// The longest list of which earlier places are asked for.
const MAX_LISTED: usize = 200;

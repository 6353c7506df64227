//! What functions that were called know: of what was passed to them, and whether they come back.

use super::flow::{self, Flow};
use super::location::Location;
use crate::locals::image::Image;
use crate::locals::units::Units;

/// What a function that was called has kept of what was passed to it.
#[derive(Debug)]
pub(in crate::locals) struct Inner {
    /// Where it begins, as loaded.
    pub(in crate::locals) start: u64,
    pub(in crate::locals) at_entry: Box<[(u16, Location)]>,
    /// The function it called in turn.
    pub(in crate::locals) calls: Option<u64>,
}

impl Inner {
    /// Of the function around the place, which needs no debug information.
    pub(super) fn at(units: &Units, pc: u64) -> Option<Self> {
        let image = units.image_at(pc)?;
        let address = pc.checked_sub(image.bias)?;
        let (start, code) = image.function_around(address)?;
        let start = start.wrapping_add(image.bias);
        let flow = Flow::at(code, start, pc, &Callees(image))?;
        Some(Self {
            start,
            at_entry: flow.at_entry().into(),
            calls: flow.calls(),
        })
    }
}

/// What the image knows of its functions, as loaded.
pub(super) struct Callees<'a>(pub(super) &'a Image);

impl flow::Callees for Callees<'_> {
    fn pointer(&self, at: u64) -> Option<u64> {
        let bias = self.0.bias;
        Some(self.0.pointer(at.wrapping_sub(bias))?.wrapping_add(bias))
    }

    fn constant(&self, at: u64) -> Option<i32> {
        self.0.constant(at.wrapping_sub(self.0.bias))
    }

    fn never_returns(&self, start: u64) -> bool {
        self.0.never_returns(start.wrapping_sub(self.0.bias))
    }
}

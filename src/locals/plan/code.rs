//! The code of the function around a place. It is followed when something first asks for that: it takes longer than all else of a plan.

use std::cell::OnceCell;
use std::ops::Range;

use super::flow::Flow;
use super::inner::Callees;
use crate::locals::image::Image;
use crate::locals::units::Place;

/// The code of a function, or the part of it that is around the place.
pub(super) struct Code<'a> {
    image: &'a Image,
    place: Place,
    range: Range<u64>,
    flow: OnceCell<Option<Flow>>,
}

impl<'a> Code<'a> {
    /// The addresses are as the file counts.
    pub(super) fn new(image: &'a Image, range: Range<u64>, place: Place) -> Self {
        Self {
            image,
            place,
            range,
            flow: OnceCell::new(),
        }
    }

    /// What is known at the place; `None` where the code's ways are not understood.
    pub(super) fn flow(&self) -> Option<&Flow> {
        let follow = || {
            let loaded = |address: u64| address.wrapping_add(self.place.bias);
            let code = self.image.code(&self.range)?;
            let (start, pc) = (loaded(self.range.start), loaded(self.place.address));
            Flow::at(code, start, pc, &Callees(self.image))
        };
        self.flow.get_or_init(follow).as_ref()
    }

    /// The same, if it was followed.
    pub(super) fn known_flow(&self) -> Option<&Flow> {
        self.flow.get()?.as_ref()
    }

    /// All of it up to the place.
    pub(super) fn before(&self) -> Option<&'static [u8]> {
        self.image.code(&(self.range.start..self.place.address))
    }

    /// What of these parts of it may run before the place.
    pub(super) fn leading(&self, parts: &[Range<u64>]) -> Option<Vec<u8>> {
        let mut found = Vec::new();
        for (start, end) in self.flow()?.leading() {
            let own = start.wrapping_sub(self.place.bias)..end.wrapping_sub(self.place.bias);
            if parts.iter().any(|part| part.contains(&own.start)) {
                found.extend_from_slice(self.image.code(&own)?);
            }
        }
        Some(found)
    }
}

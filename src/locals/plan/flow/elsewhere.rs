//! Code is understood on x86-64 alone.

use std::ops::Range;

use super::location::{Location, Step};

pub(super) type Listed = (Range<u64>, Vec<Step>);

#[expect(dead_code, reason = "code is not followed")]
pub(super) trait Callees {
    fn pointer(&self, at: u64) -> Option<u64>;
    fn never_returns(&self, start: u64) -> bool;
    fn constant(&self, at: u64) -> Option<i32>;
}

#[derive(Debug)]
pub(super) enum Flow {}

impl Flow {
    pub(super) fn at(_: &[u8], _: u64, _: u64, _: &dyn Callees) -> Option<Self> {
        None
    }

    pub(super) fn earlier(&self, _: &[Listed], _: Option<u32>) -> Option<Vec<Step>> {
        match *self {}
    }

    pub(super) fn leading(&self) -> std::iter::Empty<(u64, u64)> {
        match *self {}
    }

    pub(super) fn kept(&self, _: Location) -> Location {
        match *self {}
    }

    pub(super) fn passed(&self) -> Vec<(u16, Location)> {
        match *self {}
    }

    pub(super) fn at_entry(&self) -> Vec<(u16, Location)> {
        match *self {}
    }

    pub(super) fn called(&self) -> Option<Location> {
        match *self {}
    }

    pub(super) fn calls(&self) -> Option<u64> {
        match *self {}
    }
}

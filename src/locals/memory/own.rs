//! The memory of this process: its stack by the page, all else by the line, within a budget.

use std::ops::Range;
use std::time::Instant;

use super::lines::Lines;
use super::pipe::PAGE;
use super::{Memory, OwnStack, Pipe};
use crate::stack::Missing;

/// Room for what is read, made ahead of the need.
#[derive(Debug)]
pub(in crate::locals) struct Cache {
    pages: Lines,
    lines: Lines,
}

impl Cache {
    pub(in crate::locals) fn new() -> Self {
        Self {
            pages: Lines::new(STACK_PAGES, PAGE),
            lines: Lines::new(HEAP_LINES, LINE),
        }
    }
}

/// How much is read for one failure.
#[derive(Clone, Copy, Debug)]
pub(in crate::locals) struct Budget {
    /// So many lines of memory, the pages of the stack not counted.
    pub(in crate::locals) reads: u32,
    /// So many bytes, wherever they lie.
    pub(in crate::locals) bytes: u64,
    /// Until then.
    pub(in crate::locals) until: Instant,
}

/// Reads as the kernel sees it, so that nothing that is gone does harm.
#[derive(Debug)]
pub(in crate::locals) struct OwnMemory<'a> {
    pipe: &'a Pipe,
    cache: &'a mut Cache,
    own: OwnStack,
    stack: Range<u64>,
    budget: Budget,
}

impl<'a> OwnMemory<'a> {
    /// `stack` is only where to expect more reads nearby.
    pub(in crate::locals) fn new(
        pipe: &'a Pipe,
        cache: &'a mut Cache,
        stack: Range<u64>,
        budget: Budget,
    ) -> Self {
        pipe.drain();
        Self {
            pipe,
            cache,
            own: OwnStack::default(),
            stack,
            budget,
        }
    }

    /// Reads the stack of this thread as it lies there.
    pub(in crate::locals) fn with_own_stack(mut self, own: OwnStack) -> Self {
        self.own = own;
        self
    }

    /// Reads some of it, at least a byte.
    fn read_some(&mut self, address: u64, into: &mut [u8]) -> Result<usize, Missing> {
        let (pipe, Cache { pages, lines }) = (self.pipe, &mut *self.cache);
        let budget = &mut self.budget;
        if self.stack.contains(&address) {
            return pages.read(address, into, |from, page| {
                budget.in_time()?;
                pipe.copy(from, page)
            });
        }
        if into.len() < LINE * 2 {
            return lines.read(address, into, |from, line| {
                budget.spend()?;
                pipe.copy(from, line)
            });
        }
        budget.spend()?;
        let rest_of_page = PAGE - (address % PAGE as u64) as usize;
        let length = into.len().min(rest_of_page);
        pipe.copy(address, &mut into[..length])?;
        Ok(length)
    }
}

impl Drop for OwnMemory<'_> {
    fn drop(&mut self) {
        self.cache.pages.clear();
        self.cache.lines.clear();
    }
}

impl Memory for OwnMemory<'_> {
    fn read(&mut self, address: u64, into: &mut [u8]) -> Result<(), Missing> {
        let length = into.len() as u64;
        // The first page is never there; so far up is the kernel.
        if address < PAGE as u64 || address.checked_add(length).is_none_or(|end| end > TOP) {
            return Err(Missing::Unreadable);
        }
        self.budget.bytes = self
            .budget
            .bytes
            .checked_sub(length)
            .ok_or(Missing::TooMuch)?;
        if self.own.read(address, into) {
            return Ok(());
        }
        let mut filled = 0;
        while filled < into.len() {
            filled += self.read_some(address + filled as u64, &mut into[filled..])?;
        }
        Ok(())
    }
}

impl Budget {
    fn spend(&mut self) -> Result<(), Missing> {
        self.reads = self.reads.checked_sub(1).ok_or(Missing::TooMuch)?;
        self.in_time()
    }

    fn in_time(&self) -> Result<(), Missing> {
        if Instant::now() < self.until {
            Ok(())
        } else {
            Err(Missing::Deadline)
        }
    }
}

/// No line crosses a page, so that one call of the kernel tells all or nothing.
pub(super) const LINE: usize = 2048;
const HEAP_LINES: usize = 32;
/// A stack of 32 kB is read once.
const STACK_PAGES: usize = 8;
/// Half of the 64 bits: tagged pointers and the kernel's addresses lie above on either architecture.
const TOP: u64 = 1 << 63;

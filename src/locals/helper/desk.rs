//! What the threads and their helper share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};
use std::{io, process, thread};

use super::super::memory::{Budget, Cache, OwnMemory, OwnStack};
use super::bell::Bell;
use super::slot::{Slot, Work};
use super::{Decode, Held, Limits};
use crate::guard::contained;

pub(super) struct Desk<D: Decode> {
    pub(super) limits: Limits,
    /// A child that was forked has the memory and not the helper.
    process: u32,
    slots: [Slot<D::Answer>; SLOTS],
    reading: Mutex<Reading<D>>,
    tickets: AtomicU64,
    /// Rings for the helper.
    pub(super) bell: Bell,
    /// Rings when a slot is nobody's again.
    freed: Bell,
    pub(super) stopped: AtomicBool,
    faults: AtomicU64,
    pub(super) cores: usize,
}

/// What one thread at a time reads with.
pub(super) struct Reading<D> {
    pub(super) decoder: D,
    cache: Cache,
}

impl<D: Decode> Desk<D> {
    pub(super) fn new(limits: Limits, decoder: D) -> io::Result<Self> {
        let [a, b, c, d] = [Slot::new()?, Slot::new()?, Slot::new()?, Slot::new()?];
        Ok(Self {
            limits,
            process: process::id(),
            slots: [a, b, c, d],
            reading: Mutex::new(Reading {
                decoder,
                cache: Cache::new(),
            }),
            tickets: AtomicU64::new(0),
            bell: Bell::default(),
            freed: Bell::default(),
            stopped: AtomicBool::new(false),
            faults: AtomicU64::new(0),
            cores: thread::available_parallelism().map_or(1, usize::from),
        })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.stopped.load(Ordering::Relaxed) && process::id() == self.process
    }

    /// A slot that is now this thread's; waits for one until then, if it may.
    pub(super) fn slot(&self, until: Option<Instant>) -> Option<&Slot<D::Answer>> {
        loop {
            let seen = self.freed.rung();
            if let Some(slot) = self.slots.iter().find(|slot| slot.take()) {
                return Some(slot);
            }
            let until = until.filter(|until| Instant::now() < *until)?;
            if !self.freed.wait(seen, Some(until)) {
                return None;
            }
        }
    }

    pub(super) fn release(&self, slot: &Slot<D::Answer>) {
        slot.release();
        self.freed.ring();
    }

    pub(super) fn hand_over(&self, slot: &Slot<D::Answer>) {
        slot.hand_over(self.tickets.fetch_add(1, Ordering::Relaxed));
        self.bell.ring();
    }

    /// A slot that somebody took and handed back without having begun.
    pub(super) fn freed(&self) {
        self.freed.ring();
    }

    /// Helps the thread that waits longest; the processor it ran on.
    pub(super) fn help(&self) -> Option<u32> {
        let waiting = self
            .slots
            .iter()
            .filter_map(|slot| Some((slot.waiting()?, slot)));
        let (_, slot) = waiting.min_by_key(|(ticket, _)| *ticket)?;
        let mut processor = u32::MAX;
        if slot.begin() {
            let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
            let mut work = slot.work();
            processor = work.processor;
            work.answer = self.decode(&mut reading, &mut work, OwnStack::default());
            drop((work, reading));
            if contained(|| slot.finish()) != Some(true) {
                self.freed.ring();
            }
        }
        Some(processor)
    }

    /// The decoder and its cache, when nobody else has them.
    pub(super) fn try_reading(&self) -> Option<MutexGuard<'_, Reading<D>>> {
        match self.reading.try_lock() {
            Ok(reading) => Some(reading),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// `None` when the decoder panics. `own` is the stack, where it is that of this thread.
    pub(super) fn decode(
        &self,
        reading: &mut Reading<D>,
        work: &mut Work<D::Answer>,
        own: OwnStack,
    ) -> Option<D::Answer> {
        let Reading { decoder, cache } = reading;
        let calls = work.calls.as_slice();
        let first = calls.first().map_or(0, |call| call.sp);
        // Beyond lies another stack, or so much that nobody wants it.
        let last = calls
            .iter()
            .map(|call| call.cfa)
            .filter(|cfa| (first..first.saturating_add(LARGEST_STACK)).contains(cfa))
            .max();
        let budget = Budget {
            reads: self.limits.reads,
            bytes: self.limits.bytes,
            until: work.until,
        };
        let held = Held {
            calls,
            runs: work.runs,
            wanted: work.wanted,
            until: work.until,
        };
        let stack = first..last.unwrap_or(first);
        let memory = OwnMemory::new(&work.pipe, cache, stack, budget);
        let mut memory = memory.with_own_stack(own);
        let answer = contained(|| decoder.decode(&held, &mut memory));
        if answer.is_none() {
            self.faults.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    /// Does a piece of what can be done ahead; whether there is more.
    pub(super) fn prepare(&self) -> bool {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        contained(|| reading.decoder.prepare()).unwrap_or_else(|| {
            self.faults.fetch_add(1, Ordering::Relaxed);
            false
        })
    }

    /// How often the decoder panicked.
    #[cfg(test)]
    pub(super) fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(super) fn all_free(&self) -> bool {
        self.slots.iter().all(Slot::is_free)
    }
}

/// When a thread that waits will have gone on, less what the answer needs to come back.
pub(super) fn reading_ends(from: Instant, time: Duration) -> Instant {
    from + (time - time / 8)
}

/// The helper helps one thread at a time: more slots would hold more that wait.
const SLOTS: usize = 4;

const LARGEST_STACK: u64 = 1 << 20;

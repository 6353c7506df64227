//! Where a failing thread leaves its calls and finds the answer.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{hint, io};

use super::super::memory::Pipe;
use super::super::walk::Calls;
use super::bell::{Bell, processor};

/// Belongs to a thread, to the helper or to nobody, as its state says.
#[derive(Debug)]
pub(super) struct Slot<A> {
    state: AtomicU32,
    /// Who came first is helped first.
    ticket: AtomicU64,
    /// The processor on which the helper began last.
    helper: AtomicU32,
    answered: Bell,
    /// Locked by the owner only, who therefore never waits.
    work: Mutex<Work<A>>,
}

/// What is handed over and back.
#[derive(Debug)]
pub(super) struct Work<A> {
    pub(super) calls: Calls,
    /// The future that the thread polls: its place and its vtable.
    pub(super) runs: Option<[usize; 2]>,
    pub(super) pipe: Pipe,
    /// Of how many of the app's calls variables are wanted.
    pub(super) wanted: usize,
    pub(super) until: Instant,
    /// On which the thread ran.
    pub(super) processor: u32,
    pub(super) answer: Option<A>,
}

impl<A> Slot<A> {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            state: AtomicU32::new(FREE),
            ticket: AtomicU64::new(0),
            helper: AtomicU32::new(u32::MAX),
            answered: Bell::default(),
            work: Mutex::new(Work {
                calls: Calls::new(),
                runs: None,
                pipe: Pipe::open()?,
                wanted: 0,
                until: Instant::now(),
                processor: 0,
                answer: None,
            }),
        })
    }

    /// Makes it this thread's, if it is nobody's.
    pub(super) fn take(&self) -> bool {
        self.change(FREE, TAKEN)
    }

    pub(super) fn work(&self) -> MutexGuard<'_, Work<A>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the thread to whoever helps.
    pub(super) fn hand_over(&self, ticket: u64) {
        self.ticket.store(ticket, Ordering::Relaxed);
        self.state.store(READY, Ordering::Release);
    }

    /// The ticket of a thread that waits for help.
    pub(super) fn waiting(&self) -> Option<u64> {
        (self.state.load(Ordering::Acquire) == READY).then(|| self.ticket.load(Ordering::Relaxed))
    }

    /// Makes it the helper's, if its thread still waits.
    pub(super) fn begin(&self) -> bool {
        self.helper.store(processor(), Ordering::Relaxed);
        self.change(READY, WORKING)
    }

    /// Looks whether there is an answer, for as long as that may be quicker than to be put to sleep and woken: for a moment
    /// until the helper comes, then for longer while it works. Not where the helper works on this processor, or did so last:
    /// it comes as soon as this thread sleeps.
    pub(super) fn spin(&self) {
        let own = processor();
        let begin = Instant::now();
        while self.helper.load(Ordering::Relaxed) != own {
            let patience = match self.state.load(Ordering::Acquire) {
                READY => UNTIL_BEGUN,
                WORKING => UNTIL_DONE,
                _ => return,
            };
            if begin.elapsed() >= patience {
                return;
            }
            for _ in 0..16 {
                hint::spin_loop();
            }
        }
    }

    /// From the helper back to the thread; when that has gone on, to nobody, which is `false`.
    pub(super) fn finish(&self) -> bool {
        if self.change(WORKING, DONE) {
            self.answered.ring();
            return true;
        }
        let late = self.work().answer.take();
        self.release();
        drop(late);
        false
    }

    /// Waits for the helper. The slot is this thread's again when there is an answer; without one by then, it is not: it
    /// is nobody's, or the helper will see to it.
    pub(super) fn wait(&self, until: Instant) -> Waited {
        loop {
            let seen = self.answered.rung();
            if self.is_done() {
                return Waited::Answered;
            }
            if Instant::now() >= until || !self.answered.wait(seen, Some(until)) {
                break;
            }
        }
        if self.change(READY, FREE) {
            return Waited::NotBegun;
        }
        if self.change(WORKING, ABANDONED) {
            return Waited::NotFinished;
        }
        Waited::Answered
    }

    /// Makes it nobody's.
    pub(super) fn release(&self) {
        self.state.store(FREE, Ordering::Release);
    }

    fn is_done(&self) -> bool {
        self.state.load(Ordering::Acquire) == DONE
    }

    fn change(&self, from: u32, to: u32) -> bool {
        self.state
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    #[cfg(test)]
    pub(super) fn is_free(&self) -> bool {
        self.state.load(Ordering::Acquire) == FREE
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    Answered,
    /// The helper was busy with others.
    NotBegun,
    /// The helper took too long.
    NotFinished,
}

const UNTIL_BEGUN: Duration = Duration::from_micros(20);
const UNTIL_DONE: Duration = Duration::from_micros(200);

const FREE: u32 = 0;
/// A thread fills it, or empties it.
const TAKEN: u32 = 1;
/// A thread waits, and the helper has not seen it.
const READY: u32 = 2;
/// The helper has it, and a thread waits.
const WORKING: u32 = 3;
/// The helper has it, and nobody waits.
const ABANDONED: u32 = 4;
/// A thread may take the answer.
const DONE: u32 = 5;

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn handed_over() -> Slot<u8> {
        let slot = Slot::new().unwrap();
        assert!(slot.take());
        assert!(!slot.take(), "it is somebody's");
        slot.hand_over(7);
        assert_eq!(slot.waiting(), Some(7));
        slot
    }

    #[test]
    fn an_answer_comes_back() {
        let slot = handed_over();
        assert!(slot.begin());
        assert!(!slot.begin() && !slot.take());
        slot.work().answer = Some(9);
        assert!(slot.finish());
        assert_eq!(slot.wait(Instant::now()), Waited::Answered);
        assert_eq!(slot.work().answer.take(), Some(9));
        assert!(!slot.take(), "not before it is given back");
        slot.release();
        assert!(slot.take());
    }

    #[test]
    fn who_was_not_helped_in_time_leaves_nothing_to_do() {
        let slot = handed_over();
        let until = Instant::now() + Duration::from_millis(1);
        assert_eq!(slot.wait(until), Waited::NotBegun);
        assert!(Instant::now() >= until);
        assert!(!slot.begin() && slot.is_free());
    }

    #[test]
    fn a_late_answer_is_nobodys() {
        let slot = handed_over();
        assert!(slot.begin());
        assert_eq!(slot.wait(Instant::now()), Waited::NotFinished);
        assert!(!slot.take(), "the helper has it");
        slot.work().answer = Some(9);
        assert!(!slot.finish());
        assert!(slot.take());
        assert_eq!(slot.work().answer, None);
    }
}

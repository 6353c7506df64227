//! The thread that reads variables, while the one that fails waits for it a little.
//!
//! A panic within a panic hook ends the process; on another thread it ends here. The failing thread does what only it can do:
//! it walks its own stack, which then lies still because the thread waits. It allocates nothing, waits for no lock, and goes
//! on when its time is over.

mod bell;
mod desk;
mod room;
mod slot;
#[cfg(test)]
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod tests;

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::memory::{Memory, Pipe};
use super::walk::{CAN_WALK, Call, FrameRule};
use crate::guard::contain_thread;
use crate::stack::Missing;
use crate::stack::raw::runs;
use bell::processor;
use desk::{Desk, reading_ends};
use room::{TO_ASK, TO_DECODE, has_room, learn, own_stack};
use slot::{Slot, Waited};

/// Reads variables.
pub(super) trait Decode: Send + 'static {
    /// What was read.
    type Answer: Send + 'static;

    /// Reads the variables of these calls. It may panic.
    fn decode(&mut self, held: &Held<'_>, memory: &mut dyn Memory) -> Self::Answer;

    /// Of how many of the app's calls a call tells, and whether its callers are needed for that: where it has been learnt already,
    /// so that only values are to be read. It must not panic.
    fn knows(&self, _: &Call) -> Option<(usize, bool)> {
        Some((0, false))
    }

    /// Where a call at this place finds its caller, if that was learnt. It must not panic.
    fn rule(&self, _: u64) -> Option<FrameRule> {
        None
    }

    /// Does a piece of what can be done ahead of the first failure, on the helper's thread while nobody waits; whether
    /// there is more.
    fn prepare(&mut self) -> bool {
        false
    }
}

/// A thread that stands still.
#[derive(Debug)]
pub(super) struct Held<'a> {
    /// Innermost first.
    pub(super) calls: &'a [Call],
    /// The future that the thread polls: its place and its vtable.
    pub(super) runs: Option<[usize; 2]>,
    /// Of how many of the app's calls variables are wanted.
    pub(super) wanted: usize,
    /// Nobody waits for what is read after that.
    pub(super) until: Instant,
}

/// How much is read for one failure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) reads: u32,
    pub(super) bytes: u64,
    /// How long a failing thread waits, at most.
    pub(super) time: Duration,
    /// Of how many of the app's calls variables are read when a thread panics, and of an error.
    pub(super) wanted: [usize; 2],
}

/// The way to the helper. Dropping it sends the helper home.
pub(super) struct Helper<D: Decode> {
    desk: Arc<Desk<D>>,
}

impl<D: Decode> Helper<D> {
    /// Starts it. An error when there are no more files or threads to be had, or not on this platform.
    pub(super) fn start(mut limits: Limits, decoder: D) -> io::Result<Self> {
        // A panic of the decoder would end a process that aborts on panics.
        if !CAN_WALK || cfg!(panic = "abort") {
            return Err(io::ErrorKind::Unsupported.into());
        }
        limits.time = limits.time.min(LONGEST_WAIT);
        let desk = Arc::new(Desk::new(limits, decoder)?);
        thread::Builder::new()
            .name("tower-monitor-locals".to_owned())
            .stack_size(STACK_SIZE)
            .spawn({
                let desk = Arc::clone(&desk);
                move || help(&desk)
            })?;
        Ok(Self { desk })
    }

    /// Has the variables of this thread's calls read, down to the boundary around it.
    ///
    /// May run in a panic hook.
    pub(super) fn ask(&self) -> Result<D::Answer, Missing> {
        let _busy = Busy::enter()?;
        let desk = &*self.desk;
        if !desk.is_open() {
            return Err(Missing::Unavailable);
        }
        let begin = Instant::now();
        let until = begin + desk.limits.time;
        let slot = desk.slot(Some(until)).ok_or(Missing::Busy)?;
        let may = |pipe: &Pipe| pipe.is_ours() && has_room(pipe, TO_ASK);
        let ends = reading_ends(begin, desk.limits.time);
        let [wanted, _] = desk.limits.wanted;
        let reading = desk.try_reading();
        let rule = |pc| reading.as_ref()?.decoder.rule(pc);
        let has_walked = walk(slot, (wanted, ends), may, &mut |_| true, &rule);
        drop(reading);
        if !has_walked {
            desk.release(slot);
            return Err(Missing::Unavailable);
        }
        self.answer(slot, until)
    }

    /// Has the helper answer what is in this slot.
    fn answer(&self, slot: &Slot<D::Answer>, until: Instant) -> Result<D::Answer, Missing> {
        let desk = &*self.desk;
        desk.hand_over(slot);
        if desk.cores > 1 {
            slot.spin();
        }
        match slot.wait(until) {
            Waited::Answered => {
                let answer = slot.work().answer.take();
                desk.release(slot);
                answer.ok_or(Missing::Unsupported)
            }
            Waited::NotBegun => {
                desk.freed();
                Err(Missing::Busy)
            }
            Waited::NotFinished => Err(Missing::Deadline),
        }
    }

    /// Reads the variables of this thread's calls right here, which is quicker than to hand them over, or has the helper learn
    /// where they are. It waits for neither as long as a panic does.
    ///
    /// Not for panic hooks: what is wrong with the decoder would end the process.
    pub(super) fn read_here(&self) -> Result<D::Answer, Missing> {
        let _busy = Busy::enter()?;
        let desk = &*self.desk;
        if thread::panicking() || !desk.is_open() {
            return Err(Missing::Unavailable);
        }
        learn();
        let begin = Instant::now();
        let [time, time_to_learn] = [WARM_SHARE, LEARNING_SHARE].map(|it| desk.limits.time / it);
        let slot = desk.slot(None).ok_or(Missing::Busy)?;
        let may = |pipe: &Pipe| pipe.is_ours() && has_room(pipe, TO_DECODE);
        let [_, wanted] = desk.limits.wanted;
        let reading = desk.try_reading();
        let mut sight = Sight::new(wanted);
        let mut wants = |call: &Call| match &reading {
            Some(reading) => sight.wants_after(reading.decoder.knows(call)),
            None => true,
        };
        let rule = |pc| reading.as_ref()?.decoder.rule(pc);
        if !walk(slot, (wanted, begin + time), may, &mut wants, &rule) {
            desk.release(slot);
            return Err(Missing::Unavailable);
        }
        let mut work = slot.work();
        if let Some(mut reading) = reading.filter(|_| sight.knows) {
            let answer = desk.decode(&mut reading, &mut work, own_stack());
            drop((work, reading));
            desk.release(slot);
            return answer.ok_or(Missing::Unsupported);
        }
        work.until = reading_ends(begin, time_to_learn);
        drop(work);
        self.answer(slot, begin + time_to_learn)
    }

    /// How often the decoder panicked.
    #[cfg(test)]
    pub(super) fn faults(&self) -> u64 {
        self.desk.faults()
    }
}

impl<D: Decode> Drop for Helper<D> {
    fn drop(&mut self) {
        self.desk.stopped.store(true, Ordering::SeqCst);
        self.desk.bell.ring();
    }
}

/// Fills the slot with this thread's calls, if it may.
#[inline(always)]
fn walk<A>(
    slot: &Slot<A>,
    (wanted, until): (usize, Instant),
    may: impl FnOnce(&Pipe) -> bool,
    wants: &mut dyn FnMut(&Call) -> bool,
    rule: &dyn Fn(u64) -> Option<FrameRule>,
) -> bool {
    let mut work = slot.work();
    if !may(&work.pipe) {
        return false;
    }
    (work.wanted, work.until) = (wanted, until);
    work.processor = processor();
    work.calls.take_while(wants, rule);
    work.runs = runs();
    true
}

/// What a walk has come to.
struct Sight {
    /// How many of the app's calls are to come.
    left: usize,
    /// How many calls beyond them: the last tells only where the one before it ends.
    beyond: usize,
    /// Whether what is wanted of all calls so far was learnt.
    knows: bool,
}

impl Sight {
    fn new(wanted: usize) -> Self {
        Self {
            left: wanted,
            beyond: 1,
            knows: true,
        }
    }

    /// Whether there is more to be seen after a call that tells of so many of the app's. What is to be learnt needs them all.
    fn wants_after(&mut self, known: Option<(usize, bool)>) -> bool {
        if !self.knows {
            return true;
        }
        if self.left == 0 {
            self.beyond = self.beyond.saturating_sub(1);
            return self.beyond > 0;
        }
        match known {
            Some((calls, needs_callers)) => {
                self.left = self.left.saturating_sub(calls);
                self.beyond = if needs_callers { CALLERS } else { 1 };
            }
            None => self.knows = false,
        }
        true
    }
}

/// What the helper does all its life.
fn help<D: Decode>(desk: &Desk<D>) {
    contain_thread();
    std::mem::forget(Busy::enter());
    let mut more_to_prepare = true;
    let mut rhythm = Rhythm::default();
    while !desk.stopped.load(Ordering::SeqCst) {
        let seen = desk.bell.rung();
        if let Some(asked_on) = desk.help() {
            rhythm.helped(asked_on);
        } else if more_to_prepare {
            more_to_prepare = desk.prepare();
        } else if desk.cores > 1 && rhythm.listens(|| desk.bell.rung() != seen) {
            // Somebody came.
        } else if !desk.bell.wait(seen, None) {
            desk.stopped.store(true, Ordering::SeqCst);
        }
    }
}

/// Listens for a moment before it sleeps, while failures follow one another closely: to be woken costs ten times as much as
/// to be handed something.
#[derive(Default)]
struct Rhythm {
    last: Option<Instant>,
    is_quick: bool,
}

impl Rhythm {
    fn helped(&mut self, asked_on: u32) {
        let now = Instant::now();
        let last = self.last.replace(now);
        // On the same processor only one of both gets on.
        self.is_quick =
            asked_on != processor() && last.is_some_and(|last| now.duration_since(last) < QUICK);
    }

    fn listens(&mut self, came: impl Fn() -> bool) -> bool {
        if !self.is_quick {
            return false;
        }
        self.is_quick = false;
        let until = Instant::now() + LISTENING;
        while Instant::now() < until {
            for _ in 0..32 {
                if came() {
                    return true;
                }
                std::hint::spin_loop();
            }
        }
        false
    }
}

/// Keeps a thread from failing while it fails: in a signal handler, or in code of ours.
struct Busy;

impl Busy {
    fn enter() -> Result<Self, Missing> {
        match BUSY.try_with(|busy| busy.replace(true)) {
            Ok(false) => Ok(Self),
            Ok(true) => Err(Missing::Busy),
            Err(_) => Err(Missing::Unavailable),
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _gone = BUSY.try_with(|busy| busy.set(false));
    }
}

thread_local! {
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Two calls further out tell what was passed.
const CALLERS: usize = 3;
/// Parts of the time of a panic, for an error: of one whose way is known, and of another.
const WARM_SHARE: u32 = 20;
const LEARNING_SHARE: u32 = 4;
/// Deep types are read by recursion.
const STACK_SIZE: usize = 4 * 1024 * 1024;
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Failures that follow one another so closely are a busy period.
const QUICK: Duration = Duration::from_millis(1);
const LISTENING: Duration = Duration::from_micros(100);

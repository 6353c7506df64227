//! Taking the stack where a failure happens: instruction pointers only.
#![expect(
    unsafe_code,
    reason = "the safe walk waits for a lock that is held while symbols are read"
)]

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::transmute;
use std::pin::Pin;

use super::sampled::{Sampled, sample};

/// The return addresses of a stack, innermost first, with no memory of its own on the heap.
#[derive(Clone)]
pub(crate) struct RawStack {
    ips: [usize; MAX_FRAMES],
    len: u16,
    end: End,
    /// What was read of the calls' variables.
    sampled: Option<Box<Sampled>>,
}

/// Why a stack has no further frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The thread began here, or the unwinder saw no further.
    Bottom,
    /// A [`boundary`] was reached.
    Boundary,
    /// There was no room for more.
    Full,
}

impl RawStack {
    /// The stack of this thread, down to the [`boundary`] around it.
    ///
    /// May run in a panic hook, on any thread, also while its thread-locals are torn down. The system's unwinder walks,
    /// as it does for the panic itself a moment later: what locks it takes, the panic takes anyway.
    /// The variables come from the process's [sampler](super::Sampler), if there is one.
    #[inline(never)]
    pub(crate) fn take() -> Self {
        let mut stack = Self {
            ips: [0; MAX_FRAMES],
            len: 0,
            end: End::Bottom,
            sampled: None,
        };
        let mut reach = Reach::of_this_thread();
        walk(|frame| {
            if !reach.holds(frame.sp().addr()) {
                stack.end = End::Boundary;
                return false;
            }
            match frame.ip().addr() {
                // Below the thread's first function.
                0 => false,
                ip => stack.push(ip),
            }
        });
        stack.sampled = sample(|| stack.hash());
        stack
    }

    /// Tells call paths apart within one process; the next process has other addresses.
    pub(crate) fn hash(&self) -> u64 {
        self.ips().iter().fold(self.ips().len() as u64, |hash, ip| {
            // The step of rustc's FxHash: one multiplication per frame.
            (hash.rotate_left(5) ^ *ip as u64).wrapping_mul(0x517c_c1b7_2722_0a95)
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn ips(&self) -> &[usize] {
        self.ips.get(..usize::from(self.len)).unwrap_or_default()
    }

    pub(crate) fn sampled(&self) -> Option<&Sampled> {
        self.sampled.as_deref()
    }

    pub(super) fn end(&self) -> End {
        self.end
    }

    #[cfg(test)]
    pub(super) fn of(ips: &[usize]) -> Self {
        let mut stack = Self {
            ips: [0; MAX_FRAMES],
            len: 0,
            end: End::Bottom,
            sampled: None,
        };
        for ip in ips {
            stack.push(*ip);
        }
        stack
    }

    /// Whether there was room.
    fn push(&mut self, ip: usize) -> bool {
        let Some(slot) = self.ips.get_mut(usize::from(self.len)) else {
            self.end = End::Full;
            return false;
        };
        *slot = ip;
        self.len += 1;
        true
    }
}

impl PartialEq for RawStack {
    fn eq(&self, other: &Self) -> bool {
        self.end == other.end && self.ips() == other.ips()
    }
}

impl Eq for RawStack {}

impl fmt::Debug for RawStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawStack")
            .field("ips", &format_args!("{:#x?}", self.ips()))
            .field("end", &self.end)
            .finish()
    }
}

/// Marks the stack frame that calls as the oldest one to be [taken](RawStack::take) on this thread, until it is dropped:
/// what lies below is the layer, the server and the runtime.
///
/// Costs a few instructions: it is called at each poll of each request.
// Inlined, so that the marker lies in the caller's own frame: in a frame of its own it would lie among the frames of
// what the caller calls next, and a small one of those would be taken for one beyond the boundary.
#[inline(always)]
pub(crate) fn boundary() -> Boundary {
    let marker = 0u8;
    let address = std::hint::black_box(std::ptr::from_ref(&marker)).addr();
    Boundary {
        former: BOUNDARY
            .try_with(|boundary| boundary.replace(address))
            .unwrap_or(NO_BOUNDARY),
        _on_this_thread: PhantomData,
    }
}

/// Restores the former [`boundary`] when it is dropped.
#[must_use = "the boundary ends when this is dropped"]
#[derive(Debug)]
pub(crate) struct Boundary {
    former: usize,
    _on_this_thread: PhantomData<*const ()>,
}

impl Drop for Boundary {
    #[inline(always)]
    fn drop(&mut self) {
        // Without thread-locals there is no boundary to restore.
        let _gone = BOUNDARY.try_with(|boundary| boundary.set(self.former));
    }
}

/// Tells where a future lies that is polled, until it is dropped: in release builds the calls within it keep their variables there
/// and nowhere else.
#[inline(always)]
pub(crate) fn running<F>(future: Pin<&mut F>) -> Running {
    let future: *const (dyn Polled + '_) = &raw const *future;
    // SAFETY: of a pointer to a trait object both parts are plain words, whatever they hold.
    let parts = unsafe { transmute::<*const (dyn Polled + '_), [usize; 2]>(future) };
    Running {
        former: RUNNING
            .try_with(|running| running.replace(parts))
            .unwrap_or_default(),
        _on_this_thread: PhantomData,
    }
}

/// The newest future that is [running](running) on this thread, with the vtable by which its type is known.
#[cfg_attr(
    not(feature = "locals"),
    expect(dead_code, reason = "the leaf `locals` does")
)]
pub(crate) fn runs() -> Option<[usize; 2]> {
    RUNNING
        .try_with(Cell::get)
        .ok()
        .filter(|parts| *parts != [0; 2])
}

/// The type of every future, by its vtable.
trait Polled {}
impl<F> Polled for F {}

/// Restores what [ran](running) before when it is dropped.
#[must_use = "the future runs until this is dropped"]
#[derive(Debug)]
pub(crate) struct Running {
    former: [usize; 2],
    _on_this_thread: PhantomData<*const ()>,
}

impl Drop for Running {
    #[inline(always)]
    fn drop(&mut self) {
        let _gone = RUNNING.try_with(|running| running.set(self.former));
    }
}

/// How far down a walk of the stack goes: to the [`boundary`] around it.
pub(crate) struct Reach {
    boundary: usize,
    first: bool,
}

impl Reach {
    pub(crate) fn of_this_thread() -> Self {
        Self {
            boundary: BOUNDARY.try_with(Cell::get).unwrap_or(NO_BOUNDARY),
            first: true,
        }
    }

    /// Whether the next frame, the innermost first, is to be taken. A stack pointer of null, where the unwinder cannot
    /// tell, is within any boundary.
    pub(crate) fn holds(&mut self, stack_pointer: usize) -> bool {
        if self.first && stack_pointer > self.boundary {
            // Another stack than the one the boundary lies on: a coroutine's, or one that was switched to.
            self.boundary = NO_BOUNDARY;
        }
        self.first = false;
        self.end().is_none_or(|end| stack_pointer <= end)
    }

    /// Where it ends: nowhere, for frames on another stack.
    pub(crate) fn end(&self) -> Option<usize> {
        (self.boundary != NO_BOUNDARY).then_some(self.boundary)
    }
}

#[cfg(any(unix, all(windows, target_pointer_width = "64")))]
fn walk(each: impl FnMut(&backtrace::Frame) -> bool) {
    // SAFETY: the walk is to be synchronized where it goes through the dbghelp library of 32-bit Windows, which this
    // function is not compiled for. `_Unwind_Backtrace` and `RtlVirtualUnwind` may run on many threads at once.
    unsafe { backtrace::trace_unsynchronized(each) }
}

#[cfg(not(any(unix, all(windows, target_pointer_width = "64"))))]
fn walk(each: impl FnMut(&backtrace::Frame) -> bool) {
    backtrace::trace(each);
}

thread_local! {
    /// The address of the newest boundary's marker; stacks grow down, so older frames lie above it.
    static BOUNDARY: Cell<usize> = const { Cell::new(NO_BOUNDARY) };
    /// Data and vtable of the newest future that is polled.
    static RUNNING: Cell<[usize; 2]> = const { Cell::new([0; 2]) };
}

const NO_BOUNDARY: usize = usize::MAX;

/// The innermost frames that are kept.
pub(super) const MAX_FRAMES: usize = 96;

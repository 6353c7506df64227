//! The calls of this thread with the registers that outlive them, told by the unwinder that every Rust program carries.
#![cfg_attr(
    all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64")
    ),
    expect(unsafe_code, reason = "the unwinder speaks C")
)]

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod here;
mod rules;
#[cfg(test)]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod tests;

pub(super) use rules::{FrameRule, FrameRules};

use super::registers::{KEPT, STACK_POINTER};

/// A call that was under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Call {
    /// An address within the instruction that called, or that was interrupted: one less than the return address.
    pub(super) pc: u64,
    /// The stack pointer at the call.
    pub(super) sp: u64,
    /// The canonical frame address: where the stack pointer stood before this function was called.
    pub(super) cfa: u64,
    pub(super) saved: Registers,
}

/// The registers of a call that the functions it called had to give back: those that are callee-saved, frame and stack
/// pointer among them. All others are lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Registers {
    values: [u64; KEPT.len()],
    known: u16,
}

impl Registers {
    /// What each of them holds, in the order of [`KEPT`].
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    fn all(values: [u64; KEPT.len()]) -> Self {
        Self {
            values,
            known: (1 << KEPT.len()) - 1,
        }
    }

    /// By the number that DWARF gives the register on this architecture.
    pub(super) fn get(&self, register: u16) -> Option<u64> {
        let at = KEPT.iter().position(|kept| *kept == register)?;
        if self.known & 1 << at == 0 {
            return None;
        }
        self.values.get(at).copied()
    }

    /// Whether it is a register that is kept.
    pub(super) fn set(&mut self, register: u16, value: u64) -> bool {
        let at = KEPT.iter().position(|kept| *kept == register);
        let Some((at, slot)) = at.and_then(|at| Some((at, self.values.get_mut(at)?))) else {
            return false;
        };
        *slot = value;
        self.known |= 1 << at;
        true
    }
}

/// Room for the calls of a thread, made ahead of the need.
#[derive(Debug)]
pub(super) struct Calls {
    calls: Box<[Call]>,
    len: usize,
}

impl Calls {
    pub(super) fn new() -> Self {
        Self {
            calls: vec![Call::default(); MAX_CALLS].into_boxed_slice(),
            len: 0,
        }
    }

    /// Innermost first.
    pub(super) fn as_slice(&self) -> &[Call] {
        self.calls.get(..self.len).unwrap_or_default()
    }

    /// All calls, as a panic wants them.
    #[cfg(test)]
    pub(super) fn take(&mut self) {
        self.take_while(&mut |_| true, &|_| None);
    }

    /// Replaces what is here by the calls of this thread, from this function's caller down to the boundary around it, or to the
    /// first that is not wanted, which is left out. Where a `rule` is known for all of them, the unwinder is spared. What is
    /// asked must not panic.
    ///
    /// May run in a panic hook: it allocates nothing and takes no lock, but for those that the unwinder of the panic takes
    /// anyway. The oldest call is left out where nothing below it tells its frame.
    #[inline(never)]
    pub(super) fn take_while(
        &mut self,
        wants: &mut dyn FnMut(&Call) -> bool,
        rule: &dyn Fn(u64) -> Option<FrameRule>,
    ) {
        self.len = 0;
        unwinder::walk(self, wants, rule);
        // Its frame ends nobody knows where.
        if let Some(last) = self.calls.get(self.len.wrapping_sub(1))
            && last.cfa == 0
        {
            self.len -= 1;
        }
    }
}

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod unwinder {
    use std::ffi::{c_int, c_void};
    use std::ptr::from_mut;

    use super::{Call, Calls, FrameRule, KEPT, Registers, STACK_POINTER};
    use crate::stack::raw::Reach;

    #[repr(C)]
    struct Context {
        _opaque: [u8; 0],
    }

    // Of libgcc or LLVM's libunwind, one of which std links: the same names and numbers in both.
    unsafe extern "C" {
        fn _Unwind_Backtrace(
            each: extern "C" fn(*mut Context, *mut c_void) -> c_int,
            argument: *mut c_void,
        ) -> c_int;
        fn _Unwind_GetIPInfo(context: *mut Context, before_instruction: *mut c_int) -> usize;
        /// Despite its name the stack pointer of the frame at its call.
        fn _Unwind_GetCFA(context: *mut Context) -> usize;
        fn _Unwind_GetGR(context: *mut Context, register: c_int) -> usize;
    }

    struct Walk<'a> {
        calls: &'a mut Calls,
        wants: &'a mut dyn FnMut(&Call) -> bool,
        /// How many of them were wanted before a rule was missing.
        wanted: usize,
        /// The call of the unwinder as it was a moment before, by the same function.
        here: Option<Call>,
        reach: Reach,
    }

    #[inline(always)]
    pub(super) fn walk(
        calls: &mut Calls,
        wants: &mut dyn FnMut(&Call) -> bool,
        rule: &dyn Fn(u64) -> Option<FrameRule>,
    ) {
        let mut walk = Walk {
            calls,
            wants,
            wanted: 0,
            here: here(),
            reach: Reach::of_this_thread(),
        };
        if let Some(here) = walk.here
            && walk.reach.holds(here.sp as usize)
            && walk.follow(here, rule)
        {
            return;
        }
        // SAFETY: `each` is of the type that is asked for, unwinds never, and gets what it expects, which lives until the
        // call is over. The function may run on many threads at once.
        unsafe { _Unwind_Backtrace(each, from_mut(&mut walk).cast()) };
    }

    extern "C" fn each(context: *mut Context, argument: *mut c_void) -> c_int {
        // SAFETY: it is the `Walk` that `walk` hands over, which nobody else uses meanwhile.
        let walk = unsafe { &mut *argument.cast::<Walk<'_>>() };
        let mut before_instruction = 0;
        // SAFETY: the context is the unwinder's own, and valid during this call.
        let (ip, sp) = unsafe {
            (
                _Unwind_GetIPInfo(context, &raw mut before_instruction),
                _Unwind_GetCFA(context),
            )
        };
        walk.calls.close(sp as u64);
        // Null below the thread's first function.
        if ip == 0 || !walk.reach.holds(sp) {
            return STOP;
        }
        let mut saved = Registers::default();
        for register in CALLEE_SAVED {
            // SAFETY: as above. The unwinder has the callee-saved registers of every frame, because it began by saving
            // them all; of other registers it may have none and would follow a null pointer.
            let value = unsafe { _Unwind_GetGR(context, c_int::from(*register)) };
            saved.set(*register, value as u64);
        }
        saved.set(STACK_POINTER, sp as u64);
        let call = Call {
            pc: ip as u64 - u64::from(before_instruction == 0),
            sp: sp as u64,
            cfa: 0,
            saved,
        };
        // From there the rules begin, another time.
        let call = match walk.here.take() {
            Some(here) if here.sp == call.sp => here,
            _ => call,
        };
        // Without what follows it, its frame is not known: one that is not wanted is left out with it.
        let goes_on =
            walk.calls.push(call) && (walk.calls.len <= walk.wanted || (walk.wants)(&call));
        if goes_on { GO_ON } else { STOP }
    }

    impl Walk<'_> {
        /// Takes the calls from this one on by their rules, as many as are wanted; whether there are rules for all.
        fn follow(&mut self, mut call: Call, rule: &dyn Fn(u64) -> Option<FrameRule>) -> bool {
            let Some(end) = self.reach.end() else {
                return false;
            };
            let is_complete = loop {
                let found = rule(call.pc).and_then(|rule| Some((rule, rule.begin(&call)?)));
                let Some((rule, begin)) = found else {
                    break false;
                };
                call.cfa = begin;
                if !self.calls.push(call) {
                    break true;
                }
                if !(self.wants)(&call) {
                    self.calls.len -= 1;
                    break true;
                }
                self.wanted += 1;
                if begin > end as u64 {
                    break true;
                }
                let word = |address: u64| {
                    let address = usize::try_from(address).ok()?;
                    let address = std::ptr::with_exposed_provenance::<u64>(address);
                    // SAFETY: an aligned word between a stack pointer of this thread and the boundary's marker further up on
                    // the same stack, which is there whatever a rule says.
                    Some(unsafe { address.read_volatile() })
                };
                match rule.caller(&call, begin, word) {
                    Some(next) => call = next,
                    None => break false,
                }
            };
            if !is_complete {
                self.calls.len = 0;
            }
            is_complete
        }
    }

    impl Calls {
        /// The stack pointer of a call is where its callee's frame begins.
        fn close(&mut self, sp: u64) {
            if let Some(last) = self.calls.get_mut(self.len.wrapping_sub(1)) {
                last.cfa = sp;
            }
        }

        /// Whether there was room.
        fn push(&mut self, call: Call) -> bool {
            let Some(slot) = self.calls.get_mut(self.len) else {
                return false;
            };
            *slot = call;
            self.len += 1;
            true
        }
    }

    #[cfg(target_arch = "x86_64")]
    use super::here::here;

    /// Frames have no rules there.
    #[cfg(not(target_arch = "x86_64"))]
    fn here() -> Option<Call> {
        None
    }

    const CALLEE_SAVED: &[u16] = KEPT.split_last().expect("it is not empty").1;

    const GO_ON: c_int = 0;
    /// `_URC_NORMAL_STOP`.
    const STOP: c_int = 4;
}

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
mod unwinder {
    pub(super) fn walk(
        _: &mut super::Calls,
        _: &mut dyn FnMut(&super::Call) -> bool,
        _: &dyn Fn(u64) -> Option<super::FrameRule>,
    ) {
    }
}

/// Whether there is anything to be seen on this platform.
pub(super) const CAN_WALK: bool = cfg!(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
));

/// As many as the stack has, and those between the panic and the hook.
pub(super) const MAX_CALLS: usize = 112;

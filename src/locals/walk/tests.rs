//! Registers that were pinned, frames that follow one another, and where a walk ends.
#![expect(unsafe_code, reason = "pins registers, and is interrupted")]

use std::arch::asm;
use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::hint::black_box;

use super::*;
use crate::locals::memory::Memory;
use crate::locals::sample::{OwnMemory, units};
use crate::stack::boundary;

#[test]
fn registers_are_known_by_their_number_when_they_were_saved() {
    let mut registers = Registers::default();
    assert_eq!(registers.get(3), None);
    assert!(registers.set(3, 7) && registers.set(STACK_POINTER, 9));
    assert_eq!((registers.get(3), registers.get(7)), (Some(7), Some(9)));
    assert_eq!(registers.get(6), None);
    assert!(
        !registers.set(0, 1),
        "rax is anybody's: libgcc may have none"
    );
    assert_eq!(registers.get(0), None);
}

/// What `pinned` had in its registers when it called.
struct Pinned {
    rbp: u64,
    rsp: u64,
    r15: u64,
    local: u64,
    begin: u64,
    back: u64,
}

const RBX: u64 = 0xb0b0_0001;
const R12: u64 = 0xb0b0_0012;
const R13: u64 = 0xb0b0_0013;
const R14: u64 = 0xb0b0_0014;

#[inline(never)]
fn pinned(calls: &mut Calls) -> Pinned {
    let local = black_box([1u8; 64]);
    let (rbp, rsp, r15, back): (u64, u64, u64, u64);
    // SAFETY: rbx, which no operand may be, is kept in r15, which the function that is called gives back.
    unsafe {
        asm!(
            "mov r15, rbx",
            "mov rbx, {rbx}",
            "call {over}",
            "2:",
            "mov rbx, r15",
            "mov rax, rbp",
            "mov rcx, rsp",
            "lea rdx, [rip + 2b]",
            rbx = const RBX,
            over = sym over,
            lateout("rax") rbp,
            lateout("rcx") rsp,
            lateout("rdx") back,
            in("rdi") std::ptr::from_mut(calls),
            inlateout("r12") R12 => _,
            inlateout("r13") R13 => _,
            inlateout("r14") R14 => _,
            lateout("r15") r15,
            clobber_abi("C"),
        );
    }
    Pinned {
        rbp,
        rsp,
        r15,
        local: black_box(&local).as_ptr().addr() as u64,
        begin: pinned as fn(&mut Calls) -> Pinned as usize as u64,
        back,
    }
}

/// Uses the registers that it has to give back, so that the unwinder must look where they were put.
#[inline(never)]
extern "C" fn over(calls: &mut Calls) {
    // SAFETY: all that is changed is said to be.
    unsafe {
        asm!(
            "mov r12, 12", "mov r13, 13", "mov r14, 14", "mov r15, 15",
            out("r12") _, out("r13") _, out("r14") _, out("r15") _,
        );
    }
    calls.take();
    black_box(calls);
}

#[test]
fn a_call_has_the_registers_that_its_function_had() {
    let mut calls = Calls::new();
    let pinned = pinned(&mut calls);
    let calls = calls.as_slice();
    let at = calls
        .iter()
        .position(|call| call.saved.get(12) == Some(R12))
        .unwrap();
    let call = calls[at];
    assert_eq!(call.pc, pinned.back - 1, "the last byte of its call");
    assert!(call.pc > pinned.begin);
    assert_eq!(call.saved.get(3), Some(RBX));
    assert_eq!(call.saved.get(13), Some(R13));
    assert_eq!(call.saved.get(14), Some(R14));
    assert_eq!(call.saved.get(15), Some(pinned.r15));
    assert_eq!(call.saved.get(6), Some(pinned.rbp));
    assert_eq!(call.saved.get(7), Some(pinned.rsp));
    assert_eq!(call.sp, pinned.rsp);
    assert!((call.sp..call.cfa).contains(&pinned.local), "{call:x?}");
    assert_ne!(calls[at - 1].saved.get(12), Some(R12), "it is another's");
}

#[test]
fn a_frame_ends_where_the_next_one_is_at_its_call() {
    let mut calls = Calls::new();
    calls.take();
    let calls = calls.as_slice();
    assert!(calls.len() > 5);
    for pair in calls.windows(2) {
        assert_eq!(pair[0].cfa, pair[1].sp);
        assert!(pair[0].sp < pair[0].cfa);
    }
    assert!(calls.iter().all(|call| call.cfa != 0 && call.pc != 0));
}

#[test]
fn a_walk_ends_at_the_boundary() {
    #[inline(never)]
    fn within(calls: &mut Calls) -> u64 {
        let _boundary = boundary();
        let marker = 0u8;
        deeper(calls);
        black_box(&marker as *const u8).addr() as u64
    }
    #[inline(never)]
    fn deeper(calls: &mut Calls) {
        calls.take();
        black_box(calls);
    }
    let mut calls = Calls::new();
    let marker = within(&mut calls);
    let last = calls.as_slice().last().unwrap();
    assert!((last.sp..last.cfa).contains(&marker), "{last:x?}");
    assert!(calls.as_slice().len() >= 2);
}

#[test]
fn a_deep_stack_is_told_as_far_as_there_is_room() {
    fn down(depth: usize, calls: &mut Calls) {
        match depth {
            0 => calls.take(),
            _ => down(depth - 1, calls),
        }
        black_box(depth);
    }
    let mut calls = Calls::new();
    down(MAX_CALLS * 2, &mut calls);
    assert_eq!(calls.as_slice().len(), MAX_CALLS);
    assert_ne!(calls.as_slice().last().unwrap().cfa, 0);
}

#[test]
fn what_a_signal_interrupted_was_not_at_a_call() {
    thread_local! {
        static SEEN: Cell<Option<(Calls, u64)>> = const { Cell::new(None) };
    }
    extern "C" fn handler(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
        // SAFETY: it is what the kernel gives a handler that wants to know.
        let context = unsafe { &*context.cast::<libc::ucontext_t>() };
        let ip = context.uc_mcontext.gregs[libc::REG_RIP as usize] as u64;
        SEEN.with(|seen| {
            if let Some((mut calls, _)) = seen.take() {
                calls.take();
                seen.set(Some((calls, ip)));
            }
        });
    }
    SEEN.with(|seen| seen.set(Some((Calls::new(), 0))));
    // SAFETY: the action is all zeroes but for what is set, and the handler touches what is this thread's.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as extern "C" fn(_, _, _) as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(
            libc::sigaction(libc::SIGWINCH, &raw const action, std::ptr::null_mut()),
            0
        );
        assert_eq!(libc::raise(libc::SIGWINCH), 0);
    }
    let (calls, ip) = SEEN.with(Cell::take).unwrap();
    let calls = calls.as_slice();
    let at = calls.iter().position(|call| call.pc == ip);
    let at = at.unwrap_or_else(|| panic!("{ip:x} is not in {calls:x?}"));
    assert!(calls.len() > at + 5, "the walk goes on below");
}

/// What a walk asks for: whether a call is wanted, and its rule.
type Asked<'a> = (
    &'a mut dyn FnMut(&Call) -> bool,
    &'a dyn Fn(u64) -> Option<FrameRule>,
);

/// Walks below calls that have put registers away, and then does something with what it found.
#[inline(never)]
fn walk_by(
    depth: usize,
    calls: &mut Calls,
    (wants, rule): Asked<'_>,
    then: &mut dyn FnMut(&[Call]),
) {
    // SAFETY: all that is changed is said to be.
    unsafe {
        asm!(
            "mov r12, {0}", "mov r13, {0}", "mov r14, {0}", "mov r15, {0}",
            in(reg) depth,
            out("r12") _, out("r13") _, out("r14") _, out("r15") _,
        );
    }
    if depth > 0 {
        walk_by(depth - 1, calls, (wants, rule), then);
    } else {
        calls.take_while(wants, rule);
        then(calls.as_slice());
    }
    black_box(depth);
}

fn row(pc: u64) -> Option<gimli::UnwindTableRow<usize>> {
    units().image_at(pc)?.frame(pc)
}

fn word(address: u64) -> Option<u64> {
    OwnMemory::new().word(address).ok()
}

#[test]
fn what_was_learnt_leads_to_the_calls_that_the_unwinder_tells() {
    let _boundary = boundary();
    let rules = RefCell::new(FrameRules::default());
    let mut walks: Vec<Vec<Call>> = Vec::new();
    let asked = Cell::new(0);
    // Each from the same place: with nothing learnt, with all, with all but one, and then only a few of them.
    for (wanted, left_out, times) in [
        (99, None, 1),
        (99, None, 9),
        (99, Some(2), 3),
        (4, None, 5),
        (4, Some(2), 3),
    ] {
        asked.set(0);
        let left_out = left_out.map(|at: usize| walks[0][at].pc);
        let rule = |pc| {
            asked.set(asked.get() + 1);
            rules.borrow().get(pc).filter(|_| left_out != Some(pc))
        };
        let mut seen = 0;
        let mut wants = |_: &Call| {
            seen += 1;
            seen <= wanted
        };
        walk_by(5, &mut Calls::new(), (&mut wants, &rule), &mut |calls| {
            rules.borrow_mut().learn(calls, row, word);
            walks.push(calls.to_vec());
        });
        let all = walks[0].len();
        assert_eq!(asked.get(), if times == 9 { all } else { times });
        assert_eq!(seen, all.min(wanted + 1), "each is asked for once");
    }
    assert!(walks[0].len() > 6);
    assert_eq!(walks[0], walks[1]);
    assert_eq!(walks[0], walks[2]);
    assert_eq!(walks[0][..4], walks[3]);
    assert_eq!(walks[0][..4], walks[4]);
    assert!(walks[0].iter().any(|call| call.saved.get(12) == Some(3)));
}

#[test]
fn a_rule_that_is_wrong_is_not_learnt_and_leads_nowhere_beyond_the_boundary() {
    let _boundary = boundary();
    let (mut right, mut wrong) = (FrameRules::default(), FrameRules::default());
    let mut all = Vec::new();
    walk_by(
        3,
        &mut Calls::new(),
        (&mut |_| true, &|_| None),
        &mut |calls| {
            right.learn(calls, row, word);
            // As if another library lay where this program lies.
            wrong.learn(calls, |pc| row(pc - 4096), word);
            all = calls.to_vec();
        },
    );
    let known = |rules: &FrameRules| all.iter().filter(|it| rules.get(it.pc).is_some()).count();
    assert_eq!(known(&right), all.len());
    assert!(known(&wrong) < all.len() / 2, "{wrong:?}");

    let any: Vec<_> = all.iter().map(|call| right.get(call.pc)).collect();
    for shift in 1..any.len() {
        let at = Cell::new(shift);
        let next = |_| any[at.replace(at.get() + 1) % any.len()];
        walk_by(3, &mut Calls::new(), (&mut |_| true, &next), &mut |calls| {
            assert!(calls.iter().all(|call| call.sp < call.cfa));
        });
    }
}

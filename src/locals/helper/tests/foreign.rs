//! A stack that was switched to, as coroutines and `stacker` do it.
#![expect(unsafe_code, reason = "switches stacks")]

use std::arch::global_asm;
use std::ffi::c_void;
use std::ptr::from_mut;

use super::super::super::memory::tests::Mapping;
use super::*;

// Calls the second argument with the third on the stack that begins at the first; the unwinder finds the way back.
global_asm!(
    ".pushsection .text",
    ".globl tower_monitor_test_on_stack",
    "tower_monitor_test_on_stack:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsp",
    ".cfi_def_cfa_register rbp",
    "mov rsp, rdi",
    "mov rdi, rdx",
    "call rsi",
    "mov rsp, rbp",
    "pop rbp",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
    ".popsection",
);

unsafe extern "C" {
    fn tower_monitor_test_on_stack(
        top: *mut c_void,
        function: extern "C" fn(*mut c_void),
        argument: *mut c_void,
    );
}

/// Asks on another stack of so many pages, below which nothing may be touched.
fn ask_on_another<D: Decode>(helper: &Helper<D>, pages: usize) -> Result<D::Answer, Missing> {
    struct Question<'a, D: Decode>(&'a Helper<D>, Option<Result<D::Answer, Missing>>);
    extern "C" fn ask<D: Decode>(question: *mut c_void) {
        // SAFETY: it is the question below, which waits for the answer.
        let question = unsafe { &mut *question.cast::<Question<'_, D>>() };
        question.1 = Some(with_mark(77, || question.0.ask()));
    }
    let stack = Mapping::new(pages + 1);
    stack.forbid(0);
    let top = stack.address() as usize + (pages + 1) * 4096;
    let mut question = Question(helper, None);
    // SAFETY: the stack is this function's own, aligned as the ABI wants it, and `ask` returns without unwinding.
    unsafe {
        tower_monitor_test_on_stack(
            std::ptr::with_exposed_provenance_mut(top),
            ask::<D>,
            from_mut(&mut question).cast(),
        );
    }
    question.1.unwrap()
}

#[test]
fn a_thread_on_another_stack_is_helped_as_well() {
    let helper = helper(PATIENT, |held, memory| {
        let on_it = |call: &&Call| call.sp.abs_diff(held.calls[0].sp) < 64 * 1024;
        let others = held.calls.iter().skip_while(on_it).count();
        let first = Held {
            wanted: 24,
            calls: &held.calls[..held.calls.len() - others - 1],
            runs: None,
            until: held.until,
        };
        (marked(&first, memory), others)
    });
    let (number, others) = ask_on_another(&helper, 16).unwrap();
    assert_eq!(number, Some(77));
    assert!(others > 3, "the calls on the thread's own stack");
    assert_eq!(
        ask_on_another(&helper, 3).err(),
        Some(Missing::Unavailable),
        "it is too small"
    );
    assert!(helper.desk.all_free());
}

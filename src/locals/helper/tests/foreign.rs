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

/// Runs on another stack of so many pages, below which nothing may be touched.
fn on_another<R>(pages: usize, run: impl FnOnce() -> R) -> R {
    struct Task<F, R>(Option<F>, Option<R>);
    extern "C" fn begin<R, F: FnOnce() -> R>(task: *mut c_void) {
        // SAFETY: it is the task below, whose end is waited for.
        let task = unsafe { &mut *task.cast::<Task<F, R>>() };
        task.1 = task.0.take().map(|run| run());
    }
    fn begin_of<R, F: FnOnce() -> R>(_: &Task<F, R>) -> extern "C" fn(*mut c_void) {
        begin::<R, F>
    }
    let stack = Mapping::new(pages + 1);
    stack.forbid(0);
    let top = stack.address() as usize + (pages + 1) * 4096;
    let mut task = Task(Some(run), None);
    // SAFETY: the stack is this function's own, aligned as the ABI wants it, and `begin` returns without unwinding.
    unsafe {
        tower_monitor_test_on_stack(
            std::ptr::with_exposed_provenance_mut(top),
            begin_of(&task),
            from_mut(&mut task).cast(),
        );
    }
    task.1.unwrap()
}

fn ask_on_another<D: Decode>(helper: &Helper<D>, pages: usize) -> Result<D::Answer, Missing> {
    on_another(pages, || with_mark(77, || helper.ask()))
}

#[test]
fn another_stack_is_not_taken_for_the_threads_own() {
    learn();
    let local = [0u8; 8];
    let holds = |local: &[u8]| own_stack().holds(local.as_ptr().addr() as u64, 8);
    assert!(holds(&local));
    on_another(16, || {
        let other = [0u8; 8];
        assert!(!holds(&other) && !holds(&local));
    });
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

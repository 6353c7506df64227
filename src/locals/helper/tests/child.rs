//! What would end or change this process happens in a child: filters of system calls, real panics, aborts, exits.
#![expect(unsafe_code, reason = "filters the system calls")]

use std::env;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, set_hook};
use std::process::{Command, Output, exit};
use std::sync::OnceLock;

use super::*;
use crate::guard::is_containing;

const ROLE: &str = "TOWER_MONITOR_TEST_ROLE";

/// Runs this test binary again, which then does nothing but [`child`].
fn child(role: &str) -> Output {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "locals::helper::tests::child::plays_its_role"])
        .args(["--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .output()
        .unwrap()
}

fn ends_well(role: &str) {
    let output = child(role);
    assert_eq!(output.status.code(), Some(0), "{role}: {output:?}");
}

#[test]
fn plays_its_role() {
    match env::var(ROLE).as_deref() {
        Ok("denied") => denied(),
        Ok("killed, filter first") => killed(true),
        Ok("killed, helper first") => killed(false),
        Ok("forbidden call") => {
            filter(
                ALLOWED,
                libc::SECCOMP_RET_ALLOW,
                libc::SECCOMP_RET_KILL_PROCESS,
            );
            // SAFETY: asks for nothing; the filter ends the process.
            unsafe { libc::syscall(libc::SYS_process_vm_readv, 0, 0, 0, 0, 0, 0) };
        }
        Ok("panics") => panics(),
        Ok("panic in a destructor") => panic_in_a_destructor(),
        Ok("decoder panics") => decoder_panics(),
        Ok("exit") => exit_while_helping(),
        _ => {}
    }
}

#[test]
fn without_its_system_calls_it_reads_nothing_and_harms_nothing() {
    ends_well("denied");
}

#[test]
fn it_needs_no_unusual_system_call() {
    let output = child("forbidden call");
    assert_eq!(output.status.signal(), Some(libc::SIGSYS), "{output:?}");
    ends_well("killed, filter first");
    ends_well("killed, helper first");
}

#[test]
fn of_four_threads_that_panic_at_once_none_is_lost() {
    ends_well("panics");
}

#[test]
fn a_destructor_that_panics_while_unwinding_has_been_asked_as_well() {
    let output = child("panic in a destructor");
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    // A third time for the message with which the process ends.
    assert!(said.matches("asked: Ok(Some(1))").count() >= 2, "{said}");
}

#[test]
fn a_decoder_that_panics_does_not_end_a_process_that_panics() {
    ends_well("decoder panics");
}

#[test]
fn a_process_may_end_while_it_is_helped() {
    for _ in 0..5 {
        ends_well("exit");
    }
}

#[test]
fn the_main_thread_is_helped_like_any_other() {
    ends_well("main thread");
}

/// The number on the stack, or why it could not be read.
fn first_word(held: &Held<'_>, memory: &mut dyn Memory) -> Result<u64, Missing> {
    memory.word(held.calls[0].sp)
}

fn expect(step: i32, right: bool) {
    if !right {
        // Nobody could be told more: writing may be what is forbidden.
        exit(step);
    }
}

fn denied() {
    let helper = helper(PATIENT, first_word);
    expect(11, matches!(helper.ask(), Ok(Ok(_))));
    expect(12, matches!(helper.read_here(), Ok(Ok(_))));
    let denied = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    filter(
        &[libc::SYS_read, libc::SYS_write, libc::SYS_pipe2],
        denied,
        libc::SECCOMP_RET_ALLOW,
    );
    expect(13, helper.ask() == Ok(Err(Missing::Unreadable)));
    expect(14, helper.read_here() == Ok(Err(Missing::Unreadable)));
    let of_another = thread::scope(|scope| scope.spawn(|| helper.ask()).join());
    expect(15, of_another.unwrap() == Err(Missing::Unavailable));
    expect(16, Helper::start(limits(PATIENT), By(first_word)).is_err());
    exit(0);
}

fn killed(filter_first: bool) {
    let allow = || {
        filter(
            ALLOWED,
            libc::SECCOMP_RET_ALLOW,
            libc::SECCOMP_RET_KILL_PROCESS,
        )
    };
    if filter_first {
        allow();
    }
    let helper = helper(PATIENT, |held: &Held<'_>, memory: &mut dyn Memory| {
        let nowhere = memory.word(1 << 46);
        (marked(held, memory), nowhere)
    });
    if !filter_first {
        allow();
    }
    let answer = Ok((Some(7), Err(Missing::Unreadable)));
    for _ in 0..100 {
        expect(11, with_mark(7, || helper.ask()) == answer);
        expect(12, with_mark(7, || helper.read_here()) == answer);
    }
    let of_another = thread::scope(|scope| scope.spawn(|| with_mark(7, || helper.ask())).join());
    expect(13, of_another.unwrap() == answer);
    drop(helper);
    exit(0);
}

fn panics() {
    static LOST: Mutex<Vec<Missing>> = Mutex::new(Vec::new());
    static FOUND: AtomicUsize = AtomicUsize::new(0);
    let helper = helper(PATIENT, marked);
    set_hook(Box::new(move |_| match helper.ask() {
        Ok(Some(_)) => {
            FOUND.fetch_add(1, Ordering::SeqCst);
        }
        Ok(None) => {}
        Err(missing) => LOST.lock().unwrap().push(missing),
    }));
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for thread in 0..4 {
            let barrier = &barrier;
            scope.spawn(move || {
                for round in 0..100 {
                    barrier.wait();
                    let _ = catch_unwind(|| with_mark(thread * round, || panic_any(round)));
                }
            });
        }
    });
    assert_eq!(*LOST.lock().unwrap(), []);
    assert_eq!(FOUND.load(Ordering::SeqCst), 400);
    exit(0);
}

fn panic_in_a_destructor() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_any(2);
        }
    }
    let helper = helper(PATIENT, marked);
    set_hook(Box::new(move |_| eprintln!("asked: {:?}", helper.ask())));
    with_mark(1, || {
        let _bomb = Bomb;
        panic_any(1)
    });
}

fn decoder_panics() {
    static CONTAINED: AtomicUsize = AtomicUsize::new(0);
    static ANSWER: OnceLock<Result<(), Missing>> = OnceLock::new();
    let helper = helper(PATIENT, |_, _| panic_any(3));
    set_hook(Box::new(move |_| {
        if is_containing() {
            CONTAINED.fetch_add(1, Ordering::SeqCst);
        } else {
            let _ = ANSWER.set(helper.ask());
        }
    }));
    let payload = catch_unwind(AssertUnwindSafe(|| panic_any(1)));
    expect(11, payload.is_err());
    expect(12, ANSWER.get() == Some(&Err(Missing::Unsupported)));
    expect(13, CONTAINED.load(Ordering::SeqCst) == 1);
    exit(0);
}

fn exit_while_helping() {
    let helper = Arc::new(helper(PATIENT, marked));
    let asked = Arc::new(AtomicUsize::new(0));
    for thread in 0..3 {
        let (helper, asked) = (Arc::clone(&helper), Arc::clone(&asked));
        thread::spawn(move || {
            loop {
                let answer = with_mark(thread, || helper.ask());
                assert_eq!(answer, Ok(Some(thread)));
                asked.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    wait_for(|| asked.load(Ordering::SeqCst) > 20);
    exit(0);
}

/// Tests run on other threads than the main one, which has only what comes before `main`.
#[unsafe(link_section = ".init_array")]
#[used]
static BEFORE_MAIN: extern "C" fn() = {
    extern "C" fn before_main() {
        if env::var(ROLE).as_deref() == Ok("main thread") {
            main_thread();
        }
    }
    before_main
};

fn main_thread() {
    // SAFETY: asks only.
    let thread = unsafe { libc::gettid() };
    expect(11, u32::try_from(thread) == Ok(std::process::id()));
    let helper = helper(PATIENT, marked);
    expect(12, with_mark(9, || helper.ask()) == Ok(Some(9)));
    expect(13, with_mark(9, || helper.read_here()) == Ok(Some(9)));
    exit(0);
}

/// From now on, for all threads: these calls are answered so, all others otherwise.
fn filter(calls: &[libc::c_long], listed: u32, others: u32) {
    let step = |code: u32, jt, jf, k| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let mut program = vec![step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0)];
    for call in calls {
        program.push(step(libc::BPF_JMP | libc::BPF_JEQ, 0, 1, *call as u32));
        program.push(step(libc::BPF_RET, 0, 0, listed));
    }
    program.push(step(libc::BPF_RET, 0, 0, others));
    let program = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the program lives during the calls, and the kernel checks it.
    let answer = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_TSYNC,
            &raw const program,
        )
    };
    expect(10, answer == 0);
}

/// What a program in Rust needs to run, start threads and end: each of them is in systemd's `@system-service`.
const ALLOWED: &[libc::c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fstat,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pipe2,
    libc::SYS_prctl,
    libc::SYS_read,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_statx,
    libc::SYS_write,
];

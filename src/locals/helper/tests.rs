//! Threads that fail, alone and together, and a helper that answers, is late, or panics.
#![expect(unsafe_code, reason = "forks, and counts what is allocated")]

mod child;
mod errors;
#[cfg(target_arch = "x86_64")]
mod foreign;
mod stack;
mod storm;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Barrier, Mutex, mpsc};

use super::super::memory::Pipe;
use super::*;

/// A decoder that is a function.
struct By<F>(F);

impl<A: Send + 'static, F: FnMut(&Held<'_>, &mut dyn Memory) -> A + Send + 'static> Decode
    for By<F>
{
    type Answer = A;

    fn decode(&mut self, held: &Held<'_>, memory: &mut dyn Memory) -> A {
        (self.0)(held, memory)
    }
}

fn limits(time: Duration) -> Limits {
    Limits {
        reads: 10_000,
        bytes: 1 << 30,
        time,
        wanted: [24, 24],
    }
}

/// Much longer than anything takes, also on a machine that has much else to do.
const PATIENT: Duration = Duration::from_secs(8);

fn helper<A: Send + 'static>(
    time: Duration,
    decode: impl FnMut(&Held<'_>, &mut dyn Memory) -> A + Send + 'static,
) -> Helper<impl Decode<Answer = A>> {
    Helper::start(limits(time), By(decode)).unwrap()
}

/// The number that the asking thread has on its stack, marked so that it can be found.
fn marked(held: &Held<'_>, memory: &mut dyn Memory) -> Option<u64> {
    let mut address = held.calls.first()?.sp;
    let end = held.calls.last()?.cfa;
    while address < end {
        if memory.word(address) == Ok(MARK) {
            return memory.word(address + 8).ok();
        }
        address += 8;
    }
    None
}

const MARK: u64 = 0x6d61_726b_6d61_726b;

#[inline(never)]
fn with_mark<T>(number: u64, run: impl FnOnce() -> T) -> T {
    let marked = black_box([MARK, number]);
    let result = run();
    black_box(&marked);
    result
}

fn wait_for(mut condition: impl FnMut() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

#[test]
fn a_thread_gets_what_lies_on_its_own_stack() {
    let helper = helper(PATIENT, marked);
    for number in 0..100 {
        assert_eq!(with_mark(number, || helper.ask()), Ok(Some(number)));
        assert_eq!(with_mark(number, || helper.read_here()), Ok(Some(number)));
    }
    assert!(helper.desk.all_free());
    assert_eq!(helper.faults(), 0);
}

#[test]
fn of_many_that_fail_at_once_each_gets_its_own() {
    let helper = helper(PATIENT, marked);
    let barrier = Barrier::new(12);
    thread::scope(|scope| {
        for thread in 0..12 {
            let (helper, barrier) = (&helper, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for round in 0..50 {
                    let number = thread * 1000 + round;
                    assert_eq!(with_mark(number, || helper.ask()), Ok(Some(number)));
                }
            });
        }
    });
    assert!(helper.desk.all_free());
}

#[test]
fn who_waited_long_enough_goes_on_and_the_late_answer_is_dropped() {
    struct Answer(#[expect(dead_code, reason = "is dropped with it")] Arc<()>);
    let (open, gate) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    let token = Arc::new(());
    let helper = helper(Duration::from_millis(20), {
        let token = Arc::clone(&token);
        move |_, _| {
            begun.send(()).unwrap();
            gate.recv().unwrap();
            Answer(Arc::clone(&token))
        }
    });
    let asked = Instant::now();
    assert_eq!(helper.ask().err(), Some(Missing::Deadline));
    assert!(asked.elapsed() >= Duration::from_millis(20));
    has_begun.recv().unwrap();
    assert_eq!(
        helper.ask().err(),
        Some(Missing::Busy),
        "the helper is still at the first"
    );
    assert!(!helper.desk.all_free());
    open.send(()).unwrap();
    wait_for(|| helper.desk.all_free());
    assert_eq!(Arc::strong_count(&token), 2, "the late answer is gone");
    open.send(()).unwrap();
    // On a busy machine even this may come too late, which would be the above again.
    let answer = helper.ask();
    assert!(matches!(
        answer,
        Ok(_) | Err(Missing::Deadline | Missing::Busy)
    ));
}

#[test]
fn more_threads_than_slots_wait_for_one() {
    let (open, gate) = mpsc::channel::<()>();
    let helper = helper(PATIENT, move |_, _| gate.recv().unwrap());
    thread::scope(|scope| {
        let threads: Vec<_> = (0..7).map(|_| scope.spawn(|| helper.ask())).collect();
        wait_for(|| {
            helper.desk.slot(None).is_none_or(|slot| {
                helper.desk.release(slot);
                false
            })
        });
        for _ in 0..7 {
            open.send(()).unwrap();
        }
        for thread in threads {
            assert_eq!(thread.join().unwrap(), Ok(()));
        }
    });
}

#[test]
fn who_came_first_is_helped_first() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let decoder = By({
        let order = Arc::clone(&order);
        move |held: &Held<'_>, _: &mut dyn Memory| order.lock().unwrap().push(held.until)
    });
    let desk = Desk::new(limits(PATIENT), decoder).unwrap();
    let now = Instant::now();
    let slots: Vec<_> = (0..3).map(|_| desk.slot(None).unwrap()).collect();
    let first_to_last = [2, 0, 1].map(|number: usize| {
        let until = now + Duration::from_secs(number as u64);
        slots[number].work().until = until;
        desk.hand_over(slots[number]);
        until
    });
    while desk.help().is_some() {}
    assert_eq!(*order.lock().unwrap(), first_to_last);
}

#[test]
fn a_decoder_that_panics_costs_one_answer() {
    let mut count = 0;
    let helper = helper(PATIENT, move |_, _| {
        count += 1;
        assert!(count % 3 != 0, "made to fail");
        count
    });
    let answers: Vec<_> = (0..6).map(|_| helper.ask()).collect();
    let failed = Err(Missing::Unsupported);
    assert_eq!(answers, [Ok(1), Ok(2), failed, Ok(4), Ok(5), failed]);
    assert_eq!(helper.faults(), 2);
    assert_eq!(helper.read_here(), Ok(7));
    assert_eq!(helper.read_here(), Ok(8));
    assert_eq!(helper.read_here(), failed);
    assert_eq!(helper.ask(), Ok(10));
    assert_eq!(helper.faults(), 3);
}

#[test]
fn a_thread_that_fails_while_it_fails_is_busy() {
    type Ask = Arc<dyn Fn() -> Result<(), Missing> + Send + Sync>;
    let helper: Arc<Mutex<Option<Ask>>> = Arc::default();
    let inner = Arc::new(Mutex::new(Vec::new()));
    let decoding = super::tests::helper(PATIENT, {
        let (helper, inner) = (Arc::clone(&helper), Arc::clone(&inner));
        move |_, _| {
            if let Some(ask) = helper.lock().unwrap().clone() {
                inner.lock().unwrap().push(ask());
            }
        }
    });
    let decoding = Arc::new(decoding);
    let again = Arc::clone(&decoding);
    *helper.lock().unwrap() = Some(Arc::new(move || again.ask()));
    assert_eq!(decoding.read_here(), Ok(()));
    assert_eq!(decoding.ask(), Ok(()));
    assert_eq!(*inner.lock().unwrap(), [Err(Missing::Busy); 2]);
    *helper.lock().unwrap() = None;
}

#[test]
fn what_can_be_done_ahead_is_done_while_nobody_waits() {
    struct Preparing(u32, Arc<AtomicUsize>);
    impl Decode for Preparing {
        type Answer = u32;
        fn decode(&mut self, _: &Held<'_>, _: &mut dyn Memory) -> u32 {
            self.0
        }
        fn prepare(&mut self) -> bool {
            self.0 += 1;
            self.1.store(self.0 as usize, Ordering::SeqCst);
            assert!(self.0 < 5, "made to fail, which ends it");
            true
        }
    }
    let done = Arc::new(AtomicUsize::new(0));
    let helper = Helper::start(limits(PATIENT), Preparing(0, Arc::clone(&done))).unwrap();
    wait_for(|| done.load(Ordering::SeqCst) == 5);
    assert_eq!(helper.ask(), Ok(5));
    assert_eq!(helper.faults(), 1);
}

#[test]
fn a_thread_that_ends_can_still_ask() {
    struct Last(Arc<dyn Fn() + Send + Sync>);
    impl Drop for Last {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    thread_local! {
        static LAST: std::cell::OnceCell<Last> = const { std::cell::OnceCell::new() };
    }
    let helper = Arc::new(helper(PATIENT, marked));
    let (sender, answers) = mpsc::channel();
    thread::spawn(move || {
        LAST.with(|last| {
            last.get_or_init(|| {
                Last(Arc::new(move || {
                    sender.send(with_mark(5, || helper.ask())).unwrap();
                }))
            });
        });
    })
    .join()
    .unwrap();
    assert_eq!(answers.recv(), Ok(Ok(Some(5))));
}

#[test]
fn a_forked_child_has_no_helper() {
    let helper = helper(PATIENT, |_, _| ());
    assert_eq!(helper.ask(), Ok(()));
    // SAFETY: the child calls nothing that needs another thread, a lock or the allocator, and ends at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let alone = [helper.ask(), helper.read_here()] == [Err(Missing::Unavailable); 2];
        // SAFETY: ends the child without running what belongs to the parent.
        unsafe { libc::_exit(i32::from(!alone)) };
    }
    let mut status = 0;
    // SAFETY: there is room for the status.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
    assert_eq!(helper.ask(), Ok(()));
}

#[test]
fn a_stack_that_is_nearly_full_is_left_alone() {
    fn down(helper: &Helper<impl Decode<Answer = ()>>, depth: usize) -> usize {
        let frame = black_box([0u8; 512]);
        let reached = match helper.ask() {
            Ok(()) => down(helper, depth + 1),
            Err(missing) => {
                assert_eq!(missing, Missing::Unavailable);
                depth
            }
        };
        black_box(&frame);
        reached
    }
    let helper = Arc::new(helper(PATIENT, |_, _| ()));
    let run = thread::Builder::new().stack_size(128 * 1024);
    let asking = Arc::clone(&helper);
    let depth = run.spawn(move || down(&asking, 0)).unwrap();
    let depth = depth.join().unwrap();
    assert!(depth > 20, "{depth}");
    assert!(helper.desk.all_free());
}

#[test]
fn nobody_is_asked_when_the_helper_has_gone() {
    let helper = helper(PATIENT, |_, _| ());
    let desk = Arc::downgrade(&helper.desk);
    drop(helper);
    wait_for(|| desk.strong_count() == 0);
}

struct Counting;

// Counts what each thread asks for.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _gone = ALLOCATED.try_with(|allocated| allocated.set(allocated.get() + 1));
        // SAFETY: the caller keeps the promises that the system's asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let _gone = ALLOCATED.try_with(|allocated| allocated.set(allocated.get() + 1));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
}

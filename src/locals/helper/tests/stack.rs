//! How much stack is used.

use super::super::super::read;
use super::super::super::sample::{read_with, units};
use super::*;

/// How many bytes of stack it uses, on a thread of its own.
fn stack_used_by(run: impl FnOnce() + Send) -> u64 {
    const PAINTED: usize = 512 * 1024;
    #[inline(never)]
    fn paint() {
        black_box([0xa5u8; PAINTED]);
    }
    let (here, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            paint();
            let marker = 0u8;
            run();
            here.store(black_box(&raw const marker).addr(), Ordering::SeqCst);
            wait_for(|| done.load(Ordering::SeqCst));
        });
        wait_for(|| here.load(Ordering::SeqCst) != 0);
        let here = here.load(Ordering::SeqCst) as u64;
        let pipe = Pipe::open().unwrap();
        let lowest = (0..PAINTED as u64 - 8192).rev().find(|below| {
            let mut byte = [0];
            pipe.copy(here - below, &mut byte).unwrap();
            byte != [0xa5]
        });
        done.store(true, Ordering::SeqCst);
        lowest.unwrap()
    })
}

#[test]
fn asking_uses_little_stack_and_no_memory() {
    let helper = helper(PATIENT, |_, _| ());
    let used = stack_used_by(|| {
        let before = ALLOCATED.get();
        let answer = helper.ask();
        assert_eq!(ALLOCATED.get(), before);
        assert_eq!(answer, Ok(()));
    });
    println!("asking uses {used} bytes of stack");
    assert!((500..room::TO_ASK * 2 / 3).contains(&used), "{used}");
}

/// Without end, for who reads them: each in its own way.
#[expect(dead_code, reason = "only the reader reads them")]
mod endless {
    use std::collections::{BTreeMap, HashMap};
    use std::sync::Arc;

    pub(super) struct Boxed(pub(super) Option<Box<Self>>);
    pub(super) struct Shared(pub(super) Option<Arc<Self>>);
    pub(super) struct Listed(pub(super) Vec<Self>);
    pub(super) struct Sorted(pub(super) BTreeMap<u8, Self>);
    pub(super) struct Hashed(pub(super) HashMap<u8, Self>);
}

#[test]
fn the_deepest_value_fits_into_the_room_that_decoding_asks_for() {
    use endless::{Boxed, Hashed, Listed, Shared, Sorted};
    fn used<T: Sync>(value: T, within: impl Fn(T) -> T) -> u64 {
        let value = (0..40).fold(value, |value, _| within(value));
        let limits = read::Limits {
            depth: u8::MAX,
            ..read::Limits::default()
        };
        stack_used_by(|| {
            black_box(read_with(&value, limits));
        })
    }
    units();
    let used = [
        used(Boxed(None), |it| Boxed(Some(Box::new(it)))),
        used(Shared(None), |it| Shared(Some(Arc::new(it)))),
        used(Listed(Vec::new()), |it| Listed(vec![it])),
        used(Sorted([].into()), |it| Sorted([(1, it)].into())),
        used(Hashed([].into()), |it| Hashed([(1, it)].into())),
    ];
    println!("reading uses {used:?} bytes of stack");
    let most = *used.iter().max().unwrap();
    assert!((5_000..room::TO_DECODE * 3 / 4).contains(&most), "{used:?}");
}

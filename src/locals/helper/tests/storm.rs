//! Threads that fail while what they point to is changed, freed and unmapped.

use std::env;
use std::sync::atomic::AtomicU64;

use super::super::super::memory::tests::Mapping;
use super::*;

/// Follows whatever looks like an address, as a decoder does that was told wrong types.
fn follow(held: &Held<'_>, memory: &mut dyn Memory) -> u64 {
    let mut read = 0;
    for call in held.calls {
        let mut address = call.sp;
        while address < call.cfa.min(call.sp + 4096) {
            let mut next = memory.word(address);
            for step in 0..4 {
                let Ok(to) = next else { break };
                let mut some = [0; 300];
                let length = if step % 2 == 0 { 24 } else { 300 };
                if memory.read(to, &mut some[..length]).is_ok() {
                    read += 1;
                }
                next = memory.word(to.wrapping_add(8 * step));
            }
            address += 8;
        }
    }
    read
}

#[derive(Default)]
struct Shared {
    unmapped: [AtomicU64; 4],
    freed: [AtomicU64; 4],
    done: AtomicBool,
}

impl Shared {
    /// Maps and unmaps, allocates and frees, and tells the addresses, also of what is gone.
    fn spoil(&self) {
        let mut number = 0u64;
        while !self.done.load(Ordering::Relaxed) {
            number += 1;
            let at = number as usize % 4;
            let mapping = Mapping::new(1 + number as usize % 8);
            mapping.fill(number as u8);
            self.unmapped[at].store(mapping.address(), Ordering::Relaxed);
            let list = vec![mapping.address(); 1 + number as usize % 900];
            self.freed[at].store(list.as_ptr().addr() as u64, Ordering::Relaxed);
            if number.is_multiple_of(3) {
                mapping.forbid(0);
            }
            drop(black_box(list));
        }
    }

    #[inline(never)]
    fn fail<T>(&self, ask: impl FnOnce() -> T) -> T {
        let own = black_box(vec![vec![1u64; 40]; 3]);
        let addresses = black_box([&self.unmapped, &self.freed].map(|addresses| {
            addresses
                .each_ref()
                .map(|address| address.load(Ordering::Relaxed))
        }));
        let answer = ask();
        black_box((&own, &addresses));
        answer
    }
}

/// As many captures as `TOWER_MONITOR_STORM` says.
#[test]
fn nothing_that_is_changed_freed_or_unmapped_does_harm() {
    let captures = env::var("TOWER_MONITOR_STORM").map_or(300, |number| number.parse().unwrap());
    let helper = Helper::start(
        Limits {
            wanted: [24, 24],
            reads: 300,
            bytes: 1 << 20,
            time: PATIENT,
        },
        By(follow),
    )
    .unwrap();
    let shared = Shared::default();
    let (left, read, here) = (
        AtomicU64::new(captures),
        AtomicU64::new(0),
        AtomicU64::new(0),
    );
    let take = || {
        let one_less = |left: u64| left.checked_sub(1);
        let order = Ordering::Relaxed;
        left.fetch_update(order, order, one_less).is_ok()
    };
    let begin = Instant::now();
    thread::scope(|scope| {
        let spoilers: Vec<_> = (0..2).map(|_| scope.spawn(|| shared.spoil())).collect();
        let failing: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    while take() {
                        let words = shared.fail(|| helper.ask()).unwrap();
                        assert!(words > 0);
                        read.fetch_add(words, Ordering::Relaxed);
                        if shared.fail(|| helper.read_here()).is_ok() {
                            here.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                })
            })
            .collect();
        let results: Vec<_> = failing.into_iter().map(|thread| thread.join()).collect();
        shared.done.store(true, Ordering::Relaxed);
        for thread in spoilers {
            thread.join().unwrap();
        }
        assert!(results.iter().all(Result::is_ok));
    });
    println!(
        "{captures} captures by the helper and {} by the threads themselves in {:?}, {} reads",
        here.into_inner(),
        begin.elapsed(),
        read.into_inner(),
    );
    assert_eq!(helper.faults(), 0);
    assert!(helper.desk.all_free());
}

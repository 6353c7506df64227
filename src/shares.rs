//! What every request changes, in several places, so that requests on different threads do not meet.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The same thing in several places, each for some of the threads. Only all of them together mean something.
#[derive(Debug, Default)]
pub(crate) struct Shares<T>([Share<T>; SHARES]);

/// Two cache lines of its own, for processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Share<T>(T);

impl<T> Shares<T> {
    /// The share of this thread; any one on a thread that ends.
    pub(crate) fn own(&self) -> &T {
        let share = SHARE.try_with(|known| {
            let share = known.get();
            if share < SHARES {
                return share;
            }
            let share = NEXT.fetch_add(1, Ordering::Relaxed) % SHARES;
            known.set(share);
            share
        });
        &self.0[share.unwrap_or_default() % SHARES].0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|share| &share.0)
    }
}

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SHARE: Cell<usize> = const { Cell::new(usize::MAX) };
}

const SHARES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_its_share_and_so_many_threads_have_one_each() {
        let shares = Shares::<AtomicUsize>::default();
        std::thread::scope(|scope| {
            for _ in 0..SHARES {
                scope.spawn(|| {
                    assert!(std::ptr::eq(shares.own(), shares.own()));
                    shares.own().fetch_add(1, Ordering::Relaxed);
                });
            }
        });
        let counts: Vec<_> = (shares.iter())
            .map(|count| count.load(Ordering::Relaxed))
            .collect();
        assert_eq!(counts.len(), SHARES);
        assert_eq!(counts.iter().sum::<usize>(), SHARES);
        // Other tests take shares meanwhile.
        assert!(counts.iter().filter(|count| **count > 0).count() > 1);
    }
}

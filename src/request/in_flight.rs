//! How many requests are being served.

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// A count in several places, so that requests on different threads do not meet: only the sum means something.
#[derive(Debug, Default)]
pub(crate) struct InFlight([Share; SHARES]);

/// Two cache lines of its own, for processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Share(AtomicI64);

impl InFlight {
    pub(crate) fn begin(&self) {
        self.share().fetch_add(1, Ordering::Relaxed);
    }

    /// Maybe on another thread than it began on.
    pub(crate) fn end(&self) {
        self.share().fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> u64 {
        let sum: i64 = self
            .0
            .iter()
            .map(|share| share.0.load(Ordering::Relaxed))
            .sum();
        u64::try_from(sum).unwrap_or_default()
    }

    fn share(&self) -> &AtomicI64 {
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
    fn requests_that_end_on_another_thread_are_counted_right() {
        let count = InFlight::default();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| (0..100).for_each(|_| count.begin()));
            }
        });
        assert_eq!(count.count(), 2_000);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..500).for_each(|_| count.end()));
            }
        });
        assert_eq!(count.count(), 0);
    }
}

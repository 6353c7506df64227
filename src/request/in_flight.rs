//! How many requests are being served.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::shares::Shares;

/// Only the sum means something.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Shares<AtomicI64>);

impl InFlight {
    pub(crate) fn begin(&self) {
        self.0.own().fetch_add(1, Ordering::Relaxed);
    }

    /// Maybe on another thread than it began on.
    pub(crate) fn end(&self) {
        self.0.own().fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> u64 {
        let shares = self.0.iter().map(|share| share.load(Ordering::Relaxed));
        u64::try_from(shares.sum::<i64>()).unwrap_or_default()
    }
}

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

//! How long to wait after a failure.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The wait after the `failed`-th failure in a row: exponential with full jitter.
///
/// Anything up to 1 s, 2 s, 4 s, …, `max`, so that many instances that failed together do not come back together.
pub(super) fn backoff(failed: u32, max: Duration) -> Duration {
    let ceiling = Duration::from_secs(1 << failed.saturating_sub(1).min(20)).min(max);
    ceiling.mul_f64(random_fraction())
}

/// Anything from 0 to 1. A new `RandomState` has new keys each time.
pub(super) fn random_fraction() -> f64 {
    let bits = RandomState::new().hash_one(0) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_bound_and_the_jitter_is_full() {
        let max = Duration::from_secs(60);
        for failed in [1, 2, 3, 6, 7, 100, u32::MAX] {
            let ceiling = Duration::from_secs(1 << (failed - 1).min(6)).min(max);
            let waits: Vec<_> = (0..200).map(|_| backoff(failed, max)).collect();
            assert!(waits.iter().all(|wait| *wait <= ceiling));
            assert!(waits.iter().any(|wait| *wait > ceiling / 2));
            assert!(waits.iter().any(|wait| *wait < ceiling / 2));
        }
    }
}

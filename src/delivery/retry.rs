//! When an alert is tried again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// How often and how long an alert is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryRules {
    /// How long one try may take.
    pub(crate) time_limit: Duration,
    /// How many tries there are in all.
    pub(crate) tries: u32,
}

impl RetryRules {
    /// The wait after the `failed`-th try has failed; `None` when there is no further one.
    ///
    /// Exponential with full jitter: anything up to 1 s, 2 s, 4 s, …, 60 s, so that many instances that failed together do
    /// not come back together. A destination that names a time is given it, up to an hour.
    pub(crate) fn wait(&self, failed: u32, asked: Option<Duration>) -> Option<Duration> {
        if failed >= self.tries {
            return None;
        }
        let ceiling = Duration::from_secs(1 << failed.saturating_sub(1).min(6)).min(MAX_BACKOFF);
        let jittered = ceiling.mul_f64(random_fraction());
        Some(jittered.max(asked.unwrap_or_default()).min(MAX_ASKED))
    }
}

/// Anything from 0 to 1. A new `RandomState` has new keys each time.
fn random_fraction() -> f64 {
    let bits = RandomState::new().hash_one(0) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

const MAX_BACKOFF: Duration = Duration::from_secs(60);
const MAX_ASKED: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: RetryRules = RetryRules {
        time_limit: Duration::from_secs(1),
        tries: 10,
    };

    #[test]
    fn waits_grow_up_to_a_minute_and_end() {
        for failed in 1..10 {
            let ceiling = Duration::from_secs(1 << (failed - 1)).min(MAX_BACKOFF);
            let waits: Vec<_> = (0..200)
                .map(|_| RULES.wait(failed, None).unwrap())
                .collect();
            assert!(waits.iter().all(|wait| *wait <= ceiling));
            assert!(
                waits.iter().any(|wait| *wait > ceiling / 2),
                "the jitter is full"
            );
            assert!(
                waits.iter().any(|wait| *wait < ceiling / 2),
                "the jitter is full"
            );
        }
        assert_eq!(RULES.wait(10, None), None);
    }

    #[test]
    fn the_destination_is_given_the_time_it_asks_for() {
        let asked = Duration::from_secs(300);
        assert_eq!(RULES.wait(1, Some(asked)), Some(asked));
        assert_eq!(RULES.wait(1, Some(asked * 100)), Some(MAX_ASKED));
    }
}

//! How often the store hears of something.

use std::time::Duration;

use tokio::time::Instant;

/// When the store hears of something.
#[derive(Debug)]
pub(super) struct Pace {
    /// Between two times that it hears of the same problem.
    pub(super) interval: Duration,
    /// How many times it may hear of something at once.
    free: u32,
    refilled_at: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            interval: MIN_INTERVAL,
            free: BURST,
            refilled_at: None,
        }
    }
}

impl Pace {
    /// A store that takes long is asked less often, so that many processes share it fairly.
    pub(super) fn took(&mut self, took: Duration) {
        self.interval = (took * 20).clamp(MIN_INTERVAL, MAX_INTERVAL);
    }

    pub(super) fn sent(&mut self, now: Instant) {
        let since = self.refilled_at.map_or(REFILL * BURST, |at| now - at);
        let earned = (since.as_millis() / REFILL.as_millis()).min(BURST.into()) as u32;
        if earned > 0 {
            self.refilled_at = Some(now);
        }
        self.free = (self.free + earned).min(BURST).saturating_sub(1);
    }

    pub(super) fn not_before(&self, now: Instant) -> Instant {
        match self.refilled_at {
            Some(at) if self.free == 0 => at + REFILL,
            _ => now,
        }
    }
}

/// The store hears of a problem at most once in this time.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
pub(super) const MAX_INTERVAL: Duration = Duration::from_secs(60);
/// Times in a row that the store hears of new problems at once; then once in this time.
const BURST: u32 = 50;
const REFILL: Duration = Duration::from_millis(20);

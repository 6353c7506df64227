//! How long the store has taken nothing.

use std::time::Duration;

use tokio::time::Instant;

/// How long the store has taken nothing.
#[derive(Debug, Default)]
pub(super) struct Outage {
    pub(super) failed: u32,
    since: Option<Instant>,
    pub(super) is_told: bool,
}

impl Outage {
    /// One more try has failed. Says whether it is the first.
    pub(super) fn goes_on(&mut self) -> bool {
        self.failed = self.failed.saturating_add(1);
        self.since.get_or_insert_with(Instant::now);
        self.failed == 1
    }

    /// Whether it has lasted so long that the owner should know, and does not.
    pub(super) fn is_worth_telling(&self) -> bool {
        !self.is_told && self.since.is_some_and(|since| since.elapsed() >= LONG)
    }

    /// A try has worked. Says whether there was an outage.
    pub(super) fn ends(&mut self) -> bool {
        std::mem::take(self).failed > 0
    }
}

const LONG: Duration = Duration::from_secs(60);

//! Which alerts a lane is done with.

use std::collections::{HashSet, VecDeque};

use uuid::Uuid;

/// The alerts that a lane was done with lately. One that comes again was delivered when the store could not be told, or is
/// handed over by another notifier.
#[derive(Debug, Default)]
pub(super) struct Finished {
    known: HashSet<Uuid>,
    oldest_first: VecDeque<Uuid>,
}

impl Finished {
    pub(super) fn add(&mut self, alert: Uuid) {
        if self.known.insert(alert) {
            self.oldest_first.push_back(alert);
        }
        if self.oldest_first.len() > MAX
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    pub(super) fn has(&self, alert: Uuid) -> bool {
        self.known.contains(&alert)
    }
}

const MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_known() {
        let mut finished = Finished::default();
        for number in 0..2_000_u128 {
            finished.add(Uuid::from_u128(number));
            finished.add(Uuid::from_u128(number));
        }
        assert!(finished.has(Uuid::from_u128(1_999)) && finished.has(Uuid::from_u128(976)));
        assert!(!finished.has(Uuid::from_u128(975)));
        assert_eq!(finished.known.len(), MAX);
    }
}

//! Which numbers have an alert already, and which take none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use uuid::Uuid;

use super::{DEAD_FOR, MAX_UNCLEAR};
use crate::notify::recent::Recent;

/// Numbers are known by their place in the settings.
#[derive(Default)]
pub(super) struct Progress {
    alerts: Recent<Sent>,
    dead: Mutex<BTreeMap<usize, Instant>>,
}

#[derive(Clone, Default)]
struct Sent {
    arrived: BTreeSet<usize>,
    /// How often nobody knew whether the message was taken.
    unclear: BTreeMap<usize, u32>,
}

impl Sent {
    fn is_given_up(&self, at: usize) -> bool {
        self.unclear
            .get(&at)
            .is_some_and(|tries| *tries >= MAX_UNCLEAR)
    }
}

impl Progress {
    /// Which of so many numbers are to be sent the alert: those that are not dead, lack it and are not given up. When all that lack
    /// it are dead, and nobody has it, all are tried: somebody wants to know whether they still are.
    pub(super) fn missing(&self, alert: Uuid, numbers: usize) -> Vec<usize> {
        let sent = self.alerts.of(alert);
        let mut dead = self.dead.lock().unwrap_or_else(PoisonError::into_inner);
        dead.retain(|_, since| since.elapsed() < DEAD_FOR);
        if sent.arrived.is_empty() && dead.len() >= numbers {
            dead.clear();
        }
        let lacks = |at: &usize| {
            !sent.arrived.contains(at) && !sent.is_given_up(*at) && !dead.contains_key(at)
        };
        (0..numbers).filter(lacks).collect()
    }

    pub(super) fn arrived(&self, alert: Uuid, at: usize) {
        self.alerts.note(alert, |sent| {
            sent.arrived.insert(at);
        });
    }

    /// Nobody knows whether the message was taken. Returns whether the number is given up for this alert.
    pub(super) fn is_unclear(&self, alert: Uuid, at: usize) -> bool {
        self.alerts.note(alert, |sent| {
            *sent.unclear.entry(at).or_default() += 1;
        });
        self.alerts.of(alert).is_given_up(at)
    }

    pub(super) fn is_dead(&self, at: usize) {
        let mut dead = self.dead.lock().unwrap_or_else(PoisonError::into_inner);
        dead.insert(at, Instant::now());
    }

    /// Whether anybody has it.
    pub(super) fn has_any(&self, alert: Uuid) -> bool {
        !self.alerts.of(alert).arrived.is_empty()
    }

    /// Whether anybody may have it.
    pub(super) fn may_have_any(&self, alert: Uuid) -> bool {
        let sent = self.alerts.of(alert);
        !sent.arrived.is_empty() || !sent.unclear.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_an_alert_twice() {
        let progress = Progress::default();
        let alert = Uuid::from_u128(1);
        assert!(!progress.has_any(alert));
        progress.arrived(alert, 0);
        progress.arrived(alert, 2);
        assert!(progress.has_any(alert));
        assert_eq!(progress.missing(alert, 4), [1, 3]);
        assert_eq!(progress.missing(Uuid::from_u128(2), 2), [0, 1]);
    }

    #[test]
    fn a_number_is_given_up_when_nobody_knows_too_often() {
        let progress = Progress::default();
        let alert = Uuid::from_u128(1);
        assert!(!progress.may_have_any(alert));
        for tries in 1..=MAX_UNCLEAR {
            assert_eq!(progress.missing(alert, 2), [0, 1]);
            assert_eq!(progress.is_unclear(alert, 0), tries == MAX_UNCLEAR);
        }
        assert_eq!(progress.missing(alert, 2), [1]);
        assert!(!progress.has_any(alert) && progress.may_have_any(alert));
        assert_eq!(progress.missing(Uuid::from_u128(2), 2), [0, 1]);
    }

    #[test]
    fn the_dead_are_left_out_until_nobody_is_left() {
        let progress = Progress::default();
        let alert = Uuid::from_u128(1);
        progress.is_dead(1);
        assert_eq!(progress.missing(alert, 2), [0]);
        progress.is_dead(0);
        assert_eq!(progress.missing(alert, 2), [0, 1], "a probe");
        progress.is_dead(1);
        progress.arrived(alert, 0);
        assert!(progress.missing(alert, 2).is_empty());
    }
}

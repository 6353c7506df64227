//! What a notifier remembers of an alert from one try to the next.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

/// What is known of the newest alerts, as long as the process lives; the oldest of them first.
pub(super) struct Recent<T>(Mutex<VecDeque<(Uuid, T)>>);

impl<T: Clone + Default> Recent<T> {
    /// What is known of the alert; the default when nothing is.
    pub(super) fn of(&self, alert: Uuid) -> T {
        let alerts = self.alerts();
        let known = alerts.iter().find(|(id, _)| *id == alert);
        known.map(|(_, known)| known.clone()).unwrap_or_default()
    }

    /// Changes what is known of the alert.
    pub(super) fn note(&self, alert: Uuid, change: impl FnOnce(&mut T)) {
        let mut alerts = self.alerts();
        if let Some((_, known)) = alerts.iter_mut().find(|(id, _)| *id == alert) {
            return change(known);
        }
        if alerts.len() >= MAX_ALERTS {
            alerts.pop_front();
        }
        let mut known = T::default();
        change(&mut known);
        alerts.push_back((alert, known));
    }

    /// Nothing more is to be known of the alert.
    pub(super) fn forget(&self, alert: Uuid) {
        self.alerts().retain(|(id, _)| *id != alert);
    }

    fn alerts(&self) -> MutexGuard<'_, VecDeque<(Uuid, T)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> fmt::Debug for Recent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").finish_non_exhaustive()
    }
}

/// More alerts than can be between two tries.
const MAX_ALERTS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_known_until_they_are_forgotten() {
        let recent = Recent::<u32>::default();
        let alert = |number: usize| Uuid::from_u128(number as u128);
        assert_eq!(recent.of(alert(1)), 0);
        for number in 0..2 * MAX_ALERTS {
            recent.note(alert(number), |known| *known += 1);
            recent.note(alert(number), |known| *known += 1);
        }
        assert_eq!(recent.alerts().len(), MAX_ALERTS);
        assert_eq!(recent.of(alert(MAX_ALERTS - 1)), 0, "too old");
        assert_eq!(recent.of(alert(MAX_ALERTS)), 2);
        recent.forget(alert(MAX_ALERTS));
        assert_eq!(recent.of(alert(MAX_ALERTS)), 0);
    }
}

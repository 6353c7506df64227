//! A vendor's word that nothing more may be sent for a while.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::notify::NotifyError;

/// Until when nothing is sent, because the vendor's last answer said so.
#[derive(Debug, Default)]
pub(crate) struct Pause(Mutex<Option<Instant>>);

impl Pause {
    /// # Errors
    ///
    /// A temporary one with what is left of the time.
    pub(crate) fn check(&self, vendor: &str) -> Result<(), NotifyError> {
        match self.rest(Instant::now()) {
            None => Ok(()),
            Some(rest) => {
                let words = format!("{vendor} asked for a pause that is not over");
                Err(NotifyError::temporary(words).retry_after(rest))
            }
        }
    }

    /// Nothing is sent for so long, or for longer when that was said before.
    pub(crate) fn hold(&self, wait: Duration) {
        self.hold_from(Instant::now(), wait);
    }

    fn hold_from(&self, now: Instant, wait: Duration) {
        let mut until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *until = (*until).max(now.checked_add(wait));
    }

    fn rest(&self, now: Instant) -> Option<Duration> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = until?.saturating_duration_since(now);
        (!rest.is_zero()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_pause_stays_and_ends() {
        let (pause, now) = (Pause::default(), Instant::now());
        let second = Duration::from_secs(1);
        assert_eq!(pause.rest(now), None);
        pause.hold_from(now, 10 * second);
        pause.hold_from(now, 5 * second);
        assert_eq!(pause.rest(now + 4 * second), Some(6 * second));
        assert_eq!(pause.rest(now + 10 * second), None);
        pause.hold_from(now, Duration::ZERO);
        assert_eq!(pause.rest(now + 9 * second), Some(second));
    }

    #[test]
    fn what_is_not_sent_is_to_be_tried_when_the_pause_is_over() {
        let pause = Pause::default();
        assert_eq!(pause.check("Discord"), Ok(()));
        pause.hold(Duration::from_secs(600));
        let error = pause.check("Discord").unwrap_err();
        assert!(error.is_temporary() && error.to_string().contains("Discord"));
        assert!(
            error
                .wait()
                .is_some_and(|wait| wait > Duration::from_secs(500))
        );
    }
}

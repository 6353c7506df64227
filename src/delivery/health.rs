//! How a notifier is: what is left of its budget, and whether it is tried at all. Pure.

use std::time::Duration;

use crate::notify::Budget;
use crate::store::{Breaker, NotifierState};
use crate::time::Timestamp;

/// What a try came to.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// It arrived.
    Arrived,
    /// It may work later, when the destination says so, and after how long.
    Failed {
        words: String,
        wait: Option<Duration>,
        /// Anything from 0 to 1, drawn by lot.
        jitter: f64,
    },
    /// The destination works, but does not want this.
    Refused { words: String },
    /// The destination takes nothing any more.
    Gone { words: String },
}

impl Outcome {
    /// Notes what a try that began at `begun` came to.
    pub(super) fn note(&self, state: &mut NotifierState, begun: Timestamp, now: Timestamp) {
        match self {
            Self::Arrived => {
                state.delivered = state.delivered.saturating_add(1);
                arrived(state, begun, now);
            }
            Self::Failed {
                words,
                wait,
                jitter,
            } => {
                state.failures = state.failures.saturating_add(1);
                let pause = breaker_pause(state.failures, *jitter).max(*wait);
                if let Some(pause) = pause
                    && !matches!(state.breaker, Breaker::Stopped { .. })
                {
                    let until = now.after(pause.min(MAX_PAUSE));
                    state.breaker = Breaker::Open { until };
                }
                failed(state, words, now);
            }
            Self::Refused { words } => {
                answered(state, begun);
                failed(state, words, now);
            }
            Self::Gone { words } => {
                state.breaker = Breaker::Stopped { since: now };
                failed(state, words, now);
            }
        }
    }
}

/// Notes that something arrived that was no alert of the outbox: a test.
pub(super) fn arrived(state: &mut NotifierState, begun: Timestamp, now: Timestamp) {
    // A success that began before the last failure says nothing of what came after.
    answered(state, begun);
    state.last_success = Some(now);
}

fn answered(state: &mut NotifierState, begun: Timestamp) {
    if state.last_failure.is_none_or(|failure| failure <= begun) {
        state.failures = 0;
        state.breaker = Breaker::Closed;
    }
}

fn failed(state: &mut NotifierState, words: &str, now: Timestamp) {
    state.last_failure = Some(now);
    state.last_error = Some(words.to_owned());
}

/// For how long a notifier rests that has failed so often in a row.
fn breaker_pause(failures: u32, jitter: f64) -> Option<Duration> {
    let beyond = failures.checked_sub(TOLERATED)?;
    let ceiling = FIRST_PAUSE.saturating_mul(1 << beyond.min(10));
    let ceiling = ceiling.min(LONGEST_PAUSE);
    Some(ceiling.mul_f64(jitter.clamp(0.0, 1.0)).max(SHORTEST_PAUSE))
}

/// A process has begun: what an earlier one was refused for good may have been mended.
pub(super) fn begin_anew(state: &mut NotifierState) {
    if matches!(state.breaker, Breaker::Stopped { .. }) {
        state.breaker = Breaker::Closed;
        state.failures = 0;
    }
}

pub(super) fn is_stopped(state: &NotifierState) -> bool {
    matches!(state.breaker, Breaker::Stopped { .. })
}

/// Brings into one store's state what this process did by way of another store: one notifier has one budget and one breaker.
pub(super) fn carry(
    state: &mut NotifierState,
    own: &NotifierState,
    budget: &Budget,
    now: Timestamp,
) {
    refill(state, budget, now);
    if own.tokens_at.is_some() {
        let mut own = own.clone();
        refill(&mut own, budget, now);
        state.tokens = state.tokens.min(own.tokens);
    }
    state.memos.merge(&own.memos);
    let last = |state: &NotifierState| state.last_success.max(state.last_failure);
    if last(own) > last(state) {
        state.breaker = own.breaker.clone();
        state.failures = own.failures;
        state.last_error.clone_from(&own.last_error);
        state.last_success = own.last_success.max(state.last_success);
        state.last_failure = own.last_failure.max(state.last_failure);
    }
}

/// Adds to the tokens what was earned since they were counted.
pub(super) fn refill(state: &mut NotifierState, budget: &Budget, now: Timestamp) {
    let Some(burst) = budget.burst() else {
        return;
    };
    match state.tokens_at {
        None => state.tokens = burst,
        // Another machine's clock is a little ahead; one that is far ahead has been set back since.
        Some(at) if at > now && at.since(now) <= MAX_SKEW => return,
        Some(at) => state.tokens += budget.earned(now.since(at)),
    }
    // The budget may have been made smaller, and what is no number must not stay.
    state.tokens = state.tokens.max(0.0).min(burst);
    state.tokens_at = Some(now);
}

/// How many messages may be sent now; `None` without a limit.
pub(super) fn tokens(state: &NotifierState, budget: &Budget) -> Option<usize> {
    budget.burst().map(|_| state.tokens as usize)
}

/// Counts a message.
pub(super) fn spend(state: &mut NotifierState) {
    state.tokens = (state.tokens - 1.0).max(0.0);
}

/// When the next message may be sent.
pub(super) fn next_token(state: &NotifierState, budget: &Budget, now: Timestamp) -> Timestamp {
    let missing = 1.0 - state.tokens;
    if budget.burst().is_none() || missing <= 0.0 {
        return now;
    }
    // Sums of fractions are not exact: a moment later there is a whole token for certain.
    let counted = state.tokens_at.unwrap_or(now).max(now);
    counted.after(budget.time_for(missing) + MOMENT)
}

/// Failures in a row until the notifier rests: the fifth opens the breaker.
const TOLERATED: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// The longest rest that a destination may ask for.
pub(super) const MAX_PAUSE: Duration = Duration::from_secs(60 * 60);
const MAX_SKEW: Duration = Duration::from_secs(60);
const MOMENT: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_micros(second * 1_000_000)
    }

    fn failure(wait: Option<u64>) -> Outcome {
        Outcome::Failed {
            words: "503".to_owned(),
            wait: wait.map(Duration::from_secs),
            jitter: 1.0,
        }
    }

    fn pause(state: &NotifierState, now: Timestamp) -> Option<u64> {
        match state.breaker {
            Breaker::Open { until } => Some(until.since(now).as_secs()),
            _ => None,
        }
    }

    #[test]
    fn the_fifth_failure_in_a_row_makes_it_rest_and_a_success_ends_that() {
        let mut state = NotifierState::default();
        let mut pauses = Vec::new();
        for second in 0..10 {
            failure(None).note(&mut state, at(second), at(second));
            pauses.push(pause(&state, at(second)));
        }
        let expected = [30, 60, 120, 240, 300, 300].map(Some);
        assert_eq!(pauses[..4], [None; 4]);
        assert_eq!(pauses[4..], expected);
        Outcome::Arrived.note(&mut state, at(5), at(11));
        assert_eq!(state.failures, 10, "begun before the last failure");
        Outcome::Arrived.note(&mut state, at(12), at(13));
        assert_eq!((state.failures, &state.breaker), (0, &Breaker::Closed));
        assert_eq!((state.delivered, state.last_success), (2, Some(at(13))));
    }

    #[test]
    fn a_destination_is_given_the_time_it_asks_for_up_to_an_hour() {
        let mut state = NotifierState::default();
        failure(Some(120)).note(&mut state, at(0), at(0));
        assert_eq!(pause(&state, at(0)), Some(120));
        failure(Some(1 << 40)).note(&mut state, at(0), at(0));
        assert_eq!(pause(&state, at(0)), Some(3_600));
    }

    #[test]
    fn a_stopped_one_stays_so_until_a_process_begins() {
        let mut state = NotifierState::default();
        let words = "404".to_owned();
        Outcome::Gone { words }.note(&mut state, at(0), at(1));
        failure(Some(10)).note(&mut state, at(0), at(2));
        assert!(is_stopped(&state));
        begin_anew(&mut state);
        assert_eq!(state.breaker, Breaker::Closed);
        assert_eq!(state.last_error.as_deref(), Some("503"));
    }

    #[test]
    fn a_refusal_shows_that_the_destination_works() {
        let mut state = NotifierState::default();
        for second in 0..5 {
            failure(None).note(&mut state, at(second), at(second));
        }
        let words = "400".to_owned();
        Outcome::Refused { words }.note(&mut state, at(50), at(51));
        assert_eq!((state.failures, &state.breaker), (0, &Breaker::Closed));
        assert_eq!(state.last_error.as_deref(), Some("400"));
    }

    #[test]
    fn two_stores_share_one_budget_and_one_breaker() {
        let budget = Budget::new(60, Duration::from_secs(60)).at_once(10);
        let mut own = NotifierState::default();
        refill(&mut own, &budget, at(0));
        for _ in 0..10 {
            spend(&mut own);
        }
        failure(Some(100)).note(&mut own, at(0), at(0));
        let mut other = NotifierState::default();
        carry(&mut other, &own, &budget, at(3));
        assert_eq!(tokens(&other, &budget), Some(3));
        assert_eq!(pause(&other, at(0)), Some(100));
        Outcome::Arrived.note(&mut other, at(100), at(101));
        carry(&mut other, &own, &budget, at(102));
        assert_eq!(
            other.breaker,
            Breaker::Closed,
            "what is older changes nothing"
        );
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing_for_long() {
        let budget = Budget::new(1, Duration::from_secs(1)).at_once(3);
        let mut state = NotifierState {
            tokens: f64::NAN,
            tokens_at: Some(at(1_000_000)),
            ..NotifierState::default()
        };
        refill(&mut state, &budget, at(0));
        assert!(next_token(&state, &budget, at(0)) <= at(2));
        refill(&mut state, &budget, at(2));
        assert!(tokens(&state, &budget) >= Some(1));
    }
}

//! How a notifier is, for people who look.

use serde::Serialize;

use crate::store::{Breaker, NotifierState};
use crate::time::Timestamp;

/// How a notifier is, for all processes that share the store.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct NotifierStatus {
    /// Its name.
    pub name: String,
    /// How many alerts wait for it, or are being delivered.
    pub waiting: u64,
    /// How many alerts arrived.
    pub delivered: u64,
    /// When one last arrived.
    pub last_success: Option<Timestamp>,
    /// When a try last failed.
    pub last_failure: Option<Timestamp>,
    /// The words of that failure.
    pub last_error: Option<String>,
    /// Whether it is tried at all.
    #[serde(flatten)]
    pub breaker: Breaker,
}

impl NotifierStatus {
    pub(super) fn new(name: &str, state: NotifierState, waiting: u64) -> Self {
        Self {
            name: name.to_owned(),
            waiting,
            delivered: state.delivered,
            last_success: state.last_success,
            last_failure: state.last_failure,
            last_error: state.last_error,
            breaker: state.breaker,
        }
    }
}

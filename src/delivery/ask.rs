//! Asking a store of others, whatever it does: it may fail, panic, or never answer.

use std::time::Duration;

use tokio::time::timeout;

use crate::store::{Answer, StoreError, contained_answer};

/// What the store answers within the limit.
pub(super) async fn ask<'s, T>(
    limit: Duration,
    begin: impl FnOnce() -> Answer<'s, T>,
) -> Result<T, StoreError> {
    let answer = timeout(limit, contained_answer(begin)).await;
    answer.unwrap_or_else(|_| Err(StoreError::away(format!("no answer in {limit:?}"))))
}

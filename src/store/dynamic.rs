//! [`Store`] as an object: the boxes that `async fn` in a trait cannot have.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use uuid::Uuid;

use super::{
    Batch, Claimed, Committed, Decide, Fate, Lease, Planner, StateUpdate, Store, StoreError,
    StoredNotifier, Update,
};
use crate::guard::{CatchPanic, contained};
use crate::issue::{Affected, Issue, Record, Retention};
use crate::occurrence::{Fingerprint, Occurrence};
use crate::time::Timestamp;

pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// What a store of others answers, also when it panics.
pub(crate) async fn contained_answer<'s, T>(
    begin: impl FnOnce() -> Answer<'s, T>,
) -> Result<T, StoreError> {
    let panicked = || StoreError::away("the store panicked");
    let begun = contained(begin).ok_or_else(panicked)?;
    CatchPanic::new(begun)
        .await
        .unwrap_or_else(|| Err(panicked()))
}

/// See [`Store`].
pub(crate) trait DynStore: Send + Sync {
    fn name(&self) -> &str;
    fn keeps_alerts(&self) -> bool;
    fn is_shared(&self) -> bool;
    fn open(&self) -> Result<(), StoreError>;
    fn commit(&self, batch: Arc<Batch>, decide: Decide) -> Answer<'_, Committed>;
    fn claim(&self, lease: Lease, plan: Planner) -> Answer<'_, Claimed>;
    fn settle<'a>(
        &'a self,
        notifier: &'a str,
        entry: Uuid,
        fate: Fate,
        update: StateUpdate,
    ) -> Answer<'a, ()>;
    fn notifiers(&self) -> Answer<'_, Vec<StoredNotifier>>;
    fn issues(&self, limit: usize) -> Answer<'_, Vec<Issue>>;
    fn record(&self, fingerprint: Fingerprint) -> Answer<'_, Option<Record>>;
    fn occurrences(&self, fingerprint: Fingerprint) -> Answer<'_, Vec<Arc<Occurrence>>>;
    fn affected(&self, fingerprint: Fingerprint) -> Answer<'_, Affected>;
    fn due(&self, now: Timestamp, limit: usize) -> Answer<'_, Vec<Fingerprint>>;
    fn update(&self, fingerprint: Fingerprint, update: Update) -> Answer<'_, Option<Record>>;
    fn forget_user<'a>(&'a self, id: &'a str) -> Answer<'a, u64>;
    fn tidy(&self, now: Timestamp, retention: Retention) -> Answer<'_, u64>;
    fn close(&self) -> Answer<'_, ()>;
}

impl<S: Store> DynStore for S {
    fn name(&self) -> &str {
        Store::name(self)
    }

    fn keeps_alerts(&self) -> bool {
        Store::keeps_alerts(self)
    }

    fn is_shared(&self) -> bool {
        Store::is_shared(self)
    }

    fn open(&self) -> Result<(), StoreError> {
        Store::open(self)
    }

    fn commit(&self, batch: Arc<Batch>, decide: Decide) -> Answer<'_, Committed> {
        Box::pin(Store::commit(self, batch, decide))
    }

    fn claim(&self, lease: Lease, plan: Planner) -> Answer<'_, Claimed> {
        Box::pin(Store::claim(self, lease, plan))
    }

    fn settle<'a>(
        &'a self,
        notifier: &'a str,
        entry: Uuid,
        fate: Fate,
        update: StateUpdate,
    ) -> Answer<'a, ()> {
        Box::pin(Store::settle(self, notifier, entry, fate, update))
    }

    fn notifiers(&self) -> Answer<'_, Vec<StoredNotifier>> {
        Box::pin(Store::notifiers(self))
    }

    fn issues(&self, limit: usize) -> Answer<'_, Vec<Issue>> {
        Box::pin(Store::issues(self, limit))
    }

    fn record(&self, fingerprint: Fingerprint) -> Answer<'_, Option<Record>> {
        Box::pin(Store::record(self, fingerprint))
    }

    fn occurrences(&self, fingerprint: Fingerprint) -> Answer<'_, Vec<Arc<Occurrence>>> {
        Box::pin(Store::occurrences(self, fingerprint))
    }

    fn affected(&self, fingerprint: Fingerprint) -> Answer<'_, Affected> {
        Box::pin(Store::affected(self, fingerprint))
    }

    fn due(&self, now: Timestamp, limit: usize) -> Answer<'_, Vec<Fingerprint>> {
        Box::pin(Store::due(self, now, limit))
    }

    fn update(&self, fingerprint: Fingerprint, update: Update) -> Answer<'_, Option<Record>> {
        Box::pin(Store::update(self, fingerprint, update))
    }

    fn forget_user<'a>(&'a self, id: &'a str) -> Answer<'a, u64> {
        Box::pin(Store::forget_user(self, id))
    }

    fn tidy(&self, now: Timestamp, retention: Retention) -> Answer<'_, u64> {
        Box::pin(Store::tidy(self, now, retention))
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(Store::close(self))
    }
}

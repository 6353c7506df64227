//! A store that a lane takes alerts from, which may be away for a while.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::row::Row;
use crate::delivery::ask::ask;
use crate::delivery::retry::{backoff, random_fraction};
use crate::guard::contained;
use crate::store::{Claimed, DynStore, Fate, Lease, Planner, StateUpdate, StoreError};

/// A store that a lane takes alerts from.
pub(super) struct Source {
    store: Arc<dyn DynStore>,
    notifier: String,
    row: Arc<Row>,
    /// Nothing was claimed yet.
    pub(super) is_new: bool,
    failed: u32,
    rests_until: Option<Instant>,
    /// What the store could not be told; it hears it before anything else is taken.
    unsettled: Option<Settlement>,
}

/// What a delivery came to, for the store.
pub(super) struct Settlement {
    pub(super) entry: Uuid,
    pub(super) fate: Fate,
    pub(super) update: StateUpdate,
    /// Whose entry it is from now on.
    pub(super) heir: Option<usize>,
}

impl Source {
    pub(super) fn new(store: Arc<dyn DynStore>, row: &Arc<Row>, place: usize) -> Self {
        Self {
            store,
            notifier: row.name(place).to_owned(),
            row: Arc::clone(row),
            is_new: true,
            failed: 0,
            rests_until: None,
            unsettled: None,
        }
    }

    /// Takes something out, as planned; `None` while the store is away.
    pub(super) async fn claim(&mut self, lease: Lease, plan: Planner) -> Option<Claimed> {
        if self.rests_until().is_some() {
            return None;
        }
        if let Some(unsettled) = self.unsettled.take() {
            self.settle(unsettled).await;
            if self.unsettled.is_some() {
                return None;
            }
        }
        let claimed = ask(CALL_LIMIT, || self.store.claim(lease, plan)).await;
        let claimed = self.noted(claimed)?;
        self.is_new = false;
        Some(claimed)
    }

    /// Says what a delivery came to, now or when the store is back.
    pub(super) async fn settle(&mut self, settlement: Settlement) {
        let (fate, update) = (settlement.fate.clone(), Arc::clone(&settlement.update));
        let settled = ask(CALL_LIMIT, || {
            let (store, notifier) = (&self.store, &self.notifier);
            store.settle(notifier, settlement.entry, fate, update)
        });
        let settled = settled.await;
        if self.noted(settled).is_none() {
            self.unsettled = Some(settlement);
        } else if let Some(heir) = settlement.heir {
            self.row.wake(heir);
        }
    }

    /// Until when the store is left in peace.
    pub(super) fn rests_until(&self) -> Option<Instant> {
        self.rests_until.filter(|until| Instant::now() < *until)
    }

    /// When to look whether somebody else has added something.
    pub(super) fn looks_again(&self) -> Option<Instant> {
        let shared = self.store.is_shared();
        shared.then(|| Instant::now() + SHARED.mul_f64(0.5 + random_fraction()))
    }

    fn noted<T>(&mut self, answer: Result<T, StoreError>) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.failed = 0;
                self.rests_until = None;
                Some(answer)
            }
            Err(error) => {
                self.failed = self.failed.saturating_add(1);
                let rest = backoff(self.failed, LONGEST_REST).max(SHORTEST_REST);
                self.rests_until = Some(Instant::now() + rest);
                let (store, notifier) = (self.store.name(), &self.notifier);
                let _ = contained(|| {
                    tracing::debug!(target: "tower_monitor", store, notifier, %error, "no alerts from the store");
                });
                None
            }
        }
    }
}

/// Short enough that a lease is still good when its answer comes last.
const CALL_LIMIT: Duration = Duration::from_secs(5);
const SHORTEST_REST: Duration = Duration::from_millis(50);
const LONGEST_REST: Duration = Duration::from_secs(10);
const SHARED: Duration = Duration::from_secs(30);

//! The suite itself: it passes a store that keeps its promises, and names what another one breaks.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::issue::{Affected, Issue, Record, Retention};
use crate::occurrence::{Fingerprint, Occurrence};
use crate::store::memory::Memory;
use crate::store::{
    Batch, Claimed, Committed, Decide, Fate, Lease, Planner, StateUpdate, StoredNotifier, Update,
};
use crate::time::Timestamp;

#[tokio::test]
async fn a_store_that_outlasts_its_handles_passes() {
    all(async || Handle::of(&Arc::default(), Fault::None)).await;
    durable(
        async || Arc::default(),
        async |place: &Arc<Memory>| Handle::of(place, Fault::None),
    )
    .await;
}

#[tokio::test]
async fn what_is_broken_is_named() {
    for (fault, promise) in [
        (Fault::CountsTwice, "counts add up exactly: "),
        (Fault::CountsTwice, "a batch that comes again counts once: "),
        (Fault::EndsLeases, "a leased alert is not given twice: "),
        (Fault::EndsLeases, "a lease ends: the lease was over"),
        (
            Fault::NeverEndsLeases,
            "a lease ends: the lease does not end",
        ),
        (
            Fault::LosesAlerts,
            "a delivered alert is gone: what waits is not",
        ),
        (Fault::KeepsDelivered, "a delivered alert is gone: "),
        (Fault::ForgetsNobody, "a forgotten user is nowhere: "),
        (Fault::IgnoresUpdates, "an update holds at once: "),
        (
            Fault::NeverTidies,
            "the least important problems go first: ",
        ),
        (Fault::NeverTidies, "what is too old goes: "),
        (
            Fault::Panics,
            "an empty store knows nothing: it panicked: no issues today",
        ),
        (
            Fault::IsAway,
            "a first change begins an issue: the store gave an error: away",
        ),
        (Fault::NeedsRuntime, "many commits at once lose nothing: "),
    ] {
        let is_it = |(name, _): &&(&str, Check)| promise.starts_with(&named(name, ""));
        let checks: Vec<_> = CHECKS.iter().filter(is_it).copied().collect();
        assert_eq!(checks.len(), 1, "{promise}");
        let fresh = async || Handle::of(&Arc::default(), fault);
        let words = judged(&checks, &fresh).await.concat();
        assert!(words.starts_with(promise), "{fault:?}: {words}");
    }
}

#[tokio::test]
#[should_panic(expected = "the store breaks 9 promises:\n  it says that it keeps alerts")]
async fn what_does_not_last_is_named() {
    durable(async || (), async |_: &()| Memory::new()).await;
}

/// A way not to keep a promise.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    CountsTwice,
    EndsLeases,
    NeverEndsLeases,
    LosesAlerts,
    KeepsDelivered,
    ForgetsNobody,
    IgnoresUpdates,
    NeverTidies,
    Panics,
    IsAway,
    NeedsRuntime,
}

/// One of several stores that keep the same things.
struct Handle {
    memory: Arc<Memory>,
    fault: Fault,
}

impl Handle {
    fn of(memory: &Arc<Memory>, fault: Fault) -> Self {
        Self {
            memory: Arc::clone(memory),
            fault,
        }
    }
}

impl Store for Handle {
    fn name(&self) -> &str {
        "handle"
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn open(&self) -> Result<(), StoreError> {
        Store::open(&*self.memory)
    }

    async fn commit(&self, batch: Arc<Batch>, decide: Decide) -> Result<Committed, StoreError> {
        match self.fault {
            Fault::IsAway => return Err(StoreError::away("no answer")),
            Fault::NeedsRuntime => tokio::time::sleep(Duration::from_micros(1)).await,
            Fault::CountsTwice => {
                let mut copy = Batch::clone(&batch);
                copy.process = sample::new_id();
                Store::commit(&*self.memory, Arc::new(copy), Arc::new(|_| Vec::new())).await?;
            }
            _ => {}
        }
        let loses = self.fault == Fault::LosesAlerts;
        let decide: Decide = match loses {
            true => Arc::new(move |touched| decide(touched).split_off(1)),
            false => decide,
        };
        Store::commit(&*self.memory, batch, decide).await
    }

    async fn claim(&self, mut lease: Lease, plan: Planner) -> Result<Claimed, StoreError> {
        match self.fault {
            Fault::EndsLeases => lease.duration = Duration::ZERO,
            Fault::NeverEndsLeases => lease.duration = Duration::MAX,
            _ => {}
        }
        Store::claim(&*self.memory, lease, plan).await
    }

    async fn settle(
        &self,
        notifier: &str,
        entry: Uuid,
        fate: Fate,
        update: StateUpdate,
    ) -> Result<(), StoreError> {
        let due_at = sample::at(0);
        let fate = match (self.fault, fate) {
            (Fault::KeepsDelivered, Fate::Done) => Fate::Retry { due_at },
            (_, fate) => fate,
        };
        Store::settle(&*self.memory, notifier, entry, fate, update).await
    }

    async fn notifiers(&self) -> Result<Vec<StoredNotifier>, StoreError> {
        Store::notifiers(&*self.memory).await
    }

    async fn issues(&self, limit: usize) -> Result<Vec<Issue>, StoreError> {
        assert!(self.fault != Fault::Panics, "no issues today");
        Store::issues(&*self.memory, limit).await
    }

    async fn record(&self, fingerprint: Fingerprint) -> Result<Option<Record>, StoreError> {
        Store::record(&*self.memory, fingerprint).await
    }

    async fn occurrences(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<Vec<Arc<Occurrence>>, StoreError> {
        Store::occurrences(&*self.memory, fingerprint).await
    }

    async fn affected(&self, fingerprint: Fingerprint) -> Result<Affected, StoreError> {
        Store::affected(&*self.memory, fingerprint).await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Fingerprint>, StoreError> {
        Store::due(&*self.memory, now, limit).await
    }

    async fn update(
        &self,
        fingerprint: Fingerprint,
        update: Update,
    ) -> Result<Option<Record>, StoreError> {
        match self.fault {
            Fault::IgnoresUpdates => Store::record(&*self.memory, fingerprint).await,
            _ => Store::update(&*self.memory, fingerprint, update).await,
        }
    }

    async fn forget_user(&self, id: &str) -> Result<u64, StoreError> {
        match self.fault {
            Fault::ForgetsNobody => Ok(8),
            _ => Store::forget_user(&*self.memory, id).await,
        }
    }

    async fn tidy(&self, now: Timestamp, retention: Retention) -> Result<u64, StoreError> {
        match self.fault {
            Fault::NeverTidies => Ok(0),
            _ => Store::tidy(&*self.memory, now, retention).await,
        }
    }

    async fn close(&self) -> Result<(), StoreError> {
        Store::close(&*self.memory).await
    }
}

//! Issues and their occurrences in memory, bounded in number and in bytes.

mod content;
mod outbox;
mod spool;
#[cfg(test)]
mod spool_tests;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use self::content::{Content, Key};
use self::outbox::Outbox;
use self::spool::Spool;
use super::{
    Batch, Claimed, Committed, Decide, Fate, Lease, Outgoing, Planner, StateUpdate, Store,
    StoreError, StoredNotifier, Update,
};
use crate::issue::{Affected, Alert, Issue, Record, Retention};
use crate::occurrence::{Fingerprint, Occurrence};
use crate::time::Timestamp;

/// Remembers until the process ends, within bounds. The default.
///
/// ```
/// use tower_monitor::{Monitor, store::Memory};
///
/// let monitor = Monitor::builder().store(Memory::new()).build()?;
/// # Ok::<_, tower_monitor::BuildError>(())
/// ```
#[derive(Default)]
#[must_use]
pub struct Memory {
    content: Mutex<Content>,
    spool: Option<Spool>,
}

impl Memory {
    /// An empty memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps undelivered alerts in this folder, so that they outlast the process: each when its first try has failed, and at
    /// shutdown all that still wait. A process that begins with the same folder delivers them. Default: no such folder.
    ///
    /// Each process has a folder of its own in it, which it locks; when it begins it takes over the folders of processes that have
    /// ended, at most 1,000 alerts. A file whose content makes no sense is kept beside them as `….bad`, and nothing more is
    /// done with it; one that cannot be read for another reason, as with too few rights or too many open files, is left where it
    /// is and tried again at the next start.
    /// The files hold what alerts tell of people; on Unix none but their owner may read them.
    ///
    /// A folder that cannot be made or written is an error of [`build()`](crate::Builder::build). When a file cannot be written
    /// later, as on a full disk, that is logged once; the alert stays in memory, and is written at its next failed try.
    pub fn spool(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spool = Some(Spool::new(folder.into()));
        self
    }

    /// Takes on alerts that were decided elsewhere.
    pub(crate) fn take_on(&self, outgoing: Vec<Outgoing>, now: Timestamp) {
        let mut content = self.content();
        for outgoing in outgoing {
            let outbox = content.outboxes.entry(outgoing.notifier).or_default();
            outbox.decided(outgoing.alert, now);
        }
    }

    /// What waits, with whom it is for. Nothing does afterwards.
    pub(crate) fn take_all(&self) -> Vec<(String, Arc<Alert>)> {
        let outboxes = std::mem::take(&mut self.content().outboxes);
        let each = |(notifier, outbox): (String, Outbox)| {
            let alerts = outbox.into_alerts();
            alerts.map(move |alert| (notifier.clone(), alert))
        };
        outboxes.into_iter().flat_map(each).collect()
    }

    #[cfg(test)]
    /// How many alerts wait or are being delivered, those that were joined to others included.
    pub(crate) fn undelivered(&self) -> u64 {
        let content = self.content();
        let alerts = content.outboxes.values().map(Outbox::alerts);
        alerts.fold(0, u64::saturating_add)
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes, rewrites or removes the files of these entries. Returns whether every file is as it should be.
    fn keep_up(&self, keys: impl IntoIterator<Item = Key>) -> Result<(), StoreError> {
        let Some(spool) = &self.spool else {
            return Ok(());
        };
        let stored = |(notifier, id): &Key| {
            let content = self.content();
            content.outboxes.get(notifier)?.spooled(notifier, *id)
        };
        spool.keep_up(keys, stored)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("issues", &self.content().issues.len())
            .finish_non_exhaustive()
    }
}

impl Store for Memory {
    fn name(&self) -> &str {
        "memory"
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn keeps_alerts(&self) -> bool {
        self.spool.is_some()
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn open(&self) -> Result<(), StoreError> {
        let Some(spool) = &self.spool else {
            return Ok(());
        };
        for stored in spool.open()? {
            let mut content = self.content();
            let outbox = content.outboxes.entry(stored.notifier.clone()).or_default();
            outbox.read_back(stored);
        }
        Ok(())
    }

    async fn commit(&self, batch: Arc<Batch>, decide: Decide) -> Result<Committed, StoreError> {
        Ok(self.content().commit(&batch, &decide))
    }

    async fn claim(&self, lease: Lease, plan: Planner) -> Result<Claimed, StoreError> {
        let claimed = {
            let mut content = self.content();
            let outbox = content.outboxes.entry(lease.notifier.clone()).or_default();
            outbox.claim(&lease, &plan)
        };
        if let Some(joined) = &claimed.plan.join {
            // The new one first: a process that is killed between rather tells twice than never.
            let ids = [joined.id, joined.keep].into_iter();
            let ids = ids.chain(joined.gone.iter().copied());
            // What fails is logged, and the alert still waits in memory.
            let _ = self.keep_up(ids.map(|id| (lease.notifier.clone(), id)));
        }
        Ok(claimed)
    }

    async fn settle(
        &self,
        notifier: &str,
        entry: Uuid,
        fate: Fate,
        update: StateUpdate,
    ) -> Result<(), StoreError> {
        let mut keys = Vec::new();
        {
            let mut content = self.content();
            let outbox = content.outboxes.entry(notifier.to_owned()).or_default();
            update(&mut outbox.state);
            if let Some((other, handed_over)) = outbox.settle(entry, fate) {
                keys.push((other.clone(), entry));
                let outbox = content.outboxes.entry(other).or_default();
                outbox.add(handed_over);
            }
        }
        keys.push((notifier.to_owned(), entry));
        let _ = self.keep_up(keys);
        Ok(())
    }

    async fn notifiers(&self) -> Result<Vec<StoredNotifier>, StoreError> {
        let content = self.content();
        let stored = |(name, outbox): (&String, &Outbox)| StoredNotifier {
            name: name.clone(),
            state: outbox.state.clone(),
            waiting: outbox.len() as u64,
        };
        Ok(content.outboxes.iter().map(stored).collect())
    }

    async fn issues(&self, limit: usize) -> Result<Vec<Issue>, StoreError> {
        let content = self.content();
        let issues = content.issues.values();
        let mut issues: Vec<_> = issues.map(|known| known.record.issue.clone()).collect();
        issues
            .sort_unstable_by_key(|issue| (std::cmp::Reverse(issue.last_seen), issue.fingerprint));
        issues.truncate(limit);
        Ok(issues)
    }

    async fn record(&self, fingerprint: Fingerprint) -> Result<Option<Record>, StoreError> {
        let content = self.content();
        let known = content.issues.get(&fingerprint);
        Ok(known.map(|known| known.record.clone()))
    }

    async fn occurrences(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<Vec<Arc<Occurrence>>, StoreError> {
        let content = self.content();
        let known = content.issues.get(&fingerprint);
        let occurrences = known.into_iter().flat_map(|known| &known.occurrences);
        Ok(occurrences
            .map(|(occurrence, _)| Arc::clone(occurrence))
            .collect())
    }

    async fn affected(&self, fingerprint: Fingerprint) -> Result<Affected, StoreError> {
        let content = self.content();
        let known = content.issues.get(&fingerprint);
        Ok(known
            .map(|known| known.affected.clone())
            .unwrap_or_default())
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Fingerprint>, StoreError> {
        let content = self.content();
        let due = content.issues.iter().filter(|(_, known)| {
            let review = known.record.review_at;
            review.is_some_and(|at| at <= now)
        });
        Ok(due
            .map(|(fingerprint, _)| *fingerprint)
            .take(limit)
            .collect())
    }

    async fn update(
        &self,
        fingerprint: Fingerprint,
        update: Update,
    ) -> Result<Option<Record>, StoreError> {
        let mut content = self.content();
        let known = content.issues.get_mut(&fingerprint);
        Ok(known.map(|known| {
            let mut record = known.record.clone();
            update(&mut record);
            known.record.clone_from(&record);
            record
        }))
    }

    async fn forget_user(&self, id: &str) -> Result<u64, StoreError> {
        let (erased, alerts) = self.content().forget_user(id);
        if let Some(spool) = &self.spool {
            spool.outdated(&alerts);
        }
        let _ = self.keep_up(alerts);
        Ok(erased)
    }

    async fn tidy(&self, now: Timestamp, retention: Retention) -> Result<u64, StoreError> {
        Ok(self.content().tidy(now, &retention))
    }

    async fn close(&self) -> Result<(), StoreError> {
        let entries = self.content().spool_all();
        self.keep_up(entries)
    }
}

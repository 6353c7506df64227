//! The problems in memory, with their bounds, and the outboxes.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::outbox::Outbox;
use crate::issue::{Affected, Change, IssueState, Record, Retention, thinned};
use crate::occurrence::{Fingerprint, Occurrence};
use crate::store::{Batch, Committed, Decide, Touched};
use crate::time::Timestamp;

/// An entry of an outbox: its notifier and its alert.
pub(super) type Key = (String, Uuid);

#[derive(Default)]
pub(super) struct Content {
    pub(super) issues: HashMap<Fingerprint, Known>,
    /// What the kept occurrences take, written as JSON.
    bytes: u64,
    pub(super) outboxes: BTreeMap<String, Outbox>,
    /// The number of the last batch of each process.
    batches: HashMap<Uuid, u64>,
}

pub(super) struct Known {
    pub(super) record: Record,
    pub(super) affected: Affected,
    /// Oldest first, each with its bytes.
    pub(super) occurrences: Vec<(Arc<Occurrence>, u64)>,
}

/// A problem with a batch applied, before the decision.
struct Staged {
    record: Record,
    affected: Option<Affected>,
}

impl Content {
    pub(super) fn commit(&mut self, batch: &Batch, decide: &Decide) -> Committed {
        let mut committed = Committed::default();
        if self.batches.get(&batch.process) >= Some(&batch.number) {
            let known = batch.changes.iter();
            let known = known.filter_map(|change| self.issues.get(&change.fingerprint));
            committed.records = known.map(|known| known.record.clone()).collect();
            return committed;
        }
        // All of it on copies: when the decision panics, nothing has changed, and the batch may come again.
        let mut staged: HashMap<Fingerprint, Staged> = HashMap::new();
        let mut touched = Vec::new();
        for change in &batch.changes {
            match self.taken_in(change, batch, &mut staged) {
                Some(record) => touched.push(Touched { change, record }),
                None => committed.unknown.push(change.fingerprint),
            }
        }
        let outgoing = decide(&mut touched);
        self.batches.insert(batch.process, batch.number);
        committed.outgoing = outgoing.len() as u64;
        for outgoing in outgoing {
            let outbox = self.outboxes.entry(outgoing.notifier).or_default();
            outbox.decided(outgoing.alert, batch.now);
        }
        let fresh: HashSet<_> = touched
            .iter()
            .map(|touched| touched.change.fingerprint)
            .collect();
        for Touched { change, record } in touched {
            let affected = staged
                .get_mut(&change.fingerprint)
                .and_then(|staged| staged.affected.take());
            self.put(change, record.clone(), affected, &batch.retention);
            committed.records.push(record);
        }
        committed.forgotten = self.keep_bounds(&batch.retention, &fresh);
        committed
    }

    fn taken_in(
        &self,
        change: &Change,
        batch: &Batch,
        staged: &mut HashMap<Fingerprint, Staged>,
    ) -> Option<Record> {
        let known = self.issues.get(&change.fingerprint);
        let staged = match staged.entry(change.fingerprint) {
            Entry::Occupied(staged) => staged.into_mut(),
            Entry::Vacant(vacant) => vacant.insert(Staged {
                record: match known {
                    Some(known) => known.record.clone(),
                    None => Record::begin(change)?,
                },
                affected: None,
            }),
        };
        if change.has_users() && staged.affected.is_none() {
            let affected = known.map(|known| known.affected.clone());
            staged.affected = Some(affected.unwrap_or_default());
        }
        let affected = staged.affected.as_mut().filter(|_| change.has_users());
        let users = batch.retention.users();
        staged.record.apply(change, affected, users, batch.now);
        Some(staged.record.clone())
    }

    fn put(
        &mut self,
        change: &Change,
        record: Record,
        affected: Option<Affected>,
        retention: &Retention,
    ) {
        let known = match self.issues.entry(change.fingerprint) {
            Entry::Occupied(known) => {
                let known = known.into_mut();
                known.record = record;
                known
            }
            Entry::Vacant(vacant) => vacant.insert(Known {
                record,
                affected: Affected::default(),
                occurrences: Vec::new(),
            }),
        };
        if let Some(affected) = affected {
            known.affected = affected;
        }
        for occurrence in &change.occurrences {
            let bytes = written(occurrence);
            self.bytes += bytes;
            known.occurrences.push((Arc::clone(occurrence), bytes));
        }
        let kept: Vec<_> = known
            .occurrences
            .iter()
            .map(|(it, _)| (it.id, it.time))
            .collect();
        let gone = thinned(&kept, retention.occurrences());
        known.occurrences.retain(|(occurrence, bytes)| {
            let goes = gone.contains(&occurrence.id);
            self.bytes -= if goes { *bytes } else { 0 };
            !goes
        });
        known.occurrences.sort_by_key(|(it, _)| (it.time, it.id));
    }

    pub(super) fn tidy(&mut self, now: Timestamp, retention: &Retention) -> u64 {
        self.issues.retain(|_, known| {
            let issue = &known.record.issue;
            let is_muted = matches!(issue.state, IssueState::Muted { .. });
            let stays = is_muted || now.since(issue.last_seen) <= retention.age();
            self.bytes -= if stays { 0 } else { known.bytes() };
            stays
        });
        self.keep_bounds(retention, &HashSet::new())
    }

    /// Forgets what is beyond the bounds, but for the `fresh` problems. Returns how many problems it forgot.
    fn keep_bounds(&mut self, retention: &Retention, fresh: &HashSet<Fingerprint>) -> u64 {
        let mut forgotten = 0;
        let surplus = self.issues.len().saturating_sub(retention.issues());
        if surplus > 0 {
            // Some more at once: looking for the least important is work.
            let surplus = surplus + retention.issues() / 64;
            for fingerprint in self.least_important(surplus, fresh) {
                if let Some(gone) = self.issues.remove(&fingerprint) {
                    self.bytes -= gone.bytes();
                    forgotten += 1;
                }
            }
        }
        if self.bytes > retention.bytes() {
            self.shed(retention.bytes());
        }
        forgotten
    }

    fn least_important(&self, count: usize, fresh: &HashSet<Fingerprint>) -> Vec<Fingerprint> {
        let mut ranked: Vec<_> = self
            .issues
            .iter()
            .filter(|(fingerprint, _)| !fresh.contains(*fingerprint))
            .map(|(fingerprint, known)| {
                let issue = &known.record.issue;
                let rank = (
                    issue.state != IssueState::Open,
                    issue.count > 2,
                    issue.last_seen,
                );
                (rank, *fingerprint)
            })
            .collect();
        ranked.sort_unstable();
        ranked.truncate(count);
        ranked
            .into_iter()
            .map(|(_, fingerprint)| fingerprint)
            .collect()
    }

    /// Lets the oldest occurrences go until a tenth of the room is free. The newest of a problem goes last.
    fn shed(&mut self, max_bytes: u64) {
        let goal = max_bytes - max_bytes / 10;
        let mut all: Vec<_> = Vec::new();
        for (fingerprint, known) in &self.issues {
            let newest = known.occurrences.len().saturating_sub(1);
            for (at, (occurrence, bytes)) in known.occurrences.iter().enumerate() {
                let rank = (at == newest, occurrence.time, occurrence.id);
                all.push((rank, *fingerprint, *bytes));
            }
        }
        all.sort_unstable();
        let mut gone = HashSet::new();
        for ((_, _, id), _, bytes) in all {
            if self.bytes <= goal {
                break;
            }
            self.bytes -= bytes;
            gone.insert(id);
        }
        for known in self.issues.values_mut() {
            let stays = |it: &Occurrence| !gone.contains(&it.id);
            known.occurrences.retain(|(it, _)| stays(it));
        }
    }

    /// Returns how often the person was there, and in which alerts.
    pub(super) fn forget_user(&mut self, id: &str) -> (u64, Vec<Key>) {
        let mut erased = 0;
        for known in self.issues.values_mut() {
            if known.affected.forget(id) {
                known.record.issue.users = known.affected.count();
                erased += 1;
            }
            known.occurrences.retain(|(occurrence, bytes)| {
                let goes = occurrence.user_id() == Some(id);
                if goes {
                    self.bytes -= bytes;
                    erased += 1;
                }
                !goes
            });
        }
        let mut alerts = Vec::new();
        for (notifier, outbox) in &mut self.outboxes {
            let changed = outbox.forget_user(id).into_iter();
            alerts.extend(changed.map(|id| (notifier.clone(), id)));
        }
        (erased + alerts.len() as u64, alerts)
    }
}

impl Content {
    /// From now on all that waits is to be in the spool.
    pub(super) fn spool_all(&mut self) -> Vec<Key> {
        let outboxes = self.outboxes.iter_mut();
        let entries = outboxes.flat_map(|(notifier, outbox)| {
            let ids = outbox.spool_all().into_iter();
            ids.map(|id| (notifier.clone(), id))
        });
        entries.collect()
    }
}

#[cfg(test)]
impl Content {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Known {
    fn bytes(&self) -> u64 {
        self.occurrences.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// What an occurrence takes, written as JSON.
fn written(occurrence: &Occurrence) -> u64 {
    struct Count(u64);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    let _ = serde_json::to_writer(&mut count, occurrence);
    count.0
}

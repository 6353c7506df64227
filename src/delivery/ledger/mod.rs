//! What was seen and is not in the store yet: one change for each problem.
//!
//! A problem that this process has not told the store of goes there at once; of one that is known, the store hears at most once
//! in a while. So its load follows the number of different problems, and not that of failures.

mod pace;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use self::pace::Pace;
use crate::issue::{Change, Memory, Record, Retention};
use crate::occurrence::{Fingerprint, Occurrence};
use crate::store::{Batch, Committed};
use crate::time::Timestamp;

/// What was seen and is not in the store yet, within bounds.
#[derive(Debug)]
pub(super) struct Ledger {
    pending: HashMap<Fingerprint, Pending>,
    /// Was sent, and it is not known whether it arrived: it has to be sent again as it was. The first is next.
    in_doubt: VecDeque<Doubt>,
    known: HashMap<Fingerprint, Known>,
    /// What was told without the store.
    told: HashMap<Fingerprint, Memory>,
    /// Of which problems something came since they were last judged without the store.
    untold: HashSet<Fingerprint>,
    /// How many changes were added so far.
    added: u64,
    process: Uuid,
    number: u64,
    retention: Retention,
    pace: Pace,
}

/// What waits for the store.
#[derive(Debug)]
struct Pending {
    change: Change,
    /// The how many-eth change it began with.
    since: u64,
}

/// What was sent.
#[derive(Debug)]
struct Doubt {
    batch: Arc<Batch>,
    /// The store said that it will not take it.
    is_refused: bool,
}

/// A problem that the store has told of.
#[derive(Debug)]
struct Known {
    record: Record,
    newest: Option<Arc<Occurrence>>,
    committed_at: Instant,
}

/// A problem with what the store last said of it, and what has come since.
pub(super) struct Unsaved {
    pub(super) record: Option<Record>,
    pub(super) change: Change,
    /// What was told without the store.
    pub(super) told: Option<Memory>,
}

impl Ledger {
    pub(super) fn new(process: Uuid, retention: Retention) -> Self {
        Self {
            pending: HashMap::new(),
            in_doubt: VecDeque::new(),
            known: HashMap::new(),
            told: HashMap::new(),
            untold: HashSet::new(),
            added: 0,
            process,
            number: 0,
            retention,
            pace: Pace::default(),
        }
    }

    /// Adds what was seen. Returns how many occurrences had to be dropped for want of room.
    pub(super) fn add(&mut self, mut change: Change) -> u64 {
        let fingerprint = change.fingerprint;
        if let Some(known) = self.known.get_mut(&fingerprint) {
            match &change.newest {
                Some(newest) => known.newest = Some(Arc::clone(newest)),
                None => change.newest.clone_from(&known.newest),
            }
        }
        self.added += 1;
        if let Some(pending) = self.pending.get_mut(&fingerprint) {
            let users = self.retention.users();
            pending
                .change
                .absorb(change, MAX_UNSAVED_OCCURRENCES, users);
            self.untold.insert(fingerprint);
            return 0;
        }
        let lost = match self.pending.len() < MAX_PENDING {
            true => 0,
            false => match self.make_room() {
                Some(lost) => lost,
                None => return change.count,
            },
        };
        self.untold.insert(fingerprint);
        let since = self.added;
        self.pending.insert(fingerprint, Pending { change, since });
        lost
    }

    /// Lets something go that somebody was told of already, so that something new can be told. Returns how many occurrences
    /// that was.
    fn make_room(&mut self) -> Option<u64> {
        let is_told =
            |key: &Fingerprint| self.told.contains_key(key) || self.known.contains_key(key);
        let told = self.pending.iter().filter(|(key, _)| is_told(key));
        let least = told.min_by_key(|(key, pending)| (pending.change.count, **key));
        let least = *least?.0;
        self.untold.remove(&least);
        self.pending
            .remove(&least)
            .map(|pending| pending.change.count)
    }

    /// Whether an occurrence of the problem is at hand, to show.
    pub(super) fn shows(&self, fingerprint: Fingerprint) -> bool {
        let known = self.known.get(&fingerprint);
        known.is_some_and(|known| known.newest.is_some())
    }

    /// How many changes were added so far.
    pub(super) fn added(&self) -> u64 {
        self.added
    }

    /// Whether everything up to the `added`-th change is in the store.
    pub(super) fn is_saved(&self, added: u64) -> bool {
        self.in_doubt.is_empty() && self.pending.values().all(|pending| pending.since > added)
    }

    /// How many occurrences are not in the store yet.
    pub(super) fn unsaved_count(&self) -> u64 {
        let in_doubt = self.in_doubt.iter().flat_map(|doubt| &doubt.batch.changes);
        let pending = self.pending.values().map(|pending| &pending.change);
        pending.chain(in_doubt).map(|change| change.count).sum()
    }

    /// When there will be something to send; `None` when there is nothing.
    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        if !self.in_doubt.is_empty() {
            return Some(self.pace.not_before(now));
        }
        let due = self
            .pending
            .keys()
            .map(|key| self.due_at(*key, now))
            .min()?;
        Some(due.max(self.pace.not_before(now)))
    }

    fn due_at(&self, fingerprint: Fingerprint, now: Instant) -> Instant {
        match self.known.get(&fingerprint) {
            None => now,
            Some(known) => known.committed_at + self.pace.interval,
        }
    }

    /// What is to be sent now; in a hurry, everything up to the `hurry`-th change that was added.
    pub(super) fn take(&mut self, now: Instant, hurry: u64) -> Option<Arc<Batch>> {
        if let Some(doubt) = self.in_doubt.front() {
            return Some(Arc::clone(&doubt.batch));
        }
        let mut due: Vec<_> = self
            .pending
            .iter()
            .filter(|(key, pending)| pending.since <= hurry || self.due_at(**key, now) <= now)
            .map(|(key, pending)| (self.known.contains_key(key), pending.since, *key))
            .collect();
        if due.is_empty() {
            return None;
        }
        // What is new comes first, then who has waited longest.
        due.sort_unstable();
        due.truncate(MAX_BATCH);
        let mut due: Vec<_> = due.into_iter().map(|(_, _, key)| key).collect();
        // Every process takes locks in one order.
        due.sort_unstable();
        let changes: Vec<_> = due
            .iter()
            .filter_map(|key| self.pending.remove(key))
            .map(|pending| pending.change)
            .collect();
        self.pace.sent(now);
        let batch = self.batch(changes);
        self.in_doubt.push_front(Doubt {
            batch: Arc::clone(&batch),
            is_refused: false,
        });
        Some(batch)
    }

    fn batch(&mut self, changes: Vec<Change>) -> Arc<Batch> {
        self.number += 1;
        Arc::new(Batch {
            changes,
            now: Timestamp::now(),
            retention: self.retention,
            process: self.process,
            number: self.number,
        })
    }

    /// The store will not take the batch that was taken, ever. What is alone in its batch waits at the end, and is given up
    /// when the store takes something else; of several, each gets a batch of its own.
    pub(super) fn refused(&mut self) {
        let Some(mut doubt) = self.in_doubt.pop_front() else {
            return;
        };
        if doubt.batch.changes.len() < 2 {
            doubt.is_refused = true;
            self.in_doubt.push_back(doubt);
            return;
        }
        for change in doubt.batch.changes.clone() {
            let batch = self.batch(vec![change]);
            let is_refused = false;
            self.in_doubt.push_back(Doubt { batch, is_refused });
        }
    }

    /// The batch that was taken is in the store. Returns how many occurrences of others were given up.
    pub(super) fn committed(&mut self, committed: &Committed, took: Duration, now: Instant) -> u64 {
        let Some(doubt) = self.in_doubt.pop_front() else {
            return 0;
        };
        self.pace.took(took);
        for change in &doubt.batch.changes {
            if !self.pending.contains_key(&change.fingerprint) {
                self.untold.remove(&change.fingerprint);
            }
        }
        let changes = doubt.batch.changes.iter();
        let mut newest: HashMap<_, _> = changes
            .map(|change| (change.fingerprint, change.newest.clone()))
            .collect();
        for record in &committed.records {
            let fingerprint = record.issue.fingerprint;
            self.merge_told(record);
            let newest = newest.remove(&fingerprint).flatten();
            let before = self.known.remove(&fingerprint);
            let known = Known {
                record: record.clone(),
                newest: newest.or(before.and_then(|known| known.newest)),
                committed_at: now,
            };
            self.known.insert(fingerprint, known);
        }
        for fingerprint in &committed.unknown {
            self.known.remove(fingerprint);
        }
        while self.known.len() > MAX_KNOWN {
            let oldest = self
                .known
                .iter()
                .min_by_key(|(_, known)| known.committed_at);
            let Some(oldest) = oldest.map(|(fingerprint, _)| *fingerprint) else {
                break;
            };
            self.known.remove(&oldest);
        }
        self.give_up_refused()
    }

    /// What was told without the store is kept until the store knows of it: a batch that it already had tells it nothing.
    fn merge_told(&mut self, record: &Record) {
        let fingerprint = record.issue.fingerprint;
        if let Some(told) = self.told.get(&fingerprint) {
            let mut with = record.memory.clone();
            with.merge(told);
            if with == record.memory {
                self.told.remove(&fingerprint);
            }
        }
    }

    fn give_up_refused(&mut self) -> u64 {
        let mut lost = 0;
        self.in_doubt.retain(|doubt| {
            let changes = doubt.batch.changes.iter().filter(|_| doubt.is_refused);
            lost += changes.map(|change| change.count).sum::<u64>();
            !doubt.is_refused
        });
        lost
    }

    /// What the store says of a problem now.
    pub(super) fn learn(&mut self, record: &Record) {
        if let Some(known) = self.known.get_mut(&record.issue.fingerprint) {
            known.record.clone_from(record);
        }
    }

    /// Takes a person out of what waits. Batches are known by their number: their content may change.
    pub(super) fn forget_user(&mut self, id: &str) {
        for pending in self.pending.values_mut() {
            erase(&mut pending.change, id);
        }
        for doubt in &mut self.in_doubt {
            let batch = Arc::make_mut(&mut doubt.batch);
            batch.changes.iter_mut().for_each(|it| erase(it, id));
        }
        for known in self.known.values_mut() {
            known.newest = known.newest.take().map(|newest| erased(newest, id));
        }
    }

    /// The store is away: the problems of which something has come that was not judged yet, with everything that the store
    /// does not have, or may not have.
    pub(super) fn unsaved(&mut self) -> Vec<Unsaved> {
        let untold: Vec<_> = self.untold.drain().collect();
        let all = untold.into_iter().filter_map(|fingerprint| {
            let in_doubt = self.in_doubt.iter().flat_map(|doubt| &doubt.batch.changes);
            let pending = self.pending.get(&fingerprint);
            let pending = pending.map(|pending| &pending.change);
            let of_it = in_doubt.filter(|change| change.fingerprint == fingerprint);
            let mut changes = of_it.chain(pending).cloned();
            let mut change = changes.next()?;
            for later in changes {
                change.absorb(later, MAX_UNSAVED_OCCURRENCES, self.retention.users());
            }
            let known = self.known.get(&fingerprint);
            Some(Unsaved {
                record: known.map(|known| known.record.clone()),
                told: self.told.get(&fingerprint).cloned(),
                change,
            })
        });
        all.collect()
    }

    /// Remembers what was told without the store, until that knows of it.
    pub(super) fn tell(&mut self, fingerprint: Fingerprint, told: Memory) {
        if self.told.len() >= MAX_TOLD {
            self.told.retain(|key, _| self.pending.contains_key(key));
        }
        self.told.insert(fingerprint, told);
    }

    /// What was told of these problems without the store.
    pub(super) fn told(&self, batch: &Batch) -> HashMap<Fingerprint, Memory> {
        let changes = batch.changes.iter();
        let told = changes.filter_map(|change| {
            let told = self.told.get(&change.fingerprint)?;
            Some((change.fingerprint, told.clone()))
        });
        told.collect()
    }
}

fn erase(change: &mut Change, id: &str) {
    change.users.retain(|user| user.id != id);
    change
        .occurrences
        .retain(|occurrence| occurrence.user_id() != Some(id));
    change.newest = change.newest.take().map(|newest| erased(newest, id));
}

/// The occurrence, without the person if it was theirs.
fn erased(mut occurrence: Arc<Occurrence>, id: &str) -> Arc<Occurrence> {
    if occurrence.user_id() == Some(id) {
        Arc::make_mut(&mut occurrence).without_person();
    }
    occurrence
}

/// Problems of which something waits.
const MAX_PENDING: usize = 1_024;
/// Problems that were told without the store.
const MAX_TOLD: usize = 4_096;
/// Problems in one transaction.
const MAX_BATCH: usize = 256;
/// Problems that are known here, each with its newest occurrence.
const MAX_KNOWN: usize = 256;
/// Occurrences of one problem that wait for the store.
const MAX_UNSAVED_OCCURRENCES: usize = 3;

#[cfg(test)]
mod tests;

//! What waits for one notifier.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::issue::Alert;
use crate::store::{Claimed, Entry, Fate, Joined, Lease, NotifierState, Planner, Waiting};
use crate::time::Timestamp;

/// What waits for one notifier, oldest first, and how the notifier is.
#[derive(Default)]
pub(super) struct Outbox {
    pub(super) state: NotifierState,
    entries: Vec<Kept>,
}

/// An alert that waits or is being delivered.
pub(super) struct Kept {
    alert: Arc<Alert>,
    created_at: Timestamp,
    due_at: Timestamp,
    tries: u32,
    leased_until: Option<Timestamp>,
    /// Whether it is to be in the spool, where there is one.
    is_spooled: bool,
}

/// An entry as the spool keeps it.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Stored {
    pub(super) notifier: String,
    created_at: Timestamp,
    due_at: Timestamp,
    tries: u32,
    pub(super) alert: Arc<Alert>,
}

impl Outbox {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn into_alerts(self) -> impl Iterator<Item = Arc<Alert>> {
        self.entries.into_iter().map(|entry| entry.alert)
    }

    #[cfg(test)]
    pub(super) fn alerts(&self) -> u64 {
        let alerts = self.entries.iter().map(|entry| entry.alert.alerts());
        alerts.fold(0, u64::saturating_add)
    }

    /// Takes on an alert that was decided just now.
    pub(super) fn decided(&mut self, alert: Arc<Alert>, now: Timestamp) {
        self.add(Kept {
            alert,
            created_at: now,
            due_at: now,
            tries: 0,
            leased_until: None,
            is_spooled: false,
        });
    }

    pub(super) fn add(&mut self, entry: Kept) {
        if self
            .entries
            .iter()
            .all(|known| known.alert.id != entry.alert.id)
        {
            self.entries.push(entry);
            self.sort();
        }
    }

    pub(super) fn claim(&mut self, lease: &Lease, plan: &Planner) -> Claimed {
        let is_leased = |entry: &Kept| entry.leased_until.is_some_and(|until| lease.holds(until));
        let free = self.entries.iter().filter(|entry| !is_leased(entry));
        let waiting: Vec<_> = free.map(Kept::waiting).collect();
        let plan = plan(&mut self.state, &waiting);
        if let Some(joined) = &plan.join {
            self.join(joined);
        }
        let taken = plan.take.and_then(|id| {
            let mut entries = self.entries.iter_mut();
            let entry = entries.find(|entry| entry.alert.id == id && !is_leased(entry))?;
            entry.tries = entry.tries.saturating_add(1);
            entry.leased_until = Some(lease.now.after(lease.duration));
            Some(Entry {
                alert: Alert::clone(&entry.alert),
                created_at: entry.created_at,
                tries: entry.tries,
            })
        });
        let is_taken = |entry: &Kept| {
            taken
                .as_ref()
                .is_some_and(|it| it.alert.id == entry.alert.id)
        };
        let others = self.entries.iter().filter(|entry| !is_taken(entry));
        let (leased, waiting): (Vec<_>, Vec<_>) = others.partition(|entry| is_leased(entry));
        Claimed {
            plan,
            waiting: waiting.len() as u64,
            leased: leased.len() as u64,
            entry: taken,
        }
    }

    fn join(&mut self, joined: &Joined) {
        let goes = |entry: &Kept| joined.gone.contains(&entry.alert.id);
        let is_spooled = self
            .entries
            .iter()
            .any(|entry| goes(entry) && entry.is_spooled);
        let mut entries = self.entries.iter_mut();
        let Some(entry) = entries.find(|entry| entry.alert.id == joined.keep) else {
            return;
        };
        entry.is_spooled |= is_spooled;
        let alert = Arc::make_mut(&mut entry.alert);
        alert.id = joined.id;
        alert.also.clone_from(&joined.also);
        alert.also_more = joined.also_more;
        alert.lost = joined.lost;
        entry.created_at = joined.created_at;
        entry.tries = 0;
        self.entries.retain(|entry| !goes(entry));
        self.sort();
    }

    fn sort(&mut self) {
        self.entries
            .sort_by_key(|entry| (entry.created_at, entry.alert.id));
    }

    /// What is for another notifier comes back with its name.
    pub(super) fn settle(&mut self, id: Uuid, fate: Fate) -> Option<(String, Kept)> {
        let at = self.entries.iter().position(|entry| entry.alert.id == id)?;
        match fate {
            Fate::Done => {
                self.entries.remove(at);
                None
            }
            Fate::Retry { due_at } => {
                self.entries[at].due_at = due_at;
                self.entries[at].leased_until = None;
                self.entries[at].is_spooled = true;
                None
            }
            Fate::HandOver { notifier } => {
                let mut entry = self.entries.remove(at);
                entry.due_at = entry.created_at;
                entry.tries = 0;
                entry.leased_until = None;
                Some((notifier, entry))
            }
        }
    }

    /// Takes a person out of what waits. Returns the alerts they were in.
    pub(super) fn forget_user(&mut self, id: &str) -> Vec<Uuid> {
        let mut erased = Vec::new();
        for entry in &mut self.entries {
            if entry.alert.occurrence.user_id() == Some(id) {
                let alert = Arc::make_mut(&mut entry.alert);
                Arc::make_mut(&mut alert.occurrence).without_person();
                erased.push(alert.id);
            }
        }
        erased
    }

    /// From now on all that waits is to be in the spool.
    pub(super) fn spool_all(&mut self) -> Vec<Uuid> {
        let entries = self.entries.iter_mut();
        entries
            .map(|entry| {
                entry.is_spooled = true;
                entry.alert.id
            })
            .collect()
    }

    /// What the spool is to have of an entry.
    pub(super) fn spooled(&self, notifier: &str, id: Uuid) -> Option<Stored> {
        let mut entries = self.entries.iter();
        let entry = entries.find(|entry| entry.alert.id == id && entry.is_spooled)?;
        Some(Stored {
            notifier: notifier.to_owned(),
            created_at: entry.created_at,
            due_at: entry.due_at,
            tries: entry.tries,
            alert: Arc::clone(&entry.alert),
        })
    }

    pub(super) fn read_back(&mut self, stored: Stored) {
        self.add(Kept {
            alert: stored.alert,
            created_at: stored.created_at,
            due_at: stored.due_at,
            tries: stored.tries,
            leased_until: None,
            is_spooled: true,
        });
    }
}

impl Kept {
    fn waiting(&self) -> Waiting {
        Waiting {
            id: self.alert.id,
            created_at: self.created_at,
            due_at: self.due_at,
            tries: self.tries,
            summary: self.alert.summary(),
            also: self.alert.also.clone(),
            also_more: self.alert.also_more,
            lost: self.alert.lost,
        }
    }
}

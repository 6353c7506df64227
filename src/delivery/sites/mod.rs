//! Counting the same problem without queueing it.
//!
//! The first occurrences of a problem in a window of ten seconds travel whole; of the others only the number does. A
//! table of atomic counters, one slot for each problem, is all that a failing request touches. The [users](affected) of those
//! that are only counted are at the slot as well.
//!
//! A problem is told from another by its place and its words. A client may be able to choose the words, so of each place only
//! some are counted apart at the same time; further ones are counted at the slot of the place itself.
//!
//! A slot goes through three states: free, in use, closing. Only the worker frees it, in two steps that lie
//! [`GRACE_SECONDS`] apart: a request that found the slot just before it was closed has long since counted.

mod affected;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};

use affected::Users;

use crate::issue::Sketch;
use crate::occurrence::Site;
use crate::time::WINDOW_SECONDS;

/// The slots; shared by the requests that fail and the worker that collects.
#[derive(Debug)]
pub(super) struct Sites(Box<[Slot]>);

#[derive(Debug, Default)]
struct Slot {
    /// [`FREE`], [`CLOSING`], or the key of a problem.
    key: AtomicU64,
    /// Occurrences that were only counted.
    pending: AtomicU64,
    /// The window in the upper bits, how many travelled whole in it in the lowest [`USED_BITS`].
    window: AtomicU64,
    /// The key of the place, when this slot is for some words at it.
    place: AtomicU64,
    /// At the slot of a place: how many slots there are for words at it.
    wordings: AtomicU64,
    users: Users,
}

/// How an occurrence is to be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Send it whole; if that fails, count it at this slot.
    Whole(usize),
    /// Count it at this slot, its user first.
    Counted(usize),
    /// There is no slot for it: send it whole or lose it.
    NoSlot,
}

impl Sites {
    pub(super) fn new() -> Self {
        Self((0..SLOTS).map(|_| Slot::default()).collect())
    }

    /// How it is to be reported, and the key that it is counted by.
    pub(super) fn admit(&self, site: Site, seconds: u64) -> (u64, Admission) {
        let (key, slot) = self.slot_for(site);
        let admission = match slot {
            None => Admission::NoSlot,
            Some(slot) if self.0[slot].takes_whole(seconds) => Admission::Whole(slot),
            Some(slot) => Admission::Counted(slot),
        };
        (key, admission)
    }

    fn slot_for(&self, site: Site) -> (u64, Option<usize>) {
        if let Some(slot) = self.find(site.exact) {
            return (site.exact, Some(slot));
        }
        if site.exact == site.place {
            return (site.place, self.find_or_claim(site.place).0);
        }
        let Some(place) = self.find_or_claim(site.place).0 else {
            return (site.exact, None);
        };
        let wordings = &self.0[place].wordings;
        if wordings.fetch_add(1, Ordering::AcqRel) >= MAX_WORDINGS {
            self.0[place].forget_wording();
            return (site.place, Some(place));
        }
        let (slot, is_new) = self.find_or_claim(site.exact);
        match slot {
            Some(slot) if is_new => self.0[slot].place.store(site.place, Ordering::Release),
            _ => self.0[place].forget_wording(),
        }
        (site.exact, slot)
    }

    pub(super) fn count(&self, slot: usize) {
        self.0[slot].pending.fetch_add(1, Ordering::AcqRel);
    }

    /// Notes the user of an occurrence that is counted at this slot afterwards. Says whether they are new there: then the worker is to
    /// be told of this one and, when it was, [`remember_user`](Self::remember_user) is to be called. The hash is not 0.
    pub(super) fn note_user(&self, slot: usize, hash: u64) -> bool {
        self.0[slot].users.note(hash)
    }

    /// The worker knows who it is: from now on they are counted.
    pub(super) fn remember_user(&self, slot: usize, hash: u64) {
        self.0[slot].users.remember(hash);
    }

    fn find(&self, key: u64) -> Option<usize> {
        probes(key).find(|slot| self.0[*slot].key.load(Ordering::Acquire) == key)
    }

    /// The slot of `key`, claimed when there was none, and whether it was.
    fn find_or_claim(&self, key: u64) -> (Option<usize>, bool) {
        if let Some(slot) = self.find(key) {
            return (Some(slot), false);
        }
        for slot in probes(key) {
            let claimed =
                self.0[slot]
                    .key
                    .compare_exchange(FREE, key, Ordering::AcqRel, Ordering::Acquire);
            // Another request may just have claimed it for the same problem.
            if claimed.is_ok() || claimed == Err(key) {
                return (Some(slot), claimed.is_ok());
            }
        }
        (None, false)
    }
}

fn probes(key: u64) -> impl Iterator<Item = usize> {
    let start = (key ^ (key >> 32)) as usize;
    (0..PROBES).map(move |step| (start + step) % SLOTS)
}

impl Slot {
    /// The slot of a place may have been freed and claimed anew meanwhile: then there is none to forget.
    fn forget_wording(&self) {
        let less = |wordings: u64| wordings.checked_sub(1);
        let _ = self
            .wordings
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
    }

    fn takes_whole(&self, seconds: u64) -> bool {
        let now = seconds / WINDOW_SECONDS;
        self.window
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
                let (window, used) = (word >> USED_BITS, word & USED_MASK);
                match (window == now, used < WHOLE_PER_WINDOW) {
                    (false, _) => Some((now << USED_BITS) | 1),
                    (true, true) => Some(word + 1),
                    (true, false) => None,
                }
            })
            .is_ok()
    }
}

/// What was counted of one problem since it was asked the last time.
#[derive(Debug, PartialEq)]
pub(super) struct Counted {
    pub(super) key: u64,
    /// The occurrences; those whose users are noted already and that are not counted yet come the next time.
    pub(super) count: u64,
    /// The hash of each known user, and how often they came after the worker was told of them.
    pub(super) users: Vec<(u64, u64)>,
    /// All users, also those whom the worker was told of or who found no room.
    pub(super) sketch: Option<Sketch>,
}

/// The worker's side: collects the counts and frees slots that nobody uses any more.
#[derive(Debug, Default)]
pub(super) struct Sweeper {
    /// Slots that are closing: which, whose, and since when.
    closing: Vec<(usize, u64, u64)>,
}

impl Sweeper {
    /// Calls `counted` for each problem with what came since the sweep before. Says whether any slot is in use.
    pub(super) fn sweep(
        &mut self,
        sites: &Sites,
        seconds: u64,
        mut counted: impl FnMut(Counted),
    ) -> bool {
        let now = seconds;
        let mut take = |slot: usize, key| {
            let count = sites.0[slot].pending.swap(0, Ordering::AcqRel);
            if count > 0 {
                let (users, sketch) = sites.0[slot].users.take();
                counted(Counted {
                    key,
                    count,
                    users,
                    sketch,
                });
            }
            count > 0
        };
        self.closing.retain(|(slot, key, since)| {
            take(*slot, *key);
            let closing = now < since + GRACE_SECONDS;
            if !closing {
                sites.free(*slot);
            }
            closing
        });
        let mut in_use = !self.closing.is_empty();
        for (slot, site) in sites.0.iter().enumerate() {
            let key = site.key.load(Ordering::Acquire);
            if matches!(key, FREE | CLOSING) {
                continue;
            }
            in_use = true;
            let last = (site.window.load(Ordering::Acquire) >> USED_BITS) * WINDOW_SECONDS;
            let is_idle = !take(slot, key) && now > last + IDLE_SECONDS;
            if is_idle && site.wordings.load(Ordering::Acquire) == 0 {
                site.key.store(CLOSING, Ordering::Release);
                self.closing.push((slot, key, now));
            }
        }
        in_use
    }
}

impl Sites {
    fn free(&self, slot: usize) {
        let slot = &self.0[slot];
        let place = slot.place.swap(FREE, Ordering::AcqRel);
        if let Some(place) = (place != FREE).then(|| self.find(place)).flatten() {
            self.0[place].forget_wording();
        }
        slot.users.clear();
        slot.wordings.store(0, Ordering::Release);
        slot.key.store(FREE, Ordering::Release);
    }
}

/// No key has these two values.
const FREE: u64 = 0;
const CLOSING: u64 = u64::MAX;
/// Different problems that are counted at the same time.
const SLOTS: usize = 1024;
const PROBES: usize = 64;
const USED_BITS: u32 = 8;
const USED_MASK: u64 = (1 << USED_BITS) - 1;
/// Different words of one place that are counted apart at the same time.
const MAX_WORDINGS: u64 = 16;
/// Whole occurrences of one problem per window.
const WHOLE_PER_WINDOW: u64 = 3;
const IDLE_SECONDS: u64 = 60;
const GRACE_SECONDS: u64 = 30;

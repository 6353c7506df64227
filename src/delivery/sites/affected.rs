//! The users of occurrences that are only counted.
//!
//! Of each problem the first users are counted one by one; all of them are counted in a sketch. Nothing here waits, and nothing
//! moves while the slot is in use: a request that has found its user's entry may count there as long as it may count at the slot.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use crate::issue::{Sketch, register_of};

/// The users at one slot; some 2 KiB, once there is one.
#[derive(Debug, Default)]
pub(super) struct Users {
    /// Some request makes the table, or has made it: so nobody else is about to, and `OnceLock::set` never waits.
    is_begun: AtomicBool,
    table: OnceLock<Box<Table>>,
}

/// What came of each user since it was asked the last time. Relaxed throughout: whoever noted a user counts at the slot after
/// that, and whoever takes this count sees what was noted.
#[derive(Debug)]
struct Table {
    /// Found by open addressing.
    entries: [Entry; ENTRIES],
    registers: [AtomicU8; Sketch::REGISTERS],
}

#[derive(Debug, Default)]
struct Entry {
    /// [`FREE`], or the user's hash.
    user: AtomicU64,
    count: AtomicU64,
}

impl Users {
    /// Counts the user if they are known here. Says whether they are not, and could be: then the worker is to be told who it is and,
    /// when it was, [`remember`](Self::remember) is to be called.
    pub(super) fn note(&self, user: u64) -> bool {
        // While another request makes the table, the worker can take the user without it.
        let Some(table) = self.table() else {
            return true;
        };
        table.sketch(user);
        for entry in table.probes(user) {
            let known = entry.user.load(Ordering::Relaxed);
            if known == user {
                entry.count.fetch_add(1, Ordering::Relaxed);
                return false;
            }
            if known == FREE {
                return true;
            }
        }
        false
    }

    /// From now on the user is counted here.
    pub(super) fn remember(&self, user: u64) {
        let Some(table) = self.table.get() else {
            return;
        };
        for entry in table.probes(user) {
            let claimed =
                entry
                    .user
                    .compare_exchange(FREE, user, Ordering::Relaxed, Ordering::Relaxed);
            if claimed.is_ok() || claimed == Err(user) {
                return;
            }
        }
    }

    /// How often each user came since the last time, and a sketch of all that did.
    pub(super) fn take(&self) -> (Vec<(u64, u64)>, Option<Sketch>) {
        let Some(table) = self.table.get() else {
            return (Vec::new(), None);
        };
        let counts = table.entries.iter().filter_map(|entry| {
            // A count of somebody who is not to be seen yet stays for the next time.
            let user = Some(entry.user.load(Ordering::Relaxed)).filter(|user| *user != FREE)?;
            let count = entry.count.swap(0, Ordering::Relaxed);
            (count > 0).then_some((user, count))
        });
        let mut sketch = [0; Sketch::REGISTERS];
        for (rank, register) in sketch.iter_mut().zip(&table.registers) {
            if register.load(Ordering::Relaxed) > 0 {
                *rank = register.swap(0, Ordering::Relaxed);
            }
        }
        let sketch = Some(Sketch::from_registers(sketch));
        (counts.collect(), sketch.filter(|sketch| !sketch.is_empty()))
    }

    /// Forgets everybody. Only for a slot at which nobody counts any more.
    pub(super) fn clear(&self) {
        if let Some(table) = self.table.get() {
            for entry in &table.entries {
                entry.count.store(0, Ordering::Relaxed);
                entry.user.store(FREE, Ordering::Relaxed);
            }
            for register in &table.registers {
                register.store(0, Ordering::Relaxed);
            }
        }
    }

    /// Made with the first user; it stays with the slot. `None` while another request makes it.
    fn table(&self) -> Option<&Table> {
        if self.table.get().is_none() && !self.is_begun.swap(true, Ordering::AcqRel) {
            let _ = self.table.set(Box::new(Table::new()));
        }
        self.table.get().map(|table| &**table)
    }
}

impl Table {
    fn new() -> Self {
        Self {
            entries: std::array::from_fn(|_| Entry::default()),
            registers: [const { AtomicU8::new(0) }; Sketch::REGISTERS],
        }
    }

    fn sketch(&self, user: u64) {
        let (register, rank) = register_of(user);
        let register = &self.registers[register];
        // A write would take the line from the other threads each time.
        if register.load(Ordering::Relaxed) < rank {
            register.fetch_max(rank, Ordering::Relaxed);
        }
    }

    fn probes(&self, user: u64) -> impl Iterator<Item = &Entry> {
        let start = user as usize % ENTRIES;
        let (before, from) = self.entries.split_at(start);
        from.iter().chain(before)
    }
}

/// No user has this hash.
const FREE: u64 = 0;
/// The users of one problem that are counted one by one.
const ENTRIES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::user_hash;
    use std::sync::Barrier;

    fn hashes(ids: std::ops::Range<u64>) -> impl Iterator<Item = u64> {
        ids.map(|id| user_hash(&id.to_string()))
    }

    #[test]
    fn nothing_is_made_before_the_first_user() {
        let users = Users::default();
        assert_eq!(users.take(), (Vec::new(), None));
        users.remember(7);
        users.clear();
        assert!(users.table.get().is_none());
    }

    #[test]
    fn a_user_is_counted_from_when_they_are_remembered() {
        let users = Users::default();
        let uma = user_hash("uma");
        assert!(users.note(uma) && users.note(uma), "nobody remembers her");
        users.remember(uma);
        users.remember(uma);
        assert!(!users.note(uma) && !users.note(uma));
        let (counts, sketch) = users.take();
        assert_eq!(counts, [(uma, 2)]);
        assert_eq!(sketch.unwrap().estimate(), 1);
        assert_eq!(users.take(), (Vec::new(), None), "it is taken once");
        assert!(!users.note(uma), "she is still known");
        let (counts, sketch) = users.take();
        assert_eq!((counts, sketch.unwrap().estimate()), (vec![(uma, 1)], 1));
        users.note(uma);
        users.clear();
        assert_eq!(users.take(), (Vec::new(), None));
        assert!(users.note(uma), "she is forgotten");
    }

    #[test]
    fn beyond_the_entries_the_sketch_counts() {
        let users = Users::default();
        for user in hashes(0..5_000) {
            if users.note(user) {
                users.remember(user);
            }
            users.note(user);
        }
        let (counts, sketch) = users.take();
        let known: Vec<_> = hashes(0..64).map(|user| (user, 1)).collect();
        assert_eq!(sorted(counts), sorted(known), "the first ones are known");
        let estimate = sketch.unwrap().estimate();
        assert!((4_350..=5_650).contains(&estimate), "{estimate}");
    }

    fn sorted(mut counts: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
        counts.sort_unstable();
        counts
    }

    #[test]
    fn threads_that_begin_together_count_every_user_once() {
        const THREADS: usize = 4;
        for _ in 0..200 {
            let (users, begin) = (Users::default(), Barrier::new(THREADS));
            let told: u64 = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..THREADS)
                    .map(|_| {
                        scope.spawn(|| {
                            begin.wait();
                            let mut told = 0;
                            for user in hashes(0..80) {
                                if users.note(user) {
                                    users.remember(user);
                                    told += 1;
                                }
                            }
                            told
                        })
                    })
                    .collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().unwrap())
                    .sum()
            });
            let (counts, _) = users.take();
            let known: std::collections::HashSet<_> = counts.iter().map(|(user, _)| user).collect();
            assert_eq!(known.len(), counts.len(), "nobody has two entries");
            let full = (users.table().unwrap().entries.iter())
                .all(|entry| entry.user.load(Ordering::Relaxed) != FREE);
            let sum: u64 = counts.iter().map(|(_, count)| count).sum();
            assert!(full, "80 users fill it");
            // 64 of them are known; of the 16 others some may have been told while there was room.
            assert!((4 * 64..=4 * 80).contains(&(sum + told)), "{sum} + {told}");
        }
    }
}

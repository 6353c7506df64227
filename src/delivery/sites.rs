//! Counting the same problem without queueing it.
//!
//! The first occurrences of a problem in a window of ten seconds travel whole; of the others only the number does. A
//! table of atomic counters, one slot for each problem, is all that a failing request touches.
//!
//! A problem is told from another by its place and its words. A client may be able to choose the words, so of each place only
//! some are counted apart at the same time; further ones are counted at the slot of the place itself.
//!
//! A slot goes through three states: free, in use, closing. Only the worker frees it, in two steps that lie
//! [`GRACE_SECONDS`] apart: a request that found the slot just before it was closed has long since counted.

use std::sync::atomic::{AtomicU64, Ordering};

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
}

/// How an occurrence is to be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Send it whole; if that fails, count it at this slot.
    Whole(usize),
    /// It is counted; nothing else is to be done.
    Counted,
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
            Some(slot) => {
                self.count(slot);
                Admission::Counted
            }
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

/// The worker's side: collects the counts and frees slots that nobody uses any more.
#[derive(Debug, Default)]
pub(super) struct Sweeper {
    /// Slots that are closing: which, whose, and since when.
    closing: Vec<(usize, u64, u64)>,
}

impl Sweeper {
    /// Calls `counted` for each problem with the number that came since the sweep before. Says whether any slot is in use.
    pub(super) fn sweep(
        &mut self,
        sites: &Sites,
        seconds: u64,
        mut counted: impl FnMut(u64, u64),
    ) -> bool {
        let now = seconds;
        let mut take = |slot: usize, key| {
            let pending = sites.0[slot].pending.swap(0, Ordering::AcqRel);
            if pending > 0 {
                counted(key, pending);
            }
            pending > 0
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    fn key(n: u64) -> u64 {
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1
    }

    /// A problem that has no words.
    fn problem(n: u64) -> Site {
        Site {
            exact: key(n),
            place: key(n),
        }
    }

    fn admit(sites: &Sites, n: u64, seconds: u64) -> Admission {
        sites.admit(problem(n), seconds).1
    }

    #[test]
    fn beyond_some_words_of_a_place_it_is_the_place_that_counts() {
        let (sites, mut sweeper) = (Sites::new(), Sweeper::default());
        let said = |words: u64, seconds| {
            let site = Site {
                exact: key(words),
                place: key(0),
            };
            sites.admit(site, seconds).0
        };
        for words in 1..=16 {
            assert_eq!(said(words, 100), key(words));
        }
        assert_eq!((said(17, 100), said(18, 100)), (key(0), key(0)));
        assert_eq!(said(3, 100), key(3), "known words stay known");
        // When they are forgotten, there is room for others.
        for second in [200, 231, 300, 331, 400, 431] {
            sweeper.sweep(&sites, second, |_, _| {});
        }
        assert!(!sweeper.sweep(&sites, 500, |_, _| {}), "every slot is free");
        assert_eq!(said(17, 501), key(17));
    }

    #[test]
    fn a_place_that_was_freed_before_its_words_takes_words_again() {
        let sites = Sites::new();
        let site = |words| Site {
            exact: key(words),
            place: key(0),
        };
        let (_, Some(words)) = sites.slot_for(site(1)) else {
            panic!("there is room");
        };
        let place = sites.find(key(0)).unwrap();
        sites.free(place);
        // Another problem takes its slot, and the place another slot.
        let other = key(0) + SLOTS as u64;
        assert_eq!(sites.find_or_claim(other), (Some(place), true));
        assert_eq!(sites.0[place].wordings.load(Ordering::Acquire), 0);
        assert!(matches!(admit(&sites, 0, 100), Admission::Whole(_)));
        sites.free(words);
        assert_eq!(sites.admit(site(2), 100).0, key(2));
    }

    #[test]
    fn the_first_of_a_window_travel_whole_and_the_rest_are_counted() {
        let (sites, mut sweeper) = (Sites::new(), Sweeper::default());
        for second in [100, 101, 110] {
            let whole = (0..50).filter(|_| matches!(admit(&sites, 1, second), Admission::Whole(_)));
            let expected = if second == 101 { 0 } else { 3 };
            assert_eq!(whole.count(), expected, "in second {second}");
        }
        let mut counted = Vec::new();
        assert!(sweeper.sweep(&sites, 111, |key, count| { counted.push((key, count)) }));
        assert_eq!(counted, [(key(1), 47 + 50 + 47)]);
        sweeper.sweep(&sites, 111, |_, _| panic!("counted twice"));
    }

    #[test]
    fn slots_run_out_and_are_freed_again() {
        let (sites, mut sweeper) = (Sites::new(), Sweeper::default());
        let refused = |second| {
            (0..3_000)
                .filter(|n| admit(&sites, *n, second) == Admission::NoSlot)
                .count()
        };
        assert!(refused(100) >= 3_000 - SLOTS);
        assert!(
            sweeper.sweep(&sites, 200, |_, _| {}),
            "what was counted is taken"
        );
        assert!(
            sweeper.sweep(&sites, 200, |_, _| {}),
            "what nobody uses is closing"
        );
        assert!(
            !sweeper.sweep(&sites, 231, |_, _| {}),
            "what was closed is free"
        );
        assert!(matches!(admit(&sites, 5_000, 232), Admission::Whole(_)));
    }

    #[test]
    fn a_late_count_at_a_closing_slot_is_not_lost_and_goes_to_its_own_problem() {
        let (sites, mut sweeper) = (Sites::new(), Sweeper::default());
        let Admission::Whole(slot) = admit(&sites, 1, 100) else {
            panic!("the first travels whole");
        };
        assert!(sweeper.sweep(&sites, 200, |_, _| panic!("nothing was counted")));
        // The slot is closing. The same problem gets another one; who still holds the old one counts there.
        assert!(matches!(admit(&sites, 1, 200), Admission::Whole(other) if other != slot));
        sites.count(slot);
        let mut counted = Vec::new();
        sweeper.sweep(&sites, 231, |key, count| counted.push((key, count)));
        assert_eq!(counted, [(key(1), 1)]);
        // The old slot is free now, for anybody.
        assert!(matches!(
            admit(&sites, 1 + SLOTS as u64, 232),
            Admission::Whole(_)
        ));
    }

    #[test]
    fn nothing_is_counted_twice_or_not_at_all_while_threads_count() {
        let sites = Arc::new(Sites::new());
        let done = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let sites = Arc::clone(&sites);
                std::thread::spawn(move || {
                    let mut whole = HashMap::<u64, u64>::new();
                    for n in 0..200_000_u64 {
                        let slot = n % 700;
                        match admit(&sites, slot, 100) {
                            Admission::Counted => {}
                            Admission::Whole(_) | Admission::NoSlot => {
                                *whole.entry(slot).or_default() += 1
                            }
                        }
                    }
                    whole
                })
            })
            .collect();
        let collector = {
            let (sites, done) = (Arc::clone(&sites), Arc::clone(&done));
            std::thread::spawn(move || {
                let (mut total, mut sweeper) = (0, Sweeper::default());
                loop {
                    let last = done.load(Ordering::Acquire);
                    sweeper.sweep(&sites, 100, |_, count| total += count);
                    if last {
                        return total;
                    }
                }
            })
        };
        let whole: u64 = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap().into_values())
            .sum();
        done.store(true, Ordering::Release);
        assert_eq!(whole + collector.join().unwrap(), 800_000);
    }
}

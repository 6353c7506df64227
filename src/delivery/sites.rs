//! Counting the same problem without queueing it.
//!
//! The first occurrences of a problem in a window of ten seconds travel whole; of the others only the number does. A
//! table of atomic counters, one slot for each problem, is all that a failing request touches.
//!
//! A slot goes through three states: free, in use, closing. Only the worker frees it, in two steps that lie
//! [`GRACE_SECONDS`] apart: a request that found the slot just before it was closed has long since counted.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::occurrence::Fingerprint;

/// The slots; shared by the requests that fail and the worker that collects.
#[derive(Debug)]
pub(super) struct Sites(Box<[Site]>);

#[derive(Debug, Default)]
struct Site {
    /// [`FREE`], [`CLOSING`], or the key of a problem.
    key: AtomicU64,
    /// Occurrences that were only counted.
    pending: AtomicU64,
    /// The window in the upper bits, how many travelled whole in it in the lowest [`USED_BITS`].
    window: AtomicU64,
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
        Self((0..SLOTS).map(|_| Site::default()).collect())
    }

    pub(super) fn admit(&self, fingerprint: Fingerprint, seconds: u64) -> Admission {
        let Some(slot) = self.find(fingerprint.as_u64()) else {
            return Admission::NoSlot;
        };
        if self.0[slot].takes_whole(seconds) {
            Admission::Whole(slot)
        } else {
            self.count(slot);
            Admission::Counted
        }
    }

    pub(super) fn count(&self, slot: usize) {
        self.0[slot].pending.fetch_add(1, Ordering::AcqRel);
    }

    /// The slot of `key`, claimed when there was none.
    fn find(&self, key: u64) -> Option<usize> {
        let start = (key ^ (key >> 32)) as usize;
        let mut probes = (0..PROBES).map(|step| (start + step) % SLOTS);
        if let Some(slot) = probes
            .clone()
            .find(|slot| self.0[*slot].key.load(Ordering::Acquire) == key)
        {
            return Some(slot);
        }
        probes.find(|slot| {
            let claimed =
                self.0[*slot]
                    .key
                    .compare_exchange(FREE, key, Ordering::AcqRel, Ordering::Acquire);
            // Another request may just have claimed it for the same problem.
            claimed.is_ok() || claimed == Err(key)
        })
    }
}

impl Site {
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
    closing: Vec<(usize, Fingerprint, u64)>,
}

impl Sweeper {
    /// Calls `counted` for each problem with the number that came since the sweep before. Says whether any slot is in use.
    pub(super) fn sweep(
        &mut self,
        sites: &Sites,
        seconds: u64,
        mut counted: impl FnMut(Fingerprint, u64),
    ) -> bool {
        let now = seconds;
        let mut take = |slot: usize, fingerprint| {
            let pending = sites.0[slot].pending.swap(0, Ordering::AcqRel);
            if pending > 0 {
                counted(fingerprint, pending);
            }
            pending > 0
        };
        self.closing.retain(|(slot, fingerprint, since)| {
            take(*slot, *fingerprint);
            let closing = now < since + GRACE_SECONDS;
            if !closing {
                sites.0[*slot].key.store(FREE, Ordering::Release);
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
            let fingerprint = Fingerprint::from_u64(key);
            let last = (site.window.load(Ordering::Acquire) >> USED_BITS) * WINDOW_SECONDS;
            if !take(slot, fingerprint) && now > last + IDLE_SECONDS {
                site.key.store(CLOSING, Ordering::Release);
                self.closing.push((slot, fingerprint, now));
            }
        }
        in_use
    }
}

/// Seconds of a clock that nobody sets, the same in the whole process.
pub(super) fn uptime_seconds() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs()
}

/// No fingerprint has these two values.
const FREE: u64 = 0;
const CLOSING: u64 = u64::MAX;
/// Different problems that are counted at the same time.
const SLOTS: usize = 1024;
const PROBES: usize = 64;
const USED_BITS: u32 = 8;
const USED_MASK: u64 = (1 << USED_BITS) - 1;
/// Whole occurrences of one problem per window.
const WHOLE_PER_WINDOW: u64 = 3;
const WINDOW_SECONDS: u64 = 10;
const IDLE_SECONDS: u64 = 60;
const GRACE_SECONDS: u64 = 30;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    fn problem(n: u64) -> Fingerprint {
        Fingerprint::from_u64(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    #[test]
    fn the_first_of_a_window_travel_whole_and_the_rest_are_counted() {
        let (sites, mut sweeper) = (Sites::new(), Sweeper::default());
        for second in [100, 101, 110] {
            let whole =
                (0..50).filter(|_| matches!(sites.admit(problem(1), second), Admission::Whole(_)));
            let expected = if second == 101 { 0 } else { 3 };
            assert_eq!(whole.count(), expected, "in second {second}");
        }
        let mut counted = Vec::new();
        assert!(sweeper.sweep(&sites, 111, |fingerprint, count| {
            counted.push((fingerprint, count))
        }));
        assert_eq!(counted, [(problem(1), 47 + 50 + 47)]);
        sweeper.sweep(&sites, 111, |_, _| panic!("counted twice"));
    }

    #[test]
    fn slots_run_out_and_are_freed_again() {
        let (sites, mut sweeper) = (Sites::new(), Sweeper::default());
        let refused = |second| {
            (0..3_000)
                .filter(|n| sites.admit(problem(*n), second) == Admission::NoSlot)
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
        assert!(matches!(
            sites.admit(problem(5_000), 232),
            Admission::Whole(_)
        ));
    }

    #[test]
    fn a_late_count_at_a_closing_slot_is_not_lost_and_goes_to_its_own_problem() {
        let (sites, mut sweeper) = (Sites::new(), Sweeper::default());
        let Admission::Whole(slot) = sites.admit(problem(1), 100) else {
            panic!("the first travels whole");
        };
        assert!(sweeper.sweep(&sites, 200, |_, _| panic!("nothing was counted")));
        // The slot is closing. The same problem gets another one; who still holds the old one counts there.
        assert!(matches!(sites.admit(problem(1), 200), Admission::Whole(other) if other != slot));
        sites.count(slot);
        let mut counted = Vec::new();
        sweeper.sweep(&sites, 231, |fingerprint, count| {
            counted.push((fingerprint, count))
        });
        assert_eq!(counted, [(problem(1), 1)]);
        // The old slot is free now, for anybody.
        assert!(matches!(
            sites.admit(problem(1 + SLOTS as u64), 232),
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
                        match sites.admit(problem(slot), 100) {
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

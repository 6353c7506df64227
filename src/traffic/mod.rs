//! How many requests there are and how many of them fail, by route and in all.

mod windows;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::shares::Shares;
use crate::text::shortened;

pub(crate) use windows::{Ratio, Windows};

/// Counts that only grow. Whoever counts waits for nobody.
///
/// The first 256 routes or nearly so are counted apart; the others in the total alone.
#[derive(Debug)]
pub(crate) struct Traffic {
    routes: Box<[Route; ROUTES]>,
    counts: Shares<Counts>,
}

/// A route that was seen. It is found by open addressing, and never goes.
#[derive(Debug, Default)]
struct Route {
    /// [`FREE`], or the hash of the name: templates are the app's, so nobody tries to find two with the same one.
    key: AtomicU64,
    /// Set by who has claimed the key, so it is never waited for; a moment later than the key.
    name: OnceLock<Box<str>>,
}

/// One for each route, then one for the requests that have none here.
#[derive(Debug)]
struct Counts(Box<[Count; ROUTES + 1]>);

#[derive(Debug, Default)]
struct Count {
    passed: AtomicU64,
    failed: AtomicU64,
}

/// How many requests, and how many of them failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Total {
    requests: u64,
    failures: u64,
}

impl Traffic {
    /// Counts a request that is over.
    pub(crate) fn count(&self, route: Option<&str>, failed: bool) {
        let slot = route.and_then(|route| self.slot(route)).unwrap_or(ROUTES);
        let count = &self.counts.own().0[slot];
        let count = if failed { &count.failed } else { &count.passed };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn slot(&self, route: &str) -> Option<usize> {
        let key = hash(route.as_bytes());
        for slot in probes(key) {
            let found = self.routes[slot].key.load(Ordering::Relaxed);
            if found == key {
                return Some(slot);
            }
            if found == FREE {
                return self.claim(route, key);
            }
        }
        None
    }

    /// The slot of a route that had none a moment ago.
    #[cold]
    fn claim(&self, route: &str, key: u64) -> Option<usize> {
        for slot in probes(key) {
            let known = &self.routes[slot];
            let claimed =
                (known.key).compare_exchange(FREE, key, Ordering::Relaxed, Ordering::Relaxed);
            if claimed.is_ok() {
                let _ = known.name.set(shortened(route, MAX_NAME).into());
            }
            if claimed.is_ok() || claimed == Err(key) {
                return Some(slot);
            }
        }
        None
    }

    /// The name of the route with this number, once it has one.
    fn name(&self, slot: usize) -> Option<&str> {
        self.routes.get(slot)?.name.get().map(|name| &**name)
    }

    /// What was counted so far: for each route, then for all other requests.
    fn totals(&self) -> [Total; ROUTES + 1] {
        let mut totals = [Total::default(); ROUTES + 1];
        for counts in self.counts.iter() {
            for (total, count) in totals.iter_mut().zip(counts.0.iter()) {
                let failures = count.failed.load(Ordering::Relaxed);
                total.requests += count.passed.load(Ordering::Relaxed) + failures;
                total.failures += failures;
            }
        }
        totals
    }
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            routes: Box::new(std::array::from_fn(|_| Route::default())),
            counts: Shares::default(),
        }
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self(Box::new(std::array::from_fn(|_| Count::default())))
    }
}

fn probes(key: u64) -> impl Iterator<Item = usize> {
    (0..PROBES).map(move |step| (key as usize).wrapping_add(step) % ROUTES)
}

/// Cheap, and the same within one process only. Each step can be undone, so names that differ in eight bytes never meet.
fn hash(name: &[u8]) -> u64 {
    let step = |hash: u64, word: u64| {
        let hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^ (hash >> 32)
    };
    let mut hash = name.len() as u64;
    let mut rest = name;
    while let Some((word, more)) = rest
        .split_first_chunk()
        .filter(|(_, more)| !more.is_empty())
    {
        hash = step(hash, u64::from_le_bytes(*word));
        rest = more;
    }
    // The last eight bytes, of which some may have been taken before: cheaper than those that are left.
    let last = name.last_chunk().map_or_else(
        || {
            name.iter()
                .fold(0, |word, byte| (word << 8) | u64::from(*byte))
        },
        |last| u64::from_le_bytes(*last),
    );
    step(hash, last).max(1)
}

/// No name has this hash.
const FREE: u64 = 0;
const ROUTES: usize = 256;
/// Where an app names a new route for each request, none of them looks through the whole table.
const PROBES: usize = 32;
/// The bytes of a name that are kept.
const MAX_NAME: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::sync::Barrier;

    /// By name, and of all requests together.
    fn read(traffic: &Traffic) -> (HashMap<String, (u64, u64)>, (u64, u64)) {
        let (mut routes, mut all) = (HashMap::new(), (0, 0));
        for (slot, total) in traffic.totals().into_iter().enumerate() {
            all.0 += total.requests;
            all.1 += total.failures;
            if let Some(name) = traffic.name(slot) {
                let total = (total.requests, total.failures);
                assert_eq!(routes.insert(name.to_owned(), total), None, "twice: {name}");
            }
        }
        (routes, all)
    }

    #[test]
    fn each_route_is_counted_apart_and_all_together() {
        let traffic = Traffic::default();
        assert_eq!(read(&traffic), (HashMap::new(), (0, 0)));
        for failed in [false, true, false] {
            traffic.count(Some("/buy/{item}"), failed);
            traffic.count(None, failed);
        }
        traffic.count(Some("/"), false);
        traffic.count(Some(""), true);
        let routes = [("/buy/{item}", (3, 1)), ("/", (1, 0)), ("", (1, 1))]
            .map(|(name, total)| (name.to_owned(), total));
        assert_eq!(read(&traffic), (HashMap::from(routes), (8, 3)));
    }

    #[test]
    fn similar_routes_are_different_ones() {
        let names: Vec<String> = (0..40)
            .flat_map(|n| {
                [
                    format!("/v{n}"),
                    format!("/v{n}/"),
                    "/".repeat(n),
                    "/a".repeat(n + 1),
                ]
            })
            .chain((0..40).map(|n| format!("/api/v1/customers/{{customer}}/orders/{{order}}/{n}")))
            .collect();
        let different: std::collections::HashSet<_> = names.iter().collect();
        let hashes: std::collections::HashSet<_> =
            names.iter().map(|name| hash(name.as_bytes())).collect();
        assert_eq!(hashes.len(), different.len());
        assert!(different.len() > 190 && !hashes.contains(&FREE));
    }

    #[test]
    fn routes_beyond_the_table_count_in_the_total() {
        let traffic = Traffic::default();
        for round in 0..3 {
            for n in 0..1_000 {
                traffic.count(Some(&format!("/{n}")), round == 2);
            }
        }
        let (routes, all) = read(&traffic);
        assert_eq!(all, (3_000, 1_000));
        assert!((200..=256).contains(&routes.len()), "{}", routes.len());
        assert!(routes.values().all(|total| *total == (3, 1)));
        // The first ones all find a place.
        assert!((0..100).all(|n| routes.contains_key(&format!("/{n}"))));
        let long = Traffic::default();
        long.count(Some(&"ü".repeat(1_000)), false);
        assert!(read(&long).0.keys().all(|name| name.len() <= MAX_NAME));
    }

    #[test]
    fn nothing_is_lost_while_threads_see_the_same_routes_first() {
        const THREADS: u64 = 4;
        const ROUTES: u64 = 50;
        for _ in 0..50 {
            let (traffic, begin) = (Traffic::default(), Barrier::new(THREADS as usize));
            std::thread::scope(|scope| {
                for thread in 0..THREADS {
                    let (traffic, begin) = (&traffic, &begin);
                    scope.spawn(move || {
                        begin.wait();
                        for n in 0..ROUTES * 4 {
                            let route = format!("/route/{}", n % ROUTES);
                            traffic.count(Some(&route), n % 4 == thread);
                            traffic.count(None, false);
                        }
                    });
                }
            });
            let (routes, all) = read(&traffic);
            assert_eq!(all, (THREADS * ROUTES * 8, THREADS * ROUTES));
            assert_eq!(routes.len() as u64, ROUTES);
            let whole = |total: &(u64, u64)| total.0 == 4 * THREADS;
            assert!(routes.values().all(whole), "{routes:?}");
        }
    }
}

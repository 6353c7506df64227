//! What came within the last minutes, from counts that only grow.

use std::collections::VecDeque;
use std::time::Duration;

use super::{ROUTES, Total, Traffic};

/// A window that ends now and slides: asked at every [`tick`](Self::tick), of which there may be few or many.
///
/// It reaches back to the last look at the counts that is at least so old, so it is as long as it should be and up to a step
/// longer. What came between two ticks counts as if it came with the second one; what came before the first one, with that.
#[derive(Debug)]
pub(crate) struct Windows {
    seconds: u64,
    /// The seconds between those that are kept, but for the last one.
    step: u64,
    /// The seconds that have passed since the first tick. The clock that is asked may be set: back is no time, forth is time.
    clock: u64,
    asked: Option<u64>,
    /// The oldest first. At most one is older than the window: where it begins.
    kept: VecDeque<Snapshot>,
    /// The slots of the routes that were seen, in the order of the snapshots' counts.
    routes: Vec<usize>,
}

#[derive(Debug)]
struct Snapshot {
    at: u64,
    /// Of all requests, then of each route that was known.
    counts: Vec<Total>,
}

/// How much of the traffic failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ratio {
    /// `None` for the whole app.
    pub(crate) route: Option<String>,
    pub(crate) requests: u64,
    /// At most as many as the requests.
    pub(crate) failures: u64,
}

impl Windows {
    /// At least one second.
    pub(crate) fn new(window: Duration) -> Self {
        let seconds = window.as_secs().max(1);
        Self {
            seconds,
            step: (seconds / STEPS).max(1),
            clock: 0,
            asked: None,
            kept: VecDeque::new(),
            routes: Vec::new(),
        }
    }

    /// What came within the window that ends now: of the whole app, then of each route. Where nothing came, nothing is said.
    pub(crate) fn tick(&mut self, traffic: &Traffic, now_seconds: u64) -> Vec<Ratio> {
        let asked = self.asked.replace(now_seconds).unwrap_or(now_seconds);
        self.clock = (self.clock).saturating_add(now_seconds.saturating_sub(asked));
        let counts = self.read(traffic);
        let begin = |kept: &Snapshot| kept.at.saturating_add(self.seconds) <= self.clock;
        while self.kept.get(1).is_some_and(begin) {
            self.kept.pop_front();
        }
        let before = self.kept.front().filter(|kept| begin(kept));
        let before = before.map_or(&[][..], |kept| &kept.counts);
        let names = self.routes.iter().map(|slot| traffic.name(*slot));
        let ratios = std::iter::once(None)
            .chain(names)
            .zip(&counts)
            .enumerate()
            .map(|(at, (route, now))| {
                let before = before.get(at).copied().unwrap_or_default();
                Ratio {
                    route: route.map(ToOwned::to_owned),
                    requests: now.requests.saturating_sub(before.requests),
                    failures: now.failures.saturating_sub(before.failures),
                }
            })
            .filter(|ratio| ratio.requests > 0)
            .collect();
        self.keep(counts);
        ratios
    }

    /// The newest always; of those before, each a step or more after the one before it.
    fn keep(&mut self, counts: Vec<Total>) {
        let mut newest = self.kept.iter().rev().map(|kept| kept.at);
        if let (Some(last), Some(before)) = (newest.next(), newest.next())
            && last < before.saturating_add(self.step)
        {
            self.kept.pop_back();
        }
        self.kept.push_back(Snapshot {
            at: self.clock,
            counts,
        });
    }

    fn read(&mut self, traffic: &Traffic) -> Vec<Total> {
        let totals = traffic.totals();
        for (slot, total) in totals[..ROUTES].iter().enumerate() {
            if total.requests > 0 && traffic.name(slot).is_some() && !self.routes.contains(&slot) {
                self.routes.push(slot);
            }
        }
        let all = totals.iter().fold(Total::default(), |all, total| Total {
            requests: all.requests + total.requests,
            failures: all.failures + total.failures,
        });
        let routes = self.routes.iter().map(|slot| totals[*slot]);
        std::iter::once(all).chain(routes).collect()
    }
}

/// The steps of a window.
const STEPS: u64 = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const WINDOW: u64 = 300;
    const STEP: u64 = 7;

    fn windows() -> Windows {
        Windows::new(Duration::from_secs(WINDOW))
    }

    fn ratio(route: Option<&str>, requests: u64, failures: u64) -> Ratio {
        Ratio {
            route: route.map(str::to_owned),
            requests,
            failures,
        }
    }

    #[test]
    fn the_window_slides() {
        let (traffic, mut windows) = (Traffic::default(), windows());
        assert_eq!(windows.tick(&traffic, 1_000), []);
        traffic.count(Some("/a"), true);
        traffic.count(None, false);
        let both = [ratio(None, 2, 1), ratio(Some("/a"), 1, 1)];
        assert_eq!(windows.tick(&traffic, 1_010), both);
        assert_eq!(
            windows.tick(&traffic, 1_011),
            both,
            "it is no count per tick"
        );
        traffic.count(Some("/b"), false);
        let all = [
            ratio(None, 3, 1),
            ratio(Some("/a"), 1, 1),
            ratio(Some("/b"), 1, 0),
        ];
        assert_eq!(windows.tick(&traffic, 1_020), all);
        assert_eq!(windows.tick(&traffic, 1_309), all);
        let rest = [ratio(None, 1, 0), ratio(Some("/b"), 1, 0)];
        assert_eq!(windows.tick(&traffic, 1_310), rest);
        assert_eq!(windows.tick(&traffic, 1_319), rest);
        assert_eq!(windows.tick(&traffic, 1_320), []);
    }

    #[test]
    fn what_came_before_the_first_tick_came_with_it() {
        let (traffic, mut windows) = (Traffic::default(), windows());
        traffic.count(None, true);
        assert_eq!(windows.tick(&traffic, 77), [ratio(None, 1, 1)]);
        assert_eq!(windows.tick(&traffic, 77 + 299), [ratio(None, 1, 1)]);
        assert_eq!(windows.tick(&traffic, 77 + 300), []);
    }

    #[test]
    fn a_clock_that_is_set_loses_nothing_that_is_new() {
        let (traffic, mut windows) = (Traffic::default(), windows());
        traffic.count(None, true);
        windows.tick(&traffic, 1_000_000);
        traffic.count(None, false);
        assert_eq!(
            windows.tick(&traffic, 10),
            [ratio(None, 2, 1)],
            "no time has passed"
        );
        assert_eq!(windows.tick(&traffic, 309), [ratio(None, 2, 1)]);
        traffic.count(None, true);
        assert_eq!(windows.tick(&traffic, 310), [ratio(None, 2, 1)]);
        traffic.count(None, false);
        assert_eq!(windows.tick(&traffic, 1 << 40), [ratio(None, 1, 0)]);
        assert_eq!(windows.tick(&traffic, 0), [ratio(None, 1, 0)]);
    }

    #[test]
    fn many_ticks_keep_no_more_than_few() {
        let (traffic, mut windows) = (Traffic::default(), windows());
        for second in 0..5_000 {
            traffic.count(None, false);
            for _ in 0..3 {
                let ratios = windows.tick(&traffic, second);
                let requests = ratios[0].requests;
                assert!(requests >= WINDOW.min(second + 1) && requests <= WINDOW + STEP);
            }
            assert!(windows.kept.len() as u64 <= WINDOW / STEP + 3);
        }
    }

    #[derive(Clone, Debug)]
    struct Step {
        seconds: i64,
        /// Route and outcome of each request before the tick.
        requests: Vec<(Option<u8>, bool)>,
    }

    fn steps(seconds: std::ops::Range<i64>) -> impl Strategy<Value = Vec<Step>> {
        let requests = vec((proptest::option::of(0..4_u8), any::<bool>()), 0..6);
        let step = (seconds, requests).prop_map(|(seconds, requests)| Step { seconds, requests });
        vec(step, 1..60)
    }

    type Sums = BTreeMap<Option<String>, (u64, u64)>;

    /// Each request by itself, with the time of the tick that saw it.
    #[derive(Default)]
    struct Naive(Vec<(i64, Option<u8>, bool)>);

    impl Naive {
        fn after(&self, time: i64) -> Sums {
            let mut sums = Sums::new();
            for (_, route, failed) in self.0.iter().filter(|(at, ..)| *at > time) {
                let named = route.map(|route| Some(format!("/{route}")));
                for key in std::iter::once(None).chain(named) {
                    let sum = sums.entry(key).or_default();
                    sum.0 += 1;
                    sum.1 += u64::from(*failed);
                }
            }
            sums
        }
    }

    /// Calls `check` after each tick with the time that has passed, the model and the answer.
    fn play(steps: Vec<Step>, mut check: impl FnMut(i64, &Naive, Sums)) {
        let (traffic, mut windows, mut naive) = (Traffic::default(), windows(), Naive::default());
        let (mut now, mut passed) = (100_000, 0);
        for (at, step) in steps.into_iter().enumerate() {
            if at > 0 {
                now += step.seconds;
                passed += step.seconds.max(0);
            }
            for (route, failed) in step.requests {
                let name = route.map(|route| format!("/{route}"));
                traffic.count(name.as_deref(), failed);
                naive.0.push((passed, route, failed));
            }
            let ratios = windows.tick(&traffic, now as u64);
            assert!(ratios.first().is_none_or(|first| first.route.is_none()));
            let named = ratios.len();
            let sums: Sums = (ratios.into_iter())
                .map(|ratio| (ratio.route, (ratio.requests, ratio.failures)))
                .collect();
            assert_eq!(sums.len(), named, "each route once");
            check(passed, &naive, sums);
        }
    }

    proptest! {
        #[test]
        fn with_ticks_a_step_apart_it_is_what_one_by_one_gives(
            steps in steps(STEP as i64..70),
        ) {
            play(steps, |passed, naive, sums| {
                assert_eq!(sums, naive.after(passed - WINDOW as i64));
            });
        }

        #[test]
        fn however_ticks_come_it_is_the_window_and_little_more(steps in steps(-20..40)) {
            play(steps, |passed, naive, sums| {
                let begin = passed - WINDOW as i64;
                let (least, most) = (naive.after(begin), naive.after(begin - STEP as i64 - 40));
                for (route, (requests, failures)) in least {
                    let sum = sums[&route];
                    assert!(sum.0 >= requests && sum.1 >= failures);
                }
                for (route, (requests, failures)) in sums {
                    let most = most[&route];
                    assert!(requests <= most.0 && failures <= most.1 && failures <= requests);
                }
            });
        }
    }
}

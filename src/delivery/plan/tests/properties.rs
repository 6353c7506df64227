//! What holds of plans whatever happens: the budget, nothing lost, no busy loop, no starving.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;
use crate::delivery::fixtures::outgoing;
use crate::store::{Claimed, Entry, Fate, Lease, Memory, Planner, Store};

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// So many alerts are decided.
    Decide(u64, Severity),
    /// So many seconds go by.
    Wait(u64),
    /// From now on every try comes to this.
    Vendor(Vendor),
}

#[derive(Clone, Copy, Debug)]
enum Vendor {
    Fine,
    Failing,
    Busy(u64),
    /// The process is killed, or another one has it: nobody says what came of the try.
    Silent,
}

fn step() -> impl Strategy<Value = Step> {
    let severity = prop_oneof![
        Just(Severity::Info),
        Just(Severity::Error),
        Just(Severity::Critical)
    ];
    let vendor = prop_oneof![
        3 => Just(Vendor::Fine),
        3 => Just(Vendor::Failing),
        1 => (1_u64..7_200).prop_map(Vendor::Busy),
        1 => Just(Vendor::Silent),
    ];
    prop_oneof![
        4 => (1_u64..6, severity.clone()).prop_map(|(count, severity)| Step::Decide(count, severity)),
        1 => (40_u64..90, severity).prop_map(|(count, severity)| Step::Decide(count, severity)),
        4 => (0_u64..90).prop_map(Step::Wait),
        2 => (90_u64..20_000).prop_map(Step::Wait),
        3 => vendor.prop_map(Step::Vendor),
    ]
}

fn budget() -> impl Strategy<Value = Budget> {
    prop_oneof![
        Just(Budget::DEFAULT),
        Just(Budget::SLACK),
        Just(Budget::TWILIO),
        Just(Budget::unlimited()),
        (1_u32..20, 1_u64..10_000, 1_u32..20).prop_map(|(messages, span, burst)| {
            Budget::new(messages, Duration::from_secs(span)).at_once(burst)
        }),
    ]
}

/// A notifier with its outbox, lived through second by second.
struct World {
    store: Memory,
    rules: Rules,
    now: Timestamp,
    vendor: Vendor,
    decided: u64,
    told: u64,
    expired: u64,
    most_waiting: u64,
    sent: Vec<Timestamp>,
    look_again: Option<Timestamp>,
    jitter: f64,
}

impl World {
    fn new(budget: Budget, jitter: f64) -> Self {
        Self {
            store: Memory::new(),
            rules: rules(budget),
            now: at(0),
            vendor: Vendor::Fine,
            decided: 0,
            told: 0,
            expired: 0,
            most_waiting: 0,
            sent: Vec::new(),
            look_again: None,
            jitter,
        }
    }

    fn live(&mut self, step: &Step) {
        match *step {
            Step::Decide(count, severity) => {
                let numbers = self.decided..self.decided + count;
                let alerts = numbers.map(|number| outgoing("ops", alert(number, severity)));
                self.store.take_on(alerts.collect(), self.now);
                self.decided += count;
                self.work();
            }
            Step::Wait(seconds) => self.wait_until(self.now.after(Duration::from_secs(seconds))),
            Step::Vendor(vendor) => self.vendor = vendor,
        }
    }

    fn wait_until(&mut self, end: Timestamp) {
        while let Some(again) = self.look_again.filter(|again| *again <= end) {
            self.now = again;
            self.work();
        }
        self.now = end;
    }

    /// Everything that can be done now.
    fn work(&mut self) {
        loop {
            let claimed = self.claim();
            self.most_waiting = self.most_waiting.max(claimed.waiting);
            if let Some(entry) = claimed.entry {
                self.handle(&entry);
                continue;
            }
            let again = claimed.plan.look_again;
            assert!(again.is_none_or(|again| self.now < again), "a busy loop");
            assert_eq!(again.is_some(), claimed.waiting > 0);
            let lease = (claimed.leased > 0).then(|| self.now.after(LEASE));
            self.look_again = again.into_iter().chain(lease).min();
            return;
        }
    }

    fn claim(&self) -> Claimed {
        let (rules, moment) = (
            self.rules.clone(),
            Moment {
                now: self.now,
                new_id: crate::request::RequestId::generate_uuid(self.now),
            },
        );
        let planner: Planner = Arc::new(move |state, waiting| plan(state, waiting, moment, &rules));
        let lease = Lease {
            notifier: "ops".to_owned(),
            now: self.now,
            duration: LEASE,
        };
        at_once(self.store.claim(lease, planner)).unwrap().unwrap()
    }

    fn handle(&mut self, entry: &Entry) {
        let now = self.now;
        if entry.created_at.after(self.rules.max_age) <= now {
            self.expired += entry.alert.alerts();
            return self.settle(entry, Fate::Done, None);
        }
        self.sent.push(now);
        let wait = match self.vendor {
            Vendor::Fine => {
                self.told += entry.alert.alerts();
                return self.settle(entry, Fate::Done, Some(Outcome::Arrived));
            }
            Vendor::Silent => return,
            Vendor::Failing => None,
            Vendor::Busy(seconds) => Some(Duration::from_secs(seconds)),
        };
        let pause = wait.unwrap_or(Duration::from_secs(1)).min(MAX_PAUSE);
        let due_at = now.after(pause);
        let outcome = Outcome::Failed {
            words: "503".to_owned(),
            wait,
            jitter: self.jitter,
        };
        self.settle(entry, Fate::Retry { due_at }, Some(outcome));
    }

    fn settle(&self, entry: &Entry, fate: Fate, outcome: Option<Outcome>) {
        let now = self.now;
        let update = move |state: &mut NotifierState| {
            if let Some(outcome) = &outcome {
                outcome.note(state, now, now);
            }
        };
        let settled = self
            .store
            .settle("ops", entry.alert.id, fate, Arc::new(update));
        at_once(settled).unwrap().unwrap();
    }

    fn assert_within_budget(&self) {
        let Some(burst) = self.rules.budget.burst() else {
            return;
        };
        for (first, begin) in self.sent.iter().enumerate() {
            for (last, end) in self.sent.iter().enumerate().skip(first) {
                let allowed = burst + self.rules.budget.earned(end.since(*begin));
                let sent = (last - first + 1) as f64;
                assert!(sent <= allowed + 1e-3, "{sent} of {allowed}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_everything_is_told_in_the_end_and_never_more_than_the_budget_allows(
        budget in budget(),
        jitter in 0.0..=1.0,
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut world = World::new(budget, jitter);
        for step in &steps {
            world.live(step);
        }
        world.vendor = Vendor::Fine;
        let over = world.now.after(DEFAULT_ALERT_AGE);
        world.work();
        world.wait_until(over.after(LEASE));
        world.assert_within_budget();
        prop_assert_eq!(world.told + world.expired, world.decided);
        prop_assert!(world.most_waiting <= 80, "{}", world.most_waiting);
    }

    /// Each alert has at least half the age limit: what fails for less than that loses nothing.
    #[test]
    fn an_outage_of_half_the_age_limit_loses_nothing(
        budget in prop_oneof![Just(Budget::DEFAULT), Just(Budget::TWILIO), Just(Budget::unlimited())],
        steps in proptest::collection::vec(step(), 1..30),
    ) {
        let mut world = World::new(budget, 0.7);
        let until = world.now.after(DEFAULT_ALERT_AGE / 2 - Duration::from_secs(2 * 3_600));
        for step in &steps {
            if world.now < until {
                world.live(step);
            }
        }
        world.vendor = Vendor::Fine;
        world.work();
        world.wait_until(world.now.after(DEFAULT_ALERT_AGE));
        prop_assert_eq!((world.told, world.expired), (world.decided, 0));
    }
}

/// What a future gives that never waits.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

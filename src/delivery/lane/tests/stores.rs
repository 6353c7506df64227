//! Several processes on one store, two stores for one notifier, and a store that is away.

use super::*;

use std::sync::atomic::AtomicBool;

use crate::issue::{Affected, Issue, Record, Retention};
use crate::occurrence::{Fingerprint, Occurrence};
use crate::store::{
    Batch, Breaker, Claimed, Committed, Decide, Fate, Lease, Planner, StateUpdate, Store,
    StoreError, StoredNotifier, Update,
};
use crate::time::Timestamp;

/// A store that is away when it is told to be.
#[derive(Default)]
struct Flaky {
    memory: Arc<Memory>,
    is_away: AtomicBool,
    forgets_to_answer: AtomicBool,
}

impl Flaky {
    fn answers(&self) -> Result<(), StoreError> {
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(StoreError::away("no connection")),
            false => Ok(()),
        }
    }
}

impl Store for Flaky {
    fn name(&self) -> &str {
        "flaky"
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn open(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn commit(&self, batch: Arc<Batch>, decide: Decide) -> Result<Committed, StoreError> {
        self.answers()?;
        Store::commit(&*self.memory, batch, decide).await
    }

    async fn claim(&self, lease: Lease, plan: Planner) -> Result<Claimed, StoreError> {
        self.answers()?;
        Store::claim(&*self.memory, lease, plan).await
    }

    async fn settle(
        &self,
        notifier: &str,
        entry: Uuid,
        fate: Fate,
        update: StateUpdate,
    ) -> Result<(), StoreError> {
        self.answers()?;
        if self.forgets_to_answer.load(Ordering::Relaxed) {
            return Err(StoreError::away("the connection was reset"));
        }
        Store::settle(&*self.memory, notifier, entry, fate, update).await
    }

    async fn notifiers(&self) -> Result<Vec<StoredNotifier>, StoreError> {
        Store::notifiers(&*self.memory).await
    }

    async fn issues(&self, limit: usize) -> Result<Vec<Issue>, StoreError> {
        Store::issues(&*self.memory, limit).await
    }

    async fn record(&self, fingerprint: Fingerprint) -> Result<Option<Record>, StoreError> {
        Store::record(&*self.memory, fingerprint).await
    }

    async fn occurrences(&self, of: Fingerprint) -> Result<Vec<Arc<Occurrence>>, StoreError> {
        Store::occurrences(&*self.memory, of).await
    }

    async fn affected(&self, fingerprint: Fingerprint) -> Result<Affected, StoreError> {
        Store::affected(&*self.memory, fingerprint).await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Fingerprint>, StoreError> {
        Store::due(&*self.memory, now, limit).await
    }

    async fn update(&self, of: Fingerprint, update: Update) -> Result<Option<Record>, StoreError> {
        Store::update(&*self.memory, of, update).await
    }

    async fn forget_user(&self, id: &str) -> Result<u64, StoreError> {
        Store::forget_user(&*self.memory, id).await
    }

    async fn tidy(&self, now: Timestamp, retention: Retention) -> Result<u64, StoreError> {
        Store::tidy(&*self.memory, now, retention).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A process with one notifier on these stores, the last of which is the one where alerts are decided.
fn process(
    stores: &[Arc<dyn DynStore>],
    memory: &Arc<Memory>,
    clock: &Clock,
    script: Script,
) -> Setup {
    let scripts = vec![(script, Budget::unlimited())];
    start(Arc::clone(memory), stores, clock.clone(), scripts)
}

#[tokio::test(start_paused = true)]
async fn two_processes_share_an_outbox_and_deliver_each_alert_once() {
    let store = Arc::new(Flaky::default());
    let stores = [Arc::clone(&store) as Arc<dyn DynStore>];
    let clock = Clock::of_tokio(at(0));
    let one = process(&stores, &store.memory, &clock, script([Mood::Slow]));
    let two = process(&stores, &store.memory, &clock, script([Mood::Slow]));
    for round in 0..50 {
        one.decide(0, round * 4..round * 4 + 4);
        two.lane(0).wake();
        one.lane(0).flush().await;
        two.lane(0).flush().await;
    }
    let mut ids = [one.seen(0).ids(), two.seen(0).ids()].concat();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 200);
    assert_eq!(one.seen(0).told() + two.seen(0).told(), 200);
    assert!(two.seen(0).told() > 0, "both of them work");
}

#[tokio::test(start_paused = true)]
async fn what_a_process_has_left_behind_is_taken_over_when_its_lease_has_run_out() {
    let store = Arc::new(Flaky::default());
    let stores = [Arc::clone(&store) as Arc<dyn DynStore>];
    let clock = Clock::of_tokio(at(0));
    let one = process(&stores, &store.memory, &clock, script([Mood::Hanging]));
    one.decide(0, 0..1);
    one.seen(0).until(|seen| seen.tries().len() == 1).await;
    // Killed in the middle of a try.
    one.lanes[0].2.abort();
    let two = process(&stores, &store.memory, &clock, script([Mood::Fine]));
    two.lane(0).flush().await;
    assert_eq!(two.seen(0).told(), 0, "as long as the lease holds");
    two.seen(0).until(|seen| seen.told() == 1).await;
    assert_eq!(two.seen(0).ids(), one.seen(0).ids(), "with the same id");
    let waited = two.seen(0).tries()[0].at - one.seen(0).tries()[0].at;
    assert!(waited >= LIMIT * 2, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn another_processs_alerts_are_found_without_being_woken() {
    let store = Arc::new(Flaky::default());
    let stores = [Arc::clone(&store) as Arc<dyn DynStore>];
    let setup = process(
        &stores,
        &store.memory,
        &Clock::of_tokio(at(0)),
        script([Mood::Fine]),
    );
    setup.lane(0).flush().await;
    let alerts = vec![outgoing("scripted", alert(0, Severity::Error))];
    store.memory.take_on(alerts, setup.clock.now());
    setup.seen(0).until(|seen| seen.told() == 1).await;
    assert!(setup.clock.now() <= at(60));
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_away_the_standby_is_served_and_then_the_store_again() {
    let (store, standby) = (Arc::new(Flaky::default()), Arc::new(Memory::new()));
    let stores = [
        Arc::clone(&standby) as Arc<dyn DynStore>,
        Arc::clone(&store) as Arc<dyn DynStore>,
    ];
    let setup = process(
        &stores,
        &store.memory,
        &Clock::of_tokio(at(0)),
        script([Mood::Fine]),
    );
    store.is_away.store(true, Ordering::Relaxed);
    setup.decide(0, 0..3);
    let alerts = vec![outgoing("scripted", alert(3, Severity::Error))];
    standby.take_on(alerts, setup.clock.now());
    setup.lane(0).wake();
    setup.seen(0).until(|seen| seen.told() == 1).await;
    let flush = tokio::spawn(setup.lane(0).flush());
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert!(!flush.is_finished(), "nobody knows what waits in the store");
    store.is_away.store(false, Ordering::Relaxed);
    flush.await.unwrap();
    assert_eq!(setup.seen(0).told(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_arrived_while_the_store_could_not_be_told_is_not_delivered_again() {
    let store = Arc::new(Flaky::default());
    let stores = [Arc::clone(&store) as Arc<dyn DynStore>];
    let setup = process(
        &stores,
        &store.memory,
        &Clock::of_tokio(at(0)),
        script([Mood::Fine]),
    );
    store.forgets_to_answer.store(true, Ordering::Relaxed);
    setup.decide(0, 0..1);
    setup.seen(0).until(|seen| seen.told() == 1).await;
    // Far beyond the lease.
    tokio::time::sleep(Duration::from_secs(600)).await;
    store.forgets_to_answer.store(false, Ordering::Relaxed);
    setup.lane(0).flush().await;
    assert_eq!(setup.seen(0).tries().len(), 1);
    assert_eq!(store.memory.undelivered(), 0);
    let stored = Store::notifiers(&*store.memory).await.unwrap();
    assert_eq!(stored[0].state.delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn one_notifier_has_one_budget_whichever_store_its_alerts_come_from() {
    let (memory, standby) = (Arc::new(Memory::new()), Arc::new(Memory::new()));
    let stores = [
        Arc::clone(&standby) as Arc<dyn DynStore>,
        Arc::clone(&memory) as Arc<dyn DynStore>,
    ];
    let budget = Budget::new(6, Duration::from_secs(60)).at_once(4);
    let scripts = vec![(script([Mood::Fine]), budget)];
    let setup = start(memory, &stores, Clock::of_tokio(at(0)), scripts);
    for number in 0..100 {
        let alerts = vec![outgoing("scripted", alert(1_000 + number, Severity::Error))];
        standby.take_on(alerts, setup.clock.now());
        setup.decide(0, number..number + 1);
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    setup.lane(0).flush().await;
    assert_eq!(setup.seen(0).told(), 200);
    let sent = setup.seen(0).tries().len() as f64;
    let elapsed = setup.clock.now().since(at(0));
    assert!(
        sent <= 4.0 + budget.earned(elapsed) + 1.0,
        "{sent} in {elapsed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_process_that_begins_tries_again_what_an_earlier_one_was_refused_for_good() {
    let store = Arc::new(Flaky::default());
    let stores = [Arc::clone(&store) as Arc<dyn DynStore>];
    let clock = Clock::of_tokio(at(0));
    let one = process(&stores, &store.memory, &clock, script([gone()]));
    one.decide(0, 0..1);
    one.lane(0).flush().await;
    assert!(matches!(
        one.lane(0).status().state.breaker,
        Breaker::Stopped { .. }
    ));
    let two = process(&stores, &store.memory, &clock, script([Mood::Fine]));
    two.lane(0).flush().await;
    two.decide(0, 1..2);
    two.lane(0).flush().await;
    assert_eq!(two.seen(0).told(), 1);
    one.lane(0).flush().await;
    assert_eq!(one.lane(0).status().state.breaker, Breaker::Closed);
}

//! The store that is judged, with shorter ways to ask it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::sample::{at, change, fingerprint, new_id};
use super::{Broken, promise};
use crate::issue::{Alert, Change, Record, Retention};
use crate::occurrence::Occurrence;
use crate::store::{
    Batch, Claimed, Committed, Decide, DynStore, Fate, Lease, NotifierState, Outgoing, Plan,
    Planner, StoredNotifier, Touched, Waiting,
};
use crate::time::Timestamp;

/// The store that is judged, as one process uses it.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) store: Arc<dyn DynStore>,
    process: Uuid,
    number: Arc<AtomicU64>,
    pub(crate) retention: Retention,
}

impl Subject {
    pub(crate) fn new(store: Arc<dyn DynStore>) -> Self {
        Self {
            store,
            process: new_id(),
            number: Arc::default(),
            retention: Retention::new(),
        }
    }

    /// The same with other bounds.
    pub(crate) fn keeping(&self, retention: Retention) -> Self {
        Self {
            retention,
            ..self.clone()
        }
    }

    /// The same store as another process uses it.
    pub(crate) fn colleague(&self) -> Self {
        Self {
            process: new_id(),
            number: Arc::default(),
            ..self.clone()
        }
    }

    pub(crate) fn batch(&self, second: i64, changes: Vec<Change>) -> Arc<Batch> {
        Arc::new(Batch {
            changes,
            now: at(second),
            retention: self.retention,
            process: self.process,
            number: self.number.fetch_add(1, Ordering::Relaxed) + 1,
        })
    }

    /// Commits, and nothing is told.
    pub(crate) async fn commit(
        &self,
        second: i64,
        changes: Vec<Change>,
    ) -> Result<Committed, Broken> {
        self.decide(second, changes, |_| Vec::new()).await
    }

    pub(crate) async fn decide(
        &self,
        second: i64,
        changes: Vec<Change>,
        decide: impl Fn(&mut [Touched<'_>]) -> Vec<Outgoing> + Send + Sync + 'static,
    ) -> Result<Committed, Broken> {
        self.hand_in(self.batch(second, changes), decide).await
    }

    pub(crate) async fn hand_in(
        &self,
        batch: Arc<Batch>,
        decide: impl Fn(&mut [Touched<'_>]) -> Vec<Outgoing> + Send + Sync + 'static,
    ) -> Result<Committed, Broken> {
        let decide: Decide = Arc::new(decide);
        Ok(self.store.commit(batch, decide).await?)
    }

    /// Commits one occurrence of the problem that the alert tells of, and the alert for these notifiers.
    pub(crate) async fn tell(
        &self,
        second: i64,
        alert: &Alert,
        notifiers: &[&str],
    ) -> Result<Committed, Broken> {
        let alert = Arc::new(alert.clone());
        let change = change(alert.issue.fingerprint.as_u64(), second);
        let outgoing: Vec<_> = notifiers
            .iter()
            .map(|notifier| Outgoing {
                notifier: (*notifier).to_owned(),
                alert: Arc::clone(&alert),
            })
            .collect();
        self.decide(second, vec![change], move |_| outgoing.clone())
            .await
    }

    /// Takes the alert that has waited longest, for an hour.
    pub(crate) async fn take(&self, notifier: &str, second: i64) -> Result<Claimed, Broken> {
        self.claim(notifier, second, take_first).await
    }

    pub(crate) async fn claim(
        &self,
        notifier: &str,
        second: i64,
        plan: impl Fn(&mut NotifierState, &[Waiting]) -> Plan + Send + Sync + 'static,
    ) -> Result<Claimed, Broken> {
        self.lease(notifier, at(second), HOUR, plan).await
    }

    pub(crate) async fn lease(
        &self,
        notifier: &str,
        now: Timestamp,
        duration: Duration,
        plan: impl Fn(&mut NotifierState, &[Waiting]) -> Plan + Send + Sync + 'static,
    ) -> Result<Claimed, Broken> {
        let lease = Lease {
            notifier: notifier.to_owned(),
            now,
            duration,
        };
        let plan: Planner = Arc::new(plan);
        Ok(self.store.claim(lease, plan).await?)
    }

    /// What a notifier's plan gets to see.
    pub(crate) async fn waiting(
        &self,
        notifier: &str,
        second: i64,
    ) -> Result<Vec<Waiting>, Broken> {
        let seen = Arc::new(std::sync::Mutex::default());
        let sight = Arc::clone(&seen);
        self.claim(notifier, second, move |_, waiting| {
            if let Ok(mut seen) = sight.lock() {
                *seen = waiting.to_vec();
            }
            Plan::default()
        })
        .await?;
        let seen = seen
            .lock()
            .map_err(|_| Broken("a plan panicked".to_owned()))?;
        Ok(seen.clone())
    }

    pub(crate) async fn settle(
        &self,
        notifier: &str,
        entry: Uuid,
        fate: Fate,
    ) -> Result<(), Broken> {
        let as_it_is = Arc::new(|_: &mut NotifierState| {});
        Ok(self.store.settle(notifier, entry, fate, as_it_is).await?)
    }

    pub(crate) async fn record(&self, problem: u64) -> Result<Record, Broken> {
        let record = self.store.record(fingerprint(problem)).await?;
        record.ok_or_else(|| Broken(format!("problem {problem} is not known")))
    }

    pub(crate) async fn occurrences(&self, problem: u64) -> Result<Vec<Arc<Occurrence>>, Broken> {
        Ok(self.store.occurrences(fingerprint(problem)).await?)
    }

    /// The fingerprints of all problems, as numbers.
    pub(crate) async fn problems(&self) -> Result<Vec<u64>, Broken> {
        let issues = self.store.issues(usize::MAX).await?;
        Ok(issues
            .iter()
            .map(|issue| issue.fingerprint.as_u64())
            .collect())
    }

    pub(crate) async fn notifier(&self, name: &str) -> Result<StoredNotifier, Broken> {
        let notifiers = self.store.notifiers().await?;
        let found = notifiers.into_iter().find(|stored| stored.name == name);
        found.ok_or_else(|| Broken(format!("the notifier `{name}` is not listed")))
    }
}

/// The entry that was handed out.
pub(crate) fn entry(claimed: &Claimed) -> Result<&crate::store::Entry, Broken> {
    let entry = claimed.entry.as_ref();
    entry.ok_or_else(|| Broken("what waits is not handed out".to_owned()))
}

/// A lease that really runs: a store that others share may go by a clock of its own.
pub(crate) struct RunningLease {
    taken: Timestamp,
    begun: Instant,
}

impl RunningLease {
    const DURATION: Duration = Duration::from_millis(300);

    /// Leases what waits first for the notifier.
    pub(crate) async fn take(subject: &Subject, notifier: &str) -> Result<(Self, Claimed), Broken> {
        let lease = Self {
            taken: Timestamp::now(),
            begun: Instant::now(),
        };
        let claimed = subject.lease(notifier, lease.taken, Self::DURATION, take_first);
        let claimed = claimed.await?;
        Ok((lease, claimed))
    }

    /// What is handed out to another who asks until the lease is over.
    ///
    /// A store looks at the time somewhere between the question and its answer, however long that takes.
    pub(crate) async fn outlast(
        &self,
        other: &Subject,
        notifier: &str,
    ) -> Result<crate::store::Entry, Broken> {
        loop {
            let asked = self.begun.elapsed();
            let now = self.taken.after(asked);
            let claimed = other.lease(notifier, now, HOUR, take_first).await?;
            if let Some(entry) = claimed.entry {
                let answered = self.begun.elapsed();
                promise!(
                    answered >= Self::DURATION,
                    "the lease was over before its time"
                );
                return Ok(entry);
            }
            promise!(asked < Self::DURATION * 20, "the lease does not end");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

pub(crate) fn take_first(_: &mut NotifierState, waiting: &[Waiting]) -> Plan {
    Plan {
        take: waiting.first().map(|waiting| waiting.id),
        ..Plan::default()
    }
}

/// Runs each on a thread of its own, all at the same time and without any runtime, and gives what comes of them.
pub(crate) fn at_once<T, W, F>(work: Vec<W>) -> Result<Vec<T>, Broken>
where
    T: Send + 'static,
    W: FnOnce() -> F + Send + 'static,
    F: Future<Output = Result<T, Broken>>,
{
    let (count, barrier) = (work.len(), Arc::new(std::sync::Barrier::new(work.len())));
    let (results, all) = mpsc::channel();
    for work in work {
        let (results, barrier) = (results.clone(), Arc::clone(&barrier));
        thread::spawn(move || {
            barrier.wait();
            // An error would mean that nobody waits any more.
            let _ = results.send(block_on(work()));
        });
    }
    drop(results);
    let mut done = Vec::new();
    while let Ok(result) = all.recv_timeout(PATIENCE) {
        done.push(result?);
    }
    promise!(
        done.len() == count,
        "{} of {count} threads had no answer in {PATIENCE:?}, or panicked; does a future need a runtime?",
        count - done.len()
    );
    Ok(done)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
const PATIENCE: Duration = Duration::from_secs(120);

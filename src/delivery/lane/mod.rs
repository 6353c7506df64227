//! One notifier with its queue, its thread, its time limit and its tries.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::retry::RetryRules;
use crate::guard::{contain_thread, contained};
use crate::loss::{LossCounter, LossReason};
use crate::notify::{DynNotifier, NotifyError};
use crate::occurrence::Alert;

/// What became of a test alert at one notifier.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TestDelivery {
    /// The notifier's name.
    pub notifier: String,
    /// Whether it arrived and, if not, why.
    pub result: Result<(), NotifyError>,
}

/// The worker's end of a lane.
#[derive(Debug)]
pub(super) struct Lane {
    name: String,
    alerts: mpsc::Sender<Arc<Alert>>,
    tests: mpsc::Sender<Test>,
    shared: Arc<Shared>,
    losses: Arc<LossCounter>,
    time_limit: Duration,
}

#[derive(Debug)]
struct Shared {
    /// Alerts that were taken on so far.
    taken: AtomicU64,
    /// How many of them are delivered or given up; a flush waits for it.
    done: watch::Sender<u64>,
    /// Alerts that were taken on and are neither delivered nor given up.
    open: AtomicU64,
    /// Set when the process ends: what is still open is given up.
    abandoned: AtomicBool,
    /// Wakes a lane that waits for its next try.
    hurry: Notify,
}

type Test = (Arc<Alert>, oneshot::Sender<TestDelivery>);

impl Lane {
    /// Starts the notifier's thread. It ends when the lane is dropped and everything is delivered or given up.
    pub(super) fn start(
        notifier: Arc<dyn DynNotifier>,
        length: usize,
        retry: RetryRules,
        losses: &Arc<LossCounter>,
    ) -> std::io::Result<Self> {
        let runtime = super::runtime()?;
        let (lane, driver) = Self::parts(notifier, length, retry, losses);
        std::thread::Builder::new()
            .name(format!("tower-monitor-{}", lane.name))
            .spawn(move || {
                contain_thread();
                runtime.block_on(driver);
                // A plain drop would wait for whatever the notifier has spawned on blocking threads.
                runtime.shutdown_background();
            })?;
        Ok(lane)
    }

    /// Both ends of a lane.
    fn parts(
        notifier: Arc<dyn DynNotifier>,
        length: usize,
        retry: RetryRules,
        losses: &Arc<LossCounter>,
    ) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (alerts, jobs) = mpsc::channel(length.max(1));
        let (tests, test_jobs) = mpsc::channel(TESTS);
        let shared = Arc::new(Shared {
            taken: AtomicU64::new(0),
            done: watch::Sender::new(0),
            open: AtomicU64::new(0),
            abandoned: AtomicBool::new(false),
            hurry: Notify::new(),
        });
        let name = name_of(&*notifier);
        let driver = Driver {
            name: name.clone(),
            notifier,
            retry,
            shared: Arc::clone(&shared),
            losses: Arc::clone(losses),
        };
        let lane = Self {
            name,
            alerts,
            tests,
            shared,
            losses: Arc::clone(losses),
            time_limit: retry.time_limit,
        };
        (lane, driver.run(jobs, test_jobs))
    }

    /// Takes an alert on, or counts it as lost when too many wait already.
    pub(super) fn deliver(&self, alert: &Arc<Alert>) {
        self.shared.open.fetch_add(1, Ordering::AcqRel);
        if self.alerts.try_send(Arc::clone(alert)).is_ok() {
            self.shared.taken.fetch_add(1, Ordering::AcqRel);
        } else {
            self.shared.open.fetch_sub(1, Ordering::AcqRel);
            self.losses.add(LossReason::AlertQueueFull, 1);
        }
    }

    /// One try with a test alert, at once even when others wait for their next try.
    pub(super) fn test(
        &self,
        alert: &Arc<Alert>,
    ) -> impl Future<Output = TestDelivery> + Send + use<> {
        let (reply, answer) = oneshot::channel();
        let sent = self.tests.try_send((Arc::clone(alert), reply)).is_ok();
        let name = self.name.clone();
        // Another try may be under way.
        let limit = self.time_limit.saturating_mul(2) + TEST_MARGIN;
        async move {
            let failed = |message| TestDelivery {
                notifier: name.clone(),
                result: Err(NotifyError::temporary(message)),
            };
            if !sent {
                return failed("too many tests wait for this notifier already");
            }
            match tokio::time::timeout(limit, answer).await {
                Ok(answer) => answer.unwrap_or_else(|_| failed("the notifier's thread has ended")),
                Err(_) => failed("the notifier blocks its thread"),
            }
        }
    }

    /// Resolves when everything taken on before is delivered or given up. Takes no place in the queue.
    pub(super) fn flush(&self) -> impl Future<Output = ()> + Send + use<> {
        let until = self.shared.taken.load(Ordering::Acquire);
        let mut done = self.shared.done.subscribe();
        async move {
            // An error would mean that the lane is gone, and with it what was open.
            let _ = done.wait_for(|done| *done >= until).await;
        }
    }

    /// Gives up what is still open, and counts it.
    pub(super) fn abandon(&self) {
        self.shared.abandoned.store(true, Ordering::Release);
        let open = self.shared.open.swap(0, Ordering::AcqRel);
        self.losses.add(LossReason::AlertUndelivered, open);
        self.shared.hurry.notify_one();
    }
}

/// The notifier's end of a lane.
struct Driver {
    name: String,
    notifier: Arc<dyn DynNotifier>,
    retry: RetryRules,
    shared: Arc<Shared>,
    losses: Arc<LossCounter>,
}

impl Driver {
    async fn run(self, mut alerts: mpsc::Receiver<Arc<Alert>>, mut tests: mpsc::Receiver<Test>) {
        loop {
            tokio::select! {
                biased;
                Some(test) = tests.recv() => self.test(test).await,
                alert = alerts.recv() => {
                    let Some(alert) = alert else { return };
                    self.deliver(&alert, &mut tests).await;
                    self.shared.done.send_modify(|done| *done += 1);
                }
            }
        }
    }

    async fn test(&self, (alert, reply): Test) {
        let result = self
            .try_once(&alert)
            .await
            .unwrap_or_else(|Panicked| Err(NotifyError::refused("the notifier panicked")));
        let _ = reply.send(TestDelivery {
            notifier: self.name.clone(),
            result,
        });
    }

    async fn deliver(&self, alert: &Alert, tests: &mut mpsc::Receiver<Test>) {
        let mut failed = 0;
        let outcome = loop {
            if self.shared.abandoned.load(Ordering::Acquire) {
                return;
            }
            let error = match self.try_once(alert).await {
                Ok(Ok(())) => break Ok(()),
                Err(Panicked) => break Err((LossReason::NotifierPanicked, None)),
                Ok(Err(error)) if !error.is_temporary() => {
                    break Err((LossReason::AlertRefused, Some(error)));
                }
                Ok(Err(error)) => error,
            };
            failed += 1;
            let Some(wait) = self.retry.wait(failed, error.wait()) else {
                break Err((LossReason::AlertUndelivered, Some(error)));
            };
            self.wait(wait, tests).await;
        };
        // Whoever takes the alert off the open ones counts what became of it: this lane, or the one who abandoned it.
        let ours = self
            .shared
            .open
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |open| {
                open.checked_sub(1)
            });
        if let (Ok(_), Err((reason, error))) = (ours, outcome) {
            self.losses.add(reason, 1);
            let error = error.map_or_else(|| "it panicked".to_owned(), |error| error.to_string());
            // The app's subscriber may panic as well as a notifier.
            let _ = contained(|| {
                tracing::warn!(
                    target: "tower_monitor",
                    notifier = %self.name,
                    issue = %alert.issue.fingerprint,
                    %error,
                    "an alert was not delivered"
                );
            });
        }
    }

    /// Until the next try. Tests go on meanwhile: they are there to find out why nothing arrives.
    async fn wait(&self, wait: Duration, tests: &mut mpsc::Receiver<Test>) {
        let over = tokio::time::sleep(wait);
        let mut over = pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return,
                () = self.shared.hurry.notified() => return,
                Some(test) = tests.recv() => self.test(test).await,
            }
        }
    }

    async fn try_once(&self, alert: &Alert) -> Result<Result<(), NotifyError>, Panicked> {
        let limit = self.retry.time_limit;
        // `notify` of a hand-made notifier may panic before it gives a future.
        let started = contained(|| self.notifier.notify(alert));
        let delivery = CatchPanic(Some(started.ok_or(Panicked)?));
        match tokio::time::timeout(limit, pin!(delivery)).await {
            Ok(result) => result,
            Err(_) => Ok(Err(NotifyError::temporary(format!(
                "no answer within {limit:?}"
            )))),
        }
    }
}

struct Panicked;

/// Polls a notifier's future, and drops it, so that a panic ends here.
struct CatchPanic<F>(Option<Pin<Box<F>>>)
where
    F: Future + ?Sized;

impl<F: Future + ?Sized> Future for CatchPanic<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.0 else {
            return Poll::Ready(Err(Panicked));
        };
        match contained(|| future.as_mut().poll(context)) {
            Some(Poll::Pending) => Poll::Pending,
            Some(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            None => Poll::Ready(Err(Panicked)),
        }
    }
}

impl<F: Future + ?Sized> Drop for CatchPanic<F> {
    fn drop(&mut self) {
        let future = self.0.take();
        let _ = contained(|| drop(future));
    }
}

/// The notifier's name, for thread and log: short, and whatever it does when asked.
fn name_of(notifier: &dyn DynNotifier) -> String {
    contained(|| crate::text::one_line(crate::text::cut(notifier.name(), 64)).into_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "unnamed".to_owned())
}

/// Test alerts that may wait at one notifier.
const TESTS: usize = 4;
const TEST_MARGIN: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;

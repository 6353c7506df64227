//! A notifier at work: a thread that takes alerts out of the outbox, delivers them, and says what came of it.
//!
//! ```text
//! outbox ─► claim: plan says what to take ─► one try ─► settle: done, again later, or for the next notifier
//! ```
//!
//! What is to be done is decided in [`plan`](super::plan) and [`health`](super::health); here it is done.

mod attempt;
mod driver;
mod finished;
mod handle;
mod row;
mod source;

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use self::driver::Driver;
use self::finished::Finished;
use self::source::Source;
use super::plan::{MANY, MANY_OCCURRENCES, Rules};
use super::trouble::Trouble;
use crate::guard::contain_thread;
use crate::issue::{Alert, Desk};
use crate::loss::LossCounter;
use crate::notify::{Channel, NotifyError, Takes};
use crate::store::{DynStore, NotifierState};
use crate::time::{Clock, uptime_seconds};

pub(super) use row::Row;

/// What became of a test alert at one notifier.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TestDelivery {
    /// The notifier's name.
    pub notifier: String,
    /// Whether it arrived and, if not, why.
    pub result: Result<(), NotifyError>,
}

/// What a lane is made of.
pub(super) struct LaneParts {
    pub(super) channel: Channel,
    /// All notifiers, and the place of this one among them.
    pub(super) row: Arc<Row>,
    pub(super) place: usize,
    /// Where alerts are taken from, in the order in which is looked.
    pub(super) sources: Vec<Arc<dyn DynStore>>,
    /// How long one try may take, unless the channel says otherwise.
    pub(super) time_limit: Duration,
    /// How long an alert may wait.
    pub(super) max_age: Duration,
    pub(super) desk: Desk,
    pub(super) losses: Arc<LossCounter>,
    pub(super) clock: Clock,
    pub(super) troubles: mpsc::Sender<Trouble>,
}

/// How a notifier is, as this process sees it.
#[derive(Clone, Debug)]
pub(super) struct LaneStatus {
    pub(super) state: NotifierState,
    /// How many messages wait.
    pub(super) waiting: u64,
}

/// The other threads' end of a lane.
#[derive(Debug)]
pub(super) struct Lane {
    channel: Channel,
    row: Arc<Row>,
    place: usize,
    tests: mpsc::Sender<Test>,
    shared: Arc<Shared>,
    flushed: watch::Receiver<u64>,
    time_limit: Duration,
}

/// What both ends of a lane see.
#[derive(Debug)]
struct Shared {
    /// How many flushes were asked for.
    asked: AtomicU64,
    /// When it was called and has not come since, and when it last came, in seconds of the process.
    woken: AtomicU64,
    looked: AtomicU64,
    /// How many messages wait in each source, when it was last looked.
    waiting: Vec<AtomicU64>,
    /// How the notifier is, whichever store an alert came from.
    state: Mutex<NotifierState>,
    /// Set when the monitor has shut down. Both ends have it, so that dropping the lane is not taken for that.
    abandoned: watch::Sender<bool>,
}

impl Shared {
    async fn abandoned(&self) {
        // The sender is here, so this cannot fail.
        let _ = self.abandoned.subscribe().wait_for(|is| *is).await;
    }

    fn state(&self) -> MutexGuard<'_, NotifierState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Test = (Arc<Alert>, oneshot::Sender<TestDelivery>);

impl Lane {
    /// Starts the notifier's thread. It ends some time after the lane is dropped or abandoned.
    pub(super) fn start(parts: LaneParts) -> std::io::Result<Self> {
        let runtime = super::runtime()?;
        let (lane, driver) = Self::parts(parts);
        std::thread::Builder::new()
            .name(format!("tower-monitor-{}", lane.name()))
            .spawn(move || {
                contain_thread();
                runtime.block_on(driver);
                // A plain drop would wait for whatever the notifier has spawned on blocking threads.
                runtime.shutdown_background();
            })?;
        Ok(lane)
    }

    /// Both ends of a lane.
    fn parts(parts: LaneParts) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (tests, test_jobs) = mpsc::channel(TESTS);
        let (flush, flushed) = watch::channel(0);
        let shared = Arc::new(Shared {
            asked: AtomicU64::new(0),
            woken: AtomicU64::new(0),
            looked: AtomicU64::new(0),
            waiting: parts.sources.iter().map(|_| AtomicU64::new(0)).collect(),
            state: Mutex::default(),
            abandoned: watch::Sender::new(false),
        });
        let (channel, row, place) = (parts.channel, parts.row, parts.place);
        let time_limit = channel.own_time_limit().unwrap_or(parts.time_limit);
        let sources = parts.sources.into_iter();
        let driver = Driver {
            notifier: Arc::clone(channel.notifier()),
            place,
            sources: sources.map(|it| Source::new(it, &row, place)).collect(),
            rules: Rules {
                budget: channel.own_budget(),
                apart: match channel.own_takes() {
                    Takes::Occurrences => MANY_OCCURRENCES,
                    _ => 0,
                },
                max_age: parts.max_age,
                lease: time_limit.saturating_mul(2).saturating_add(LEASE_MARGIN),
            },
            row: Arc::clone(&row),
            time_limit,
            desk: parts.desk,
            losses: parts.losses,
            clock: parts.clock,
            troubles: parts.troubles,
            shared: Arc::clone(&shared),
            flushed: flush,
            finished: Finished::default(),
        };
        let lane = Self {
            channel,
            row,
            place,
            tests,
            shared,
            flushed,
            time_limit,
        };
        (lane, driver.run(test_jobs))
    }

    /// The name under which alerts wait for it.
    pub(super) fn name(&self) -> &str {
        self.row.name(self.place)
    }

    /// Whether it is told of this.
    pub(super) fn wants(&self, alert: &Alert) -> bool {
        self.channel.wants(alert)
    }

    /// What it is told of.
    pub(super) fn takes(&self) -> Takes {
        self.row.takes(self.place)
    }

    /// Whether it takes nothing any more and another notifier works. When none does, all of them go on taking alerts, and
    /// write them to the log.
    pub(super) fn is_stopped(&self) -> bool {
        self.row.is_passed_over(self.place) || self.is_stuck()
    }

    /// Whether its thread has not come back from the notifier for far longer than a try may take.
    pub(super) fn is_stuck(&self) -> bool {
        let woken = self.shared.woken.load(Ordering::Acquire);
        let has_looked = self.shared.looked.load(Ordering::Acquire) >= woken;
        let patience = self.time_limit.saturating_mul(2).saturating_add(PATIENCE);
        !has_looked && uptime_seconds() > woken.saturating_add(patience.as_secs())
    }

    /// How many alerts that were decided at once may wait apart.
    pub(super) fn room(&self) -> usize {
        let is_service = !self.takes().is_for_people();
        let (many, room) = match is_service {
            true => (MANY_OCCURRENCES, MANY_OCCURRENCES / 2),
            false => (MANY, ROOM),
        };
        if self.waiting() > many as u64 {
            1
        } else {
            room
        }
    }

    /// Has it look for what is new in the outbox.
    pub(super) fn wake(&self) {
        let (woken, looked) = (&self.shared.woken, &self.shared.looked);
        if looked.load(Ordering::Acquire) >= woken.load(Ordering::Acquire) {
            // The first call since it looked: how long it takes to come is counted from here.
            woken.store(uptime_seconds().max(1), Ordering::Release);
        }
        self.row.wake(self.place);
    }

    /// One try with a test alert, at once even when others wait for their next try.
    pub(super) fn test(
        &self,
        alert: &Arc<Alert>,
    ) -> impl Future<Output = TestDelivery> + Send + use<> {
        let (reply, answer) = oneshot::channel();
        let sent = self.tests.try_send((Arc::clone(alert), reply)).is_ok();
        let name = self.name().to_owned();
        // Another try may be under way.
        let limit = self
            .time_limit
            .saturating_mul(2)
            .saturating_add(TEST_MARGIN);
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

    /// Resolves when, at some time after this call, nothing waits for this notifier in any store: neither what is new nor what
    /// is to be tried again. What another process is delivering does not count. While a store is away, it does not resolve.
    pub(super) fn flush(&self) -> impl Future<Output = ()> + Send + use<> {
        let asked = self.shared.asked.fetch_add(1, Ordering::AcqRel) + 1;
        self.wake();
        let mut flushed = self.flushed.clone();
        async move {
            // An error would mean that the thread has ended: nothing more will be delivered.
            let _ = flushed.wait_for(|flushed| *flushed >= asked).await;
        }
    }

    /// How the notifier is.
    pub(super) fn status(&self) -> LaneStatus {
        LaneStatus {
            state: self.shared.state().clone(),
            waiting: self.waiting(),
        }
    }

    /// Begins nothing more, breaks off what is under way, and ends the thread.
    ///
    /// What is in the outbox stays there. A store that is not durable loses it: who owns that store counts it as lost, see
    /// [`Memory::undelivered`](crate::store::Memory::undelivered). An alert that is under way in a notifier that blocks its thread may
    /// arrive although it was counted.
    pub(super) fn abandon(&self) {
        self.shared.abandoned.send_replace(true);
    }

    fn waiting(&self) -> u64 {
        let waiting = self.shared.waiting.iter();
        waiting.map(|count| count.load(Ordering::Acquire)).sum()
    }
}

/// So many alerts of one moment may wait apart.
const ROOM: usize = 50;
/// Test alerts that may wait at one notifier.
const TESTS: usize = 4;
const TEST_MARGIN: Duration = Duration::from_secs(2);
/// Beyond two tries, before a notifier is taken for stuck.
const PATIENCE: Duration = Duration::from_secs(10);
const LEASE_MARGIN: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;

//! The notifier's end of a lane: claim, deliver, settle.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::attempt::Attempt;
use super::finished::Finished;
use super::row::Row;
use super::source::Source;
use super::{Shared, Test, TestDelivery, Trouble};
use crate::delivery::health;
use crate::delivery::plan::{Moment, Rules, plan};
use crate::issue::Alert;
use crate::issue::Desk;
use crate::loss::LossCounter;
use crate::notify::DynNotifier;
use crate::request::RequestId;
use crate::store::{Claimed, Lease, Planner};
use crate::time::{Clock, uptime_seconds};

/// The notifier's end of a lane.
pub(super) struct Driver {
    pub(super) notifier: Arc<dyn DynNotifier>,
    pub(super) place: usize,
    pub(super) row: Arc<Row>,
    pub(super) sources: Vec<Source>,
    pub(super) rules: Rules,
    pub(super) time_limit: Duration,
    pub(super) desk: Desk,
    pub(super) losses: Arc<LossCounter>,
    pub(super) clock: Clock,
    pub(super) troubles: mpsc::Sender<Trouble>,
    pub(super) shared: Arc<Shared>,
    pub(super) flushed: watch::Sender<u64>,
    pub(super) finished: Finished,
}

/// What a look at all sources came to.
#[derive(Default)]
struct Round {
    /// Something was taken, so that there may be more.
    took: bool,
    /// Something waits, or may wait in a store that is away.
    waits: bool,
    look_again: Option<Instant>,
}

impl Round {
    fn again(&mut self, at: Instant) {
        self.look_again = Some(self.look_again.map_or(at, |known| known.min(at)));
    }
}

impl Driver {
    /// Works until the monitor has shut down; without that, until everything is delivered that it can deliver soon after
    /// the lane is gone.
    pub(super) async fn run(mut self, mut tests: mpsc::Receiver<Test>) {
        let mut orphaned = None;
        loop {
            while let Ok(test) = tests.try_recv() {
                self.test(test).await;
            }
            let asked = self.shared.asked.load(Ordering::Acquire);
            let looked = uptime_seconds().max(1);
            self.shared.looked.store(looked, Ordering::Release);
            let round = self.round().await;
            if *self.shared.abandoned.borrow() {
                return;
            }
            if round.took {
                continue;
            }
            if !round.waits {
                self.flushed.send_replace(asked);
            }
            if orphaned.is_some_and(|since: Instant| !round.waits || since.elapsed() > LINGER) {
                return;
            }
            let at = round.look_again.unwrap_or_else(Instant::now);
            let shared = Arc::clone(&self.shared);
            tokio::select! {
                () = sleep_until(at), if round.look_again.is_some() => {}
                () = self.row.woken(self.place) => {}
                () = shared.abandoned() => return,
                test = tests.recv(), if orphaned.is_none() => match test {
                    Some(test) => self.test(test).await,
                    None => orphaned = Some(Instant::now()),
                },
            }
        }
    }

    /// Takes the next alert out of the first source that has one for now.
    async fn round(&mut self) -> Round {
        let mut round = Round::default();
        for at in 0..self.sources.len() {
            let begun = Instant::now();
            let Some(claimed) = self.claim(at).await else {
                round.waits = true;
                round.again(self.sources[at].rests_until().unwrap_or(begun));
                continue;
            };
            let taken = u64::from(claimed.entry.is_some());
            self.shared.waiting[at].store(claimed.waiting + taken, Ordering::Release);
            if let Some(entry) = claimed.entry {
                round.took = true;
                // The answer took so long that somebody else may have it by now.
                if begun.elapsed() + self.time_limit < self.rules.lease {
                    self.handle(at, entry).await;
                }
                return round;
            }
            round.waits |= claimed.waiting > 0;
            let now = self.clock.now();
            if let Some(again) = claimed.plan.look_again {
                round.again(Instant::now() + again.since(now));
            }
            if claimed.leased > 0 {
                round.again(Instant::now() + self.rules.lease);
            }
            if let Some(again) = self.sources[at].looks_again() {
                round.again(again);
            }
        }
        round
    }

    async fn claim(&mut self, at: usize) -> Option<Claimed> {
        let now = self.clock.now();
        let moment = Moment {
            now,
            new_id: RequestId::generate_uuid(now),
        };
        let (rules, own, is_new) = (
            self.rules.clone(),
            self.shared.state().clone(),
            self.sources[at].is_new,
        );
        let seen = Arc::new(Mutex::new(None));
        let into = Arc::clone(&seen);
        let planner: Planner = Arc::new(move |state, waiting| {
            if is_new {
                health::begin_anew(state);
            }
            health::carry(state, &own, &rules.budget, now);
            let plan = plan(state, waiting, moment, &rules);
            *into.lock().unwrap_or_else(PoisonError::into_inner) = Some(state.clone());
            plan
        });
        let lease = Lease {
            notifier: self.name().to_owned(),
            now,
            duration: self.rules.lease,
        };
        let claimed = self.sources[at].claim(lease, planner).await?;
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(state) = seen {
            self.row.set_stopped(self.place, health::is_stopped(&state));
            *self.shared.state() = state;
        }
        Some(claimed)
    }

    /// Tries once for somebody who waits for the result.
    async fn test(&mut self, (alert, reply): Test) {
        let begun = self.clock.now();
        let result = self.attempt(&alert).await.result();
        {
            let mut state = self.shared.state();
            health::spend(&mut state);
            if result.is_ok() {
                health::arrived(&mut state, begun, self.clock.now());
            }
        }
        let _ = reply.send(TestDelivery {
            notifier: self.name().to_owned(),
            result,
        });
    }

    pub(super) async fn attempt(&self, alert: &Alert) -> Attempt {
        Attempt::of(&*self.notifier, alert, self.time_limit).await
    }

    pub(super) fn name(&self) -> &str {
        self.row.name(self.place)
    }
}

/// How long a lane goes on whose monitor was dropped without a shutdown.
const LINGER: Duration = Duration::from_secs(120);

//! From an occurrence to the notifiers: a bounded queue, a background thread, the store, and a lane for each notifier.
//!
//! ```text
//! failing request ─► queue ─► worker: resolve, complete, redact ─► ledger ─► keeper ─► store: count, judge, outbox
//!                    sites ─►   (counts only)                                             │
//!                                                                      notifier ◄─ lane ◄─┘
//! ```
//!
//! The worker has a thread and a runtime of its own, so it works before the app's runtime starts, while that is stuck and
//! while it ends. So has each lane: a notifier that blocks its thread holds up nobody but itself.

mod ask;
mod completion;
mod decision;
#[cfg(test)]
mod fixtures;
mod health;
mod keeper;
mod lane;
mod ledger;
mod passing;
mod people;
mod plan;
mod queue;
mod retry;
mod sites;
mod status;
mod steps;
mod trouble;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

pub use lane::TestDelivery;
pub use plan::DEFAULT_ALERT_AGE;
pub use status::NotifierStatus;

pub(crate) use completion::{Completion, LastWord};
pub(crate) use queue::{Gate, Queue};

use self::decision::Decision;
use self::keeper::Keeper;
use self::lane::{Lane, LaneParts, Row};
use self::steps::Ratios;
use crate::issue::{Desk, Retention};
use crate::loss::LossCounter;
use crate::notify::Channel;
use crate::store::{DynStore, Memory};
use crate::time::Clock;
use crate::traffic::Traffic;

/// What the pipeline needs to run.
pub(crate) struct Pipeline {
    pub(crate) queue_length: usize,
    pub(crate) completion: Completion,
    pub(crate) gate: Gate,
    pub(crate) store: Arc<dyn DynStore>,
    pub(crate) retention: Retention,
    pub(crate) channels: Vec<Channel>,
    /// For one try of a notifier.
    pub(crate) time_limit: Duration,
    /// For all tries of an alert.
    pub(crate) age_limit: Duration,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) desk: Desk,
    pub(crate) losses: Arc<LossCounter>,
}

impl Pipeline {
    /// Starts the threads. They end when the queue is dropped.
    pub(crate) fn start(self) -> std::io::Result<Queue> {
        let standby = Arc::new(Memory::new());
        let (tell_trouble, troubles) = mpsc::channel(MAX_TROUBLES);
        let row = Arc::new(Row::of(&self.channels));
        let channels = self.channels.into_iter().enumerate();
        let lanes = channels.map(|(place, channel)| {
            Lane::start(LaneParts {
                channel,
                row: Arc::clone(&row),
                place,
                sources: vec![
                    Arc::clone(&standby) as Arc<dyn DynStore>,
                    Arc::clone(&self.store),
                ],
                time_limit: self.time_limit,
                max_age: self.age_limit,
                desk: self.desk.clone(),
                losses: Arc::clone(&self.losses),
                clock: Clock::system(),
                troubles: tell_trouble.clone(),
            })
        });
        let lanes = lanes.collect::<Result<Arc<[Lane]>, _>>()?;
        let decision = Decision {
            policy: Arc::clone(&self.gate.policy),
            lanes: Arc::clone(&lanes),
            desk: self.desk.clone(),
        };
        let keeper = Arc::new(Keeper::new(
            self.store,
            standby,
            lanes,
            decision,
            Arc::clone(&self.losses),
            self.retention,
            tell_trouble,
        ));
        let ratios = Ratios::new(self.traffic, Arc::clone(&self.gate.policy));
        let (queue, receiver, ended) =
            Queue::new(self.queue_length, Arc::clone(&self.losses), self.gate);
        worker::Worker {
            receiver,
            troubles,
            sites: queue.sites(),
            ended,
            completion: self.completion,
            keeper: Arc::clone(&keeper),
            ratios,
            losses: self.losses,
            desk: self.desk,
        }
        .start()?;
        Ok(queue.with(keeper))
    }
}

/// A runtime for one background thread.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// Troubles of notifiers that wait for the worker.
const MAX_TROUBLES: usize = 16;

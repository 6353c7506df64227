//! From an occurrence to the notifiers: a bounded queue, one background thread, and a lane for each notifier.
//!
//! ```text
//! failing request ─► queue ─► worker: resolve, complete, redact ─► store ─► policy ─► lane ─► notifier
//!                    sites ─►   (counts only)                        lane ─► notifier
//! ```
//!
//! The worker has a thread and a runtime of its own, so it works before the app's runtime starts, while that is stuck and
//! while it ends. So has each lane: a notifier that blocks its thread holds up nobody but itself.

mod completion;
mod lane;
mod queue;
mod retry;
mod sites;
mod worker;

use std::sync::{Arc, Mutex};

pub use lane::TestDelivery;

pub(crate) use completion::{Completion, LastWord};
pub(crate) use queue::Queue;
pub(crate) use retry::RetryRules;

use crate::loss::LossCounter;
use crate::notify::DynNotifier;
use crate::occurrence::GroupRule;
use crate::store::MemoryStore;

/// What the pipeline needs to run.
pub(crate) struct Pipeline {
    pub(crate) queue_length: usize,
    pub(crate) completion: Completion,
    pub(crate) group_by: Option<GroupRule>,
    pub(crate) store: Arc<Mutex<MemoryStore>>,
    pub(crate) notifiers: Vec<Arc<dyn DynNotifier>>,
    pub(crate) alert_queue_length: usize,
    pub(crate) retry: RetryRules,
    pub(crate) losses: Arc<LossCounter>,
}

impl Pipeline {
    /// Starts the threads. They end when the queue is dropped.
    pub(crate) fn start(self) -> std::io::Result<Queue> {
        let lanes = self
            .notifiers
            .into_iter()
            .map(|notifier| {
                lane::Lane::start(notifier, self.alert_queue_length, self.retry, &self.losses)
            })
            .collect::<Result<_, _>>()?;
        let (queue, receiver, ended) =
            Queue::new(self.queue_length, Arc::clone(&self.losses), self.group_by);
        worker::Worker {
            receiver,
            sites: queue.sites(),
            ended,
            completion: self.completion,
            store: self.store,
            lanes,
            losses: self.losses,
        }
        .start()?;
        Ok(queue)
    }
}

/// A runtime for one background thread.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

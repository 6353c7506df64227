//! What a failing request sees of the pipeline: it hands over and goes on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::lane::TestDelivery;
use super::sites::{Admission, Sites};
use crate::loss::{LossCounter, LossReason};
use crate::occurrence::{Evidence, GroupRule, Site};
use crate::time::uptime_seconds;

/// The entrance to the pipeline. Nothing here waits, but for the functions that are `async`.
pub(crate) struct Queue {
    sender: mpsc::Sender<Command>,
    sites: Arc<Sites>,
    losses: Arc<LossCounter>,
    ended: watch::Receiver<Option<bool>>,
    group_by: Option<GroupRule>,
    /// A process that forks has no worker in the child.
    process: u32,
}

/// What came of the shutdown, once there was one. The worker has the sender: when it is gone, nothing more comes.
pub(super) type Ended = watch::Sender<Option<bool>>;

/// What the worker is asked to do.
pub(super) enum Command {
    Report(Box<Report>),
    /// Deliver what has come so far; then go on.
    Flush(Flush),
    /// Deliver what has come so far, and end.
    Shutdown(Flush),
    /// One alert through every notifier.
    Test(oneshot::Sender<Vec<TestDelivery>>),
}

/// One occurrence that travels whole.
pub(super) struct Report {
    pub(super) evidence: Evidence,
    pub(super) site: Site,
    /// What the others are counted by: the site's exact key, or its place where too many words have been seen.
    pub(super) key: u64,
}

impl From<Evidence> for Report {
    fn from(evidence: Evidence) -> Self {
        let site = Site::of(&evidence);
        Self {
            evidence,
            site,
            key: site.exact,
        }
    }
}

/// Delivering what has come so far.
pub(super) struct Flush {
    /// How long it may take.
    pub(super) limit: Duration,
    /// What is waited for beside the notifiers.
    pub(super) also: Also,
    /// Whether it was done within the limit.
    pub(super) reply: oneshot::Sender<bool>,
}

pub(super) type Also = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Queue {
    pub(super) fn new(
        length: usize,
        losses: Arc<LossCounter>,
        group_by: Option<GroupRule>,
    ) -> (Self, mpsc::Receiver<Command>, Ended) {
        let (sender, receiver) = mpsc::channel(length.max(1));
        let (end, ended) = watch::channel(None);
        let sites = Arc::new(Sites::new());
        (
            Self {
                sender,
                sites,
                losses,
                ended,
                group_by,
                process: std::process::id(),
            },
            receiver,
            end,
        )
    }

    /// An entrance to nowhere, for a process that may start no thread: everything is lost, and counted.
    pub(crate) fn closed(losses: Arc<LossCounter>) -> Self {
        Self::new(1, losses, None).0
    }

    /// Whether nobody takes anything out any more.
    fn is_closed(&self) -> bool {
        self.sender.is_closed() || self.process != std::process::id()
    }

    pub(super) fn sites(&self) -> Arc<Sites> {
        Arc::clone(&self.sites)
    }

    /// Hands over what was seen of a failure, and says whether it travels whole. Never waits, never fails; what is dropped is
    /// counted.
    pub(crate) fn report(&self, evidence: Evidence) -> bool {
        if self.is_closed() {
            self.losses.add(LossReason::Occurrence, 1);
            return false;
        }
        let (evidence, site) = if std::thread::panicking() {
            // Maybe in a panic hook, where neither the app's code nor much of our own should run.
            let site = Site::of_place(&evidence);
            (evidence, site)
        } else {
            let evidence = evidence.grouped_by(self.group_by.as_ref());
            let site = Site::of(&evidence);
            (evidence, site)
        };
        let (key, admission) = self.sites.admit(site, uptime_seconds());
        let report = || {
            Command::Report(Box::new(Report {
                evidence,
                site,
                key,
            }))
        };
        match admission {
            Admission::Counted => false,
            Admission::Whole(slot) => match self.sender.try_send(report()) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    self.losses.add(LossReason::OccurrenceDetails, 1);
                    self.sites.count(slot);
                    false
                }
                Err(mpsc::error::TrySendError::Closed(_)) => {
                    self.losses.add(LossReason::Occurrence, 1);
                    false
                }
            },
            Admission::NoSlot => {
                let travels = self.sender.try_send(report()).is_ok();
                if !travels {
                    self.losses.add(LossReason::Occurrence, 1);
                }
                travels
            }
        }
    }

    /// Waits until what was reported before is delivered and `also` is done, or the limit is reached.
    pub(crate) async fn flush(
        &self,
        limit: Duration,
        also: impl Future<Output = ()> + Send + 'static,
    ) -> bool {
        self.ask_to_flush(limit, Box::pin(also), Command::Flush)
            .await
    }

    /// Like [`flush`](Self::flush), and the pipeline ends: what is reported later is lost, and counted.
    pub(crate) async fn shutdown(
        &self,
        limit: Duration,
        also: impl Future<Output = ()> + Send + 'static,
    ) -> bool {
        self.ask_to_flush(limit, Box::pin(also), Command::Shutdown)
            .await
    }

    async fn ask_to_flush(
        &self,
        limit: Duration,
        also: Also,
        command: fn(Flush) -> Command,
    ) -> bool {
        if self.process != std::process::id() {
            return false;
        }
        let (reply, answer) = oneshot::channel();
        let flush = Flush { limit, also, reply };
        match self.sender.send(command(flush)).await {
            Ok(()) => answer.await.unwrap_or(false),
            // The pipeline has ended and delivered what it could; the rest goes on without it.
            Err(mpsc::error::SendError(Command::Flush(flush) | Command::Shutdown(flush))) => {
                flush.also.await;
                let mut ended = self.ended.clone();
                let ended = ended.wait_for(Option::is_some).await;
                ended.is_ok_and(|complete| *complete == Some(true))
            }
            Err(_) => false,
        }
    }

    pub(crate) async fn test(&self) -> Vec<TestDelivery> {
        let (reply, answer) = oneshot::channel();
        if self.is_closed() || self.sender.send(Command::Test(reply)).await.is_err() {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::occurrence::Kind;
    use crate::time::Timestamp;

    #[test]
    fn it_is_said_which_occurrences_travel_whole() {
        let (queue, mut receiver, _ended) = Queue::new(8, Arc::default(), None);
        let report = || queue.report(Evidence::new(Kind::Message, Timestamp::now(), None));
        let whole = (0..40).filter(|_| report()).count();
        let mut received = 0;
        while receiver.try_recv().is_ok() {
            received += 1;
        }
        assert_eq!(whole, received);
        assert!((3..40).contains(&whole));
        drop(receiver);
        assert!(!report(), "nobody takes it");
    }
}

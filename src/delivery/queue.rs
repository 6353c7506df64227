//! What a failing request sees of the pipeline: it hands over and goes on.

#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::keeper::Keeper;
use super::lane::TestDelivery;
use super::sites::{Admission, Sites};
use super::status::NotifierStatus;
use crate::issue::{Record, user_hash};
use crate::loss::{LossCounter, LossReason};
use crate::occurrence::{Evidence, GroupRule, Site};
use crate::policy::{Policy, Seen};
use crate::request::{RequestContext, RequestId, User};
use crate::store::StoreError;
use crate::time::{Timestamp, uptime_seconds};

/// The entrance to the pipeline. Nothing here waits, but for the functions that are `async`.
pub(crate) struct Queue {
    sender: mpsc::Sender<Command>,
    sites: Arc<Sites>,
    losses: Arc<LossCounter>,
    ended: watch::Receiver<Option<bool>>,
    gate: Gate,
    ignored: AtomicU64,
    /// `None` where no thread could be started.
    keeper: Option<Arc<Keeper>>,
    /// A process that forks has no worker in the child.
    process: u32,
}

/// What the app has to say of a failure before it is looked at.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    pub(crate) group_by: Option<GroupRule>,
    pub(crate) policy: Arc<Policy>,
}

/// What came of the shutdown, once there was one. The worker has the sender: when it is gone, nothing more comes.
pub(super) type Ended = watch::Sender<Option<bool>>;

/// What the worker is asked to do.
pub(super) enum Command {
    Report(Box<Report>),
    Affected(Box<Affected>),
    /// Deliver what has come so far; then go on.
    Flush(Flush),
    /// Deliver what has come so far, and end.
    Shutdown(Flush),
    /// Erase this user.
    Forget(String, oneshot::Sender<Result<u64, StoreError>>),
    /// One alert through every notifier.
    Test(oneshot::Sender<Vec<TestDelivery>>),
}

impl Command {
    fn report(evidence: Evidence, site: Site, key: u64) -> Self {
        Self::Report(Box::new(Report {
            evidence,
            site,
            key,
        }))
    }
}

/// One occurrence that travels whole.
pub(super) struct Report {
    pub(super) evidence: Evidence,
    pub(super) site: Site,
    /// What the others are counted by: the site's exact key, or its place where too many words have been seen.
    pub(super) key: u64,
}

/// Who was hit by an occurrence that is only counted, when the user is new to its problem. The problem's count has it like any
/// other; the user's count at the slot begins with the next one. Two requests at once may both tell of the user.
pub(super) struct Affected {
    /// What the problem is counted by.
    pub(super) key: u64,
    pub(super) hash: u64,
    /// As the app named them: to be redacted as the user of a request that began at `started_at`.
    pub(super) user: User,
    pub(super) started_at: Timestamp,
    pub(super) request: RequestId,
    pub(super) time: Timestamp,
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
        gate: Gate,
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
                gate,
                ignored: AtomicU64::new(0),
                keeper: None,
                process: std::process::id(),
            },
            receiver,
            end,
        )
    }

    /// An entrance to nowhere, for a process that may start no thread: everything is lost, and counted.
    pub(crate) fn closed(losses: Arc<LossCounter>) -> Self {
        Self::new(1, losses, Gate::default()).0
    }

    /// Lets people ask the pipeline's far end.
    pub(super) fn with(self, keeper: Arc<Keeper>) -> Self {
        Self {
            keeper: Some(keeper),
            ..self
        }
    }

    /// How many failures the policy ignored.
    pub(crate) fn ignored(&self) -> u64 {
        self.ignored.load(Ordering::Relaxed)
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
        if self.ignores(&evidence) {
            self.ignored.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        if self.is_closed() {
            self.losses.add(LossReason::Occurrence, 1);
            return false;
        }
        let (evidence, site) = if std::thread::panicking() {
            // Maybe in a panic hook, where neither the app's code nor much of our own should run.
            let site = Site::of_place(&evidence);
            (evidence, site)
        } else {
            let evidence = evidence.grouped_by(self.gate.group_by.as_ref());
            let site = Site::of(&evidence);
            (evidence, site)
        };
        let (key, admission) = self.sites.admit(site, uptime_seconds());
        match admission {
            Admission::Counted(slot) => {
                self.count(slot, key, &evidence);
                false
            }
            Admission::Whole(slot) => match self.sender.try_reserve() {
                Ok(permit) => {
                    permit.send(Command::report(evidence, site, key));
                    true
                }
                Err(mpsc::error::TrySendError::Full(())) => {
                    self.losses.add(LossReason::OccurrenceDetails, 1);
                    self.count(slot, key, &evidence);
                    false
                }
                Err(mpsc::error::TrySendError::Closed(())) => {
                    self.losses.add(LossReason::Occurrence, 1);
                    false
                }
            },
            Admission::NoSlot => {
                let report = Command::report(evidence, site, key);
                let travels = self.sender.try_send(report).is_ok();
                if !travels {
                    self.losses.add(LossReason::Occurrence, 1);
                }
                travels
            }
        }
    }

    fn ignores(&self, evidence: &Evidence) -> bool {
        let policy = &self.gate.policy;
        if !policy.ignores_some() {
            return false;
        }
        let request = evidence.request.as_ref();
        let status = evidence.response.as_ref();
        let seen = Seen {
            kind: evidence.kind,
            status: status.map(|response| response.status.as_u16()),
            method: request.map(|request| request.method().as_str()),
            route: None,
            user_agent: request.and_then(RequestContext::user_agent),
        };
        let in_request = |request: &RequestContext| {
            request.with_route(|route| {
                let route = Some(route);
                policy.ignores(&Seen { route, ..seen })
            })
        };
        request
            .and_then(in_request)
            .unwrap_or_else(|| policy.ignores(&seen))
    }

    /// Counts an occurrence that does not travel.
    fn count(&self, slot: usize, key: u64, evidence: &Evidence) {
        if let Some(request) = &evidence.request {
            self.note_user(slot, key, request, evidence.time);
        }
        // Last: whoever collects this count finds the user noted.
        self.sites.count(slot);
    }

    fn note_user(&self, slot: usize, key: u64, request: &RequestContext, time: Timestamp) {
        let new = request.with_user(|user| {
            let hash = user_hash(user.id());
            let is_new = self.sites.note_user(slot, hash);
            (is_new && self.has_room_for_users()).then(|| (hash, user.clone()))
        });
        let Some((hash, user)) = new.flatten() else {
            return;
        };
        let affected = Affected {
            key,
            hash,
            user,
            started_at: request.started_at(),
            request: request.id().clone(),
            time,
        };
        let affected = Command::Affected(Box::new(affected));
        if self.sender.try_send(affected).is_ok() {
            self.sites.remember_user(slot, hash);
        }
    }

    /// Half of the queue is for the occurrences that travel whole. A user who has to wait is told of the next time they are hit.
    fn has_room_for_users(&self) -> bool {
        self.sender.capacity() > self.sender.max_capacity() / 2
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

    /// How each notifier is.
    pub(crate) async fn notifiers(&self) -> Vec<NotifierStatus> {
        match &self.keeper {
            Some(keeper) => keeper.notifiers().await,
            None => Vec::new(),
        }
    }

    /// Somebody has changed what the store says of a problem.
    pub(crate) fn learn(&self, record: &Record) {
        if let Some(keeper) = &self.keeper {
            keeper.learn(record);
        }
    }

    /// Erases a user from everything that is kept.
    pub(crate) async fn forget_user(&self, id: &str) -> Result<u64, StoreError> {
        let Some(keeper) = &self.keeper else {
            return Err(StoreError::unusable("no background thread was started"));
        };
        let (reply, answer) = oneshot::channel();
        let command = Command::Forget(id.to_owned(), reply);
        if !self.is_closed()
            && self.sender.send(command).await.is_ok()
            && let Ok(answer) = answer.await
        {
            return answer;
        }
        keeper.forget_user(id).await
    }

    pub(crate) async fn test(&self) -> Vec<TestDelivery> {
        let (reply, answer) = oneshot::channel();
        if self.is_closed() || self.sender.send(Command::Test(reply)).await.is_err() {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }
}

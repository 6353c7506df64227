//! The background thread: takes in what the request path hands over, and sees to it that it is delivered.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::completion::Completion;
use super::keeper::Keeper;
use super::lane::Lane;
use super::people::People;
use super::queue::{Also, Command, Ended, Flush};
use super::sites::{Sites, Sweeper};
use super::steps::{Ratios, Steps};
use super::trouble::Trouble;
use crate::guard::{contain_thread, contained};
use crate::issue::Desk;
use crate::loss::LossCounter;
use crate::store::StoreError;

pub(super) struct Worker {
    pub(super) receiver: mpsc::Receiver<Command>,
    pub(super) troubles: mpsc::Receiver<Trouble>,
    pub(super) sites: Arc<Sites>,
    pub(super) completion: Completion,
    pub(super) keeper: Arc<Keeper>,
    pub(super) ratios: Option<Ratios>,
    pub(super) losses: Arc<LossCounter>,
    pub(super) desk: Desk,
    pub(super) ended: Ended,
}

impl Worker {
    pub(super) fn start(self) -> std::io::Result<()> {
        let runtime = super::runtime()?;
        std::thread::Builder::new()
            .name("tower-monitor".to_owned())
            .spawn(move || {
                contain_thread();
                if contained(|| runtime.block_on(self.run())).is_none() {
                    let _ = contained(|| {
                        tracing::error!(target: "tower_monitor", "the background thread panicked: nobody is told of failures any more");
                    });
                }
            })?;
        Ok(())
    }

    async fn run(mut self) {
        let mut steps = Steps {
            sites: self.sites,
            sweeper: Sweeper::default(),
            completion: self.completion,
            keeper: Arc::clone(&self.keeper),
            losses: self.losses,
            desk: self.desk,
            fingerprints: HashMap::new(),
            orphans: HashMap::new(),
            people: People::default(),
        };
        steps.contained(|steps| steps.completion.prepare());
        let mut pace = Pace::default();
        // Flushes and tests go on on the side: occurrences are taken in while the notifiers work.
        let mut aside = JoinSet::new();
        let keeping = tokio::spawn(Arc::clone(&self.keeper).keep());
        let mut ratios = self.ratios;
        let mut shutdown = loop {
            let looking = look(&mut self.receiver, pace.looks_by_itself());
            let command = tokio::select! {
                biased;
                () = until(pace.next_sweep()) => {
                    pace.swept(steps.contained(Steps::sweep).unwrap_or(true));
                    continue;
                }
                () = until(ratios.as_ref().map(Ratios::next)) => {
                    if let Some(ratios) = &mut ratios {
                        steps.contained(|steps| steps.look_at(ratios));
                    }
                    continue;
                }
                Some(trouble) = self.troubles.recv() => {
                    steps.contained(|steps| steps.trouble(&trouble));
                    continue;
                }
                command = looking => command,
            };
            while aside.try_join_next().is_some() {}
            match command {
                None => break None,
                Some(Command::Shutdown(flush)) => break Some(flush),
                Some(Command::Report(report)) => {
                    if !pace.looks_by_itself() {
                        // Who has just woken this thread may have lost its processor to it: it gets it back before the long
                        // work, such as reading symbols.
                        tokio::time::sleep(LOOK).await;
                    }
                    pace.reported();
                    steps.take(*report);
                    // A new problem goes to the store before the next one is looked at.
                    tokio::task::yield_now().await;
                }
                Some(Command::Affected(affected)) => {
                    pace.reported();
                    steps.contained(|steps| steps.affected(*affected));
                    tokio::task::yield_now().await;
                }
                Some(Command::Forget(id, reply)) => {
                    steps.contained(|steps| steps.forget_user(&id));
                    let keeper = Arc::clone(&self.keeper);
                    aside.spawn(async move {
                        // What is on its way to the store comes before what takes it out again.
                        let flushed = timeout(FORGET_LIMIT, keeper.flushed()).await;
                        let forgotten = keeper.forget_user(&id).await;
                        let on_its_way = || {
                            StoreError::away(
                                "what is on its way to it may still name the user; try again",
                            )
                        };
                        let _ = reply.send(match flushed {
                            Ok(()) => forgotten,
                            Err(_) => forgotten.and(Err(on_its_way())),
                        });
                    });
                }
                Some(Command::Flush(Flush { limit, also, reply })) => {
                    steps.contained(Steps::sweep);
                    let flushed = flushed(&self.keeper, also);
                    aside.spawn(async move {
                        let complete = timeout(limit, flushed).await.is_ok();
                        let _ = reply.send(complete);
                    });
                }
                Some(Command::Test(reply)) => {
                    if let Some(deliveries) = steps.contained(Steps::test) {
                        aside.spawn(async move {
                            let _ = reply.send(deliveries.await);
                        });
                    }
                }
            }
        };
        // What has come before the end is still done; what comes after it is refused.
        self.receiver.close();
        let mut others = Vec::new();
        while let Some(command) = self.receiver.recv().await {
            match command {
                Command::Report(report) => {
                    steps.take(*report);
                    tokio::task::yield_now().await;
                }
                Command::Affected(affected) => {
                    steps.contained(|steps| steps.affected(*affected));
                }
                Command::Flush(flush) | Command::Shutdown(flush) => {
                    aside.spawn(flush.also);
                    others.push(flush.reply);
                }
                Command::Forget(..) | Command::Test(_) => {}
            }
        }
        steps.contained(Steps::sweep);
        steps.give_up_orphans(Duration::ZERO);
        let delivered = self.keeper.last_flush(&mut shutdown).await;
        keeping.abort();
        let _ = keeping.await;
        // A request that was just about to count has counted by now.
        steps.contained(Steps::sweep);
        let complete = self.keeper.abandon().await && delivered;
        self.ended.send_replace(Some(complete));
        for reply in shutdown.map(|flush| flush.reply).into_iter().chain(others) {
            let _ = reply.send(complete);
        }
    }
}

impl Keeper {
    /// Says whether all was delivered. Without a shutdown, because the last handle was dropped, what was undelivered has some time.
    async fn last_flush(self: &Arc<Self>, shutdown: &mut Option<Flush>) -> bool {
        let nothing: Also = Box::pin(async {});
        let (limit, also) = match shutdown {
            Some(flush) => (flush.limit, std::mem::replace(&mut flush.also, nothing)),
            None => (FAREWELL, nothing),
        };
        timeout(limit, flushed(self, also)).await.is_ok()
    }
}

/// Resolves when what was seen so far is in the store, every lane has delivered what waits there, and `also` is done.
fn flushed(keeper: &Arc<Keeper>, also: Also) -> impl Future<Output = ()> + Send + use<> {
    let keeper = Arc::clone(keeper);
    async move {
        let delivered = async {
            keeper.flushed().await;
            let mut lanes: JoinSet<()> = keeper.lanes.iter().map(Lane::flush).collect();
            while lanes.join_next().await.is_some() {}
        };
        tokio::join!(delivered, also);
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The next command; `None` when no more will come.
///
/// Whoever sends to a thread that sleeps wakes it, which takes a failing request as long as everything else it does for the
/// monitor. So for some time after a failure the thread looks by itself.
async fn look(receiver: &mut mpsc::Receiver<Command>, by_itself: bool) -> Option<Command> {
    if !by_itself {
        return receiver.recv().await;
    }
    loop {
        match receiver.try_recv() {
            Ok(command) => return Some(command),
            Err(mpsc::error::TryRecvError::Disconnected) => return None,
            Err(mpsc::error::TryRecvError::Empty) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// When to collect what was only counted: often while something fails, seldom until every slot is free, then never.
#[derive(Debug, Default)]
struct Pace {
    awake_until: Option<Instant>,
    hot_until: Option<Instant>,
    next: Option<Instant>,
}

impl Pace {
    fn next_sweep(&self) -> Option<Instant> {
        self.next
    }

    fn looks_by_itself(&self) -> bool {
        self.awake_until.is_some_and(|until| Instant::now() < until)
    }

    fn reported(&mut self) {
        let now = Instant::now();
        self.awake_until = Some(now + AWAKE);
        self.hot_until = Some(now + HOT);
        self.next = Some(self.next.map_or(now + OFTEN, |next| next.min(now + OFTEN)));
    }

    fn swept(&mut self, in_use: bool) {
        let now = Instant::now();
        let hot = self.hot_until.is_some_and(|until| now < until);
        self.next = match (hot, in_use) {
            (true, _) => Some(now + OFTEN),
            (false, true) => Some(now + SELDOM),
            (false, false) => None,
        };
    }
}

/// Longer than a window of the sites: whatever is counted in it is collected soon.
const HOT: Duration = Duration::from_secs(12);
const OFTEN: Duration = Duration::from_millis(250);
const SELDOM: Duration = Duration::from_secs(10);
/// How long the thread looks by itself after a report, and how often. The sweeps end a look that has lasted too long.
const AWAKE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(1);
const FORGET_LIMIT: Duration = Duration::from_secs(10);
/// What is undelivered when the last handle is dropped has so long.
const FAREWELL: Duration = Duration::from_secs(120);

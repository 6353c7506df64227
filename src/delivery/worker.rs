//! The background thread: from evidence to alerts.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::completion::Completion;
use super::lane::{Lane, TestDelivery};
use super::queue::{Also, Command, Ended, Report};
use super::sites::{Sites, Sweeper};
use crate::guard::{contain_thread, contained};
use crate::loss::{LossCounter, LossReason, Losses};
use crate::occurrence::{Alert, Evidence, Fingerprint, Issue, Kind, Occurrence, Reason};
use crate::policy::{self, History};
use crate::request::RequestId;
use crate::store::{MemoryStore, Recorded};
use crate::time::{Timestamp, uptime_seconds};

pub(super) struct Worker {
    pub(super) receiver: mpsc::Receiver<Command>,
    pub(super) sites: Arc<Sites>,
    pub(super) completion: Completion,
    pub(super) store: Arc<Mutex<MemoryStore>>,
    pub(super) lanes: Vec<Lane>,
    pub(super) losses: Arc<LossCounter>,
    pub(super) ended: Ended,
}

impl Worker {
    pub(super) fn start(self) -> std::io::Result<()> {
        let runtime = super::runtime()?;
        std::thread::Builder::new()
            .name("tower-monitor".to_owned())
            .spawn(move || {
                contain_thread();
                runtime.block_on(self.run());
            })?;
        Ok(())
    }

    async fn run(mut self) {
        let mut pipeline = Steps {
            sites: self.sites,
            sweeper: Sweeper::default(),
            completion: self.completion,
            store: self.store,
            lanes: self.lanes,
            fingerprints: HashMap::new(),
            orphans: HashMap::new(),
            told_losses: Losses::default(),
            losses: self.losses,
        };
        pipeline.contained(|steps| steps.completion.prepare());
        let mut pace = Pace::default();
        // Flushes and tests go on on the side: occurrences are taken in while the notifiers work.
        let mut aside = JoinSet::new();
        let shutdown = loop {
            let looking = look(&mut self.receiver, pace.looks_by_itself());
            let command = match pace.next_sweep() {
                None => looking.await,
                Some(at) => tokio::select! {
                    biased;
                    () = tokio::time::sleep_until(at) => {
                        pace.swept(pipeline.contained(Steps::sweep).unwrap_or(true));
                        continue;
                    }
                    command = looking => command,
                },
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
                    pipeline.take(*report);
                }
                Some(Command::Flush(flush)) => {
                    pipeline.contained(Steps::sweep);
                    let flushed = pipeline.flushed(flush.also);
                    aside.spawn(async move {
                        let complete = timeout(flush.limit, flushed).await.is_ok();
                        let _ = flush.reply.send(complete);
                    });
                }
                Some(Command::Test(reply)) => {
                    let deliveries = pipeline.test();
                    aside.spawn(async move {
                        let _ = reply.send(deliveries.await);
                    });
                }
            }
        };
        // What has come before the end is still done; what comes after it is refused.
        self.receiver.close();
        let mut replies = Vec::new();
        while let Some(command) = self.receiver.recv().await {
            match command {
                Command::Report(report) => pipeline.take(*report),
                Command::Flush(flush) | Command::Shutdown(flush) => {
                    aside.spawn(flush.also);
                    replies.push(flush.reply);
                }
                Command::Test(_) => {}
            }
        }
        pipeline.contained(Steps::sweep);
        pipeline.give_up_orphans(Duration::ZERO);
        let Some(shutdown) = shutdown else {
            return;
        };
        let flushed = pipeline.flushed(shutdown.also);
        let all = async {
            flushed.await;
            while aside.join_next().await.is_some() {}
        };
        let complete = timeout(shutdown.limit, all).await.is_ok();
        pipeline.lanes.iter().for_each(Lane::abandon);
        self.ended.send_replace(Some(complete));
        for reply in std::iter::once(shutdown.reply).chain(replies) {
            let _ = reply.send(complete);
        }
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

/// The steps of the pipeline with what they need.
struct Steps {
    sites: Arc<Sites>,
    sweeper: Sweeper,
    completion: Completion,
    store: Arc<Mutex<MemoryStore>>,
    lanes: Vec<Lane>,
    losses: Arc<LossCounter>,
    told_losses: Losses,
    /// What the keys of the sites stand for: known since a whole occurrence came through.
    fingerprints: HashMap<u64, Fingerprint>,
    /// Counts of keys of which no whole occurrence has come through yet.
    orphans: HashMap<u64, (u64, Instant)>,
}

impl Steps {
    /// Complete and redact it, remember it, judge it, hand it over.
    fn report(&mut self, report: Report) {
        let key = report.key;
        let known = self.fingerprints.get(&key).copied();
        let occurrence = self.completion.complete(report, known);
        if self.fingerprints.len() >= MAX_KEYS {
            // The next whole occurrence of each brings it back.
            self.fingerprints.clear();
        }
        self.fingerprints.insert(key, occurrence.fingerprint);
        let recorded = self.store().record(Arc::new(occurrence));
        if recorded.forgot_one {
            self.losses.add(LossReason::IssueForgotten, 1);
        }
        self.judge(recorded);
        if let Some((count, _)) = self.orphans.remove(&key) {
            self.count(key, count, Timestamp::now());
        }
    }

    fn take(&mut self, report: Report) {
        let taken = self.contained(|steps| steps.report(report));
        if taken.is_none() {
            self.losses.add(LossReason::Occurrence, 1);
        }
    }

    /// The same for those of which only the number is known. Says whether any problem is still being counted.
    fn sweep(&mut self) -> bool {
        let now = Timestamp::now();
        let mut counts = Vec::new();
        let sites = Arc::clone(&self.sites);
        let in_use = self.sweeper.sweep(&sites, uptime_seconds(), |key, count| {
            counts.push((key, count));
        });
        for (key, count) in counts {
            self.count(key, count, now);
        }
        self.give_up_orphans(ORPHAN_AGE);
        if !in_use {
            self.completion.rest();
        }
        in_use || !self.orphans.is_empty()
    }

    fn count(&mut self, key: u64, count: u64, now: Timestamp) {
        let fingerprint = self.fingerprints.get(&key).copied();
        let recorded =
            fingerprint.and_then(|fingerprint| self.store().count(fingerprint, count, now));
        match recorded {
            Some(recorded) => self.judge(recorded),
            // The queue was full for its first occurrence, or the issue was forgotten. The next whole one brings it back.
            None if self.orphans.len() < MAX_ORPHANS || self.orphans.contains_key(&key) => {
                let orphan = self.orphans.entry(key);
                orphan.or_insert_with(|| (0, Instant::now())).0 += count;
            }
            None => self.losses.add(LossReason::Occurrence, count),
        }
    }

    /// Counts as lost what has waited so long for a whole occurrence of its problem.
    fn give_up_orphans(&mut self, age: Duration) {
        let mut lost = 0;
        self.orphans.retain(|_, (count, since)| {
            let keep = since.elapsed() < age;
            lost += if keep { 0 } else { *count };
            keep
        });
        self.losses.add(LossReason::Occurrence, lost);
    }

    fn judge(&mut self, recorded: Recorded) {
        let history = History {
            before: recorded.before,
            now: recorded.issue.count,
            told_at: recorded.told_at,
        };
        if let Some(verdict) = policy::judge(history) {
            self.store().told(recorded.issue.fingerprint, history.now);
            let alert = self.alert(
                verdict.reason,
                recorded.issue,
                recorded.occurrence,
                verdict.held_back,
            );
            self.lanes.iter().for_each(|lane| lane.deliver(&alert));
        }
    }

    fn alert(
        &mut self,
        reason: Reason,
        issue: Issue,
        occurrence: Arc<Occurrence>,
        held_back: u64,
    ) -> Arc<Alert> {
        let time = Timestamp::now();
        let losses = self.losses.totals();
        let lost = losses.since(&self.told_losses);
        // A test may go to one who does not look at them.
        if reason != Reason::Test {
            self.told_losses = losses;
        }
        Arc::new(Alert {
            id: RequestId::generate_uuid(time),
            time,
            reason,
            issue,
            occurrence,
            held_back,
            lost,
            redactor: self.completion.redactor().clone(),
        })
    }

    fn test(&mut self) -> impl Future<Output = Vec<TestDelivery>> + Send + use<> {
        let evidence = Evidence::new(Kind::Test, Timestamp::now(), None);
        let occurrence = self.completion.complete(evidence.into(), None);
        let issue = Issue::begin(&occurrence, 1);
        let alert = self.alert(Reason::Test, issue, Arc::new(occurrence), 0);
        let deliveries: Vec<_> = self.lanes.iter().map(|lane| lane.test(&alert)).collect();
        async move {
            let mut results = Vec::new();
            for delivery in deliveries {
                results.push(delivery.await);
            }
            results
        }
    }

    /// Resolves when every lane has delivered or given up what it has taken on so far, and `also` is done.
    fn flushed(&self, also: Also) -> impl Future<Output = ()> + Send + use<> {
        let flushes: Vec<_> = self.lanes.iter().map(Lane::flush).collect();
        async move {
            let mut flushes: JoinSet<()> = flushes.into_iter().collect();
            flushes.spawn(also);
            while flushes.join_next().await.is_some() {}
        }
    }

    /// Runs a step so that a panic in it costs no more than this step.
    fn contained<T>(&mut self, step: impl FnOnce(&mut Self) -> T) -> Option<T> {
        contained(|| step(self))
    }

    fn store(&self) -> MutexGuard<'_, MemoryStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Longer than a window of the sites: whatever is counted in it is collected soon.
const HOT: Duration = Duration::from_secs(12);
const OFTEN: Duration = Duration::from_millis(250);
const SELDOM: Duration = Duration::from_secs(10);
/// How long the thread looks by itself after a report, and how often. The sweeps end a look that has lasted too long.
const AWAKE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(1);
const MAX_ORPHANS: usize = 1024;
/// Far more than the sites have slots.
const MAX_KEYS: usize = 8192;
/// Some windows of the sites: each gives a problem another chance to come through whole.
const ORPHAN_AGE: Duration = Duration::from_secs(45);

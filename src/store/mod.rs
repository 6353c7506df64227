//! What is remembered: issues, a sample of their occurrences, who was hit, and the alerts that are still to be delivered.
//!
//! | Store | Keeps | Feature |
//! |---|---|---|
//! | [`Memory`] (default) | until the process ends, within bounds; undelivered alerts longer, with a [spool](Memory::spool) | |
//! | [`Sqlite`] | in one file, through `kill -9`; several processes of one machine may share it | `sqlite` |
//! | [`Postgres`] | in a database that many processes share | `postgres` |
//!
//! Your own is the trait [`Store`]. It keeps and finds; what is to be told, and when it is tried again, is decided by functions
//! that are handed to it and that it calls inside its transactions. So what was counted, what was decided and what is to
//! be delivered are written together or not at all, on one machine or on many. The suite in `store::conformance` (feature
//! `test-util`) judges it, as it judges the stores here.

#[cfg(any(test, feature = "test-util"))]
pub mod conformance;
mod dynamic;
mod error;
pub mod memory;
mod outbox;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::issue::{Affected, Alert, CLOCK_SLACK, Change, Issue, Record, Retention};
use crate::occurrence::{Fingerprint, Occurrence};
use crate::time::Timestamp;

pub use error::StoreError;
pub use memory::Memory;
pub use outbox::{
    Breaker, Claimed, Entry, Fate, Joined, NotifierState, Plan, StoredNotifier, Waiting,
};
#[cfg(feature = "postgres")]
pub use postgres::Postgres;

#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;

pub(crate) use dynamic::{Answer, DynStore, contained_answer};

/// What one process has seen since it last told the store.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The changes, at most one for each problem.
    pub changes: Vec<Change>,
    /// When it was put together, by the clock of the process.
    pub now: Timestamp,
    /// The bounds to keep.
    pub retention: Retention,
    /// Which process it is from: a number drawn by lot when the process began.
    pub process: Uuid,
    /// Which batch of that process. They grow; one that comes again has the same number and the same content. A store
    /// that may have taken one in without being able to say so ignores it the second time.
    pub number: u64,
}

/// A problem that a change was applied to, for the function that decides what is told.
#[derive(Debug)]
pub struct Touched<'b> {
    /// What was applied.
    pub change: &'b Change,
    /// What is known of the problem now. The function may change it; the store keeps what it finds here afterwards.
    pub record: Record,
}

/// An alert that is to be delivered by one notifier.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The notifier's name.
    pub notifier: String,
    /// What it is to tell.
    pub alert: Arc<Alert>,
}

/// Decides what is told. Pure: a store whose transaction has to be repeated calls it again.
pub type Decide = Arc<dyn Fn(&mut [Touched<'_>]) -> Vec<Outgoing> + Send + Sync>;

/// Decides what a notifier does next, given how it is and what waits for it. Pure as well.
pub type Planner = Arc<dyn Fn(&mut NotifierState, &[Waiting]) -> Plan + Send + Sync>;

/// Changes what is known of a problem.
pub type Update = Arc<dyn Fn(&mut Record) + Send + Sync>;

/// Changes how a notifier is.
pub type StateUpdate = Arc<dyn Fn(&mut NotifierState) + Send + Sync>;

/// What came of a commit.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Committed {
    /// The problems as they are now.
    pub records: Vec<Record>,
    /// Problems of which the store knows nothing and the change said nothing but a number. Nothing was kept of these changes.
    pub unknown: Vec<Fingerprint>,
    /// How many problems were forgotten to keep the bounds.
    pub forgotten: u64,
    /// How many alerts were added to the outbox.
    pub outgoing: u64,
}

/// Who takes something out of the outbox, and for how long nobody else does.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The notifier's name.
    pub notifier: String,
    /// The time, by the clock of the process.
    pub now: Timestamp,
    /// For how long. An entry that is not [settled](Store::settle) by then may be taken again, by anybody. So may one whose lease ends
    /// more than 5 minutes later than this one would: it was taken by a clock that has been set back since.
    pub duration: Duration,
}

impl Lease {
    /// Until when another's lease may last: one that ends later was taken by a clock that has been set back since, and is free.
    pub(crate) fn latest(&self) -> Timestamp {
        self.now.after(self.duration).after(CLOCK_SLACK)
    }

    /// Whether another's lease that ends then still holds.
    pub(crate) fn holds(&self, until: Timestamp) -> bool {
        self.now < until && until <= self.latest()
    }
}

/// Remembers issues, occurrences, affected users and undelivered alerts.
///
/// Every function is one transaction: it happens whole or not at all, also when the process is killed. Its futures need no
/// particular runtime; a store that needs one brings it along. All of them are called off the request path.
///
/// A shared store holds what many processes write at the same time. It compares leases by one clock.
///
/// Texts may hold every character. A store that has no place for U+0000 keeps U+FFFD instead. Counts may be as large as
/// they get; a store that has no place for one above `i64::MAX` keeps that.
///
/// # Errors
///
/// A [`StoreError`] says whether the store is away and may be back, is full, or cannot be used. What could not be
/// committed is kept within bounds by the caller, and comes again.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot remember issues",
    note = "see `tower_monitor::store::Store`; `store::conformance` (feature `test-util`) judges an implementation"
)]
pub trait Store: Send + Sync + 'static {
    /// What it is called in logs and errors: short, in lower case, without anything secret.
    fn name(&self) -> &str;

    /// Whether what it keeps is still there when the process is killed.
    fn is_durable(&self) -> bool;

    /// Whether alerts that still wait when the store is [closed](Self::close) outlast the process. A durable store's do.
    fn keeps_alerts(&self) -> bool {
        self.is_durable()
    }

    /// Whether other processes may change what it keeps: then it is asked from time to time.
    fn is_shared(&self) -> bool;

    /// Opens it, blocking. Called once by [`build()`](crate::Builder::build), which passes the error on.
    ///
    /// A store that is reached over a network does not connect here: the service starts also while it is away.
    ///
    /// # Errors
    ///
    /// When it cannot work with the settings it was given or with what it found. Nothing that was found is changed.
    fn open(&self) -> Result<(), StoreError>;

    /// [Applies](Record::apply) the changes, has decided what is told, and keeps all of it.
    ///
    /// Changes of problems that are not known [begin a record](Record::begin). The new occurrences are kept, and
    /// [thinned](crate::issue::thinned). The alerts go into the outbox.
    fn commit(
        &self,
        batch: Arc<Batch>,
        decide: Decide,
    ) -> impl Future<Output = Result<Committed, StoreError>> + Send;

    /// Lets `plan` look at what waits for a notifier, oldest first, without what is leased, and does what it says.
    ///
    /// What it says is: which waiting entries become one, and which entry is leased and handed out.
    fn claim(
        &self,
        lease: Lease,
        plan: Planner,
    ) -> impl Future<Output = Result<Claimed, StoreError>> + Send;

    /// Does with a leased entry what its delivery came to, and changes the notifier's state.
    ///
    /// An entry that is no longer there is no error.
    fn settle(
        &self,
        notifier: &str,
        entry: Uuid,
        fate: Fate,
        update: StateUpdate,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Every notifier that ever had an entry, with how many wait for it, leased ones included.
    fn notifiers(&self) -> impl Future<Output = Result<Vec<StoredNotifier>, StoreError>> + Send;

    /// The problems, the last seen first, at most `limit`.
    fn issues(&self, limit: usize) -> impl Future<Output = Result<Vec<Issue>, StoreError>> + Send;

    /// All that is known of a problem.
    fn record(
        &self,
        fingerprint: Fingerprint,
    ) -> impl Future<Output = Result<Option<Record>, StoreError>> + Send;

    /// The kept occurrences of a problem, oldest first.
    fn occurrences(
        &self,
        fingerprint: Fingerprint,
    ) -> impl Future<Output = Result<Vec<Arc<Occurrence>>, StoreError>> + Send;

    /// Who was hit by a problem.
    fn affected(
        &self,
        fingerprint: Fingerprint,
    ) -> impl Future<Output = Result<Affected, StoreError>> + Send;

    /// The problems whose [`review_at`](Record::review_at) has come, at most `limit`.
    fn due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Fingerprint>, StoreError>> + Send;

    /// Changes what is known of a problem, and returns it; `None` when it is not known.
    fn update(
        &self,
        fingerprint: Fingerprint,
        update: Update,
    ) -> impl Future<Output = Result<Option<Record>, StoreError>> + Send;

    /// Erases a user: off every list of affected users, with every kept occurrence of theirs, and out of alerts that wait.
    /// Returns how many of these there were.
    fn forget_user(&self, id: &str) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Keeps the bounds of age, number and bytes. Returns how many problems were forgotten because there were too many; not
    /// those that had become too old.
    fn tidy(
        &self,
        now: Timestamp,
        retention: Retention,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Writes down what has to outlast the process. Called when the monitor shuts down; what is still claimed or committed
    /// after it works, too.
    fn close(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

//! Issues, occurrences, affected users and alerts in PostgreSQL, for one process or for thousands.
//!
//! ```no_run
//! use tower_monitor::{Monitor, store::Postgres};
//!
//! let store = Postgres::url("postgres://app:secret@db.example.com/app?sslmode=require");
//! let monitor = Monitor::builder().store(store).build()?;
//! # Ok::<_, tower_monitor::BuildError>(())
//! ```
//!
//! The service starts while the database is away: the first use connects, and makes or updates the tables, in one transaction
//! and one process at a time. A call that has no answer within [the limit](Postgres::statement_limit) gives its connection up;
//! the next one opens another. All of it happens on a thread of the store's own.
//!
//! # Rights
//!
//! The user in the URL makes the schema and the tables, for which it needs `CREATE` on the database. Where it must not have that,
//! somebody else makes the schema and hands it over:
//!
//! ```sql
//! CREATE SCHEMA tower_monitor AUTHORIZATION app;
//! ```
//!
//! # Tables
//!
//! They may be read by anybody; only the store writes. Times are microseconds since 1970-01-01 UTC, a fingerprint is the number
//! whose hexadecimal digits (`to_hex(fingerprint)`) are shown elsewhere, documents are JSON as text. U+0000, which PostgreSQL cannot hold, is U+FFFD in plain columns.
//!
//! | Table | A row for each | Columns |
//! |---|---|---|
//! | `issues` | problem | `fingerprint`, `kind`, `severity`, `title`, `culprit`, `state`, `first_seen`, `last_seen`, `count`, `users`, `review_at`; `record` is all that is known |
//! | `affected` | problem that hit users | `fingerprint`; `users` is the list with its estimate |
//! | `occurrences` | kept occurrence | `fingerprint`, `id`, `time`, `user_id`, `bytes`, `occurrence` |
//! | `outbox` | alert that waits for a notifier | `notifier`, `id`, `created_at`, `due_at`, `tries`, `leased_at`, `leased_until`, `user_id`, `summary`, `alert` |
//! | `notifiers` | notifier | `name`, `state` |
//! | `processes` | process of the last seven days | `process`, `number` of its last batch, what that came to, `seen_at` |
//! | `tidied` | the store, one in all | `at`: when age and bounds were last seen to, every 10 minutes at most |
//! | `migrations` | version of these tables | `version`, `applied_at` |
//!
//! # PgBouncer
//!
//! Transaction mode is enough: nothing is prepared, set or locked beyond a transaction.
//!
//! # TLS
//!
//! `sslmode` in the URL is `disable`, `prefer` (the default: plain only where the server has no TLS) or `require`. With TLS, the server's
//! certificate is always verified, name included; so `verify-ca` and `verify-full` are the same as `require`. Without
//! [`tls_ca`](Postgres::tls_ca) the system's root certificates count or, where there are none, Mozilla's.
//!
//! # Load
//!
//! A commit is five round trips, whatever the number of problems in it: one to see that the connection lives, `BEGIN`, one that locks and
//! reads, one that writes, `COMMIT`. It writes a row for the process and, for each problem in it, the problem's own row, one for each new
//! occurrence and one for each that gives way to it, and one if users were hit. With 20 problems, one new occurrence of some
//! 4 KB each, and lists of 100 users, that is 61 rows and 43 KiB of WAL without users, 81 rows and 200 KiB with users in every
//! problem, over 100 commits after a checkpoint, full-page images included (PostgreSQL 15). Updates of problems touch no index.
//!
//! A look into an outbox with nothing to do is two round trips and writes nothing. To take an alert out takes five more, and to settle
//! it another five. Numbers beyond the bounds are looked for only when a commit has added a problem or an occurrence; instances that add at the same
//! moment may pass a bound by as much as each adds, until the next.

mod bounds;
mod commit;
mod convert;
mod failure;
mod issues;
mod outbox;
mod schema;
mod session;
mod settings;
mod thread;
mod write;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use uuid::Uuid;

use self::session::{Sessions, Work};
use self::settings::Settings;
use self::thread::Thread;
use super::{
    Batch, Claimed, Committed, Decide, Fate, Lease, Planner, StateUpdate, Store, StoreError,
    StoredNotifier, Update,
};
use crate::issue::{Affected, Issue, Record, Retention};
use crate::occurrence::{Fingerprint, Occurrence};
use crate::time::Timestamp;

/// The schema that the tables are in: `tower_monitor`.
pub const DEFAULT_SCHEMA: &str = "tower_monitor";
/// How many connections a process has at most: 4.
pub const DEFAULT_POOL_SIZE: usize = 4;
/// How long a transaction may take: 10 seconds.
pub const DEFAULT_STATEMENT_LIMIT: Duration = Duration::from_secs(10);
/// How long a connection may take to come about, TLS and login included.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Remembers in a PostgreSQL database, which any number of processes share.
///
/// See the [module](self) for the tables, the rights it needs, TLS and PgBouncer.
#[must_use]
pub struct Postgres {
    settings: Settings,
    opened: OnceLock<Opened>,
}

struct Opened {
    thread: Thread,
    sessions: Arc<Sessions>,
}

impl Postgres {
    /// The database at a URL such as `postgres://user:password@db.example.com:5432/app`.
    ///
    /// What is wrong with it is told by [`build()`](crate::Builder::build). Several hosts may be named, with commas between;
    /// the one that takes writes is used.
    pub fn url(url: impl Into<String>) -> Self {
        Self {
            settings: Settings {
                url: url.into(),
                schema: DEFAULT_SCHEMA.to_owned(),
                pool_size: DEFAULT_POOL_SIZE,
                tls_ca: None,
                statement_limit: DEFAULT_STATEMENT_LIMIT,
            },
            opened: OnceLock::new(),
        }
    }

    /// The schema that the tables are in, and nothing else: 1 to 63 lower-case letters, digits and `_`. Apps that use different
    /// schemas of one database know nothing of each other. Default: [`DEFAULT_SCHEMA`].
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.settings.schema = schema.into();
        self
    }

    /// How many connections this process has at most, 1 to 100. They are opened when they are needed; what finds none free
    /// waits. Default: [`DEFAULT_POOL_SIZE`].
    pub fn pool_size(mut self, connections: usize) -> Self {
        self.settings.pool_size = connections;
        self
    }

    /// A PEM file with the certificates that the server's must be signed by, in place of the system's.
    pub fn tls_ca(mut self, file: impl Into<PathBuf>) -> Self {
        self.settings.tls_ca = Some(file.into());
        self
    }

    /// How long a transaction may take, 100 milliseconds to 10 minutes. The server gives up a statement after that time, and this
    /// process the connection. Default: [`DEFAULT_STATEMENT_LIMIT`].
    pub fn statement_limit(mut self, limit: Duration) -> Self {
        self.settings.statement_limit = limit;
        self
    }

    async fn transact<W: Work>(&self, work: W) -> Result<W::Output, StoreError> {
        let opened = self.opened()?;
        let sessions = Arc::clone(&opened.sessions);
        let done = opened
            .thread
            .run(async move { sessions.transact(&work).await });
        done.await.unwrap_or_else(|| Err(panicked()))
    }

    async fn ask<W: Work>(&self, work: W) -> Result<W::Output, StoreError> {
        let opened = self.opened()?;
        let sessions = Arc::clone(&opened.sessions);
        let done = opened.thread.run(async move { sessions.ask(&work).await });
        done.await.unwrap_or_else(|| Err(panicked()))
    }

    fn opened(&self) -> Result<&Opened, StoreError> {
        let opened = self.opened.get();
        opened.ok_or_else(|| StoreError::unusable("it was not opened"))
    }
}

fn panicked() -> StoreError {
    StoreError::away("what was done in the transaction panicked")
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("schema", &self.settings.schema)
            .field("pool_size", &self.settings.pool_size)
            .field("tls_ca", &self.settings.tls_ca)
            .field("statement_limit", &self.settings.statement_limit)
            .finish_non_exhaustive()
    }
}

impl Store for Postgres {
    fn name(&self) -> &str {
        "postgres"
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn open(&self) -> Result<(), StoreError> {
        if self.opened.get().is_some() {
            return Ok(());
        }
        let checked = self.settings.check().map_err(StoreError::unusable)?;
        let sessions = Sessions::new(&self.settings, checked).map_err(StoreError::unusable)?;
        let thread = Thread::start()
            .map_err(|error| StoreError::unusable(format!("its thread does not start: {error}")))?;
        let opened = Opened {
            thread,
            sessions: Arc::new(sessions),
        };
        // Somebody else may have opened it meanwhile.
        let _ = self.opened.set(opened);
        Ok(())
    }

    async fn commit(&self, batch: Arc<Batch>, decide: Decide) -> Result<Committed, StoreError> {
        self.transact(commit::Commit { batch, decide }).await
    }

    async fn claim(&self, lease: Lease, plan: Planner) -> Result<Claimed, StoreError> {
        let look = outbox::Look {
            notifier: lease.notifier.clone(),
            plan: Arc::clone(&plan),
        };
        match self.ask(look).await? {
            Some(claimed) => Ok(claimed),
            None => self.transact(outbox::Claim { lease, plan }).await,
        }
    }

    async fn settle(
        &self,
        notifier: &str,
        entry: Uuid,
        fate: Fate,
        update: StateUpdate,
    ) -> Result<(), StoreError> {
        let notifier = notifier.to_owned();
        let settle = outbox::Settle {
            notifier,
            entry,
            fate,
            update,
        };
        self.transact(settle).await
    }

    async fn notifiers(&self) -> Result<Vec<StoredNotifier>, StoreError> {
        self.ask(outbox::Notifiers).await
    }

    async fn issues(&self, limit: usize) -> Result<Vec<Issue>, StoreError> {
        self.ask(issues::Issues { limit }).await
    }

    async fn record(&self, fingerprint: Fingerprint) -> Result<Option<Record>, StoreError> {
        self.ask(issues::RecordOf(fingerprint)).await
    }

    async fn occurrences(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<Vec<Arc<Occurrence>>, StoreError> {
        self.ask(issues::OccurrencesOf(fingerprint)).await
    }

    async fn affected(&self, fingerprint: Fingerprint) -> Result<Affected, StoreError> {
        self.ask(issues::AffectedBy(fingerprint)).await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Fingerprint>, StoreError> {
        self.ask(issues::Due { now, limit }).await
    }

    async fn update(
        &self,
        fingerprint: Fingerprint,
        update: Update,
    ) -> Result<Option<Record>, StoreError> {
        self.transact(issues::ByHand {
            fingerprint,
            update,
        })
        .await
    }

    async fn forget_user(&self, id: &str) -> Result<u64, StoreError> {
        let user = id.to_owned();
        self.transact(issues::Forget { user }).await
    }

    async fn tidy(&self, now: Timestamp, retention: Retention) -> Result<u64, StoreError> {
        self.transact(bounds::Tidy { now, retention }).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

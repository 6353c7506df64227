//! Issues and their occurrences in one SQLite file.
//!
//! ```no_run
//! use tower_monitor::{Monitor, store::Sqlite};
//!
//! let monitor = Monitor::builder().store(Sqlite::new("monitor.db")).build()?;
//! # Ok::<_, tower_monitor::BuildError>(())
//! ```
//!
//! SQLite itself comes along and is compiled with the service: it needs a C compiler. Everything is done on two threads of the
//! store's own, one that writes and one that reads, each with its connection.
//!
//! # How the file is opened
//!
//! | Pragma | Is | Because |
//! |---|---|---|
//! | `application_id` | `0x54774D6E` | a file of another application is never touched |
//! | `user_version` | the number of migrations | a file of a newer version is not touched either |
//! | `journal_mode` | `WAL` | reading and writing go on at the same time; a commit is one piece at the end of the log |
//! | `synchronous` | `NORMAL` | what was committed survives the end of the process however it comes, `kill -9` included. When the *machine* loses power, the last commits may be gone, and nothing else: the file stays whole. [`synchronous_full`](Sqlite::synchronous_full) waits for the disk with each commit |
//! | `busy_timeout` | 5 s | another process may be writing; see [`busy_timeout`](Sqlite::busy_timeout) |
//! | `auto_vacuum` | `INCREMENTAL` | room that is no longer needed goes back to the disk, a piece with each tidying |
//! | `journal_size_limit` | 8 MiB | the log does not stay as long as it once was |
//! | `secure_delete` | `FAST`, `ON` to erase a person | who is erased is overwritten in the file, not only unlinked |
//!
//! The file is made readable for its owner only when it is created, or was empty. Beside it lie `-wal` and `-shm`, which belong to it: who copies the file while
//! it is in use copies all three, or uses `sqlite3 monitor.db '.backup copy.db'`.
//!
//! # What happens when
//!
//! | | |
//! |---|---|
//! | the process is killed | everything that was committed is there, and nothing by halves |
//! | the disk is full | the commit is undone and [says so](StoreError::is_full); the monitor keeps what it has within its bounds, goes on telling, and tries again |
//! | two processes use the file | works, on one machine: each waits for the other. Not on a network file system |
//! | the file is damaged, of a newer version, of something else | [`build()`](crate::Builder::build) fails, and says what to do. The file is left as it is. Damage is looked for in files up to 256 MiB |
//! | it is deleted or replaced while it is in use | the next write fails with words that say so, and the file is opened, or created, anew |
//! | a row cannot be read, as a newer version wrote it | it is left out, said once in the log and counted. A problem of which that is true begins anew when it occurs again; an alert of which it is true waits 7 days for a version that can read it, and goes |
//! | the service is moved back to an older version | the older one refuses the file when the tables have changed in between |
//!
//! # To look into
//!
//! The tables `issue`, `affected`, `occurrence`, `outbox` and `notifier` may be read by anything that reads SQLite:
//!
//! ```sql
//! SELECT printf('%016x', fingerprint), title, count, users, datetime(last_seen / 1000000, 'unixepoch') FROM issue;
//! SELECT body ->> '$.request.path', count(*) FROM occurrence GROUP BY 1;
//! ```
//!
//! They are no promise: a later version may change them, and migrates the file by itself.

mod bounds;
mod commit;
mod erase;
mod error;
mod file;
mod outbox;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod thread;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use uuid::Uuid;

use self::file::Place;
use self::rows::Unreadable;
use self::thread::{Access, Desk, Link};
use super::{
    Batch, Claimed, Committed, Decide, Fate, Lease, Planner, StateUpdate, Store, StoreError,
    StoredNotifier, Update,
};
use crate::issue::{Affected, Issue, Record, Retention};
use crate::occurrence::{Fingerprint, Occurrence};
use crate::time::Timestamp;

/// How long a write waits while another process writes: 5 seconds.
pub const DEFAULT_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Remembers in one SQLite file. See the [module](self).
#[must_use]
pub struct Sqlite {
    place: Place,
    desks: OnceLock<Desks>,
    unreadable: Unreadable,
}

struct Desks {
    writer: Desk,
    reader: Desk,
}

impl Sqlite {
    /// The file at this path. [`build()`](crate::Builder::build) opens it, and creates it when there is none; its folder has to
    /// be there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            place: Place {
                path: path.into(),
                busy_timeout: DEFAULT_BUSY_TIMEOUT,
                synchronous: "NORMAL",
            },
            desks: OnceLock::new(),
            unreadable: Unreadable::default(),
        }
    }

    /// How long a write waits while another process writes. After it, the store is [away](StoreError::away) for this time, and
    /// the monitor tries again. Default: [`DEFAULT_BUSY_TIMEOUT`].
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.place.busy_timeout = timeout;
        self
    }

    /// Waits with each commit until it is on the disk, so that it survives a loss of power, too. A commit then takes as long as
    /// the disk does: milliseconds. Default: off.
    pub fn synchronous_full(mut self) -> Self {
        self.place.synchronous = "FULL";
        self
    }

    fn desks(&self) -> Result<&Desks, StoreError> {
        let unopened = || StoreError::unusable("it was not opened: `Store::open` does that");
        self.desks.get().ok_or_else(unopened)
    }

    fn started(&self) -> Result<Desks, StoreError> {
        let place = Arc::new(self.place.clone());
        let desk = |name, access, opened| {
            let link = Link {
                place: Arc::clone(&place),
                access,
                opened: Some(opened),
            };
            Desk::start(name, link)
                .map_err(|error| StoreError::away(format!("its thread does not start: {error}")))
        };
        Ok(Desks {
            writer: desk("tower-monitor-sqlite", Access::Write, place.open()?)?,
            reader: desk(
                "tower-monitor-sqlite-read",
                Access::Read,
                place.open_to_read()?,
            )?,
        })
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite")
            .field("path", &self.place.path)
            .field("busy_timeout", &self.place.busy_timeout)
            .field("synchronous", &self.place.synchronous)
            .field("unreadable_rows", &self.unreadable.count())
            .finish_non_exhaustive()
    }
}

impl Store for Sqlite {
    fn name(&self) -> &str {
        "sqlite"
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn open(&self) -> Result<(), StoreError> {
        if self.desks.get().is_none() {
            // Whoever came first in the meantime has it open as well.
            let _ = self.desks.set(self.started()?);
        }
        Ok(())
    }

    async fn commit(&self, batch: Arc<Batch>, decide: Decide) -> Result<Committed, StoreError> {
        let unreadable = self.unreadable.clone();
        let writer = &self.desks()?.writer;
        writer
            .ask(move |file| commit::commit(file, &batch, &decide, &unreadable))
            .await
    }

    async fn claim(&self, lease: Lease, plan: Planner) -> Result<Claimed, StoreError> {
        let unreadable = self.unreadable.clone();
        let writer = &self.desks()?.writer;
        writer
            .ask(move |file| outbox::claim(file, &lease, &plan, &unreadable))
            .await
    }

    async fn settle(
        &self,
        notifier: &str,
        entry: Uuid,
        fate: Fate,
        update: StateUpdate,
    ) -> Result<(), StoreError> {
        let unreadable = self.unreadable.clone();
        let notifier = notifier.to_owned();
        let writer = &self.desks()?.writer;
        writer
            .ask(move |file| outbox::settle(file, &notifier, entry, &fate, &update, &unreadable))
            .await
    }

    async fn notifiers(&self) -> Result<Vec<StoredNotifier>, StoreError> {
        let unreadable = self.unreadable.clone();
        let reader = &self.desks()?.reader;
        reader
            .ask(move |file| outbox::notifiers(file, &unreadable))
            .await
    }

    async fn issues(&self, limit: usize) -> Result<Vec<Issue>, StoreError> {
        let unreadable = self.unreadable.clone();
        let reader = &self.desks()?.reader;
        reader
            .ask(move |file| rows::issues(file, limit, &unreadable))
            .await
    }

    async fn record(&self, fingerprint: Fingerprint) -> Result<Option<Record>, StoreError> {
        let unreadable = self.unreadable.clone();
        let reader = &self.desks()?.reader;
        reader
            .ask(move |file| Ok(rows::record(file, fingerprint, &unreadable)?.flatten()))
            .await
    }

    async fn occurrences(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<Vec<Arc<Occurrence>>, StoreError> {
        let unreadable = self.unreadable.clone();
        let reader = &self.desks()?.reader;
        reader
            .ask(move |file| rows::occurrences(file, fingerprint, &unreadable))
            .await
    }

    async fn affected(&self, fingerprint: Fingerprint) -> Result<Affected, StoreError> {
        let unreadable = self.unreadable.clone();
        let reader = &self.desks()?.reader;
        reader
            .ask(move |file| rows::affected(file, fingerprint, &unreadable))
            .await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Fingerprint>, StoreError> {
        let reader = &self.desks()?.reader;
        reader.ask(move |file| rows::due(file, now, limit)).await
    }

    async fn update(
        &self,
        fingerprint: Fingerprint,
        update: Update,
    ) -> Result<Option<Record>, StoreError> {
        let unreadable = self.unreadable.clone();
        let writer = &self.desks()?.writer;
        writer
            .ask(move |file| commit::update(file, fingerprint, &update, &unreadable))
            .await
    }

    async fn forget_user(&self, id: &str) -> Result<u64, StoreError> {
        let unreadable = self.unreadable.clone();
        let id = id.to_owned();
        let writer = &self.desks()?.writer;
        writer
            .ask(move |file| erase::forget_user(file, &id, &unreadable))
            .await
    }

    async fn tidy(&self, now: Timestamp, retention: Retention) -> Result<u64, StoreError> {
        let unreadable = self.unreadable.clone();
        let writer = &self.desks()?.writer;
        writer
            .ask(move |file| bounds::tidy(file, now, &retention, &unreadable))
            .await
    }

    async fn close(&self) -> Result<(), StoreError> {
        let writer = &self.desks()?.writer;
        writer
            .ask(|file| file::steps(file, "PRAGMA wal_checkpoint(TRUNCATE)"))
            .await
    }
}

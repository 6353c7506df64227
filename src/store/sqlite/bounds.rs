//! What is forgotten to keep the bounds, and what the file gives back to the disk.

use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::file::{number, steps};
use super::outbox;
use super::rows::{Unreadable, key, signed};
use crate::issue::Retention;
use crate::occurrence::Fingerprint;
use crate::time::Timestamp;

/// How many problems there are and what all their occurrences take, as the table of the same name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) issues: i64,
    pub(super) bytes: i64,
    written: (i64, i64),
}

impl Total {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        connection
            .prepare_cached("SELECT issues, bytes FROM total")?
            .query_row([], |row| {
                let (issues, bytes) = (row.get(0)?, row.get(1)?);
                Ok(Self {
                    issues,
                    bytes,
                    written: (issues, bytes),
                })
            })
    }

    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        if (self.issues, self.bytes) != self.written {
            connection
                .prepare_cached("UPDATE total SET issues = ?1, bytes = ?2")?
                .execute([self.issues, self.bytes])?;
        }
        Ok(())
    }

    fn recount(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.issues = number(connection, "SELECT count(*) FROM issue")?;
        self.bytes = number(
            connection,
            "SELECT coalesce(sum(bytes), 0) FROM occurrence INDEXED BY occurrence_of_issue",
        )?;
        Ok(())
    }

    /// Forgets what is beyond the bounds, but for the `fresh` problems. Returns how many problems it forgot.
    pub(super) fn keep_bounds(
        &mut self,
        transaction: &Transaction<'_>,
        retention: &Retention,
        fresh: &[Fingerprint],
    ) -> rusqlite::Result<u64> {
        let mut forgotten = 0;
        let surplus = self.issues.saturating_sub(signed(retention.issues()));
        if surplus > 0 {
            // Some more at once: looking for the least important is work.
            let surplus = surplus.saturating_add(signed(retention.issues() / 64));
            for key in least_important(transaction, surplus, fresh)? {
                self.forget(transaction, key)?;
                forgotten += 1;
            }
        }
        if self.bytes > signed(retention.bytes()) {
            self.shed(transaction, retention.bytes())?;
        }
        Ok(forgotten)
    }

    fn forget(&mut self, transaction: &Transaction<'_>, key: i64) -> rusqlite::Result<()> {
        let bytes: i64 = transaction
            .prepare_cached(
                "SELECT coalesce(sum(bytes), 0) FROM occurrence WHERE fingerprint = ?1",
            )?
            .query_row([key], |row| row.get(0))?;
        self.bytes -= bytes;
        self.issues -= 1;
        for delete in [
            "DELETE FROM occurrence WHERE fingerprint = ?1",
            "DELETE FROM affected WHERE fingerprint = ?1",
            "DELETE FROM issue WHERE fingerprint = ?1",
        ] {
            transaction.prepare_cached(delete)?.execute([key])?;
        }
        Ok(())
    }

    /// Lets the oldest occurrences go until a tenth of the room is free. The newest of a problem goes last.
    fn shed(&mut self, transaction: &Transaction<'_>, max_bytes: u64) -> rusqlite::Result<()> {
        let goal = signed(max_bytes - max_bytes / 10);
        let mut gone = Vec::new();
        let mut statement = transaction.prepare_cached(
            "SELECT number, bytes FROM (
                 SELECT number, bytes, time, id,
                     lead(time) OVER (PARTITION BY fingerprint ORDER BY time, id) IS NULL AS is_newest
                 FROM occurrence
             ) ORDER BY is_newest, time, id",
        )?;
        let mut rows = statement.query([])?;
        while self.bytes > goal
            && let Some(row) = rows.next()?
        {
            self.bytes -= row.get::<_, i64>(1)?;
            gone.push(row.get::<_, i64>(0)?);
        }
        for number in gone {
            transaction
                .prepare_cached("DELETE FROM occurrence WHERE number = ?1")?
                .execute([number])?;
        }
        Ok(())
    }
}

/// The problems to forget first: open before those that somebody has decided upon, rare before frequent, seen long ago
/// before seen lately; the `fresh` ones only when there are no others.
fn least_important(
    transaction: &Transaction<'_>,
    count: i64,
    fresh: &[Fingerprint],
) -> rusqlite::Result<Vec<i64>> {
    let count = usize::try_from(count).unwrap_or(0);
    let fresh: Vec<i64> = fresh.iter().map(|fingerprint| key(*fingerprint)).collect();
    let (mut others, mut last) = (Vec::new(), Vec::new());
    for group in [
        "state = 'open' AND count <= 2",
        "state = 'open' AND count > 2",
        "state <> 'open' AND count <= 2",
        "state <> 'open' AND count > 2",
    ] {
        if others.len() >= count {
            break;
        }
        let mut statement = transaction.prepare_cached(&format!(
            "SELECT fingerprint FROM issue WHERE {group} ORDER BY last_seen, fingerprint < 0, fingerprint LIMIT ?1"
        ))?;
        // Enough even if all of the fresh ones are among them.
        let limit = signed(count - others.len() + fresh.len());
        let keys = statement.query_map([limit], |row| row.get::<_, i64>(0))?;
        for key in keys {
            let key = key?;
            match fresh.contains(&key) {
                true => last.push(key),
                false => others.push(key),
            }
        }
    }
    others.extend(last);
    others.truncate(count);
    Ok(others)
}

/// Forgets what is too old or too much. Returns how many problems were too many.
pub(super) fn tidy(
    connection: &mut Connection,
    now: Timestamp,
    retention: &Retention,
    unreadable: &Unreadable,
) -> rusqlite::Result<u64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut total = Total::read(&transaction)?;
    let outdated: Vec<i64> = transaction
        .prepare_cached("SELECT fingerprint FROM issue WHERE last_seen < ?1 AND state <> 'muted'")?
        .query_map([before(now, retention.age())], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for key in outdated {
        total.forget(&transaction, key)?;
    }
    total.recount(&transaction)?;
    let forgotten = total.keep_bounds(&transaction, retention, &[])?;
    total.write(&transaction)?;
    transaction
        .prepare_cached("DELETE FROM batch WHERE at < ?1")?
        .execute(params![before(now, BATCH_MEMORY)])?;
    outbox::tidy(&transaction, before(now, UNREADABLE_MEMORY), unreadable)?;
    transaction.commit()?;
    give_back(connection)?;
    Ok(forgotten)
}

/// Gives pages that are free to the disk, but for as many as are likely to be used again.
fn give_back(connection: &Connection) -> rusqlite::Result<()> {
    let free = number(connection, "PRAGMA freelist_count")?;
    let spare = number(connection, "PRAGMA page_count")? / 10 + SPARE_PAGES;
    let surplus = (free - spare).min(MAX_PAGES_GIVEN_BACK);
    if surplus > 0 {
        steps(connection, &format!("PRAGMA incremental_vacuum({surplus})"))?;
    }
    Ok(())
}

fn before(now: Timestamp, duration: Duration) -> i64 {
    now.unix_micros()
        .saturating_sub(signed(duration.as_micros()))
}

/// How long it is known which batch of a process was the last.
const BATCH_MEMORY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long an alert that cannot be read waits for a version that can.
const UNREADABLE_MEMORY: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const SPARE_PAGES: i64 = 256;
/// 64 MiB: moving that many holds others up for a moment, and not for long.
const MAX_PAGES_GIVEN_BACK: i64 = 16_384;

//! Records, users and occurrences as rows, and what is made of a row that cannot be read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::issue::{Affected, Issue, Record, Sketch};
use crate::occurrence::{Fingerprint, Occurrence};
use crate::time::Timestamp;

/// How many rows could not be read: a newer version wrote them, or somebody by hand.
#[derive(Clone, Debug, Default)]
pub(super) struct Unreadable(Arc<AtomicU64>);

impl Unreadable {
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The value in a column of JSON; `None` when this version cannot read it.
    pub(super) fn json<T: DeserializeOwned>(&self, row: &Row<'_>, column: usize) -> Option<T> {
        let text = row.get_ref(column).ok().and_then(|it| it.as_str().ok());
        self.known(text.and_then(|text| serde_json::from_str(text).ok()))
    }

    /// What was read, counted when it is nothing.
    pub(super) fn known<T>(&self, read: Option<T>) -> Option<T> {
        if read.is_none() && self.0.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::error!(
                target: "tower_monitor",
                "a row of the SQLite store cannot be read and is left out: did a newer version write it?"
            );
        }
        read
    }
}

pub(super) fn json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// The 64 bits as SQLite has them, with a sign.
pub(super) fn key(fingerprint: Fingerprint) -> i64 {
    fingerprint.as_u64().cast_signed()
}

pub(super) fn fingerprint(key: i64) -> Fingerprint {
    Fingerprint::from_u64(key.cast_unsigned())
}

/// A count as SQLite has it.
pub(super) fn signed(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

pub(super) fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// The record; `Some(None)` when there is one that cannot be read.
pub(super) fn record(
    connection: &Connection,
    fingerprint: Fingerprint,
    unreadable: &Unreadable,
) -> rusqlite::Result<Option<Option<Record>>> {
    connection
        .prepare_cached("SELECT record FROM issue WHERE fingerprint = ?1")?
        .query_row([key(fingerprint)], |row| Ok(unreadable.json(row, 0)))
        .optional()
}

pub(super) fn put_record(connection: &Connection, record: &Record) -> rusqlite::Result<()> {
    let issue = &record.issue;
    connection
        .prepare_cached(
            "INSERT INTO issue (
                 fingerprint, kind, severity, title, culprit, first_seen, last_seen, count, users, state, review_at, record
             ) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (fingerprint) DO UPDATE SET
                 kind = ?2, severity = ?3, title = ?4, culprit = ?5, first_seen = ?6, last_seen = ?7, count = ?8,
                 users = ?9, state = ?10, review_at = ?11, record = ?12",
        )?
        .execute(params![
            key(issue.fingerprint),
            issue.kind.as_str(),
            issue.severity.as_str(),
            issue.title,
            issue.culprit,
            issue.first_seen.unix_micros(),
            issue.last_seen.unix_micros(),
            signed(issue.count),
            signed(issue.users),
            issue.state.as_str(),
            record.review_at.map(Timestamp::unix_micros),
            json(record)?,
        ])?;
    Ok(())
}

/// The issues, the last seen first. Those last seen at the same time stand in the order of their fingerprints.
pub(super) fn issues(
    connection: &Connection,
    limit: usize,
    unreadable: &Unreadable,
) -> rusqlite::Result<Vec<Issue>> {
    #[derive(serde::Deserialize)]
    struct Part {
        issue: Issue,
    }
    let mut statement = connection.prepare_cached(
        "SELECT record FROM issue ORDER BY last_seen DESC, fingerprint < 0, fingerprint LIMIT ?1",
    )?;
    let rows = statement.query_map([signed(limit)], |row| Ok(unreadable.json::<Part>(row, 0)))?;
    let parts: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    Ok(parts.into_iter().flatten().map(|part| part.issue).collect())
}

pub(super) fn due(
    connection: &Connection,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<Fingerprint>> {
    let mut statement = connection.prepare_cached(
        "SELECT fingerprint FROM issue WHERE review_at <= ?1 ORDER BY review_at LIMIT ?2",
    )?;
    let rows = statement.query_map([now.unix_micros(), signed(limit)], |row| row.get(0))?;
    rows.map(|key| key.map(fingerprint)).collect()
}

pub(super) fn affected(
    connection: &Connection,
    fingerprint: Fingerprint,
    unreadable: &Unreadable,
) -> rusqlite::Result<Affected> {
    let affected = connection
        .prepare_cached("SELECT users, sketch, has_more FROM affected WHERE fingerprint = ?1")?
        .query_row([key(fingerprint)], |row| Ok(read_affected(row, unreadable)))
        .optional()?;
    Ok(affected.flatten().unwrap_or_default())
}

/// Of the columns `users`, `sketch` and `has_more`.
pub(super) fn read_affected(row: &Row<'_>, unreadable: &Unreadable) -> Option<Affected> {
    let users = unreadable.json(row, 0)?;
    let sketch = row.get_ref(1).ok().and_then(|it| it.as_blob().ok());
    let sketch = match sketch {
        Some([]) => Some(Sketch::default()),
        Some(registers) => registers.try_into().ok().map(Sketch::from_registers),
        None => None,
    };
    Some(Affected {
        users,
        sketch: unreadable.known(sketch)?,
        has_more: row.get(2).unwrap_or(true),
    })
}

pub(super) fn put_affected(
    connection: &Connection,
    key: i64,
    affected: &Affected,
) -> rusqlite::Result<()> {
    let sketch: &[u8] = match affected.sketch.is_empty() {
        true => &[],
        false => affected.sketch.registers(),
    };
    connection
        .prepare_cached(
            "INSERT INTO affected (fingerprint, users, sketch, has_more) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (fingerprint) DO UPDATE SET users = ?2, sketch = ?3, has_more = ?4",
        )?
        .execute(params![
            key,
            json(&affected.users)?,
            sketch,
            affected.has_more
        ])?;
    Ok(())
}

/// The occurrences of a problem, oldest first.
pub(super) fn occurrences(
    connection: &Connection,
    fingerprint: Fingerprint,
    unreadable: &Unreadable,
) -> rusqlite::Result<Vec<Arc<Occurrence>>> {
    let mut statement = connection
        .prepare_cached("SELECT body FROM occurrence WHERE fingerprint = ?1 ORDER BY time, id")?;
    let rows = statement.query_map([key(fingerprint)], |row| Ok(unreadable.json(row, 0)))?;
    let read: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    Ok(read.into_iter().flatten().map(Arc::new).collect())
}

/// The id in a column.
pub(super) fn id(row: &Row<'_>, column: usize) -> Option<Uuid> {
    let bytes = row.get_ref(column).ok()?.as_blob().ok()?;
    Uuid::from_slice(bytes).ok()
}

pub(super) fn id_bytes(id: &Uuid) -> &[u8] {
    id.as_bytes()
}

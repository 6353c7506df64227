//! One batch of changes in one transaction: applied, decided upon, and written in as few rows as there can be.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use uuid::Uuid;

use super::bounds::Total;
use super::outbox;
use super::rows::{self, Unreadable, id_bytes, key, signed, unsigned};
use crate::issue::{Affected, Change, Record, Retention, thinned};
use crate::occurrence::{Fingerprint, Occurrence};
use crate::store::{Batch, Committed, Decide, Touched, Update};
use crate::time::Timestamp;

pub(super) fn commit(
    connection: &mut Connection,
    batch: &Batch,
    decide: &Decide,
    unreadable: &Unreadable,
) -> rusqlite::Result<Committed> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let committed = match repeated(&transaction, batch, unreadable)? {
        Some(committed) => committed,
        None => fresh(&transaction, batch, decide, unreadable)?,
    };
    transaction.commit()?;
    Ok(committed)
}

/// What came of the batch the first time, when it has been here before.
fn repeated(
    transaction: &Transaction<'_>,
    batch: &Batch,
    unreadable: &Unreadable,
) -> rusqlite::Result<Option<Committed>> {
    let seen = transaction
        .prepare_cached(
            "SELECT forgotten, outgoing FROM batch WHERE process = ?1 AND number >= ?2",
        )?
        .query_row(
            params![id_bytes(&batch.process), signed(batch.number)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((forgotten, outgoing)) = seen else {
        return Ok(None);
    };
    let mut committed = Committed {
        forgotten: unsigned(forgotten),
        outgoing: unsigned(outgoing),
        ..Committed::default()
    };
    for change in &batch.changes {
        match rows::record(transaction, change.fingerprint, unreadable)?.flatten() {
            Some(record) => committed.records.push(record),
            None if Record::begin(change).is_none() => committed.unknown.push(change.fingerprint),
            None => {}
        }
    }
    Ok(Some(committed))
}

fn fresh(
    transaction: &Transaction<'_>,
    batch: &Batch,
    decide: &Decide,
    unreadable: &Unreadable,
) -> rusqlite::Result<Committed> {
    let mut committed = Committed::default();
    let mut touched = Vec::new();
    let mut writes = Vec::new();
    for change in &batch.changes {
        match taken_in(transaction, change, batch, unreadable)? {
            Some((record, write)) => {
                touched.push(Touched { change, record });
                writes.push(write);
            }
            None => committed.unknown.push(change.fingerprint),
        }
    }
    let outgoing = decide(&mut touched);
    let mut total = Total::read(transaction)?;
    let mut fresh: Vec<Fingerprint> = Vec::new();
    for (Touched { change, record }, write) in touched.into_iter().zip(writes) {
        write.put(transaction, change.fingerprint, &record, &mut total)?;
        fresh.push(change.fingerprint);
        committed.records.push(record);
    }
    for outgoing in &outgoing {
        outbox::decided(transaction, outgoing, batch.now)?;
    }
    committed.outgoing = outgoing.len() as u64;
    committed.forgotten = total.keep_bounds(transaction, &batch.retention, &fresh)?;
    total.write(transaction)?;
    remember(transaction, batch, &committed)?;
    Ok(committed)
}

/// What is written of a problem besides its record.
struct Write {
    is_new: bool,
    affected: Option<Affected>,
    arrived: Vec<(Arc<Occurrence>, String)>,
    gone: Vec<Kept>,
}

/// An occurrence that is in the file.
struct Kept {
    number: i64,
    id: Uuid,
    time: Timestamp,
    bytes: i64,
}

fn taken_in(
    transaction: &Transaction<'_>,
    change: &Change,
    batch: &Batch,
    unreadable: &Unreadable,
) -> rusqlite::Result<Option<(Record, Write)>> {
    let retention = &batch.retention;
    let known = rows::record(transaction, change.fingerprint, unreadable)?;
    let is_new = known.is_none();
    // One that cannot be read begins anew: better told twice than never.
    let Some(mut record) = known.flatten().or_else(|| Record::begin(change)) else {
        return Ok(None);
    };
    let mut affected = match change.has_users() {
        true => Some(rows::affected(transaction, change.fingerprint, unreadable)?),
        false => None,
    };
    record.apply(change, affected.as_mut(), retention.users(), batch.now);
    let (arrived, gone) = sampled(transaction, change, retention)?;
    let write = Write {
        is_new,
        affected,
        arrived,
        gone,
    };
    Ok(Some((record, write)))
}

type Sampled = (Vec<(Arc<Occurrence>, String)>, Vec<Kept>);

/// The occurrences that are to be added, as JSON, and those that have to go for them.
fn sampled(
    transaction: &Transaction<'_>,
    change: &Change,
    retention: &Retention,
) -> rusqlite::Result<Sampled> {
    if change.occurrences.is_empty() {
        return Ok(Sampled::default());
    }
    let mut known = kept(transaction, change.fingerprint)?;
    let arrived = change.occurrences.iter().map(|it| (it.id, it.time));
    let all: Vec<_> = known
        .iter()
        .map(|it| (it.id, it.time))
        .chain(arrived)
        .collect();
    let gone = thinned(&all, retention.occurrences());
    let stay = change
        .occurrences
        .iter()
        .filter(|it| !gone.contains(&it.id));
    let written = stay.map(|it| Ok((Arc::clone(it), rows::json(&**it)?)));
    let written = written.collect::<rusqlite::Result<_>>()?;
    known.retain(|it| gone.contains(&it.id));
    Ok((written, known))
}

fn kept(transaction: &Transaction<'_>, fingerprint: Fingerprint) -> rusqlite::Result<Vec<Kept>> {
    let mut statement = transaction
        .prepare_cached("SELECT number, id, time, bytes FROM occurrence WHERE fingerprint = ?1")?;
    let rows = statement.query_map([key(fingerprint)], |row| {
        Ok(Kept {
            number: row.get(0)?,
            id: rows::id(row, 1).unwrap_or_default(),
            time: Timestamp::from_unix_micros(row.get(2)?),
            bytes: row.get(3)?,
        })
    })?;
    rows.collect()
}

impl Write {
    fn put(
        self,
        transaction: &Transaction<'_>,
        fingerprint: Fingerprint,
        record: &Record,
        total: &mut Total,
    ) -> rusqlite::Result<()> {
        rows::put_record(transaction, record)?;
        total.issues += i64::from(self.is_new);
        if let Some(affected) = &self.affected {
            rows::put_affected(transaction, key(fingerprint), affected)?;
        }
        // One that comes takes the place of one that goes: so fewer pages change.
        let mut gone = self.gone.into_iter();
        for (occurrence, body) in self.arrived {
            let place = gone.next();
            let bytes = signed(body.len());
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO occurrence (number, id, fingerprint, time, user_id, bytes, body)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    place.as_ref().map(|place| place.number),
                    id_bytes(&occurrence.id),
                    key(fingerprint),
                    occurrence.time.unix_micros(),
                    occurrence.user_id(),
                    bytes,
                    body,
                ])?;
            total.bytes += bytes - place.map_or(0, |place| place.bytes);
        }
        for kept in gone {
            transaction
                .prepare_cached("DELETE FROM occurrence WHERE number = ?1")?
                .execute([kept.number])?;
            total.bytes -= kept.bytes;
        }
        Ok(())
    }
}

/// Writes down that the batch is in, so that it is not counted again.
fn remember(
    transaction: &Transaction<'_>,
    batch: &Batch,
    committed: &Committed,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO batch (process, number, at, forgotten, outgoing) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (process) DO UPDATE SET number = ?2, at = ?3, forgotten = ?4, outgoing = ?5",
        )?
        .execute(params![
            id_bytes(&batch.process),
            signed(batch.number),
            batch.now.unix_micros(),
            signed(committed.forgotten),
            signed(committed.outgoing),
        ])?;
    Ok(())
}

pub(super) fn update(
    connection: &mut Connection,
    fingerprint: Fingerprint,
    update: &Update,
    unreadable: &Unreadable,
) -> rusqlite::Result<Option<Record>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Some(mut record) = rows::record(&transaction, fingerprint, unreadable)?.flatten() else {
        return Ok(None);
    };
    let before = record.clone();
    update(&mut record);
    if record != before {
        rows::put_record(&transaction, &record)?;
    }
    transaction.commit()?;
    Ok(Some(record))
}

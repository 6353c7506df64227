//! Erases a person: out of the rows, and out of the pages that the rows were on.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::bounds::Total;
use super::file::steps;
use super::outbox;
use super::rows::{self, Unreadable, fingerprint, put_affected};
use crate::issue::Affected;

pub(super) fn forget_user(
    connection: &mut Connection,
    user: &str,
    unreadable: &Unreadable,
) -> rusqlite::Result<u64> {
    steps(connection, "PRAGMA secure_delete = ON")?;
    let erased = erase(connection, user, unreadable);
    steps(connection, "PRAGMA secure_delete = FAST")?;
    let erased = erased?;
    // Pages that were free before may still hold what was on them, and so may the log. When others read just now, this waits
    // for the next time that the log is full.
    let _ = steps(connection, "PRAGMA incremental_vacuum");
    let _ = steps(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
    Ok(erased)
}

fn erase(
    connection: &mut Connection,
    user: &str,
    unreadable: &Unreadable,
) -> rusqlite::Result<u64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let listed = off_the_lists(&transaction, user, unreadable)?;
    let mut total = Total::read(&transaction)?;
    let bytes: Vec<i64> = transaction
        .prepare_cached("DELETE FROM occurrence WHERE user_id = ?1 RETURNING bytes")?
        .query_map([user], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    total.bytes -= bytes.iter().sum::<i64>();
    total.write(&transaction)?;
    let waiting = outbox::forget_user(&transaction, user, unreadable)?;
    transaction.commit()?;
    Ok(listed + bytes.len() as u64 + waiting)
}

fn off_the_lists(
    transaction: &Transaction<'_>,
    user: &str,
    unreadable: &Unreadable,
) -> rusqlite::Result<u64> {
    let mut statement = transaction.prepare_cached(
        "SELECT users, sketch, has_more, fingerprint FROM affected WHERE instr(users, ?1)",
    )?;
    // The id as it stands in the list; who contains it is looked at closely.
    let rows = statement.query_map([rows::json(&user)?], |row| {
        Ok((row.get::<_, i64>(3)?, rows::read_affected(row, unreadable)))
    })?;
    let suspects: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    let mut erased = 0;
    for (key, affected) in suspects {
        let affected = match affected {
            Some(mut affected) => affected.forget(user).then_some(affected),
            // What cannot be read cannot be cleaned either.
            None => Some(Affected {
                has_more: true,
                ..Affected::default()
            }),
        };
        let Some(affected) = affected else { continue };
        put_affected(transaction, key, &affected)?;
        let record = rows::record(transaction, fingerprint(key), unreadable)?;
        if let Some(mut record) = record.flatten() {
            record.issue.users = affected.count();
            rows::put_record(transaction, &record)?;
        }
        erased += 1;
    }
    Ok(erased)
}

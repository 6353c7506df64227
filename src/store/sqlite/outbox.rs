//! The outbox and the notifiers as rows.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::rows::{Unreadable, id, id_bytes, json, unsigned};
use crate::issue::{Alert, AlertSummary};
use crate::loss::Losses;
use crate::store::{
    Claimed, Entry, Fate, Joined, Lease, NotifierState, Outgoing, Planner, StateUpdate,
    StoredNotifier, Waiting,
};
use crate::time::Timestamp;

/// What a planner sees of an alert. The alert itself, which is long, is read when it is taken.
#[derive(Serialize, Deserialize)]
struct Line {
    summary: AlertSummary,
    #[serde(default)]
    also: Vec<AlertSummary>,
    #[serde(default)]
    also_more: u64,
    #[serde(default)]
    lost: Losses,
}

/// Takes on an alert that was decided just now.
pub(super) fn decided(
    transaction: &Transaction<'_>,
    outgoing: &Outgoing,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let mut alert = Alert::clone(&outgoing.alert);
    let line = Line {
        summary: alert.summary(),
        also: std::mem::take(&mut alert.also),
        also_more: std::mem::take(&mut alert.also_more),
        lost: std::mem::take(&mut alert.lost),
    };
    know(transaction, &outgoing.notifier)?;
    transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO outbox (notifier, id, created_at, due_at, tries, user_id, line, body)
             VALUES (?1, ?2, ?3, ?3, 0, ?4, ?5, ?6)",
        )?
        .execute(params![
            outgoing.notifier,
            id_bytes(&alert.id),
            now.unix_micros(),
            alert.occurrence.user_id(),
            json(&line)?,
            json(&alert)?,
        ])?;
    Ok(())
}

pub(super) fn claim(
    connection: &mut Connection,
    lease: &Lease,
    plan: &Planner,
    unreadable: &Unreadable,
) -> rusqlite::Result<Claimed> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let waiting = waiting(&transaction, lease, unreadable)?;
    let before = state(&transaction, &lease.notifier, unreadable)?;
    let mut state = before.clone().unwrap_or_default();
    let plan = plan(&mut state, &waiting);
    if before.as_ref() != Some(&state) {
        put_state(&transaction, &lease.notifier, &state)?;
    }
    if let Some(joined) = &plan.join {
        join(&transaction, &lease.notifier, joined, unreadable)?;
    }
    let entry = match plan.take {
        Some(id) => take(&transaction, lease, id, unreadable)?,
        None => None,
    };
    let (all, leased): (i64, i64) = transaction
        .prepare_cached(
            "SELECT count(*), count(*) FILTER (WHERE leased_until > ?2 AND leased_until <= ?3) FROM outbox
             WHERE notifier = ?1",
        )?
        .query_row(
            params![
                lease.notifier,
                lease.now.unix_micros(),
                lease.latest().unix_micros()
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
    transaction.commit()?;
    Ok(Claimed {
        plan,
        waiting: unsigned(all - leased),
        leased: unsigned(leased - i64::from(entry.is_some())),
        entry,
    })
}

fn waiting(
    transaction: &Transaction<'_>,
    lease: &Lease,
    unreadable: &Unreadable,
) -> rusqlite::Result<Vec<Waiting>> {
    let mut statement = transaction.prepare_cached(
        "SELECT line, id, created_at, due_at, tries FROM outbox
         WHERE notifier = ?1 AND (leased_until IS NULL OR leased_until <= ?2 OR leased_until > ?3)
         ORDER BY created_at, id",
    )?;
    let (now, latest) = (lease.now.unix_micros(), lease.latest().unix_micros());
    let rows = statement.query_map(params![lease.notifier, now, latest], |row| {
        let Some(line) = unreadable.json::<Line>(row, 0) else {
            return Ok(None);
        };
        let Some(id) = unreadable.known(id(row, 1)) else {
            return Ok(None);
        };
        Ok(Some(Waiting {
            id,
            created_at: Timestamp::from_unix_micros(row.get(2)?),
            due_at: Timestamp::from_unix_micros(row.get(3)?),
            tries: row.get(4)?,
            summary: line.summary,
            also: line.also,
            also_more: line.also_more,
            lost: line.lost,
        }))
    })?;
    let all: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    Ok(all.into_iter().flatten().collect())
}

fn join(
    transaction: &Transaction<'_>,
    notifier: &str,
    joined: &Joined,
    unreadable: &Unreadable,
) -> rusqlite::Result<()> {
    let kept = transaction
        .prepare_cached("SELECT line, number FROM outbox WHERE notifier = ?1 AND id = ?2")?
        .query_row(params![notifier, id_bytes(&joined.keep)], |row| {
            let line = unreadable.json::<Line>(row, 0);
            Ok(line.map(|line| (line, row.get::<_, i64>(1))))
        })
        .optional()?;
    let Some((line, number)) = kept.flatten() else {
        return Ok(());
    };
    for gone in &joined.gone {
        remove(transaction, notifier, *gone)?;
    }
    let line = Line {
        summary: line.summary,
        also: joined.also.clone(),
        also_more: joined.also_more,
        lost: joined.lost,
    };
    transaction
        .prepare_cached(
            "UPDATE outbox SET id = ?2, created_at = ?3, tries = 0, line = ?4 WHERE number = ?1",
        )?
        .execute(params![
            number?,
            id_bytes(&joined.id),
            joined.created_at.unix_micros(),
            json(&line)?,
        ])?;
    Ok(())
}

fn take(
    transaction: &Transaction<'_>,
    lease: &Lease,
    id: Uuid,
    unreadable: &Unreadable,
) -> rusqlite::Result<Option<Entry>> {
    let free = transaction
        .prepare_cached(
            "SELECT body, line, number, created_at, tries FROM outbox
             WHERE notifier = ?1 AND id = ?2
                 AND (leased_until IS NULL OR leased_until <= ?3 OR leased_until > ?4)",
        )?
        .query_row(
            params![
                lease.notifier,
                id_bytes(&id),
                lease.now.unix_micros(),
                lease.latest().unix_micros()
            ],
            |row| {
                let alert = unreadable.json::<Alert>(row, 0);
                let line = unreadable.json::<Line>(row, 1);
                let created_at = Timestamp::from_unix_micros(row.get(3)?);
                let (number, tries): (i64, u32) = (row.get(2)?, row.get(4)?);
                Ok((number, alert.zip(line), created_at, tries))
            },
        )
        .optional()?;
    let Some((number, read, created_at, tries)) = free else {
        return Ok(None);
    };
    let (tries, until) = match read.is_some() {
        true => (tries.saturating_add(1), lease.now.after(lease.duration)),
        // Out of the way of the others for as long as a lease may be, for a version that can read it.
        false => (tries, lease.latest()),
    };
    transaction
        .prepare_cached("UPDATE outbox SET tries = ?2, leased_until = ?3 WHERE number = ?1")?
        .execute(params![number, tries, until.unix_micros()])?;
    Ok(read.map(|(mut alert, line)| {
        alert.id = id;
        alert.also = line.also;
        alert.also_more = line.also_more;
        alert.lost = line.lost;
        Entry {
            alert,
            created_at,
            tries,
        }
    }))
}

pub(super) fn settle(
    connection: &mut Connection,
    notifier: &str,
    entry: Uuid,
    fate: &Fate,
    update: &StateUpdate,
    unreadable: &Unreadable,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = state(&transaction, notifier, unreadable)?;
    let mut state = before.clone().unwrap_or_default();
    update(&mut state);
    if before.as_ref() != Some(&state) {
        put_state(&transaction, notifier, &state)?;
    }
    match fate {
        Fate::Done => remove(&transaction, notifier, entry)?,
        Fate::Retry { due_at } => {
            transaction
                .prepare_cached(
                    "UPDATE outbox SET due_at = ?3, leased_until = NULL WHERE notifier = ?1 AND id = ?2",
                )?
                .execute(params![notifier, id_bytes(&entry), due_at.unix_micros()])?;
        }
        Fate::HandOver { notifier: other } => {
            let handed = transaction
                .prepare_cached(
                    "UPDATE OR IGNORE outbox
                     SET notifier = ?3, due_at = created_at, tries = 0, leased_until = NULL
                     WHERE notifier = ?1 AND id = ?2",
                )?
                .execute(params![notifier, id_bytes(&entry), other])?;
            if handed > 0 {
                know(&transaction, other)?;
            } else {
                // The other one has it already.
                remove(&transaction, notifier, entry)?;
            }
        }
    }
    transaction.commit()
}

fn remove(transaction: &Transaction<'_>, notifier: &str, entry: Uuid) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM outbox WHERE notifier = ?1 AND id = ?2")?
        .execute(params![notifier, id_bytes(&entry)])?;
    Ok(())
}

/// How the notifier is; `None` when it is not known, or nothing can be made of what is.
fn state(
    connection: &Connection,
    notifier: &str,
    unreadable: &Unreadable,
) -> rusqlite::Result<Option<NotifierState>> {
    let state = connection
        .prepare_cached("SELECT state FROM notifier WHERE name = ?1")?
        .query_row([notifier], |row| Ok(unreadable.json(row, 0)))
        .optional()?;
    Ok(state.flatten())
}

fn put_state(
    connection: &Connection,
    notifier: &str,
    state: &NotifierState,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO notifier (name, state) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET state = ?2",
        )?
        .execute([notifier, &json(state)?])?;
    Ok(())
}

fn know(connection: &Connection, notifier: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO notifier (name, state) VALUES (?1, '{}')")?
        .execute([notifier])?;
    Ok(())
}

pub(super) fn notifiers(
    connection: &Connection,
    unreadable: &Unreadable,
) -> rusqlite::Result<Vec<StoredNotifier>> {
    let mut statement = connection.prepare_cached(
        "SELECT state, name, (SELECT count(*) FROM outbox WHERE outbox.notifier = name) FROM notifier ORDER BY name",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(StoredNotifier {
            name: row.get(1)?,
            state: unreadable.json(row, 0).unwrap_or_default(),
            waiting: unsigned(row.get(2)?),
        })
    })?;
    rows.collect()
}

/// Takes a person out of what waits. Returns in how many alerts they were.
pub(super) fn forget_user(
    transaction: &Transaction<'_>,
    user: &str,
    unreadable: &Unreadable,
) -> rusqlite::Result<u64> {
    let mut statement =
        transaction.prepare_cached("SELECT body, number FROM outbox WHERE user_id = ?1")?;
    let rows = statement.query_map([user], |row| {
        Ok((unreadable.json::<Alert>(row, 0), row.get::<_, i64>(1)?))
    })?;
    let theirs: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    let erased = theirs.len() as u64;
    for (alert, number) in theirs {
        let Some(mut alert) = alert else {
            // What cannot be read cannot be cleaned either.
            transaction.execute("DELETE FROM outbox WHERE number = ?1", [number])?;
            continue;
        };
        std::sync::Arc::make_mut(&mut alert.occurrence).without_person();
        transaction
            .prepare_cached("UPDATE outbox SET body = ?2, user_id = NULL WHERE number = ?1")?
            .execute(params![number, json(&alert)?])?;
    }
    Ok(erased)
}

/// Lets alerts go that were decided before this time and cannot be read.
pub(super) fn tidy(
    transaction: &Transaction<'_>,
    before: i64,
    unreadable: &Unreadable,
) -> rusqlite::Result<()> {
    let mut statement = transaction
        .prepare_cached("SELECT line, body, id, number FROM outbox WHERE created_at < ?1")?;
    let rows = statement.query_map([before], |row| {
        let is_readable = unreadable.json::<Line>(row, 0).is_some()
            && unreadable.json::<Alert>(row, 1).is_some()
            && unreadable.known(id(row, 2)).is_some();
        Ok((!is_readable).then_some(row.get::<_, i64>(3)?))
    })?;
    let gone: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    for number in gone.into_iter().flatten() {
        transaction
            .prepare_cached("DELETE FROM outbox WHERE number = ?1")?
            .execute([number])?;
    }
    Ok(())
}

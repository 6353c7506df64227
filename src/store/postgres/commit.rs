//! A commit: five round trips, whatever the number of problems in it.
//!
//! One to see that the connection lives, `BEGIN`, one that locks and reads, one that writes, `COMMIT`. Only where the bounds
//! are passed there are more.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::try_join;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::bounds;
use super::convert::{Unreadable, int, json, key, unsigned};
use super::failure::Failure;
use super::session::{Session, Work};
use super::write::Writes;
use crate::issue::{Affected, Change, Record, thinned};
use crate::store::{Batch, Committed, Decide, Touched};
use crate::time::Timestamp;

pub(super) struct Commit {
    pub(super) batch: Arc<Batch>,
    pub(super) decide: Decide,
}

/// What was there before.
struct Found {
    /// What the process's last batch came to, when this one was applied already.
    applied: Option<(u64, u64)>,
    /// The records as they are written. One that this transaction has made room for is empty.
    records: HashMap<i64, String>,
    affected: HashMap<i64, String>,
    /// The kept occurrences of the problems that get new ones.
    kept: HashMap<i64, Vec<(Uuid, Timestamp)>>,
}

impl Work for Commit {
    type Output = Committed;

    async fn run(&self, on: &Session<'_>) -> Result<Committed, Failure> {
        let batch = &*self.batch;
        let mut found = Found::read(on, batch).await?;
        if let Some((outgoing, forgotten)) = found.applied {
            return Ok(found.as_it_is(batch, outgoing, forgotten, on.unreadable));
        }
        let mut committed = Committed::default();
        let mut writes = Writes::default();
        let mut touched = Vec::new();
        for change in &batch.changes {
            match found.apply(change, batch, &mut writes, on.unreadable)? {
                Some(record) => touched.push(Touched { change, record }),
                None => committed.unknown.push(change.fingerprint),
            }
        }
        let outgoing = (self.decide)(&mut touched);
        committed.outgoing = outgoing.len() as u64;
        for outgoing in &outgoing {
            writes.outgoing(outgoing)?;
        }
        for Touched { record, .. } in touched {
            let before = found.records.get(&key(record.issue.fingerprint));
            writes.record(&record, before.map_or("", String::as_str))?;
            committed.records.push(record);
        }
        let totals = writes.run(on, batch, committed.outgoing).await?;
        if let Some(totals) = totals {
            let fresh: Vec<_> = found.records.keys().copied().collect();
            committed.forgotten = bounds::keep(on, &batch.retention, &fresh, totals).await?;
            if committed.forgotten > 0 {
                on.write(
                    "UPDATE @.processes SET forgotten = $2 WHERE process = $1",
                    &[
                        (&batch.process, Type::UUID),
                        (&int(committed.forgotten), Type::INT8),
                    ],
                )
                .await?;
            }
        }
        Ok(committed)
    }
}

impl Found {
    async fn read(on: &Session<'_>, batch: &Batch) -> Result<Self, Failure> {
        let all = keys(batch, |_| true);
        let begins = keys(batch, |change| Record::begin(change).is_some());
        let with_users = keys(batch, Change::has_users);
        let with_occurrences = keys(batch, |change| !change.occurrences.is_empty());
        let number = int(batch.number);
        // One round trip. Each statement sees what was committed before it began, so the last ones read what is locked.
        let (process, _, records, affected, kept) = try_join!(biased;
            async {
                on.row(PROCESS, &[
                    (&batch.process, Type::UUID),
                    (&number, Type::INT8),
                ]).await
            },
            async {
                on.write(MAKE_ROOM, &[
                    (&begins, Type::INT8_ARRAY),
                    (&batch.process, Type::UUID),
                    (&number, Type::INT8),
                ]).await
            },
            if_any(on, RECORDS, &all),
            if_any(on, AFFECTED, &with_users),
            if_any(on, KEPT, &with_occurrences),
        )?;
        let mut by_problem: HashMap<i64, Vec<_>> = HashMap::new();
        for row in kept {
            let one = (row.get(1), Timestamp::from_unix_micros(row.get(2)));
            by_problem.entry(row.get(0)).or_default().push(one);
        }
        let found = Self {
            applied: process.map(|row| (unsigned(row.get(0)), unsigned(row.get(1)))),
            records: pairs(records),
            affected: pairs(affected),
            kept: by_problem,
        };
        let is_there = |key: &i64| found.records.contains_key(key);
        match found.applied.is_some() || begins.iter().all(is_there) {
            true => Ok(found),
            // It was there, and was forgotten before it could be locked.
            false => Err(Failure::Overtaken),
        }
    }

    /// The answer to a batch that was applied already.
    fn as_it_is(
        &self,
        batch: &Batch,
        outgoing: u64,
        forgotten: u64,
        unreadable: &Unreadable,
    ) -> Committed {
        let mut committed = Committed {
            outgoing,
            forgotten,
            ..Committed::default()
        };
        for change in &batch.changes {
            let Some(text) = self.records.get(&key(change.fingerprint)) else {
                // One that began a record was counted, and the record was forgotten since.
                if Record::begin(change).is_none() {
                    committed.unknown.push(change.fingerprint);
                }
                continue;
            };
            match unreadable.read(text, "a problem's record") {
                Some(record) => committed.records.push(record),
                None => committed.unknown.push(change.fingerprint),
            }
        }
        committed
    }

    fn apply(
        &mut self,
        change: &Change,
        batch: &Batch,
        writes: &mut Writes,
        unreadable: &Unreadable,
    ) -> Result<Option<Record>, Failure> {
        let key = key(change.fingerprint);
        let record = match self.records.get(&key).map(String::as_str) {
            None => None,
            Some("") => {
                writes.grows = true;
                Record::begin(change)
            }
            Some(text) => unreadable.read(text, "a problem's record"),
        };
        let Some(mut record) = record else {
            return Ok(None);
        };
        let mut affected: Option<Affected> = match (change.has_users(), self.affected.get(&key)) {
            (false, _) => None,
            (true, None) => Some(Affected::default()),
            (true, Some(text)) => unreadable.read(text, "a list of affected users"),
        };
        record.apply(
            change,
            affected.as_mut(),
            batch.retention.users(),
            batch.now,
        );
        if let Some(affected) = affected {
            let text = json(&affected)?;
            if self.affected.get(&key) != Some(&text) {
                writes.affected(key, text);
            }
        }
        if !change.occurrences.is_empty() {
            let mut kept = self.kept.remove(&key).unwrap_or_default();
            let before = kept.len();
            let is_kept = |id: &Uuid| kept.iter().any(|(kept, _)| kept == id);
            let new = change.occurrences.iter().filter(|it| !is_kept(&it.id));
            let new: Vec<_> = new.collect();
            kept.extend(new.iter().map(|it| (it.id, it.time)));
            let gone = thinned(&kept, batch.retention.occurrences());
            writes.grows |= kept.len() - gone.len() > before;
            for occurrence in new {
                if !gone.contains(&occurrence.id) {
                    writes.occurrence(key, occurrence)?;
                }
            }
            let old = &kept[..before];
            for (id, _) in old.iter().filter(|(id, _)| gone.contains(id)) {
                writes.gone(key, *id);
            }
        }
        Ok(Some(record))
    }
}

/// In the order in which every process locks them.
fn keys(batch: &Batch, wanted: impl Fn(&Change) -> bool) -> Vec<i64> {
    let wanted = batch.changes.iter().filter(|change| wanted(change));
    let mut keys: Vec<_> = wanted.map(|change| key(change.fingerprint)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

async fn if_any(on: &Session<'_>, statement: &str, keys: &[i64]) -> Result<Vec<Row>, Failure> {
    match keys.is_empty() {
        true => Ok(Vec::new()),
        false => on.rows(statement, &[(&keys, Type::INT8_ARRAY)]).await,
    }
}

fn pairs(rows: Vec<Row>) -> HashMap<i64, String> {
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

const PROCESS: &str =
    "SELECT outgoing, forgotten FROM @.processes WHERE process = $1 AND number >= $2 FOR UPDATE";
const MAKE_ROOM: &str = "INSERT INTO @.issues (fingerprint) SELECT fingerprint FROM unnest($1) AS new (fingerprint) \
     WHERE NOT EXISTS (SELECT FROM @.processes WHERE process = $2 AND number >= $3) \
     ORDER BY fingerprint ON CONFLICT DO NOTHING";
const RECORDS: &str = "SELECT fingerprint, record FROM @.issues WHERE fingerprint = ANY($1) ORDER BY fingerprint FOR UPDATE";
const AFFECTED: &str = "SELECT fingerprint, users FROM @.affected WHERE fingerprint = ANY($1)";
const KEPT: &str = "SELECT fingerprint, id, time FROM @.occurrences WHERE fingerprint = ANY($1)";

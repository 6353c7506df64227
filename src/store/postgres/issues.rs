//! Asking for what is known of the problems, and changing it by hand.

use std::sync::Arc;

use tokio::try_join;
use tokio_postgres::types::Type;

use super::convert::{fingerprint, json, key, plain, read, size};
use super::failure::Failure;
use super::outbox::DONE;
use super::session::{Session, Work};
use super::write::Writes;
use crate::issue::{Affected, Alert, Issue, Record};
use crate::occurrence::{Fingerprint, Occurrence};
use crate::store::Update;
use crate::time::Timestamp;

pub(super) struct Issues {
    pub(super) limit: usize,
}

impl Work for Issues {
    type Output = Vec<Issue>;

    async fn run(&self, on: &Session<'_>) -> Result<Vec<Issue>, Failure> {
        let limit = size(self.limit);
        let rows = on.rows(LAST_SEEN, &[(&limit, Type::INT8)]).await?;
        let records = rows.iter().filter_map(|row| {
            let record: Option<Record> = on.unreadable.read(row.get(0), "a problem's record");
            record
        });
        let mut issues: Vec<_> = records.map(|record| record.issue).collect();
        // The server compares the numbers with their sign.
        issues.sort_by_key(|issue| (std::cmp::Reverse(issue.last_seen), issue.fingerprint));
        Ok(issues)
    }
}

pub(super) struct RecordOf(pub(super) Fingerprint);

impl Work for RecordOf {
    type Output = Option<Record>;

    async fn run(&self, on: &Session<'_>) -> Result<Option<Record>, Failure> {
        let row = on
            .row(
                "SELECT record FROM @.issues WHERE fingerprint = $1",
                &[(&key(self.0), Type::INT8)],
            )
            .await?;
        let record = row.map(|row| read(row.get(0), "a problem's record"));
        Ok(record.transpose()?)
    }
}

pub(super) struct OccurrencesOf(pub(super) Fingerprint);

impl Work for OccurrencesOf {
    type Output = Vec<Arc<Occurrence>>;

    async fn run(&self, on: &Session<'_>) -> Result<Vec<Arc<Occurrence>>, Failure> {
        let rows = on.rows(OLDEST_FIRST, &[(&key(self.0), Type::INT8)]).await?;
        let all = rows
            .iter()
            .filter_map(|row| on.unreadable.read(row.get(0), "an occurrence"));
        Ok(all.map(Arc::new).collect())
    }
}

pub(super) struct AffectedBy(pub(super) Fingerprint);

impl Work for AffectedBy {
    type Output = Affected;

    async fn run(&self, on: &Session<'_>) -> Result<Affected, Failure> {
        let row = on
            .row(
                "SELECT users FROM @.affected WHERE fingerprint = $1",
                &[(&key(self.0), Type::INT8)],
            )
            .await?;
        match row {
            Some(row) => Ok(read(row.get(0), "a list of affected users")?),
            None => Ok(Affected::default()),
        }
    }
}

pub(super) struct Due {
    pub(super) now: Timestamp,
    pub(super) limit: usize,
}

impl Work for Due {
    type Output = Vec<Fingerprint>;

    async fn run(&self, on: &Session<'_>) -> Result<Vec<Fingerprint>, Failure> {
        let now = self.now.unix_micros();
        let rows = on
            .rows(DUE, &[(&now, Type::INT8), (&size(self.limit), Type::INT8)])
            .await?;
        Ok(rows.iter().map(|row| fingerprint(row.get(0))).collect())
    }
}

/// Changes a record.
pub(super) struct ByHand {
    pub(super) fingerprint: Fingerprint,
    pub(super) update: Update,
}

impl Work for ByHand {
    type Output = Option<Record>;

    async fn run(&self, on: &Session<'_>) -> Result<Option<Record>, Failure> {
        let row = on
            .row(
                "SELECT record FROM @.issues WHERE fingerprint = $1 FOR UPDATE",
                &[(&key(self.fingerprint), Type::INT8)],
            )
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let mut record: Record = read(row.get(0), "a problem's record")?;
        (self.update)(&mut record);
        let mut writes = Writes::default();
        writes.record(&record, row.get(0))?;
        writes.write_records(on).await?;
        Ok(Some(record))
    }
}

/// Erases a person.
pub(super) struct Forget {
    pub(super) user: String,
}

impl Work for Forget {
    type Output = u64;

    async fn run(&self, on: &Session<'_>) -> Result<u64, Failure> {
        let user = plain(&self.user);
        // As it stands in JSON, quotes included.
        let written = json(&self.user)?;
        let (lists, occurrences, alerts) = try_join!(biased;
            async { on.rows(LISTS, &[(&written, Type::TEXT)]).await },
            async { on.write(FORGET_OCCURRENCES, &[(&user, Type::TEXT)]).await },
            async { on.rows(ALERTS, &[(&user, Type::TEXT)]).await },
        )?;
        let mut erased = occurrences;
        let mut writes = Writes::default();
        for row in &lists {
            let affected: Option<Affected> =
                on.unreadable.read(row.get(2), "a list of affected users");
            let affected = match affected {
                Some(mut affected) => affected.forget(&self.user).then_some(affected),
                // What cannot be read cannot be cleaned either.
                None => Some(Affected {
                    has_more: true,
                    ..Affected::default()
                }),
            };
            let Some(affected) = affected else { continue };
            let record: Option<Record> = on.unreadable.read(row.get(1), "a problem's record");
            if let Some(mut record) = record {
                record.issue.users = affected.count();
                writes.record(&record, row.get(1))?;
            }
            writes.affected(row.get(0), json(&affected)?);
            erased += 1;
        }
        writes.write_records(on).await?;
        writes.write_affected(on).await?;
        for row in &alerts {
            let (notifier, id): (&str, uuid::Uuid) = (row.get(0), row.get(1));
            let entry = [(&notifier as _, Type::TEXT), (&id as _, Type::UUID)];
            let alert: Option<Alert> = on.unreadable.read(row.get(2), "an alert that waits");
            if let Some(mut alert) = alert {
                Arc::make_mut(&mut alert.occurrence).without_person();
                let alert = json(&alert)?;
                let [notifier, id] = entry;
                on.write(REWRITE, &[notifier, id, (&alert, Type::TEXT)])
                    .await?;
            } else {
                on.write(DONE, &entry).await?;
            }
            erased += 1;
        }
        Ok(erased)
    }
}

const LAST_SEEN: &str = "SELECT record FROM @.issues ORDER BY last_seen DESC, fingerprint LIMIT $1";
const OLDEST_FIRST: &str =
    "SELECT occurrence FROM @.occurrences WHERE fingerprint = $1 ORDER BY time, id";
const DUE: &str =
    "SELECT fingerprint FROM @.issues WHERE review_at <= $1 ORDER BY review_at LIMIT $2";
const LISTS: &str = "SELECT fingerprint, issue.record, list.users FROM @.issues AS issue JOIN @.affected AS list USING (fingerprint) \
     WHERE position($1 IN list.users) > 0 ORDER BY fingerprint FOR UPDATE";
const FORGET_OCCURRENCES: &str = "DELETE FROM @.occurrences WHERE user_id = $1";
const ALERTS: &str =
    "SELECT notifier, id, alert FROM @.outbox WHERE user_id = $1 ORDER BY notifier, id FOR UPDATE";
const REWRITE: &str =
    "UPDATE @.outbox SET alert = $3, user_id = NULL WHERE notifier = $1 AND id = $2";

//! What a commit writes, table by table, each in one statement.

use std::sync::Arc;

use tokio::try_join;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::bounds::{self, Totals};
use super::convert::{int, json, key, plain};
use super::failure::Failure;
use super::outbox::Summary;
use super::session::Session;
use crate::issue::Record;
use crate::occurrence::Occurrence;
use crate::store::{Batch, Outgoing};

#[derive(Default)]
pub(super) struct Writes {
    /// Whether there are more problems or more occurrences than before.
    pub(super) grows: bool,
    records: Records,
    affected: (Vec<i64>, Vec<String>),
    occurrences: Occurrences,
    gone: (Vec<i64>, Vec<Uuid>),
    outbox: Outbox,
}

#[derive(Default)]
struct Records {
    keys: Vec<i64>,
    kinds: Vec<&'static str>,
    severities: Vec<&'static str>,
    titles: Vec<String>,
    culprits: Vec<Option<String>>,
    states: Vec<&'static str>,
    first_seen: Vec<i64>,
    last_seen: Vec<i64>,
    counts: Vec<i64>,
    users: Vec<i64>,
    reviews: Vec<Option<i64>>,
    texts: Vec<String>,
}

#[derive(Default)]
struct Occurrences {
    keys: Vec<i64>,
    ids: Vec<Uuid>,
    times: Vec<i64>,
    users: Vec<Option<String>>,
    bytes: Vec<i64>,
    texts: Vec<String>,
}

#[derive(Default)]
struct Outbox {
    notifiers: Vec<String>,
    ids: Vec<Uuid>,
    users: Vec<Option<String>>,
    summaries: Vec<String>,
    alerts: Vec<String>,
}

impl Writes {
    /// Nothing, if it is as it was `before`.
    pub(super) fn record(&mut self, record: &Record, before: &str) -> Result<(), Failure> {
        let text = json(record)?;
        if text == before {
            return Ok(());
        }
        let issue = &record.issue;
        let all = &mut self.records;
        all.keys.push(key(issue.fingerprint));
        all.kinds.push(issue.kind.as_str());
        all.severities.push(issue.severity.as_str());
        all.titles.push(plain(&issue.title).into_owned());
        let culprit = issue.culprit.as_deref();
        all.culprits
            .push(culprit.map(|culprit| plain(culprit).into_owned()));
        all.states.push(issue.state.as_str());
        all.first_seen.push(issue.first_seen.unix_micros());
        all.last_seen.push(issue.last_seen.unix_micros());
        all.counts.push(int(issue.count));
        all.users.push(int(issue.users));
        all.reviews
            .push(record.review_at.map(|at| at.unix_micros()));
        all.texts.push(text);
        Ok(())
    }

    pub(super) fn affected(&mut self, key: i64, text: String) {
        self.affected.0.push(key);
        self.affected.1.push(text);
    }

    pub(super) fn occurrence(
        &mut self,
        key: i64,
        occurrence: &Arc<Occurrence>,
    ) -> Result<(), Failure> {
        let text = json(occurrence)?;
        let all = &mut self.occurrences;
        all.keys.push(key);
        all.ids.push(occurrence.id);
        all.times.push(occurrence.time.unix_micros());
        all.users
            .push(occurrence.user_id().map(|id| plain(id).into_owned()));
        all.bytes.push(int(text.len() as u64));
        all.texts.push(text);
        Ok(())
    }

    pub(super) fn gone(&mut self, key: i64, id: Uuid) {
        self.gone.0.push(key);
        self.gone.1.push(id);
    }

    pub(super) fn outgoing(&mut self, outgoing: &Outgoing) -> Result<(), Failure> {
        let alert = &outgoing.alert;
        let all = &mut self.outbox;
        all.notifiers.push(plain(&outgoing.notifier).into_owned());
        all.ids.push(alert.id);
        let user = alert.occurrence.user_id();
        all.users.push(user.map(|id| plain(id).into_owned()));
        all.summaries.push(json(&Summary::of(alert))?);
        all.alerts.push(json(alert)?);
        Ok(())
    }

    /// Writes all of it in one round trip, and says how much there is then if it has become more.
    pub(super) async fn run(
        &self,
        on: &Session<'_>,
        batch: &Batch,
        outgoing: u64,
    ) -> Result<Option<Totals>, Failure> {
        let (_, _, _, _, _, (), totals) = try_join!(biased;
            self.take_number(on, batch, outgoing),
            self.write_records(on),
            self.write_affected(on),
            self.remove_gone(on),
            self.occurrences.insert(on),
            self.outbox.insert(on, batch),
            async {
                match self.grows {
                    true => Ok(Some(bounds::totals(on).await?)),
                    false => Ok(None),
                }
            },
        )?;
        Ok(totals)
    }

    async fn take_number(
        &self,
        on: &Session<'_>,
        batch: &Batch,
        outgoing: u64,
    ) -> Result<(), Failure> {
        let taken = on
            .write(
                NUMBER,
                &[
                    (&batch.process, Type::UUID),
                    (&int(batch.number), Type::INT8),
                    (&int(outgoing), Type::INT8),
                ],
            )
            .await?;
        match taken {
            // The same batch, from a try that was given up here and went on in the server.
            0 => Err(Failure::Overtaken),
            _ => Ok(()),
        }
    }

    pub(super) async fn write_records(&self, on: &Session<'_>) -> Result<(), Failure> {
        self.records.update(on).await
    }

    pub(super) async fn write_affected(&self, on: &Session<'_>) -> Result<(), Failure> {
        let (keys, texts) = &self.affected;
        if !keys.is_empty() {
            on.write(
                REPLACE_AFFECTED,
                &[(keys, Type::INT8_ARRAY), (texts, Type::TEXT_ARRAY)],
            )
            .await?;
        }
        Ok(())
    }

    async fn remove_gone(&self, on: &Session<'_>) -> Result<(), Failure> {
        let (keys, ids) = &self.gone;
        if !keys.is_empty() {
            on.write(
                REMOVE_GONE,
                &[(keys, Type::INT8_ARRAY), (ids, Type::UUID_ARRAY)],
            )
            .await?;
        }
        Ok(())
    }
}

impl Records {
    async fn update(&self, on: &Session<'_>) -> Result<(), Failure> {
        if !self.keys.is_empty() {
            on.write(
                UPDATE_RECORDS,
                &[
                    (&self.keys, Type::INT8_ARRAY),
                    (&self.kinds, Type::TEXT_ARRAY),
                    (&self.severities, Type::TEXT_ARRAY),
                    (&self.titles, Type::TEXT_ARRAY),
                    (&self.culprits, Type::TEXT_ARRAY),
                    (&self.states, Type::TEXT_ARRAY),
                    (&self.first_seen, Type::INT8_ARRAY),
                    (&self.last_seen, Type::INT8_ARRAY),
                    (&self.counts, Type::INT8_ARRAY),
                    (&self.users, Type::INT8_ARRAY),
                    (&self.reviews, Type::INT8_ARRAY),
                    (&self.texts, Type::TEXT_ARRAY),
                ],
            )
            .await?;
        }
        Ok(())
    }
}

impl Occurrences {
    async fn insert(&self, on: &Session<'_>) -> Result<(), Failure> {
        if !self.keys.is_empty() {
            on.write(
                INSERT_OCCURRENCES,
                &[
                    (&self.keys, Type::INT8_ARRAY),
                    (&self.ids, Type::UUID_ARRAY),
                    (&self.times, Type::INT8_ARRAY),
                    (&self.users, Type::TEXT_ARRAY),
                    (&self.bytes, Type::INT8_ARRAY),
                    (&self.texts, Type::TEXT_ARRAY),
                ],
            )
            .await?;
        }
        Ok(())
    }
}

impl Outbox {
    async fn insert(&self, on: &Session<'_>, batch: &Batch) -> Result<(), Failure> {
        if self.ids.is_empty() {
            return Ok(());
        }
        try_join!(biased;
            async {
                on.write(INSERT_NOTIFIERS, &[(&self.notifiers, Type::TEXT_ARRAY)]).await
            },
            async {
                on.write(INSERT_OUTBOX, &[
                    (&self.notifiers, Type::TEXT_ARRAY),
                    (&self.ids, Type::UUID_ARRAY),
                    (&batch.now.unix_micros(), Type::INT8),
                    (&self.users, Type::TEXT_ARRAY),
                    (&self.summaries, Type::TEXT_ARRAY),
                    (&self.alerts, Type::TEXT_ARRAY),
                ])
                .await
            },
        )?;
        Ok(())
    }
}

const NUMBER: &str = "INSERT INTO @.processes AS known (process, number, outgoing, seen_at) VALUES ($1, $2, $3, clock_timestamp()) \
     ON CONFLICT (process) DO UPDATE SET number = excluded.number, outgoing = excluded.outgoing, forgotten = 0, \
     seen_at = excluded.seen_at WHERE known.number < excluded.number";
const UPDATE_RECORDS: &str = "UPDATE @.issues AS issue SET kind = new.kind, severity = new.severity, title = new.title, \
     culprit = new.culprit, state = new.state, first_seen = new.first_seen, last_seen = new.last_seen, count = new.count, \
     users = new.users, review_at = new.review_at, record = new.record \
     FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS new (fingerprint, kind, severity, title, culprit, \
     state, first_seen, last_seen, count, users, review_at, record) WHERE issue.fingerprint = new.fingerprint";
const REPLACE_AFFECTED: &str = "INSERT INTO @.affected (fingerprint, users) SELECT * FROM unnest($1, $2) \
     ON CONFLICT (fingerprint) DO UPDATE SET users = excluded.users";
const REMOVE_GONE: &str = "DELETE FROM @.occurrences AS kept USING unnest($1, $2) AS gone (fingerprint, id) \
     WHERE kept.fingerprint = gone.fingerprint AND kept.id = gone.id";
const INSERT_OCCURRENCES: &str = "INSERT INTO @.occurrences (fingerprint, id, time, user_id, bytes, occurrence) \
     SELECT * FROM unnest($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
pub(super) const INSERT_NOTIFIERS: &str = "INSERT INTO @.notifiers (name, state) SELECT DISTINCT name, '{}' FROM unnest($1) AS new (name) \
     ORDER BY name ON CONFLICT DO NOTHING";
const INSERT_OUTBOX: &str = "INSERT INTO @.outbox (notifier, id, created_at, due_at, user_id, summary, alert) \
     SELECT notifier, id, $3, $3, user_id, summary, alert FROM unnest($1, $2, $4, $5, $6) \
     AS new (notifier, id, user_id, summary, alert) ON CONFLICT DO NOTHING";

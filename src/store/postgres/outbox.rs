//! What waits for the notifiers, and how they are.

use serde::{Deserialize, Serialize};
use tokio::try_join;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::convert::{Unreadable, json, micros, plain, time, unsigned};
use super::failure::Failure;
use super::session::{Session, Work};
use super::write::INSERT_NOTIFIERS;
use crate::issue::{Alert, AlertSummary};
use crate::loss::Losses;
use crate::store::{
    Claimed, Entry, Fate, Joined, Lease, NotifierState, Plan, Planner, StateUpdate, StoredNotifier,
    Waiting,
};

/// What is read of an entry before it is taken.
#[derive(Serialize, Deserialize)]
pub(super) struct Summary {
    summary: AlertSummary,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    also: Vec<AlertSummary>,
    #[serde(default)]
    also_more: u64,
    #[serde(default)]
    lost: Losses,
}

impl Summary {
    pub(super) fn of(alert: &Alert) -> Self {
        Self {
            summary: alert.summary(),
            also: alert.also.clone(),
            also_more: alert.also_more,
            lost: alert.lost,
        }
    }
}

/// What one notifier has.
struct Found {
    state: NotifierState,
    /// Oldest first.
    waiting: Vec<Waiting>,
    leased: u64,
}

impl Found {
    async fn read(on: &Session<'_>, notifier: &str) -> Result<Self, Failure> {
        let rows = on.rows(FOUND, &[(&notifier, Type::TEXT)]).await?;
        let mut found = Self {
            state: NotifierState::default(),
            waiting: Vec::new(),
            leased: 0,
        };
        for row in rows {
            let text: &str = row.get(4);
            match (row.get::<_, Option<Uuid>>(0), row.get(5)) {
                (None, _) => found.state = state(on, text),
                (Some(_), true) => found.leased += 1,
                (Some(id), false) => found.waiting.extend(waiting(on.unreadable, id, text, &row)),
            }
        }
        found
            .waiting
            .sort_by_key(|entry| (entry.created_at, entry.id));
        Ok(found)
    }

    fn has(&self, id: Uuid) -> bool {
        self.waiting.iter().any(|entry| entry.id == id)
    }
}

fn state(on: &Session<'_>, text: &str) -> NotifierState {
    let state = on.unreadable.read(text, "a notifier's state");
    state.unwrap_or_default()
}

fn waiting(unreadable: &Unreadable, id: Uuid, summary: &str, row: &Row) -> Option<Waiting> {
    let summary: Summary = unreadable.read(summary, "an alert that waits")?;
    Some(Waiting {
        id,
        created_at: time(row.get(1)),
        due_at: time(row.get(2)),
        tries: u32::try_from(row.get::<_, i64>(3)).unwrap_or(u32::MAX),
        summary: summary.summary,
        also: summary.also,
        also_more: summary.also_more,
        lost: summary.lost,
    })
}

/// A look without a lock. `None` when there is something to do.
pub(super) struct Look {
    pub(super) notifier: String,
    pub(super) plan: Planner,
}

impl Work for Look {
    type Output = Option<Claimed>;

    async fn run(&self, on: &Session<'_>) -> Result<Option<Claimed>, Failure> {
        let found = Found::read(on, &plain(&self.notifier)).await?;
        let mut state = found.state.clone();
        let plan = (self.plan)(&mut state, &found.waiting);
        let idle = state == found.state && plan.join.is_none() && plan.take.is_none();
        Ok(idle.then(|| Claimed {
            plan,
            entry: None,
            waiting: found.waiting.len() as u64,
            leased: found.leased,
        }))
    }
}

/// The same under the notifier's lock.
pub(super) struct Claim {
    pub(super) lease: Lease,
    pub(super) plan: Planner,
}

impl Work for Claim {
    type Output = Claimed;

    async fn run(&self, on: &Session<'_>) -> Result<Claimed, Failure> {
        let notifier = plain(&self.lease.notifier);
        // In this order: what is read was written before the lock was had.
        let (_, found) = try_join!(biased;
            lock(on, &notifier),
            Found::read(on, &notifier),
        )?;
        let mut state = found.state.clone();
        let mut plan = (self.plan)(&mut state, &found.waiting);
        // What has nothing to go into stays.
        plan.join = plan.join.filter(|joined| found.has(joined.keep));
        let changed = (state != found.state).then_some(&state);
        let (_, _, row) = try_join!(biased;
            write_state(on, &notifier, changed),
            join(on, &notifier, &plan, &found.waiting),
            self.take(on, &notifier, &plan),
        )?;
        let gone = |entry: &Waiting| {
            let joined = plan.join.as_ref();
            joined.is_some_and(|joined| joined.gone.contains(&entry.id))
        };
        let gone = found.waiting.iter().filter(|entry| gone(entry)).count();
        let left = found.waiting.len() - gone;
        let taken = u64::from(row.is_some());
        // One that cannot be read stays leased: a process of the release that wrote it may take it afterwards.
        let entry = row.and_then(|row| entry(on.unreadable, &row));
        Ok(Claimed {
            plan,
            waiting: (left as u64).saturating_sub(taken),
            leased: found.leased + taken - u64::from(entry.is_some()),
            entry,
        })
    }
}

impl Claim {
    async fn take(
        &self,
        on: &Session<'_>,
        notifier: &str,
        plan: &Plan,
    ) -> Result<Option<Row>, Failure> {
        let Some(id) = plan.take else {
            return Ok(None);
        };
        let duration = micros(self.lease.duration.min(MAX_LEASE));
        let row = on
            .row(
                TAKE,
                &[
                    (&notifier, Type::TEXT),
                    (&id, Type::UUID),
                    (&duration, Type::INT8),
                ],
            )
            .await?;
        Ok(row)
    }
}

fn entry(unreadable: &Unreadable, row: &Row) -> Option<Entry> {
    let mut alert: Alert = unreadable.read(row.get(1), "an alert that waits")?;
    let summary: Summary = unreadable.read(row.get(2), "an alert that waits")?;
    alert.id = row.get(0);
    alert.also = summary.also;
    alert.also_more = summary.also_more;
    alert.lost = summary.lost;
    Some(Entry {
        alert,
        created_at: time(row.get(3)),
        tries: u32::try_from(row.get::<_, i64>(4)).unwrap_or(u32::MAX),
    })
}

async fn join(
    on: &Session<'_>,
    notifier: &str,
    plan: &Plan,
    waiting: &[Waiting],
) -> Result<(), Failure> {
    let Some(joined) = &plan.join else {
        return Ok(());
    };
    let Some(kept) = waiting.iter().find(|entry| entry.id == joined.keep) else {
        return Ok(());
    };
    try_join!(biased;
        async {
            let gone = on.write("DELETE FROM @.outbox WHERE notifier = $1 AND id = ANY($2)", &[
                (&notifier, Type::TEXT),
                (&joined.gone, Type::UUID_ARRAY),
            ]).await?;
            Ok::<_, Failure>(gone)
        },
        keep(on, notifier, joined, kept),
    )?;
    Ok(())
}

async fn keep(
    on: &Session<'_>,
    notifier: &str,
    joined: &Joined,
    kept: &Waiting,
) -> Result<(), Failure> {
    let summary = json(&Summary {
        summary: kept.summary.clone(),
        also: joined.also.clone(),
        also_more: joined.also_more,
        lost: joined.lost,
    })?;
    on.write(
        JOIN,
        &[
            (&notifier, Type::TEXT),
            (&joined.keep, Type::UUID),
            (&joined.id, Type::UUID),
            (&joined.created_at.unix_micros(), Type::INT8),
            (&summary, Type::TEXT),
        ],
    )
    .await?;
    Ok(())
}

pub(super) struct Settle {
    pub(super) notifier: String,
    pub(super) entry: Uuid,
    pub(super) fate: Fate,
    pub(super) update: StateUpdate,
}

impl Work for Settle {
    type Output = ();

    async fn run(&self, on: &Session<'_>) -> Result<(), Failure> {
        let notifier = plain(&self.notifier);
        let before = lock(on, &notifier).await?;
        let mut state = before.clone();
        (self.update)(&mut state);
        let changed = (state != before).then_some(&state);
        try_join!(biased;
            write_state(on, &notifier, changed),
            self.decide_fate(on, &notifier),
        )?;
        Ok(())
    }
}

impl Settle {
    async fn decide_fate(&self, on: &Session<'_>, notifier: &str) -> Result<(), Failure> {
        let entry = (&notifier as _, Type::TEXT);
        let id = (&self.entry as _, Type::UUID);
        match &self.fate {
            Fate::Done => {
                on.write(DONE, &[entry, id]).await?;
            }
            Fate::Retry { due_at } => {
                let due_at = due_at.unix_micros();
                on.write(RETRY, &[entry, id, (&due_at, Type::INT8)]).await?;
            }
            Fate::HandOver { notifier: other } if plain(other) == notifier => {
                on.write(BEGIN_ANEW, &[entry, id]).await?;
            }
            Fate::HandOver { notifier: other } => {
                let other = plain(other);
                try_join!(biased;
                    insert_notifier(on, &other),
                    async {
                        let other = (&other as _, Type::TEXT);
                        on.write(HAND_OVER, &[entry, id, other]).await
                    },
                )?;
            }
        }
        Ok(())
    }
}

/// Makes a notifier known, and locks it.
async fn lock(on: &Session<'_>, notifier: &str) -> Result<NotifierState, Failure> {
    let (_, state) = try_join!(biased;
        insert_notifier(on, notifier),
        async {
            let state = on.row("SELECT state FROM @.notifiers WHERE name = $1 FOR UPDATE", &[(&notifier, Type::TEXT)]).await?;
            state.ok_or(Failure::Overtaken)
        },
    )?;
    Ok(self::state(on, state.get(0)))
}

async fn insert_notifier(on: &Session<'_>, name: &str) -> Result<u64, Failure> {
    let inserted = on
        .write(INSERT_NOTIFIERS, &[(&[name].as_slice(), Type::TEXT_ARRAY)])
        .await?;
    Ok(inserted)
}

async fn write_state(
    on: &Session<'_>,
    notifier: &str,
    state: Option<&NotifierState>,
) -> Result<(), Failure> {
    if let Some(state) = state {
        on.write(
            "UPDATE @.notifiers SET state = $2 WHERE name = $1",
            &[(&notifier, Type::TEXT), (&json(state)?, Type::TEXT)],
        )
        .await?;
    }
    Ok(())
}

pub(super) struct Notifiers;

impl Work for Notifiers {
    type Output = Vec<StoredNotifier>;

    async fn run(&self, on: &Session<'_>) -> Result<Vec<StoredNotifier>, Failure> {
        let rows = on.rows(NOTIFIERS, &[]).await?;
        let stored = rows.iter().map(|row| StoredNotifier {
            name: row.get(0),
            state: state(on, row.get(1)),
            waiting: unsigned(row.get(2)),
        });
        Ok(stored.collect())
    }
}

/// Ten years: the server's clock has an end.
const MAX_LEASE: std::time::Duration = std::time::Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// A lease that begins in the time to come is of a clock that was set back: it would hold for as long as that.
const FOUND: &str = "SELECT NULL::uuid, 0::bigint, 0::bigint, 0::bigint, state, false FROM @.notifiers WHERE name = $1 \
     UNION ALL SELECT id, created_at, due_at, tries, summary, NOT coalesce(leased_until <= clock_timestamp() \
     OR leased_at > clock_timestamp() + interval '5 minutes', true) FROM @.outbox WHERE notifier = $1";
const TAKE: &str = "UPDATE @.outbox SET tries = tries + 1, leased_at = clock_timestamp(), leased_until = clock_timestamp() + $3 * interval '1 microsecond' \
     WHERE notifier = $1 AND id = $2 \
     AND coalesce(leased_until <= clock_timestamp() OR leased_at > clock_timestamp() + interval '5 minutes', true) \
     RETURNING id, alert, summary, created_at, tries";
const JOIN: &str = "UPDATE @.outbox SET id = $3, created_at = $4, tries = 0, summary = $5 WHERE notifier = $1 AND id = $2";
pub(super) const DONE: &str = "DELETE FROM @.outbox WHERE notifier = $1 AND id = $2";
const RETRY: &str =
    "UPDATE @.outbox SET due_at = $3, leased_until = NULL WHERE notifier = $1 AND id = $2";
const BEGIN_ANEW: &str = "UPDATE @.outbox SET due_at = created_at, tries = 0, leased_until = NULL WHERE notifier = $1 AND id = $2";
const HAND_OVER: &str = "WITH moved AS (DELETE FROM @.outbox WHERE notifier = $1 AND id = $2 \
     RETURNING id, created_at, user_id, summary, alert) \
     INSERT INTO @.outbox (notifier, id, created_at, due_at, user_id, summary, alert) \
     SELECT $3, id, created_at, created_at, user_id, summary, alert FROM moved ON CONFLICT DO NOTHING";
const NOTIFIERS: &str = "SELECT name, state, (SELECT count(*) FROM @.outbox WHERE notifier = name) FROM @.notifiers \
     ORDER BY name COLLATE \"C\"";

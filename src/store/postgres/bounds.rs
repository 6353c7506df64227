//! What is forgotten when there is too much of it, or when it is too old.

use tokio::try_join;
use tokio_postgres::types::Type;

use super::convert::{int, micros, size};
use super::failure::Failure;
use super::session::{Session, Work};
use crate::issue::Retention;
use crate::time::Timestamp;

/// How much there is.
#[derive(Clone, Copy)]
pub(super) struct Totals {
    issues: i64,
    /// Of all occurrences, written as JSON.
    bytes: i64,
}

pub(super) async fn totals(on: &Session<'_>) -> Result<Totals, Failure> {
    let row = on.one(TOTALS, &[]).await?;
    Ok(Totals {
        issues: row.get(0),
        bytes: row.get(1),
    })
}

/// Forgets what is beyond the bounds, but for the `fresh` problems. Returns how many problems it forgot: none when
/// somebody else is at it.
pub(super) async fn keep(
    on: &Session<'_>,
    retention: &Retention,
    fresh: &[i64],
    totals: Totals,
) -> Result<u64, Failure> {
    let surplus = totals.issues.saturating_sub(size(retention.issues()));
    let bytes = int(retention.bytes());
    if surplus <= 0 && totals.bytes <= bytes || !lock(on).await? {
        return Ok(0);
    }
    let mut forgotten = 0;
    let mut left = totals.bytes;
    if surplus > 0 {
        // Some more at once: looking for the least important is work.
        let surplus = surplus + size(retention.issues() / 64);
        forgotten = on
            .write(
                FORGET,
                &[(&fresh, Type::INT8_ARRAY), (&surplus, Type::INT8)],
            )
            .await?;
        left = self::totals(on).await?.bytes;
    }
    if left > bytes {
        let goal = bytes - bytes / 10;
        on.write(SHED, &[(&(left - goal), Type::INT8)]).await?;
    }
    Ok(forgotten)
}

/// Of many processes, one does it.
async fn lock(on: &Session<'_>) -> Result<bool, Failure> {
    let row = on.one(LOCK, &[(&on.schema.name, Type::TEXT)]).await?;
    Ok(row.get(0))
}

pub(super) struct Tidy {
    pub(super) now: Timestamp,
    pub(super) retention: Retention,
}

impl Work for Tidy {
    type Output = u64;

    async fn run(&self, on: &Session<'_>) -> Result<u64, Failure> {
        if !lock(on).await? || on.write(TIDIED, &[]).await? == 0 {
            return Ok(0);
        }
        let age = micros(self.retention.age());
        let oldest = self.now.unix_micros().saturating_sub(age);
        let (_, _, totals) = try_join!(biased;
            async { on.write(FORGET_OLD, &[(&oldest, Type::INT8)]).await },
            async { on.write(FORGET_PROCESSES, &[]).await },
            totals(on),
        )?;
        keep(on, &self.retention, &[], totals).await
    }
}

const LOCK: &str =
    "SELECT pg_try_advisory_xact_lock(hashtextextended('tower-monitor bounds ' || $1, 0))";
/// Somebody has done it less than 10 minutes ago, if nothing is written. A time to come is of a clock that was set back.
const TIDIED: &str = "INSERT INTO @.tidied AS last (at) VALUES (clock_timestamp()) ON CONFLICT (one) DO UPDATE SET at = excluded.at \
     WHERE last.at NOT BETWEEN excluded.at - interval '10 minutes' AND excluded.at";
const TOTALS: &str = "SELECT (SELECT count(*) FROM @.issues), (SELECT coalesce(sum(bytes), 0)::bigint FROM @.occurrences)";
/// What somebody else writes to right now is not the least important. An array is read once; a plain `IN` may be read again,
/// and lock and find others.
const FORGET: &str = "DELETE FROM @.issues WHERE fingerprint = ANY(ARRAY(SELECT fingerprint FROM @.issues \
     ORDER BY fingerprint = ANY($1), state <> 'open', count > 2, last_seen, fingerprint LIMIT $2 FOR UPDATE SKIP LOCKED))";
/// The oldest go until so much room is made. The newest of a problem goes last.
const SHED: &str = "DELETE FROM @.occurrences AS kept USING (\
     SELECT fingerprint, id, sum(bytes) OVER (ORDER BY newest, time, id ROWS UNBOUNDED PRECEDING) - bytes AS before FROM (\
     SELECT fingerprint, id, time, bytes, \
     row_number() OVER (PARTITION BY fingerprint ORDER BY time DESC, id DESC) = 1 AS newest FROM @.occurrences) AS ranked\
     ) AS gone WHERE kept.fingerprint = gone.fingerprint AND kept.id = gone.id AND gone.before < $1";
const FORGET_OLD: &str = "DELETE FROM @.issues WHERE fingerprint = ANY(ARRAY(\
     SELECT fingerprint FROM @.issues WHERE last_seen < $1 AND state <> 'muted' FOR UPDATE SKIP LOCKED))";
/// A batch that comes again comes sooner.
const FORGET_PROCESSES: &str =
    "DELETE FROM @.processes WHERE seen_at < clock_timestamp() - interval '7 days'";

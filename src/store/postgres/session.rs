//! Connections, transactions, time limits and repetitions.

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio::time::timeout;
use tokio::try_join;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, IsolationLevel, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::CONNECT_LIMIT;
use super::convert::Unreadable;
use super::failure::Failure;
use super::schema::Schema;
use super::settings::{Checked, Settings};
use crate::store::StoreError;

/// What is done in one transaction, or asked in one statement. It may be begun several times.
pub(super) trait Work: Send + Sync + 'static {
    /// What it gives.
    type Output: Send + 'static;

    /// Does it. Nothing is kept when it fails.
    fn run(&self, on: &Session<'_>) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}

/// A connection, in a transaction or not. `@` in its statements stands for the schema.
///
/// All statements are typed and unnamed, one round trip each, and leave nothing behind: behind PgBouncer the next transaction
/// may meet another of the server's sessions.
pub(super) struct Session<'c> {
    client: &'c Client,
    pub(super) schema: &'c Schema,
    pub(super) unreadable: &'c Unreadable,
}

pub(super) type Parameter<'p> = (&'p (dyn ToSql + Sync), Type);

impl Session<'_> {
    pub(super) async fn rows(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Failure> {
        let statement = self.schema.sql(statement);
        Ok(self.client.query_typed(&statement, parameters).await?)
    }

    pub(super) async fn row(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Option<Row>, Failure> {
        let statement = self.schema.sql(statement);
        Ok(self.client.query_typed_opt(&statement, parameters).await?)
    }

    pub(super) async fn one(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Row, Failure> {
        let statement = self.schema.sql(statement);
        Ok(self.client.query_typed_one(&statement, parameters).await?)
    }

    /// How many rows were written.
    pub(super) async fn write(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<u64, Failure> {
        let statement = self.schema.sql(statement);
        Ok(self.client.execute_typed(&statement, parameters).await?)
    }
}

pub(super) struct Sessions {
    pool: Pool,
    schema: Schema,
    unreadable: Unreadable,
    place: String,
    /// What a transaction begins with.
    limits: String,
    limit: Duration,
    /// Whether the tables were found or made.
    ready: AtomicBool,
}

#[derive(Clone, Copy)]
enum How {
    Transaction,
    Statement,
}

impl Sessions {
    pub(super) fn new(settings: &Settings, checked: Checked) -> Result<Self, String> {
        let tls = MakeRustlsConnect::new(checked.tls);
        let recycling = ManagerConfig {
            // An empty query each time: the only way to find out in time that the server hangs.
            recycling_method: RecyclingMethod::Verified,
        };
        let manager = Manager::from_config(checked.config, tls, recycling);
        let pool = Pool::builder(manager)
            .max_size(settings.pool_size)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(settings.statement_limit),
                create: Some(CONNECT_LIMIT),
                recycle: Some(RECYCLE_LIMIT),
            })
            .build()
            .map_err(|error| error.to_string())?;
        let limit = settings.statement_limit.as_millis();
        Ok(Self {
            pool,
            schema: Schema {
                name: settings.schema.clone(),
            },
            unreadable: Unreadable::default(),
            place: checked.place,
            // The last one is for a process that is stopped while it holds locks.
            limits: format!(
                "SET LOCAL statement_timeout = {limit}; SET LOCAL lock_timeout = {limit}; \
                 SET LOCAL idle_in_transaction_session_timeout = {limit}"
            ),
            limit: settings.statement_limit,
            ready: AtomicBool::new(false),
        })
    }

    /// One transaction.
    pub(super) async fn transact<W: Work>(&self, work: &W) -> Result<W::Output, StoreError> {
        self.run(work, How::Transaction).await
    }

    /// One statement.
    pub(super) async fn ask<W: Work>(&self, work: &W) -> Result<W::Output, StoreError> {
        self.run(work, How::Statement).await
    }

    async fn run<W: Work>(&self, work: &W, how: How) -> Result<W::Output, StoreError> {
        let mut tries = 0;
        loop {
            let failure = match self.attempt(work, how).await {
                Ok(output) => return Ok(output),
                Err(failure) => failure,
            };
            if failure.lacks_tables() {
                self.ready.store(false, Ordering::Release);
            }
            tries += 1;
            if tries >= MAX_TRIES || !failure.is_worth_another_try() {
                return Err(failure.into_error(&self.place));
            }
            let lot = RandomState::new().build_hasher().finish() % 16;
            tokio::time::sleep(Duration::from_millis(lot << tries)).await;
        }
    }

    async fn attempt<W: Work>(&self, work: &W, how: How) -> Result<W::Output, Failure> {
        let mut connection = self.pool.get().await?;
        let output = timeout(self.limit, self.on(&mut connection, work, how)).await;
        let output = output.unwrap_or_else(|_| {
            Err(StoreError::away(format!("no answer within {:?}", self.limit)).into())
        });
        if let Err(failure) = &output
            && (matches!(failure, Failure::Other(_)) || failure.spoils_connection())
        {
            // A statement that is given up goes on in the server; its connection would let others wait.
            drop(Object::take(connection));
        }
        output
    }

    async fn on<W: Work>(
        &self,
        client: &mut Client,
        work: &W,
        how: How,
    ) -> Result<W::Output, Failure> {
        if !self.ready.load(Ordering::Acquire) {
            self.schema.migrate(client, &self.limits).await?;
            self.ready.store(true, Ordering::Release);
        }
        let How::Transaction = how else {
            return self.read_only(client, work).await;
        };
        let transaction = client
            .build_transaction()
            .isolation_level(IsolationLevel::ReadCommitted)
            .start()
            .await?;
        // In one round trip with the first statement of the work.
        let limits = async { Ok(transaction.batch_execute(&self.limits).await?) };
        let session = self.session(transaction.client());
        let ((), output) = try_join!(biased; limits, work.run(&session))?;
        transaction.commit().await?;
        Ok(output)
    }

    /// In one round trip, so that whoever is given up meanwhile leaves nothing open: the server has the end as well.
    async fn read_only<W: Work>(&self, client: &Client, work: &W) -> Result<W::Output, Failure> {
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; {}",
            self.limits
        );
        let session = self.session(client);
        let ((), output, ()) = try_join!(biased;
            async { Ok(client.batch_execute(&begin).await?) },
            work.run(&session),
            async { Ok(client.batch_execute("COMMIT").await?) },
        )?;
        Ok(output)
    }

    fn session<'c>(&'c self, client: &'c Client) -> Session<'c> {
        Session {
            client,
            schema: &self.schema,
            unreadable: &self.unreadable,
        }
    }
}

const RECYCLE_LIMIT: Duration = Duration::from_secs(2);
const MAX_TRIES: u32 = 6;

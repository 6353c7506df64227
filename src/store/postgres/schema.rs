//! The tables, and how they come about.

use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, GenericClient};

use super::failure::Failure;
use crate::store::StoreError;

/// Where the tables are.
pub(super) struct Schema {
    pub(super) name: String,
}

impl Schema {
    /// `@` stands for the schema.
    pub(super) fn sql(&self, text: &str) -> String {
        text.replace('@', &format!("\"{}\"", self.name))
    }

    /// Brings the tables to the version that is known here. `limits` begins a transaction's work.
    pub(super) async fn migrate(&self, client: &mut Client, limits: &str) -> Result<(), Failure> {
        if self.version(client).await? == Some(VERSION) {
            return Ok(());
        }
        let transaction = client.transaction().await?;
        transaction.batch_execute(limits).await?;
        transaction
            .execute_typed(LOCK, &[(&self.name, Type::TEXT)])
            .await?;
        let found = self.version(&transaction).await?;
        if found == Some(VERSION) {
            return Ok(());
        }
        let made = self.make(&transaction, found).await;
        made.map_err(|failure| self.with_words_for_missing_rights(failure))?;
        transaction.commit().await?;
        Ok(())
    }

    /// Which version the tables have; `None` when there are none.
    async fn version(&self, on: &(impl GenericClient + Sync)) -> Result<Option<i32>, Failure> {
        let known = on
            .query_typed_one(IS_THERE, &[(&self.name, Type::TEXT)])
            .await?;
        if !known.get::<_, bool>(1) {
            return Ok(None);
        }
        let version = on
            .query_typed_one(&self.sql("SELECT max(version) FROM @.migrations"), &[])
            .await
            .map_err(|error| self.with_words_for_missing_rights(error.into()))?;
        let version: Option<i32> = version.get(0);
        match version {
            Some(version) if version > VERSION => Err(StoreError::unusable(format!(
                "the tables in the schema {} have version {version}, and this release knows {VERSION}: a newer release has \
                 made them; nothing was changed. Use that release, or another schema",
                self.name
            ))
            .into()),
            version => Ok(version),
        }
    }

    async fn make(
        &self,
        on: &(impl GenericClient + Sync),
        found: Option<i32>,
    ) -> Result<(), Failure> {
        let there = on
            .query_typed_one(IS_THERE, &[(&self.name, Type::TEXT)])
            .await?;
        // IF NOT EXISTS would ask for the right to make one, also when there is one.
        if !there.get::<_, bool>(0) {
            on.batch_execute(&self.sql("CREATE SCHEMA @")).await?;
        }
        let done = usize::try_from(found.unwrap_or(0)).unwrap_or(0);
        for (at, migration) in MIGRATIONS.iter().enumerate().skip(done) {
            let version = i32::try_from(at + 1).unwrap_or(i32::MAX);
            on.batch_execute(&self.sql(migration)).await?;
            on.execute_typed(
                &self.sql("INSERT INTO @.migrations (version) VALUES ($1)"),
                &[(&version, Type::INT4)],
            )
            .await?;
        }
        Ok(())
    }

    fn with_words_for_missing_rights(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Database(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                let schema = &self.name;
                StoreError::away(format!(
                    "the tables cannot be made: {}. Somebody with the right to it has to run, once, in this database: \
                     CREATE SCHEMA IF NOT EXISTS \"{schema}\"; ALTER SCHEMA \"{schema}\" OWNER TO <the user in the URL>;",
                    super::failure::words(&error)
                ))
                .into()
            }
            failure => failure,
        }
    }
}

const LOCK: &str =
    "SELECT pg_advisory_xact_lock(hashtextextended('tower-monitor migrations ' || $1, 0))";

/// The schema, and its tables. Not `to_regclass`: that may answer from what the session remembers of the time before the lock.
const IS_THERE: &str = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1), \
     EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = 'migrations')";

/// Each is run once, in this order, and never changed afterwards.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001.sql")];
const VERSION: i32 = MIGRATIONS.len() as i32;

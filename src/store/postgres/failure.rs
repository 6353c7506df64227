//! What goes wrong between here and the server, and what that means for the next try.

use std::error::Error;

use deadpool_postgres::{PoolError, TimeoutType};
use tokio_postgres::error::SqlState;

use crate::store::StoreError;

/// Why a try failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server or the connection.
    Database(tokio_postgres::Error),
    /// Somebody else was faster: the same once more.
    Overtaken,
    /// Anything else.
    Other(StoreError),
}

impl Failure {
    /// Whether the same, begun anew at once, has a chance. What was under way did not happen.
    pub(super) fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Database(error) => {
                error.code().is_some_and(|code| {
                    [
                        SqlState::T_R_SERIALIZATION_FAILURE,
                        SqlState::T_R_DEADLOCK_DETECTED,
                    ]
                    .contains(code)
                }) || self.lacks_tables()
            }
            Self::Overtaken => true,
            Self::Other(_) => false,
        }
    }

    /// Whether what was made when the store was first used is gone.
    pub(super) fn lacks_tables(&self) -> bool {
        self.code().is_some_and(|code| {
            [
                SqlState::UNDEFINED_TABLE,
                SqlState::UNDEFINED_COLUMN,
                SqlState::INVALID_SCHEMA_NAME,
            ]
            .contains(code)
        })
    }

    /// Whether another connection may do better: this one leads to a server that only reads, that shuts down, or that did not
    /// answer, so that nobody knows what it was sent.
    pub(super) fn spoils_connection(&self) -> bool {
        let Self::Database(error) = self else {
            return false;
        };
        error.code().is_none_or(|code| {
            *code == SqlState::READ_ONLY_SQL_TRANSACTION || code.code().starts_with("57P")
        })
    }

    fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Database(error) => error.code(),
            _ => None,
        }
    }

    /// What the store says. `place` names hosts and database.
    pub(super) fn into_error(self, place: &str) -> StoreError {
        match self {
            Self::Database(error) if error.code() == Some(&SqlState::DISK_FULL) => {
                StoreError::full(format!("{place}: {}", words(&error)))
            }
            Self::Database(error) => StoreError::away(format!("{place}: {}", words(&error))),
            Self::Overtaken => {
                StoreError::away(format!("{place}: others write the same all the time"))
            }
            Self::Other(error) => error,
        }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Other(error)
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        let words = match error {
            PoolError::Backend(error) => return Self::Database(error),
            PoolError::Timeout(TimeoutType::Wait) => "every connection of the pool is busy",
            PoolError::Timeout(_) => "no connection within the time limit",
            _ => "no connection",
        };
        Self::Other(StoreError::away(words))
    }
}

/// The server's detail and hint stay out: they may quote what was to be written.
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    let Some(said) = error.as_db_error() else {
        let mut words = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_words = cause.to_string();
            if !words.contains(&cause_words) {
                words = format!("{words}: {cause_words}");
            }
            source = cause.source();
        }
        if words.contains("UnknownIssuer") {
            words
                .push_str("; a certificate authority of your own is named with `Postgres::tls_ca`");
        }
        return words;
    };
    let code = said.code();
    format!("{} ({})", said.message(), code.code())
}

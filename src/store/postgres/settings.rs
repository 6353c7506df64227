//! What was set, and whether the store can work with it.

use std::path::PathBuf;
use std::time::Duration;

use rustls::ClientConfig;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, TargetSessionAttrs};

use super::CONNECT_LIMIT;
use crate::tls;

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) url: String,
    pub(super) schema: String,
    pub(super) pool_size: usize,
    pub(super) tls_ca: Option<PathBuf>,
    pub(super) statement_limit: Duration,
}

/// What came of the settings.
pub(super) struct Checked {
    pub(super) config: Config,
    pub(super) tls: ClientConfig,
    /// Hosts and database, for messages.
    pub(super) place: String,
}

impl Settings {
    pub(super) fn check(&self) -> Result<Checked, String> {
        if !is_identifier(&self.schema) {
            return Err(format!(
                "the schema is {:?}; it must be 1 to 63 lower-case letters, digits and `_`, begin with no digit, and not \
                 with `pg_`, as in `tower_monitor`",
                self.schema
            ));
        }
        if !(1..=MAX_POOL).contains(&self.pool_size) {
            return Err(format!(
                "the pool size is {}; it must be 1 to {MAX_POOL}",
                self.pool_size
            ));
        }
        if !(MIN_LIMIT..=MAX_LIMIT).contains(&self.statement_limit) {
            return Err(format!(
                "the statement limit is {:?}; it must be {MIN_LIMIT:?} to {MAX_LIMIT:?}",
                self.statement_limit
            ));
        }
        let mut config = read(&self.url)
            .map_err(|problem| format!("the URL must look like `{EXAMPLE}`: {problem}"))?;
        let hosts = config.get_hosts().len().max(config.get_hostaddrs().len());
        // Of each address: one that hangs leaves time for the others.
        let hosts = u32::try_from(hosts.max(1)).unwrap_or(u32::MAX);
        config
            .connect_timeout(CONNECT_LIMIT / hosts)
            .tcp_user_timeout(self.statement_limit)
            .keepalives_idle(Duration::from_secs(30));
        if config.get_application_name().is_none() {
            config.application_name("tower-monitor");
        }
        if config.get_target_session_attrs() == TargetSessionAttrs::Any {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        Ok(Checked {
            place: place(&config),
            tls: tls::config(self.tls_ca.as_deref())?,
            config,
        })
    }
}

/// What goes wrong says nothing of what stands in the URL: the wrong place may hold the password.
fn read(url: &str) -> Result<Config, String> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err("it begins with something else".to_owned());
    }
    if url.matches('@').count() > 1 {
        return Err(
            "it has more than one `@`; one in a password is written `%40`, a `/` is `%2F`, a `?` is `%3F`"
                .to_owned(),
        );
    }
    let config: Config = with_known_modes(url).parse().map_err(|error| {
        let error: &tokio_postgres::Error = &error;
        let source = std::error::Error::source(error);
        match source.map(ToString::to_string) {
            Some(source) if source.contains("sslrootcert") => {
                format!("{source}; `Postgres::tls_ca` takes that file")
            }
            Some(source) => source,
            None => error.to_string(),
        }
    })?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err("there is no host in it".to_owned());
    }
    Ok(config)
}

/// The modes of libpq in those that the driver knows. Its `require` verifies chain and name.
fn with_known_modes(url: &str) -> String {
    [
        ("sslmode=verify-full", "sslmode=require"),
        ("sslmode=verify-ca", "sslmode=require"),
        ("sslmode=allow", "sslmode=prefer"),
    ]
    .iter()
    .fold(url.to_owned(), |url, (theirs, ours)| {
        url.replace(theirs, ours)
    })
}

fn place(config: &Config) -> String {
    let mut place = String::new();
    for (at, host) in config.get_hosts().iter().enumerate() {
        let ports = config.get_ports();
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        let comma = if at > 0 { "," } else { "" };
        let host = match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        };
        place.push_str(&format!("{comma}{host}:{port}"));
    }
    match config.get_dbname() {
        Some(name) => format!("{place}/{name}"),
        None => place,
    }
}

/// One that needs no care in SQL and in a shell; `pg_` is the server's own.
fn is_identifier(name: &str) -> bool {
    let first = name.bytes().next();
    first.is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
        && name.len() <= 63
        && !name.starts_with("pg_")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

const EXAMPLE: &str = "postgres://user:password@db.example.com:5432/app";
const MAX_POOL: usize = 100;
const MIN_LIMIT: Duration = Duration::from_millis(100);
const MAX_LIMIT: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, schema: &str) -> Settings {
        Settings {
            url: url.to_owned(),
            schema: schema.to_owned(),
            pool_size: 4,
            tls_ca: None,
            statement_limit: Duration::from_secs(10),
        }
    }

    #[test]
    fn a_wrong_url_is_told_with_a_right_one_and_without_the_password() {
        for url in [
            "",
            "db.example.com",
            "mysql://uma:s3cret@db/app",
            "host=db password=s3cret",
            "postgres://uma:s3@cret@db/app",
            "postgres://uma:s3cret@db:port/app",
            "postgres:///app?password=s3cret",
            "postgres://uma:s3cret@db/app?sslmode=s3cret",
            "postgres://uma:s3cret@db/app?sslrootcert=/s3cret",
        ] {
            let error = settings(url, "s").check().err().expect(url);
            assert!(error.contains(EXAMPLE), "{error}");
            assert!(
                !error.contains("s3") && !error.contains("cret@"),
                "{url}: {error}"
            );
        }
    }

    #[test]
    fn the_place_names_hosts_and_database_alone() {
        let checked = settings("postgres://uma:s3cret@a.example.com,b:6432/app", "s").check();
        assert_eq!(checked.unwrap().place, "a.example.com:5432,b:6432/app");
    }

    #[test]
    fn hosts_share_the_time_for_connecting() {
        for (url, limit) in [
            ("postgres://a/app", CONNECT_LIMIT),
            ("postgres://a,b/app", CONNECT_LIMIT / 2),
            ("postgres://a,b,c,d,e/app", CONNECT_LIMIT / 5),
        ] {
            let checked = settings(url, "s").check().unwrap();
            assert_eq!(checked.config.get_connect_timeout(), Some(&limit), "{url}");
        }
    }

    #[test]
    fn libpqs_modes_are_understood() {
        for mode in [
            "disable",
            "allow",
            "prefer",
            "require",
            "verify-ca",
            "verify-full",
        ] {
            let url = format!("postgres://uma@db/app?sslmode={mode}");
            assert!(settings(&url, "s").check().is_ok(), "{mode}");
        }
    }

    #[test]
    fn a_schema_is_a_plain_name() {
        let long = "a".repeat(64);
        for schema in [
            "", "1a", "A", "a-b", "a b", "a\"b", "pg_a", "ä", "a;b", "a.b", &long,
        ] {
            assert!(
                settings("postgres://db", schema).check().is_err(),
                "{schema}"
            );
        }
        for schema in ["a", "_", "select", "user", "a1_b", &long[1..]] {
            assert!(
                settings("postgres://db", schema).check().is_ok(),
                "{schema}"
            );
        }
    }
}

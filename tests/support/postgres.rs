//! A PostgreSQL server of the tests' own, in a temporary folder and on the loopback.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use tempfile::TempDir;

use super::LONG;
use super::certificates::{AUTHORITY, CERTIFICATE, CERTIFICATE_KEY, write_certificates};
use super::guarded::{Guarded, as_user, hand_over, on_a_free_port};
use super::programs::{find, output};
use super::skipped::skipped;

/// A server that trusts everybody who reaches it. It ends with this value, or with the tests.
pub struct Postgres {
    running: Mutex<Option<Guarded>>,
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    tls: bool,
}

/// One server for all tests of a file; take a [`Postgres::database`] each.
pub fn shared() -> Option<&'static Postgres> {
    static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
    SHARED.get_or_init(Postgres::start).as_ref()
}

impl Postgres {
    /// `None`, and the reason on the terminal, where there is no PostgreSQL.
    pub fn start() -> Option<Self> {
        Self::with(false)
    }

    /// A server that refuses who comes without TLS. Its certificate is for `localhost` and for the loopback addresses, and
    /// signed by [`Postgres::authority`].
    pub fn start_tls() -> Option<Self> {
        Self::with(true)
    }

    fn with(tls: bool) -> Option<Self> {
        let Some(programs) = programs() else {
            skipped("PostgreSQL", "no server is installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        if tls {
            write_certificates(folder.path());
        }
        hand_over(folder.path());
        let mut postgres = Self {
            running: Mutex::new(None),
            programs,
            folder,
            port: 0,
            tls,
        };
        postgres.make_cluster();
        let running = on_a_free_port("PostgreSQL", |port| {
            postgres.port = port;
            postgres.launch()
        });
        postgres.running = Mutex::new(Some(running));
        Some(postgres)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Of the database `postgres`.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// Makes an empty database, in place of the one with this name, and gives its URL.
    pub fn database(&self, name: &str) -> String {
        // Neither runs in a transaction, which two statements in one command would be.
        self.psql(&format!(r#"DROP DATABASE IF EXISTS "{name}" WITH (FORCE)"#));
        self.psql(&format!(r#"CREATE DATABASE "{name}""#));
        self.url_of(name)
    }

    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The PEM file with the certificate that the server's is signed by.
    pub fn authority(&self) -> PathBuf {
        assert!(self.tls, "a server without TLS has no certificate");
        self.folder.path().join(AUTHORITY)
    }

    /// What `psql` prints in the database `postgres`: a line for each row, columns between `|`.
    #[track_caller]
    pub fn psql(&self, sql: &str) -> String {
        self.psql_in("postgres", sql)
    }

    #[track_caller]
    pub fn psql_in(&self, database: &str, sql: &str) -> String {
        let psql = find("psql", std::slice::from_ref(&self.programs)).expect("psql");
        let printed = output(
            Command::new(psql)
                .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql])
                .arg(self.url_of(database)),
        );
        printed.trim_end().to_owned()
    }

    /// Stops the server as a crash does: connections break off, what was committed stays.
    pub fn stop_server(&self) {
        let running = self.running().take();
        running.expect("it runs").stop();
    }

    /// Starts the server again, on the same port.
    pub fn start_server(&self) {
        let mut running = self.running();
        assert!(running.is_none(), "it runs already");
        let deadline = Instant::now() + LONG;
        while running.is_none() {
            match self.launch() {
                Ok(launched) => *running = Some(launched),
                // A connection of another test may hold the port.
                Err(log) => assert!(Instant::now() < deadline, "it does not start again:\n{log}"),
            }
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<Guarded>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make_cluster(&self) {
        let mut initdb = Command::new(self.programs.join("initdb"));
        initdb
            .args(["-A", "trust", "-U", "postgres", "-E", "UTF8"])
            .args(["--locale=C.UTF-8", "--no-sync", "-D"])
            .arg(self.data());
        output(&as_user(initdb, self.folder.path()));
        if self.tls {
            let rules = "hostssl all all 127.0.0.1/32 trust\n";
            fs::write(self.data().join("pg_hba.conf"), rules).unwrap();
        }
    }

    /// A server that accepts connections, or what it said when it ended.
    fn launch(&self) -> Result<Guarded, String> {
        let mut server = Command::new(self.programs.join("postgres"));
        server.arg("-D").arg(self.data());
        let port = format!("port={}", self.port);
        for setting in [
            &port,
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=300",
            "shared_buffers=32MB",
            "fsync=off",
        ] {
            server.args(["-c", setting]);
        }
        if self.tls {
            for (name, file) in [
                ("ssl_cert_file", CERTIFICATE),
                ("ssl_key_file", CERTIFICATE_KEY),
            ] {
                let file = self.folder.path().join(file);
                server.arg("-c").arg(format!("{name}={}", file.display()));
            }
            server.args(["-c", "ssl=on"]);
        }
        let mut running = Guarded::start(self.folder.path(), "QUIT", server);
        running.wait(|_| self.accepts().then_some(()))?;
        Ok(running)
    }

    /// The eighth line of the server's pid file is its state, see PostgreSQL's `pidfile.h`.
    fn accepts(&self) -> bool {
        let state = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        state
            .lines()
            .nth(7)
            .is_some_and(|line| line.trim() == "ready")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// The folder with the newest server's programs. Debian keeps them out of the search path.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql");
    let mut versions: Vec<(u32, PathBuf)> = versions
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    let asked = || {
        let asked = Command::new("pg_config").arg("--bindir").output().ok()?;
        Some(PathBuf::from(String::from_utf8(asked.stdout).ok()?.trim()))
    };
    let debian = versions.into_iter().rev().map(|(_, folder)| folder);
    debian
        .chain(asked())
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

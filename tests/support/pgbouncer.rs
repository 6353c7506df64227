//! PgBouncer in front of a [`Postgres`]: each transaction may meet another of the server's sessions.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::guarded::{Guarded, hand_over, on_a_free_port};
use super::postgres::Postgres;
use super::programs::find;
use super::skipped::skipped;

/// A pooler in transaction mode. It ends with this value, or with the tests.
pub struct PgBouncer {
    // Before the folder: fields are dropped in this order.
    _running: Guarded,
    _folder: TempDir,
    port: u16,
}

impl PgBouncer {
    /// `None`, and the reason on the terminal, where there is no PgBouncer.
    pub fn start(postgres: &Postgres) -> Option<Self> {
        let Some(program) = find("pgbouncer", &[PathBuf::from("/usr/sbin")]) else {
            skipped("PgBouncer", "it is not installed");
            return None;
        };
        Some(on_a_free_port("PgBouncer", |port| {
            Self::launch(&program, postgres, port)
        }))
    }

    /// As [`Postgres::url_of`], through the pooler.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    fn launch(program: &Path, postgres: &Postgres, port: u16) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let users = folder.path().join("users");
        fs::write(&users, "\"postgres\" \"\"\n").unwrap();
        // Few sessions, each in turn: who relies on meeting the same one again is found out.
        let settings = format!(
            "[databases]\n\
             * = host=127.0.0.1 port={server}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = trust\n\
             auth_file = {users}\n\
             pool_mode = transaction\n\
             default_pool_size = 4\n\
             server_round_robin = 1\n\
             max_client_conn = 500\n",
            server = postgres.port(),
            users = users.display(),
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, settings).unwrap();
        hand_over(folder.path());

        let mut server = Command::new(program);
        server.arg(&file);
        let mut running = Guarded::start(folder.path(), "KILL", server);
        // The log too: on a port that somebody else took, somebody else would answer.
        running.wait(|log| {
            let up = log.contains("process up");
            (up && TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()).then_some(())
        })?;
        Ok(Self {
            _running: running,
            _folder: folder,
            port,
        })
    }
}

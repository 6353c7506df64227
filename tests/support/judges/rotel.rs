//! Rotel, which takes OTLP and prints each field of what it took: <https://rotel.dev>.

use std::path::Path;
use std::process::Command;

use super::server::{Server, accepts};
use super::{here, packages};
use crate::support::guarded::{free_port, on_a_free_port};

/// A collector of logs. What is wrong gets 400.
pub struct Rotel {
    server: Server,
    port: u16,
}

impl Rotel {
    /// `None`, and the reason on the terminal, where there is no Rotel.
    pub fn start() -> Option<Self> {
        let program = here("rotel", packages(".venv"))?.join("bin/rotel-agent");
        Some(on_a_free_port("Rotel", |port| Self::launch(&program, port)))
    }

    fn launch(program: &Path, port: u16) -> Result<Self, String> {
        let grpc = free_port();
        let mut rotel = Command::new(program);
        rotel
            .arg("start")
            .arg(format!("--otlp-http-endpoint=127.0.0.1:{port}"))
            .arg(format!("--otlp-grpc-endpoint=127.0.0.1:{grpc}"))
            .args(["--exporter", "blackhole", "--debug-log", "logs"])
            .args(["--debug-log-verbosity", "detailed"])
            .env("NO_COLOR", "1");
        let mut server = Server::start(tempfile::tempdir().unwrap(), "KILL", rotel);
        // The log too: on a port that somebody else took, somebody else would answer.
        server.wait(|log| (log.contains("Starting Rotel") && accepts(port)).then_some(()))?;
        Ok(Self { server, port })
    }

    /// The base of OTLP over HTTP, without a slash at the end: `http://127.0.0.1:4318`. Logs go to `/v1/logs` there.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it printed until now, and so what it took: printed after the answer, so wait for it.
    pub fn output(&self) -> String {
        self.server.log()
    }

    /// [`Rotel::output`], once it contains `text`.
    #[track_caller]
    pub fn output_with(&mut self, text: &str) -> String {
        let found = self
            .server
            .wait(|log| log.contains(text).then(|| log.to_owned()));
        found.unwrap_or_else(|output| panic!("no {text:?}: {output}"))
    }
}

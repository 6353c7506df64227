//! A mail server, of `aiosmtpd`: see `tests/judges/smtp.py`.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::server::Server;
use super::{folder, here, interpreter};
use crate::support::certificates::{AUTHORITY, write_certificates};

/// It wants a login, and TLS before that. Recipients `reject@…` get 550 and `later@…` 451; a mail over one megabyte gets 552.
pub struct Smtp {
    server: Server,
    ports: Value,
}

/// A mail that was accepted.
#[derive(Debug)]
pub struct Mail {
    /// `port` (`starttls`, `tls` or `plain`), `tls`, `from`, `to`, `bytes`, `options`.
    pub envelope: Value,
    /// The mail as it came, for `mail.py`.
    pub file: PathBuf,
}

impl Smtp {
    pub const USER: &str = "monitor";
    pub const PASSWORD: &str = "correct horse";

    /// `None`, and the reason on the terminal, where there is no aiosmtpd.
    pub fn start() -> Option<Self> {
        let mut python = here("aiosmtpd", interpreter())?;
        let data = tempfile::tempdir().unwrap();
        write_certificates(data.path());
        python
            .arg(folder().join("smtp.py"))
            .arg(data.path())
            .args([Self::USER, Self::PASSWORD]);
        let mut server = Server::start(data, "KILL", python);
        let ports = server.started("aiosmtpd", |log| {
            let ports = log.lines().find(|line| line.starts_with('{'))?;
            serde_json::from_str(ports).ok()
        });
        Some(Self { server, ports })
    }

    /// Begins without TLS and wants `STARTTLS`.
    pub fn starttls(&self) -> u16 {
        self.port("starttls")
    }

    /// TLS from the first byte.
    pub fn tls(&self) -> u16 {
        self.port("tls")
    }

    /// Offers neither TLS nor a login, and wants neither.
    pub fn plain(&self) -> u16 {
        self.port("plain")
    }

    /// The PEM file that a client must trust. The server is `localhost` and `127.0.0.1`.
    pub fn authority(&self) -> PathBuf {
        self.server.folder().join(AUTHORITY)
    }

    /// The mails until now, in order. Each is here before its sender gets 250.
    pub fn mails(&self) -> Vec<Mail> {
        let envelopes = self.server.folder().join("mails.jsonl");
        let envelopes = fs::read_to_string(envelopes).unwrap_or_default();
        let mails = envelopes.lines().enumerate().map(|(n, line)| Mail {
            envelope: serde_json::from_str(line).unwrap(),
            file: self.server.folder().join(format!("{n}.eml")),
        });
        mails.collect()
    }

    pub fn log(&self) -> String {
        self.server.log()
    }

    fn port(&self, name: &str) -> u16 {
        self.ports[name].as_u64().unwrap().try_into().unwrap()
    }
}

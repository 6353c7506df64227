//! A judge that listens: started in a folder of its own, waited for, and ended with its value.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::LONG;
use crate::support::guarded::Guarded;

pub(super) struct Server {
    running: Guarded,
    folder: TempDir,
}

impl Server {
    /// `signal` is what stops it at once, with all of its processes.
    pub(super) fn start(folder: TempDir, signal: &str, server: Command) -> Self {
        Self {
            running: Guarded::start_as_self(folder.path(), signal, server),
            folder,
        }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it printed until now.
    pub(super) fn log(&self) -> String {
        self.running.log()
    }

    /// As [`Guarded::wait`].
    #[track_caller]
    pub(super) fn wait<T>(&mut self, ready: impl Fn(&str) -> Option<T>) -> Result<T, String> {
        self.running.wait(ready)
    }

    /// The same for a server that cannot meet somebody else on its port.
    #[track_caller]
    pub(super) fn started<T>(&mut self, name: &str, ready: impl Fn(&str) -> Option<T>) -> T {
        self.wait(ready)
            .unwrap_or_else(|log| panic!("{name} is installed, but does not start: {log}"))
    }
}

/// The port behind `start` in a log.
pub(super) fn port_after(log: &str, start: &str) -> Option<u16> {
    let rest = &log[log.find(start)? + start.len()..];
    // A number at the very end may go on.
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    rest[..end].parse().ok()
}

pub(super) fn accepts(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The status and the body that `GET` is answered with.
pub(super) fn get(port: u16, path: &str, header: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(LONG))?;
    stream.set_write_timeout(Some(LONG))?;
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nhost: 127.0.0.1\r\n{header}\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let parsed = answer.split_once("\r\n\r\n").and_then(|(head, body)| {
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    });
    parsed.ok_or_else(|| io::Error::other(answer))
}

#[track_caller]
pub(super) fn get_json(port: u16, path: &str, header: &str) -> Value {
    let (status, body) = get(port, path, header).unwrap();
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

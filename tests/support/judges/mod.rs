//! Software of others that judges what this crate sends: programs that read a file, and servers that take what they are sent.
//!
//! `.ci/judges` installs them in `tests/judges`. Where one is not installed, `skipped: …` and the reason go to the terminal; one
//! that is installed and does not work fails the tests.

mod bugsink;
mod exim;
mod prism;
mod rotel;
mod server;
mod smtp;

use std::path::{Path, PathBuf};
use std::process::Command;

pub use bugsink::Bugsink;
pub use exim::Exim;
pub use prism::Prism;
pub use rotel::Rotel;
pub use smtp::{Mail, Smtp};

use crate::support::programs::{find, limited};
use crate::support::skipped::skipped;

/// What a judge says of a file.
#[derive(Debug)]
pub enum Verdict {
    /// The judge is not installed, which the terminal says.
    Skipped,
    /// Nothing to find fault with; what it printed.
    Ok(String),
    /// Its faults, each in a line.
    Faults(String),
}

impl Verdict {
    /// What the judge printed, `None` without a judge. Faults fail the test.
    #[track_caller]
    pub fn accepts(self) -> Option<String> {
        match self {
            Self::Skipped => None,
            Self::Ok(printed) => Some(printed),
            Self::Faults(faults) => panic!("refused:\n{faults}"),
        }
    }

    /// The faults, `None` without a judge. Having none fails the test.
    #[track_caller]
    pub fn refuses(self) -> Option<String> {
        match self {
            Self::Skipped => None,
            Self::Ok(printed) => panic!("accepted:\n{printed}"),
            Self::Faults(faults) => Some(faults),
        }
    }
}

/// What a script of `tests/judges` in Python says of these files.
#[track_caller]
pub fn python(script: &str, files: &[&Path]) -> Verdict {
    verdict(interpreter(), script, files)
}

/// The same for a script that Node.js runs.
#[track_caller]
pub fn node(script: &str, files: &[&Path]) -> Verdict {
    verdict(node_js(), script, files)
}

#[track_caller]
fn verdict(program: Result<Command, String>, script: &str, files: &[&Path]) -> Verdict {
    let Some(mut judge) = here(script, program) else {
        return Verdict::Skipped;
    };
    judge.arg(folder().join(script)).args(files);
    let output = limited(&judge);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.code() {
        Some(0) => Verdict::Ok(printed),
        Some(1) if !printed.is_empty() => Verdict::Faults(printed),
        Some(NOT_HERE) => {
            skipped(script, &printed);
            Verdict::Skipped
        }
        _ => {
            let errors = String::from_utf8_lossy(&output.stderr);
            panic!("{script} is itself at fault: {}\n{errors}", output.status)
        }
    }
}

/// A script's exit status when a program that it needs is not installed; it prints which.
const NOT_HERE: i32 = 3;

/// What is installed; where it is not, the terminal says that `judge` was skipped. What is installed and broken is no such case:
/// it fails the test.
fn here<T>(judge: &str, found: Result<T, String>) -> Option<T> {
    found.inspect_err(|reason| skipped(judge, reason)).ok()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judges")
}

/// Python with the packages of `requirements.txt`. It leaves nothing compiled beside the scripts.
fn interpreter() -> Result<Command, String> {
    let mut python = Command::new(packages(".venv")?.join("bin/python"));
    python.arg("-B");
    Ok(python)
}

/// Node.js, with the packages of `package-lock.json`.
fn node_js() -> Result<Command, String> {
    packages("node_modules")?;
    find("node", &[])
        .map(Command::new)
        .ok_or_else(|| "node is not installed".to_owned())
}

/// The folder that `.ci/judges` fills, once it has.
fn packages(name: &str) -> Result<PathBuf, String> {
    let packages = folder().join(name);
    if packages.join(".installed").is_file() {
        Ok(packages)
    } else {
        Err(format!("tests/judges/{name} is not there: run .ci/judges"))
    }
}

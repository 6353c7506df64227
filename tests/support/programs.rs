//! Programs of others that run to their end: found, and stopped where they do not come to it.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::skipped::skipped;

/// In seconds, far more than anything here takes.
const LIMIT: &str = "120";

/// The first of `folders`, or of the search path, that has `program`.
pub fn find(program: impl AsRef<OsStr>, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path: Vec<_> = std::env::split_paths(&path).collect();
    let mut candidates = folders.iter().chain(&path);
    let program = program.as_ref();
    candidates
        .find(|folder| folder.join(program).is_file())
        .map(|folder| folder.join(program))
}

/// Whether `program` is in the search path; where it is not, the terminal says that it was skipped.
pub fn installed(program: &str) -> bool {
    let found = find(program, &[]).is_some();
    if !found {
        skipped(program, "it is not installed");
    }
    found
}

/// How `command` ended, and what it printed. One that does not end is stopped, with all that it started, and fails the test.
#[track_caller]
pub fn limited(command: &Command) -> Output {
    let mut limited = Command::new("timeout");
    limited.args(["-k", "5", LIMIT]);
    limited.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        limited.current_dir(folder);
    }
    let output = limited.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("timeout, of coreutils: {error}"));
    // 124 is timeout's own; where SIGTERM was not enough, it dies of SIGKILL with the command.
    assert!(
        !matches!(output.status.code(), Some(124) | None),
        "{command:?} does not end within {LIMIT} seconds: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// What `command` prints. One that fails, fails the test.
#[track_caller]
pub fn output(command: &Command) -> String {
    let output = limited(command);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

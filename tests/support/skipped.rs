//! What could not be tested here, told to whoever runs the tests.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// Says, once for each `what`, that a test leaves something out because a program of others is not installed. It goes to
/// the terminal itself: what a passing test prints, the test harness keeps back.
pub(crate) fn skipped(what: &str, reason: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.insert(what.to_owned()) {
        let line = format!("skipped: {what}: {}\n", reason.trim_end());
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

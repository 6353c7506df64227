//! Instructions per request, counted by callgrind: of the whole process, the same on a busy machine as on an idle one.

use std::io::ErrorKind;
use std::process::Command;

use crate::columns::Column;

/// Instructions per request: what a long run takes more than a short one. `None` without valgrind.
pub fn per_request(column: Column, short: usize, long: usize) -> Option<f64> {
    let more = collected(column, long)?.saturating_sub(collected(column, short)?);
    Some(more as f64 / (long - short) as f64)
}

fn collected(column: Column, requests: usize) -> Option<u64> {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        // The threads take turns, so that the background ones keep up.
        .arg("--fair-sched=yes")
        .arg(std::env::current_exe().expect("this program's path"))
        .args(["run", column.name(), &requests.to_string()])
        .output();
    let output = match run {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => panic!("valgrind does not run: {error}"),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{column:?} failed:\n{said}");
    let lost = String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .last()
        .map(str::to_owned);
    assert_eq!(lost.as_deref(), Some("0"), "{column:?} lost something");
    let figure = said
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .and_then(|(_, figure)| figure.trim().parse().ok());
    assert!(
        figure.is_some(),
        "no figure in what callgrind said:\n{said}"
    );
    figure
}

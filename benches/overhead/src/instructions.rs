//! Instructions per request, counted by callgrind: of the whole process, the same on a busy machine as on an idle one.

use std::io::ErrorKind;
use std::process::Command;

/// Instructions per request: what a long run takes more than a short one. `None` without valgrind.
///
/// This program is called with `arguments` and the number of requests. The last word it prints is what was lost.
pub fn per_request(arguments: &[&str], short: usize, long: usize) -> Option<f64> {
    let more = collected(arguments, long)?.saturating_sub(collected(arguments, short)?);
    Some(more as f64 / (long - short) as f64)
}

fn collected(arguments: &[&str], requests: usize) -> Option<u64> {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        // The threads take turns, so that the background ones keep up.
        .arg("--fair-sched=yes")
        .arg(std::env::current_exe().expect("this program's path"))
        .args(arguments)
        .arg(requests.to_string())
        // The hook of the standard library would read symbols.
        .env_remove("RUST_BACKTRACE")
        .output();
    let output = match run {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => panic!("valgrind does not run: {error}"),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?} failed:\n{said}");
    let lost = String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .last()
        .map(str::to_owned);
    assert_eq!(lost.as_deref(), Some("0"), "{arguments:?} lost something");
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

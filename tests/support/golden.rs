//! What a payload should be, in files: rewritten with `BLESS=1` in the environment, to be read before they are committed.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Compares JSON with `tests/payloads/<name>`, such as `slack/panic.json`.
pub fn golden(name: &str, value: &Value) {
    let file = file(name);
    if is_blessed() {
        write(&file, &format!("{value:#}\n"));
        return;
    }
    let expected: Value = serde_json::from_str(&read(&file)).unwrap();
    assert!(*value == expected, "{name} is now:\n{value:#}");
}

/// Compares text with `tests/payloads/<name>`.
pub fn golden_text(name: &str, text: &str) {
    let file = file(name);
    if is_blessed() {
        write(&file, text);
        return;
    }
    assert!(text == read(&file), "{name} is now:\n{text}");
}

fn is_blessed() -> bool {
    std::env::var_os("BLESS").is_some_and(|value| value == "1")
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/payloads")
        .join(name)
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| {
        panic!("{}: {error}; BLESS=1 writes it", file.display());
    })
}

fn write(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

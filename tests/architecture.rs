//! The rooms: who imports whom, how long a file is, and what the trunk must not mention. Read from the sources.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors from below. A room imports from lower floors only.
const FLOORS: &[&[&str]] = &[
    &[
        "error", "guard", "loss", "shares", "skipped", "text", "time", "tls",
    ],
    &["redact", "stack", "platform", "traffic", "user_agent"],
    &["request"],
    &["occurrence", "observation"],
    &["issue"],
    &["policy", "notify", "store", "audit", "capture"],
    &["delivery"],
    &["monitor"],
    &["builder"],
    &["locals", "middleware"],
    &["internals"],
];

/// The files that may ask the compiler for `unsafe`, each with a `SAFETY:` line for each block.
const UNSAFE: &[&str] = &[
    "locals/helper/bell.rs",
    "locals/helper/room.rs",
    "locals/helper/tests/child.rs",
    "locals/helper/tests/foreign.rs",
    "locals/helper/tests.rs",
    "locals/image/map.rs",
    "locals/memory/pipe.rs",
    "locals/memory/stack.rs",
    "locals/memory/tests.rs",
    "locals/modules.rs",
    "locals/walk/here.rs",
    "locals/walk/tests.rs",
    "locals/walk.rs",
    "stack/raw.rs",
];

const MAX_LINES: usize = 400;

/// Features that only the room they gate may mention; `axum` is the trunk's own.
const LEAF_FEATURES: &[&str] = &[
    "discord",
    "email",
    "gzip",
    "http-client",
    "locals",
    "otlp",
    "pagerduty",
    "postgres",
    "rollbar",
    "sentry",
    "slack",
    "sms",
    "sqlite",
    "teams",
    "telegram",
    "test-util",
    "webhook",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The room a file belongs to: its folder, or its own name.
fn room(file: &Path) -> String {
    let inside = file.strip_prefix(src()).unwrap();
    let first = inside
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap();
    first.trim_end_matches(".rs").to_owned()
}

fn floor(room: &str) -> usize {
    FLOORS
        .iter()
        .position(|rooms| rooms.contains(&room))
        .unwrap_or_else(|| {
            panic!("`{room}` stands on no floor: give it one in tests/architecture.rs")
        })
}

/// The code without comments and without the tests at its end.
fn code(text: &str) -> String {
    let body = text
        .split("\n#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text);
    body.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The rooms that `text` names with `crate::room`, also in `use crate::{…}`.
fn imports(text: &str) -> BTreeSet<String> {
    let code = code(text);
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let names = rest.strip_prefix('{').map_or_else(
            || vec![rest],
            |group| {
                group
                    .split('}')
                    .next()
                    .unwrap_or_default()
                    .split(',')
                    .map(str::trim)
                    .collect()
            },
        );
        for name in names {
            let end = name
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(name.len());
            if end > 0 {
                rooms.insert(name[..end].to_owned());
            }
        }
    }
    rooms
}

fn all() -> Vec<(PathBuf, String)> {
    sources(&src())
        .into_iter()
        .map(|file| (file.clone(), fs::read_to_string(&file).unwrap()))
        .collect()
}

#[test]
fn a_room_imports_from_lower_floors_only() {
    let mut wrong = Vec::new();
    for (file, text) in all() {
        let own = room(&file);
        if own == "lib" {
            continue;
        }
        for other in imports(&text) {
            let stranger = other != own && floor(&other) >= floor(&own);
            if stranger {
                wrong.push(format!("{} imports `{other}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_file_is_one_room_with_one_purpose() {
    let long: Vec<_> = all()
        .into_iter()
        .map(|(file, text)| (text.lines().count(), file))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .collect();
    assert!(long.is_empty(), "split these: {long:#?}");
}

#[test]
fn every_file_says_at_its_door_what_it_is_for() {
    let silent: Vec<_> = all()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!") && !text.starts_with("#![doc"))
        .map(|(file, _)| file)
        .collect();
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn a_leafs_feature_is_named_at_its_door_only() {
    let mut wrong = Vec::new();
    for (file, text) in all() {
        for feature in LEAF_FEATURES {
            let gates = code(&text)
                .lines()
                .collect::<Vec<_>>()
                .windows(2)
                .filter(|pair| pair[0].contains(&format!("feature = \"{feature}\"")))
                // A lint's expectation of what only the leaf uses gates nothing.
                .filter(|pair| !pair[0].trim_start().starts_with("not("))
                .filter(|pair| {
                    let door = pair[1]
                        .trim_start_matches("pub(crate) ")
                        .trim_start_matches("pub ");
                    !door.starts_with("mod ") && !door.starts_with("use ")
                })
                .count();
            if gates > 0 {
                wrong.push(format!(
                    "{} gates something else than a module by `{feature}`",
                    file.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_notifier_of_a_feature_can_be_set_in_the_environment() {
    let read = |file: &str| fs::read_to_string(src().join("notify").join(file)).unwrap();
    let (door, table) = (read("mod.rs"), read("env.rs"));
    let lines: Vec<_> = door.lines().collect();
    let mut notifiers = 0;
    for pair in lines.windows(2) {
        let feature = pair[0]
            .strip_prefix("#[cfg(feature = ")
            .and_then(|rest| rest.strip_suffix(")]"));
        let path = pair[1]
            .strip_prefix("pub use ")
            .and_then(|rest| rest.strip_suffix(';'));
        let (Some(feature), Some(path)) = (feature, path) else {
            continue;
        };
        let name = feature.trim_matches('"');
        assert!(
            table.contains(&format!("{feature} => {path},")),
            "{path} is not in notify/env.rs"
        );
        assert!(
            table.contains(&format!("/// | `{name}` | **`")),
            "{path} has no variables in notify/env.rs"
        );
        notifiers += 1;
    }
    assert!(notifiers > 0);
}

#[test]
fn nothing_is_unsafe_but_what_is_listed() {
    let manifest =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    assert!(manifest.contains("unsafe_code = \"deny\""));
    let listed: Vec<_> = UNSAFE.iter().map(|file| src().join(file)).collect();
    let loud: Vec<_> = all()
        .into_iter()
        .filter(|(_, text)| code(text).contains("unsafe_code"))
        .map(|(file, _)| file)
        .collect();
    assert_eq!(loud, listed);
    for file in listed {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().map(str::trim_start);
        let (comments, code): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("//"));
        let told = comments.join("\n").matches("// SAFETY:").count();
        let blocks = code.join("\n").matches("unsafe {").count();
        assert_eq!(told, blocks, "{}", file.display());
    }
}

//! Tells the crate what it is built with: the compiler, the profile, its opt level and the versions of the crates that matter
//! for a request. Never fails a build.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=TOWER_MONITOR_GIT_REVISION");
    let facts = [
        ("RUSTC", rustc()),
        ("PROFILE", env::var("PROFILE").ok()),
        ("OPT_LEVEL", env::var("OPT_LEVEL").ok()),
        ("CRATES", crates()),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            println!("cargo:rustc-env=TOWER_MONITOR_BUILD_{name}={value}");
        }
    }
}

/// `rustc 1.95.0 (59807616e 2026-04-14)` → `1.95.0 (59807616e 2026-04-14)`
fn rustc() -> Option<String> {
    let output = Command::new(env::var_os("RUSTC")?)
        .arg("--version")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.lines().next()?.trim();
    let version = version.strip_prefix("rustc ").unwrap_or(version);
    (!version.is_empty()).then(|| version.to_owned())
}

/// `axum 0.8.9,hyper 1.12.0`: out of the lock file above the target folder, which is the app's own unless its target folder
/// is elsewhere. A crate of which there are several versions is left out.
fn crates() -> Option<String> {
    let out = PathBuf::from(env::var_os("OUT_DIR")?);
    let lock = out
        .ancestors()
        .map(|folder| folder.join("Cargo.lock"))
        .find(|file| file.is_file())?;
    println!("cargo:rerun-if-changed={}", lock.display());
    // Git may have checked it out with the line ends of Windows.
    let text = fs::read_to_string(lock).ok()?.replace('\r', "");
    let found: Vec<_> = CRATES
        .iter()
        .filter_map(|name| {
            let entry = format!("name = \"{name}\"\nversion = \"");
            let mut versions = text.split(&entry).skip(1);
            let version = versions.next()?.split('"').next()?;
            versions
                .next()
                .is_none()
                .then(|| format!("{name} {version}"))
        })
        .collect();
    (!found.is_empty()).then(|| found.join(","))
}

const CRATES: [&str; 7] = [
    "axum",
    "http",
    "hyper",
    "tokio",
    "tonic",
    "tower",
    "tower-http",
];

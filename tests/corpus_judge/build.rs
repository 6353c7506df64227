//! Builds the corpus as a service may be built, and runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// A way to build.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    pub name: &'static str,
    pub is_release: bool,
    pub features: &'static str,
    /// Settings of the profile, as `cargo --config` takes them.
    pub settings: &'static [&'static str],
}

const FULL: &str = "profile.release.debug=2";
/// The workspace's own crates in full, of the others only lines.
const LEAN: &str = "profile.release.package.\"*\".debug=\"line-tables-only\"";

/// As people debug.
pub const DEV: Build = Build {
    name: "dev",
    is_release: false,
    features: "locals",
    settings: &[],
};

/// As the README advises.
pub const RELEASE: Build = Build {
    name: "release",
    is_release: true,
    features: "locals",
    settings: &[FULL, LEAN],
};

/// The same with `#[tower_monitor::locals]` on each function of the sync part.
pub const ANNOTATED: Build = Build {
    name: "release, annotated",
    features: "annotated",
    ..RELEASE
};

/// Full debug information in another shape: of the same class as [`RELEASE`].
pub const SHAPES: &[Build] = &[
    Build {
        name: "thin LTO",
        settings: &[FULL, LEAN, "profile.release.lto=\"thin\""],
        ..RELEASE
    },
    Build {
        name: "fat LTO",
        settings: &[FULL, LEAN, "profile.release.lto=\"fat\""],
        ..RELEASE
    },
    Build {
        name: "packed",
        settings: &[FULL, LEAN, "profile.release.split-debuginfo=\"packed\""],
        ..RELEASE
    },
    Build {
        name: "unpacked",
        settings: &[FULL, LEAN, "profile.release.split-debuginfo=\"unpacked\""],
        ..RELEASE
    },
];

/// Too little debug information for variables.
pub const BARE: &[Build] = &[
    Build {
        name: "debug = 1",
        settings: &["profile.release.debug=1"],
        ..RELEASE
    },
    Build {
        name: "line tables",
        settings: &["profile.release.debug=\"line-tables-only\""],
        ..RELEASE
    },
    Build {
        name: "no debug information",
        settings: &["profile.release.debug=false"],
        ..RELEASE
    },
    Build {
        name: "stripped",
        settings: &["profile.release.debug=false", "profile.release.strip=true"],
        ..RELEASE
    },
];

/// What the program prints when all its scenarios are run.
pub fn printed(build: Build) -> String {
    let [printed] = printed_with(build, [&[]]);
    printed
}

/// What it prints when it is run with each of these arguments.
pub fn printed_with<const N: usize>(build: Build, arguments: [&[&str]; N]) -> [String; N] {
    // All are built in one folder, in which the next build replaces the program.
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = folder();
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--locked", "--quiet", "--package", "corpus"])
        .args(["--features", build.features])
        .arg("--target-dir")
        .arg(&folder);
    if build.is_release {
        cargo.arg("--release");
    }
    for setting in build.settings {
        cargo.args(["--config", setting]);
    }
    // What an earlier build has packed would stay beside the next program.
    drop(fs::remove_file(folder.join("release/corpus.dwp")));
    let built = cargo.output().unwrap();
    let words = String::from_utf8_lossy(&built.stderr);
    assert!(
        built.status.success(),
        "{} does not build:\n{words}",
        build.name
    );
    let profile = if build.is_release { "release" } else { "debug" };
    let folder = folder.join(profile);
    arguments.map(|arguments| run(&folder, arguments))
}

fn run(folder: &Path, arguments: &[&str]) -> String {
    let ran = Command::new(folder.join("corpus"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&ran.stderr);
    assert!(
        ran.status.success(),
        "the corpus broke off: {}\n{words}",
        ran.status
    );
    String::from_utf8(ran.stdout).unwrap()
}

/// Below the folder of the tests: cargo may hold that one's lock.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("corpus")
}

static ALONE: Mutex<()> = Mutex::new(());

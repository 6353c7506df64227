//! A program without symbols still tells where it broke: object, offset and build, which the unstripped file turns into names.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::path::Path;
use std::process::Command;

use axum::Router;
use axum::routing::get;
use serde_json::Value;
use support::programs::{installed, output};
use support::{get as request, text};
use tower::ServiceExt;

/// What the addresses are to be resolved to.
#[inline(never)]
fn weigh_the_parcel(parcels: u32) -> u32 {
    assert!(parcels > 0, "expected: nothing to weigh");
    parcels
}

async fn ship() -> String {
    weigh_the_parcel(std::hint::black_box(0)).to_string()
}

/// The occurrence of a panic in this program, as JSON on standard output.
#[tokio::test]
async fn a_failing_request() {
    if std::env::var_os(STRIPPED).is_none() {
        return;
    }
    let watched = support::watched(|builder| builder);
    let app = Router::new()
        .route("/", get(ship))
        .layer(watched.monitor.layer());
    let response = app.oneshot(request("/")).await.unwrap();
    let _ = text(response).await;
    let occurrence = support::json(&watched.occurrence().await);
    std::fs::write(std::env::var_os(STRIPPED).unwrap(), occurrence.to_string()).unwrap();
}

/// What this program, or a copy of it, tells of its own panic.
fn told_by(program: &Path, folder: &Path) -> Value {
    let answer = folder.join("occurrence.json");
    let mut child = Command::new(program);
    child
        .args(["a_failing_request", "--exact"])
        .env(STRIPPED, &answer);
    output(&child);
    serde_json::from_slice(&std::fs::read(answer).unwrap()).unwrap()
}

#[test]
fn a_stripped_program_names_object_offset_and_build_and_the_unstripped_one_explains_them() {
    if !["strip", "readelf", "addr2line"].into_iter().all(installed) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let unstripped = std::env::current_exe().unwrap();
    let stripped = folder.path().join("shop");
    std::fs::copy(&unstripped, &stripped).unwrap();
    output(Command::new("strip").arg(&stripped));

    let full = told_by(&unstripped, folder.path());
    let stack = &full["exceptions"][0]["stack"];
    assert!(stack["note"].is_null(), "{stack:#}");
    let functions = stack["frames"].to_string();
    assert!(
        functions.contains("stripped::weigh_the_parcel") && functions.contains("stripped::ship"),
        "{functions}"
    );

    let bare = told_by(&stripped, folder.path());
    let exception = &bare["exceptions"][0];
    assert_eq!(exception["message"], "expected: nothing to weigh");
    assert_eq!(exception["location"]["file"], "tests/stripped.rs");
    let stack = &exception["stack"];
    let note = stack["note"].as_str().unwrap();
    assert!(note.contains("symbols"), "{note}");
    let frames = stack["frames"].as_array().unwrap();
    let objects: Vec<_> = frames
        .iter()
        .filter(|frame| frame["object"]["name"] == "shop")
        .collect();
    assert!(!objects.is_empty(), "{stack:#}");
    let build_id = objects[0]["object"]["build_id"].as_str().unwrap();
    let notes = output(Command::new("readelf").arg("-n").arg(&unstripped));
    assert!(notes.contains(build_id), "{build_id} is not in {notes}");

    let offsets = objects
        .iter()
        .map(|frame| frame["object"]["offset"].as_str().unwrap());
    let mut addr2line = Command::new("addr2line");
    addr2line.arg("-Cfie").arg(&unstripped).args(offsets);
    let names = output(&addr2line);
    assert!(
        names.contains("stripped::weigh_the_parcel") && names.contains("stripped::ship"),
        "{names}"
    );
    assert!(names.contains("tests/stripped.rs"), "{names}");
    // The grouping of a program without symbols goes by its place, and does not change from run to run.
    let again = told_by(&stripped, folder.path());
    assert_eq!(bare["fingerprint"], again["fingerprint"]);
}

/// Where the copy is to write what it told.
const STRIPPED: &str = "TOWER_MONITOR_TEST_STRIPPED";

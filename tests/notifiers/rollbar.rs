//! Rollbar: what is sent, to the field; what its answers mean; that its schema and its own Python client agree.

mod captured;

use std::time::Duration;

use serde_json::{Value, json};
use tower_monitor::notify::rollbar::{Deploy, DeployStatus, MAX_ITEM};
use tower_monitor::notify::{Budget, Rollbar, Takes};
use tower_monitor::{Alert, Notifier, NotifyError};

use crate::support::alerts::{ALL, alert};
use crate::support::golden::golden;
use crate::support::judges;
use crate::support::vendor::{Answer, Received, Vendor};

const TOKEN: &str = "4f2a9c0d7e1b4c6d8a3f5e7b9c1d2e3f";
const ACCEPTED: &str =
    r#"{"err":0,"result":{"uuid":"019aab4c6a3e70008000000000000002","id":null}}"#;

/// The alerts that tell of an occurrence.
fn told() -> impl Iterator<Item = &'static str> {
    ALL.into_iter()
        .filter(|name| !["quiet", "resolved"].contains(name))
}

fn rollbar(vendor: &Vendor) -> Rollbar {
    let rollbar = Rollbar::token(TOKEN).base_url(vendor.url(""));
    rollbar.check().unwrap();
    rollbar
}

/// What Rollbar gets of an alert when it takes everything.
async fn sent(alert: &Alert) -> Received {
    let vendor = Vendor::saying(Answer::say(200, ACCEPTED)).await;
    rollbar(&vendor).notify(alert).await.unwrap();
    vendor.only()
}

async fn answered(answer: Answer) -> Result<(), NotifyError> {
    let vendor = Vendor::saying(answer).await;
    rollbar(&vendor).notify(&alert("panic")).await
}

#[tokio::test]
async fn an_item_is_posted_with_the_token_in_a_header() {
    let request = sent(&alert("panic")).await;
    assert_eq!((&*request.method, &*request.path), ("POST", "/api/1/item/"));
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("x-rollbar-access-token"), TOKEN);
    assert!(!request.text().contains(TOKEN));
}

#[tokio::test]
async fn every_alert_is_the_item_in_the_files() {
    for name in told().filter(|name| *name != "huge") {
        let item = sent(&alert(name)).await.json();
        golden(&format!("rollbar/{name}.json"), &item);
    }
}

#[tokio::test]
async fn every_item_is_within_the_bounds_and_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for name in told() {
        // Whole, small and at last the failsafe.
        let vendor = Vendor::saying(Answer::say(413, r#"{"err":1,"message":"too large"}"#)).await;
        rollbar(&vendor).notify(&alert(name)).await.unwrap_err();
        let all = vendor.received();
        for ((number, item), max) in all.iter().enumerate().zip([MAX_ITEM, 120_000, 2_000]) {
            assert!(
                item.body.len() <= max,
                "{name} {number}: {}",
                item.body.len()
            );
            let mut item = item.json();
            let data = item["data"].as_object_mut().unwrap();
            for (field, max) in [
                ("environment", 255),
                ("context", 255),
                ("title", 255),
                ("code_version", 40),
                ("fingerprint", 40),
                ("uuid", 36),
            ] {
                let text = data.get(field).and_then(Value::as_str).unwrap_or_default();
                assert!(text.chars().count() <= max, "{name}: {text}");
            }
            // The schema does not know the marks of a failsafe that Rollbar's own senders set.
            let marks = [data.remove("internal"), data.remove("failsafe")];
            let is_failsafe = number == 2;
            assert_eq!(marks == [Some(json!(true)), Some(json!(true))], is_failsafe);
            let file = folder.path().join(format!("{name}-{number}.json"));
            std::fs::write(&file, item.to_string()).unwrap();
            files.push(file);
        }
        assert_eq!(all.len(), 3, "{name}");
    }
    let files: Vec<_> = files.iter().map(std::path::PathBuf::as_path).collect();
    judges::python("rollbar.py", &files).accepts();
}

#[tokio::test]
async fn what_is_too_large_is_sent_smaller_and_at_last_as_one_line() {
    let too_large = |request: &Received, _| match request.body.len() {
        0..=2_000 => Answer::say(200, ACCEPTED),
        _ => Answer::say(413, r#"{"err":1,"message":"too large"}"#),
    };
    let vendor = Vendor::start(too_large).await;
    rollbar(&vendor).notify(&alert("huge")).await.unwrap();
    let sizes: Vec<_> = vendor.received().iter().map(|it| it.body.len()).collect();
    assert!(sizes[0] > 120_000 && sizes[1] > 2_000, "{sizes:?}");

    let last = vendor.received().pop().unwrap().json();
    let data = &last["data"];
    let words = data["body"]["message"]["body"].as_str().unwrap();
    assert!(
        words.starts_with("Failsafe from tower-monitor: "),
        "{words}"
    );
    assert!(words.contains("[production] shop: panic: "), "{words}");
    assert_eq!(data["custom"]["orig_uuid"], data["uuid"]);
    assert_eq!(data["uuid"], "019aab4c-6a3e-7000-8000-000000000052");
}

#[tokio::test]
async fn answers_mean_what_the_table_says() {
    for status in [200, 201, 204] {
        assert_eq!(answered(Answer::say(status, ACCEPTED)).await, Ok(()));
    }
    for status in [401, 403, 404] {
        let error = answered(Answer::say(status, "")).await.unwrap_err();
        assert!(error.is_destination_gone(), "{error}");
    }
    for status in [408, 500, 502, 503] {
        let error = answered(Answer::say(status, "")).await.unwrap_err();
        assert!(error.is_temporary() && error.wait().is_none(), "{error}");
    }
    for answer in [
        Answer::say(400, r#"{"err":1,"message":"bad JSON"}"#),
        Answer::say(422, r#"{"err":1,"message":"no `body`"}"#),
        Answer::say(200, r#"{"err":1,"message":"invalid access token"}"#),
        Answer::say(302, "").header("location", "https://example.com/"),
    ] {
        let error = answered(answer).await.unwrap_err();
        assert!(
            !error.is_temporary() && !error.is_destination_gone(),
            "{error}"
        );
    }
    let error = answered(Answer::say(200, r#"{"err":1,"message":"no `level`"}"#)).await;
    let error = error.unwrap_err().to_string();
    assert_eq!(error, "refused: 200 with an error: no `level`");
}

#[tokio::test]
async fn a_limit_says_how_long_to_wait() {
    let wait = |answer: Answer| async { answered(answer).await.unwrap_err().wait() };
    let limited = || Answer::say(429, r#"{"err":1,"message":"over the limit"}"#);
    assert_eq!(wait(limited()).await, Some(Duration::from_secs(60)));
    let soon = limited().header("x-rate-limit-remaining-seconds", "7");
    assert_eq!(wait(soon).await, Some(Duration::from_secs(7)));
    let late = limited().header("x-rate-limit-remaining-seconds", "900");
    assert_eq!(wait(late).await, Some(Duration::from_secs(60)));
    let named = limited().header("retry-after", "11");
    assert_eq!(wait(named).await, Some(Duration::from_secs(11)));
}

#[tokio::test]
async fn after_the_last_item_that_is_allowed_none_is_sent() {
    let last = Answer::say(200, ACCEPTED)
        .header("x-rate-limit-remaining", "0")
        .header("x-rate-limit-remaining-seconds", "50");
    let vendor = Vendor::saying(last).await;
    let rollbar = rollbar(&vendor);
    rollbar.notify(&alert("panic")).await.unwrap();
    let error = rollbar.notify(&alert("panic")).await.unwrap_err();
    let wait = error.wait().unwrap();
    assert!(
        error.is_temporary() && wait <= Duration::from_secs(50),
        "{error}"
    );
    assert_eq!(vendor.received().len(), 1);
}

#[tokio::test]
async fn the_end_of_a_problem_is_no_occurrence() {
    let vendor = Vendor::saying(Answer::say(200, ACCEPTED)).await;
    for name in ["quiet", "resolved"] {
        rollbar(&vendor).notify(&alert(name)).await.unwrap();
    }
    assert!(vendor.received().is_empty());
}

#[tokio::test]
async fn an_answer_that_repeats_the_token_is_not_shown() {
    let echo = format!(r#"{{"err":1,"message":"no such token: {TOKEN}"}}"#);
    for status in [200, 400, 403, 500] {
        let error = answered(Answer::say(status, &*echo)).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains(TOKEN) && shown.contains("[redacted]"),
            "{shown}"
        );
    }
}

#[test]
fn it_is_told_every_occurrence() {
    let rollbar = Rollbar::token(TOKEN);
    assert_eq!(
        (rollbar.takes(), rollbar.budget()),
        (Takes::Occurrences, Budget::ROLLBAR)
    );
    assert_eq!(Notifier::name(&rollbar), "rollbar");
}

#[tokio::test]
async fn a_deploy_is_reported_and_its_number_comes_back() {
    let vendor = Vendor::saying(Answer::say(200, r#"{"data":{"deploy_id":70}}"#)).await;
    let rollbar = rollbar(&vendor).environment("production");
    let deploy = Deploy::of("4b825dc642cb6eb9a060e54bf8d69288fbee4904")
        .local_username("uma")
        .comment("gift cards\nand bells")
        .status(DeployStatus::TimedOut);
    assert_eq!(rollbar.report_deploy(&deploy).await, Ok(70));

    let request = vendor.only();
    assert_eq!(
        (&*request.method, &*request.path),
        ("POST", "/api/1/deploy/")
    );
    assert_eq!(request.header("x-rollbar-access-token"), TOKEN);
    let said = json!({
        "environment": "production",
        "revision": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        "local_username": "uma",
        "comment": "gift cards\nand bells",
        "status": "timed_out",
    });
    assert_eq!(request.json(), said);

    rollbar
        .report_deploy(&Deploy::of("7").environment("staging"))
        .await
        .unwrap();
    let said = json!({ "environment": "staging", "revision": "7" });
    assert_eq!(vendor.received()[1].json(), said);
}

#[tokio::test]
async fn a_deploy_that_is_wrong_or_not_taken_is_an_error() {
    let vendor = Vendor::saying(Answer::say(200, "{}")).await;
    let rollbar = rollbar(&vendor);
    let right = || Deploy::of("4b825dc");
    for (deploy, problem) in [
        (Deploy::of(""), "revision of a deploy"),
        (Deploy::of("4".repeat(41)), "longer than 40 characters"),
        (right().environment("a\nb"), "environment of a deploy"),
        (right().local_username("u".repeat(256)), "local_username"),
        (right().rollbar_username(" "), "rollbar_username"),
        (right().comment("c".repeat(64_001)), "longer than 64000"),
    ] {
        let error = rollbar.report_deploy(&deploy).await.unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    }
    assert!(vendor.received().is_empty());
    let error = rollbar.report_deploy(&right()).await.unwrap_err();
    assert!(
        error.to_string().contains("no number of the deploy"),
        "{error}"
    );

    let vendor = Vendor::saying(Answer::say(403, TOKEN)).await;
    let rollbar = Rollbar::token(TOKEN).base_url(vendor.url("/"));
    let error = rollbar.report_deploy(&right()).await.unwrap_err();
    assert!(error.is_destination_gone() && !error.to_string().contains(TOKEN));
    let error = Rollbar::token("short").report_deploy(&right()).await;
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("the token for Rollbar")
    );
}

//! Slack: what a channel gets to see, threads, and what is made of answers.

mod shown;

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_monitor::notify::Slack;
use tower_monitor::{Alert, Notifier, Reason};

use crate::support::alerts::{ALL, alert};
use crate::support::golden::{golden, golden_text};
use crate::support::judges::{node, python};
use crate::support::vendor::{Answer, Vendor};
use crate::support::{LONG, get as request, watched};
use shown::shown;

const SECRET: &str = "pq81Zr5sK2";
const PATH: &str = "/services/T024BE7LD/B02Q4T1QH/pq81Zr5sK2";
const TOKEN: &str = "xoxb-1234-pq81Zr5sK2";
const CHANNEL: &str = "C024BE91L";

fn webhook(vendor: &Vendor) -> Slack {
    Slack::webhook(vendor.url(PATH))
}

fn bot(vendor: &Vendor) -> Slack {
    Slack::bot(TOKEN, CHANNEL).base_url(vendor.url("/api"))
}

/// The `ts` of the message that came as this one, counted from 0.
fn ts(number: usize) -> String {
    format!("1503435956.{number:06}")
}

fn posted(number: usize) -> Answer {
    let answer = json!({ "ok": true, "channel": CHANNEL, "ts": ts(number) });
    Answer::say(200, answer.to_string())
}

fn error(name: &str) -> Answer {
    Answer::say(200, json!({ "ok": false, "error": name }).to_string())
}

/// Slack, as a bot meets it.
async fn workspace() -> Vendor {
    Vendor::start(|_, number| posted(number)).await
}

/// Slack, where threads cannot be continued.
async fn without_threads() -> Vendor {
    Vendor::start(|request, number| match request.json().get("thread_ts") {
        Some(_) => error("thread_not_found"),
        None => posted(number),
    })
    .await
}

/// A later alert of the issue that `first` tells of.
fn later(first: &Alert, reason: Reason) -> Alert {
    let mut alert = first.clone();
    alert.reason = reason;
    alert
}

/// What a webhook posts for this alert.
async fn message(name: &str) -> Value {
    let vendor = Vendor::saying(Answer::say(200, "ok")).await;
    webhook(&vendor).notify(&alert(name)).await.unwrap();
    let request = vendor.only();
    assert_eq!((&*request.method, &*request.path), ("POST", PATH));
    assert_eq!(
        request.header("content-type"),
        "application/json; charset=utf-8"
    );
    request.json()
}

#[tokio::test]
async fn every_alert_is_the_message_that_was_looked_at() {
    for name in ALL {
        let payload = message(name).await;
        if name != "huge" {
            golden(&format!("slack/{name}.json"), &payload);
        }
        golden_text(&format!("slack/{name}.txt"), &shown(&payload));
    }
}

#[tokio::test]
async fn slacks_own_software_takes_every_message_in_every_size() {
    let folder = tempfile::tempdir().unwrap();
    let refusing = Vendor::saying(error("invalid_blocks")).await;
    for name in ALL {
        let alert = alert(name);
        alert.memo().set(format!("{} info {CHANNEL}", ts(0)));
        let refusal = bot(&refusing).notify(&alert).await.unwrap_err();
        assert!(refusal.is_payload_refused(), "{refusal}");
    }
    let sent = refusing.received();
    assert_eq!(sent.len(), 3 * ALL.len());
    let files: Vec<PathBuf> = sent
        .iter()
        .enumerate()
        .map(|(number, request)| {
            let file = folder
                .path()
                .join(format!("{}-{}.json", ALL[number / 3], number % 3));
            std::fs::write(&file, &request.body).unwrap();
            file
        })
        .collect();
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    python("slack.py", &files).accepts();
    node("slack-types.mjs", &files).accepts();
}

#[tokio::test]
async fn a_refused_message_is_sent_with_less_in_it() {
    let vendor = Vendor::start(|_, number| match number {
        0 => Answer::say(400, "invalid_attachments"),
        1 => Answer::say(400, "invalid_blocks"),
        _ => Answer::say(200, "ok"),
    })
    .await;
    webhook(&vendor).notify(&alert("panic")).await.unwrap();
    let sent: Vec<_> = vendor.received().iter().map(|it| it.json()).collect();
    assert_eq!(sent.len(), 3);
    assert!(sent[0].get("attachments").is_some());
    assert!(sent[1].get("attachments").is_none() && sent[1].get("blocks").is_some());
    golden_text("slack/panic.small.txt", &shown(&sent[1]));
    assert!(sent[2].get("blocks").is_none());
    golden_text("slack/panic.failsafe.txt", &shown(&sent[2]));
}

#[tokio::test]
async fn the_first_alert_of_an_issue_begins_a_thread_that_the_others_continue() {
    let vendor = workspace().await;
    let slack = bot(&vendor);
    let first = alert("panic");
    slack.notify(&first).await.unwrap();
    let kept = first.memo().get();
    for reason in [
        Reason::Count { count: 10 },
        Reason::StillOpen { seconds: 86_400 },
    ] {
        slack.notify(&later(&first, reason)).await.unwrap();
    }
    assert_eq!(first.memo().get(), kept, "a reply begins no thread");

    let sent = vendor.received();
    for request in &sent {
        assert_eq!(request.path, "/api/chat.postMessage");
        assert_eq!(request.header("authorization"), format!("Bearer {TOKEN}"));
        assert_eq!(request.json()["channel"], CHANNEL);
    }
    let threads: Vec<_> = sent
        .iter()
        .map(|request| {
            let json = request.json();
            (json["thread_ts"].clone(), json["reply_broadcast"].clone())
        })
        .collect();
    let expected = [
        (Value::Null, Value::Null),
        (json!(ts(0)), json!(true)),
        (json!(ts(0)), json!(false)),
    ];
    assert_eq!(threads, expected);
}

#[tokio::test]
async fn where_the_thread_is_gone_a_new_one_begins() {
    let vendor = without_threads().await;
    let alert = alert("panic");
    let kept = |number| Some(format!("{} error {CHANNEL}", ts(number)));
    bot(&vendor).notify(&alert).await.unwrap();
    assert_eq!(alert.memo().get(), kept(0));
    bot(&vendor).notify(&alert).await.unwrap();
    assert_eq!(alert.memo().get(), kept(2));
    let sent = vendor.received();
    assert_eq!(sent.len(), 3);
    assert!(sent[1].json().get("thread_ts").is_some());
    assert!(sent[2].json().get("reply_broadcast").is_none());
}

#[tokio::test]
async fn a_thread_stays_known_when_a_try_fails() {
    let vendor = Vendor::start(|_, number| match number {
        1 => error("internal_error"),
        _ => posted(number),
    })
    .await;
    let alert = alert("panic");
    bot(&vendor).notify(&alert).await.unwrap();
    let kept = alert.memo().get();
    assert!(
        bot(&vendor)
            .notify(&alert)
            .await
            .unwrap_err()
            .is_temporary()
    );
    assert_eq!(alert.memo().get(), kept);
}

#[tokio::test]
async fn a_test_and_another_channel_stay_out_of_the_thread() {
    let vendor = workspace().await;
    let first = alert("panic");
    bot(&vendor).notify(&first).await.unwrap();
    let kept = first.memo().get();
    bot(&vendor)
        .notify(&later(&first, Reason::Test))
        .await
        .unwrap();
    assert_eq!(first.memo().get(), kept);
    let elsewhere = Slack::bot(TOKEN, "#ops").base_url(vendor.url("/api/"));
    elsewhere.notify(&first).await.unwrap();
    assert_eq!(first.memo().get(), Some(format!("{} error #ops", ts(2))));
    for request in vendor.received() {
        assert!(request.json().get("thread_ts").is_none());
    }
}

#[tokio::test]
async fn an_answer_says_when_to_try_again_and_nothing_secret() {
    let vendor = Vendor::saying(error("ratelimited").header("retry-after", "30")).await;
    let busy = bot(&vendor).notify(&alert("panic")).await.unwrap_err();
    assert_eq!(busy.wait(), Some(Duration::from_secs(30)));
    assert_eq!(busy.to_string(), "not now: Slack says `ratelimited`");

    let json = json!({ "ok": false, "error": format!("invalid_auth {TOKEN}") });
    for (status, body) in [(200, json.to_string()), (403, format!("no token {TOKEN}"))] {
        let vendor = Vendor::saying(Answer::say(status, body)).await;
        let error = bot(&vendor).notify(&alert("panic")).await.unwrap_err();
        assert!(!error.to_string().contains(SECRET), "{error}");
    }
    for status in [301, 403, 500] {
        let vendor = Vendor::saying(Answer::say(status, format!("not at {PATH}"))).await;
        let error = webhook(&vendor).notify(&alert("panic")).await.unwrap_err();
        assert!(error.to_string().contains("not at "), "{error}");
        assert!(!error.to_string().contains(SECRET), "{error}");
    }
}

#[tokio::test]
async fn a_monitor_keeps_an_issue_in_its_thread_and_links_to_its_page() {
    let vendor = workspace().await;
    let notifier = bot(&vendor);
    let watched = watched(|it| {
        it.notifier(notifier)
            .dashboard_url("https://ops.example.com/_monitor")
    });
    let route = get(|| async { StatusCode::INTERNAL_SERVER_ERROR });
    let app = Router::new().route("/fail", route);
    let app = app.layer(watched.monitor.layer());
    for _ in 0..10 {
        let answer = app.clone().oneshot(request("/fail")).await.unwrap();
        answer.into_body().collect().await.unwrap();
        assert!(watched.monitor.flush(LONG).await);
    }
    let sent = vendor.received();
    assert_eq!(sent.len(), 2, "new, and ten times");
    assert_eq!(sent[1].json()["thread_ts"], ts(0));
    let blocks = sent[0].json()["blocks"].clone();
    let button = blocks
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["type"] == "actions");
    let url = button.unwrap()["elements"][0]["url"].clone();
    let page = url
        .as_str()
        .unwrap()
        .strip_prefix("https://ops.example.com/_monitor/issues/");
    assert_eq!(page.unwrap().len(), 16, "{url}");
}

//! What a webhook sends, what it makes of answers, and which settings it refuses.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::fixtures::{ALERT_ID, REQUEST_ID, alert};
use super::*;
use crate::issue::{Reason, Regression};
use crate::notify::Message;
use crate::notify::http::test_server::{Script, TestServer};

#[test]
fn the_payload_is_the_one_in_the_documentation() {
    let golden: Value =
        serde_json::from_str(include_str!("../../../tests/golden/webhook.json")).unwrap();
    let bytes = payload(&alert(), Size::Whole).unwrap();
    let payload: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(payload, golden, "\n{}\n", String::from_utf8_lossy(&bytes));
}

/// The names of fields in it; those of maps whose names are free are left out.
fn names(value: &Value, all: &mut BTreeSet<String>) {
    const FREE: [&str; 7] = [
        "crates",
        "extra",
        "fields",
        "lost",
        "route_parameters",
        "tags",
        "value",
    ];
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                all.insert(name.clone());
                if !FREE.contains(&&**name) {
                    names(value, all);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| names(value, all)),
        _ => {}
    }
}

#[test]
fn the_documentation_names_every_field_and_every_reason() {
    let page = include_str!("../webhook.rs");
    let mut all = BTreeSet::new();
    names(&read(&alert(), Size::Whole), &mut all);
    for alert in [
        include_str!("../../../tests/alerts/panic.json"),
        include_str!("../../../tests/alerts/joined.json"),
        include_str!("../../../tests/alerts/resolved.json"),
        include_str!("../../../tests/alerts/browser.json"),
    ] {
        names(&serde_json::from_str(alert).unwrap(), &mut all);
    }
    assert!(all.contains("variables") && all.contains("resolved_at"));
    for reason in [
        Reason::New,
        Reason::Regressed {
            after: Regression::Resolved,
        },
        Reason::Count { count: 1 },
        Reason::Rate {
            count: 1,
            seconds: 1,
        },
        Reason::Jump { count: 1, usual: 0 },
        Reason::Users { users: 1 },
        Reason::StillOpen { seconds: 1 },
        Reason::Unmuted,
        Reason::AllClear,
        Reason::Resolved,
        Reason::Quiet { seconds: 1 },
        Reason::Resumed,
        Reason::Occurred,
        Reason::Test,
    ] {
        all.insert(reason.as_str().to_owned());
    }
    // Numbers of a reason, for which the page refers to `Reason`.
    for name in ["seconds", "usual", "after"] {
        all.remove(name);
    }
    let lacking: Vec<_> = all
        .iter()
        .filter(|name| !page.contains(&format!("`{name}`")))
        .collect();
    assert!(lacking.is_empty(), "{lacking:?}");
}

#[test]
fn a_secret_that_got_in_behind_redaction_is_stopped_at_the_door() {
    let mut alert = alert();
    let mut occurrence = (*alert.occurrence).clone();
    occurrence.exceptions[0].message = "cannot log in with password=hunter2".to_owned();
    if let Some(request) = &mut occurrence.request {
        request.extra.insert("apiKey".to_owned(), "hunter2".into());
    }
    alert.occurrence = Arc::new(occurrence);
    let payload = String::from_utf8(payload(&alert, Size::Whole).unwrap().to_vec()).unwrap();
    assert!(!payload.contains("hunter2"), "{payload}");
    assert!(!Message::of(&alert).to_string().contains("hunter2"));
}

fn read(alert: &Alert, size: Size) -> Value {
    serde_json::from_slice(&payload(alert, size).unwrap()).unwrap()
}

#[test]
fn less_of_an_alert_has_the_documented_fields_and_counts_the_same() {
    let alert = alert();
    for size in [Size::Small, Size::Failsafe] {
        let less = read(&alert, size);
        for field in [
            "version",
            "text",
            "id",
            "time",
            "reason",
            "severity",
            "issue",
            "new_in_release",
            "held_back",
            "lost",
        ] {
            assert!(!less[field].is_null(), "{size:?}: {field}");
        }
        for field in ["id", "kind", "fingerprint", "time", "origin", "vitals"] {
            assert_eq!(
                less["occurrence"][field],
                read(&alert, Size::Whole)["occurrence"][field]
            );
        }
        assert!(
            less["text"].as_str().unwrap().contains(REQUEST_ID),
            "{less:#}"
        );
        let back: Alert = serde_json::from_value(less).unwrap();
        assert_eq!(back.alerts(), alert.alerts());
    }
    let small = read(&alert, Size::Small);
    assert_eq!(
        small["occurrence"]["exceptions"][0]["stack"]["frames"][0]["line"],
        17
    );
    assert_eq!(small["occurrence"]["earlier_breadcrumbs"], 4);
    assert_eq!(small["occurrence"]["request"]["user"]["id"], "42");
    assert_eq!(small["occurrence"]["request"]["curl"], "");
    assert!(
        small["occurrence"]["missing"][0]
            .as_str()
            .unwrap()
            .contains("takes less")
    );
    let least = read(&alert, Size::Failsafe);
    assert_eq!(
        least["occurrence"].as_object().unwrap().len(),
        7,
        "{least:#}"
    );
}

#[test]
fn no_body_is_longer_than_the_bound() {
    let mut alert = alert();
    let occurrence = Arc::make_mut(&mut alert.occurrence);
    let request = occurrence.request.as_mut().unwrap();
    request
        .extra
        .insert("basket".to_owned(), json!("x".repeat(MAX_BODY)));
    occurrence.exceptions = vec![occurrence.exceptions[0].clone(); 500];
    for size in Size::ALL {
        let bytes = payload(&alert, size).unwrap().len();
        assert!(bytes < 32 * 1_024, "{size:?}: {bytes}");
    }
}

#[tokio::test]
async fn what_is_refused_gets_smaller_under_the_same_key() {
    let server = TestServer::start(Script::answer("413 Content Too Large", &[], "")).await;
    let webhook = Webhook::new(server.url("/in")).secret(SECRET);
    webhook.notify(&alert()).await.unwrap_err();
    let all = server.requests();
    assert_eq!(all.len(), 3);
    assert!(all[0].body.len() > all[1].body.len() && all[1].body.len() > all[2].body.len());
    for request in &all {
        assert_eq!(request.header("idempotency-key"), Some(ALERT_ID));
        let signature = request.header("x-tower-monitor-signature").unwrap();
        assert!(verify(SECRET, signature, &request.body, SystemTime::now()));
    }
}

#[test]
fn the_environment_names_url_and_secret() {
    let environment = |names: &'static [&'static str]| {
        move |name: &str| {
            names
                .contains(&name)
                .then(|| "https://ops.example.com/alerts".to_owned())
        }
    };
    let both = Webhook::from(environment(&["ALERT_WEBHOOK_URL", "ALERT_WEBHOOK_SECRET"])).unwrap();
    assert!(both.settings.secret.is_some());
    let unsigned = Webhook::from(environment(&["ALERT_WEBHOOK_URL"])).unwrap();
    assert_eq!(
        (unsigned.check(), &unsigned.settings.secret),
        (Ok(()), &None)
    );
    assert!(Webhook::from(environment(&["ALERT_WEBHOOK_SECRET"])).is_none());
}

#[tokio::test]
async fn an_alert_is_posted_and_signed() {
    let server = TestServer::start(Script::answer("200 OK", &[], "ok")).await;
    let webhook = Webhook::new(server.url("/in"))
        .secret(SECRET)
        .header("Authorization", "Bearer 0b6d3f1a")
        .header("X-Team", "a")
        .header("X-Team", "b");
    webhook.check().unwrap();
    webhook.notify(&alert()).await.unwrap();

    let request = server.request();
    assert_eq!(request.line(), "POST /in HTTP/1.1");
    assert_eq!(request.header("content-type"), Some("application/json"));
    let agent = concat!("tower-monitor/", env!("CARGO_PKG_VERSION"));
    assert_eq!(request.header("user-agent"), Some(agent));
    assert_eq!(request.header("idempotency-key"), Some(ALERT_ID));
    assert_eq!(request.header("authorization"), Some("Bearer 0b6d3f1a"));
    assert!(request.head.contains("x-team: a\r\nx-team: b"));
    assert_eq!(request.body, payload(&alert(), Size::Whole).unwrap());

    let signature = request.header("x-tower-monitor-signature").unwrap();
    assert!(verify(SECRET, signature, &request.body, SystemTime::now()));
    assert!(!verify(
        "another",
        signature,
        &request.body,
        SystemTime::now()
    ));
}

#[tokio::test]
async fn without_a_secret_there_is_no_signature() {
    let server = TestServer::start(Script::answer("202 Accepted", &[], "")).await;
    Webhook::new(server.url("/in"))
        .notify(&alert())
        .await
        .unwrap();
    assert_eq!(server.request().header("x-tower-monitor-signature"), None);
}

#[tokio::test]
async fn the_answer_says_whether_to_try_again() {
    let refused = answered("400 Bad Request", &[], "no such field").await;
    assert_eq!(
        refused.to_string(),
        "refused: 400 Bad Request: no such field"
    );
    assert!(
        !answered("413 Content Too Large", &[], "")
            .await
            .is_temporary()
    );
    assert!(
        answered("401 Unauthorized", &[], "")
            .await
            .is_destination_gone()
    );

    let busy = answered("429 Too Many Requests", &["Retry-After: 17"], "").await;
    assert_eq!(busy.wait(), Some(Duration::from_secs(17)));
    let down = answered("503 Service Unavailable", &[], "").await;
    assert!(down.is_temporary() && down.wait().is_none());
    let moved = answered("307 Temporary Redirect", &["Location: /elsewhere"], "").await;
    assert!(!moved.is_temporary() && !moved.is_destination_gone());
}

async fn answered(status: &str, headers: &[&str], body: &str) -> NotifyError {
    let server = TestServer::start(Script::answer(status, headers, body)).await;
    let webhook = Webhook::new(server.url("/in"));
    webhook.notify(&alert()).await.unwrap_err()
}

#[test]
fn a_wrong_url_is_found_by_the_check_and_not_shown() {
    for (url, problem) in [
        ("", "cannot be read"),
        ("s3cr3t url", "cannot be read"),
        ("ops.example.com/s3cr3t", "cannot be read"),
        ("ops.example.com", "does not begin with"),
        ("/s3cr3t", "does not begin with"),
        ("ftp://ops.example.com/s3cr3t", "does not begin with"),
        ("https://", "cannot be read"),
        ("https:///s3cr3t", "cannot be read"),
        ("https://:443/s3cr3t", "has no host"),
        ("https://user:s3cr3t@ops.example.com/", "holds a user"),
        ("https://ops.example.com/#s3cr3t", "has a fragment"),
        ("https://ops.example.com:99999/s3cr3t", "has a port"),
        ("https://ops.example.com:/s3cr3t", "has a port"),
        ("https://öps.example.com/s3cr3t", "cannot be read"),
    ] {
        let error = Webhook::new(url).check().unwrap_err();
        assert!(error.contains(problem), "{url}: {error}");
        assert!(
            error.contains("`https://ops.example.com/alerts`"),
            "{error}"
        );
        assert!(!error.contains("s3cr3t"), "{error}");
    }
    for url in [
        "https://ops.example.com/alerts?token=1",
        "HTTP://localhost",
        "http://[::1]:8080/",
    ] {
        assert_eq!(Webhook::new(url).check(), Ok(()), "{url}");
    }
}

#[test]
fn other_wrong_settings_are_found_by_the_check_too() {
    let webhook = || Webhook::new("https://ops.example.com/alerts");
    for (webhook, problem) in [
        (webhook().name(" "), "webhook notifier is empty"),
        (webhook().name("a\nb"), "not on one line"),
        (webhook().name("n".repeat(65)), "longer than 64 bytes"),
        (webhook().secret(""), "secret is empty"),
        (webhook().header("a b", "s3cr3t"), "the name of header 1"),
        (webhook().header("", "s3cr3t"), "the name of header 1"),
        (
            webhook().header("X-Key", "s3cr3t\r\nX: y"),
            "the value of header 1",
        ),
        (
            webhook().header("Host", "s3cr3t"),
            "sets the header `host` itself",
        ),
        (webhook().header("content-type", "a/b"), "sets the header"),
        (webhook().header("Idempotency-Key", "1"), "sets the header"),
        (
            webhook().header("X-Tower-Monitor-Signature", "1"),
            "sets the header",
        ),
    ] {
        let error = webhook.check().unwrap_err();
        assert!(error.contains(problem), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }
}

#[tokio::test]
async fn a_setting_that_changes_after_the_check_counts() {
    let server = TestServer::start(Script::answer("200 OK", &[], "")).await;
    let webhook = Webhook::new(server.url("/in"));
    webhook.check().unwrap();
    webhook.secret(SECRET).notify(&alert()).await.unwrap();
    assert!(
        server
            .request()
            .header("x-tower-monitor-signature")
            .is_some()
    );
}

#[tokio::test]
async fn a_wrong_setting_that_nobody_checked_refuses_every_alert() {
    let error = Webhook::new("nowhere").notify(&alert()).await.unwrap_err();
    assert!(!error.is_temporary());
}

#[test]
fn nothing_secret_is_shown() {
    let webhook = Webhook::new("https://ops.example.com:8443/s3cr3t?token=s3cr3t")
        .secret("s3cr3t-s3cr3t-0000")
        .header("Authorization", "Bearer s3cr3t");
    let shown = format!("{webhook:?}");
    assert!(
        shown.contains("\"https://ops.example.com:8443\""),
        "{shown}"
    );
    assert!(!shown.contains("s3cr3t"), "{shown}");
    let shown = format!("{:?}", Webhook::new("https://user:s3cr3t@ops.example.com"));
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

#[test]
fn a_webhook_and_its_deliveries_can_go_to_another_thread() {
    fn sendable<T: Send>(_: &T) {}
    let (webhook, alert) = (Webhook::new("https://ops.example.com"), alert());
    sendable(&webhook);
    sendable(&webhook.notify(&alert));
}

const SECRET: &str = "whsec_5f1c0a9e4d7b";

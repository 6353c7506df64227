//! What a webhook sends, what it makes of answers, and which settings it refuses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::issue::{AlertSummary, Issue, Reason, Severity};
use crate::loss::{LossCounter, LossReason};
use crate::notify::http::test_server::{Script, TestServer};
use crate::occurrence::{
    Breadcrumb, Evidence, Exception, Fingerprint, Frame, Kind, Level, Occurrence, Origin, Platform,
    SourceLines, Span, Stack,
};
use crate::request::{CodeLocation, RequestContext, RequestId, RequestSettings, User};
use crate::time::Timestamp;

#[test]
fn the_payload_is_the_one_in_the_documentation() {
    let golden: Value =
        serde_json::from_str(include_str!("../../../tests/golden/webhook.json")).unwrap();
    let bytes = payload(&alert()).unwrap();
    let payload: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(payload, golden, "\n{}\n", String::from_utf8_lossy(&bytes));
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
    let payload = String::from_utf8(payload(&alert).unwrap().to_vec()).unwrap();
    assert!(!payload.contains("hunter2"), "{payload}");
    assert!(!Message::of(&alert).to_string().contains("hunter2"));
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
    assert_eq!(request.body, payload(&alert()).unwrap());

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
    let error = webhook.notify(&alert()).await.unwrap_err();
    assert_eq!(server.requests().len(), 1);
    error
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
        (webhook().name(" "), "name is empty"),
        (webhook().name("a\nb"), "not on one line"),
        (webhook().name("n".repeat(65)), "longer than 64 bytes"),
        (webhook().secret(""), "secret is empty"),
        (
            webhook().header("a b", "s3cr3t"),
            "`a b` is no header's name",
        ),
        (webhook().header("", "s3cr3t"), "`` is no header's name"),
        (
            webhook().header("X-Key", "s3cr3t\r\nX: y"),
            "value of the header `X-Key`",
        ),
        (
            webhook().header("Host", "s3cr3t"),
            "sets the header `Host` itself",
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
const ALERT_ID: &str = "019aab4c-6a3e-7000-8000-000000000001";
const REQUEST_ID: &str = "019aab4c-6a3e-7000-8000-000000000003";

fn alert() -> Alert {
    let time = Timestamp::from_unix_micros(1_795_340_339_012_345);
    let occurrence = occurrence(time);
    let losses = LossCounter::default();
    losses.add(LossReason::AuditQueueFull, 3);
    Alert {
        id: ALERT_ID.parse().unwrap(),
        time,
        reason: Reason::Count { count: 10 },
        severity: Severity::Error,
        issue: Issue {
            first_seen: Timestamp::from_unix_micros(1_795_340_100_000_000),
            users: 3,
            ..Issue::begin(&occurrence, 10)
        },
        occurrence: Arc::new(occurrence),
        new_in_release: true,
        held_back: 8,
        lost: losses.totals(),
        also: vec![AlertSummary {
            reason: Reason::New,
            severity: Severity::Warning,
            fingerprint: Fingerprint::from_u64(0x0f1e_2d3c_4b5a_6978),
            kind: Kind::Captured,
            title: "handled: the label printer is out of paper".to_owned(),
            culprit: Some("src/labels.rs:41:9".to_owned()),
            count: 4,
            users: 1,
            alerts: 2,
        }],
        also_more: 5,
        redactor: crate::redact::Redactor::default(),
    }
}

fn stack() -> Stack {
    let mut stack = Stack::default();
    let source = SourceLines {
        before: vec!["fn price(items: &[Item], number: usize) -> u32 {".to_owned()],
        line: "    items[number].price".to_owned(),
        after: vec!["}".to_owned()],
    };
    stack.frames = vec![
        Frame {
            function: Some("shop::cart::price".to_owned()),
            module: Some("shop::cart".to_owned()),
            file: Some("src/cart.rs".to_owned()),
            line: Some(17),
            column: Some(5),
            in_app: true,
            source: Some(source),
            address: 0x55d0_1f00,
            ..Frame::default()
        },
        Frame {
            function: Some("<F as axum::handler::Handler<_, S>>::call".to_owned()),
            inlined: true,
            address: 0x55d0_2a10,
            ..Frame::default()
        },
    ];
    stack.cut = 21;
    stack
}

fn platform() -> Platform {
    Platform {
        os: Some("Debian GNU/Linux 12 (bookworm)".to_owned()),
        kernel: Some("6.1.0-30-amd64".to_owned()),
        architecture: "x86_64".into(),
        cpus: Some(4),
        pod: Some("shop-7d9c".to_owned()),
        memory_limit: Some(536_870_912),
        rustc: Some("1.95.0 (59807616e 2026-04-14)".into()),
        profile: Some("release".into()),
        opt_level: Some("3".into()),
        git_revision: Some("4b825dc642cb6eb9a060e54bf8d69288fbee4904".to_owned()),
        crates: BTreeMap::from([("axum".to_owned(), "0.8.9".to_owned())]),
        ..Platform::default()
    }
}

fn occurrence(time: Timestamp) -> Occurrence {
    let settings = RequestSettings {
        owner: 0,
        id_header: HeaderName::from_static("x-request-id"),
        trust_ids: Default::default(),
        proxies: Default::default(),
        forwarded_header: Default::default(),
        peer: None,
        bodies: None,
    };
    let request = http::Request::post("/buy/17?token=abc&size=L")
        .header("host", "shop.example.com")
        .header(
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        )
        .header("content-length", "42")
        .header("authorization", "Bearer abcdefgh12345678")
        .header("cookie", "session=5f1c; theme=dark")
        .body(())
        .unwrap();
    let (context, _) = RequestContext::begin(&request, &settings);
    let mut evidence = Evidence::new(Kind::Panic, time, Some(context));
    evidence.elapsed = Some(Duration::from_micros(12_345));
    let origin = Arc::new(Origin {
        service: Some("shop".to_owned()),
        release: Some("1.4.2".to_owned()),
        environment: Some("production".to_owned()),
        host: Some("web-1".to_owned()),
        pid: 4711,
        platform: platform(),
    });
    let mut occurrence = evidence.alone(&origin);
    occurrence.id = Uuid::from_u128(0x019a_ab4c_6a3e_7000_8000_0000_0000_0002);
    occurrence.thread = Some("tokio-runtime-worker".to_owned());
    occurrence.exceptions = vec![Exception {
        type_name: "panic".to_owned(),
        message: "index out of bounds: the len is 3 but the index is 7".to_owned(),
        location: Some(CodeLocation {
            file: "src/cart.rs".to_owned(),
            line: 17,
            column: 5,
        }),
        stack: Some(stack()),
    }];
    occurrence.spans = vec![Span {
        name: "checkout".to_owned(),
        target: "shop::cart".to_owned(),
        fields: BTreeMap::from([("cart".to_owned(), "17".to_owned())]),
    }];
    occurrence.breadcrumbs = vec![Breadcrumb {
        time: Timestamp::from_unix_micros(1_795_340_339_010_000),
        level: Level::Info,
        target: "shop::cart".to_owned(),
        message: "looking for the item".to_owned(),
        fields: BTreeMap::from([("item".to_owned(), "7".to_owned())]),
    }];
    occurrence.earlier_breadcrumbs = 3;
    occurrence.missing = vec!["2 more errors of the chain".to_owned()];
    if let Some(request) = &mut occurrence.request {
        request.id = RequestId::from_header(&HeaderValue::from_static(REQUEST_ID)).unwrap();
        request.started_at = Timestamp::from_unix_micros(1_795_340_339_000_000);
        request.route = Some("/buy/{item}".to_owned());
        request.client_address = Some("203.0.113.7".to_owned());
        request.user = Some(User::new("42").name("Uma").email("uma@example.org"));
        request.tags = BTreeMap::from([("plan".to_owned(), "pro".to_owned())]);
    }
    occurrence
}

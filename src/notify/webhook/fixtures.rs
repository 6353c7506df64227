//! The alert of the documentation's example.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use uuid::Uuid;

use crate::issue::{Alert, AlertSummary, Issue, Reason, Severity};
use crate::loss::{LossCounter, LossReason};
use crate::occurrence::{
    Breadcrumb, Evidence, Exception, Fingerprint, Frame, Kind, Level, Occurrence, Origin, Platform,
    SourceLines, Span, Stack,
};
use crate::request::{CodeLocation, RequestContext, RequestId, RequestSettings, User};
use crate::time::Timestamp;

pub(super) const ALERT_ID: &str = "019aab4c-6a3e-7000-8000-000000000001";
pub(super) const REQUEST_ID: &str = "019aab4c-6a3e-7000-8000-000000000003";

pub(super) fn alert() -> Alert {
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
        desk: crate::issue::Desk::default(),
        memo: crate::issue::Memo::default(),
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

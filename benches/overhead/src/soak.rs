//! A long run: the memory after a million requests is that after the first hundred thousand.

use axum::body::Body;
use http::{HeaderName, HeaderValue, Request, Uri, header};
use tower::Layer;
use tower_monitor::{LossReason, Monitor};

use crate::columns::{Scratch, everything, settle};
use crate::load::{ACCEPT, Browser, HOST, PATH, Served, answer, app, on_this_thread, request};
use crate::memory::{self, MIB};
use crate::report::{self, Verdict, grouped};
use crate::run::BATCH;

pub const REQUESTS: usize = 1_000_000;

pub fn measure(requests: usize) -> Verdict {
    on_this_thread(async {
        let browser = Browser::new(PATH);
        let ordinary = soak("an ordinary client", requests, |_| browser.request()).await;
        println!();
        let hostile = soak("a hostile client", requests, hostile).await;
        ordinary.and(hostile == Verdict::Kept)
    })
}

async fn soak(client: &str, requests: usize, next: impl Fn(usize) -> Request<Body>) -> Verdict {
    let scratch = Scratch::new();
    let monitor = everything(&scratch.file("audit.jsonl"));
    let service = monitor.layer().layer(app());
    let warm_up = requests / 10;
    send(&service, &monitor, 0..warm_up, &next).await;
    let before = memory::resident();
    send(&service, &monitor, warm_up..requests, &next).await;
    let after = memory::resident();

    println!("{} requests of {client}:\n", grouped(requests as u64));
    let growth = (after as f64 - before as f64) / MIB;
    let name = format!("growth since the first {}", grouped(warm_up as u64));
    let small = report::must(
        &name,
        &format!("{growth:+.2} MiB"),
        &format!("within ± {MOST} MiB"),
        growth.abs() <= MOST,
    );
    report::figure("resident memory", &format!("{:.1} MiB", after as f64 / MIB));
    let losses = monitor.losses();
    let none = report::must("losses", &format!("{losses:?}"), "{}", losses.total() == 0);
    let failures = losses.of(LossReason::AuditWriteFailed);
    report::figure("records that could not be written", &grouped(failures));
    Verdict::Kept.and(small).and(none)
}

async fn send<S: Served>(
    service: &S,
    monitor: &Monitor,
    range: std::ops::Range<usize>,
    next: &impl Fn(usize) -> Request<Body>,
) {
    for number in range.clone() {
        answer(service, next(number)).await;
        if number.is_multiple_of(BATCH) {
            settle(Some(monitor)).await;
        }
    }
    settle(Some(monitor)).await;
}

/// Everything is new each time, and half of the requests come through a trusted proxy.
fn hostile(number: usize) -> Request<Body> {
    let text = |text: String| HeaderValue::from_str(&text).expect("visible ASCII");
    let agent = format!("{number}{}", "x".repeat(number % 700));
    let forwarded = format!("{}, 198.51.{}.{}", number, number / 256 % 256, number % 256);
    let headers = [
        (header::HOST, HeaderValue::from_static(HOST)),
        (header::ACCEPT, HeaderValue::from_static(ACCEPT)),
        (header::USER_AGENT, text(agent)),
        (REQUEST_ID, text(format!("forged-{number}"))),
        (FORWARDED_FOR, text(forwarded)),
    ];
    // Some are found and some are not.
    let folder = if number.is_multiple_of(3) {
        "none"
    } else {
        "hello"
    };
    let uri: Uri = format!("/{folder}/{number}").parse().expect("a path");
    let proxy = if number.is_multiple_of(2) {
        [10, 0, 0, 1]
    } else {
        [203, 0, 113, 9]
    };
    request(uri, headers.into_iter(), (proxy, 4711).into())
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const MOST: f64 = 2.0;

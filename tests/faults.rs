//! Proves that alerts arrive through a vendor that fails in every way in turns, each once for whoever honours its key.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use serde_json::Value;
use support::{LONG, text};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;
use tower_monitor::notify::{Budget, Channel, Webhook};
use tower_monitor::store::Sqlite;
use tower_monitor::{Monitor, Policy};

/// What the vendor does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Takes,
    /// Takes the alert, and breaks off before it says so.
    TakesAndResets,
    Unavailable,
    Busy,
    Garbage,
    Resets,
    Hangs,
    /// The head of an answer, and then nothing more.
    HalfAnAnswer,
}

/// What becomes of the first try of every second alert. In between, and the second time, the vendor takes it: with five failures in a
/// row a breaker would make the test long, and has tests of its own.
const FAILURES: [Way; 7] = [
    Way::Unavailable,
    Way::Hangs,
    Way::Resets,
    Way::Garbage,
    Way::Busy,
    Way::TakesAndResets,
    Way::HalfAnAnswer,
];

/// The alerts by their key, and how often each came.
#[derive(Default)]
struct Vendor {
    seen: Vec<String>,
    taken: BTreeMap<String, (Value, u32)>,
}

async fn serve(listener: TcpListener, vendor: Arc<Mutex<Vendor>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(answer(stream, Arc::clone(&vendor)));
    }
}

/// One call for each connection.
async fn answer(mut stream: TcpStream, vendor: Arc<Mutex<Vendor>>) -> Option<()> {
    let (head, body) = request(&mut stream).await?;
    let way = {
        let mut vendor = vendor.lock().unwrap();
        let key = head
            .lines()
            .find_map(|line| line.strip_prefix("idempotency-key: "));
        let key = key.unwrap().to_owned();
        let number = vendor.seen.len();
        let is_new = !vendor.seen.contains(&key);
        let way = match is_new && !number.is_multiple_of(2) {
            true => FAILURES[number / 2 % FAILURES.len()],
            false => Way::Takes,
        };
        if is_new {
            vendor.seen.push(key.clone());
        }
        if matches!(way, Way::Takes | Way::TakesAndResets) {
            let alert = serde_json::from_slice(&body).unwrap();
            vendor.taken.entry(key).or_insert((alert, 0)).1 += 1;
        }
        way
    };
    let words: &[u8] = match way {
        Way::Takes => b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",
        Way::Unavailable => b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
        Way::Busy => {
            b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"
        }
        Way::Garbage => b"\x16\x03\x01 what?\r\n\r\n",
        Way::HalfAnAnswer => b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf",
        Way::TakesAndResets | Way::Resets => {
            // Closing with a linger of nothing is a reset.
            stream.set_zero_linger().ok()?;
            return None;
        }
        Way::Hangs => return std::future::pending().await,
    };
    stream.write_all(words).await.ok()?;
    if way == Way::HalfAnAnswer {
        return std::future::pending().await;
    }
    stream.shutdown().await.ok()
}

async fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length?.parse().ok()?;
        let body = &bytes[head.len() + 4..];
        if body.len() >= length {
            return Some((head.to_owned(), body.to_vec()));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_alert_arrives_once_through_a_vendor_that_fails_in_every_way() {
    support::quiet();
    let vendor = Arc::new(Mutex::new(Vendor::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/alerts", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, Arc::clone(&vendor)));
    let folder = tempfile::tempdir().unwrap();
    let webhook = Webhook::new(url);
    let monitor = Monitor::builder()
        .no_audit()
        .outside_requests(false)
        .store(Sqlite::new(folder.path().join("monitor.db")))
        .notifier(Channel::new(webhook).budget(Budget::unlimited()))
        .notify_time_limit(Duration::from_millis(300))
        .policy(Policy::new().without_error_ratio())
        .group_by(|failure| Some(failure.request()?.path().to_owned()))
        .build()
        .unwrap();
    let app = Router::new()
        .route("/{problem}", get(|| async { panic!("expected") as () }))
        .layer(monitor.layer());
    let problems = 20;
    for problem in 0..problems {
        let request = support::get(&format!("/{problem}"));
        let _ = text(app.clone().oneshot(request).await.unwrap()).await;
    }
    while !monitor.flush(LONG).await {}
    assert_eq!(monitor.losses().total(), 0);
    let state = &monitor.notifiers().await[0];
    assert_eq!((state.waiting, state.delivered), (0, problems));
    assert!(state.last_error.is_some() && state.last_success >= state.last_failure);

    let issues = monitor.issues().await.unwrap();
    let vendor = vendor.lock().unwrap();
    assert_eq!(vendor.taken.len(), issues.len());
    for issue in issues {
        let told = vendor
            .taken
            .values()
            .filter(|(alert, _)| alert["issue"]["fingerprint"] == issue.fingerprint.to_string());
        assert_eq!(told.count(), 1, "{}", issue.fingerprint);
    }
    let repeated = vendor.taken.values().filter(|(_, times)| *times > 1);
    assert!(
        repeated.count() > 0,
        "what broke off was sent again, with the same key"
    );
}

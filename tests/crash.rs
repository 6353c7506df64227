//! Proves that an alert that was decided is delivered, once for whoever honours its key, however often the process is killed.
//!
//! `CRASHES` says how often; 8 times when it is not set.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use support::{LONG, text};
use tower::ServiceExt;
use tower_monitor::notify::{Budget, Channel};
use tower_monitor::store::{Sqlite, Store};
use tower_monitor::{Alert, Monitor, Notifier, NotifyError, Retention};

/// Alerts by their key, as a receiver that honours it sees them.
type Received = Arc<Mutex<HashMap<String, Value>>>;

/// Takes the alerts; a little slow, so that some are under way when the sender dies.
async fn receive(State(received): State<Received>, Json(alert): Json<Value>) -> StatusCode {
    tokio::time::sleep(Duration::from_millis(2)).await;
    let key = alert["key"].as_str().unwrap().to_owned();
    received.lock().unwrap().insert(key, alert);
    tokio::time::sleep(Duration::from_millis(2)).await;
    StatusCode::OK
}

struct ToReceiver {
    address: SocketAddr,
    client: Client<hyper_util::client::legacy::connect::HttpConnector, Full<bytes::Bytes>>,
}

impl Notifier for ToReceiver {
    fn name(&self) -> &str {
        "receiver"
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        let told = json!({
            "key": alert.id,
            "issue": alert.issue.fingerprint,
            "reason": alert.reason,
            "alerts": alert.alerts(),
        });
        let request = Request::post(format!("http://{}/", self.address))
            .header("content-type", "application/json")
            .body(Full::from(told.to_string()))
            .unwrap();
        let answer = self.client.request(request).await;
        match answer {
            Ok(answer) if answer.status() == StatusCode::OK => Ok(()),
            Ok(answer) => Err(NotifyError::temporary(answer.status().as_str())),
            Err(error) => Err(NotifyError::temporary(error.to_string())),
        }
    }
}

/// What is killed: a service that fails in ever new ways, and all the time in the same twenty.
#[test]
#[ignore = "the process that the other test kills"]
fn a_service_in_a_storm() {
    let Ok(address) = std::env::var("RECEIVER") else {
        return;
    };
    let folder = std::env::var("STORE").unwrap();
    let storms = std::env::var_os("STORMS").is_some();
    support::quiet();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let notifier = ToReceiver {
            address: address.parse().unwrap(),
            client: Client::builder(TokioExecutor::new()).build_http(),
        };
        let monitor = Monitor::builder()
            .no_audit()
            .store(Sqlite::new(Path::new(&folder).join("monitor.db")))
            .retention(Retention::new().max_issues(100_000))
            .notifier(Channel::new(notifier).budget(Budget::unlimited()))
            .notify_time_limit(Duration::from_millis(500))
            .group_by(|failure| Some(failure.request()?.path().to_owned()))
            .build()
            .unwrap();
        if !storms {
            // What the last of the killed had begun to deliver is theirs for some seconds more.
            while monitor.notifiers().await.iter().any(|it| it.waiting > 0) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert!(monitor.shutdown(LONG).await);
            println!("drained");
            return;
        }
        let app = Router::new()
            .route("/{problem}", get(|| async { panic!("expected") as () }))
            .layer(monitor.layer());
        println!("storms");
        let mut number = 0_u64;
        loop {
            number += 1;
            let new = uuid::Uuid::new_v4();
            let path = match number % 10 {
                0 => format!("/{new}"),
                _ => format!("/{}", number % 20),
            };
            let _ = text(app.clone().oneshot(support::get(&path)).await.unwrap()).await;
            if number.is_multiple_of(10) {
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
        }
    });
}

fn service(folder: &Path, address: SocketAddr, storms: bool) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "a_service_in_a_storm",
            "--ignored",
            "--nocapture",
        ])
        .env("RECEIVER", address.to_string())
        .env("STORE", folder)
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if storms {
        command.env("STORMS", "1");
    }
    command.spawn().unwrap()
}

fn says(child: &mut Child, word: &str) {
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap().ends_with(word)),
        "no `{word}`"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_decided_is_delivered_once_however_often_the_process_is_killed() {
    let crashes: u32 = std::env::var("CRASHES").map_or(8, |times| times.parse().unwrap());
    let received = Received::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new()
        .route("/", post(receive))
        .with_state(Arc::clone(&received));
    tokio::spawn(async move { axum::serve(listener, app).await });

    let folder = tempfile::tempdir().unwrap();
    for _ in 0..crashes {
        let mut child = service(folder.path(), address, true);
        tokio::task::block_in_place(|| says(&mut child, "storms"));
        // At another moment each time: after some alerts, and some milliseconds. The clock's last digits are as good as dice.
        let dice = uuid::Uuid::new_v4().as_u128();
        let enough = received.lock().unwrap().len() + 1 + (dice % 9) as usize;
        while received.lock().unwrap().len() < enough {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros((dice / 9 % 20_000) as u64)).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut last = service(folder.path(), address, false);
    tokio::task::block_in_place(|| {
        says(&mut last, "drained");
        assert!(last.wait().unwrap().success());
    });

    let store = Sqlite::new(folder.path().join("monitor.db"));
    store.open().unwrap();
    let mut decided = BTreeMap::new();
    for issue in store.issues(usize::MAX).await.unwrap() {
        let record = store.record(issue.fingerprint).await.unwrap().unwrap();
        decided.insert(issue.fingerprint.to_string(), record.memory.alerts());
    }
    let mut delivered = BTreeMap::<String, u64>::new();
    let mut joined = 0;
    for alert in received.lock().unwrap().values() {
        let issue = alert["issue"].as_str().unwrap().to_owned();
        *delivered.entry(issue).or_default() += 1;
        joined += alert["alerts"].as_u64().unwrap() - 1;
    }
    let total: u64 = decided.values().sum();
    assert!(total > u64::from(crashes), "{total} alerts");
    if joined == 0 {
        assert_eq!(delivered, decided, "of {total} alerts");
    }
    // Where many waited for the receiver, some went together: their number is in the message.
    assert_eq!(delivered.values().sum::<u64>() + joined, total);
    println!(
        "{crashes} crashes, {total} alerts, each delivered once, {joined} of them with another"
    );
}

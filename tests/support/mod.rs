//! What the integration tests share: a monitor whose alerts and audit records can be read.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file uses its own part"
)]
#![allow(
    unreachable_pub,
    missing_debug_implementations,
    clippy::unwrap_used,
    reason = "made for tests"
)]

pub mod example;

use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use tower_monitor::notify::Capture;
use tower_monitor::{Alert, Audit, Builder, Monitor};

/// Far more than anything here takes; a test that reaches it fails.
pub const LONG: Duration = Duration::from_secs(60);

/// A monitor with its alerts and its audit file.
pub struct Watched {
    pub monitor: Monitor,
    alerts: Capture,
    folder: tempfile::TempDir,
}

/// A monitor as set up by `settings`, beside an audit file and a notifier that keeps alerts.
pub fn watched(settings: impl FnOnce(Builder) -> Builder) -> Watched {
    quiet();
    let folder = tempfile::tempdir().unwrap();
    let alerts = Capture::new();
    let builder = Monitor::builder()
        .audit(Audit::json_lines(folder.path().join("audit.log")))
        .notifier(alerts.clone());
    let monitor = settings(builder).build().unwrap();
    Watched {
        monitor,
        alerts,
        folder,
    }
}

impl Watched {
    /// The alerts since the last call, all delivered.
    pub async fn alerts(&self) -> Vec<Alert> {
        assert!(
            self.monitor.flush(LONG).await,
            "not delivered within {LONG:?}"
        );
        self.alerts.taken()
    }

    /// The only alert since the last call.
    pub async fn alert(&self) -> Alert {
        let mut alerts = self.alerts().await;
        assert_eq!(alerts.len(), 1, "{alerts:#?}");
        alerts.remove(0)
    }

    /// All audit records.
    pub async fn records(&self) -> Vec<Value> {
        assert!(
            self.monitor.flush(LONG).await,
            "not written within {LONG:?}"
        );
        self.raw_log()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The audit file as it is.
    pub fn raw_log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("audit.log")).unwrap()
    }

    /// The only audit record.
    pub async fn record(&self) -> Value {
        let mut records = self.records().await;
        assert_eq!(records.len(), 1, "{records:#?}");
        records.remove(0)
    }

    /// Waits until there are so many audit records.
    pub async fn records_reach(&self, count: usize) -> Vec<Value> {
        loop {
            let records = self.records().await;
            if records.len() >= count {
                return records;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Expected panics need no backtraces in the test's output. Once per process, before the first monitor sets its hook.
pub fn quiet() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let payload = info.payload();
            let text = payload
                .downcast_ref::<&str>()
                .copied()
                .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            if text.is_some_and(|text| !text.starts_with("expected")) {
                loud(info);
            }
        }));
    });
}

/// `GET path` without a body.
pub fn get(path: &str) -> Request<Body> {
    Request::builder().uri(path).body(Body::empty()).unwrap()
}

/// The whole body as text.
pub async fn text<B>(response: Response<B>) -> String
where
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The request id that the response names.
pub fn id<B>(response: &Response<B>) -> String {
    response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned()
}

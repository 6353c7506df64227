//! What the integration tests share: a monitor whose alerts and audit records can be read.
#![allow(
    dead_code,
    unused_imports,
    clippy::allow_attributes,
    reason = "each test file uses its own part"
)]
#![allow(
    unreachable_pub,
    missing_debug_implementations,
    clippy::unwrap_used,
    reason = "made for tests"
)]

pub mod alerts;
pub mod certificates;
pub mod example;
pub mod golden;
pub mod guarded;
pub mod hostile;
pub mod judges;
pub mod mail_server;
pub mod pgbouncer;
pub mod postgres;
pub mod programs;
pub mod relay;
pub mod skipped;
pub mod vendor;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use tower_monitor::notify::Capture;
use tower_monitor::{Alert, Audit, Builder, Monitor, Occurrence, Policy};

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
        // Tests run side by side: what panics in one must not be told in another.
        .outside_requests(false)
        // Looked at every ten seconds: a test that takes that long would be told of it.
        .policy(Policy::new().without_error_ratio())
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

    /// The occurrences of the alerts since the last call, in the order in which they happened.
    pub async fn occurrences(&self) -> Vec<Arc<Occurrence>> {
        let alerts = self.alerts().await.into_iter();
        let mut all: Vec<_> = alerts.map(|alert| alert.occurrence).collect();
        all.sort_by_key(|occurrence| occurrence.time);
        all
    }

    /// The only occurrence since the last call.
    pub async fn occurrence(&self) -> Occurrence {
        Occurrence::clone(&self.alert().await.occurrence)
    }

    /// How many occurrences were counted, of all issues together.
    pub async fn count(&self) -> u64 {
        assert!(self.monitor.flush(LONG).await);
        self.monitor
            .issues()
            .await
            .unwrap()
            .iter()
            .map(|issue| issue.count)
            .sum()
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

/// The request with one header more.
pub fn with(name: &'static str, value: &str, mut request: Request<Body>) -> Request<Body> {
    let value = HeaderValue::from_str(value).unwrap();
    request.headers_mut().append(name, value);
    request
}

/// `POST path` with a body of this type.
pub fn post(path: &str, content_type: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::post(path).header("content-type", content_type);
    request.body(body.into()).unwrap()
}

/// Everything that an occurrence tells, as it is sent.
pub fn json(occurrence: &Occurrence) -> Value {
    serde_json::to_value(occurrence).unwrap()
}

/// The occurrence's types of exceptions with their messages.
pub fn chain(occurrence: &Occurrence) -> Vec<(&str, &str)> {
    let exceptions = occurrence.exceptions.iter();
    exceptions
        .map(|exception| (exception.type_name.as_str(), exception.message.as_str()))
        .collect()
}

/// The innermost function of the app on the first exception's stack.
pub fn app_function(occurrence: &Occurrence) -> String {
    let stack = occurrence.exceptions[0].stack.as_ref().unwrap();
    let frame = stack.frames.iter().find(|frame| frame.in_app);
    frame
        .and_then(|frame| frame.function.clone())
        .unwrap_or_else(|| panic!("{stack}"))
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

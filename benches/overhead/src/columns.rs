//! What is compared: one small service, with different layers round it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sentry::integrations::tower::{NewSentryLayer, SentryHttpLayer};
use sentry::{ClientOptions, Envelope, Transport};
use tower::{Layer, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::{DefaultMakeSpan, DefaultOnResponse, TraceLayer};
use tower_monitor::{Audit, Monitor, MonitorLayer};
use tracing_subscriber::{fmt, prelude::*, registry};

use crate::load::{Served, app, app_with_events};

/// One column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Bare,
    Monitor,
    Everything,
    BareEvents,
    Events,
    TowerHttp,
    TowerHttpJson,
    Sentry,
    SentryTransactions,
}

impl Column {
    pub const ALL: [Self; 9] = [
        Self::Bare,
        Self::Monitor,
        Self::Everything,
        Self::BareEvents,
        Self::Events,
        Self::TowerHttp,
        Self::TowerHttpJson,
        Self::Sentry,
        Self::SentryTransactions,
    ];
    /// What CI looks at.
    pub const QUICK: [Self; 5] = [
        Self::Bare,
        Self::Monitor,
        Self::Everything,
        Self::BareEvents,
        Self::Events,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Monitor => "monitor",
            Self::Everything => "everything",
            Self::BareEvents => "bare-events",
            Self::Events => "events",
            Self::TowerHttp => "tower-http",
            Self::TowerHttpJson => "tower-http-json",
            Self::Sentry => "sentry",
            Self::SentryTransactions => "sentry-transactions",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    /// The head of the column.
    pub fn title(self) -> &'static str {
        match self {
            Self::Bare => "bare axum",
            Self::Monitor => "`MonitorLayer::new()`",
            Self::Everything => "everything, JSON lines",
            Self::BareEvents => "bare axum, three events",
            Self::Events => "everything, three events collected",
            Self::TowerHttp => "tower-http: id, trace, catch-panic",
            Self::TowerHttpJson => "… and JSON lines of tracing-subscriber",
            Self::Sentry => "sentry-tower",
            Self::SentryTransactions => "… with transactions",
        }
    }

    /// What it is compared with; `None` for what others are compared with.
    pub fn baseline(self) -> Option<Self> {
        match self {
            Self::Bare | Self::BareEvents => None,
            Self::Events => Some(Self::BareEvents),
            _ => Some(Self::Bare),
        }
    }

    /// The most that is allowed on top of bare axum: allocations and instructions per request.
    pub fn must(self) -> Option<(f64, f64)> {
        // The first numbers are from before panics were captured with their stack and what led up to them: the limit of
        // 7 allocations, and otherwise what was measured. The second ones are for what the capture adds to each request.
        match self {
            Self::Monitor => Some((7.0 + 2.0, 5_822.0 + 1_500.0)),
            Self::Everything => Some((6.04 + 2.0, 8_780.0 + 1_500.0)),
            _ => None,
        }
    }

    /// Builds the column's service and gives it to `work`.
    pub fn build<W: Work>(self, work: W) -> W::Out {
        let scratch = Scratch::new();
        match self {
            Self::Bare => work.on(app(), None),
            Self::Monitor => {
                let layer = MonitorLayer::new();
                work.on(layer.layer(app()), Some(layer.monitor().clone()))
            }
            Self::Everything => {
                let monitor = everything(&scratch.file("audit.jsonl"));
                work.on(monitor.layer().layer(app()), Some(monitor))
            }
            Self::BareEvents => work.on(app_with_events(), None),
            Self::Events => {
                let monitor = everything(&scratch.file("audit.jsonl"));
                registry().with(monitor.tracing_layer()).init();
                work.on(monitor.layer().layer(app_with_events()), Some(monitor))
            }
            Self::TowerHttp => work.on(tower_http_stack(), None),
            Self::TowerHttpJson => {
                let file = File::create(scratch.file("trace.jsonl")).expect("a file for the lines");
                fmt().json().with_writer(Arc::new(file)).init();
                work.on(tower_http_stack(), None)
            }
            Self::Sentry => {
                let _sentry = sentry::init(sentry_options());
                work.on(sentry_stack(SentryHttpLayer::new()), None)
            }
            Self::SentryTransactions => {
                let _sentry = sentry::init(sentry_options().traces_sample_rate(1.0));
                work.on(
                    sentry_stack(SentryHttpLayer::new().enable_transaction()),
                    None,
                )
            }
        }
    }
}

/// What is done with a column's service, whatever its type.
pub trait Work {
    type Out;

    /// The monitor is there when the column has one.
    fn on<S: Served>(self, service: S, monitor: Option<Monitor>) -> Self::Out;
}

/// Everything switched on: who asked behind proxies, a record of each request in a file.
pub fn everything(audit: &Path) -> Monitor {
    Monitor::builder()
        .service("overhead")
        .release("1.0.0")
        .environment("bench")
        .trusted_proxies(["10.0.0.0/8"])
        .audit(Audit::json_lines(audit))
        .build()
        .expect("right settings")
}

/// Waits until the background threads have nothing left to do, so that their work counts, and nothing is dropped.
pub async fn settle(monitor: Option<&Monitor>) {
    if let Some(monitor) = monitor {
        assert!(
            monitor.flush(Duration::from_secs(120)).await,
            "the background threads hang"
        );
    }
}

/// One event per request at INFO, which is what people turn it up to.
fn tower_http_stack() -> impl Served {
    ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(DefaultMakeSpan::new().level(tower_http_level()))
                .on_response(DefaultOnResponse::new().level(tower_http_level())),
        )
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(CatchPanicLayer::new())
        .service(app())
}

fn tower_http_level() -> tracing::Level {
    tracing::Level::INFO
}

fn sentry_stack(layer: SentryHttpLayer) -> impl Served {
    ServiceBuilder::new()
        .layer(NewSentryLayer::new_from_top())
        .layer(layer)
        .service(app())
}

/// A transport to nowhere.
pub struct Nowhere;

impl Transport for Nowhere {
    fn send_envelope(&self, envelope: Envelope) {
        drop(envelope);
    }
}

/// A client that makes everything and sends nothing.
fn sentry_options() -> ClientOptions {
    ClientOptions::new()
        .dsn("https://key@sentry.invalid/1")
        .transport(Arc::new(Nowhere))
}

/// A folder for the files of one run, which goes with it.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("overhead-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the run's files");
        Self(folder)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

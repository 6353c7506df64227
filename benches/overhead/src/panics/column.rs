//! What is compared when a request panics: who catches it, and which hook runs meanwhile.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode};
use sentry::integrations::tower::{NewSentryLayer, SentryHttpLayer};
use sentry::{Breadcrumb, ClientOptions, Envelope, Transport};
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;
use tower_monitor::{Alert, Audit, Monitor, Notifier, NotifyError, User};
use tracing_subscriber::{prelude::*, registry};

use super::app::{app, clock};
use crate::columns::{Scratch, Work};
use crate::load::Served;

/// One column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    NoHook,
    Std,
    StdBacktrace,
    Sentry,
    Ours,
    OursNoAudit,
    OursOverStd,
}

impl Column {
    pub const ALL: [Self; 7] = [
        Self::NoHook,
        Self::Std,
        Self::StdBacktrace,
        Self::Sentry,
        Self::Ours,
        Self::OursNoAudit,
        Self::OursOverStd,
    ];
    /// Those that tell somebody.
    pub const TELLING: [Self; 2] = [Self::Sentry, Self::Ours];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoHook => "no-hook",
            Self::Std => "std",
            Self::StdBacktrace => "std-backtrace",
            Self::Sentry => "sentry",
            Self::Ours => "ours",
            Self::OursNoAudit => "ours-no-audit",
            Self::OursOverStd => "ours-over-std",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    /// The head of the column.
    pub fn title(self) -> &'static str {
        match self {
            Self::NoHook => "`catch_unwind`, silent hook",
            Self::Std => "tower-http catch-panic, std's hook",
            Self::StdBacktrace => "… `RUST_BACKTRACE=1`",
            Self::Sentry => "sentry-tower, sentry-panic",
            Self::Ours => "tower-monitor, all context",
            Self::OursNoAudit => "… without the audit file",
            Self::OursOverStd => "… over std's hook",
        }
    }

    /// Whether symbols are read for each panic: milliseconds, so fewer of them are waited for.
    pub fn is_slow(self) -> bool {
        matches!(self, Self::StdBacktrace | Self::Sentry)
    }

    /// The panics of the two runs whose instructions are counted; valgrind would read symbols for a minute.
    pub fn counted(self) -> Option<(usize, usize)> {
        match self {
            Self::StdBacktrace | Self::Sentry => None,
            _ => Some((300, 1_300)),
        }
    }

    /// Sets what std's hook looks at.
    pub fn environment(self, command: &mut Command) {
        command.env_remove("RUST_LIB_BACKTRACE");
        match self {
            Self::StdBacktrace => command.env("RUST_BACKTRACE", "1"),
            _ => command.env_remove("RUST_BACKTRACE"),
        };
    }

    /// Builds the column's service and gives it to `work`. Once per process: hooks are global.
    pub fn build<W: Work>(self, work: W) -> W::Out {
        if matches!(
            self,
            Self::NoHook | Self::Sentry | Self::Ours | Self::OursNoAudit
        ) {
            std::panic::set_hook(Box::new(|_| {}));
        }
        let scratch = Scratch::new();
        match self {
            Self::NoHook => work.on(caught(app(|| {})), None),
            Self::Std | Self::StdBacktrace => {
                work.on(CatchPanicLayer::new().layer(app(|| {})), None)
            }
            Self::Sentry => {
                let _sentry = sentry::init(
                    ClientOptions::new()
                        .dsn("https://key@sentry.invalid/1")
                        .transport(Arc::new(Told)),
                );
                let service = ServiceBuilder::new()
                    .layer(NewSentryLayer::new_from_top())
                    .layer(SentryHttpLayer::new())
                    .layer(CatchPanicLayer::new())
                    .service(app(sentry_notes));
                work.on(service, None)
            }
            Self::Ours | Self::OursNoAudit | Self::OursOverStd => {
                let builder = Monitor::builder()
                    .service("overhead")
                    .release("1.0.0")
                    .environment("bench")
                    .trusted_proxies(["10.0.0.0/8"])
                    .notifier(Told);
                let builder = match self {
                    Self::OursNoAudit => builder.no_audit(),
                    _ => builder.audit(Audit::json_lines(scratch.file("audit.jsonl"))),
                };
                let monitor = builder.build().expect("right settings");
                registry().with(monitor.tracing_layer()).init();
                work.on(monitor.layer().layer(app(own_notes)), Some(monitor))
            }
        }
    }
}

/// Nothing but the catching.
fn caught(app: Router) -> impl Served {
    tower::service_fn(move |request: Request<Body>| {
        let answer = app.clone().oneshot(request);
        async move {
            let mut answer = pin!(answer);
            poll_fn(|context| {
                let poll = || answer.as_mut().poll(context);
                catch_unwind(AssertUnwindSafe(poll)).unwrap_or_else(|payload| {
                    drop(payload);
                    let response: Response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
                    std::task::Poll::Ready(Ok(response))
                })
            })
            .await
        }
    })
}

fn own_notes() {
    let request = tower_monitor::current().expect("the layer is there");
    request.set_user(User::new("42").name("Uma").email("uma@example.org"));
    request.set_tag("plan", "gold");
    request.set_tag("payment", "invoice");
}

/// The same in Sentry's words; the breadcrumbs too, as its layer for `tracing` is a crate of its own.
fn sentry_notes() {
    sentry::configure_scope(|scope| {
        scope.set_user(Some(sentry::User {
            id: Some("42".to_owned()),
            username: Some("Uma".to_owned()),
            email: Some("uma@example.org".to_owned()),
            ..Default::default()
        }));
        scope.set_tag("plan", "gold");
        scope.set_tag("payment", "invoice");
    });
    let fields = [
        ("signed in", [("user", "42"), ("session", "night")]),
        ("cart loaded", [("cart", "gift-card"), ("items", "3")]),
        (
            "payment chosen",
            [("provider", "invoice"), ("attempt", "1")],
        ),
    ];
    for (message, fields) in fields {
        let data = fields.map(|(name, value)| (name.to_owned(), value.into()));
        sentry::add_breadcrumb(Breadcrumb {
            message: Some(message.to_owned()),
            data: data.into_iter().collect(),
            ..Default::default()
        });
    }
}

/// Notes when somebody was told last, and does nothing else.
struct Told;

/// By the [clock].
pub static TOLD: AtomicU64 = AtomicU64::new(0);

impl Notifier for Told {
    fn name(&self) -> &str {
        "told"
    }

    async fn notify(&self, _: &Alert) -> Result<(), NotifyError> {
        TOLD.store(clock(), Relaxed);
        Ok(())
    }
}

impl Transport for Told {
    fn send_envelope(&self, envelope: Envelope) {
        TOLD.store(clock(), Relaxed);
        drop(envelope);
    }
}

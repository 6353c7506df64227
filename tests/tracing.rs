//! The layer for `tracing`, with the subscriber that an app has: a registry, a log and filters. Alone in its process.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::fmt;
use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex, Once, OnceLock};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use support::{LONG, Watched, chain, get as request, text};
use tower::ServiceExt;
use tower_monitor::notify::{Capture, Log};
use tower_monitor::occurrence::Level;
use tower_monitor::{Builder, Kind, Monitor, Occurrence, RequestContext, ServerError, current};
use tracing::instrument::WithSubscriber;
use tracing::level_filters::LevelFilter;
use tracing::{Instrument, debug, debug_span, error, field, info, info_span, trace, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What a layer of the app's own has written.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Sink {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// Runs `visit` under a subscriber as an app sets it up, with the log's text and the monitor.
macro_rules! subscribed {
    ($watched:expr) => {{
        let sink = Sink::default();
        let log = tracing_subscriber::fmt::layer()
            .with_writer(sink.clone())
            .with_ansi(false);
        let subscriber = tracing_subscriber::registry()
            .with(log.with_filter(LevelFilter::INFO))
            .with($watched.monitor.tracing_layer());
        (sink, subscriber)
    }};
}

/// A monitor in a process whose own panic hook logs, as many do.
fn watched(settings: impl FnOnce(Builder) -> Builder) -> Watched {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        support::quiet();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let words = info.payload().downcast_ref::<&str>().copied();
            let words = words.unwrap_or_default();
            if words.contains("logged by a hook") {
                error!(place = ?info.location(), "{words}");
            }
            before(info);
        }));
    });
    support::watched(settings)
}

async fn visit(app: Router, path: &str) -> StatusCode {
    let response = app.oneshot(request(path)).await.unwrap();
    let status = response.status();
    let _ = text(response).await;
    status
}

fn steps(occurrence: &Occurrence) -> Vec<(Level, &str)> {
    let steps = occurrence.breadcrumbs.iter();
    steps
        .map(|step| (step.level, step.message.as_str()))
        .collect()
}

fn spans(occurrence: &Occurrence) -> Vec<&str> {
    occurrence
        .spans
        .iter()
        .map(|span| span.name.as_str())
        .collect()
}

async fn one_of_each(context: RequestContext) -> Result<(), ServerError> {
    trace!("too fine");
    debug!(n = 7, is.ok = true, "looks up");
    info!(target: "shop::cart", user = %"uma", list = ?[1, 2], "adds");
    context.breadcrumb("by hand");
    warn!(password = "t0psecret", "careful");
    let problem = "x".parse::<u8>().unwrap_err();
    debug!(error = &problem as &dyn std::error::Error, "tried");
    Err("and failed")?
}

#[tokio::test]
async fn events_are_breadcrumbs_of_their_request_in_order() {
    let watched = watched(|builder| builder);
    let (sink, subscriber) = subscribed!(watched);
    let app = Router::new()
        .route("/", get(one_of_each))
        .layer(watched.monitor.layer());
    assert_eq!(visit(app, "/").with_subscriber(subscriber).await, 500);
    let occurrence = watched.occurrence().await;
    assert_eq!(
        steps(&occurrence),
        [
            (Level::Debug, "looks up"),
            (Level::Info, "adds"),
            (Level::Info, "by hand"),
            (Level::Warn, "careful"),
            (Level::Debug, "tried"),
        ]
    );
    let fields = |step: usize| serde_json::to_value(&occurrence.breadcrumbs[step].fields).unwrap();
    assert_eq!(fields(0), serde_json::json!({ "n": "7", "is.ok": "true" }));
    assert_eq!(
        fields(1),
        serde_json::json!({ "user": "uma", "list": "[1, 2]" })
    );
    assert_eq!(fields(3), serde_json::json!({ "password": "[redacted]" }));
    assert_eq!(
        fields(4),
        serde_json::json!({ "error": "invalid digit found in string" })
    );
    let targets: Vec<_> = occurrence
        .breadcrumbs
        .iter()
        .map(|step| step.target.as_str())
        .collect();
    assert_eq!(
        targets,
        ["tracing", "shop::cart", "app", "tracing", "tracing"]
    );
    assert!(occurrence.breadcrumbs.is_sorted_by_key(|step| step.time));
    let written = sink.text();
    assert!(
        written.contains("adds") && written.contains("careful"),
        "{written}"
    );
    assert!(
        !written.contains("looks up") && !written.contains("too fine"),
        "{written}"
    );
}

#[tokio::test]
async fn breadcrumbs_are_bounded_and_their_level_can_be_set() {
    let watched = watched(|builder| builder.breadcrumb_level(LevelFilter::TRACE));
    let (_, subscriber) = subscribed!(watched);
    let app = Router::new()
        .route(
            "/",
            get(|| async {
                (0..500).for_each(|n| trace!(n, "{}", "long ".repeat(100)));
                info!(huge = "x".repeat(10_000_000), "{}", "y".repeat(10_000_000));
                Err::<(), _>(ServerError::from("broken"))
            }),
        )
        .layer(watched.monitor.layer());
    visit(app, "/").with_subscriber(subscriber).await;
    let occurrence = watched.occurrence().await;
    assert_eq!(
        occurrence.breadcrumbs.len() as u64 + occurrence.earlier_breadcrumbs,
        501
    );
    assert_eq!(occurrence.breadcrumbs[0].level, Level::Trace);
    assert!(
        occurrence
            .breadcrumbs
            .last()
            .unwrap()
            .message
            .starts_with("yyy")
    );
    let size: usize = occurrence
        .breadcrumbs
        .iter()
        .map(|step| step.message.len())
        .sum();
    assert!(size <= 8 * 1024, "{size}");
}

async fn inner() {
    async {
        let closed = info_span!("closed");
        closed.in_scope(|| info!("in a span that is over"));
        drop(closed);
        let span = debug_span!(
            "inner",
            item = "chair",
            price = field::Empty,
            secret = field::Empty
        );
        async {
            tokio::task::yield_now().await;
            tracing::Span::current().record("price", 7);
            tracing::Span::current().record("secret", "t0psecret");
            panic!("expected inside of spans");
        }
        .instrument(span)
        .await
    }
    .instrument(info_span!("outer", user = "uma"))
    .await
}

#[tokio::test]
async fn spans_are_those_at_the_moment_of_the_failure() {
    let watched = watched(|builder| builder);
    let (_, subscriber) = subscribed!(watched);
    let app = Router::new()
        .route("/", get(inner))
        .route(
            "/error",
            get(|| async {
                let span = info_span!("asking", n = 1);
                let result: Result<(), ServerError> =
                    async { Err("no answer")? }.instrument(span).await;
                info!("the span is closed by now");
                result
            }),
        )
        .route(
            "/survives",
            get(|| async {
                let span = info_span!("whole");
                async {
                    let _ = std::panic::catch_unwind(|| panic!("expected, and caught"));
                    tracing::Span::current().in_scope(|| Err::<(), _>(ServerError::from("later")))
                }
                .instrument(span)
                .await
            }),
        )
        .layer(watched.monitor.layer());
    async {
        visit(app.clone(), "/").await;
        let occurrence = watched.occurrence().await;
        assert_eq!(spans(&occurrence), ["outer", "inner"]);
        let fields = |span: usize| serde_json::to_value(&occurrence.spans[span].fields).unwrap();
        assert_eq!(fields(0), serde_json::json!({ "user": "uma" }));
        assert_eq!(fields(1)["price"], "7");
        assert_eq!(fields(1)["item"], "chair");
        assert_eq!(fields(1)["secret"], "[redacted]");
        visit(app.clone(), "/error").await;
        assert_eq!(spans(&watched.occurrence().await), ["asking"]);
        visit(app, "/survives").await;
        for occurrence in watched.occurrences().await {
            assert_eq!(spans(&occurrence), ["whole"], "{}", occurrence.title());
        }
    }
    .with_subscriber(subscriber)
    .await;
}

async fn logs_an_error(
    axum::extract::Path(then): axum::extract::Path<String>,
) -> Result<StatusCode, ServerError> {
    let problem = "x".parse::<u8>().unwrap_err();
    error!(
        error = &problem as &dyn std::error::Error,
        article = 7,
        "the price is odd"
    );
    match then.as_str() {
        "succeeds" => Ok(StatusCode::OK),
        "answers" => Ok(StatusCode::BAD_GATEWAY),
        "same" => Err(problem)?,
        "panics" => panic!("expected after the log"),
        _ => Err("something else")?,
    }
}

#[tokio::test]
async fn logged_errors_are_told_once_alone_or_as_a_part_of_their_failure() {
    for (then, kind, first, has_event) in [
        ("succeeds", Kind::Logged, "the price is odd", true),
        ("answers", Kind::ServerError, "the price is odd", true),
        ("same", Kind::ServerError, "the price is odd", true),
        ("panics", Kind::Panic, "expected after the log", false),
        ("other", Kind::ServerError, "something else", false),
    ] {
        let watched = watched(|builder| builder);
        let (_, subscriber) = subscribed!(watched);
        let app = Router::new()
            .route("/{then}", get(logs_an_error))
            .layer(watched.monitor.layer());
        visit(app, &format!("/{then}"))
            .with_subscriber(subscriber)
            .await;
        let occurrence = watched.occurrence().await;
        assert_eq!(watched.count().await, 1, "{then}");
        assert_eq!(
            (occurrence.kind, chain(&occurrence)[0].1),
            (kind, first),
            "{then}"
        );
        assert_eq!(occurrence.event.is_some(), has_event, "{then}");
        assert_eq!(
            steps(&occurrence),
            [(Level::Error, "the price is odd")],
            "{then}"
        );
        if then == "succeeds" {
            let event = occurrence.event.as_ref().unwrap();
            assert_eq!(event.fields["article"], "7");
            assert!(
                occurrence
                    .culprit()
                    .unwrap()
                    .starts_with("tests/tracing.rs:")
            );
            assert_eq!(chain(&occurrence)[1].1, "invalid digit found in string");
        }
        let silent = self::watched(|builder| builder.tell_logged_errors(false));
        let (_, subscriber) = subscribed!(silent);
        let app = Router::new()
            .route("/{then}", get(logs_an_error))
            .layer(silent.monitor.layer());
        let status = visit(app, &format!("/{then}"))
            .with_subscriber(subscriber)
            .await;
        let told: Vec<_> = silent.occurrences().await;
        assert_eq!(told.len(), usize::from(status != 200), "{then}");
        assert!(told.iter().all(|occurrence| steps(occurrence).len() == 1));
    }
}

#[tokio::test]
async fn an_error_outside_of_requests_is_told_with_its_spans() {
    let other = watched(|builder| builder);
    let alerts = Capture::new();
    let monitor = Monitor::builder()
        .no_audit()
        .notifier(alerts.clone())
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry()
        .with(monitor.tracing_layer())
        .with(other.monitor.tracing_layer());
    async {
        let span = info_span!("stock", shelf = 1, found = field::Empty);
        async {
            tracing::Span::current().record("found", 0);
            error!("the shelf is empty");
            info!("no occurrence");
        }
        .instrument(span)
        .await;
        error!(code = 7, list = "old");
    }
    .with_subscriber(subscriber)
    .await;
    assert!(monitor.flush(LONG).await);
    let alerts = alerts.taken();
    assert_eq!(alerts.len(), 2);
    let occurrence = &alerts[0].occurrence;
    assert_eq!(
        (occurrence.kind, &occurrence.request),
        (Kind::Logged, &None)
    );
    assert_eq!(spans(occurrence), ["stock"]);
    assert_eq!(occurrence.spans[0].fields["found"], "0");
    assert_eq!(alerts[1].occurrence.title(), "logged: code=7 list=old");
    assert!(
        other.alerts().await.is_empty(),
        "it takes nothing outside of requests"
    );
}

#[tokio::test]
async fn of_two_monitors_each_keeps_to_its_own_requests() {
    let (one, two) = (watched(|builder| builder), watched(|builder| builder));
    let subscriber = tracing_subscriber::registry()
        .with(one.monitor.tracing_layer())
        .with(two.monitor.tracing_layer());
    let app = |watched: &Watched| {
        let handler = || async { error!("odd") };
        Router::new()
            .route("/", get(handler))
            .layer(watched.monitor.layer())
    };
    visit(app(&one), "/").with_subscriber(subscriber).await;
    assert_eq!(one.count().await, 1);
    assert_eq!(two.count().await, 0);
    let occurrence = one.occurrence().await;
    assert_eq!(steps(&occurrence).len(), 1);
}

/// A value whose `Debug` is trouble.
#[derive(Clone, Copy)]
enum Trouble {
    Panics,
    Logs,
    Asks,
}

impl fmt::Debug for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panics => panic!("expected in a Debug"),
            Self::Logs => {
                info!(depth = 2, "logged within a value");
                error!("an error within a value");
            }
            Self::Asks => {
                let request = current().unwrap();
                request.set_tag("asked", "yes");
                request.breadcrumb("asked within a value");
                tower_monitor::capture_message("captured within a value");
            }
        }
        f.write_str("trouble")
    }
}

#[tokio::test]
async fn values_whose_debug_panics_logs_or_asks_for_the_request_do_no_harm() {
    for trouble in [Trouble::Panics, Trouble::Logs, Trouble::Asks] {
        let watched = watched(|builder| builder);
        // Without a log, which would run the same `Debug` unguarded.
        let subscriber = tracing_subscriber::registry().with(watched.monitor.tracing_layer());
        let app = Router::new()
            .route(
                "/",
                get(move || async move {
                    info!(before = 1, value = ?trouble, "event");
                    let span = info_span!("span", value = ?trouble, later = field::Empty);
                    span.record("later", field::debug(trouble));
                    let _entered = span.enter();
                    Err::<(), _>(ServerError::from("the end"))
                }),
            )
            .layer(watched.monitor.layer());
        let status = visit(app, "/").with_subscriber(subscriber).await;
        assert_eq!(status, 500);
        let occurrences = watched.occurrences().await;
        let last = occurrences
            .iter()
            .find(|one| one.kind == Kind::ServerError)
            .unwrap();
        assert_eq!(chain(last), [("error", "the end")]);
        assert_eq!(spans(last), ["span"]);
        assert!(
            steps(last).iter().any(|(_, message)| *message == "event"),
            "{:?}",
            steps(last)
        );
        let panicked = occurrences
            .iter()
            .filter(|one| one.kind == Kind::Panic)
            .count();
        assert_eq!(panicked, 0, "a value's panic is nobody's failure");
        match trouble {
            Trouble::Panics => assert!(format!("{last:?}").contains("[a value's Debug panicked]")),
            Trouble::Asks => assert_eq!(last.request.as_ref().unwrap().tags["asked"], "yes"),
            Trouble::Logs => {}
        }
    }
}

/// The process's own subscriber: the `log` crate and the monitor's threads speak to nobody else.
static GLOBAL: LazyLock<(Watched, Sink)> = LazyLock::new(|| {
    let watched = watched(|builder| builder.notifier(Log::new()));
    let (sink, subscriber) = subscribed!(watched);
    tracing_log::LogTracer::init().unwrap();
    subscriber.init();
    (watched, sink)
});

#[tokio::test]
async fn the_monitors_own_alerts_in_the_log_are_no_errors_and_events_of_the_log_crate_have_their_target()
 {
    static ONCE: OnceLock<()> = OnceLock::new();
    assert!(ONCE.set(()).is_ok());
    let (watched, sink) = &*GLOBAL;
    let app = Router::new()
        .route(
            "/",
            get(|| async {
                log::warn!(target: "old::crate", "said by log");
                log::info!("by its module");
                Err::<(), _>(ServerError::from("with an alert in the log"))
            }),
        )
        .route(
            "/logged",
            get(|| async { log::error!(target: "old::crate", "a logged error of log") }),
        )
        .layer(watched.monitor.layer());
    assert_eq!(visit(app.clone(), "/").await, 500);
    let occurrence = watched.occurrence().await;
    let targets: Vec<_> = occurrence
        .breadcrumbs
        .iter()
        .map(|step| step.target.as_str())
        .collect();
    assert_eq!(targets, ["old::crate", "tracing"]);
    assert_eq!(steps(&occurrence)[0], (Level::Warn, "said by log"));
    assert!(
        occurrence.breadcrumbs[0].fields.is_empty(),
        "{:?}",
        occurrence.breadcrumbs[0]
    );
    visit(app, "/logged").await;
    let occurrence = watched.occurrence().await;
    assert_eq!(
        chain(&occurrence),
        [("old::crate", "a logged error of log")]
    );
    // The alerts went through the log as events of level ERROR.
    for _ in 0..3 {
        assert!(watched.monitor.flush(LONG).await);
    }
    assert_eq!(
        sink.text()
            .matches("tower_monitor::alert: with an alert in the log")
            .count(),
        1,
        "{}",
        sink.text()
    );
    assert_eq!(watched.monitor.issues().await.unwrap().len(), 2);
    assert!(
        watched
            .monitor
            .issues()
            .await
            .unwrap()
            .iter()
            .all(|issue| issue.count == 1)
    );
}

#[tokio::test]
async fn a_panic_hook_that_logs_makes_no_second_occurrence() {
    let watched = watched(|builder| builder);
    let (sink, subscriber) = subscribed!(watched);
    let app = Router::new()
        .route(
            "/",
            get(|| async { panic!("expected, and logged by a hook") as () }),
        )
        .route(
            "/child",
            get(|| async {
                drop(
                    tower_monitor::spawn(
                        async { panic!("expected in a child, and logged by a hook") }
                            .with_current_subscriber(),
                    )
                    .await,
                )
            }),
        )
        .layer(watched.monitor.layer());
    async {
        for (path, status) in [("/", 500), ("/child", 200)] {
            assert_eq!(visit(app.clone(), path).await, status);
            let occurrence = watched.occurrence().await;
            assert_eq!(occurrence.kind, Kind::Panic);
            assert_eq!(steps(&occurrence).len(), 1, "{path}");
        }
    }
    .with_subscriber(subscriber)
    .await;
    assert_eq!(sink.text().matches("logged by a hook").count(), 2);
    assert_eq!(watched.count().await, 2);
}

#[tokio::test]
async fn many_logged_errors_in_a_failing_request_are_part_of_it() {
    let watched = watched(|builder| builder);
    let (_, subscriber) = subscribed!(watched);
    let app = Router::new()
        .route(
            "/",
            get(|| async {
                (0..12).for_each(|n| error!("try {n} failed"));
                Err::<(), _>(ServerError::from("gave up"))
            }),
        )
        .layer(watched.monitor.layer());
    visit(app, "/").with_subscriber(subscriber).await;
    assert_eq!(watched.count().await, 1);
}

#[tokio::test]
async fn other_layers_see_what_they_would_see_without_ours() {
    let watched = watched(|builder| builder);
    macro_rules! log {
        ($sink:expr) => {
            tracing_subscriber::fmt::layer()
                .with_writer($sink.clone())
                .with_ansi(false)
                .without_time()
        };
    }
    let say = || {
        trace!("finest");
        debug!("fine");
        let span = debug_span!("within", n = 1);
        span.in_scope(|| info!("coarse"));
    };
    let [all, some, all_beside, some_beside] = std::array::from_fn(|_| Sink::default());
    let alone = tracing_subscriber::registry()
        .with(log!(all))
        .with(log!(some).with_filter(LevelFilter::INFO));
    tracing::subscriber::with_default(alone, say);
    let ours = tracing_subscriber::registry()
        .with(log!(all_beside))
        .with(watched.monitor.tracing_layer())
        .with(log!(some_beside).with_filter(LevelFilter::INFO));
    tracing::subscriber::with_default(ours, say);
    assert_eq!(all.text(), all_beside.text());
    assert_eq!(some.text(), some_beside.text());
    assert!(all.text().contains("finest") && !some.text().contains("fine"));
}

//! The scenarios, and how each is run and told of.

use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt;
use tower_monitor::notify::{Budget, Takes};
use tower_monitor::{Alert, Builder, Monitor, Notifier, NotifyError, Policy};

use crate::{errors, sync_cart, sync_report, sync_state, sync_stock, sync_text};
use crate::{web_channels, web_flow, web_orders, web_tasks};

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    how: How,
}

#[derive(Clone, Copy)]
enum How {
    /// Called by a handler.
    Handler(fn()),
    /// Called on a thread of its own, in no request.
    Thread(fn()),
    Get(&'static str),
    Post(&'static str, &'static str),
}

use How::{Get, Handler, Post, Thread};

const fn scenario(name: &'static str, how: How) -> Scenario {
    Scenario { name, how }
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario("coupon", Handler(sync_cart::coupon)),
    scenario("wrapping", Handler(sync_cart::wrapping)),
    scenario("till", Handler(sync_cart::till)),
    scenario("splitting", Thread(sync_cart::splitting)),
    scenario("picking", Handler(sync_stock::picking)),
    scenario("cheapest_offer", Handler(sync_stock::cheapest_offer)),
    scenario("restocking", Handler(sync_stock::restocking)),
    scenario("lookup", Thread(sync_stock::lookup)),
    scenario("duplicates", Handler(sync_stock::duplicates)),
    scenario("booking", Handler(sync_text::booking)),
    scenario("badge", Handler(sync_text::badge)),
    scenario("template", Thread(sync_text::template)),
    scenario("upload", Handler(sync_text::upload)),
    scenario("amounts", Handler(sync_text::amounts)),
    scenario("order_events", Handler(sync_state::order_events)),
    scenario("category_move", Handler(sync_state::category_move)),
    scenario("weigh_set", Handler(sync_state::weigh_set)),
    scenario("cache_miss", Thread(sync_state::cache_miss)),
    scenario("raise", Handler(sync_state::raise)),
    scenario("shares", Handler(sync_report::shares)),
    scenario("rating_page", Handler(sync_report::rating_page)),
    scenario("steepest", Handler(sync_report::weekly_rise)),
    scenario("sheet", Handler(sync_report::sheet)),
    scenario("attempts", Thread(sync_report::attempts)),
    scenario(
        "place_order",
        Post(
            "/orders/of/42",
            r#"{"article": 7, "count": 5, "note": "gift"}"#,
        ),
    ),
    scenario("quote", Get("/orders/quote/18?percent=30&until=2026-12")),
    scenario("first_poll", Get("/orders/first")),
    scenario(
        "refund",
        Post(
            "/orders/refund/67e55044-10b1-426f-9247-bb680e5fe0c8",
            r#"{"kind": "broken", "parts": ["lid", "handle"]}"#,
        ),
    ),
    scenario("limits", Get("/orders/limits/daily")),
    scenario("stopped", Get("/orders/stopped")),
    scenario(
        "webhook",
        Post(
            "/orders/webhook",
            r#"{"event": "paid", "cents": 1290, "tries": [1, 2]}"#,
        ),
    ),
    scenario("compare_shops", Get("/tasks/compare/77")),
    scenario("race", Get("/tasks/race/2")),
    scenario("both", Get("/tasks/both")),
    scenario("invoice", Get("/tasks/invoice/2026")),
    scenario("report", Get("/tasks/report")),
    scenario("thumbnails", Get("/tasks/thumbnails")),
    scenario("local", Get("/tasks/local")),
    scenario("queue", Get("/tasks/queue")),
    scenario("slow", Get("/tasks/slow/200")),
    scenario("answer", Get("/tasks/answer")),
    scenario("drain", Get("/tasks/drain/3")),
    scenario("parcel", Get("/tasks/parcel/12")),
    scenario("meter", Get("/tasks/meter")),
    scenario("refill", Get("/tasks/refill")),
    scenario("pay", Get("/flow/pay/250")),
    scenario("tree", Get("/flow/tree/1")),
    scenario("feed", Get("/flow/feed")),
    scenario("export", Get("/flow/export")),
    scenario("search", Get("/flow/search?q=tea++pot")),
    scenario("city", Get("/flow/city/gr")),
    scenario("steps", Get("/flow/steps")),
    scenario("seats", Get("/flow/seats/9")),
    scenario("price", Get("/errors/price/12x")),
    scenario("settings", Get("/errors/settings")),
    scenario("voucher", Get("/errors/voucher/31")),
    scenario("import", Get("/errors/import")),
    scenario("rate", Get("/errors/rate/chf")),
    scenario("ship", Get("/errors/ship/31.5")),
    scenario("retry", Get("/errors/retry")),
    scenario("deep", Get("/errors/deep/3")),
    scenario("text", Get("/errors/text")),
    scenario("join", Get("/errors/join")),
];

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Value>>>);

impl Notifier for Told {
    fn name(&self) -> &str {
        "told"
    }

    fn takes(&self) -> Takes {
        Takes::Occurrences
    }

    fn budget(&self) -> Budget {
        Budget::new(6_000, Duration::from_secs(60)).at_once(6_000)
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        let told = serde_json::to_value(&*alert.occurrence);
        let told = told.map_err(|error| NotifyError::refused(error.to_string()))?;
        self.0.lock().expect("nobody fails with it").push(told);
        Ok(())
    }
}

/// Where the monitor is told to read variables. What is asked here is what can be known; how long that takes is measured by the
/// benchmark.
#[cfg(feature = "locals")]
fn with_locals(builder: Builder) -> Builder {
    let deadline = std::time::Duration::from_secs(1);
    let locals = tower_monitor::locals::Locals::new().deadline(deadline);
    builder.locals(locals.error_frames(24))
}

#[cfg(not(feature = "locals"))]
fn with_locals(builder: Builder) -> Builder {
    builder
}

/// Runs them one after the other.
pub(crate) fn alone(scenarios: &[&Scenario]) {
    quiet();
    runtime(2).block_on(all(scenarios.iter().copied(), 0, || ()));
}

/// Has four threads run all that fail in a request, four at once: each thread begins elsewhere.
pub(crate) fn together(times: usize) {
    quiet();
    let in_requests = SCENARIOS.iter().filter(|it| !matches!(it.how, Thread(_)));
    let scenarios: Vec<_> = in_requests.collect();
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (barrier, scenarios) = (&barrier, &scenarios);
            scope.spawn(move || {
                let runtime = runtime(1);
                let begin = thread * scenarios.len() / THREADS;
                for time in 0..times {
                    let others = scenarios.iter().copied().cycle().skip(begin);
                    let own = others.take(scenarios.len());
                    let pass = time * THREADS + thread;
                    runtime.block_on(all(own, pass, || {
                        barrier.wait();
                    }));
                }
            });
        }
    });
}

fn quiet() {
    std::panic::set_hook(Box::new(|_| {
        #[cfg(feature = "self-check")]
        crate::see::panicked();
    }));
}

fn runtime(workers: usize) -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let builder = builder.worker_threads(workers).enable_time();
    builder.build().expect("a runtime")
}

/// Runs them one after the other, each when it is `ready`, with a monitor of their own.
async fn all<'s>(scenarios: impl Iterator<Item = &'s Scenario>, pass: usize, ready: impl Fn()) {
    let told = Told::default();
    let builder = Monitor::builder()
        .no_audit()
        .policy(Policy::new().without_error_ratio())
        .notifier(told.clone());
    let monitor = with_locals(builder).build().expect("a monitor");
    for scenario in scenarios {
        ready();
        run(scenario.how, &monitor).await;
        if !monitor.flush(PATIENCE).await {
            eprintln!("{} is not told of", scenario.name);
            // Others may wait for this thread.
            std::process::exit(1);
        }
        let occurrences = std::mem::take(&mut *told.0.lock().expect("nobody fails with it"));
        for occurrence in occurrences {
            #[cfg(feature = "self-check")]
            let occurrence = crate::see::in_place_of(occurrence);
            println!(
                "{}",
                json!({ "scenario": scenario.name, "pass": pass, "occurrence": occurrence })
            );
        }
    }
    monitor.shutdown(PATIENCE).await;
}

async fn run(how: How, monitor: &Monitor) {
    let (request, called) = match how {
        Handler(called) => (Request::get("/call").body(Body::empty()), called),
        Thread(called) => {
            let thread = std::thread::spawn(called);
            drop(thread.join());
            return;
        }
        Get(uri) => (Request::get(uri).body(Body::empty()), (|| ()) as fn()),
        Post(uri, body) => {
            let request = Request::post(uri).header("content-type", "application/json");
            (request.body(Body::from(body)), (|| ()) as fn())
        }
    };
    let app = Router::new()
        .route("/call", get(move || async move { called() }))
        .merge(web_orders::router())
        .merge(web_tasks::router())
        .merge(web_channels::router())
        .merge(web_flow::router())
        .merge(errors::router())
        .layer(monitor.layer());
    // On a worker of the runtime, as in a server.
    let answered = tokio::spawn(async move {
        let answer = app.oneshot(request.expect("a request")).await;
        let answer = answer.unwrap_or_else(|never| match never {});
        answer.into_body().collect().await.is_ok()
    });
    drop(answered.await);
}

const THREADS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(60);

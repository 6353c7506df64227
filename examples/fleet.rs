//! Two instances of one service with one PostgreSQL: what hits both is told once, counts add up, and a mute holds for both.
//!
//! `DATABASE_URL=postgres://user:password@host/database cargo run --example fleet --features postgres`. It plays through by
//! itself and says what happens. Its tables are in the schema `tower_monitor_fleet` of that database.
#![expect(clippy::print_stdout, reason = "what happens belongs on the terminal")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::{Router, routing::get};
use tower::ServiceExt;
use tower_monitor::occurrence::Fingerprint;
use tower_monitor::store::Postgres;
use tower_monitor::{Alert, Monitor, Mute, Notifier, NotifyError, Policy, Resolve};

/// One process of the service: usually each is on a machine of its own.
struct Instance {
    name: &'static str,
    monitor: Monitor,
    app: Router,
}

/// Says on the terminal what the owner is told.
#[derive(Clone)]
struct Pager {
    instance: &'static str,
    told: Arc<AtomicU64>,
}

impl Notifier for Pager {
    fn name(&self) -> &str {
        "pager"
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        self.told.fetch_add(1, Ordering::AcqRel);
        println!(
            "      ALERT (carried by {}): {} — {}, {} times in all",
            self.instance, alert.issue.title, alert.reason, alert.issue.count
        );
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("DATABASE_URL").map_err(
        |_| "set DATABASE_URL to a PostgreSQL, such as postgres://postgres@127.0.0.1:5432/postgres",
    )?;
    let told = Arc::new(AtomicU64::new(0));
    // A problem of its own for each run: another run's may be known already.
    let run = std::process::id();
    let anna = Instance::start("instance A", &url, run, &told)?;
    let bert = Instance::start("instance B", &url, run, &told)?;

    println!("1. The same new problem hits both instances at once.");
    tokio::join!(anna.fail(4), bert.fail(4));
    anna.settled(&bert).await;
    println!("   Told: {} time", told.load(Ordering::Acquire));

    let problem = anna.problem(run).await?;
    let issue = bert
        .monitor
        .issue(problem)
        .await?
        .ok_or("it is known to both")?;
    println!("2. Counts add up: {} times.", issue.issue.count);

    println!("3. Muted through A, it stays quiet on B.");
    anna.monitor
        .mute(problem, Mute::For(Duration::from_secs(3600)))
        .await?;
    bert.fail(200).await;
    anna.settled(&bert).await;
    println!("   Told: {} time", told.load(Ordering::Acquire));

    println!("4. Resolved through B, and back on A.");
    bert.monitor.resolve(problem, Resolve::Now).await?;
    anna.fail(1).await;
    anna.settled(&bert).await;

    let issue = anna
        .monitor
        .issue(problem)
        .await?
        .ok_or("it is known")?
        .issue;
    println!(
        "5. In the end: {} times, {}.",
        issue.count,
        issue.state.as_str()
    );
    for notifier in anna.monitor.notifiers().await {
        println!(
            "   {}: {} delivered, {} waiting",
            notifier.name, notifier.delivered, notifier.waiting
        );
    }
    for instance in [anna, bert] {
        if !instance.monitor.shutdown(Duration::from_secs(5)).await {
            println!("   {}: not everything was delivered", instance.name);
        }
    }
    Ok(())
}

impl Instance {
    fn start(
        name: &'static str,
        url: &str,
        run: u32,
        told: &Arc<AtomicU64>,
    ) -> Result<Self, Box<dyn Error>> {
        let pager = Pager {
            instance: name,
            told: Arc::clone(told),
        };
        let monitor = Monitor::builder()
            .service("bakery")
            .release("1.4.2")
            .no_audit()
            .store(Postgres::url(url).schema("tower_monitor_fleet"))
            .notifier(pager)
            // Every request here fails: that would be told as well.
            .policy(Policy::new().without_error_ratio())
            .group_by(move |_| Some(format!("run {run}")))
            .build()?;
        let app = Router::new()
            .route("/bake", get(move || bake(run)))
            .layer(monitor.layer());
        Ok(Self { name, monitor, app })
    }

    async fn fail(&self, times: u32) {
        for _ in 0..times {
            let request = Request::get("/bake").body(Body::empty());
            let request = request.expect("the path is right");
            // The layer has answered the panic with a 500.
            let Ok(_response) = self.app.clone().oneshot(request).await;
        }
    }

    /// Until both have told the database what they saw, and what is to be told is delivered.
    async fn settled(&self, other: &Self) {
        let limit = Duration::from_secs(10);
        for instance in [self, other, self] {
            if !instance.monitor.flush(limit).await {
                println!("   {}: the database does not answer", instance.name);
            }
        }
    }

    async fn problem(&self, run: u32) -> Result<Fingerprint, Box<dyn Error>> {
        let title = format!("panic: the oven of run {run} is cold");
        let issues = self.monitor.issues().await?;
        let issue = issues.iter().find(|issue| issue.title == title);
        Ok(issue.ok_or("the problem is not known")?.fingerprint)
    }
}

async fn bake(run: u32) -> &'static str {
    panic!("the oven of run {run} is cold")
}

//! A small web shop with everything that goes wrong in one: `cargo run --example shop --features locals`.
//!
//! Open the printed address and then *What to click*: that page says for every link what you will see on this terminal and
//! in the audit file. `PORT` and `AUDIT_FILE` say where it listens and what it writes.
#![expect(
    clippy::print_stdout,
    reason = "the address and the alerts belong on the terminal"
)]

mod articles;
mod cart;
mod checkout;
mod customers;
mod html;
mod pictures;
mod reports;
mod sessions;
mod terminal;
mod tour;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::{Extension, Router};
use tokio::net::TcpListener;
use tower_monitor::request::RequestBodies;
use tower_monitor::{Audit, Monitor, notify};
use tracing_subscriber::prelude::*;

use sessions::Sessions;
use terminal::Terminal;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let audit_file = AuditFile::find()?;
    let builder = Monitor::builder()
        .service("shop")
        .release(env!("CARGO_PKG_VERSION"))
        .environment("demo")
        .audit(Audit::json_lines(&audit_file.0))
        .request_bodies(RequestBodies::new())
        .notifier(Terminal)
        // Whatever the environment names is told, too: `SLACK_WEBHOOK_URL`, `SENTRY_DSN` …
        .notifiers(notify::from_env());
    // What each variable held when a page fails.
    #[cfg(feature = "locals")]
    let builder = builder.locals(tower_monitor::locals::Locals::new());
    let monitor = builder.build()?;
    // What the code says of itself with `tracing` is shown when a request fails, as what led up to it.
    tracing_subscriber::registry()
        .with(monitor.tracing_layer())
        .init();
    let port: u16 = std::env::var("PORT").map_or(Ok(3001), |port| port.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("The shop is open: http://{}", listener.local_addr()?);
    println!("Audit file:       {}", audit_file);
    println!("Ctrl-C closes it.\n");

    let shop = router(audit_file, &monitor).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, shop)
        .with_graceful_shutdown(closing_time())
        .await?;
    let delivered = monitor.shutdown(Duration::from_secs(5)).await;
    println!("The shop is closed. Everything delivered: {delivered}");
    Ok(())
}

fn router(audit_file: AuditFile, monitor: &Monitor) -> Router {
    let sessions = Sessions::default();
    Router::new()
        .route("/", get(articles::list))
        .route("/articles/{article}", get(articles::show))
        .route("/cart", get(cart::show).post(cart::add))
        .route("/cart/empty", post(cart::empty))
        .route("/login", get(customers::form).post(customers::log_in))
        .route("/logout", post(customers::log_out))
        .route("/buy/{article}", post(checkout::buy_one))
        .route("/checkout", post(checkout::buy_cart))
        .route("/thanks", get(checkout::thanks))
        .route("/reports/sales", get(reports::sales))
        .route("/reports/returns", get(reports::returns))
        .route("/reports/stock.csv", get(reports::stock))
        .route("/tour", get(tour::show))
        .fallback(html::not_found)
        .layer(Extension(audit_file))
        .layer(from_fn_with_state(sessions.clone(), sessions::recognise))
        // Outermost, so that a failure of the middleware above is seen as well.
        .layer(monitor.layer())
        .with_state(sessions)
}

/// Where the audit records are.
#[derive(Clone)]
struct AuditFile(PathBuf);

impl AuditFile {
    /// The folder is made when it is not there.
    fn find() -> std::io::Result<Self> {
        let path = std::env::var_os("AUDIT_FILE").unwrap_or_else(|| "logs/audit.log".into());
        let path = std::path::absolute(path)?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(Self(path))
    }
}

impl std::fmt::Display for AuditFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.display().fmt(f)
    }
}

async fn closing_time() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without the signal the shop stays open until the process is ended.
        std::future::pending::<()>().await;
    }
}

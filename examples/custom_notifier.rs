//! A notifier of one's own: it appends each alert to a file, one line of JSON each.
//!
//! `cargo run --example custom_notifier`, then open <http://127.0.0.1:3003/>. `ALERT_FILE` says which file; try a folder
//! that does not exist (`/nowhere/alerts`) and something that is no file (`/`) to see the two kinds of errors.
#![expect(
    clippy::print_stdout,
    reason = "the address and the results belong on the terminal"
)]

use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::StatusCode;
use axum::{Router, routing::get};
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tower_monitor::{Alert, Monitor, Notifier, NotifyError};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::var_os("ALERT_FILE").map_or_else(
        || std::env::temp_dir().join("tower-monitor-alerts.jsonl"),
        PathBuf::from,
    );
    let monitor = Monitor::builder()
        .service("bakery")
        .no_audit()
        .notifier(AlertFile::new(&path))
        .build()?;

    println!("Alerts go to {}", path.display());
    for delivery in monitor.send_test_alert().await {
        match delivery.result {
            Ok(()) => println!("A test alert through `{}` arrived", delivery.notifier),
            Err(error) => println!("A test alert through `{}`: {error}", delivery.notifier),
        }
    }

    let app = Router::new()
        .route("/", get(bake))
        .layer(monitor.layer())
        .into_make_service_with_connect_info::<SocketAddr>();
    let port: u16 = std::env::var("PORT").map_or(Ok(3003), |port| port.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("Listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app)
        .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.unwrap_or_default() })
        .await?;

    if !monitor.shutdown(Duration::from_secs(5)).await {
        println!("Not every alert was delivered: {:?}", monitor.losses());
    }
    Ok(())
}

async fn bake() -> (StatusCode, &'static str) {
    (StatusCode::INTERNAL_SERVER_ERROR, "The oven is cold.\n")
}

/// Appends alerts to a file, one line of JSON each.
struct AlertFile {
    path: PathBuf,
}

impl AlertFile {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }
}

impl Notifier for AlertFile {
    fn name(&self) -> &str {
        "alert_file"
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        // What cannot be written as JSON now cannot be later either: another try makes no sense.
        let mut line = serde_json::to_vec(alert)
            .map_err(|error| NotifyError::refused(format!("no JSON: {error}")))?;
        line.push(b'\n');
        append(&self.path, &line).await.map_err(what_to_do)
    }
}

async fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .await?;
    file.write_all(line).await?;
    // Without this, an error of the last write is lost with the file handle.
    file.flush().await
}

/// Full disks and absent shares come right by themselves. A path on which nobody may write needs a person.
fn what_to_do(error: io::Error) -> NotifyError {
    let message = error.to_string();
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::IsADirectory => {
            NotifyError::destination_gone(message)
        }
        _ => NotifyError::temporary(message),
    }
}

//! The smallest use: one layer round an axum app. Alerts and audit records go to `tracing`, here to the terminal.
//!
//! `cargo run --example quickstart`, then open <http://127.0.0.1:3000/> and <http://127.0.0.1:3000/orders/7>.
#![expect(clippy::print_stdout, reason = "the address belongs on the terminal")]

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::Path;
use axum::{Router, routing::get};
use tokio::net::TcpListener;
use tower_monitor::MonitorLayer;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    tracing_subscriber::fmt().init();

    let watch = MonitorLayer::new();
    let app = Router::new()
        .route("/", get(|| async { "All is well. /orders/7 is not.\n" }))
        .route("/orders/{number}", get(order))
        .layer(watch.clone());

    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse());
    let port: u16 = port.map_err(std::io::Error::other)?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("Listening on http://{}", listener.local_addr()?);

    // With the connect info, alerts name the client's address.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app)
        .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.unwrap_or_default() })
        .await?;
    watch.monitor().shutdown(Duration::from_secs(5)).await;
    Ok(())
}

async fn order(Path(number): Path<usize>) -> String {
    let orders = ["a teapot", "two mugs", "a blanket"];
    format!("Order {number}: {}\n", orders[number])
}

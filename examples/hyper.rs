//! Without a framework: plain hyper, HTTP/1 and HTTP/2 on one port.
//!
//! What axum says by itself is said here by hand: the peer's address and the route.
//!
//! `cargo run --example hyper`, then open <http://127.0.0.1:3002/> and <http://127.0.0.1:3002/divide/0>.
#![expect(clippy::print_stdout, reason = "the address belongs on the terminal")]

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tower::{ServiceBuilder, service_fn};
use tower_monitor::{Monitor, PeerAddr, RequestContext};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let monitor = Monitor::builder().service("calculator").build()?;

    let port: u16 = std::env::var("PORT").map_or(Ok(3002), |port| port.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("Listening on http://{}", listener.local_addr()?);

    let connections = GracefulShutdown::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An error is the matter of one connection, or passes: the server goes on.
                if let Ok((stream, peer)) = accepted {
                    serve(stream, peer, &monitor, &connections);
                }
            }
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    connections.shutdown().await;
    monitor.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

fn serve(stream: TcpStream, peer: SocketAddr, monitor: &Monitor, connections: &GracefulShutdown) {
    let service = ServiceBuilder::new()
        // Before the monitor's layer, which reads it when the request arrives.
        .map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(PeerAddr(peer));
            request
        })
        .layer(monitor.layer())
        .service(service_fn(answer));
    let server = auto::Builder::new(TokioExecutor::new());
    let connection = server
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .into_owned();
    // Its error is the client's: it left, or does not speak HTTP. What happened to a request is in the audit records.
    tokio::spawn(connections.watch(connection));
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path();
    if path == "/" {
        name_route(&request, "/");
        return Ok(text(StatusCode::OK, "/divide/2 works, /divide/0 does not."));
    }
    if let Some(by) = path.strip_prefix("/divide/") {
        name_route(&request, "/divide/{by}");
        return Ok(match by.parse::<i32>() {
            Ok(by) => text(StatusCode::OK, &format!("84 / {by} = {}", 84 / by)),
            Err(_) => text(StatusCode::BAD_REQUEST, "That is no number."),
        });
    }
    Ok(text(StatusCode::NOT_FOUND, "There is no such page."))
}

/// A template, never the path itself: failures of one route belong together, whatever the numbers in the path are.
fn name_route(request: &Request<Incoming>, template: &str) {
    if let Some(context) = request.extensions().get::<RequestContext>() {
        context.set_route(template);
    }
}

fn text(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{text}\n")));
    *response.status_mut() = status;
    response
}

//! The small service that everything is measured on, and the requests it gets.

use std::fmt::Debug;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;

use axum::body::Body;
use axum::extract::{ConnectInfo, Path};
use axum::{Router, routing::get};
use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, header};
use tower::{Service, ServiceExt};

/// `Hello, {name}!`
pub fn app() -> Router {
    Router::new().route("/hello/{name}", get(hello))
}

/// The same, and the handler says three things to `tracing` on the way.
pub fn app_with_events() -> Router {
    Router::new().route("/hello/{name}", get(hello_with_events))
}

pub async fn hello(Path(name): Path<String>) -> String {
    format!("Hello, {name}!")
}

async fn hello_with_events(Path(name): Path<String>) -> String {
    tracing::info!(user = 42, session = "night", "signed in");
    tracing::info!(cart = "gift-card", items = 3, "cart loaded");
    tracing::info!(provider = "invoice", attempt = 1, "payment chosen");
    format!("Hello, {name}!")
}

/// A browser that sends the same request again and again.
pub struct Browser {
    uri: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Browser {
    /// With the three headers that matter most.
    pub fn new(path: &str) -> Self {
        let headers = [
            (header::HOST, HOST),
            (header::USER_AGENT, USER_AGENT),
            (header::ACCEPT, ACCEPT),
        ];
        Self::with(path, &headers)
    }

    /// Its values share one buffer, as those that a server reads from a connection do.
    pub fn with(path: &str, headers: &[(HeaderName, &str)]) -> Self {
        let values = headers.iter().map(|(_, value)| *value);
        let text: String = std::iter::once(path).chain(values).collect();
        let mut buffer = Bytes::from(text);
        let uri = buffer.split_to(path.len());
        let headers = headers.iter().map(|(name, text)| {
            let value = HeaderValue::from_maybe_shared(buffer.split_to(text.len()));
            (name.clone(), value.expect("visible ASCII"))
        });
        Self {
            headers: headers.collect(),
            uri: Uri::from_maybe_shared(uri).expect("a path"),
        }
    }

    pub fn request(&self) -> Request<Body> {
        request(self.uri.clone(), self.headers.iter().cloned(), PEER)
    }
}

/// A request as a server makes it, with the peer's address.
///
/// The map of headers has room for six, the least it grows to by itself. hyper's is no smaller after the first request of a
/// connection, as it uses the map of the last response again.
pub fn request(
    uri: Uri,
    values: impl Iterator<Item = (HeaderName, HeaderValue)>,
    peer: SocketAddr,
) -> Request<Body> {
    let mut headers = HeaderMap::new();
    for (name, value) in values {
        headers.append(name, value);
    }
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

/// What is measured: a service as a server drives it.
pub trait Served:
    Service<Request<Body>, Response = Response<Self::ResponseBody>, Error: Debug, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
    type ResponseBody: http_body::Body<Error: Debug> + Send;
}

impl<S, B> Served for S
where
    S: Service<Request<Body>, Response = Response<B>, Error: Debug, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    B: http_body::Body<Error: Debug> + Send,
{
    type ResponseBody = B;
}

/// Serves one request to the end of its body. Gives the body's length.
pub async fn answer<S: Served>(service: &S, request: Request<Body>) -> usize {
    let response = service
        .clone()
        .oneshot(request)
        .await
        .expect("every service here answers");
    let mut body = pin!(response.into_body());
    let mut length = 0;
    while let Some(frame) =
        poll_fn(|context| http_body::Body::poll_frame(body.as_mut(), context)).await
    {
        if let Some(data) = frame.expect("a whole body").data_ref() {
            length += data.remaining();
        }
    }
    length
}

/// Serves as many of the browser's requests, one after the other.
pub async fn serve<S: Served>(service: &S, browser: &Browser, requests: usize) {
    for _ in 0..requests {
        assert_eq!(answer(service, browser.request()).await, ANSWER.len());
    }
}

/// An executor on the calling thread, as each worker of a server has one.
pub fn on_this_thread<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("an executor")
        .block_on(work)
}

pub const PATH: &str = "/hello/world";
pub const ANSWER: &str = "Hello, world!";
pub const HOST: &str = "www.example.org";
pub const USER_AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36";
pub const ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const PEER: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9)),
    54321,
);

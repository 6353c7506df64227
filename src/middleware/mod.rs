//! The layer that goes round the service.
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_monitor::MonitorLayer;
//!
//! let app: Router = Router::new()
//!     .route("/", get(|| async { "Hello" }))
//!     .layer(MonitorLayer::new());
//! ```
//!
//! With everything set:
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_monitor::{Audit, Monitor};
//!
//! let monitor = Monitor::builder().service("shop").audit(Audit::tracing()).build()?;
//! let app: Router = Router::new()
//!     .route("/", get(|| async { "Hello" }))
//!     .layer(monitor.layer());
//! # Ok::<_, tower_monitor::BuildError>(())
//! ```
//!
//! # Where it goes
//!
//! Anywhere, as there is no order to get wrong: round each route with `Router::layer`, where it knows the route; round the
//! whole router; in a `ServiceBuilder`; round a plain hyper or tonic service. Where two layers of one monitor meet, the outer
//! one works and the inner one only adds the route. What stands outside of it is not watched, so outermost is best.
//!
//! Round a whole router that `axum::serve` is to serve, which wants a `Router` with axum's own body:
//!
//! ```
//! use axum::Router;
//! use tower::Layer;
//! use tower_monitor::MonitorLayer;
//!
//! # let routes: Router = Router::new();
//! let app: Router = Router::new().fallback_service(MonitorLayer::new().layer(routes));
//! ```
//!
//! # What happens when
//!
//! | When | Then |
//! |---|---|
//! | a request arrives | it gets its id: as header and extension for the inner services, and in the `tracing` span |
//! | the service, its future or the body panics | an occurrence at once; before the head the client gets a 500 with the id |
//! | the head of the response is there | it gets the id; a [`ServerError`](crate::ServerError) gets the page that a panic gets. If it is no failure, what was [captured](crate::capture()) or logged on the way is told now |
//! | the body ends, breaks or is dropped | the audit record; for a failed answer the occurrence |
//! | the future is dropped before the head | the audit record, with the outcome `abandoned` |
//!
//! A failure and what led to it are one occurrence. An answer that says nothing of its reason came of the last thing that was
//! captured, or of the last panic that the app caught itself, which may be the wrong one of several; the others are told
//! by themselves.
//!
//! A client that leaves so early that the server never calls the service is not seen: hyper drops such a request itself.

mod answer;
mod body;
mod findings;
mod future;
mod layer;
mod service;
mod span;
mod watch;

pub use body::MonitorBody;
pub use future::ResponseFuture;
pub use layer::MonitorLayer;
pub use service::MonitorService;

/// An error of any type.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

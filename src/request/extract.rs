//! What axum knows of a request, and [`RequestContext`] as an axum extractor.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::{Extensions, StatusCode, request::Parts};

use super::{RequestContext, Route};

pub(super) fn route(extensions: &Extensions) -> Option<Route> {
    extensions.get::<MatchedPath>().cloned().map(Route::Matched)
}

pub(super) fn peer(extensions: &Extensions) -> Option<SocketAddr> {
    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|ConnectInfo(peer)| *peer)
}

/// In a handler: `async fn buy(context: RequestContext) { … }`. Write `Option<RequestContext>` where the layer may be
/// missing.
impl<S: Send + Sync> FromRequestParts<S> for RequestContext {
    type Rejection = MissingMonitorLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        extract(parts).ok_or(MissingMonitorLayer)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for RequestContext {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(extract(parts))
    }
}

/// A layer around the whole `Router` runs before the route is found; here it is known.
fn extract(parts: &Parts) -> Option<RequestContext> {
    let context = parts.extensions.get::<RequestContext>()?.clone();
    context.adopt_route(&parts.extensions);
    Some(context)
}

/// A handler asked for the [`RequestContext`] of a request that no [`MonitorLayer`](crate::MonitorLayer) saw.
///
/// Answered with status 500. The remedy: `.layer(MonitorLayer::new())` after the routes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "`RequestContext` needs the monitor's layer: add `.layer(MonitorLayer::new())` after the routes"
)]
#[non_exhaustive]
pub struct MissingMonitorLayer;

impl IntoResponse for MissingMonitorLayer {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}

//! The service: what happens when a request arrives.

use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_http::request_id::RequestId;
use tower_service::Service;

use super::watch::Watch;
use super::{BoxError, MonitorBody, ResponseFuture};
use crate::guard::guarded;
use crate::monitor::Monitor;
use crate::request::RequestContext;

/// A service that is watched. Made by [`MonitorLayer`](super::MonitorLayer).
#[derive(Clone, Debug)]
pub struct MonitorService<S> {
    inner: S,
    monitor: Monitor,
}

impl<S> MonitorService<S> {
    pub(super) fn new(inner: S, monitor: Monitor) -> Self {
        Self { inner, monitor }
    }

    /// The watched service.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for MonitorService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ReqBody: 'static,
    ResBody: Body,
    ResBody::Data: 'static,
    ResBody::Error: Into<BoxError>,
{
    type Response = Response<MonitorBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let requests = &self.monitor.0.requests;
        if let Some(context) = request.extensions().get::<RequestContext>()
            && context.belongs_to(requests.owner)
        {
            // A layer of this monitor farther out watches the request already.
            context.adopt_route(request.extensions());
            return ResponseFuture::unwatched(self.inner.call(request));
        }
        let (context, accept) = RequestContext::begin(&request, requests);
        let id = context.id().header_value();
        let watch = Watch::begin(self.monitor.clone(), context.clone(), id.clone(), accept);
        request
            .headers_mut()
            .insert(requests.id_header.clone(), id.clone());
        context.keep_axum_body(request.body_mut());
        let extensions = request.extensions_mut();
        extensions.insert(RequestId::new(id));
        extensions.insert(context);
        let called = {
            let _current = watch.enter();
            guarded(|| self.inner.call(request))
        };
        match called {
            Ok(future) => ResponseFuture::watched(future, watch),
            Err(payload) => ResponseFuture::panicked(payload, watch),
        }
    }
}

//! The way from a request to the head of its response.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::watch::Watch;
use super::{BoxError, MonitorBody};
use crate::guard::{Payload, discard, guarded};

pin_project! {
    /// Resolves to the response of a watched service. Made by [`MonitorService`](super::MonitorService).
    pub struct ResponseFuture<F> {
        // Gone when it has panicked. Before `watch`, so that it is dropped while the request is still being watched.
        #[pin]
        inner: Option<F>,
        // Gone when it travels on with the response's body. Never there when an outer layer watches.
        watch: Option<Box<Watch>>,
        panicked: Option<Payload>,
        at_the_door: bool,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(watch) = this.watch {
                let current = watch.enter();
                let dropped = guarded(|| this.inner.set(None));
                drop(current);
                if let Err(payload) = dropped {
                    watch.panicked(payload);
                }
            }
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn unwatched(inner: F) -> Self {
        Self {
            inner: Some(inner),
            watch: None,
            panicked: None,
            at_the_door: false,
        }
    }

    pub(super) fn watched(inner: F, watch: Box<Watch>) -> Self {
        Self {
            inner: Some(inner),
            watch: Some(watch),
            panicked: None,
            at_the_door: true,
        }
    }

    pub(super) fn panicked(payload: Payload, watch: Box<Watch>) -> Self {
        Self {
            inner: None,
            watch: Some(watch),
            panicked: Some(payload),
            at_the_door: false,
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    B::Data: 'static,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<MonitorBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(watch) = this.watch.as_mut() else {
            let Some(inner) = this.inner.as_pin_mut() else {
                // Polled again after its end, which no executor does.
                return Poll::Pending;
            };
            return inner
                .poll(context)
                .map_ok(|response| response.map(MonitorBody::unwatched));
        };
        if *this.at_the_door {
            ready!(watch.poll_door(context));
            *this.at_the_door = false;
        }
        let payload = match (this.panicked.take(), this.inner.as_mut().as_pin_mut()) {
            (Some(payload), _) => payload,
            (None, None) => return Poll::Pending,
            (None, Some(inner)) => {
                let current = watch.enter();
                let polled = guarded(|| inner.poll(context));
                // A future that is over or has panicked is dropped while its request is still the current one.
                let dropped = match polled {
                    Ok(Poll::Pending) => Ok(()),
                    Ok(Poll::Ready(_)) | Err(_) => guarded(|| this.inner.set(None)),
                };
                drop(current);
                match polled {
                    Ok(polled) => {
                        let mut result = ready!(polled);
                        match &mut result {
                            Ok(response) => watch.answered(response),
                            Err(_) => watch.service_failed(std::any::type_name::<E>()),
                        }
                        if let Err(payload) = dropped {
                            watch.panicked(payload);
                        }
                        let watch = this.watch.take();
                        return Poll::Ready(result.map(|response| {
                            response.map(|body| MonitorBody::watched(body, watch))
                        }));
                    }
                    Err(payload) => {
                        dropped.unwrap_or_else(discard);
                        payload
                    }
                }
            }
        };
        watch.panicked(payload);
        let response = watch.answer_for_panic();
        let watch = this.watch.take();
        Poll::Ready(Ok(response.map(|page| MonitorBody::own(page, watch))))
    }
}

impl<F> std::fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("watch", &self.watch)
            .finish_non_exhaustive()
    }
}

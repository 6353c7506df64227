//! The way from a request to the head of its response.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderName, Response, header};
use http_body::Body;
use pin_project_lite::pin_project;

use super::watch::Watch;
use super::{BoxError, MonitorBody};
use crate::guard::{Payload, discard, guarded};
use crate::stack;

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
            (None, Some(mut inner)) => {
                let current = (stack::running(inner.as_mut()), watch.enter());
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
                        // First: the answer counts every panic that nobody has claimed as one that the app got over.
                        if let Err(payload) = dropped {
                            watch.panicked(payload);
                        }
                        match &mut result {
                            Ok(response) => watch.answered(response),
                            Err(_) => watch.service_failed(std::any::type_name::<E>()),
                        }
                        return Poll::Ready(result.map(|response| finished(response, this.watch)));
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

/// The answer on its way out; where it asks for the monitor's page, with that in place of its body.
fn finished<B>(response: Response<B>, watch: &mut Option<Box<Watch>>) -> Response<MonitorBody<B>>
where
    B: Body,
    B::Data: 'static,
    B::Error: Into<BoxError>,
{
    let page = watch
        .as_mut()
        .filter(|watch| watch.wants_page() && MonitorBody::<B>::takes_pages())
        .and_then(|watch| watch.page_for_error());
    let Some(page) = page else {
        return response.map(|body| MonitorBody::watched(body, watch.take()));
    };
    let (mut parts, body) = response.into_parts();
    if let Some(watch) = watch {
        let current = watch.enter();
        let dropped = guarded(|| drop(body));
        drop(current);
        if let Err(payload) = dropped {
            watch.panicked(payload);
        }
    }
    for name in OF_THE_BODY {
        parts.headers.remove(name);
    }
    let (page_parts, page) = page.into_parts();
    // An app's own answer may say something else than the error's status.
    parts.status = page_parts.status;
    replace(&mut parts.headers, page_parts.headers);
    Response::from_parts(parts, MonitorBody::own(page, watch.take()))
}

/// The page's headers take the place of those of the same name; cookies of both are set.
fn replace(headers: &mut HeaderMap, of_the_page: HeaderMap) {
    let mut last = None;
    for (name, value) in of_the_page {
        if let Some(name) = name {
            if name != header::SET_COOKIE {
                headers.remove(&name);
            }
            last = Some(name);
        }
        // Further values come without a name.
        if let Some(name) = &last {
            headers.append(name, value);
        }
    }
}

/// Headers that belong to the body that they came with.
const OF_THE_BODY: [HeaderName; 7] = [
    header::ACCEPT_RANGES,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::TRANSFER_ENCODING,
];

impl<F> std::fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("watch", &self.watch)
            .finish_non_exhaustive()
    }
}

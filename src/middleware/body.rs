//! The way from the head of a response to its end.

use std::any::Any;
use std::collections::VecDeque;
use std::io::Cursor;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::BoxError;
use super::watch::Watch;
use crate::guard::{contained, discard, guarded};

pin_project! {
    /// The body of a watched response: the service's own or, after a panic, a page of the monitor.
    ///
    /// A panic in the service's body ends it with an error, so that the server breaks the response off cleanly.
    pub struct MonitorBody<B> {
        // Gone when it has panicked, and when the page is the monitor's own.
        #[pin]
        inner: Option<B>,
        page: Option<Bytes>,
        // Stays to the end, also when the request is complete: the service's body may still panic while it is dropped.
        watch: Option<Box<Watch>>,
    }

    impl<B> PinnedDrop for MonitorBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(watch) = this.watch
                && this.inner.is_some()
            {
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

impl<B> MonitorBody<B> {
    pub(super) fn unwatched(body: B) -> Self {
        Self {
            inner: Some(body),
            page: None,
            watch: None,
        }
    }
}

/// An empty response that nobody watches, as layers outside of this one make it.
impl<B: Default> Default for MonitorBody<B> {
    fn default() -> Self {
        Self::unwatched(B::default())
    }
}

impl<B: Body> MonitorBody<B>
where
    B::Data: 'static,
{
    pub(super) fn watched(body: B, watch: Option<Box<Watch>>) -> Self {
        let mut this = Self {
            inner: Some(body),
            page: None,
            watch,
        };
        let seen = this.inner.as_ref().map(|body| {
            contained(|| (body.is_end_stream(), body.size_hint().exact())).unwrap_or_default()
        });
        let (over, length) = seen.unwrap_or_default();
        if let Some(watch) = &mut this.watch {
            watch.expect(length);
            // A server does not poll a body that is over, or has no place in the response.
            if over || watch.has_no_body() {
                watch.complete();
            }
        }
        this
    }

    /// Whether the service's bodies are made of a type that a page can be turned into.
    pub(super) fn takes_pages() -> bool {
        data_from::<B::Data>(Bytes::new()).is_some()
    }

    /// The monitor's page where the service's bodies are made of [`Bytes`] or another type that owns bytes; elsewhere none.
    pub(super) fn own(page: Bytes, mut watch: Option<Box<Watch>>) -> Self {
        let fits = !page.is_empty() && Self::takes_pages();
        if !fits && let Some(watch) = &mut watch {
            watch.complete();
        }
        Self {
            inner: None,
            page: fits.then_some(page),
            watch,
        }
    }
}

/// `page` as the type of data that the service's body is made of.
fn data_from<D: 'static>(page: Bytes) -> Option<D> {
    let known: [fn(Bytes) -> Box<dyn Any>; 5] = [
        |page| Box::new(page),
        |page| Box::new(Cursor::new(page.to_vec())),
        |page| Box::new(VecDeque::from(page.to_vec())),
        |page| Box::new(Box::new(page) as Box<dyn Buf + Send>),
        |page| Box::new(Box::new(page) as Box<dyn Buf + Send + Sync>),
    ];
    known
        .into_iter()
        .find_map(|convert| convert(page.clone()).downcast::<D>().ok())
        .map(|data| *data)
}

impl<B> Body for MonitorBody<B>
where
    B: Body,
    B::Data: 'static,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let mut this = self.project();
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else {
            let page = this.page.take().and_then(data_from);
            if let Some(watch) = this.watch {
                if let Some(page) = &page {
                    watch.data(page);
                }
                watch.complete();
            }
            return Poll::Ready(page.map(|page: B::Data| Ok(Frame::data(page))));
        };
        let Some(watch) = this.watch.as_mut() else {
            return inner.poll_frame(context).map_err(Into::into);
        };
        let current = watch.enter();
        let polled = guarded(|| {
            let frame = inner.as_mut().poll_frame(context);
            let over = match &frame {
                Poll::Pending => false,
                Poll::Ready(None) => true,
                // Behind the trailers comes nothing, and no server asks.
                Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => true,
                Poll::Ready(Some(_)) => inner.is_end_stream(),
            };
            (frame, over)
        });
        // A body that is over or has panicked is dropped while its request is still the current one.
        let dropped = match polled {
            Ok((_, false)) => Ok(()),
            Ok((_, true)) | Err(_) => guarded(|| this.inner.set(None)),
        };
        drop(current);
        let (frame, over) = match polled {
            Ok((frame, over)) => (ready!(frame), over),
            Err(payload) => {
                watch.panicked(payload);
                watch.complete();
                dropped.unwrap_or_else(discard);
                return Poll::Ready(Some(Err("the response's body panicked".into())));
            }
        };
        if let Err(payload) = dropped {
            watch.panicked(payload);
        }
        let frame = frame.map(|frame| {
            let frame = frame.map_err(Into::into);
            match &frame {
                Ok(frame) => watch.frame(frame),
                Err(error) => watch.body_broke(std::any::type_name::<B::Error>(), &**error),
            }
            frame
        });
        if over {
            watch.complete();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match (&self.inner, &self.page) {
            (Some(inner), _) => inner.is_end_stream(),
            (None, page) => page.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.inner, &self.page) {
            (Some(inner), _) => inner.size_hint(),
            (None, page) => {
                SizeHint::with_exact(page.as_ref().map_or(0, |page| page.remaining() as u64))
            }
        }
    }
}

impl<B> std::fmt::Debug for MonitorBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MonitorBody")
            .field("watch", &self.watch)
            .finish_non_exhaustive()
    }
}

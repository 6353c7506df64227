//! The beginning of a request's body, kept while the handler reads it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Buf;
use http::{HeaderMap, HeaderValue, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::RequestContext;
use crate::text::media_type;

/// Which bodies of requests are kept, and how much of them, so that an occurrence shows what the client sent.
///
/// Nothing is read that the handler does not read, and nothing waits: what passes by is copied.
///
/// ```
/// use tower_monitor::{Monitor, request::RequestBodies};
///
/// let monitor = Monitor::builder().request_bodies(RequestBodies::new().max_bytes(16 * 1024)).build()?;
/// # Ok::<_, tower_monitor::BuildError>(())
/// ```
///
/// By default JSON, forms and plain text, the first 8 KiB each. The values of sensitive names are taken out of JSON and forms field
/// by field, before anything is stored or sent.
///
/// It works by itself for axum. With plain hyper and others, wrap the body where the request goes into the app:
/// `request.map(|body| context.keep_body(body))`.
#[derive(Clone, Debug)]
#[must_use]
pub struct RequestBodies {
    content_types: Vec<String>,
    max_bytes: usize,
}

impl RequestBodies {
    /// JSON, forms and plain text, the first [`DEFAULT_BODY_BYTES`].
    pub fn new() -> Self {
        Self {
            content_types: DEFAULT_CONTENT_TYPES
                .iter()
                .map(|kind| (*kind).to_owned())
                .collect(),
            max_bytes: DEFAULT_BODY_BYTES,
        }
    }

    /// The content types to keep, in place of the default: `application/json`, or `text/*` for all of a kind. `application/json`
    /// covers `application/…+json` too.
    pub fn content_types<I>(mut self, types: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.content_types = types.into_iter().map(Into::into).collect();
        self
    }

    /// The bytes kept of each body, at most 64 KiB. Default: [`DEFAULT_BODY_BYTES`].
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    pub(crate) fn limit(&self) -> usize {
        self.max_bytes
    }

    /// How many bytes to keep of a body of this type.
    pub(super) fn bytes_of(&self, headers: &HeaderMap, content_type: Option<&HeaderValue>) -> u32 {
        let kind = content_type.and_then(|kind| kind.to_str().ok());
        let wanted = kind.is_some_and(|kind| self.wants(kind));
        // What is compressed is no text, and its secrets could not be found.
        let encoding = || headers.get(header::CONTENT_ENCODING);
        if wanted && encoding().is_none_or(|encoding| encoding == "identity") {
            u32::try_from(self.max_bytes).unwrap_or(u32::MAX)
        } else {
            0
        }
    }

    fn wants(&self, content_type: &str) -> bool {
        let kind = media_type(content_type);
        self.content_types.iter().any(|wanted| {
            wanted.eq_ignore_ascii_case(&kind)
                || wanted
                    .strip_suffix('*')
                    .is_some_and(|family| kind.starts_with(family))
                || (wanted == JSON && kind.starts_with("application/") && kind.ends_with("+json"))
        })
    }
}

impl Default for RequestBodies {
    fn default() -> Self {
        Self::new()
    }
}

/// What was kept of a body.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptBody {
    pub(crate) bytes: Vec<u8>,
    /// The bytes that the handler has read, kept or not.
    pub(crate) read: u64,
}

impl KeptBody {
    pub(crate) fn is_whole(&self) -> bool {
        self.read == self.bytes.len() as u64
    }
}

pin_project! {
    /// A request's body of which the beginning is kept. Made by [`RequestContext::keep_body`].
    #[must_use = "it takes the body's place in the request"]
    pub struct KeepingBody<B> {
        #[pin]
        inner: B,
        context: Option<RequestContext>,
    }
}

impl RequestContext {
    /// Keeps the beginning of `body` while it is read, if [these bodies](crate::Builder::request_bodies) are to be kept.
    ///
    /// With axum the layer does it by itself.
    pub fn keep_body<B>(&self, body: B) -> KeepingBody<B> {
        KeepingBody {
            inner: body,
            context: self.begin_body().then(|| self.clone()),
        }
    }

    /// Wraps a body of axum's own type in place; of all others the type would change.
    #[cfg_attr(
        not(feature = "axum"),
        expect(
            unused_variables,
            clippy::unused_self,
            reason = "only axum's body can be wrapped in place"
        )
    )]
    pub(crate) fn keep_axum_body<B: 'static>(&self, body: &mut B) {
        #[cfg(feature = "axum")]
        if self.0.keep_body > 0
            && let Some(body) = (body as &mut dyn std::any::Any).downcast_mut::<axum::body::Body>()
        {
            let inner = std::mem::take(body);
            *body = axum::body::Body::new(self.keep_body(inner));
        }
    }

    /// Whether the body is to be kept, and is not being kept already.
    pub(crate) fn begin_body(&self) -> bool {
        if self.0.keep_body == 0 {
            return false;
        }
        let mut state = self.state();
        let begins = state.body.is_none();
        state.body.get_or_insert_default();
        begins
    }

    fn keep(&self, data: &impl Buf) {
        // Outside of the lock: the buffer may be the app's code.
        let (length, chunk) = (data.remaining() as u64, data.chunk());
        let mut state = self.state();
        // It is gone when the request is over.
        if let Some(body) = &mut state.body {
            // Behind a gap nothing is kept: the text would read as if there were none.
            let room = if body.is_whole() {
                (self.0.keep_body as usize).saturating_sub(body.bytes.len())
            } else {
                0
            };
            body.read += length;
            body.bytes
                .extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
    }
}

impl<B: Body> Body for KeepingBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = this.inner.poll_frame(context);
        if let (Poll::Ready(Some(Ok(frame))), Some(request)) = (&frame, this.context)
            && let Some(data) = frame.data_ref()
        {
            request.keep(data);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> std::fmt::Debug for KeepingBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeepingBody")
            .field("keeps", &self.context.is_some())
            .finish_non_exhaustive()
    }
}

/// The bytes kept of each request's body: 8 KiB.
pub const DEFAULT_BODY_BYTES: usize = 8 * 1024;
/// The content types of the bodies that are kept.
pub const DEFAULT_CONTENT_TYPES: &[&str] =
    &[JSON, "application/x-www-form-urlencoded", "text/plain"];
const JSON: &str = "application/json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_matched_as_people_write_them() {
        let bodies = RequestBodies::new();
        for kind in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/problem+json",
            "text/plain",
        ] {
            assert!(bodies.wants(kind), "{kind}");
        }
        for kind in ["text/html", "image/png", "application/jsonx", ""] {
            assert!(!bodies.wants(kind), "{kind}");
        }
        assert!(
            RequestBodies::new()
                .content_types(["text/*"])
                .wants("text/html")
        );
    }

    #[test]
    fn behind_a_gap_nothing_is_kept() {
        let settings = super::super::RequestSettings {
            owner: 0,
            id_header: http::HeaderName::from_static("x-request-id"),
            trust_ids: Default::default(),
            proxies: Default::default(),
            forwarded_header: Default::default(),
            peer: None,
            bodies: Some(RequestBodies::new()),
        };
        let request = http::Request::builder().header(header::CONTENT_TYPE, "text/plain");
        let request = request.body(()).unwrap();
        let context = RequestContext::begin(&request, &settings).0;
        assert!(context.begin_body());
        context.keep(&&b"ab"[..]);
        context.keep(&b"cd"[..].chain(&b"ef"[..]));
        context.keep(&&b"gh"[..]);
        let kept = context.copied_state().body.unwrap();
        assert_eq!((&kept.bytes[..], kept.read), (&b"abcd"[..], 8));
        assert!(!kept.is_whole());
    }
}

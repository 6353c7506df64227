//! The request's span in `tracing`. The subscriber is the app's code: one that panics costs no request its answer.

use tracing::Span;
use tracing::span::Entered;

use crate::guard::contained;
use crate::redact::Redactor;
use crate::request::RequestContext;
use crate::text::one_line;

/// Closed when it is dropped.
pub(super) struct RequestSpan(Span);

impl RequestSpan {
    pub(super) fn open(context: &RequestContext, redactor: &Redactor) -> Self {
        let open = || {
            tracing::info_span!(
                target: "tower_monitor",
                "request",
                request.id = context.id().as_str(),
                http.request.method = context.method().as_str(),
                url.path = tracing::field::Empty,
                trace_id = context.trace().as_ref().map(|trace| trace.trace_id()),
            )
        };
        let this = Self(contained(open).unwrap_or_else(Span::none));
        if !this.0.is_disabled() {
            // Every line of the app's log inside the request repeats it.
            let path = redactor.url(context.path());
            contained(|| this.0.record("url.path", &*one_line(&path)));
        }
        this
    }

    /// Makes it the current span until the guard is dropped.
    pub(super) fn enter(&self) -> EnteredSpan<'_> {
        let is_seen = !self.0.is_disabled();
        EnteredSpan(is_seen.then(|| contained(|| self.0.enter())).flatten())
    }
}

impl Drop for RequestSpan {
    fn drop(&mut self) {
        let span = std::mem::replace(&mut self.0, Span::none());
        if !span.is_disabled() {
            contained(|| drop(span));
        }
    }
}

pub(super) struct EnteredSpan<'s>(Option<Entered<'s>>);

impl Drop for EnteredSpan<'_> {
    fn drop(&mut self) {
        if let Some(entered) = self.0.take() {
            contained(|| drop(entered));
        }
    }
}

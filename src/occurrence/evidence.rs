//! What the request path hands over: snapshots, cheap to take, with secrets still in them.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tower_http::classify::GrpcCode;

use super::{Exception, Fingerprint, Kind, Occurrence, Origin, ResponseSnapshot};
use crate::redact::Redactor;
use crate::request::{PanicRecord, RequestContext, RequestId};
use crate::text::shortened;
use crate::time::Timestamp;

/// An occurrence before it is complete. It never leaves the process; [`complete`](Self::complete) takes the secrets out.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) kind: Kind,
    pub(crate) time: Timestamp,
    pub(crate) request: Option<RequestContext>,
    pub(crate) panic: Option<PanicRecord>,
    pub(crate) error: Option<ErrorEvidence>,
    pub(crate) response: Option<ResponseEvidence>,
    /// From the request's arrival to the failure.
    pub(crate) elapsed: Option<Duration>,
}

/// An error that broke a response: its type and its own words, then those of its sources.
#[derive(Debug)]
pub(crate) struct ErrorEvidence {
    pub(crate) type_name: &'static str,
    pub(crate) messages: Vec<String>,
}

/// The answer of the app.
#[derive(Debug)]
pub(crate) struct ResponseEvidence {
    pub(crate) status: StatusCode,
    pub(crate) grpc_status: Option<GrpcCode>,
    /// The beginning of the body when it is text or JSON.
    pub(crate) body: Vec<u8>,
}

#[cfg(test)]
impl ResponseEvidence {
    /// An answer without a body.
    pub(crate) fn new(status: StatusCode) -> Self {
        Self {
            status,
            grpc_status: None,
            body: Vec::new(),
        }
    }
}

impl ErrorEvidence {
    /// Reads `error` and its sources. Their `Display` is the app's code: the caller contains its panics.
    pub(crate) fn read(type_name: &'static str, error: &dyn std::error::Error) -> Self {
        let chain = std::iter::successors(Some(error), |error| error.source());
        let mut messages: Vec<_> = chain
            .take(MAX_CHAIN)
            .map(|error| shortened(&error.to_string(), MAX_MESSAGE))
            .collect();
        // Wrappers that pass on both the words and the source of what they wrap add nothing.
        messages.dedup();
        Self {
            type_name,
            messages,
        }
    }
}

impl Evidence {
    pub(crate) fn new(kind: Kind, time: Timestamp, request: Option<RequestContext>) -> Self {
        Self {
            elapsed: request.as_ref().map(RequestContext::elapsed),
            kind,
            time,
            request,
            panic: None,
            error: None,
            response: None,
        }
    }

    /// The occurrence that may be stored and sent: redacted, and with where it happened.
    pub(crate) fn complete(
        self,
        fingerprint: Fingerprint,
        redactor: &Redactor,
        origin: &Arc<Origin>,
    ) -> Occurrence {
        let clean = |text: &str| redactor.text(text).into_owned();
        let request = self
            .request
            .as_ref()
            .map(|request| request.snapshot(redactor));
        let mut exceptions = Vec::new();
        if let Some(panic) = &self.panic {
            exceptions.push(Exception {
                type_name: "panic".to_owned(),
                message: panic.message.as_deref().map_or_else(
                    || format!("a panic with a payload of {} type", panic.payload_type),
                    clean,
                ),
                location: panic.location.clone(),
            });
        }
        if let Some(error) = &self.error {
            let types = std::iter::once(error.type_name).chain(std::iter::repeat("source"));
            exceptions.extend(
                types
                    .zip(&error.messages)
                    .map(|(type_name, message)| Exception {
                        type_name: type_name.to_owned(),
                        message: clean(message),
                        location: None,
                    }),
            );
        }
        let response = self.response.map(|response| ResponseSnapshot {
            status: response.status.as_u16(),
            grpc_status: response.grpc_status.map(|code| format!("{code:?}")),
            body: (!response.body.is_empty())
                .then(|| clean(&String::from_utf8_lossy(&response.body))),
        });
        Occurrence {
            id: RequestId::generate_uuid(self.time),
            kind: self.kind,
            fingerprint,
            time: self.time,
            exceptions,
            thread: self.panic.and_then(|panic| panic.thread),
            request,
            response,
            elapsed: self.elapsed,
            origin: Arc::clone(origin),
        }
    }
}

const MAX_CHAIN: usize = 8;
const MAX_MESSAGE: usize = 8 * 1024;

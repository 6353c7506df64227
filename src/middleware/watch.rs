//! The drop guard: whatever happens to a request, it is observed exactly once and reported at most once.

use std::task::{Context, Poll};
use std::time::Duration;

use super::answer;
use super::findings::{distinct, fold};
use super::span::RequestSpan;
use crate::capture::{self, ErrorReport};
use crate::guard::{Payload, contained, discard};
use crate::monitor::Monitor;
use crate::observation::{Observation, Outcome};
use crate::occurrence::{Evidence, Kind, ResponseEvidence};
use crate::request::{self, ErrorRecord, KeptHeaders, Noticed, RequestContext, Told};
use crate::stack;
use crate::time::Timestamp;
use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body::Frame;
use tower_http::classify::GrpcCode;

/// Travels with the response's future, then with its body.
///
/// Whoever drops it before [`complete`](Self::complete) was called has left: the client closed the connection, or a time
/// limit ended the request.
pub(super) struct Watch {
    monitor: Monitor,
    context: RequestContext,
    /// The request's id for the response.
    id: HeaderValue,
    /// What the client likes to read; gone when there is an answer.
    accept: Option<HeaderValue>,
    span: RequestSpan,
    head: Option<Head>,
    bytes_sent: u64,
    evidence: Vec<u8>,
    /// The error that came with the answer.
    error: Option<ErrorReport>,
    /// Those of a failing answer.
    headers: Option<Box<KeptHeaders>>,
    /// What ended the request otherwise than by an answer.
    fault: Option<Outcome>,
    reported: bool,
    observed: bool,
}

/// The head of the response.
struct Head {
    status: StatusCode,
    grpc_status: Option<GrpcCode>,
    time: Duration,
    content_length: Option<u64>,
    /// An endless stream, which ends when the client has had enough.
    is_event_stream: bool,
    /// How much of the body is still to be kept as evidence.
    keep: usize,
    /// Whether the status counts as a failure.
    fails: bool,
}

impl Watch {
    pub(super) fn begin(
        monitor: Monitor,
        context: RequestContext,
        id: HeaderValue,
        accept: Option<HeaderValue>,
    ) -> Box<Self> {
        let span = RequestSpan::open(&context, &monitor.0.redactor);
        monitor.0.in_flight.begin();
        Box::new(Self {
            span,
            monitor,
            context,
            id,
            accept,
            head: None,
            bytes_sent: 0,
            evidence: Vec::new(),
            error: None,
            headers: None,
            fault: None,
            reported: false,
            observed: false,
        })
    }

    /// Makes this the current request and its span the current span.
    pub(super) fn enter(&self) -> impl Sized + use<'_> {
        // The span is left before the request is.
        (
            self.span.enter(),
            request::enter(self.context.clone()),
            stack::boundary(),
        )
    }

    /// Ready when the request may begin.
    pub(super) fn poll_door(&self, context: &mut Context<'_>) -> Poll<()> {
        self.monitor.poll_ready(context)
    }

    /// The head of the response is there. It gets the request's id.
    pub(super) fn answered<B>(&mut self, response: &mut Response<B>) {
        self.identify(response.headers_mut());
        if !response.extensions().is_empty() {
            self.error = response.extensions_mut().remove();
        }
        let (status, headers) = (response.status(), response.headers());
        let rules = &self.monitor.0.failures;
        // The app's code, asked once.
        let fails =
            contained(|| rules.status_fails(status)).unwrap_or_else(|| status.is_server_error());
        let mut head = Head {
            status,
            grpc_status: None,
            time: self.context.elapsed(),
            content_length: None,
            is_event_stream: false,
            keep: 0,
            fails,
        };
        for (name, value) in headers {
            if *name == header::CONTENT_LENGTH {
                head.content_length = value.to_str().ok().and_then(|length| length.parse().ok());
            } else if *name == header::CONTENT_TYPE {
                head.is_event_stream = value.as_bytes().starts_with(b"text/event-stream");
                if fails && is_legible(value.as_bytes()) {
                    head.keep = self.monitor.0.evidence_bytes;
                }
            }
        }
        // What is compressed is nothing to read, and other bytes each time.
        if head.keep > 0 && is_encoded(headers) {
            head.keep = 0;
        }
        if fails {
            self.headers = Some(Box::new(KeptHeaders::copy(headers)));
        }
        if self.context.is_grpc() {
            head.grpc_status = grpc_status(headers);
        } else if !fails {
            self.tell_noticed();
        }
        self.head = Some(head);
    }

    /// Whether the answer asks for the monitor's page in its place.
    pub(super) fn wants_page(&self) -> bool {
        let fails = || self.head.as_ref().is_some_and(|head| head.fails);
        self.error.as_ref().is_some_and(|error| error.wants_page) && fails()
    }

    /// What the client gets in place of an answer that asks for the monitor's page.
    pub(super) fn page_for_error(&mut self) -> Option<Response<Bytes>> {
        let page = self.failure_page(self.head.as_ref()?.status);
        let head = self.head.as_mut()?;
        // The page is the monitor's: nothing to learn from it.
        (head.content_length, head.keep) = (None, 0);
        head.status = page.status();
        head.grpc_status = grpc_status(page.headers()).filter(|_| self.context.is_grpc());
        Some(page)
    }

    fn failure_page(&self, status: StatusCode) -> Response<Bytes> {
        let mut page = if self.context.is_grpc() {
            answer::grpc()
        } else {
            let own = self.monitor.0.answer.as_ref();
            answer::http(&self.context, status, self.accept.as_ref(), own)
        };
        self.identify(page.headers_mut());
        page
    }

    /// The body says how long it will be: where no header does, a server writes that one.
    pub(super) fn expect(&mut self, bytes: Option<u64>) {
        if let Some(head) = &mut self.head {
            head.content_length = head.content_length.or(bytes);
        }
    }

    fn identify(&self, headers: &mut HeaderMap) {
        let name = self.monitor.0.requests.id_header.clone();
        headers.insert(name, self.id.clone());
    }

    /// Whether a response with this head has no body, whatever its type says (RFC 9110, section 6.4.1).
    pub(super) fn has_no_body(&self) -> bool {
        let Some(head) = &self.head else { return false };
        let status = head.status;
        let method = self.context.method();
        method == Method::HEAD
            || status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED
            || (method == Method::CONNECT && status.is_success())
    }

    /// A piece of the body goes out, or the trailers.
    pub(super) fn frame<D: Buf>(&mut self, frame: &Frame<D>) {
        if let Some(data) = frame.data_ref() {
            self.data(data);
        } else if let Some(trailers) = frame.trailers_ref()
            && self.context.is_grpc()
            && let Some(head) = &mut self.head
        {
            head.grpc_status = head.grpc_status.or_else(|| grpc_status(trailers));
        }
    }

    /// A piece of the body goes out.
    pub(super) fn data<D: Buf>(&mut self, data: &D) {
        self.bytes_sent += data.remaining() as u64;
        if let Some(head) = &mut self.head
            && head.keep > 0
        {
            let begin = data.chunk();
            let begin = &begin[..begin.len().min(head.keep)];
            // Behind a gap nothing is kept: the text would read as if there were none.
            head.keep = if begin.len() < data.remaining() {
                0
            } else {
                head.keep - begin.len()
            };
            self.evidence.extend_from_slice(begin);
        }
    }

    /// The code panicked. It is reported at once, whatever becomes of the answer.
    pub(super) fn panicked(&mut self, payload: Payload) {
        let mut evidence = self.evidence(Kind::Panic);
        evidence.because_of(Noticed::Panic(capture::record_of(&self.context, &*payload)));
        discard(payload);
        self.fault = Some(Outcome::Panicked);
        self.report(evidence);
    }

    /// What the client gets in place of what panicked.
    pub(super) fn answer_for_panic(&mut self) -> Response<Bytes> {
        let mut response = self.failure_page(StatusCode::INTERNAL_SERVER_ERROR);
        self.answered(&mut response);
        response
    }

    /// The service gave an error instead of an answer.
    pub(super) fn service_failed(&mut self, type_name: &'static str) {
        let mut evidence = self.evidence(Kind::ServiceError);
        let words = format!("the service gave an error of type {type_name} instead of an answer");
        let chain = capture::said(Some(type_name), words);
        evidence.error = Some(ErrorRecord::placeless(Told::Answered, chain).into());
        self.fault = Some(Outcome::Failed);
        self.report(evidence);
        self.observe();
    }

    /// The body ended with an error.
    pub(super) fn body_broke(
        &mut self,
        type_name: &'static str,
        error: &(dyn std::error::Error + 'static),
    ) {
        let mut evidence = self.evidence(Kind::BodyBroken);
        let chain = capture::read_chain(error, Some(type_name));
        evidence.error = Some(ErrorRecord::placeless(Told::Answered, chain).into());
        self.fault = Some(Outcome::BodyBroken);
        self.report(evidence);
        self.observe();
    }

    /// The response is over, as it should be.
    pub(super) fn complete(&mut self) {
        if self.fault.is_none() && self.head_fails() {
            let evidence = self.evidence(Kind::ServerError);
            self.fault = Some(Outcome::Failed);
            self.report(evidence);
        }
        self.observe();
    }

    fn head_fails(&self) -> bool {
        let rules = &self.monitor.0.failures;
        self.head.as_ref().is_some_and(|head| {
            head.fails || head.grpc_status.is_some_and(|code| rules.grpc_fails(code))
        })
    }

    fn evidence(&mut self, kind: Kind) -> Evidence {
        let mut evidence = Evidence::new(kind, Timestamp::now(), Some(self.context.clone()));
        if self.head_fails() {
            evidence.error = self.error.take().map(|report| report.record);
        }
        evidence.response = self.head.as_ref().map(|head| ResponseEvidence {
            status: head.status,
            grpc_status: head.grpc_status,
            headers: self.headers.as_deref().cloned().unwrap_or_default(),
            body: std::mem::take(&mut self.evidence),
        });
        evidence
    }

    /// Reports the failure together with what was noticed on the way to it.
    fn report(&mut self, evidence: Evidence) {
        if !std::mem::replace(&mut self.reported, true) {
            let noticed = self.context.take_noticed();
            for evidence in fold(evidence, noticed) {
                self.monitor.report(evidence);
            }
        }
    }

    /// What was noticed on the way to an answer that is no failure stands for itself.
    fn tell_noticed(&self) {
        for finding in distinct(self.context.take_noticed()) {
            self.monitor.report(finding.into());
        }
    }

    fn observe(&mut self) {
        if std::mem::replace(&mut self.observed, true) {
            return;
        }
        self.tell_noticed();
        let _span = self.span.enter();
        let head = self.head.as_ref();
        let observation = Observation {
            request: self.context.clone(),
            outcome: self.fault.unwrap_or(Outcome::Answered),
            status: head.map(|head| head.status),
            grpc_status: head.and_then(|head| head.grpc_status),
            time_to_head: head.map(|head| head.time),
            duration: self.context.elapsed(),
            bytes_sent: self.bytes_sent,
        };
        // The app's subscriber gets the record as an event. This may be a destructor, where a panic ends the process.
        let _ = contained(|| self.monitor.observe(&observation));
        self.context.end();
        self.monitor.0.in_flight.end();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.observed {
            return;
        }
        let whole = self.head.as_ref().is_some_and(|head| {
            // A server that knows the length stops polling when it has got so much.
            head.is_event_stream
                || head
                    .content_length
                    .is_some_and(|length| self.bytes_sent >= length)
        });
        if whole || self.head_fails() {
            self.complete();
        } else {
            self.fault.get_or_insert(Outcome::Abandoned);
            self.observe();
        }
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("request", &self.context)
            .finish_non_exhaustive()
    }
}

fn is_encoded(headers: &HeaderMap) -> bool {
    let encoding = headers.get(header::CONTENT_ENCODING);
    encoding.is_some_and(|encoding| encoding != "identity")
}

/// Text and JSON: what a person can read.
fn is_legible(content_type: &[u8]) -> bool {
    let kind = content_type
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    kind.starts_with(b"text/") || kind == b"application/json" || kind.ends_with(b"+json")
}

fn grpc_status(headers: &HeaderMap) -> Option<GrpcCode> {
    let code: i32 = headers.get(GRPC_STATUS)?.to_str().ok()?.parse().ok()?;
    Some(GrpcCode::from(code))
}

pub(super) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

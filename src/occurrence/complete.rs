//! From evidence to an occurrence: redacted, and with everything that is known of the process.

use std::borrow::Cow;
use std::sync::Arc;

use super::variables;
use super::{
    Evidence, Exception, Fingerprint, Occurrence, Origin, ResponseEvidence, ResponseSnapshot, Span,
};
use crate::platform::Vitals;
use crate::redact::Redactor;
use crate::request::{
    Breadcrumb, ErrorRecord, PanicRecord, RequestContext, RequestId, SpanRecord, Thread,
};
use crate::stack::{Missing, RawStack, Stack};

/// What is added to evidence to make it whole.
#[derive(Debug)]
pub(crate) struct Surroundings<'w> {
    pub(crate) redactor: &'w Redactor,
    pub(crate) origin: &'w Arc<Origin>,
    pub(crate) stack: Option<Stack>,
    pub(crate) vitals: Vitals,
}

impl Evidence {
    /// The occurrence that may be stored and sent: no secret is in it.
    pub(crate) fn complete(self, fingerprint: Fingerprint, with: Surroundings<'_>) -> Occurrence {
        let Surroundings {
            redactor,
            origin,
            stack,
            vitals,
        } = with;
        let mut missing = Vec::new();
        match (self.stack(), &self.panic) {
            (None, Some(_)) if self.lacks_stack() => missing
                .push("stack: this place panics so often that only the first are taken".to_owned()),
            (None, Some(_)) => missing.push(
                "stack and place: another panic hook stands in the place of the monitor's"
                    .to_owned(),
            ),
            (Some(raw), _) if raw.is_empty() => {
                missing.push("stack: it could not be taken".to_owned());
            }
            (Some(_), _) if stack.is_none() => {
                missing.push("stack: it could not be resolved".to_owned());
            }
            _ => {}
        }
        if let Some(reason) = self.stack().and_then(RawStack::sampled) {
            missing.extend(reason.missing.map(without_variables));
        }
        let stack = stack.map(|stack| clean(stack, redactor));
        let exceptions = exceptions(&self, stack, redactor, &mut missing);
        let (thread, spans) = match (&self.panic, &self.error) {
            (Some(panic), _) => (Some(&panic.thread), &panic.spans[..]),
            (None, Some(error)) => (Some(&error.thread), &error.spans[..]),
            (None, None) => (None, &[][..]),
        };
        let request = self.request.as_ref();
        let (earlier, breadcrumbs) = request.map(RequestContext::breadcrumbs).unwrap_or_default();
        let event = self.error.as_ref().and_then(|error| error.event.as_deref());
        Occurrence {
            id: RequestId::generate_uuid(self.time),
            kind: self.kind,
            fingerprint,
            time: self.time,
            exceptions,
            thread: thread.map(|thread| redactor.text(&thread_name(thread)).into_owned()),
            event: event.map(|event| redacted(event.clone(), redactor)),
            spans: spans.iter().map(|span| span.redacted(redactor)).collect(),
            breadcrumbs: breadcrumbs
                .into_iter()
                .map(|step| redacted(step, redactor))
                .collect(),
            earlier_breadcrumbs: earlier,
            request: request.map(|request| request.snapshot(redactor)),
            response: self.response.map(|response| response.redacted(redactor)),
            elapsed: self.elapsed,
            origin: Arc::clone(origin),
            vitals,
            missing,
        }
    }
}

#[cfg(test)]
impl Evidence {
    /// An occurrence without surroundings.
    pub(crate) fn alone(self, origin: &Arc<Origin>) -> Occurrence {
        let fingerprint = Fingerprint::of(&self, None, true);
        let redactor = &Redactor::default();
        let with = Surroundings {
            redactor,
            origin,
            stack: None,
            vitals: Vitals::default(),
        };
        self.complete(fingerprint, with)
    }
}

impl Occurrence {
    /// What is right whatever else goes wrong.
    pub(crate) fn bare(
        evidence: &Evidence,
        fingerprint: Fingerprint,
        origin: &Arc<Origin>,
    ) -> Self {
        Self {
            id: RequestId::generate_uuid(evidence.time),
            kind: evidence.kind,
            fingerprint,
            time: evidence.time,
            exceptions: Vec::new(),
            thread: None,
            event: None,
            spans: Vec::new(),
            breadcrumbs: Vec::new(),
            earlier_breadcrumbs: 0,
            request: None,
            response: None,
            elapsed: evidence.elapsed,
            origin: Arc::clone(origin),
            vitals: Vitals::default(),
            missing: Vec::new(),
        }
    }

    /// Says that everything about this request could not be had, and why.
    pub(crate) fn without_all(mut self, request: Option<RequestId>, why: &str) -> Self {
        let of = request.map(|id| format!(" of request {id}"));
        let of = of.unwrap_or_default();
        self.missing.push(format!("everything else{of}: {why}"));
        self
    }
}

fn exceptions(
    evidence: &Evidence,
    stack: Option<Stack>,
    redactor: &Redactor,
    missing: &mut Vec<String>,
) -> Vec<Exception> {
    let mut exceptions = Vec::new();
    let mut stack = stack;
    if let Some(panic) = &evidence.panic {
        exceptions.push(of_panic(panic, stack.take(), redactor));
    }
    if let Some(error) = &evidence.error {
        of_error(error, stack, redactor, &mut exceptions);
        match error.more {
            Some(0) => {}
            Some(more) => missing.push(format!("{more} more errors of the chain")),
            None => missing.push("the rest of the chain: it seems to have no end".to_owned()),
        }
    }
    exceptions
}

/// Why there are no variables, and what helps.
fn without_variables(reason: Missing) -> String {
    let why = match reason {
        Missing::NoDebuginfo => {
            "the program was built without what describes them; build it with `debug = 2`"
        }
        Missing::Unsupported => {
            "the debug information is compressed, or of a form that is not known"
        }
        Missing::Unreadable => {
            "the debug information beside the program was written over while it ran; start it again"
        }
        Missing::Busy => "too many failures at once",
        Missing::Deadline => "there was no time; the first failure after the start takes longest",
        Missing::Unavailable => "they cannot be read on this platform, or not in this process",
        other => other.as_str(),
    };
    format!("variables: {why}")
}

/// Somebody may have written a password into the code.
fn clean(mut stack: Stack, redactor: &Redactor) -> Stack {
    for frame in &mut stack.frames {
        variables::redact(frame, redactor);
        let Some(source) = &mut frame.source else {
            continue;
        };
        let lines = source.before.iter_mut().chain(&mut source.after);
        for line in lines.chain([&mut source.line]) {
            if let Cow::Owned(clean) = redactor.text(line) {
                *line = clean;
            }
        }
    }
    stack
}

fn of_panic(panic: &PanicRecord, stack: Option<Stack>, redactor: &Redactor) -> Exception {
    let message = panic.message.as_deref().map_or_else(
        || format!("a panic with a payload of {} type", panic.payload_type),
        |message| redactor.text(message).into_owned(),
    );
    Exception {
        type_name: "panic".to_owned(),
        message,
        location: panic.location.clone(),
        stack,
    }
}

fn of_error(
    error: &ErrorRecord,
    mut stack: Option<Stack>,
    redactor: &Redactor,
    exceptions: &mut Vec<Exception>,
) {
    for (index, link) in error.chain.iter().enumerate() {
        let stands_for = if index == 0 { "error" } else { "source" };
        exceptions.push(Exception {
            // A hidden type is named by what its `Debug` begins with, which may be anything.
            type_name: redactor
                .text(link.type_name.as_deref().unwrap_or(stands_for))
                .into_owned(),
            message: redactor.text(&link.message).into_owned(),
            location: error.location.clone().filter(|_| index == 0),
            stack: stack.take(),
        });
    }
}

fn thread_name(thread: &Thread) -> String {
    thread
        .name
        .clone()
        .unwrap_or_else(|| format!("{:?}", thread.id))
}

fn redacted(step: Breadcrumb, redactor: &Redactor) -> Breadcrumb {
    Breadcrumb {
        target: redactor.text(&step.target).into_owned(),
        message: redactor.text(&step.message).into_owned(),
        fields: step
            .fields
            .into_iter()
            .map(|(name, value)| {
                let value = redactor.field(&name, &value).into_owned();
                (name, value)
            })
            .collect(),
        ..step
    }
}

impl SpanRecord {
    fn redacted(&self, redactor: &Redactor) -> Span {
        let (_, fields) = self.fields.parts();
        Span {
            name: self.name.to_owned(),
            target: self.target.to_owned(),
            fields: fields
                .map(|(name, value)| (name.to_owned(), redactor.field(name, value).into_owned()))
                .collect(),
        }
    }
}

impl ResponseEvidence {
    fn redacted(self, redactor: &Redactor) -> ResponseSnapshot {
        let content_type = self.headers.text("content-type").unwrap_or_default();
        ResponseSnapshot {
            status: self.status.as_u16(),
            grpc_status: self.grpc_status.map(|code| format!("{code:?}")),
            body: (!self.body.is_empty())
                .then(|| redactor.body(content_type, &String::from_utf8_lossy(&self.body))),
            headers: self.headers.redacted(redactor),
        }
    }
}

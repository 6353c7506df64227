//! What the request path hands over: snapshots, cheap to take, with secrets still in them.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tower_http::classify::GrpcCode;

use super::Kind;
use crate::request::{
    CodeLocation, ErrorLink, ErrorRecord, Finding, KeptHeaders, Noticed, PanicRecord,
    RequestContext, Told,
};
use crate::stack::RawStack;
use crate::time::Timestamp;

/// An occurrence before it is complete. It never leaves the process; [`complete`](Self::complete) takes the secrets out.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) kind: Kind,
    pub(crate) time: Timestamp,
    pub(crate) request: Option<RequestContext>,
    pub(crate) panic: Option<Box<PanicRecord>>,
    pub(crate) error: Option<Arc<ErrorRecord>>,
    pub(crate) response: Option<ResponseEvidence>,
    /// From the request's arrival to the failure.
    pub(crate) elapsed: Option<Duration>,
    /// The problem it is, in the app's own word.
    pub(crate) group: Option<String>,
}

/// The answer of the app.
#[derive(Debug)]
pub(crate) struct ResponseEvidence {
    pub(crate) status: StatusCode,
    pub(crate) grpc_status: Option<GrpcCode>,
    pub(crate) headers: KeptHeaders,
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
            headers: KeptHeaders::default(),
            body: Vec::new(),
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
            group: None,
        }
    }

    /// What the monitor itself has to say of `subject`; `group` names the problem.
    pub(crate) fn said_by_monitor(
        kind: Kind,
        group: String,
        subject: Option<String>,
        message: String,
    ) -> Self {
        let link = ErrorLink {
            type_name: subject,
            message,
        };
        let record = ErrorRecord::placeless(Told::Message, (vec![link], Some(0)));
        let mut evidence = Self::new(kind, Timestamp::now(), None);
        evidence.error = Some(Arc::new(record));
        evidence.group = Some(group);
        evidence
    }

    /// The stack that is to be resolved.
    pub(crate) fn stack(&self) -> Option<&RawStack> {
        let panic = self.panic.as_ref().and_then(|panic| panic.stack.as_ref());
        panic.or_else(|| self.error.as_ref()?.stack.as_ref())
    }

    /// Whether the hook took no stack because the place panics too often.
    pub(crate) fn lacks_stack(&self) -> bool {
        let panic = self.panic.as_deref();
        panic.is_some_and(|panic| panic.stack.is_none() && panic.location.is_some())
    }

    /// Where in the code.
    pub(crate) fn location(&self) -> Option<&CodeLocation> {
        let panic = self
            .panic
            .as_ref()
            .and_then(|panic| panic.location.as_ref());
        panic.or_else(|| self.error.as_ref()?.location.as_ref())
    }

    /// Takes what was noticed as the reason of this failure.
    pub(crate) fn because_of(&mut self, noticed: Noticed) {
        match noticed {
            Noticed::Panic(panic) => {
                self.kind = Kind::Panic;
                self.time = panic.time;
                self.panic = Some(panic);
            }
            Noticed::Error(error) => self.error = Some(error),
        }
    }
}

impl From<Finding> for Evidence {
    fn from(finding: Finding) -> Self {
        let kind = match &finding.what {
            Noticed::Panic(_) => Kind::Panic,
            Noticed::Error(error) => match error.how {
                Told::Answered => Kind::ServerError,
                Told::Captured => Kind::Captured,
                Told::Message => Kind::Message,
                Told::Logged => Kind::Logged,
            },
        };
        let mut evidence = Self::new(kind, finding.time, finding.request);
        evidence.elapsed = finding.elapsed;
        evidence.because_of(finding.what);
        evidence
    }
}

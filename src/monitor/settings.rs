//! What the layer has to know to judge and to answer.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};
use tower_http::classify::GrpcCode;

use crate::request::{Preferred, RequestContext};

/// Which answers count as failures.
#[derive(Clone)]
pub(crate) struct FailureRules {
    pub(crate) status: Arc<dyn Fn(StatusCode) -> bool + Send + Sync>,
    pub(crate) grpc: Vec<GrpcCode>,
}

/// The gRPC codes that count as failures by default: those that OpenTelemetry's semantic conventions for gRPC servers call
/// errors.
pub const DEFAULT_GRPC_FAILURES: &[GrpcCode] = &[
    GrpcCode::Unknown,
    GrpcCode::DeadlineExceeded,
    GrpcCode::Unimplemented,
    GrpcCode::Internal,
    GrpcCode::Unavailable,
    GrpcCode::DataLoss,
];

impl FailureRules {
    pub(crate) fn status_fails(&self, status: StatusCode) -> bool {
        (self.status)(status)
    }

    pub(crate) fn grpc_fails(&self, code: GrpcCode) -> bool {
        self.grpc.contains(&code)
    }
}

impl Default for FailureRules {
    fn default() -> Self {
        Self {
            status: Arc::new(|status| status.is_server_error()),
            grpc: DEFAULT_GRPC_FAILURES.to_vec(),
        }
    }
}

impl fmt::Debug for FailureRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailureRules")
            .field("grpc", &self.grpc)
            .finish_non_exhaustive()
    }
}

/// Makes the answer to a request whose handler panicked, or gave a [`ServerError`](crate::ServerError).
pub(crate) type AnswerFn = Arc<dyn Fn(&Failure<'_>) -> Response<Bytes> + Send + Sync>;

/// A request that failed, for the function that [answers](crate::Builder::answer) it.
#[derive(Debug)]
pub struct Failure<'r> {
    pub(crate) request: &'r RequestContext,
    pub(crate) status: StatusCode,
    pub(crate) preferred: Preferred,
}

impl Failure<'_> {
    /// The request. Its id is what the client should quote.
    #[must_use]
    pub fn request(&self) -> &RequestContext {
        self.request
    }

    /// The status to answer with: 500, or that of a [`ServerError`](crate::ServerError).
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What the client would like to read, from its `Accept` header.
    #[must_use]
    pub fn preferred(&self) -> Preferred {
        self.preferred
    }
}

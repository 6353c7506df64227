//! The facts about one finished request.

use std::time::Duration;

use http::StatusCode;
use tower_http::classify::GrpcCode;

use crate::request::RequestContext;

/// The facts about one finished request. Exactly one is made for each, also when the client left or the body broke.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Observation {
    /// The request itself.
    pub request: RequestContext,
    /// How it ended.
    pub outcome: Outcome,
    /// The status that was answered; `None` when it ended before that.
    pub status: Option<StatusCode>,
    /// The gRPC status, from the headers or the trailers of a gRPC response.
    pub grpc_status: Option<GrpcCode>,
    /// The time from the request's arrival to the head of the response.
    pub time_to_head: Option<Duration>,
    /// The time from the request's arrival to its end.
    pub duration: Duration,
    /// The bytes of the response's body that were handed to the server.
    pub bytes_sent: u64,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The client got its answer.
    Answered,
    /// The client got an answer that says that the server failed: a 5xx or the like in gRPC; or the service gave none.
    Failed,
    /// The code panicked.
    Panicked,
    /// The client left before the answer was complete: before its head when there is no
    /// [`time_to_head`](Observation::time_to_head), else in the middle of the body.
    Abandoned,
    /// The response's body ended with an error.
    BodyBroken,
}

impl Outcome {
    /// The name in logs and JSON: `answered`, `failed`, `panicked`, `abandoned` or `body_broken`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Abandoned => "abandoned",
            Self::BodyBroken => "body_broken",
        }
    }
}

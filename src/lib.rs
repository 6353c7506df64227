#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod audit;
mod builder;
mod capture;
mod delivery;
mod error;
mod guard;
#[cfg(any(fuzzing, tower_monitor_internals))]
#[doc(hidden)]
pub mod internals;
pub mod issue;
#[cfg(feature = "locals")]
pub mod locals;
mod loss;
pub mod middleware;
mod monitor;
pub mod notify;
mod observation;
pub mod occurrence;
mod platform;
pub mod policy;
pub mod redact;
pub mod request;
mod shares;
#[cfg(test)]
#[path = "../tests/support/skipped.rs"]
mod skipped;
mod stack;
pub mod store;
mod text;
mod time;
#[cfg(any(feature = "email", feature = "http-client", feature = "postgres"))]
mod tls;
mod traffic;
mod user_agent;

pub use audit::Audit;
pub use builder::*;
pub use capture::{
    AnyError, ErrorReport, InRequest, ServerError, SpawnInRequest, capture, capture_message,
    in_request, spawn,
};
pub use delivery::{DEFAULT_ALERT_AGE, NotifierStatus, TestDelivery};
pub use error::BuildError;
pub use issue::{Alert, Issue, IssueState, Mute, Reason, Resolve, Retention, Severity};
pub use loss::{LossReason, Losses};
pub use middleware::MonitorLayer;
pub use monitor::{DEFAULT_GRPC_FAILURES, Failure, Monitor};
pub use notify::{Notifier, NotifyError};
pub use observation::{Observation, Outcome};
pub use occurrence::{Fingerprint, Kind, Occurrence};
pub use policy::Policy;
#[cfg(feature = "axum")]
pub use request::MissingMonitorLayer;
pub use request::{ForwardedHeader, PeerAddr, RequestContext, TrustRequestIds, User, current};
pub use time::{InvalidTimestamp, Timestamp};
#[cfg(feature = "locals")]
pub use tower_monitor_macros::locals;

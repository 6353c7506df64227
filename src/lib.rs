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
mod loss;
pub mod middleware;
mod monitor;
pub mod notify;
mod observation;
pub mod occurrence;
mod platform;
mod policy;
pub mod redact;
pub mod request;
mod stack;
mod store;
mod text;
mod time;
mod user_agent;

pub use audit::Audit;
pub use builder::*;
pub use capture::{
    AnyError, ErrorReport, InRequest, ServerError, SpawnInRequest, capture, capture_message,
    in_request, spawn,
};
pub use delivery::TestDelivery;
pub use error::BuildError;
pub use loss::{LossReason, Losses};
pub use middleware::MonitorLayer;
pub use monitor::{DEFAULT_GRPC_FAILURES, Failure, Monitor};
pub use notify::{Notifier, NotifyError};
pub use observation::{Observation, Outcome};
pub use occurrence::{Alert, Issue, Kind, Occurrence, Reason};
#[cfg(feature = "axum")]
pub use request::MissingMonitorLayer;
pub use request::{ForwardedHeader, PeerAddr, RequestContext, TrustRequestIds, User, current};
pub use time::{InvalidTimestamp, Timestamp};

//! Taking what can only be taken at the moment of the failure.

mod chain;
mod handled;
mod hook;
mod server_error;
mod task;
mod trace;

pub use chain::AnyError;
pub use handled::{capture, capture_message};
pub use server_error::{ErrorReport, ServerError};
pub use task::{InRequest, SpawnInRequest, in_request, spawn};

pub(crate) use chain::{read as read_chain, said};
pub(crate) use hook::{install, record_of};
pub(crate) use trace::{Collector, is_own};

//! Taking what can only be taken at the moment of the failure.

mod hook;

pub(crate) use hook::{install, record_of};

#![allow(missing_docs, clippy::allow_attributes)]
pub mod error;
pub mod loss;
pub mod notify;
pub mod observation;
pub mod occurrence;
pub mod redact;
pub mod request;
mod text;
mod time;
pub use error::BuildError;
pub use loss::*;
pub use notify::*;
pub use observation::*;
pub use occurrence::*;
pub use request::*;
pub use time::Timestamp;

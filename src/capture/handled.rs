//! What the app noticed itself, handled, and still wants somebody to know.

use std::fmt::Display;
use std::panic::Location;
use std::sync::Arc;

use super::chain::{self, AnyError};
use super::server_error::record_of;
use crate::request::{self, ErrorRecord, Finding, Noticed, Told};

/// Tells of an error that the app has handled.
///
/// Inside a request it carries the request, and waits until the answer begins: when that is a failure too, both are one
/// occurrence. Outside of every request it goes to the first monitor built of this process, and is dropped when there is none.
///
/// ```
/// if let Err(error) = std::fs::remove_file("/tmp/basket-17") {
///     tower_monitor::capture(&error);
/// }
/// ```
///
/// For `anyhow::Error`, `eyre::Report` and `Box<dyn Error>` write `capture(&*error)`.
#[track_caller]
pub fn capture<E: AnyError + ?Sized>(error: &E) {
    tell(record_of(Told::Captured, error));
}

/// Tells of something in words. Otherwise like [`capture`]. At most 8 KiB are kept.
///
/// Occurrences with the same words are one issue, whatever numbers, ids and quoted values are in them.
///
/// ```
/// tower_monitor::capture_message("the stock list is older than a day");
/// ```
#[track_caller]
pub fn capture_message(message: impl Display) {
    let chain = chain::said(None, chain::words(&message));
    tell(ErrorRecord::here(Told::Message, chain, Location::caller()));
}

fn tell(record: ErrorRecord) {
    Finding::new(Noticed::Error(Arc::new(record)), request::current()).tell();
}

//! Between what the store is given and what the tables hold.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::Failure;
use crate::guard::contained;
use crate::occurrence::Fingerprint;
use crate::store::StoreError;
use crate::time::Timestamp;

/// The bits of the number: PostgreSQL has no unsigned ones.
pub(super) fn key(fingerprint: Fingerprint) -> i64 {
    fingerprint.as_u64().cast_signed()
}

pub(super) fn fingerprint(key: i64) -> Fingerprint {
    Fingerprint::from_u64(key.cast_unsigned())
}

pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn size(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn time(micros: i64) -> Timestamp {
    Timestamp::from_unix_micros(micros)
}

/// A text as PostgreSQL takes it: without U+0000, which it cannot hold.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => Cow::Owned(text.replace('\0', "\u{FFFD}")),
        false => Cow::Borrowed(text),
    }
}

/// Nothing is lost here: JSON writes U+0000 as six other characters.
pub(super) fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::away(format!("cannot be written as JSON: {error}")).into())
}

/// Temporary: a process of another release may read it, and may have written it.
pub(super) fn read<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| {
        // Its words may quote a value.
        let (line, column) = (error.line(), error.column());
        StoreError::away(format!(
            "{what} cannot be read, at line {line}, column {column}: another release may have written it"
        ))
    })
}

/// Whether a row was met that cannot be read. It is said once.
#[derive(Default)]
pub(super) struct Unreadable(AtomicBool);

impl Unreadable {
    /// What a row says; `None` when that cannot be read, so that one row does not stop the others.
    pub(super) fn read<T: DeserializeOwned>(&self, text: &str, what: &str) -> Option<T> {
        let error = match read(text, what) {
            Ok(known) => return Some(known),
            Err(error) => error,
        };
        if !self.0.swap(true, Ordering::Relaxed) {
            let _ = contained(|| {
                tracing::error!(
                    target: "tower_monitor", %error,
                    "a row of the PostgreSQL store cannot be read and is left out"
                );
            });
        }
        None
    }
}

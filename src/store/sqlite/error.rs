//! What SQLite refuses, as a store says it.

use std::path::Path;

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::StoreError;

/// The error, for the file at `path`.
pub(super) fn told(path: &Path, error: &Error) -> StoreError {
    let path = path.display();
    let Error::SqliteFailure(failure, _) = error else {
        return StoreError::unusable(format!("{path}: {error}"));
    };
    match failure.code {
        ErrorCode::DiskFull => StoreError::full(format!("{path}: {error}")),
        ErrorCode::SystemIoFailure if is_write(failure.extended_code) => {
            StoreError::full(format!("{path}: {error}"))
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            StoreError::away(format!("{path}: another process holds its lock: {error}"))
        }
        ErrorCode::DatabaseCorrupt => StoreError::unusable(format!(
            "{path} is damaged: {error}; put it aside, or name another file"
        )),
        ErrorCode::NotADatabase => StoreError::unusable(format!(
            "{path} is no SQLite file; it was left as it is: name another file"
        )),
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => read_only(path),
        ErrorCode::CannotOpen | ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory => {
            StoreError::away(format!("{path}: {error}"))
        }
        _ => StoreError::unusable(format!("{path}: {error}")),
    }
}

pub(super) fn read_only(path: impl std::fmt::Display) -> StoreError {
    StoreError::unusable(format!(
        "{path} or its folder cannot be written: allow it for this process, or name another file"
    ))
}

/// A quota that is used up shows as a failed write, and not as a full disk.
fn is_write(extended_code: i32) -> bool {
    matches!(
        extended_code,
        ffi::SQLITE_IOERR_WRITE
            | ffi::SQLITE_IOERR_FSYNC
            | ffi::SQLITE_IOERR_TRUNCATE
            | ffi::SQLITE_IOERR_SHMSIZE
    )
}

//! The error that a handler gives back, and the report that travels with an answer.

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use http::StatusCode;

use super::chain::{self, AnyError};
use crate::request::{ErrorLink, ErrorRecord, Told};

/// Any error, on its way from a handler to the person who should know of it.
///
/// A handler returns `Result<T, ServerError>` and uses `?` on whatever fails: types that implement [`Error`],
/// `anyhow::Error`, `eyre::Report`, boxed errors and plain text. Made so, it keeps the error with its sources, the place of the `?` and the
/// stack at that moment; about five microseconds of work.
///
/// ```
/// use tower_monitor::ServerError;
///
/// async fn price(article: String) -> Result<String, ServerError> {
///     let price: u32 = article.parse()?;
///     Ok(format!("{price} €"))
/// }
/// ```
///
/// As an axum response it is 500, or the [status](Self::with_status) that it was given. Where the status counts as a failure, the layer
/// puts the same page in its place that a panic gets, with the request's id and without a word of the error. Elsewhere the
/// client reads the status's own name.
///
/// Like `anyhow::Error` it does not implement [`Error`] itself, so that `?` can make it of everything that does.
pub struct ServerError(Box<Inner>);

struct Inner {
    status: StatusCode,
    error: Box<dyn Error + Send + Sync>,
    record: Arc<ErrorRecord>,
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for ServerError {
    #[track_caller]
    fn from(error: E) -> Self {
        let error = error.into();
        let name = type_name::<E>();
        let chain = chain::read(&*error, name);
        Self(Box::new(Inner {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            record: Arc::new(ErrorRecord::here(Told::Answered, chain, Location::caller())),
            error,
        }))
    }
}

/// The type's name, where it tells more than that it hides another.
fn type_name<E>() -> Option<&'static str> {
    let name = std::any::type_name::<E>();
    let hides = name.contains("dyn ")
        || [
            "anyhow::Error",
            "eyre::Report",
            "alloc::string::String",
            "&str",
        ]
        .contains(&name);
    (!hides).then_some(name)
}

impl ServerError {
    /// The same error, answered with another status. One that is no failure, such as 404, is answered and not told.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// The status that it is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The error itself.
    #[must_use]
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0.error
    }

    /// What the layer wants to find in the extensions of the answer. [`IntoResponse`](axum::response::IntoResponse) puts it there.
    #[must_use]
    pub fn report(&self) -> ErrorReport {
        ErrorReport {
            record: Arc::clone(&self.0.record),
            wants_page: true,
        }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.error, f)
    }
}

impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerError")
            .field("status", &self.0.status)
            .field("error", &self.0.error)
            .field("at", &self.0.record.location)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "axum")]
impl axum::response::IntoResponse for ServerError {
    fn into_response(self) -> axum::response::Response {
        let words = self.0.status.canonical_reason().unwrap_or("error");
        (self.0.status, axum::Extension(self.report()), words).into_response()
    }
}

/// An error that is made known with the answer: put it into the response's extensions.
///
/// For an app's own error type, one line in its `IntoResponse`:
///
/// ```
/// use axum::{Extension, http::StatusCode, response::{IntoResponse, Response}};
/// use tower_monitor::ErrorReport;
///
/// #[derive(Debug)]
/// enum PayError { Declined, ProviderDown }
/// # impl std::fmt::Display for PayError { fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result { f.write_str("x") } }
/// # impl std::error::Error for PayError {}
///
/// impl IntoResponse for PayError {
///     fn into_response(self) -> Response {
///         let report = ErrorReport::of(&self);
///         (StatusCode::BAD_GATEWAY, Extension(report), "The payment did not go through.").into_response()
///     }
/// }
/// ```
///
/// It is told when the answer's status counts as a failure, and dropped when it does not.
#[derive(Clone)]
pub struct ErrorReport {
    pub(crate) record: Arc<ErrorRecord>,
    /// The layer is to put its page in the answer's place.
    pub(crate) wants_page: bool,
}

impl ErrorReport {
    /// Reads the error and its sources, and takes the place of the call and the stack.
    ///
    /// At most 16 errors of a chain are kept, and 8 KiB of the words of each. A `Display` or `source` that panics costs no more
    /// than its own words.
    #[must_use]
    #[track_caller]
    pub fn of<E: AnyError + ?Sized>(error: &E) -> Self {
        Self {
            record: Arc::new(record_of(Told::Answered, error)),
            wants_page: false,
        }
    }
}

impl fmt::Debug for ErrorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self
            .record
            .chain
            .iter()
            .map(|link: &ErrorLink| &link.message);
        f.debug_list().entries(words).finish()
    }
}

#[track_caller]
pub(super) fn record_of<E: AnyError + ?Sized>(how: Told, error: &E) -> ErrorRecord {
    let chain = chain::read(error.as_dyn(), error.type_name());
    ErrorRecord::here(how, chain, Location::caller())
}

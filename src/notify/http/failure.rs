//! Why there is no answer, and what that tells of the request.

use crate::notify::NotifyError;

/// No answer came. The error is temporary in both cases.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing has gone out.
    Unsent(NotifyError),
    /// The request has gone out, at least in part. It may have been obeyed.
    Unanswered(NotifyError),
}

impl From<Failure> for NotifyError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unsent(error) | Failure::Unanswered(error) => error,
        }
    }
}

/// The same in words, which may hold secrets.
pub(super) struct Problem {
    pub(super) words: String,
    pub(super) is_sent: bool,
}

impl Problem {
    pub(super) fn after(words: String) -> Self {
        let is_sent = true;
        Self { words, is_sent }
    }
}

/// Before anything has gone out.
impl From<String> for Problem {
    fn from(words: String) -> Self {
        let is_sent = false;
        Self { words, is_sent }
    }
}

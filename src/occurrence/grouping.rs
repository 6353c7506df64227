//! The app's own word on which occurrences are one problem.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;

use super::{Evidence, Kind};
use crate::guard::contained;
use crate::request::{CodeLocation, RequestContext};

/// What is known of a failure when [`Builder::group_by`](crate::Builder::group_by) is asked which problem it is.
pub struct Grouping<'e>(&'e Evidence);

/// Names the problem that a failure belongs to; `None` leaves it to the fingerprint.
pub(crate) type GroupRule = Arc<dyn Fn(&Grouping<'_>) -> Option<String> + Send + Sync>;

impl Grouping<'_> {
    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The panic's or the error's own words. Secrets may be in them.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        let panic = self
            .0
            .panic
            .as_ref()
            .and_then(|panic| panic.message.as_deref());
        let error = || {
            self.0
                .error
                .as_ref()?
                .chain
                .first()
                .map(|link| link.message.as_str())
        };
        panic.or_else(error)
    }

    /// The error's type, where it can be had.
    #[must_use]
    pub fn error_type(&self) -> Option<&str> {
        self.0.error.as_ref()?.chain.first()?.type_name.as_deref()
    }

    /// Where in the code.
    #[must_use]
    pub fn location(&self) -> Option<&CodeLocation> {
        self.0.location()
    }

    /// The request, when it happened in one.
    #[must_use]
    pub fn request(&self) -> Option<&RequestContext> {
        self.0.request.as_ref()
    }

    /// The status of the answer, when there is one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.0.response.as_ref().map(|response| response.status)
    }
}

impl fmt::Debug for Grouping<'_> {
    /// Without the words and the headers: nothing has been redacted yet.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grouping")
            .field("kind", &self.kind())
            .field("location", &self.location())
            .field("status", &self.status())
            .field("request", &self.request())
            .finish_non_exhaustive()
    }
}

impl Evidence {
    /// Asks the rule. One that panics has no word.
    pub(crate) fn grouped_by(mut self, rule: Option<&GroupRule>) -> Self {
        self.group = rule
            .and_then(|rule| contained(|| rule(&Grouping(&self))))
            .flatten();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{ErrorRecord, Told};
    use crate::time::Timestamp;

    #[test]
    fn its_debug_shows_no_words() {
        let chain = crate::request::ErrorLink {
            type_name: Some("PayError".to_owned()),
            message: "password=hunter2".to_owned(),
        };
        let mut evidence = Evidence::new(Kind::Captured, Timestamp::now(), None);
        let record = ErrorRecord::placeless(Told::Captured, (vec![chain], Some(0)));
        evidence.error = Some(Arc::new(record));
        let shown = format!("{:?}", Grouping(&evidence));
        assert!(
            shown.contains("Captured") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}

//! An occurrence without the person it happened to.

use super::Occurrence;

impl Occurrence {
    /// Takes out everything that tells of the person, and says so in [`missing`](Self::missing).
    ///
    /// What broke stays: the exceptions with their messages and stacks, ids, kind, times and the process.
    pub(crate) fn without_person(&mut self) {
        if let Some(request) = &mut self.request {
            request.without_person();
        }
        if let Some(response) = &mut self.response {
            response.headers.clear();
            response.body = None;
        }
        if let Some(event) = &mut self.event {
            event.fields.clear();
        }
        self.breadcrumbs.clear();
        self.earlier_breadcrumbs = 0;
        self.spans.clear();
        if !self.missing.iter().any(|missing| missing == ERASED) {
            self.missing.push(ERASED.to_owned());
        }
    }
}

const ERASED: &str = "the person: erased on request";

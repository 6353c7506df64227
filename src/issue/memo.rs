//! What a notifier wants to know again at the next alert of the same issue.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::occurrence::Fingerprint;
use crate::text::cut;

/// What a notifier wants to know again at the next alert of the same issue, such as the thread that the first one began.
///
/// It is kept in the store with the notifier's state, after a try that arrived: for all processes that share the store, and across
/// restarts. Of at most 100 issues for each notifier, the ones told last. Nothing secret belongs here.
///
/// ```
/// # use tower_monitor::{Alert, NotifyError};
/// # async fn post(thread: Option<String>) -> Result<String, NotifyError> { Ok(String::new()) }
/// async fn notify(alert: &Alert) -> Result<(), NotifyError> {
///     let thread = post(alert.memo().get()).await?;
///     alert.memo().set(&thread);
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Memo(Arc<Mutex<Option<String>>>);

impl Memo {
    pub(crate) fn of(text: Option<String>) -> Self {
        Self(Arc::new(Mutex::new(text)))
    }

    /// What was kept; `None` when nothing was, or when it has been forgotten for want of room.
    #[must_use]
    pub fn get(&self) -> Option<String> {
        self.text().clone()
    }

    /// Keeps `text`, at most 256 bytes of it, in place of what was kept before. Empty text keeps nothing.
    pub fn set(&self, text: impl AsRef<str>) {
        let text = cut(text.as_ref(), MAX_BYTES);
        *self.text() = (!text.is_empty()).then(|| text.to_owned());
    }

    fn text(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a notifier keeps of issues, the one told last at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memos(Vec<(Fingerprint, String)>);

impl Memos {
    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, issue: Fingerprint) -> Option<&str> {
        let found = self.0.iter().find(|(of, _)| *of == issue);
        found.map(|(_, text)| &**text)
    }

    /// What is told last goes last.
    pub(crate) fn set(&mut self, issue: Fingerprint, text: Option<String>) {
        self.0.retain(|(of, _)| *of != issue);
        if let Some(text) = text {
            self.0.push((issue, text));
        }
        let surplus = self.0.len().saturating_sub(MAX_ISSUES);
        self.0.drain(..surplus);
    }

    /// Takes in what is kept elsewhere of issues that are not known here.
    pub(crate) fn merge(&mut self, other: &Self) {
        let unknown = |(of, _): &&(Fingerprint, String)| self.get(*of).is_none();
        let unknown: Vec<_> = other.0.iter().filter(unknown).cloned().collect();
        self.0.splice(..0, unknown);
        let surplus = self.0.len().saturating_sub(MAX_ISSUES);
        self.0.drain(..surplus);
    }
}

const MAX_ISSUES: usize = 100;
const MAX_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn issue(number: u64) -> Fingerprint {
        Fingerprint::from_u64(number)
    }

    fn memos(numbers: std::ops::Range<u64>) -> Memos {
        let mut memos = Memos::default();
        for number in numbers {
            memos.set(issue(number), Some(format!("thread {number}")));
        }
        memos
    }

    #[test]
    fn the_issues_told_last_are_kept() {
        let mut memos = memos(0..100);
        memos.set(issue(0), Some("new thread".to_owned()));
        memos.set(issue(7_000), Some("another".to_owned()));
        assert_eq!(memos.get(issue(0)), Some("new thread"));
        assert_eq!(memos.get(issue(1)), None);
        assert_eq!(memos.get(issue(2)), Some("thread 2"));
        memos.set(issue(2), None);
        assert_eq!((memos.get(issue(2)), memos.0.len()), (None, 99));
    }

    #[test]
    fn what_is_kept_here_goes_before_what_is_kept_elsewhere() {
        let mut here = memos(0..3);
        let mut there = memos(2..5);
        there.set(issue(2), Some("another".to_owned()));
        here.merge(&there);
        assert_eq!(here.get(issue(2)), Some("thread 2"));
        assert_eq!(here.get(issue(4)), Some("thread 4"));
        here.merge(&memos(0..200));
        assert_eq!(here.0.len(), MAX_ISSUES);
        assert_eq!(here.get(issue(2)), Some("thread 2"));
    }

    #[test]
    fn a_memo_is_bounded_and_shared_by_the_copies_of_an_alert() {
        let memo = Memo::default();
        memo.clone().set("é".repeat(200));
        assert_eq!(memo.get(), Some("é".repeat(128)));
        memo.set("");
        assert_eq!(memo.get(), None);
    }
}

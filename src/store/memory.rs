//! Issues and their occurrences in memory, bounded in both.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::occurrence::{Fingerprint, Issue, Occurrence};
use crate::time::Timestamp;

/// The issues with their occurrences. What is beyond the bounds is forgotten, the longest unseen issue first.
#[derive(Debug)]
pub(crate) struct MemoryStore {
    issues: HashMap<Fingerprint, Entry>,
    max_issues: usize,
    max_occurrences: usize,
}

#[derive(Debug)]
struct Entry {
    issue: Issue,
    told_at: u64,
    /// Oldest first. The very first stays for good: it shows how it began.
    occurrences: VecDeque<Arc<Occurrence>>,
}

/// An issue after something was added to it.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) issue: Issue,
    /// The newest occurrence of which everything is known.
    pub(crate) occurrence: Arc<Occurrence>,
    /// The count before.
    pub(crate) before: u64,
    /// The count at the last alert; 0 when there was none.
    pub(crate) told_at: u64,
    /// Whether another issue had to be forgotten for it.
    pub(crate) forgot_one: bool,
}

impl MemoryStore {
    /// Both bounds are at least one.
    pub(crate) fn new(max_issues: usize, max_occurrences: usize) -> Self {
        Self {
            issues: HashMap::new(),
            max_issues: max_issues.max(1),
            max_occurrences: max_occurrences.max(1),
        }
    }

    /// Adds an occurrence, and the issue when it is a new one.
    pub(crate) fn record(&mut self, occurrence: Arc<Occurrence>) -> Recorded {
        let fingerprint = occurrence.fingerprint;
        let forgot_one = !self.issues.contains_key(&fingerprint) && self.make_room();
        let entry = self.issues.entry(fingerprint).or_insert_with(|| Entry {
            issue: Issue::begin(&occurrence, 0),
            told_at: 0,
            occurrences: VecDeque::new(),
        });
        if entry.occurrences.len() >= self.max_occurrences {
            let second = usize::from(self.max_occurrences > 1);
            entry.occurrences.remove(second);
        }
        entry.occurrences.push_back(Arc::clone(&occurrence));
        Recorded {
            forgot_one,
            ..entry.add(1, occurrence.time)
        }
    }

    /// Adds occurrences of which nothing but their number is known. `None` when the issue is not known.
    pub(crate) fn count(
        &mut self,
        fingerprint: Fingerprint,
        times: u64,
        at: Timestamp,
    ) -> Option<Recorded> {
        self.issues
            .get_mut(&fingerprint)
            .map(|entry| entry.add(times, at))
    }

    /// Remembers that the issue was told when its count was this.
    pub(crate) fn told(&mut self, fingerprint: Fingerprint, at_count: u64) {
        if let Some(entry) = self.issues.get_mut(&fingerprint) {
            entry.told_at = at_count;
        }
    }

    /// All issues, the last seen first.
    pub(crate) fn issues(&self) -> Vec<Issue> {
        let mut issues: Vec<_> = self
            .issues
            .values()
            .map(|entry| entry.issue.clone())
            .collect();
        issues
            .sort_unstable_by_key(|issue| (std::cmp::Reverse(issue.last_seen), issue.fingerprint));
        issues
    }

    /// The kept occurrences of an issue, oldest first.
    pub(crate) fn occurrences(&self, fingerprint: Fingerprint) -> Vec<Arc<Occurrence>> {
        self.issues
            .get(&fingerprint)
            .map(|entry| entry.occurrences.iter().cloned().collect())
            .unwrap_or_default()
    }

    fn make_room(&mut self) -> bool {
        if self.issues.len() < self.max_issues {
            return false;
        }
        let oldest = self
            .issues
            .values()
            .min_by_key(|entry| (entry.issue.last_seen, entry.issue.fingerprint))
            .map(|entry| entry.issue.fingerprint);
        oldest.is_some_and(|fingerprint| self.issues.remove(&fingerprint).is_some())
    }
}

impl Entry {
    fn add(&mut self, times: u64, at: Timestamp) -> Recorded {
        let before = self.issue.count;
        self.issue.count = before.saturating_add(times);
        self.issue.last_seen = self.issue.last_seen.max(at);
        Recorded {
            issue: self.issue.clone(),
            // An entry is made with its first occurrence and keeps at least one.
            occurrence: Arc::clone(&self.occurrences[self.occurrences.len() - 1]),
            before,
            told_at: self.told_at,
            forgot_one: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::occurrence::{Evidence, Kind, Origin, ResponseEvidence};

    /// One occurrence of problem `n`, at second `at`.
    fn occurrence(n: u16, at: i64) -> Arc<Occurrence> {
        let time = Timestamp::from_unix_micros(at * 1_000_000);
        let mut evidence = Evidence::new(Kind::ServerError, time, None);
        let status = http::StatusCode::from_u16(500 + n).unwrap();
        evidence.response = Some(ResponseEvidence::new(status));
        Arc::new(evidence.alone(&Arc::new(Origin::default())))
    }

    #[test]
    fn counts_are_exact_and_times_are_kept() {
        let mut store = MemoryStore::new(10, 10);
        let first = occurrence(0, 5);
        assert_eq!(store.record(Arc::clone(&first)).before, 0);
        store.told(first.fingerprint, 1);
        let counted = store
            .count(
                first.fingerprint,
                41,
                Timestamp::from_unix_micros(9_000_000),
            )
            .unwrap();
        assert_eq!(
            (counted.before, counted.issue.count, counted.told_at),
            (1, 42, 1)
        );
        assert_eq!(counted.issue.first_seen, first.time);
        assert_eq!(counted.issue.last_seen.unix_seconds(), 9);
        assert!(
            store
                .count(occurrence(1, 0).fingerprint, 1, first.time)
                .is_none()
        );
    }

    #[test]
    fn the_longest_unseen_issue_makes_room() {
        let mut store = MemoryStore::new(3, 1);
        for (n, at) in [(0, 1), (1, 2), (2, 3), (0, 4)] {
            assert!(!store.record(occurrence(n, at)).forgot_one);
        }
        assert!(store.record(occurrence(3, 5)).forgot_one);
        let kept: Vec<_> = store
            .issues()
            .into_iter()
            .map(|issue| issue.fingerprint)
            .collect();
        let expected = [3, 0, 2].map(|n| occurrence(n, 0).fingerprint);
        assert_eq!(kept, expected);
    }

    #[test]
    fn the_first_occurrence_and_the_last_ones_are_kept() {
        let mut store = MemoryStore::new(3, 3);
        for at in 1..=9 {
            store.record(occurrence(0, at));
        }
        let times: Vec<_> = store
            .occurrences(occurrence(0, 0).fingerprint)
            .iter()
            .map(|occurrence| occurrence.time.unix_seconds())
            .collect();
        assert_eq!(times, [1, 8, 9]);
    }
}

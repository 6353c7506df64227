//! Counts per minute or per hour, for a limited time back.

use serde::{Deserialize, Serialize};

/// How often something happened in each of the last spans of time: minutes or hours.
///
/// Spans are numbered from 1970-01-01 UTC. What is older than the series is long is forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The number of the first span listed.
    from: i64,
    /// The counts of this span and those that follow it.
    counts: Vec<u64>,
}

impl Series {
    /// Adds to a span; the series reaches at most `length` spans back from its newest.
    pub fn add(&mut self, span: i64, count: u64, length: usize) {
        if count == 0 || length == 0 {
            return;
        }
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let newest = self.newest().map_or(span, |newest| newest.max(span));
        let oldest = newest.saturating_sub(length - 1);
        if span < oldest {
            return;
        }
        if self.counts.is_empty() {
            self.from = span;
        }
        let outdated = usize::try_from(oldest.saturating_sub(self.from)).unwrap_or(0);
        let outdated = outdated.min(self.counts.len());
        self.counts.drain(..outdated);
        self.from = match self.counts.is_empty() {
            true => span,
            false => self.from.saturating_add_unsigned(outdated as u64),
        };
        while self.from > span {
            // At most `length` times: `span` is not before the oldest.
            self.counts.insert(0, 0);
            self.from -= 1;
        }
        let at = usize::try_from(span - self.from).unwrap_or(0);
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] = self.counts[at].saturating_add(count);
        let leading = self.counts.iter().take_while(|count| **count == 0).count();
        self.counts.drain(..leading);
        self.from = self.from.saturating_add_unsigned(leading as u64);
    }

    /// Forgets what is later than this span.
    pub(crate) fn forget_after(&mut self, span: i64) {
        let kept = span.saturating_sub(self.from).saturating_add(1).max(0);
        self.counts
            .truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        let trailing = self.counts.iter().rev().take_while(|count| **count == 0);
        let kept = self.counts.len() - trailing.count();
        self.counts.truncate(kept);
    }

    /// How often it happened from one span to another, both included.
    #[must_use]
    pub fn sum(&self, from: i64, to: i64) -> u64 {
        self.iter()
            .filter(|(span, _)| (from..=to).contains(span))
            .fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    /// The spans in which it happened, oldest first, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (i64, u64)> + '_ {
        let spans = self.counts.iter().enumerate();
        spans
            .map(|(at, count)| (self.from.saturating_add_unsigned(at as u64), *count))
            .filter(|(_, count)| *count > 0)
    }

    fn newest(&self) -> Option<i64> {
        let last = self.counts.len().checked_sub(1)?;
        Some(self.from.saturating_add_unsigned(last as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_is_what_a_map_would_be(steps in prop::collection::vec((-50i64..200, 0u64..5), 0..120)) {
            let mut series = Series::default();
            let mut map = BTreeMap::<i64, u64>::new();
            for (span, count) in steps {
                series.add(span, count, 60);
                let newest = map.keys().next_back().copied().unwrap_or(span).max(span);
                if count > 0 && span > newest - 60 {
                    *map.entry(span).or_default() += count;
                    map.retain(|span, _| *span > newest - 60);
                }
                prop_assert!(series.counts.len() <= 60);
            }
            prop_assert_eq!(series.iter().collect::<Vec<_>>(), map.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(series.sum(0, 99), map.range(0..=99).map(|(_, count)| count).sum::<u64>());
        }
    }

    #[test]
    fn a_clock_that_jumps_costs_no_memory() {
        let mut series = Series::default();
        for span in [0, i64::MAX, i64::MIN, 5, i64::MAX] {
            series.add(span, 1, 336);
            assert!(series.counts.len() <= 336);
        }
        assert_eq!(series.sum(i64::MAX - 1, i64::MAX), 2);
    }
}

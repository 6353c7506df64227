//! What one process has seen of a problem since it last told the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::affected::listed;
use super::{AffectedUser, HOURS, Sketch, thinned};
use crate::occurrence::{Fingerprint, Occurrence};
use crate::time::Timestamp;

/// What one process has seen of a problem since it last told the store.
///
/// Without a count it changes nothing: it asks for a new look at the problem, because time has passed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Change {
    /// Which problem.
    pub fingerprint: Fingerprint,
    /// How often it has occurred.
    pub count: u64,
    /// When first and when last; `None` without a count.
    pub seen: Option<(Timestamp, Timestamp)>,
    /// How often in each minute, numbered from 1970-01-01 UTC. When there are many, those of more than an hour before the newest stand
    /// for their whole hour, at its first minute, and 14 days before it they end.
    pub minutes: BTreeMap<i64, u64>,
    /// In which release.
    pub release: Option<String>,
    /// Occurrences to keep.
    pub occurrences: Vec<Arc<Occurrence>>,
    /// The newest of which everything is known, to show.
    pub newest: Option<Arc<Occurrence>>,
    /// Who was hit.
    pub users: Vec<AffectedUser>,
    /// Who was hit, also those of whom nothing but the hash of their id is known.
    pub sketch: Sketch,
    /// Whether `users` lacks somebody who is in `sketch`.
    pub has_unlisted_users: bool,
}

impl Change {
    /// Nothing but a new look.
    #[must_use]
    pub fn review(fingerprint: Fingerprint) -> Self {
        Self {
            fingerprint,
            count: 0,
            seen: None,
            minutes: BTreeMap::new(),
            release: None,
            occurrences: Vec::new(),
            newest: None,
            users: Vec::new(),
            sketch: Sketch::default(),
            has_unlisted_users: false,
        }
    }

    /// One occurrence of which everything is known.
    #[must_use]
    pub fn of(occurrence: Arc<Occurrence>) -> Self {
        let mut change = Self::review(occurrence.fingerprint);
        change.count(1, occurrence.time);
        change.release.clone_from(&occurrence.origin.release);
        change.newest = Some(Arc::clone(&occurrence));
        change.occurrences = vec![occurrence];
        change
    }

    /// More occurrences, of which nothing but the number is known.
    pub fn count(&mut self, times: u64, at: Timestamp) {
        if times == 0 {
            return;
        }
        self.count = self.count.saturating_add(times);
        let (first, last) = self.seen.unwrap_or((at, at));
        self.seen = Some((first.min(at), last.max(at)));
        let minutes = self.minutes.len();
        let minute = self.minutes.entry(at.unix_seconds().div_euclid(60));
        let minute = minute.or_default();
        *minute = minute.saturating_add(times);
        self.fold_minutes(minutes);
    }

    /// While a store is away for days there are many minutes. Of those before the last hour the hours are enough, and of more than
    /// 14 days ago nothing is. `before` is how many there were: as long as there are no more, nothing is to be done.
    fn fold_minutes(&mut self, before: usize) {
        let Some((newest, _)) = self.minutes.last_key_value() else {
            return;
        };
        if self.minutes.len() <= MAX_MINUTES.max(before) {
            return;
        }
        let last_hour = self.minutes.split_off(&newest.saturating_sub(59));
        let mut folded = last_hour;
        let oldest = newest_hour(&folded).saturating_sub(HOURS as i64 - 1);
        for (minute, count) in std::mem::take(&mut self.minutes) {
            let hour = minute.div_euclid(60);
            if hour >= oldest {
                let sum = folded.entry(hour * 60).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        self.minutes = folded;
    }

    /// Takes in what was seen after it, with at most `max_occurrences` to keep and `max_users` on the list.
    pub(crate) fn absorb(&mut self, later: Self, max_occurrences: usize, max_users: usize) {
        self.count = self.count.saturating_add(later.count);
        self.seen = match (self.seen, later.seen) {
            (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
            (one, other) => one.or(other),
        };
        let minutes = self.minutes.len();
        for (minute, count) in later.minutes {
            let sum = self.minutes.entry(minute).or_default();
            *sum = sum.saturating_add(count);
        }
        self.fold_minutes(minutes);
        self.release = later.release.or(self.release.take());
        self.occurrences.extend(later.occurrences);
        let kept: Vec<_> = self.occurrences.iter().map(|it| (it.id, it.time)).collect();
        let gone = thinned(&kept, max_occurrences);
        self.occurrences.retain(|it| !gone.contains(&it.id));
        self.newest = later.newest.or(self.newest.take());
        self.has_unlisted_users |= listed(&mut self.users, &later.users, max_users);
        self.sketch.merge(&later.sketch);
        self.has_unlisted_users |= later.has_unlisted_users;
    }
}

fn newest_hour(minutes: &BTreeMap<i64, u64>) -> i64 {
    let newest = minutes.last_key_value();
    newest.map_or(0, |(minute, _)| minute.div_euclid(60))
}

/// Three hours.
const MAX_MINUTES: usize = 180;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::user_hash;
    use crate::occurrence::{Evidence, Kind, Origin};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_micros(second * 1_000_000)
    }

    fn change(second: i64, user: &str) -> Change {
        let evidence = Evidence::new(Kind::ServiceError, at(second), None);
        let mut change = Change::of(Arc::new(evidence.alone(&Arc::new(Origin::default()))));
        change.users = vec![AffectedUser::new(user, at(second))];
        change.sketch.add(user_hash(user));
        change
    }

    #[test]
    fn two_changes_are_one_with_everything_in_it() {
        let mut one = change(10, "1");
        one.count(5, at(200));
        one.absorb(change(90, "2"), 9, 9);
        one.absorb(change(70, "1"), 9, 9);
        assert_eq!((one.count, one.seen), (8, Some((at(10), at(200)))));
        assert_eq!(one.minutes, BTreeMap::from([(0, 1), (1, 2), (3, 5)]));
        assert_eq!(one.occurrences.len(), 3);
        assert_eq!(one.newest.as_ref().unwrap().time, at(70));
        let users: Vec<_> = one
            .users
            .iter()
            .map(|user| (&*user.id, user.count))
            .collect();
        assert_eq!(users, [("1", 2), ("2", 1)]);
        assert_eq!(one.sketch.estimate(), 2);
        assert!(!one.has_unlisted_users);
    }

    #[test]
    fn the_minutes_of_many_days_are_folded_into_hours() {
        let mut one = change(0, "0");
        let days = 20 * 24 * 60;
        for minute in 0..days {
            one.count(2, at(minute * 60));
        }
        assert_eq!(one.count, 1 + 2 * days as u64);
        assert!(one.minutes.len() <= 60 + HOURS, "{}", one.minutes.len());
        let last_hour: Vec<_> = one.minutes.range(days - 60..).map(|it| *it.1).collect();
        assert_eq!(last_hour, [2; 60]);
        let mut hours = BTreeMap::<i64, u64>::new();
        for (minute, count) in &one.minutes {
            *hours.entry(minute / 60).or_default() += count;
        }
        assert_eq!(hours.len(), HOURS);
        assert!(hours.values().all(|count| *count == 120), "{hours:?}");
        one.count(1, at(i64::MAX / 1_000_000));
        assert!(one.minutes.len() <= 1 + 60 + HOURS);
    }

    #[test]
    fn occurrences_and_users_are_bounded() {
        let mut one = change(0, "0");
        for second in 1..100 {
            one.absorb(change(second, &second.to_string()), 3, 5);
        }
        assert_eq!(
            (one.count, one.occurrences.len(), one.users.len()),
            (100, 3, 5)
        );
        assert!(one.has_unlisted_users);
        assert_eq!(one.occurrences[0].time, at(0));
        assert_eq!(one.occurrences[2].time, at(99));
    }
}

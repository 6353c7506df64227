//! All that a store keeps of a problem, and how it takes in what was seen.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Affected, Change, Issue, Memory, Series};
use crate::time::Timestamp;

/// All that a store keeps of a problem, but for its occurrences and its affected users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// The problem.
    pub issue: Issue,
    /// How often it occurred in each hour of the last 14 days.
    #[serde(default)]
    pub hours: Series,
    /// How often it occurred in each minute of the last hour.
    #[serde(default)]
    pub minutes: Series,
    /// When it occurred the time before the change that was applied last; `None` when that was the first.
    #[serde(default)]
    pub seen_before: Option<Timestamp>,
    /// What was told.
    #[serde(default)]
    pub memory: Memory,
    /// When the policy wants to see it again, even if nothing occurs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_at: Option<Timestamp>,
}

impl Record {
    /// The record of a problem that is not known yet, before `change` is [applied](Self::apply). `None` when the change counts nothing,
    /// or has no occurrence that says what the problem is.
    #[must_use]
    pub fn begin(change: &Change) -> Option<Self> {
        let occurrence = change.occurrences.first().or(change.newest.as_ref());
        let occurrence = occurrence.filter(|_| change.count > 0)?;
        Some(Self {
            issue: Issue::begin(occurrence, 0),
            hours: Series::default(),
            minutes: Series::default(),
            seen_before: None,
            memory: Memory::default(),
            review_at: None,
        })
    }

    /// Takes in what was seen. `affected` are the problem's users, where the store has read them: it has to when the
    /// change [has users](Change::has_users). `now` is the time, as in [`Batch::now`](crate::store::Batch::now).
    ///
    /// Clocks that were ahead date things in the future. What lies more than 5 minutes after `now` counts as seen just then, and
    /// what was kept of later times before is put right, but for the counts of single minutes and hours, which go.
    pub fn apply(
        &mut self,
        change: &Change,
        affected: Option<&mut Affected>,
        max_users: usize,
        now: Timestamp,
    ) {
        let latest = now.after(CLOCK_SLACK);
        let latest_minute = latest.unix_seconds().div_euclid(60);
        let is_first = self.issue.count == 0;
        self.issue.count = self.issue.count.saturating_add(change.count);
        if let Some((first, last)) = change.seen_until(latest) {
            self.issue.first_seen = self.issue.first_seen.min(latest);
            self.issue.last_seen = self.issue.last_seen.min(latest);
            self.minutes.forget_after(latest_minute);
            self.hours.forget_after(latest_minute.div_euclid(60));
            self.seen_before = (!is_first).then_some(self.issue.last_seen);
            self.issue.first_seen = self.issue.first_seen.min(first);
            self.issue.last_seen = self.issue.last_seen.max(last);
            if let Some(release) = &change.release {
                self.issue.releases.add(release, first, change.count);
            }
        }
        for (minute, count) in &change.minutes {
            let minute = latest_minute.min(*minute);
            self.minutes.add(minute, *count, MINUTES);
            self.hours.add(minute.div_euclid(60), *count, HOURS);
        }
        if let Some(affected) = affected {
            affected.merge(
                &change.users,
                &change.sketch,
                change.has_unlisted_users,
                max_users,
            );
            affected.put_right(latest);
            self.issue.users = affected.count();
        }
    }
}

impl Change {
    /// When it was seen first and last, and no later than this.
    pub(crate) fn seen_until(&self, latest: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let (first, last) = self.seen?;
        Some((first.min(latest), last.min(latest)))
    }

    /// Whether it tells of users who were hit.
    #[must_use]
    pub fn has_users(&self) -> bool {
        !self.users.is_empty() || !self.sketch.is_empty()
    }
}

/// Clocks of machines that share a store differ by less.
pub(crate) const CLOCK_SLACK: Duration = Duration::from_secs(5 * 60);
/// An hour.
pub(crate) const MINUTES: usize = 60;
/// 14 days.
pub(crate) const HOURS: usize = 14 * 24;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::AffectedUser;
    use crate::occurrence::{Evidence, Kind, Origin};
    use std::sync::Arc;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_micros(second * 1_000_000)
    }

    fn change(second: i64, release: &str) -> Change {
        let origin = Origin {
            release: Some(release.to_owned()),
            ..Origin::default()
        };
        let evidence = Evidence::new(Kind::ServiceError, at(second), None);
        Change::of(Arc::new(evidence.alone(&Arc::new(origin))))
    }

    #[test]
    fn a_record_takes_in_counts_times_releases_and_users() {
        let first = change(7_200, "1.0");
        let mut record = Record::begin(&first).unwrap();
        let mut affected = Affected::default();
        record.apply(&first, Some(&mut affected), 9, at(7_200));
        assert_eq!((record.issue.count, record.seen_before), (1, None));
        let mut second = change(7_300, "1.1");
        second.count(41, at(10_800));
        second.users = vec![AffectedUser::new("42", at(7_300))];
        record.apply(&second, Some(&mut affected), 9, at(10_800));
        assert_eq!((record.issue.count, record.issue.users), (43, 1));
        assert_eq!(
            (record.issue.first_seen, record.issue.last_seen),
            (at(7_200), at(10_800))
        );
        assert_eq!(record.seen_before, Some(at(7_200)));
        assert!(record.issue.releases.contains("1.0") && record.issue.releases.contains("1.1"));
        assert_eq!(record.hours.iter().collect::<Vec<_>>(), [(2, 2), (3, 41)]);
        assert_eq!(record.minutes.sum(180, 180), 41);
    }

    #[test]
    fn a_clock_that_was_ahead_does_no_lasting_harm() {
        let year = 365 * 86_400;
        let mut ahead = change(year, "1.0");
        ahead.users = vec![AffectedUser::new("42", at(year))];
        let mut record = Record::begin(&ahead).unwrap();
        let mut affected = Affected::default();
        record.apply(&ahead, Some(&mut affected), 9, at(600));
        assert_eq!(
            (record.issue.first_seen, record.issue.last_seen),
            (at(900), at(900))
        );
        assert_eq!(record.minutes.iter().collect::<Vec<_>>(), [(15, 1)]);
        assert_eq!(affected.users[0].last_seen, at(900));
        // As an earlier version has kept it.
        record.issue.last_seen = at(year);
        record.hours.add(year / 3_600, 7, HOURS);
        record.minutes.add(year / 60, 7, MINUTES);
        record.apply(&change(7_200, "1.0"), None, 9, at(7_200));
        assert_eq!((record.issue.count, record.issue.last_seen), (2, at(7_500)));
        assert_eq!(record.seen_before, Some(at(7_500)));
        assert_eq!(record.hours.iter().collect::<Vec<_>>(), [(2, 1)]);
        assert_eq!(record.minutes.iter().collect::<Vec<_>>(), [(120, 1)]);
    }

    #[test]
    fn a_review_changes_nothing_and_begins_nothing() {
        let first = change(1, "1.0");
        let mut record = Record::begin(&first).unwrap();
        record.apply(&first, None, 9, at(1));
        let before = record.clone();
        let review = Change::review(first.fingerprint);
        record.apply(&review, None, 9, at(0));
        assert_eq!(record, before);
        assert_eq!(Record::begin(&review), None);
    }

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let first = change(1, "1.0");
        let mut record = Record::begin(&first).unwrap();
        record.apply(&first, None, 9, at(1));
        record.issue.state = crate::issue::IssueState::Muted {
            muted_at: at(5),
            muted_until: crate::issue::MuteEnd::Count(9),
        };
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }
}

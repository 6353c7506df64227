//! A problem through any sequence of steps, with what must hold at each.

use proptest::prelude::*;

use super::properties::{Seen, Step};
use super::*;
use crate::issue::{Memory, MuteEnd, Regression, ResolvedIn};

const RELEASES: [Option<&str>; 4] = [None, Some("1.0"), Some("1.1"), Some("rev-x")];

pub(super) struct World {
    policy: Policy,
    prototype: Occurrence,
    record: Option<Record>,
    affected: Affected,
    /// Microseconds; no two judgements share one.
    clock: i64,
    told: Vec<(Timestamp, Reason)>,
    /// What the alerts said was held back, and the occurrences that they showed.
    accounted: u64,
    /// Whether nobody was told yet that it is back.
    is_back_untold: bool,
}

impl World {
    pub(super) fn new(kind: Kind, policy: Policy) -> Self {
        Self {
            policy,
            prototype: Occurrence::clone(&occurrence(kind, None, 0, None)),
            record: None,
            affected: Affected::default(),
            clock: at(0).unix_micros(),
            told: Vec::new(),
            accounted: 0,
            is_back_untold: false,
        }
    }

    fn now(&mut self, seconds: i64) -> Timestamp {
        self.clock += seconds * 1_000_000 + 1;
        Timestamp::from_unix_micros(self.clock)
    }

    fn change(&self, seen: &Seen, now: Timestamp) -> Change {
        let time = Timestamp::from_unix_micros(now.unix_micros() - seen.age * 1_000_000);
        let origin = Origin {
            release: RELEASES[usize::from(seen.release)].map(str::to_owned),
            ..Origin::default()
        };
        let mut change = Change::of(Arc::new(Occurrence {
            time,
            origin: Arc::new(origin),
            ..self.prototype.clone()
        }));
        change.count(seen.times - 1, time);
        change.users = (0..seen.users)
            .map(|user| AffectedUser::new((user * seen.times).to_string(), time))
            .collect();
        change
    }

    fn review_change(&self) -> Change {
        let mut review = Change::review(self.prototype.fingerprint);
        review.newest = Some(Arc::new(self.prototype.clone()));
        review
    }

    pub(super) fn run(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Occur(seen) => {
                let now = self.now(0);
                let change = self.change(seen, now);
                let begun = || Record::begin(&change).unwrap();
                let mut record = self.record.take().unwrap_or_else(begun);
                record.apply(&change, Some(&mut self.affected), 200, now);
                self.judge(&mut record, &change, now)?;
                self.record = Some(record);
            }
            Step::Wait(seconds) | Step::Jump(seconds) => {
                self.now(*seconds);
            }
            Step::Away(seen) => self.away(seen)?,
            _ => {
                let Some(mut record) = self.record.take() else {
                    return Ok(());
                };
                let now = self.now(0);
                match step {
                    Step::Restart => {
                        let text = serde_json::to_string(&record).unwrap();
                        record = serde_json::from_str(&text).unwrap();
                    }
                    Step::Resolve(how) => record.issue.state = resolved(*how, now),
                    Step::Mute(how, time) => record.issue.state = muted(*how, *time, &record, now),
                    Step::Reopen => record.issue.state = IssueState::Open,
                    _ => {
                        let review = self.review_change();
                        self.judge(&mut record, &review, now)?;
                    }
                }
                self.record = Some(record);
            }
        }
        Ok(())
    }

    /// As the keeper does while the store is away: what is not in the store yet is judged again and again, against what the store
    /// last said and what was told since.
    fn away(&mut self, all: &[(Seen, i64)]) -> Result<(), TestCaseError> {
        let Some(stored) = self.record.clone() else {
            return Ok(());
        };
        let mut told: Option<Memory> = None;
        let mut unsaved: Option<Change> = None;
        let mut now = self.now(0);
        let mut last = None;
        let affected = self.affected.clone();
        for (seen, wait) in all {
            now = self.now(*wait);
            let more = self.change(seen, now);
            match &mut unsaved {
                Some(unsaved) => unsaved.absorb(more, 3, 200),
                None => unsaved = Some(more),
            }
            let change = unsaved.as_ref().unwrap();
            let mut copy = stored.clone();
            copy.apply(change, Some(&mut affected.clone()), 200, now);
            if let Some(told) = &told {
                copy.memory.merge(told);
            }
            if self.judge(&mut copy, change, now)? {
                told = Some(copy.memory.clone());
            }
            last = Some(copy);
        }
        let (mut record, unsaved) = (stored, unsaved.unwrap());
        record.apply(&unsaved, Some(&mut self.affected), 200, now);
        if let Some(told) = &told {
            record.memory.merge(told);
        }
        let told_again = self.policy.judge(&mut record, &unsaved, now);
        prop_assert_eq!(told_again, None, "told by both sides");
        prop_assert_eq!(&record.issue.state, &last.unwrap().issue.state);
        self.record = Some(record);
        Ok(())
    }

    /// Returns whether it was told.
    fn judge(
        &mut self,
        record: &mut Record,
        change: &Change,
        now: Timestamp,
    ) -> Result<bool, TestCaseError> {
        let before = record.clone();
        let verdict = self.policy.judge(record, change, now);
        let reason = verdict.as_ref().map(|verdict| &verdict.reason);
        let untold = before.issue.count - before.memory.told_count;
        prop_assert!(record.review_at.is_none_or(|review| review > now));
        let after = record.clone();
        let again = self.policy.judge(record, change, now);
        prop_assert_eq!(again, None, "judged again");
        *record = after;
        if before.memory.alerts == 0 && before.issue.state == IssueState::Open {
            prop_assert_eq!(reason, Some(&Reason::New), "a new problem");
        }
        let is_ratio = before.issue.kind == Kind::ErrorRatio;
        match &before.issue.state {
            IssueState::Muted { muted_until, .. } => {
                let holds = match muted_until {
                    MuteEnd::At(end) => now < *end,
                    MuteEnd::Count(count) => before.issue.count < *count,
                    MuteEnd::Never => true,
                };
                prop_assert!(!holds || verdict.is_none(), "muted");
            }
            IssueState::Resolved {
                resolved_at,
                resolved_in: ResolvedIn::Any,
            } if change.seen.is_some_and(|(_, last)| last >= *resolved_at) => {
                let owed = record.memory.owed.as_ref();
                let told = reason.or(owed).map(Reason::as_str);
                let is_known = before.memory.left == Some(*resolved_at);
                prop_assert!(is_known || matches!(told, Some("regressed" | "new")));
                prop_assert!(is_known || record.issue.state == IssueState::Open);
            }
            _ => {}
        }
        if change.count == 0 && untold == 0 {
            let may_be = is_ratio && reason == Some(&Reason::AllClear);
            prop_assert!(verdict.is_none() || may_be, "a review without news");
        }
        let is_known = |at: &Timestamp| before.memory.left == Some(*at);
        let was_resolved = matches!(&before.issue.state, IssueState::Resolved { resolved_at, .. } if !is_known(resolved_at));
        self.is_back_untold |= was_resolved && record.issue.state == IssueState::Open;
        if is_ratio && record.issue.state != IssueState::Open {
            self.is_back_untold = false;
        }
        let Some(verdict) = verdict else {
            return Ok(false);
        };
        if std::mem::take(&mut self.is_back_untold) {
            let told = verdict.reason.as_str();
            prop_assert!(
                matches!(told, "regressed" | "new"),
                "{told} in place of its return"
            );
        }
        let by_numbers = matches!(verdict.reason.as_str(), "rate" | "jump" | "users" | "count");
        prop_assert!(!is_ratio || !by_numbers);
        if let Reason::Count { count } = verdict.reason {
            let from = before.memory.counted_from;
            prop_assert!(count > before.memory.milestone);
            prop_assert!(count <= record.issue.count - from);
        }
        self.accounted += verdict.held_back + u64::from(untold > 0);
        prop_assert_eq!(self.accounted, record.issue.count);
        self.told.push((now, verdict.reason));
        Ok(true)
    }

    /// Nothing occurs any more and people decide nothing: reviews come to an end, and then nothing is left untold.
    pub(super) fn settle(&mut self) -> Result<(), TestCaseError> {
        let Some(mut record) = self.record.take() else {
            return Ok(());
        };
        let review = self.review_change();
        let mut now = self.now(0);
        let mut reviews = 0;
        self.judge(&mut record, &review, now)?;
        while let Some(review_at) = record.review_at {
            now = review_at.max(now);
            self.judge(&mut record, &review, now)?;
            reviews += 1;
            prop_assert!(reviews < 100, "a review leads to the next");
        }
        let (issue, memory) = (&record.issue, &record.memory);
        if issue.state == IssueState::Open && !memory.unmuted {
            prop_assert_ne!(issue.kind, Kind::ErrorRatio, "it is over");
            prop_assert_eq!(memory.told_count, issue.count);
            prop_assert_eq!(&memory.owed, &None);
            let since = issue.count - memory.counted_from;
            let passed = 10_u64.pow(since.ilog10());
            prop_assert!(passed == 1 || memory.milestone == passed);
        }
        Ok(())
    }

    pub(super) fn is_quiet_enough(&self) -> Result<(), TestCaseError> {
        let cap = self.policy.max_per_hour;
        for (from, _) in &self.told {
            let to = from.after(minutes(60));
            let within = self.told.iter().filter(|(at, _)| (*from..to).contains(at));
            let within: Vec<_> = within.map(|(_, reason)| reason).collect();
            prop_assert!(within.len() <= cap + MAX_URGENT_PER_HOUR + 1);
            let is_urgent = |reason: &&&Reason| {
                matches!(
                    reason,
                    Reason::New
                        | Reason::AllClear
                        | Reason::Regressed {
                            after: Regression::Resolved | Regression::Release(_)
                        }
                )
            };
            let waiting = within.len() - within.iter().filter(is_urgent).count();
            prop_assert!(waiting <= cap, "{:?}", within);
        }
        Ok(())
    }
}

pub(super) fn resolved(how: u8, now: Timestamp) -> IssueState {
    IssueState::Resolved {
        resolved_at: now,
        resolved_in: match how {
            0 | 1 => ResolvedIn::Any,
            2 => ResolvedIn::Release("1.1".to_owned()),
            _ => ResolvedIn::After(Some("1.0".to_owned())),
        },
    }
}

pub(super) fn muted(how: u8, time: i64, record: &Record, now: Timestamp) -> IssueState {
    let time = time.unsigned_abs();
    IssueState::Muted {
        muted_at: now,
        muted_until: match how {
            0 => MuteEnd::At(now.after(Duration::from_secs(time))),
            1 => MuteEnd::Count(record.issue.count + time / 100),
            _ => MuteEnd::Never,
        },
    }
}

//! What was dropped, counted by reason.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Why something was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LossReason {
    /// An audit record, because the file's writer could not keep up.
    AuditQueueFull,
    /// An audit record, because the file could not be written: a full disk, a missing folder.
    AuditWriteFailed,
    /// The details of an occurrence, because the pipeline could not keep up. It still counts in its issue or, when no occurrence
    /// of the problem comes through, as a lost one.
    OccurrenceDetails,
    /// A whole occurrence: too many different problems at once, or the pipeline has ended.
    Occurrence,
    /// An issue that the memory store forgot to make room for a newer one.
    IssueForgotten,
    /// An alert that its notifier's destination refused, and that no other notifier could deliver. It is in the log.
    AlertRefused,
    /// An alert that could not be delivered in the [time](crate::DEFAULT_ALERT_AGE) there was: it is in the log; or that waited when
    /// the process ended, and the store was not durable.
    AlertUndelivered,
    /// An alert whose notifier panicked again and again, and that no other notifier could deliver. It is in the log.
    NotifierPanicked,
}

impl LossReason {
    /// Every reason.
    pub const ALL: &'static [Self] = &[
        Self::AuditQueueFull,
        Self::AuditWriteFailed,
        Self::OccurrenceDetails,
        Self::Occurrence,
        Self::IssueForgotten,
        Self::AlertRefused,
        Self::AlertUndelivered,
        Self::NotifierPanicked,
    ];

    /// The reason of this [name](Self::as_str).
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.as_str() == name)
    }

    /// The name in logs and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuditQueueFull => "audit_queue_full",
            Self::AuditWriteFailed => "audit_write_failed",
            Self::OccurrenceDetails => "occurrence_details",
            Self::Occurrence => "occurrence",
            Self::IssueForgotten => "issue_forgotten",
            Self::AlertRefused => "alert_refused",
            Self::AlertUndelivered => "alert_undelivered",
            Self::NotifierPanicked => "notifier_panicked",
        }
    }
}

const REASONS: usize = LossReason::ALL.len();

/// How much was dropped, by reason. All zero is the normal state.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Losses([u64; REASONS]);

impl Losses {
    /// How much was dropped for this reason.
    #[must_use]
    pub fn of(&self, reason: LossReason) -> u64 {
        self.0[reason as usize]
    }

    /// How much was dropped in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |total: u64, count| total.saturating_add(*count))
    }

    /// The reasons for which something was dropped, with how much.
    pub fn iter(&self) -> impl Iterator<Item = (LossReason, u64)> + '_ {
        LossReason::ALL
            .iter()
            .map(|reason| (*reason, self.of(*reason)))
            .filter(|(_, count)| *count > 0)
    }

    /// Both together.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|at| {
            self.0[at].saturating_add(other.0[at])
        }))
    }

    /// What came on top of `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self(std::array::from_fn(|at| {
            self.0[at].saturating_sub(earlier.0[at])
        }))
    }
}

impl fmt::Debug for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.iter().map(|(reason, count)| (reason.as_str(), count));
        f.debug_map().entries(named).finish()
    }
}

impl Serialize for Losses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (reason, count) in self.iter() {
            map.serialize_entry(reason.as_str(), &count)?;
        }
        map.end()
    }
}

/// Reasons of another version are left out.
impl<'de> Deserialize<'de> for Losses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut losses = Self::default();
        for (name, count) in BTreeMap::<String, u64>::deserialize(deserializer)? {
            if let Some(reason) = LossReason::from_name(&name) {
                losses.0[reason as usize] = count;
            }
        }
        Ok(losses)
    }
}

/// The live counts, shared by everything that may have to drop something.
#[derive(Debug, Default)]
pub(crate) struct LossCounter([AtomicU64; REASONS]);

impl LossCounter {
    pub(crate) fn add(&self, reason: LossReason, count: u64) {
        self.0[reason as usize].fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn totals(&self) -> Losses {
        Losses(std::array::from_fn(|at| self.0[at].load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_counted_for_itself() {
        let counter = LossCounter::default();
        for (index, reason) in LossReason::ALL.iter().copied().enumerate() {
            assert_eq!(reason as usize, index, "ALL is in the order of the enum");
            counter.add(reason, index as u64);
        }
        let totals = counter.totals();
        assert_eq!(totals.total(), 28);
        assert_eq!(totals.iter().count(), LossReason::ALL.len() - 1);
        counter.add(LossReason::Occurrence, 5);
        assert_eq!(
            counter.totals().since(&totals).iter().collect::<Vec<_>>(),
            [(LossReason::Occurrence, 5)]
        );
    }

    #[test]
    fn losses_are_read_back_but_for_reasons_nobody_knows() {
        let losses = Losses(std::array::from_fn(|index| index as u64));
        let mut json = serde_json::to_value(losses).unwrap();
        assert_eq!(
            serde_json::from_value::<Losses>(json.clone()).unwrap(),
            losses
        );
        json["eaten_by_a_later_version"] = 7.into();
        assert_eq!(serde_json::from_value::<Losses>(json).unwrap(), losses);
        assert_eq!(
            serde_json::from_str::<Losses>("{}").unwrap(),
            Losses::default()
        );
    }
}

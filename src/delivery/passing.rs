//! What the services hear, which take every occurrence.

use std::sync::Arc;

use super::decision::Decision;
use crate::issue::{Alert, Change, Memory, Reason, Record};
use crate::occurrence::Occurrence;
use crate::time::Timestamp;

impl Decision {
    /// Each occurrence of which everything is known and that was not passed on before; the first says how many were only counted.
    ///
    /// While the store is away, a change is looked at again and again: the notes tell what is new in it.
    pub(super) fn passed_on(
        &self,
        change: &Change,
        record: &mut Record,
        now: Timestamp,
    ) -> Vec<Alert> {
        let count = record.issue.count;
        let known = match record.memory.passed_on {
            // Nothing was passed on before, maybe because there was no service.
            0 => count.saturating_sub(change.count),
            known => known,
        };
        let is_new = |memory: &Memory, id| !memory.passed.contains(&id);
        let occurrences = change.occurrences.iter();
        let new: Vec<_> = occurrences
            .filter(|occurrence| is_new(&record.memory, occurrence.id))
            .collect();
        let mut held_back = count.saturating_sub(known).saturating_sub(new.len() as u64);
        let alert = |occurrence: &&Arc<Occurrence>| {
            let reason = Reason::Occurred;
            self.alert(occurrence.id, reason, record, Arc::clone(occurrence), now)
        };
        let mut alerts: Vec<_> = new.iter().map(alert).collect();
        for alert in &mut alerts {
            alert.severity = self.policy.severity_of(&alert.occurrence);
            alert.held_back = std::mem::take(&mut held_back);
        }
        if !alerts.is_empty() {
            record.memory.passed_on = count;
            let ids = alerts.iter().map(|alert| alert.id);
            record.memory.note_passed(ids);
        }
        alerts
    }
}

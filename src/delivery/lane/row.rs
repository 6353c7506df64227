//! The notifiers in the order they were added: who takes what another cannot deliver.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::issue::Alert;
use crate::notify::{Channel, Takes};

/// The notifiers in the order they were added. All lanes share it.
#[derive(Debug)]
pub(in crate::delivery) struct Row {
    seats: Vec<Seat>,
    /// Who refused what, lately: it is not handed to them again.
    refusals: Mutex<VecDeque<(Uuid, usize)>>,
}

#[derive(Debug)]
struct Seat {
    name: String,
    takes: Takes,
    is_stopped: AtomicBool,
    wake: Notify,
}

impl Row {
    /// A place for each, under a name of its own: the second of a name has `-2` behind it.
    pub(in crate::delivery) fn of(channels: &[Channel]) -> Self {
        let mut taken = HashSet::new();
        let seat = |channel: &Channel| {
            let own = channel.own_name();
            let numbered = (2..).map(|number| format!("{own}-{number}"));
            let mut names = std::iter::once(own.clone()).chain(numbered);
            let name = names.find(|name| taken.insert(name.clone()));
            Seat {
                name: name.unwrap_or(own),
                takes: channel.own_takes(),
                is_stopped: AtomicBool::new(false),
                wake: Notify::new(),
            }
        };
        Self {
            seats: channels.iter().map(seat).collect(),
            refusals: Mutex::default(),
        }
    }

    pub(super) fn name(&self, place: usize) -> &str {
        &self.seats[place].name
    }

    /// Has a lane look for what it can do.
    pub(super) fn wake(&self, place: usize) {
        self.seats[place].wake.notify_one();
    }

    pub(super) async fn woken(&self, place: usize) {
        self.seats[place].wake.notified().await;
    }

    pub(super) fn set_stopped(&self, place: usize, is_stopped: bool) {
        self.seats[place]
            .is_stopped
            .store(is_stopped, Ordering::Release);
    }

    pub(super) fn takes(&self, place: usize) -> Takes {
        self.seats[place].takes
    }

    /// Whether it takes nothing any more while others of its sort do. The last ones are given alerts whatever happens, so that these
    /// come at least into the log.
    pub(super) fn is_passed_over(&self, place: usize) -> bool {
        let mut others = (0..self.seats.len()).filter(|other| self.is_same_sort(place, *other));
        self.is_stopped(place) && others.any(|other| !self.is_stopped(other))
    }

    fn is_same_sort(&self, place: usize, other: usize) -> bool {
        self.takes(place).is_for_people() == self.takes(other).is_for_people()
    }

    fn is_stopped(&self, place: usize) -> bool {
        self.seats[place].is_stopped.load(Ordering::Acquire)
    }

    /// Who takes what this one could not deliver: the next one in the row that works, takes such alerts and has not refused it
    /// itself. To a person nothing is handed that was for a service, nor the other way round.
    pub(super) fn heir(&self, place: usize, alert: &Alert) -> Option<usize> {
        let refusals = self.refusals();
        let has_refused = |other| refusals.contains(&(alert.id, other));
        let takes = |other: usize| alert.reasons().any(|reason| self.takes(other).has(reason));
        let count = self.seats.len();
        let mut others = (1..count).map(|step| (place + step) % count);
        others.find(|other| !self.is_stopped(*other) && takes(*other) && !has_refused(*other))
    }

    pub(super) fn refused(&self, place: usize, alert: Uuid) {
        let mut refusals = self.refusals();
        if refusals.len() >= MAX_REFUSALS {
            refusals.pop_front();
        }
        refusals.push_back((alert, place));
    }

    fn refusals(&self) -> MutexGuard<'_, VecDeque<(Uuid, usize)>> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const MAX_REFUSALS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::fixtures::alert;
    use crate::issue::Severity;
    use crate::notify::{Capture, Log};

    fn row() -> Row {
        let log = || Channel::new(Log::new());
        Row::of(&[
            log(),
            log(),
            Channel::new(Capture::new()).name("log-2"),
            log(),
        ])
    }

    #[test]
    fn everyone_has_a_name_of_its_own() {
        let row = row();
        let names: Vec<_> = (0..4).map(|place| row.name(place)).collect();
        assert_eq!(names, ["log", "log-2", "log-2-2", "log-3"]);
    }

    #[test]
    fn what_one_cannot_deliver_goes_round_once() {
        let (row, alert, other) = (row(), alert(7, Severity::Error), alert(8, Severity::Error));
        row.set_stopped(3, true);
        assert_eq!(row.heir(2, &alert), Some(0));
        row.refused(2, alert.id);
        row.refused(0, alert.id);
        assert_eq!(row.heir(0, &alert), Some(1));
        row.refused(1, alert.id);
        assert_eq!(row.heir(1, &alert), None);
        assert_eq!(row.heir(1, &other), Some(2));
    }

    #[test]
    fn the_last_ones_are_not_passed_over() {
        let row = row();
        for place in 0..3 {
            row.set_stopped(place, true);
        }
        assert!(row.is_passed_over(0) && !row.is_passed_over(3));
        row.set_stopped(3, true);
        assert!(!row.is_passed_over(0) && !row.is_passed_over(3));
    }
}

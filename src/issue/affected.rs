//! Who was hit by a problem.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::Sketch;
use crate::request::{RequestId, User};
use crate::time::Timestamp;

/// A user who was hit by a problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AffectedUser {
    /// The id that the app knows them by, or what the [privacy mode](crate::redact::Privacy) made of it.
    pub id: String,
    /// What to call them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where to write to them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// How often they were hit.
    pub count: u64,
    /// When first.
    pub first_seen: Timestamp,
    /// When last.
    pub last_seen: Timestamp,
    /// The id that they were shown the last time that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
}

/// The users who were hit by a problem: a list of the first ones up to a bound, and an estimate of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Affected {
    /// The first ones, in the order in which they were hit.
    pub users: Vec<AffectedUser>,
    /// All of them, as far as that fits into a kilobyte.
    #[serde(default, skip_serializing_if = "Sketch::is_empty")]
    pub sketch: Sketch,
    /// Whether there are users who are not listed.
    #[serde(default)]
    pub has_more: bool,
}

impl Affected {
    /// How many users there are: exact while all are listed, else an estimate that is off by 3 % as a rule.
    #[must_use]
    pub fn count(&self) -> u64 {
        let listed = self.users.len() as u64;
        if self.has_more {
            self.sketch.estimate().max(listed)
        } else {
            listed
        }
    }

    /// Takes in users seen elsewhere, up to `max` of them.
    pub fn merge(&mut self, users: &[AffectedUser], sketch: &Sketch, has_more: bool, max: usize) {
        self.has_more |= listed(&mut self.users, users, max);
        self.sketch.merge(sketch);
        self.has_more |= has_more;
    }

    /// Nobody was hit later than this.
    pub(super) fn put_right(&mut self, latest: Timestamp) {
        for user in &mut self.users {
            user.first_seen = user.first_seen.min(latest);
            user.last_seen = user.last_seen.min(latest);
        }
    }

    /// Takes a user off the list, and says whether they were on it. The estimate still counts them: it knows nobody.
    pub fn forget(&mut self, id: &str) -> bool {
        let before = self.users.len();
        self.users.retain(|user| user.id != id);
        let forgotten = self.users.len() < before;
        self.has_more |= forgotten;
        forgotten
    }
}

/// Takes `others` into the list, up to `max` of them. Returns whether there was no room for somebody.
pub(super) fn listed(users: &mut Vec<AffectedUser>, others: &[AffectedUser], max: usize) -> bool {
    let is_long = users.len().saturating_add(others.len()) > LONG && others.len() > 1;
    let places = is_long.then(|| places(users, others));
    let mut has_more = false;
    for (at, user) in others.iter().enumerate() {
        let place = match &places {
            Some(places) => Some(places[at]),
            None => users.iter().position(|known| known.id == user.id),
        };
        let has_room = users.len() < max;
        match place.and_then(|place| users.get_mut(place)) {
            Some(known) => known.take_in(user),
            None if has_room => users.push(user.clone()),
            None => has_more = true,
        }
    }
    has_more
}

/// Where each of the others is on the list, or will be if there is room.
fn places(users: &[AffectedUser], others: &[AffectedUser]) -> Vec<usize> {
    let mut known: HashMap<&str, usize> = HashMap::with_capacity(users.len() + others.len());
    for user in users {
        let next = known.len();
        known.entry(&user.id).or_insert(next);
    }
    let place = |user| {
        let next = known.len();
        *known.entry(user).or_insert(next)
    };
    others.iter().map(|user| &*user.id).map(place).collect()
}

/// A longer list is searched by an index.
const LONG: usize = 64;

impl AffectedUser {
    /// Somebody of whom no more than the id is known.
    #[must_use]
    pub fn new(id: impl Into<String>, at: Timestamp) -> Self {
        Self {
            id: id.into(),
            name: None,
            email: None,
            count: 1,
            first_seen: at,
            last_seen: at,
            request_id: None,
        }
    }

    /// This user, hit once.
    pub(crate) fn of(user: &User, at: Timestamp) -> Self {
        Self {
            name: user.display_name().map(str::to_owned),
            email: user.email_address().map(str::to_owned),
            ..Self::new(user.id(), at)
        }
    }

    pub(crate) fn take_in(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.first_seen = self.first_seen.min(other.first_seen);
        if other.last_seen >= self.last_seen {
            self.last_seen = other.last_seen;
            let keep = |known: &mut Option<String>, new: &Option<String>| {
                if new.is_some() {
                    known.clone_from(new);
                }
            };
            keep(&mut self.name, &other.name);
            keep(&mut self.email, &other.email);
            if other.request_id.is_some() {
                self.request_id.clone_from(&other.request_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::user_hash;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_micros(second * 1_000_000)
    }

    fn sketch(ids: &[&str]) -> Sketch {
        let mut sketch = Sketch::default();
        ids.iter().for_each(|id| sketch.add(user_hash(id)));
        sketch
    }

    #[test]
    fn users_are_exact_up_to_the_bound_and_estimated_beyond() {
        let mut affected = Affected::default();
        for id in ["1", "2", "1"] {
            affected.merge(&[AffectedUser::new(id, at(1))], &sketch(&[id]), false, 2);
        }
        assert_eq!((affected.count(), affected.has_more), (2, false));
        assert_eq!(affected.users[0].count, 2);
        affected.merge(&[AffectedUser::new("3", at(2))], &sketch(&["3"]), false, 2);
        assert_eq!((affected.users.len(), affected.has_more), (2, true));
        assert_eq!(affected.count(), 3);
    }

    #[test]
    fn a_long_list_comes_to_what_a_short_one_does() {
        let ids: Vec<_> = (0..500_u64).map(|n| (n * 7919 % 230).to_string()).collect();
        let all: Vec<_> = ids.iter().map(|id| AffectedUser::new(id, at(1))).collect();
        for max in [10, 150, 400] {
            let (mut at_once, mut one_by_one) = (Vec::new(), Vec::new());
            let mut has_more = (false, false);
            for part in all.chunks(170) {
                has_more.0 |= listed(&mut at_once, part, max);
            }
            for one in all.chunks(1) {
                has_more.1 |= listed(&mut one_by_one, one, max);
            }
            assert_eq!(at_once, one_by_one);
            assert_eq!(has_more, (max < 230, max < 230));
            assert_eq!(at_once.len(), max.min(230));
        }
    }

    #[test]
    fn the_newest_name_and_address_stay_and_a_user_can_be_forgotten() {
        let mut affected = Affected::default();
        let mut old = AffectedUser::new("42", at(5));
        old.email = Some("old@example.org".to_owned());
        let mut new = AffectedUser::new("42", at(9));
        new.email = Some("uma@example.org".to_owned());
        affected.merge(&[new, old], &sketch(&["42"]), false, 9);
        assert_eq!(affected.users[0].email.as_deref(), Some("uma@example.org"));
        assert_eq!(
            (affected.users[0].first_seen, affected.users[0].last_seen),
            (at(5), at(9))
        );
        assert!(affected.forget("42") && !affected.forget("42"));
        assert!(affected.users.is_empty());
        assert_eq!(affected.count(), 1, "the estimate knows nobody");
    }
}

//! Who the users are that are only counted: known by a hash, since their first occurrence said who they are.

use std::collections::HashMap;

use super::sites::Counted;
use crate::issue::{AffectedUser, Change, Sketch, user_hash};
use crate::occurrence::Occurrence;
use crate::request::RequestContext;
use crate::time::Timestamp;

/// Who is behind the hashes that are counted with a key.
#[derive(Debug, Default)]
pub(super) struct People {
    /// By the key, and then by the hash.
    known: HashMap<u64, HashMap<u64, AffectedUser>>,
    count: usize,
}

impl People {
    /// `user` is `None` when the privacy mode hides them.
    pub(super) fn learn(&mut self, key: u64, hash: u64, user: Option<&AffectedUser>) {
        if self.count >= MAX_PEOPLE {
            // Those that come again are counted without their names.
            *self = Self::default();
        }
        if let Some(user) = user {
            let of_key = self.known.entry(key).or_default();
            self.count += usize::from(of_key.insert(hash, user.clone()).is_none());
        }
    }

    pub(super) fn forget(&mut self, id: &str) {
        for of_key in self.known.values_mut() {
            of_key.retain(|_, user| user.id != id);
        }
        self.known.retain(|_, of_key| !of_key.is_empty());
        self.count = self.known.values().map(HashMap::len).sum();
    }

    /// Adds the users of occurrences that were only counted.
    pub(super) fn add(&self, change: &mut Change, counted: &Counted, now: Timestamp) {
        let known = self.known.get(&counted.key);
        for (hash, count) in &counted.users {
            match known.and_then(|known| known.get(hash)) {
                Some(user) => change.users.push(AffectedUser {
                    count: *count,
                    last_seen: now.max(user.first_seen),
                    ..user.clone()
                }),
                None => change.has_unlisted_users = true,
            }
        }
        if let Some(sketch) = &counted.sketch {
            change.sketch.merge(sketch);
            // Whoever is not known by now found no room.
            let mut listed = Sketch::default();
            let hashes = known.into_iter().flat_map(HashMap::keys);
            hashes.for_each(|hash| listed.add(*hash));
            let mut all = listed.clone();
            all.merge(sketch);
            change.has_unlisted_users |= all != listed;
        }
    }
}

/// The user of an occurrence of which everything is known.
pub(super) fn user_of(
    request: Option<&RequestContext>,
    occurrence: &Occurrence,
) -> Option<(u64, Option<AffectedUser>)> {
    let hash = request?.with_user(|user| user_hash(user.id()))?;
    let snapshot = occurrence.request.as_ref();
    let user = snapshot.and_then(|request| {
        let mut user = AffectedUser::of(request.user.as_ref()?, occurrence.time);
        user.request_id = Some(request.id.clone());
        Some(user)
    });
    Some((hash, user))
}

/// Adds one user to what was seen.
pub(super) fn hit(change: &mut Change, hash: u64, user: Option<AffectedUser>) {
    change.sketch.add(hash);
    change.has_unlisted_users |= user.is_none();
    change.users.extend(user);
}

const MAX_PEOPLE: usize = 8_192;

//! Whose crates the units are of.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::index::Slot;
use super::{Loaded, Prepared, Units, root};
use crate::stack::Missing;

impl Units {
    /// Looks at the beginnings of all units, half a microsecond each, so that the crates of others are known.
    fn know_crates(&self) {
        let mut done = Prepared::default();
        while self.know_more(&mut done) {}
        self.known.store(self.images.len(), Ordering::Relaxed);
    }

    /// Looks at some of them, once it is known where they are; whether there are more.
    pub(in super::super) fn know_more(&self, done: &mut Prepared) -> bool {
        let Some(loaded) = self.images.get(done.images) else {
            return false;
        };
        if loaded.index.get().is_none() {
            loaded.index();
            return true;
        }
        let slots = &loaded.index().slots;
        let next = slots.iter().skip(done.slots).take(KNOWN_AT_ONCE);
        for slot in next {
            self.is_own_slot(loaded, slot);
        }
        done.slots += KNOWN_AT_ONCE;
        if done.slots >= slots.len() {
            (done.slots, done.images) = (0, done.images + 1);
        }
        true
    }

    /// Why nothing of the app is described, if that is so: dependencies may be, and the standard library always is.
    pub(in super::super) fn describe_nothing(&self) -> Option<Missing> {
        let has_own = |loaded: &Loaded| {
            let mut slots = loaded.index().slots.iter();
            slots.any(|slot| self.is_own_slot(loaded, slot))
        };
        let nothing = !self.images.iter().any(has_own);
        nothing.then_some(Missing::NoDebuginfo)
    }

    /// Whether the crate of this name in paths is somebody else's. The app's own units may be named otherwise, when they are
    /// compiled incrementally. A crate that was compiled without debug information has no unit that says whose it is, and
    /// counts as the app's.
    pub(in super::super) fn is_foreign_crate(&self, name: &str) -> bool {
        if self.known.load(Ordering::Relaxed) < self.images.len() {
            self.know_crates();
        }
        let foreign = self.foreign.read().unwrap_or_else(PoisonError::into_inner);
        foreign.contains(name)
    }

    pub(super) fn is_own_slot(&self, loaded: &Loaded, slot: &Slot) -> bool {
        *slot.own.get_or_init(|| {
            let dwarf = &loaded.image.dwarf;
            let header = dwarf.debug_info.header_from_offset(slot.offset());
            let Some(unit) = header
                .ok()
                .and_then(|header| root::unit(dwarf, header, &loaded.recent))
            else {
                return false;
            };
            let is_own = root::is_own(&unit, &self.is_own);
            if !is_own && let Some(name) = unit.name.and_then(root::crate_of) {
                let mut foreign = self.foreign.write().unwrap_or_else(PoisonError::into_inner);
                foreign.insert(name);
            }
            is_own
        })
    }
}

/// Beginnings of units that are looked at in one go: some 100 µs.
const KNOWN_AT_ONCE: usize = 200;

//! What a future keeps over another wait than the one that it is at.
//!
//! A variable that lives across any `await` has one place in the future from its declaration to its end: also where it is not
//! needed any more, and before the first wait. Two share a place only when one ends before the other begins.

use std::ops::Range;
use std::sync::Arc;

use super::{Held, Search};
use crate::locals::read::{Place, Reader};
use crate::locals::types::{Choice, Field, Kind, Told, Type, Variant};

impl Search<'_, '_> {
    /// The variables that calls of this function have lost and its future has a place for, but those that are kept over the
    /// current wait.
    pub(super) fn homes(
        &mut self,
        choice: &Choice,
        (current, waited): (&Variant, Option<u32>),
        place: Place<'_>,
        function: &str,
    ) -> Vec<Held> {
        let calls = self.running.iter();
        let calls = calls.filter(|call| call.runs(function));
        let mut homes: Vec<Held> = Vec::new();
        for wanted in calls.flat_map(|call| &call.wants) {
            let is_it = |name: &str, of: &Type| *name == *wanted.name && of.name == wanted.of;
            let is_old = wanted
                .line
                .zip(waited)
                .is_some_and(|(line, wait)| line < wait);
            if !wanted.is_lost && !is_old || homes.iter().any(|home| is_it(&home.name, &home.of)) {
                continue;
            }
            let is_kept = current.fields.iter().any(|it| *it.name == *wanted.name);
            let all = choice.variants.iter().flat_map(|variant| &variant.fields);
            let mut its: Vec<&Field> = all.filter(|it| *it.name == *wanted.name).collect();
            its.retain(|it| is_kept_only_below(choice, it, wanted.line));
            its.retain(|it| {
                let of = self.reader.types.follow(self.reader.units, &it.to);
                is_it(&it.name, &of)
            });
            let Some((home, others)) = its.split_first() else {
                continue;
            };
            // Variables of one name, of which one hides the other.
            if is_kept || others.iter().any(|other| other.offset != home.offset) {
                continue;
            }
            let of = self.reader.types.follow(self.reader.units, &home.to);
            let own = home.offset..home.offset.saturating_add(of.size);
            if self.reader.is_within(&current.fields, &own, home) {
                continue;
            }
            let is_shared = choice
                .variants
                .iter()
                .any(|variant| self.reader.is_within(&variant.fields, &own, home));
            let is_safe = match is_shared {
                // What is copied keeps its place, what is moved leaves it to others.
                true => self.reader.is_copied(&of),
                false => self.reader.is_plain(&of),
            };
            homes.push(Held {
                name: Arc::clone(&home.name),
                kept: self.keep(home, place),
                is_stale: !is_safe,
                of,
            });
        }
        homes
    }
}

/// Whether all waits over which this is kept are below the line: no other can be that of the variable declared there.
fn is_kept_only_below(choice: &Choice, field: &Field, line: Option<u32>) -> bool {
    let keeps = |variant: &&Variant| {
        let mut fields = variant.fields.iter();
        fields.any(|it| (&it.name, it.offset) == (&field.name, field.offset))
    };
    let waits = choice.variants.iter().filter(keeps);
    let mut above =
        waits.filter(|wait| line.zip(wait.line).is_some_and(|(line, wait)| wait < line));
    above.next().is_none()
}

impl Reader<'_> {
    /// Whether other variables than this lie within these bytes.
    fn is_within(&mut self, fields: &[Field], bytes: &Range<u64>, own: &Field) -> bool {
        fields.iter().any(|field| {
            let of = self.types.follow(self.units, &field.to);
            let is_own = field.name == own.name && field.offset == own.offset;
            let end = field.offset.saturating_add(of.size);
            !is_own && field.offset < bytes.end && bytes.start < end
        })
    }

    /// Whether a value is left as it is by whoever takes it: it owns nothing.
    pub(super) fn is_plain(&mut self, of: &Type) -> bool {
        self.is_plain_at(of, MAX_LEVELS)
    }

    fn is_plain_at(&mut self, of: &Type, levels: usize) -> bool {
        let Some(levels) = levels.checked_sub(1) else {
            return false;
        };
        if self.is_copied(of) {
            return true;
        }
        match self.types.kind(self.units, of) {
            Kind::Names(_) => true,
            Kind::Told { what, .. } => *what != Told::Weak,
            Kind::Struct(fields) => self.are_plain(fields, levels),
            Kind::Choice(choice) if !choice.is_coroutine => {
                let mut variants = choice.variants.iter();
                variants.all(|it| self.are_plain(&it.fields, levels))
            }
            Kind::Array { item, .. } => {
                let of = self.types.follow(self.units, &item.to);
                self.is_plain_at(&of, levels)
            }
            _ => false,
        }
    }

    fn are_plain(&mut self, fields: &[Field], levels: usize) -> bool {
        fields.iter().all(|field| {
            let of = self.types.follow(self.units, &field.to);
            self.is_plain_at(&of, levels)
        })
    }

    /// Whether the language copies its values.
    fn is_copied(&mut self, of: &Type) -> bool {
        let is_number = matches!(
            self.types.kind(self.units, of),
            Kind::Unit | Kind::Bool | Kind::Char | Kind::Signed | Kind::Unsigned | Kind::Float
        );
        is_number || (of.name.starts_with('&') && !of.name.starts_with("&mut "))
    }
}

const MAX_LEVELS: usize = 5;

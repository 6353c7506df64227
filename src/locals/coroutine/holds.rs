//! Which types can have a future in them, so that the others are not looked into.

use std::collections::HashSet;
use std::sync::Arc;

use crate::locals::read::Reader;
use crate::locals::types::{Kind, Link, Rest, Type};

/// How many types are looked at for one; what has more in it may as well have a future.
const MAX_TYPES: usize = 1_500;

impl Reader<'_> {
    /// Whether a value of the type can lead to a future made by `async`.
    pub(super) fn may_hold_coroutine(&mut self, of: &Arc<Type>) -> bool {
        if let Some(known) = of.may_hold_coroutine() {
            return known;
        }
        let mut seen = HashSet::from([of.entry]);
        let mut rest = vec![Arc::clone(of)];
        let mut all = Vec::new();
        let mut found = false;
        while let Some(next) = rest.pop() {
            found = match next.may_hold_coroutine() {
                Some(known) => known,
                None => self.holds(&next, &mut |reader, link| {
                    if seen.insert(link.entry) {
                        rest.push(reader.types.follow(reader.units, link));
                    }
                }),
            };
            all.push(next);
            if found || all.len() >= MAX_TYPES {
                found = true;
                break;
            }
        }
        of.set_may_hold_coroutine(found);
        if !found {
            for next in all {
                next.set_may_hold_coroutine(false);
            }
        }
        found
    }

    /// Whether it is one itself, or may be; the types within it are handed on.
    fn holds(&mut self, of: &Type, within: &mut dyn FnMut(&mut Self, &Link)) -> bool {
        match self.types.kind(self.units, of) {
            Kind::Choice(choice) if choice.is_coroutine => return true,
            Kind::Choice(choice) => {
                let fields = choice.variants.iter().flat_map(|variant| &variant.fields);
                fields.for_each(|field| within(self, &field.to));
            }
            Kind::Struct(fields) => fields.iter().for_each(|field| within(self, &field.to)),
            Kind::Same { to, .. }
            | Kind::Once { to, .. }
            | Kind::Pointer { to, .. }
            | Kind::Chain { to, .. } => within(self, to),
            Kind::Slice { item, .. } | Kind::Array { item, .. } => within(self, &item.to),
            Kind::Shared(shared) if matches!(shared.rest, Rest::None) => within(self, &shared.to),
            Kind::Dyn { .. } => return is_future(&of.name),
            _ => {}
        }
        false
    }
}

/// Whether a trait object is, by the name of its trait, something that is polled.
fn is_future(name: &str) -> bool {
    ["future::Future", "stream::Stream", "Body"]
        .iter()
        .any(|polled| name.contains(polled))
}

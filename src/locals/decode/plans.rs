//! The plans of the calls that led to a failure.

use std::sync::Arc;
use std::time::Instant;

use super::{Decoder, is_ours};
use crate::locals::helper::Held;
use crate::locals::plan::{Plan, Plans, Scope};
use crate::stack::Missing;

impl Decoder {
    /// The plans of the calls, and why there is none. Plans that were not made by then are not made.
    pub(super) fn plans(
        &mut self,
        held: &Held<'_>,
        until: Instant,
    ) -> (Vec<Option<Arc<Plan>>>, Option<Missing>) {
        let (mut plans, mut missing) = (Vec::with_capacity(held.calls.len()), None);
        let mut scopes = 0;
        for call in held.calls {
            if scopes >= held.wanted {
                break;
            }
            if self.plans.known(call.pc).is_none() {
                if Instant::now() >= until {
                    missing.get_or_insert(Missing::Deadline);
                    break;
                }
                if self.modules.find(call.pc).is_none() {
                    self.load();
                }
            }
            let plan = self.plans.get(&self.units, call.pc).unwrap_or_else(|why| {
                missing.get_or_insert(why);
                None
            });
            scopes += plan.as_deref().map_or(0, shown_scopes);
            plans.push(plan);
        }
        let calls = held.calls.iter().map(|call| call.pc);
        Plans::learn_passed(&self.units, calls.zip(plans.iter().map(Option::as_ref)));
        (plans, missing)
    }
}

/// Of how many calls of the app's this tells.
pub(super) fn shown_scopes(plan: &Plan) -> usize {
    let shown = |scope: &&Scope| scope.is_app && !is_ours(scope);
    plan.scopes.iter().filter(shown).count()
}

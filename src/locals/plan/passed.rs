//! What calls pass to the functions they call, learnt where one of those asks for it.

use std::sync::Arc;

use super::code::Code;
use super::flow::Flow;
use super::location::{Location, Step};
use super::{Plan, Plans};
use crate::locals::units::Units;

/// What a call passes in registers, where the compiler or the code says so: what `DW_OP_entry_value` asks for in the function
/// that was called.
#[derive(Debug, Default)]
pub(in crate::locals) struct Passed {
    pub(in crate::locals) values: Box<[(u16, Location)]>,
    /// Where the address of the function is that it passes them to, where only that one is known to get them: another may
    /// stand in its place on the stack, to which it jumped.
    pub(in crate::locals) to: Option<Location>,
}

impl Passed {
    pub(super) fn of(flow: &Flow) -> Option<Self> {
        Some(Self {
            to: Some(flow.called()?),
            values: flow.passed().into(),
        })
    }
}

impl Plans {
    /// Learns what these calls pass, innermost first, as far as those within ask for it.
    pub(in crate::locals) fn learn_passed<'p>(
        units: &Units,
        calls: impl Iterator<Item = (u64, Option<&'p Arc<Plan>>)>,
    ) {
        // The registers that the call before asks for, and those that the one before that one handed on.
        let (mut asked, mut handed): (Vec<u16>, Vec<u16>) = Default::default();
        for (pc, plan) in calls {
            let Some(plan) = plan else {
                (asked, handed) = Default::default();
                continue;
            };
            let mut next = Vec::new();
            if !asked.is_empty() || !handed.is_empty() {
                let passed = plan
                    .passed
                    .get_or_init(|| learnt(units, pc).unwrap_or_default());
                let values = passed.values.iter().filter(|(of, _)| asked.contains(of));
                next.extend(values.flat_map(|(_, value)| asked_by(value)));
            }
            asked = plan.asked_of_callers().collect();
            handed = next;
        }
    }
}

impl Plan {
    /// Whether only callers can tell where something is.
    pub(in crate::locals) fn asks_callers(&self) -> bool {
        self.asked_of_callers().next().is_some()
    }

    fn asked_of_callers(&self) -> impl Iterator<Item = u16> {
        let located = self.scopes.iter().flat_map(|scope| scope.located());
        located.flat_map(asked_by)
    }
}

/// The registers of which the caller is asked what it put into them.
fn asked_by(location: &Location) -> impl Iterator<Item = u16> {
    let steps = match location {
        Location::Steps(steps) => &**steps,
        _ => &[],
    };
    steps.iter().filter_map(|step| match step {
        Step::PushAtEntry(register) | Step::PushPassed(_, Some(register)) => Some(*register),
        _ => None,
    })
}

fn learnt(units: &Units, pc: u64) -> Option<Passed> {
    let place = units.place(pc).ok()??;
    let (_, range) = units.unit(place.unit)?.function(place.address)?;
    let code = Code::new(units.image_of(place.unit)?, range, place);
    Passed::of(code.flow()?)
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use super::*;
    use crate::locals::plan::{Base, Scope, Variable};
    use crate::locals::sample::units;
    use crate::locals::units::EntryRef;

    fn plan(is_app: bool, name: &str, location: Location) -> Option<Arc<Plan>> {
        let variable = Variable {
            name: name.into(),
            kind: EntryRef { unit: 0, offset: 0 },
            line: None,
            is_argument: true,
            is_copy: false,
            location,
        };
        let scope = Scope {
            function: "shop::add".into(),
            file: None,
            declared: None,
            line: None,
            is_app,
            environment: None,
            variables: [variable].into(),
        };
        Some(Arc::new(Plan {
            scopes: [scope].into(),
            passed: OnceLock::new(),
            start: 0,
            asks: None,
        }))
    }

    fn asks(register: u16) -> Location {
        Location::Steps([Step::PushAtEntry(register), Step::Value].into())
    }

    /// Which of the calls were asked what they pass, when none of them is in any file.
    fn asked(plans: &[Option<Arc<Plan>>]) -> Vec<bool> {
        Plans::learn_passed(units(), plans.iter().map(|plan| (0, plan.as_ref())));
        let passed = plans.iter().map(|plan| &plan.as_ref().unwrap().passed);
        passed.map(|passed| passed.get().is_some()).collect()
    }

    #[test]
    fn what_is_passed_is_learnt_where_somebody_asks() {
        let kept = || plan(true, "id", Location::At(Base::Cfa, 8));
        let asking = || plan(true, "id", asks(5));
        assert_eq!(asked(&[kept(), kept()]), [false, false]);
        assert_eq!(asked(&[asking(), kept(), kept()]), [false, true, false]);
        // Of other people's functions, what likely leads to a future.
        assert_eq!(asked(&[plan(false, "id", asks(5)), kept()]), [false, false]);
        assert_eq!(
            asked(&[plan(false, "self", asks(5)), kept()]),
            [false, true]
        );
    }

    #[test]
    fn what_was_handed_on_is_asked_of_the_call_before() {
        let asking = |register| plan(true, "id", asks(register));
        let kept = || plan(true, "id", Location::At(Base::Cfa, 8));
        let hands_on = || {
            let plan = kept();
            let values = [(5, asks(4))].into();
            plan.as_ref()
                .unwrap()
                .passed
                .set(Passed { values, to: None })
                .unwrap();
            plan
        };
        let all = |first| asked(&[first, hands_on(), kept(), kept()]);
        assert_eq!(all(asking(5)), [false, true, true, false]);
        assert_eq!(all(asking(4)), [false, true, false, false]);
    }
}

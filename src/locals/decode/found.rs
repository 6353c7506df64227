//! What was found of calls, and which future is whose.

use std::sync::Arc;

use crate::locals::coroutine::{Fetch, Local, Waiting, merge};
use crate::locals::plan::Scope;
use crate::stack::{Missing, SampledCall, Value, Variable};

/// A call of the app's with what was found of it.
pub(super) struct Found<'p> {
    pub(super) pc: u64,
    pub(super) scope: &'p Scope,
    pub(super) locals: Vec<Local>,
    /// Where the future is that it runs, as far as that is known.
    pub(super) runs: Option<u64>,
    pub(super) is_taken: bool,
    /// Whether there are more variables than are read.
    pub(super) is_cut: bool,
}

/// Gives what each future keeps to the call that runs it. Futures come with those who wait before those they wait for, calls the
/// other way round.
pub(super) fn assign(found: &mut [Found<'_>], mut waiting: Vec<Waiting>, fetch: &mut Fetch<'_>) {
    // Where a call says which one is its own, it is not mistaken for another of its kind.
    let is_its = |found: &Found<'_>, one: &Waiting| {
        !found.is_taken && one.is_run_by(&found.scope.function, found.scope.declared)
    };
    for found in &mut *found {
        let own = |one: &Waiting| one.address.is_some() && one.address == found.runs;
        if let Some(at) = waiting.iter().position(|it| own(it) && is_its(found, it)) {
            let is_ambiguous = false;
            merge(
                &mut found.locals,
                Waiting {
                    is_ambiguous,
                    ..waiting.remove(at)
                },
                fetch,
            );
            found.is_taken = true;
        }
    }
    for waiting in waiting.into_iter().rev() {
        if let Some(found) = found.iter_mut().find(|it| is_its(it, &waiting)) {
            found.is_taken = true;
            merge(&mut found.locals, waiting, fetch);
        }
    }
}

pub(super) fn shown(found: Found<'_>) -> SampledCall {
    let own = found.locals.into_iter().filter(|local| !local.is_copy);
    let variables = own.map(|local| Variable {
        type_name: Some(Arc::clone(local.of.shown())),
        name: local.name,
        value: local.value,
        is_argument: local.is_argument,
        is_stale: local.is_stale,
    });
    let cut = found.is_cut.then(|| Variable {
        name: "…".into(),
        value: Value::Missing(Missing::TooMuch),
        ..Variable::default()
    });
    SampledCall {
        ip: usize::try_from(found.pc.wrapping_add(1)).unwrap_or_default(),
        function: Arc::clone(&found.scope.function),
        file: found.scope.file.clone(),
        declared: found.scope.declared,
        variables: variables.chain(cut).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::locals::coroutine::{Held, Kept};
    use crate::locals::sample::{entry_of, rules, units};
    use crate::locals::types::{Type, Types};

    fn scope() -> Scope {
        Scope {
            function: "shop::add".into(),
            file: None,
            declared: Some(7),
            line: Some(9),
            is_app: true,
            environment: None,
            variables: Box::default(),
        }
    }

    fn future(of: &Arc<Type>, address: u64, value: &str) -> Waiting {
        Waiting {
            function: "shop::add::{async_fn#0}".into(),
            address: Some(address),
            declared: Some(7),
            line: Some(9),
            held: vec![Held {
                name: "count".into(),
                of: Arc::clone(of),
                kept: Kept::Value(Value::Scalar(value.to_owned())),
                is_stale: false,
            }],
            homes: Vec::new(),
            parent: None,
            is_ambiguous: true,
        }
    }

    #[test]
    fn what_is_left_out_is_said() {
        let scope = scope();
        let names = |is_cut| {
            let call = shown(Found {
                pc: 1,
                scope: &scope,
                locals: Vec::new(),
                runs: None,
                is_taken: false,
                is_cut,
            });
            let variables = call.variables.into_iter();
            variables.map(|it| (it.name, it.value)).collect::<Vec<_>>()
        };
        assert_eq!(names(false), []);
        let more = ("…".into(), Value::Missing(Missing::TooMuch));
        assert_eq!(names(true), [more]);
    }

    #[test]
    fn a_call_that_knows_its_future_is_not_given_another() {
        let mut types = Types::new(rules());
        let of = types.get(units(), entry_of::<u32>());
        let scope = scope();
        let told = |runs: [Option<u64>; 2]| {
            let mut found = runs.map(|runs| Found {
                pc: 1,
                scope: &scope,
                locals: Vec::new(),
                runs,
                is_taken: false,
                is_cut: false,
            });
            let futures = [(0x10, "1"), (0x20, "2"), (0x30, "3")];
            let futures = futures.map(|(address, value)| future(&of, address, value));
            assign(&mut found, futures.into(), &mut |_, _| {
                unreachable!("all is read")
            });
            found.map(|found| {
                let local = &found.locals[0];
                format!("{}{}", local.value, if local.is_stale { "*" } else { "" })
            })
        };
        assert_eq!(told([None, None]), ["3*", "2*"]);
        assert_eq!(told([Some(0x10), None]), ["1", "3*"]);
        assert_eq!(told([None, Some(0x30)]), ["2*", "3"]);
        assert_eq!(told([Some(0x40), None]), ["3*", "2*"]);
    }
}

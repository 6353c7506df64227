//! Variables that a call and its future both know, or one of them alone.

use std::sync::Arc;

use super::{Held, Kept, Waiting};
use crate::locals::types::Type;
use crate::stack::{Missing, Value};

/// A variable of a call, as its plan found it.
#[derive(Debug)]
pub(in super::super) struct Local {
    pub(in super::super) name: Arc<str>,
    pub(in super::super) of: Arc<Type>,
    /// Where it is declared.
    pub(in super::super) line: Option<u32>,
    pub(in super::super) is_argument: bool,
    pub(in super::super) value: Value,
    /// Where in memory that was read.
    pub(in super::super) at: Option<u64>,
    /// Whether it was read from the future: what lies there is what is kept.
    pub(in super::super) is_kept: bool,
    /// Whether the future's own of the same name and line takes its place, once it has waited.
    pub(in super::super) is_copy: bool,
    /// Whether it may be what it was once.
    pub(in super::super) is_stale: bool,
}

/// Reads the value of a type at an address.
pub(in super::super) type Fetch<'f> = dyn FnMut(&Arc<Type>, u64) -> Value + 'f;

impl Held {
    pub(in super::super) fn value(&mut self, fetch: &mut Fetch<'_>) -> Value {
        match &mut self.kept {
            Kept::Value(value) => std::mem::take(value),
            Kept::At(address) => fetch(&self.of, *address),
        }
    }

    /// The same, but none where that is what the call has read.
    fn other_value(&mut self, local: &Local, fetch: &mut Fetch<'_>) -> Option<Value> {
        let is_read = matches!(self.kept, Kept::At(there) if local.at == Some(there));
        (!is_read).then(|| self.value(fetch))
    }
}

/// Takes what the future of a call keeps among the call's variables.
///
/// The future's own is preferred: what lies across a wait is nowhere else, and an argument that was moved into a variable of its
/// name has two entries, of which one is no more written after the wait. For the same reason a variable that was declared before
/// the last wait and is not kept is stale: its place was given to others, and nobody wrote it again.
pub(in super::super) fn merge(locals: &mut Vec<Local>, waiting: Waiting, fetch: &mut Fetch<'_>) {
    let before_wait = |local: &Local| match (local.line, waiting.line) {
        (Some(line), Some(wait)) => line < wait,
        _ => false,
    };
    let copies: Vec<Local> = locals.extract_if(.., |local| local.is_copy).collect();
    let is_elsewhere = |local: &&mut Local| !local.is_kept && before_wait(local);
    for local in locals.iter_mut().filter(is_elsewhere) {
        local.is_stale = true;
    }
    for mut held in waiting.held {
        let mut same = (0..locals.len())
            .filter(|at| locals[*at].name == held.name && locals[*at].of.name == held.of.name);
        let first = same.next();
        let others: Vec<usize> = same.collect();
        let captured = |local: &&mut Local| {
            // What a block borrows has the type of what is borrowed, for its calls.
            let of = held.of.name.strip_prefix('&').unwrap_or_default();
            local.name == held.name
                && *local.of.name == *of.strip_prefix("mut ").unwrap_or(of)
                && local.value == Value::Missing(Missing::OptimizedOut)
        };
        if first.is_none()
            && let Some(local) = locals.iter_mut().find(captured)
        {
            local.is_stale = held.is_stale || waiting.is_ambiguous;
            local.value = held.value(fetch);
            (local.of, local.is_kept) = (held.of, true);
            continue;
        }
        let Some(first) = first else {
            // What a `for` goes through, which nobody named.
            if &*held.name == "iter" {
                continue;
            }
            locals.push(Local {
                value: held.value(fetch),
                name: held.name,
                of: held.of,
                line: None,
                is_argument: false,
                at: None,
                is_kept: true,
                is_copy: false,
                is_stale: held.is_stale || waiting.is_ambiguous,
            });
            continue;
        };
        let line = locals[first].line;
        let twins = others.iter().all(|at| locals[*at].line == line);
        // One that hides another of its name and type: which of the two is kept cannot be told.
        if !twins {
            continue;
        }
        if let (None, Some(own)) = (waiting.line, others.last()) {
            // It has not waited yet: the later entry is that of the body's own variable, the future still keeps what it was called with.
            let (value, is_known) = match &locals[*own].value {
                Value::Missing(_) => (held.other_value(&locals[first], fetch), false),
                known => (Some(known.clone()), true),
            };
            let local = &mut locals[first];
            local.value = value.unwrap_or_else(|| std::mem::take(&mut local.value));
            local.is_stale = !is_known;
        } else if !waiting.is_ambiguous
            && (!held.is_stale || matches!(locals[first].value, Value::Missing(_)))
        {
            let local = &mut locals[first];
            match held.other_value(local, fetch) {
                Some(Value::Missing(_)) => {}
                value => {
                    local.value = value.unwrap_or_else(|| std::mem::take(&mut local.value));
                    local.is_stale = held.is_stale;
                }
            }
        }
        locals[first].is_argument |= others.iter().any(|at| locals[*at].is_argument);
        for at in others.into_iter().rev() {
            locals.remove(at);
        }
    }
    // It has not waited yet: the body's own are what they are now, the future's what it was called with.
    for copy in copies.into_iter().filter(|_| waiting.line.is_none()) {
        let is_same = |it: &&mut Local| it.name == copy.name && it.line == copy.line;
        if !matches!(copy.value, Value::Missing(_))
            && let Some(local) = locals.iter_mut().find(is_same)
        {
            (local.of, local.value, local.is_stale) = (copy.of, copy.value, false);
        }
    }
    for mut home in waiting.homes {
        let mut same = locals
            .iter_mut()
            .filter(|it| it.name == home.name && it.of.name == home.of.name);
        // Of two of its name and type, whose place it is cannot be told.
        if let (Some(local), None) = (same.next(), same.next())
            && !local.is_kept
            && (local.is_stale || local.value == Value::Missing(Missing::OptimizedOut))
            && let value = home.value(fetch)
            && !matches!(value, Value::Missing(_))
        {
            local.value = value;
            local.is_stale = home.is_stale || waiting.is_ambiguous;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locals::sample::{entry_of, rules, units};
    use crate::locals::types::Types;

    fn local(of: &Arc<Type>, name: &str, line: u32, value: Value) -> Local {
        Local {
            name: name.into(),
            of: Arc::clone(of),
            line: Some(line),
            is_argument: false,
            value,
            at: None,
            is_kept: false,
            is_copy: false,
            is_stale: false,
        }
    }

    fn merge(locals: &mut Vec<Local>, waiting: Waiting) {
        super::merge(locals, waiting, &mut |_, _| unreachable!("all is read"));
    }

    fn number(number: &str) -> Value {
        Value::Scalar(number.to_owned())
    }

    fn merged(locals: &[Local]) -> Vec<String> {
        let one = |local: &Local| {
            let star = if local.is_stale { "*" } else { "" };
            format!("{}{star} = {}", local.name, local.value)
        };
        locals.iter().map(one).collect()
    }

    #[test]
    fn until_it_waits_a_body_may_have_changed_its_arguments() {
        let mut types = Types::new(rules());
        let of = types.get(units(), entry_of::<u32>());
        let waiting = |line| Waiting {
            function: "".into(),
            address: None,
            declared: None,
            line,
            held: vec![Held {
                name: "count".into(),
                of: Arc::clone(&of),
                kept: Kept::Value(number("3")),
                is_stale: false,
            }],
            homes: Vec::new(),
            parent: None,
            is_ambiguous: false,
        };
        for (line, expected) in [(None, "count = 4"), (Some(20), "count = 3")] {
            let mut copy = local(&of, "count", 10, number("4"));
            copy.is_copy = true;
            let mut locals = vec![local(&of, "count", 10, number("3")), copy];
            merge(&mut locals, waiting(line));
            assert_eq!(merged(&locals), [expected]);
        }
        let mut copy = local(&of, "count", 10, Value::Missing(Missing::OptimizedOut));
        copy.is_copy = true;
        let mut locals = vec![local(&of, "count", 10, number("3")), copy];
        merge(&mut locals, waiting(None));
        assert_eq!(merged(&locals), ["count = 3"]);
    }

    #[test]
    fn what_is_lost_is_taken_from_its_place_in_the_future() {
        let mut types = Types::new(rules());
        let of = types.get(units(), entry_of::<u32>());
        let borrowed = types.get(units(), entry_of::<&u32>());
        let keep = |name: &str, of: &Arc<Type>, is_stale| Held {
            name: name.into(),
            of: Arc::clone(of),
            kept: Kept::Value(number("3")),
            is_stale,
        };
        let waiting = |is_ambiguous| Waiting {
            function: "".into(),
            address: None,
            declared: None,
            line: Some(20),
            held: vec![keep("captured", &borrowed, false)],
            homes: ["lost", "old", "known", "twice"]
                .map(|name| keep(name, &of, false))
                .into_iter()
                .chain([keep("moved", &of, true)])
                .collect(),
            parent: None,
            is_ambiguous,
        };
        let lost = Value::Missing(Missing::OptimizedOut);
        let locals = || {
            vec![
                local(&of, "captured", 10, lost.clone()),
                local(&of, "lost", 11, lost.clone()),
                local(&of, "old", 11, number("1")),
                local(&of, "known", 21, number("1")),
                local(&of, "twice", 11, lost.clone()),
                local(&of, "twice", 12, lost.clone()),
                local(&of, "moved", 13, lost.clone()),
            ]
        };
        let mut certain = locals();
        merge(&mut certain, waiting(false));
        let expected = [
            "captured = 3",
            "lost = 3",
            "old = 3",
            "known = 1",
            "twice* = <optimized out>",
            "twice* = <optimized out>",
            "moved* = 3",
        ];
        assert_eq!(merged(&certain), expected);
        assert_eq!(&*certain[0].of.name, "&u32");
        let mut doubtful = locals();
        merge(&mut doubtful, waiting(true));
        assert_eq!(merged(&doubtful)[..2], ["captured* = 3", "lost* = 3"]);
    }

    #[test]
    fn the_futures_own_copy_is_preferred() {
        let mut types = Types::new(rules());
        let of = types.get(units(), entry_of::<u32>());
        let other = types.get(units(), entry_of::<u64>());
        let keep = |name: &str, value: &str, is_stale| Held {
            name: name.into(),
            of: Arc::clone(&of),
            kept: Kept::Value(number(value)),
            is_stale,
        };
        let waiting = |is_ambiguous| Waiting {
            function: "".into(),
            address: None,
            declared: None,
            line: Some(20),
            held: vec![
                keep("retries", "3", false),
                keep("gone", "5", true),
                keep("lost", "6", true),
                keep("only", "7", false),
                keep("hidden", "8", false),
            ],
            homes: Vec::new(),
            parent: None,
            is_ambiguous,
        };
        let locals = || {
            vec![
                local(&of, "retries", 10, number("0")),
                local(&of, "retries", 10, number("1")),
                local(&of, "gone", 10, number("4")),
                local(&of, "lost", 10, Value::Missing(Missing::OptimizedOut)),
                local(&other, "only", 12, number("9")),
                local(&of, "hidden", 13, number("1")),
                local(&of, "hidden", 14, number("2")),
                local(&of, "after", 21, number("2")),
            ]
        };
        let mut certain = locals();
        merge(&mut certain, waiting(false));
        let expected = [
            "retries = 3",
            "gone* = 4",
            "lost* = 6",
            "only* = 9",
            "hidden* = 1",
            "hidden* = 2",
            "after = 2",
            "only = 7",
        ];
        assert_eq!(merged(&certain), expected);
        let mut doubtful = locals();
        merge(&mut doubtful, waiting(true));
        assert_eq!(merged(&doubtful)[0], "retries* = 0");
        assert_eq!(merged(&doubtful).last().unwrap(), "only* = 7");
    }
}

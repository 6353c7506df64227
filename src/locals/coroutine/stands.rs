//! For whom a future waits that is being polled.
//!
//! It writes down where it waits when it has to: while it runs, that is where it waited last, if it ever did. Its call tells
//! better, whose line is that of the `await`, with the call of the other one's body next to it.

use std::sync::Arc;

use super::{Local, Search};
use crate::locals::plan::Scope;
use crate::locals::read::Reader;
use crate::locals::types::{Choice, Kind, Type, Variant};
use crate::stack::{Missing, Value};

/// A call: the app's, or the body of another's future.
#[derive(Debug)]
pub(in super::super) struct Running {
    /// Where it is.
    pub(super) line: Option<u32>,
    /// The future whose body it is, by its function.
    pub(super) body: Option<Arc<str>>,
    pub(super) wants: Vec<Wanted>,
}

/// A variable that a call may have lost.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) name: Arc<str>,
    pub(super) of: Arc<str>,
    pub(super) line: Option<u32>,
    /// Whether nothing is known of it; else it may be what it was once.
    pub(super) is_lost: bool,
}

impl Running {
    pub(in super::super) fn new(scope: &Scope, locals: &[Local], reader: &mut Reader<'_>) -> Self {
        let environment = scope.environment.as_ref();
        let body = environment.and_then(|it| {
            let of = reader.types.get(reader.units, it.kind);
            body(&of, reader)
        });
        let wants = locals.iter().filter(|it| body.is_some() && !it.is_kept);
        let wants = wants.map(|local| Wanted {
            name: Arc::clone(&local.name),
            of: Arc::clone(&local.of.name),
            line: local.line,
            is_lost: local.value == Value::Missing(Missing::OptimizedOut),
        });
        Self {
            line: scope.line,
            wants: wants.collect(),
            body,
        }
    }

    pub(in super::super) fn is_async(&self) -> bool {
        self.body.is_some()
    }

    /// Whether it runs a future of this function.
    pub(super) fn runs(&self, function: &str) -> bool {
        self.body.as_deref() == Some(function)
    }
}

/// Which function's future a pointer like this leads to.
fn body(of: &Arc<Type>, reader: &mut Reader<'_>) -> Option<Arc<str>> {
    let mut of = Arc::clone(of);
    // `Pin<&mut _>`.
    for _ in 0..3 {
        let to = match reader.types.kind(reader.units, &of) {
            Kind::Choice(choice) if choice.is_coroutine => return Some(Arc::clone(of.function())),
            Kind::Same { to, .. } | Kind::Pointer { to, .. } => to,
            _ => return None,
        };
        of = reader.types.follow(reader.units, to);
    }
    None
}

impl Search<'_, '_> {
    /// The state in which the future of this function would wait, if whom it polls had to.
    pub(super) fn awaits<'c>(&mut self, choice: &'c Choice, future: &str) -> Option<&'c Variant> {
        let own = |call: &Running| call.runs(future);
        let at = self.running.iter().position(own)?;
        let (inner, outer) = (self.running.get(..at)?.last()?, self.running.get(at + 1..)?);
        // Which of several futures of a function is run by which call is not known.
        if !inner.is_async() || outer.iter().any(own) {
            return None;
        }
        let line = self.running[at].line?;
        let (mut its, mut others) = (Vec::new(), Vec::new());
        for variant in &choice.variants {
            let awaitee = variant.fields.iter().find(|it| &*it.name == "__awaitee");
            let (true, Some(awaitee)) = (variant.line == Some(line), awaitee) else {
                continue;
            };
            let of = self.reader.types.follow(self.reader.units, &awaitee.to);
            match self.reader.types.kind(self.reader.units, &of) {
                Kind::Choice(choice) if choice.is_coroutine => {
                    its.extend(inner.runs(of.function()).then_some(variant));
                }
                _ if self.reader.may_hold_coroutine(&of) => others.push(variant),
                _ => {}
            }
        }
        match (its.as_slice(), others.as_slice()) {
            ([one], _) | ([], [one]) => Some(*one),
            _ => None,
        }
    }
}

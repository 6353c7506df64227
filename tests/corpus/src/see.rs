//! What the language itself says of the variables: the build puts a call of [`arrive`] before each line that leads to a failure.

use std::sync::{Mutex, MutexGuard};

use serde_json::{Value, json};

/// Removes its call when that is over.
pub(crate) struct Seen(u64);

struct Call {
    id: u64,
    task: String,
    file: &'static str,
    function: &'static str,
    line: u32,
    values: Vec<(&'static str, String)>,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    arrivals: u64,
    /// The stack at the last arrival, which is that of an error; a panic's.
    last: Option<Value>,
    panicked: Option<Value>,
}

/// A call stands at `line` of a function, and its variables hold this.
pub(crate) fn arrive(
    file: &'static str,
    function: &'static str,
    line: u32,
    values: Vec<(&'static str, String)>,
) -> Seen {
    let mut state = state();
    state.arrivals += 1;
    let id = state.arrivals;
    state.calls.push(Call {
        id,
        task: task(),
        file,
        function,
        line,
        values,
    });
    state.last = Some(state.stack());
    Seen(id)
}

pub(crate) fn panicked() {
    let mut state = state();
    state.panicked = Some(state.stack());
}

/// The occurrence with the calls that were seen in place of its stack.
pub(crate) fn in_place_of(mut occurrence: Value) -> Value {
    let mut state = state();
    let seen = state.panicked.take().or(state.last.take());
    occurrence["exceptions"][0]["stack"]["frames"] = seen.unwrap_or_default();
    occurrence
}

impl State {
    fn stack(&self) -> Value {
        let task = task();
        let own = self.calls.iter().rev().filter(|call| call.task == task);
        own.map(Call::frame).collect()
    }
}

impl Call {
    fn frame(&self) -> Value {
        let variable =
            |(name, debug): &(&str, String)| json!({ "name": name, "value": { "debug": debug } });
        json!({
            "file": format!("tests/corpus/src/{}", self.file),
            "function": self.function,
            "line": self.line,
            "in_app": true,
            "variables": self.values.iter().map(variable).collect::<Vec<_>>(),
        })
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        state().calls.retain(|call| call.id != self.0);
    }
}

/// The task or, outside of all, the thread.
fn task() -> String {
    let task = tokio::task::try_id();
    task.map_or_else(
        || format!("{:?}", std::thread::current().id()),
        |id| id.to_string(),
    )
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(|broken| broken.into_inner())
}

static STATE: Mutex<State> = Mutex::new(State {
    calls: Vec::new(),
    arrivals: 0,
    last: None,
    panicked: None,
});

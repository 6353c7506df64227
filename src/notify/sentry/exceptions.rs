//! Exceptions, their stacks, and the files in which frames without symbols can be looked up.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::event::known;
use crate::occurrence::{
    CodeLocation, Exception, Frame, Kind, ObjectOffset, Occurrence, ResponseSnapshot, Stack,
};

/// The exceptions, the root cause first; or, for what was only said, the thread that said it.
pub(super) fn of(occurrence: &Occurrence) -> (Value, Value) {
    if occurrence.is_message() {
        let stack = occurrence
            .exceptions
            .first()
            .map_or(Value::Null, stacktrace);
        if stack.is_null() {
            return (Value::Null, Value::Null);
        }
        let thread = known(json!({
            "id": 1, "name": occurrence.thread, "current": true, "crashed": false, "stacktrace": stack,
        }));
        return (Value::Null, json!({ "values": [thread] }));
    }
    let mut values: Vec<_> = occurrence
        .exceptions
        .iter()
        .enumerate()
        .map(|(index, exception)| value(occurrence.kind, index, exception))
        .collect();
    values.reverse();
    if values.is_empty() {
        values.push(answered(occurrence));
    }
    (json!({ "values": values }), Value::Null)
}

fn value(kind: Kind, index: usize, exception: &Exception) -> Value {
    let (module, name) = type_name(&exception.type_name);
    known(json!({
        "type": name,
        "module": module,
        "value": exception.message,
        "mechanism": mechanism(kind, index),
        "stacktrace": stacktrace(exception),
    }))
}

/// An answer that failed and said nothing of an error: `502 Bad Gateway: GET /stock/{item}`.
fn answered(occurrence: &Occurrence) -> Value {
    let status = occurrence
        .response
        .as_ref()
        .map(ResponseSnapshot::status_line);
    known(json!({
        "type": status.unwrap_or_else(|| occurrence.title()),
        "value": occurrence.endpoint(),
        "mechanism": mechanism(occurrence.kind, 0),
    }))
}

/// The module and the name of a type. `sqlx::Error` keeps its module: alone it would say nothing.
fn type_name(path: &str) -> (Option<&str>, &str) {
    match path.rsplit_once("::") {
        Some((module, name)) if name != "Error" && !path.contains('<') => (Some(module), name),
        _ => (None, path),
    }
}

/// How the exception came to be known. The ids tell that each was caused by the one before it in the list.
fn mechanism(kind: Kind, index: usize) -> Value {
    if index > 0 {
        return json!({
            "type": "chained", "handled": true, "source": "source", "exception_id": index, "parent_id": index - 1,
        });
    }
    let (name, handled) = match kind {
        Kind::Panic => ("panic", false),
        Kind::ServerError => ("http-5xx", true),
        Kind::Browser => ("onerror", false),
        Kind::ServiceError | Kind::BodyBroken => (kind.as_str(), false),
        _ => (kind.as_str(), true),
    };
    json!({ "type": name, "handled": handled, "exception_id": 0 })
}

/// The oldest call first. Where only a place is known, it stands as the only call.
fn stacktrace(exception: &Exception) -> Value {
    let frames = match (&exception.stack, &exception.location) {
        (Some(stack), _) if !stack.frames.is_empty() => most_useful(stack),
        (_, Some(location)) => vec![place(location)],
        _ => return Value::Null,
    };
    json!({ "frames": frames })
}

/// As many frames as Sentry keeps; what is beyond is taken out of the middle, libraries first.
fn most_useful(stack: &Stack) -> Vec<Value> {
    let mut frames: Vec<&Frame> = stack.frames.iter().rev().collect();
    while frames.len() > MAX_FRAMES {
        let middle = frames.len() / 2;
        let distance = |at: &usize| at.abs_diff(middle);
        let foreign = (1..frames.len() - 1).filter(|at| !frames[*at].in_app);
        frames.remove(foreign.min_by_key(distance).unwrap_or(middle));
    }
    frames.into_iter().map(frame).collect()
}

fn frame(frame: &Frame) -> Value {
    let source = frame.source.as_ref();
    // An inlined call has no place of its own in the program.
    let address = (frame.address > 0 && !frame.inlined).then(|| format!("{:#x}", frame.address));
    known(json!({
        "function": frame.function,
        "module": frame.module,
        "filename": frame.file,
        "lineno": positive(frame.line),
        "colno": positive(frame.column),
        "in_app": frame.in_app,
        "pre_context": source.map(|source| last(&source.before, MAX_CONTEXT)),
        "context_line": source.map(|source| &source.line),
        "post_context": source.map(|source| &source.after[..source.after.len().min(MAX_CONTEXT)]),
        "vars": frame.values(),
        "instruction_addr": address,
        "package": frame.object.as_ref().map(|object| &object.name),
    }))
}

fn place(location: &CodeLocation) -> Value {
    known(json!({
        "filename": location.file,
        "lineno": positive(Some(location.line)),
        "colno": positive(Some(location.column)),
        "in_app": true,
    }))
}

fn positive(number: Option<u32>) -> Option<u32> {
    number.filter(|number| *number > 0)
}

fn last<T>(items: &[T], count: usize) -> &[T] {
    &items[items.len().saturating_sub(count)..]
}

/// The files of the frames without a symbol, so that a server that was given the unstripped ones can name the calls.
pub(super) fn images(occurrence: &Occurrence) -> Value {
    let stacks = occurrence
        .exceptions
        .iter()
        .filter_map(|it| it.stack.as_ref());
    let images: BTreeMap<_, _> = stacks
        .flat_map(|stack| &stack.frames)
        .filter_map(|frame| image(frame, frame.object.as_ref()?))
        .collect();
    match images.is_empty() {
        true => Value::Null,
        false => json!({ "images": images.into_values().collect::<Vec<_>>() }),
    }
}

fn image(frame: &Frame, object: &ObjectOffset) -> Option<(u64, Value)> {
    let build_id = object.build_id.as_deref()?;
    // The offset is that of the call, the address the one it returns to.
    let begins = frame.address.checked_sub(1)?.checked_sub(object.offset)?;
    // A program that is not moved when it is loaded begins elsewhere in its own count.
    if begins == 0 {
        return None;
    }
    let image = json!({
        "type": "elf",
        "code_file": object.name,
        "code_id": build_id,
        "debug_id": debug_id(build_id)?,
        "image_addr": format!("{begins:#x}"),
    });
    Some((begins, image))
}

/// The first 16 bytes of the build id as a GUID, whose first three fields are in the order of little endian.
fn debug_id(build_id: &str) -> Option<String> {
    let byte = |at: usize| u8::from_str_radix(build_id.get(at..at + 2)?, 16).ok();
    let mut bytes = [0; 16];
    for (at, slot) in bytes.iter_mut().enumerate() {
        *slot = match build_id.len() > 2 * at {
            true => byte(2 * at)?,
            false => 0,
        };
    }
    Some(Uuid::from_bytes_le(bytes).hyphenated().to_string())
}

/// What Sentry keeps of a stack.
const MAX_FRAMES: usize = 50;
/// The lines of source on each side.
const MAX_CONTEXT: usize = 5;

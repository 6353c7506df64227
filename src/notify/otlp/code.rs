//! Stacks as text, where something began, and what the variables were.

use std::fmt::Write;

use serde_json::{Value, json};

use super::value::Attributes;
use crate::occurrence::{Exception, Frame, Occurrence, Stack};

/// Where it began: the location, with the function of the frame that is there; else the app's innermost frame.
pub(super) fn place(occurrence: &Occurrence, fields: &mut Attributes) {
    let all = &occurrence.exceptions;
    let frames = all.iter().filter_map(|it| it.stack.as_ref());
    let mut frames = frames.flat_map(|stack| &stack.frames);
    let Some(location) = all.iter().find_map(|it| it.location.as_ref()) else {
        if let Some(frame) = frames.find(|frame| frame.in_app) {
            fields.set("code.function.name", &frame.function);
            fields.set("code.file.path", &frame.file);
            fields.set("code.line.number", frame.line);
            fields.set("code.column.number", frame.column);
        }
        return;
    };
    let is_there = |frame: &&Frame| {
        frame.file.as_deref() == Some(location.file()) && frame.line == Some(location.line())
    };
    let frame = frames.find(is_there);
    fields.set("code.function.name", frame.map(|frame| &frame.function));
    fields.set("code.file.path", location.file());
    fields.set("code.line.number", location.line());
    let column = location.column();
    fields.set("code.column.number", (column > 0).then_some(column));
}

/// As Rust prints a backtrace, with the causes behind it.
pub(super) fn stacktrace(exceptions: &[Exception]) -> Option<String> {
    exceptions.iter().find(|it| it.stack.is_some())?;
    let mut text = String::new();
    for (number, exception) in exceptions.iter().enumerate() {
        let before = if number == 0 { "" } else { "caused by " };
        let _ = writeln!(
            text,
            "{before}{}: {}",
            exception.type_name, exception.message
        );
        if let Some(stack) = &exception.stack {
            frames(stack, &mut text);
        }
    }
    Some(text)
}

fn frames(stack: &Stack, text: &mut String) {
    for (number, frame) in stack.frames.iter().enumerate() {
        let object = frame.object.as_ref().map(ToString::to_string);
        let function = frame.function.as_deref().or(object.as_deref());
        let _ = writeln!(text, "{number:>4}: {}", function.unwrap_or("<unknown>"));
        if let Some(file) = &frame.file {
            let _ = write!(text, "             at {file}");
            for part in [frame.line, frame.column].into_iter().flatten() {
                let _ = write!(text, ":{part}");
            }
            text.push('\n');
        }
    }
    if let Some(note) = &stack.note {
        let _ = writeln!(text, "      {note}");
    }
}

/// Arguments and locals of the calls that have some, the innermost first.
pub(super) fn variables(occurrence: &Occurrence) -> Vec<Value> {
    let stacks = occurrence.exceptions.iter();
    let frames = stacks
        .filter_map(|it| it.stack.as_ref())
        .flat_map(|stack| &stack.frames);
    frames
        .filter(|frame| !frame.variables.is_empty())
        .map(|frame| {
            json!({ "function": frame.function, "line": frame.line, "variables": frame.values() })
        })
        .collect()
}

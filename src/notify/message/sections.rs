//! The longer parts of an alert's wording: the way through the app's code, what led up to it, how to send the request again.

use super::{Section, words};
use crate::issue::Alert;
use crate::occurrence::{Breadcrumb, Frame, Missing, Occurrence, Stack, Value};
use crate::text::{in_braces, one_line, shortened};
use crate::time::Timestamp;

/// What there is to say under each name, the most useful first.
pub(super) fn of(alert: &Alert) -> Vec<Section> {
    let occurrence = &*alert.occurrence;
    let stack = occurrence
        .exceptions
        .iter()
        .find_map(|exception| exception.stack.as_ref());
    // Half of a command would keep a shell waiting for the other quotation mark.
    let curl = occurrence
        .request
        .iter()
        .map(|request| match request.curl.len() {
            0..=MAX_LINE => request.curl.clone(),
            bytes => format!("{bytes} bytes: in the occurrence's data"),
        });
    let sections = [
        ("also told", words::also(alert), false),
        ("message", message(occurrence), true),
        ("stack", stack.map(frames).unwrap_or_default(), true),
        ("spans", spans(occurrence), true),
        ("before", breadcrumbs(occurrence), true),
        ("curl", curl.collect(), true),
        ("missing", occurrence.missing.clone(), false),
    ];
    let clean = |line: &String| shortened(&one_line(line), MAX_LINE);
    sections
        .into_iter()
        .filter(|(_, lines, _)| lines.iter().any(|line| !line.trim().is_empty()))
        .map(|(name, lines, is_code)| Section {
            name,
            lines: lines.iter().map(clean).collect(),
            is_code,
        })
        .collect()
}

/// The error's words, where they are more than the title has room for.
fn message(occurrence: &Occurrence) -> Vec<String> {
    let Some(exception) = occurrence.exceptions.first() else {
        return Vec::new();
    };
    let words = exception.message.trim_end();
    if words.len() <= MAX_TITLE && !words.contains('\n') {
        return Vec::new();
    }
    let mut lines: Vec<_> = words.lines().map(str::to_owned).collect();
    if lines.len() > MAX_MESSAGE_LINES {
        let rest = lines.len() - MAX_MESSAGE_LINES;
        lines.truncate(MAX_MESSAGE_LINES);
        lines.push(format!("… {rest} lines more"));
    }
    lines
}

/// The app's frames with the line of source where it is there; what lies between them is only counted.
fn frames(stack: &Stack) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut shown, mut between) = (0, 0);
    for frame in &stack.frames {
        if !frame.in_app {
            between += 1;
            continue;
        }
        if shown == MAX_FRAMES {
            lines.push("…".to_owned());
            break;
        }
        if between > 0 {
            lines.push(foreign(between));
            between = 0;
        }
        lines.push(frame.to_string());
        lines.extend(source(frame));
        lines.extend(variables(frame));
        shown += 1;
    }
    lines.extend(stack.note.clone());
    lines
}

fn foreign(count: usize) -> String {
    if count == 1 {
        "… one call of a library".to_owned()
    } else {
        format!("… {count} calls of libraries")
    }
}

fn source(frame: &Frame) -> Option<String> {
    let source = frame.source.as_ref()?;
    Some(format!("    {}", source.line.trim()))
}

/// Arguments and locals, with their values.
fn variables(frame: &Frame) -> Vec<String> {
    let all = &frame.variables;
    let shown = all.iter().take(MAX_VARIABLES);
    let mut lines: Vec<_> = shown
        .map(|it| {
            // The type of what is hidden would read like the secret that belongs to the name.
            let is_hidden = it.value == Value::Missing(Missing::Redacted);
            let of = it.short_type().filter(|_| !is_hidden);
            let of = of.map_or_else(String::new, |of| format!(": {}", shortened(&of, MAX_TYPE)));
            let stale = if it.is_stale { " (may be stale)" } else { "" };
            let value = shortened(&it.value.to_string(), MAX_VALUE);
            format!("    {}{of} = {value}{stale}", it.name)
        })
        .collect();
    if all.len() > MAX_VARIABLES {
        lines.push(format!("    … {} more", all.len() - MAX_VARIABLES));
    }
    lines
}

/// The open spans from the outermost in, each with its fields.
fn spans(occurrence: &Occurrence) -> Vec<String> {
    occurrence
        .spans
        .iter()
        .map(|span| format!("{}{}", span.name, in_braces(span.fields.iter())))
        .collect()
}

/// The last steps, each with how long before the failure it was.
fn breadcrumbs(occurrence: &Occurrence) -> Vec<String> {
    let all = &occurrence.breadcrumbs;
    let last = &all[all.len().saturating_sub(MAX_BREADCRUMBS)..];
    let mut lines = Vec::new();
    let earlier = occurrence.earlier_breadcrumbs + (all.len() - last.len()) as u64;
    if earlier > 0 {
        lines.push(format!("… {earlier} earlier"));
    }
    lines.extend(last.iter().map(|step| breadcrumb(step, occurrence.time)));
    lines
}

fn breadcrumb(step: &Breadcrumb, failed_at: Timestamp) -> String {
    let before = failed_at
        .unix_micros()
        .saturating_sub(step.time.unix_micros());
    let fields = in_braces(step.fields.iter());
    let level = step.level.as_str();
    let before = before.max(0) as f64 / 1_000.0;
    format!(
        "-{before:.1} ms {level} {}: {}{fields}",
        step.target, step.message
    )
}

const MAX_FRAMES: usize = 6;
const MAX_BREADCRUMBS: usize = 8;
const MAX_VARIABLES: usize = 12;
const MAX_VALUE: usize = 160;
const MAX_TYPE: usize = 60;
const MAX_MESSAGE_LINES: usize = 12;
/// What a title has room for beside the error's type.
const MAX_TITLE: usize = 150;
/// Enough for most `curl` commands.
const MAX_LINE: usize = 2_000;

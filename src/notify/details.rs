//! The longer parts of an alert's wording: the way through the app's code, what led up to it, how to send the request again.

use crate::occurrence::{Breadcrumb, Frame, Occurrence, Stack};
use crate::text::{one_line, shortened};
use crate::time::Timestamp;

/// Name and lines of each part that there is something to say about.
pub(super) fn of(occurrence: &Occurrence) -> Vec<(&'static str, Vec<String>)> {
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
    let parts = [
        ("stack", stack.map(frames).unwrap_or_default()),
        ("spans", spans(occurrence)),
        ("before", breadcrumbs(occurrence)),
        ("curl", curl.collect()),
        ("missing", occurrence.missing.clone()),
    ];
    let clean = |line: &String| shortened(&one_line(line), MAX_LINE);
    parts
        .into_iter()
        .filter(|(_, lines)| !lines.is_empty())
        .map(|(name, lines)| (name, lines.iter().map(clean).collect()))
        .collect()
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

fn in_braces<'f>(fields: impl Iterator<Item = (&'f String, &'f String)>) -> String {
    let fields: Vec<_> = fields
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if fields.is_empty() {
        return String::new();
    }
    format!(" {{{}}}", fields.join(" "))
}

const MAX_FRAMES: usize = 6;
const MAX_BREADCRUMBS: usize = 8;
/// Enough for most `curl` commands.
const MAX_LINE: usize = 2_000;

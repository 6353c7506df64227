//! The mail as plain text.

use std::fmt::Write;

use super::draft::Draft;
use crate::issue::Severity;
use crate::notify::{Field, Link, Message, Section, Tone};

/// Nothing in it can forge a line: what others wrote is on one line each, inside.
pub(super) fn body(message: &Message, draft: Option<&Draft>) -> String {
    let mut out = format!("{}\n{}\n\n", state(message), message.title);
    for Field { name, value } in fields(message) {
        let _ = writeln!(out, "{name:<10} {value}");
    }
    for Link { text, url } in &message.links {
        let _ = writeln!(out, "{text:<10} {url}");
    }
    for Section { name, lines, .. } in &message.sections {
        let _ = writeln!(out, "\n{name}");
        for line in lines {
            let _ = writeln!(out, "  {line}");
        }
    }
    if let Some(Draft { name, url }) = draft {
        let _ = writeln!(out, "\nto write to {name}\n  {url}");
    }
    if message.is_shortened {
        out.push_str("\nThere was more than a mail has room for.\n");
    }
    let _ = writeln!(out, "\n-- \ntower-monitor, reference {}", message.reference);
    out
}

/// How bad it is and why it is told now: `Error: it is new`.
pub(super) fn state(message: &Message) -> String {
    let word = match message.tone {
        Tone::Bad(Severity::Critical) => "Critical",
        Tone::Bad(Severity::Error) => "Error",
        Tone::Bad(Severity::Warning) => "Warning",
        Tone::Bad(Severity::Info) => "Info",
        Tone::Good => "Over",
        Tone::Test => "Test",
    };
    let why = message.fields.iter().find(|field| field.name == WHY);
    let why = why.map(|why| format!(": {}", why.value));
    format!("{word}{}", why.unwrap_or_default())
}

/// What [`state`] does not say already.
pub(super) fn fields(message: &Message) -> impl Iterator<Item = &Field> {
    let fields = message.fields.iter();
    fields.filter(|field| !matches!(field.name, WHY | "severity"))
}

const WHY: &str = "why now";

//! The mail as HTML: tables and inline styles, as mail programs want it, and nothing that has to be fetched.
//!
//! Colors are those of the reader's program, light or dark, but for the bar and the buttons; what is muted is made so by opacity, and
//! what is set apart by a gray that is half seen through.

use std::fmt::{self, Display};

use super::draft::Draft;
use super::plain::{fields, state};
use crate::issue::Severity;
use crate::notify::{Field, Link, Message, Section, Tone};

/// Text as text, in an element and in a quoted attribute.
struct Escaped<'t>(&'t str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

pub(super) fn body(message: &Message, draft: Option<&Draft>) -> String {
    let title = Escaped(&message.title);
    let color = message.tone.color();
    let on_color = readable_on(message.tone);
    let state = state(message);
    let state = Escaped(&state);
    let fields: String = fields(message).map(row).collect();
    let buttons = buttons(message, draft);
    let sections: String = message.sections.iter().map(section).collect();
    let shortened = match message.is_shortened {
        true => "There was more than a mail has room for. ",
        false => "",
    };
    let reference = Escaped(&message.reference);
    format!(
        "<!DOCTYPE html>\n\
         <html lang=\"en\">\n\
         <head>\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"supported-color-schemes\" content=\"light dark\">\n\
         <title>{title}</title>\n\
         </head>\n\
         <body style=\"margin:0;padding:12px;{SANS}\">\n\
         <table {TABLE} style=\"width:100%;max-width:760px;margin:0 auto;border-collapse:collapse;table-layout:fixed\">\n\
         <tr><td bgcolor=\"#{color:06x}\" style=\"padding:8px 12px;background-color:#{color:06x};color:{on_color};{SANS};font-size:15px;line-height:1.4;font-weight:bold;{WRAP}\">{state}</td></tr>\n\
         <tr><td style=\"padding:14px 4px 10px;{SANS};font-size:20px;line-height:1.3;font-weight:bold;{WRAP}\">{title}</td></tr>\n\
         <tr><td style=\"padding:0 4px\">\n\
         <table {TABLE} style=\"width:100%;border-collapse:collapse;table-layout:fixed\">\n\
         {fields}\
         </table>\n\
         </td></tr>\n\
         {buttons}\
         {sections}\
         <tr><td style=\"padding:20px 4px 8px;{SANS};font-size:12px;line-height:1.5;opacity:0.7;{WRAP}\">{shortened}tower-monitor, reference {reference}</td></tr>\n\
         </table>\n\
         </body>\n\
         </html>\n"
    )
}

/// White or black, at 4.5 to 1 or better (WCAG 2, 1.4.3).
fn readable_on(tone: Tone) -> &'static str {
    match tone {
        Tone::Good | Tone::Bad(Severity::Warning) => "#000000",
        _ => "#ffffff",
    }
}

fn row(Field { name, value }: &Field) -> String {
    let value = Escaped(value);
    let cell = "padding:5px 0;vertical-align:top;font-size:14px;line-height:1.45";
    format!(
        "<tr>\
         <td width=\"92\" style=\"width:92px;{cell};{SANS}\"><span style=\"opacity:0.7\">{name}</span></td>\
         <td style=\"{cell};{SANS};{WRAP}\">{value}</td>\
         </tr>\n"
    )
}

fn buttons(message: &Message, draft: Option<&Draft>) -> String {
    let links = message.links.iter();
    let mut all: Vec<_> = links
        .map(|Link { text, url }| button(&format!("Open the {text}"), url))
        .collect();
    all.extend(draft.map(|draft| button(&format!("Write to {}", draft.name), &draft.url)));
    if all.is_empty() {
        return String::new();
    }
    format!(
        "<tr><td style=\"padding:12px 4px 4px\">{}</td></tr>\n",
        all.concat()
    )
}

fn button(text: &str, url: &str) -> String {
    let (text, url) = (Escaped(text), Escaped(url));
    format!(
        "<a href=\"{url}\" style=\"display:inline-block;margin:0 8px 8px 0;padding:9px 16px;background-color:#1d4ed8;\
         color:#ffffff;border-radius:6px;{SANS};font-size:14px;font-weight:bold;text-decoration:none;{WRAP}\">{text}</a>"
    )
}

fn section(section: &Section) -> String {
    let Section {
        name,
        lines,
        is_code,
    } = section;
    let lines: Vec<_> = lines.iter().map(|line| Escaped(line).to_string()).collect();
    let content = if *is_code {
        // A parser drops the first line break in a `pre`.
        format!(
            "<pre style=\"margin:0;padding:10px 12px;border:1px solid #8a8f98;border-color:rgba(127,127,127,0.4);border-radius:6px;\
             background-color:rgba(127,127,127,0.1);{MONO};white-space:pre-wrap;{WRAP}\">\n{}</pre>",
            lines.join("\n")
        )
    } else {
        format!(
            "<div style=\"{SANS};font-size:14px;line-height:1.5;{WRAP}\">{}</div>",
            lines.join("<br>\n")
        )
    };
    format!(
        "<tr><td style=\"padding:14px 4px 0\">\
         <div style=\"padding:0 0 5px;{SANS};font-size:13px;font-weight:bold\">{name}</div>{content}</td></tr>\n"
    )
}

const TABLE: &str =
    "role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"";
const SANS: &str = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif";
const MONO: &str = "font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:12px;line-height:1.5";
const WRAP: &str = "word-break:break-word;overflow-wrap:anywhere";

//! An alert as Block Kit, within its limits: what everybody needs as blocks, the evidence in an attachment with a color bar.
//!
//! Slack folds a long attachment up, which keeps the channel easy to read; so nothing is there that one has to know at once.

use serde_json::{Value, json};

use super::text::{defused, escaped, target, units};
use crate::notify::{Field, Link, Message, Section, Tone};

/// The whole alert, as much of it as there is room for.
pub(super) fn whole(mut message: Message) -> Value {
    loop {
        let payload = laid_out(&message);
        if is_within_limits(&payload) || !message.shorten() {
            return payload;
        }
    }
}

/// What matters most: few blocks of the plainest kinds.
pub(super) fn small(message: Message) -> Value {
    let message = message.brief();
    let mut blocks = vec![header(&message)];
    blocks.extend(lead(&message));
    blocks.extend(columns(&message, FACTS));
    blocks.push(context(&message, true));
    payload(&message, blocks)
}

/// Two lines without markup.
pub(super) fn failsafe(message: &Message) -> Value {
    let headline = defused(&message.headline, MAX_HEADER);
    let reference = defused(&message.reference, MAX_HEADER);
    json!({
        "text": format!("{headline}\n{reference}"),
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

fn laid_out(message: &Message) -> Value {
    let (also, evidence): (Vec<_>, Vec<_>) = message
        .sections
        .iter()
        .partition(|section| section.name == ALSO_TOLD);
    let mut blocks = vec![header(message)];
    blocks.extend(lead(message));
    blocks.extend(columns(message, FACTS));
    blocks.extend(also.into_iter().flat_map(lines));
    blocks.extend(buttons(&message.links));
    blocks.push(context(message, false));

    let mut details = columns(message, EVIDENCE);
    details.extend(evidence.iter().copied().flat_map(lines));
    let mut payload = payload(message, blocks);
    if !details.is_empty() {
        let fields = message.fields.iter().map(|field| field.name);
        let sections = evidence.iter().map(|section| section.name);
        let names: Vec<_> = fields
            .filter(|name| EVIDENCE.contains(name))
            .chain(sections)
            .collect();
        payload["attachments"] = json!([{
            "color": format!("#{:06x}", message.tone.color()),
            "fallback": format!("Details: {}", names.join(", ")),
            "blocks": details,
        }]);
    }
    payload
}

fn payload(message: &Message, blocks: Vec<Value>) -> Value {
    let headline = defused(&message.headline, MAX_FALLBACK);
    let mut reference = vec![defused(&message.reference, MAX_HEADER)];
    reference.extend(message.links.iter().filter_map(link));
    json!({
        "text": format!("{headline}\n{}", reference.join(" · ")),
        "blocks": blocks,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

fn header(message: &Message) -> Value {
    // Without `emoji`, a path such as `a:100:b` stays what it is.
    let text = json!({ "type": "plain_text", "text": escaped(&title(message), MAX_HEADER), "emoji": false });
    json!({ "type": "header", "text": text })
}

fn title(message: &Message) -> String {
    let over = match message.tone {
        Tone::Good => "over: ",
        _ => "",
    };
    format!("{} {over}{}", message.tone.symbol(), message.title)
}

/// Where and because of what; the title, too, when the header has no room for all of it.
fn lead(message: &Message) -> Option<Value> {
    let mut lines = Vec::new();
    if units(&escaped(&title(message), usize::MAX)) > MAX_HEADER {
        lines.push(escaped(&message.title, MAX_LEAD_LINE));
    }
    for Field { name, value } in &message.fields {
        match *name {
            "where" => lines.push(escaped(value, MAX_LEAD_LINE)),
            "caused by" => lines.push(format!("caused by {}", escaped(value, MAX_LEAD_LINE))),
            _ => {}
        }
    }
    if lines.is_empty() {
        lines.push(escaped(&message.headline, MAX_LEAD_LINE));
    }
    let text = joined(&lines, "\n", MAX_TEXT);
    // Slack refuses a message with a text that is blank.
    (!text.trim().is_empty()).then(|| section(&text))
}

/// The fields that `wanted` names, in two columns.
fn columns(message: &Message, wanted: &[&str]) -> Vec<Value> {
    let fields: Vec<_> = message
        .fields
        .iter()
        .filter(|field| wanted.contains(&field.name))
        .map(|Field { name, value }| {
            mrkdwn(&format!("*{name}*\n{}", escaped(value, MAX_FIELD_VALUE)))
        })
        .collect();
    fields
        .chunks(MAX_FIELDS)
        .map(|fields| json!({ "type": "section", "fields": fields }))
        .collect()
}

/// What a person quotes, and where it was: small and gray.
fn context(message: &Message, with_links: bool) -> Value {
    let told: Vec<_> = message
        .fields
        .iter()
        .filter(|field| CONTEXT.contains(&field.name))
        .collect();
    let mut parts = Vec::new();
    if !told.iter().any(|field| field.value == message.reference) {
        let reference = escaped(&message.reference, MAX_CONTEXT_PART);
        parts.push(format!("reference {reference}"));
    }
    parts.extend(told.iter().map(|Field { name, value }| {
        let value = escaped(value, MAX_CONTEXT_PART);
        format!("{name} {value}")
    }));
    if with_links {
        parts.extend(message.links.iter().filter_map(link));
    }
    if message.is_shortened {
        parts.push("shortened".to_owned());
    }
    let text = mrkdwn(&joined(&parts, " · ", MAX_TEXT));
    json!({ "type": "context", "elements": [text] })
}

fn buttons(links: &[Link]) -> Option<Value> {
    let buttons: Vec<_> = links
        .iter()
        .filter(|link| units(&link.url) <= MAX_URL)
        .take(MAX_BUTTONS)
        .enumerate()
        .map(|(index, link)| {
            let text = format!("Open the {}", link.text);
            json!({
                "type": "button",
                "text": { "type": "plain_text", "text": escaped(&text, MAX_BUTTON), "emoji": false },
                "url": link.url,
                "action_id": format!("link_{index}"),
            })
        })
        .collect();
    (!buttons.is_empty()).then(|| json!({ "type": "actions", "elements": buttons }))
}

fn link(link: &Link) -> Option<String> {
    let url = target(&link.url);
    (units(&url) <= MAX_CONTEXT_PART).then(|| format!("<{url}|{}>", link.text))
}

/// A section under its name, in as many blocks as it takes.
fn lines(section: &Section) -> Vec<Value> {
    let (open, mark, close) = match section.is_code {
        true => ("```\n", "", "\n```"),
        false => ("", "• ", ""),
    };
    let mut texts = Vec::new();
    let mut text = format!("*{}*\n{open}", section.name);
    let mut is_empty = true;
    for line in &section.lines {
        let mut line = format!("{mark}{}", escaped(line, MAX_LINE));
        // Half of a command would keep a shell waiting for the other quotation mark.
        if section.name == "curl" && line.ends_with('…') {
            line = "too long for Slack: in the occurrence's data".to_owned();
        }
        if !is_empty && units(&text) + units(&line) + close.len() >= MAX_TEXT {
            texts.push(text + close);
            text = open.to_owned();
            is_empty = true;
        }
        if !is_empty {
            text.push('\n');
        }
        text.push_str(&line);
        is_empty = false;
    }
    texts.push(text + close);
    texts.iter().map(|text| self::section(text)).collect()
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": mrkdwn(text) })
}

/// Without `verbatim`, Slack makes links of names and URLs that are mentioned.
fn mrkdwn(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

/// As many of the parts as there is room for, and `…` where there are more.
fn joined(parts: &[String], between: &str, most: usize) -> String {
    let more = format!("{between}…");
    let mut text = String::new();
    for part in parts {
        if units(&text) + units(between) + units(part) + units(&more) > most {
            text.push_str(&more);
            break;
        }
        if !text.is_empty() {
            text.push_str(between);
        }
        text.push_str(part);
    }
    text
}

fn is_within_limits(payload: &Value) -> bool {
    let details = &payload["attachments"][0]["blocks"];
    [&payload["blocks"], details]
        .iter()
        .all(|blocks| blocks.as_array().is_none_or(|it| it.len() <= MAX_BLOCKS))
        && texts(&payload["blocks"]) + texts(details) <= MAX_TOTAL
}

/// How long all texts in it are together.
fn texts(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(texts).sum(),
        Value::Object(fields) => fields.values().map(texts).sum(),
        Value::String(text) => units(text),
        _ => 0,
    }
}

const ALSO_TOLD: &str = "also told";
const FACTS: &[&str] = &[
    "user",
    "users hit",
    "how often",
    "why now",
    "severity",
    "release",
];
const EVIDENCE: &[&str] = &["answered", "request", "client", "browser", "tags", "extra"];
const CONTEXT: &[&str] = &["host", "request id", "issue", "lost", "shown"];

// Slack's limits, in its "Reference: blocks".
const MAX_BLOCKS: usize = 50;
const MAX_HEADER: usize = 150;
const MAX_TEXT: usize = 3_000;
const MAX_FIELDS: usize = 10;
const MAX_BUTTONS: usize = 5;
const MAX_BUTTON: usize = 75;
const MAX_URL: usize = 3_000;
/// Slack answers `msg_blocks_too_long` from about 13,200 on.
const MAX_TOTAL: usize = 12_000;

// Below them, with room for what stands around.
const MAX_FIELD_VALUE: usize = 1_900;
const MAX_LEAD_LINE: usize = 900;
const MAX_CONTEXT_PART: usize = 600;
const MAX_LINE: usize = 2_900;
const MAX_FALLBACK: usize = 2_000;

//! A message of Block Kit as a person sees it, in characters: two columns for fields, a bar beside attachments, buttons in brackets.

use serde_json::Value;

/// What is shown of a message. It panics over a block that it does not know.
pub(super) fn shown(message: &Value) -> String {
    let mut out = blocks(&message["blocks"]);
    for attachment in list(&message["attachments"]) {
        out.push(String::new());
        for line in blocks(&attachment["blocks"]) {
            out.push(format!("┃ {line}"));
        }
    }
    if out.is_empty() {
        out.push(entities(message["text"].as_str().unwrap()));
    }
    let lines: Vec<_> = out.iter().map(|line| line.trim_end()).collect();
    format!("{}\n", lines.join("\n"))
}

fn blocks(blocks: &Value) -> Vec<String> {
    let mut out = Vec::new();
    for (index, block) in list(blocks).iter().enumerate() {
        if index > 0 {
            out.push(String::new());
        }
        match block["type"].as_str().unwrap() {
            "header" => out.push(text(&block["text"])),
            "section" => {
                if let Some(text) = block.get("text") {
                    out.extend(lines(text));
                }
                for pair in list(&block["fields"]).chunks(2) {
                    out.extend(columns(pair));
                }
            }
            "context" => {
                for element in list(&block["elements"]) {
                    out.extend(
                        lines(element)
                            .iter()
                            .flat_map(|line| wrapped(line, 2 * WIDTH)),
                    );
                }
            }
            "actions" => {
                let buttons = list(&block["elements"]).iter();
                let buttons: Vec<_> = buttons
                    .map(|button| format!("[ {} ]", text(&button["text"])))
                    .collect();
                out.push(buttons.join("  "));
            }
            other => panic!("a block of the type {other}"),
        }
    }
    out
}

/// The lines of a text: code is set in by two.
fn lines(text: &Value) -> Vec<String> {
    let mut is_code = false;
    let mut out = Vec::new();
    for line in self::text(text).split('\n') {
        if line == "```" {
            is_code = !is_code;
        } else if is_code {
            out.push(format!("  {line}"));
        } else {
            out.push(line.to_owned());
        }
    }
    assert!(!is_code, "a code block without an end: {text:#}");
    out
}

fn columns(pair: &[Value]) -> Vec<String> {
    let cell = |value: &Value| -> Vec<String> {
        let lines = lines(value);
        lines
            .iter()
            .flat_map(|line| wrapped(line, WIDTH - 2))
            .collect()
    };
    let left = cell(&pair[0]);
    let right = pair.get(1).map(cell).unwrap_or_default();
    let height = left.len().max(right.len());
    let at = |lines: &[String], index: usize| lines.get(index).cloned().unwrap_or_default();
    (0..height)
        .map(|index| format!("{:<WIDTH$}{}", at(&left, index), at(&right, index)))
        .collect()
}

/// Broken between words where that is possible.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest: Vec<char> = line.chars().collect();
    while rest.len() > width {
        let blank = rest[..width].iter().rposition(|c| *c == ' ');
        let end = blank.filter(|at| *at > 0).unwrap_or(width);
        out.push(rest[..end].iter().collect());
        rest = rest[end..].to_vec();
        if rest.first() == Some(&' ') {
            rest.remove(0);
        }
    }
    out.push(rest.into_iter().collect());
    out
}

/// Without entities, and without the marks of bold labels and of links.
fn text(text: &Value) -> String {
    let raw = text["text"].as_str().unwrap();
    if text["type"] == "plain_text" {
        return entities(raw);
    }
    let mut out = Vec::new();
    for line in raw.split('\n') {
        let label = line.strip_prefix('*').and_then(|it| it.strip_suffix('*'));
        let is_label =
            label.is_some_and(|it| it.chars().all(|c| c.is_ascii_lowercase() || c == ' '));
        let line = label.filter(|_| is_label).unwrap_or(line);
        out.push(entities(&without_links(line)));
    }
    out.join("\n")
}

fn without_links(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('<') {
        let (link, after) = after.split_once('>').unwrap();
        let (_, label) = link.split_once('|').unwrap();
        out.push_str(&format!("{before}[{label}]"));
        rest = after;
    }
    out + rest
}

fn entities(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&amp;", "&")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

const WIDTH: usize = 48;

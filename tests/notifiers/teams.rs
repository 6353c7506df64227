//! Microsoft Teams: what is sent, read as Adaptive Cards say, and what is made of the answers.

use proptest::prelude::*;
use serde_json::{Value, json};
use tower_monitor::notify::{Message, Teams};
use tower_monitor::{Alert, Notifier};

use crate::support::alerts::{ALL, alert, saying};
use crate::support::golden::golden;
use crate::support::hostile;
use crate::support::judges;
use crate::support::vendor::{Answer, Received, Vendor};

fn teams(vendor: &Vendor) -> Teams {
    let path = "/workflows/0a1b2c/triggers/manual/paths/invoke?api-version=1&sig=u7Yc0Jq2aaaa";
    Teams::workflow(vendor.url(path))
}

/// A workflow that takes what Teams can show.
async fn workflow() -> Vendor {
    Vendor::start(|request, _| match read(request) {
        Ok(_) => Answer::say(202, ""),
        Err(problem) => Answer::say(400, problem),
    })
    .await
}

/// Reads the message, and returns the texts of the card.
fn read(request: &Received) -> Result<Vec<String>, String> {
    if request.body.len() > 20 * 1_024 {
        return Err(format!("{} bytes", request.body.len()));
    }
    let message = request.json();
    let attachments = message["attachments"].as_array().ok_or("no attachments")?;
    let [attachment] = &attachments[..] else {
        return Err("more than one attachment".to_owned());
    };
    if message["type"] != "message"
        || attachment["contentType"] != "application/vnd.microsoft.card.adaptive"
    {
        return Err("no card".to_owned());
    }
    let mut texts = Vec::new();
    element(&attachment["content"], &mut texts)?;
    Ok(texts)
}

/// The properties of version 1.4 that cards of ours may have, by type, and what each may hold.
const SCHEMA: &[(&str, &[Property])] = &[
    (
        "AdaptiveCard",
        &[
            (
                "$schema",
                &["http://adaptivecards.io/schemas/adaptive-card.json"],
            ),
            ("version", &["1.4"]),
            ("fallbackText", TEXT),
            ("body", ELEMENTS),
            ("actions", ELEMENTS),
        ],
    ),
    (
        "TextBlock",
        &[
            ("text", TEXT),
            ("wrap", FLAG),
            ("isSubtle", FLAG),
            ("separator", FLAG),
            (
                "size",
                &["Default", "Small", "Medium", "Large", "ExtraLarge"],
            ),
            ("weight", &["Default", "Lighter", "Bolder"]),
            (
                "color",
                &[
                    "Default",
                    "Dark",
                    "Light",
                    "Accent",
                    "Good",
                    "Warning",
                    "Attention",
                ],
            ),
            ("fontType", &["Default", "Monospace"]),
            (
                "spacing",
                &[
                    "Default",
                    "None",
                    "Small",
                    "Medium",
                    "Large",
                    "ExtraLarge",
                    "Padding",
                ],
            ),
        ],
    ),
    (
        "Container",
        &[
            (
                "style",
                &[
                    "default",
                    "emphasis",
                    "good",
                    "attention",
                    "warning",
                    "accent",
                ],
            ),
            ("bleed", FLAG),
            ("items", ELEMENTS),
        ],
    ),
    ("FactSet", &[("facts", FACTS)]),
    ("Action.OpenUrl", &[("title", TEXT), ("url", TEXT)]),
];
/// A name, and the words or the sort of value that it may hold.
type Property = (&'static str, &'static [&'static str]);
const TEXT: &[&str] = &["(text)"];
const FLAG: &[&str] = &["(flag)"];
const ELEMENTS: &[&str] = &["(elements)"];
const FACTS: &[&str] = &["(facts)"];

fn element(element: &Value, texts: &mut Vec<String>) -> Result<(), String> {
    let fields = element.as_object().ok_or("no element")?;
    let kind = element["type"].as_str().ok_or("no type")?;
    let (_, known) = SCHEMA
        .iter()
        .find(|(name, _)| *name == kind)
        .ok_or_else(|| format!("no type {kind}"))?;
    for (name, value) in fields {
        if name == "type" || (name == "msteams" && *value == json!({ "width": "Full" })) {
            continue;
        }
        let (_, holds) = known
            .iter()
            .find(|(known, _)| known == name)
            .ok_or_else(|| format!("{kind} has no {name}"))?;
        let is_right = match *holds {
            TEXT => {
                texts.push(value.as_str().ok_or("no text")?.to_owned());
                value != ""
            }
            FLAG => value.is_boolean(),
            ELEMENTS => {
                let all = value.as_array().ok_or("no elements")?;
                for inner in all {
                    self::element(inner, texts)?;
                }
                !all.is_empty()
            }
            FACTS => {
                let facts = value.as_array().ok_or("no facts")?;
                for fact in facts {
                    texts.push(fact["title"].as_str().ok_or("no title")?.to_owned());
                    texts.push(fact["value"].as_str().ok_or("no value")?.to_owned());
                }
                facts
                    .iter()
                    .all(|fact| fact.as_object().unwrap().len() == 2)
            }
            words => value.as_str().is_some_and(|value| words.contains(&value)),
        };
        if !is_right {
            return Err(format!("{kind} has {value} as {name}"));
        }
    }
    Ok(())
}

/// What the Markdown of a card shows.
///
/// # Errors
///
/// When something in it is markup.
fn rendered(text: &str) -> Result<String, String> {
    let lines: Result<Vec<_>, _> = text.split("\n\n").map(line).collect();
    Ok(lines?.join("\n"))
}

fn line(paragraph: &str) -> Result<String, String> {
    let fault = |what: &str| Err(format!("{what}: {paragraph:?}"));
    if paragraph.contains(['\n', '\r']) || paragraph.starts_with(' ') || paragraph.contains("  ") {
        return fault("a line that is not kept");
    }
    let begins = paragraph.trim_start_matches('\u{a0}');
    let item = begins.trim_start_matches(|c: char| c.is_ascii_digit());
    let item = if item.len() < begins.len() {
        item.strip_prefix(['.', ')'])
    } else {
        item.strip_prefix(['-', '+'])
    };
    if begins.starts_with(['#', '>'])
        || item.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    {
        return fault("a block");
    }
    // Where a character stands for itself, `\0` stands in its place.
    let (mut shown, mut markup) = (String::new(), Vec::new());
    let mut chars = paragraph.chars().peekable();
    while let Some(c) = chars.next() {
        let is_escape = c == '\\' && chars.peek().is_none_or(char::is_ascii_punctuation);
        markup.push(if is_escape { '\0' } else { c });
        shown.push(if is_escape {
            chars.next().ok_or("nothing is escaped")?
        } else {
            c
        });
    }
    let at = |index: usize| markup.get(index).copied().unwrap_or(' ');
    for (index, c) in markup.iter().enumerate() {
        let (before, after) = (at(index.wrapping_sub(1)), at(index + 1));
        let is_markup = match c {
            '*' | '`' => true,
            '_' => !before.is_ascii_alphanumeric() || !after.is_ascii_alphanumeric(),
            '~' => after == '~',
            ']' => matches!(after, '(' | '[' | ':'),
            '<' => after.is_ascii_alphabetic() || after == '/' || after == '!',
            '&' => ["&lt;", "&gt;", "&amp;", "&#"].iter().any(|it| {
                let text: String = markup[index..].iter().take(it.len()).collect();
                text == **it && markup[index..].iter().take(12).any(|c| *c == ';')
            }),
            '{' => after == '{',
            _ => false,
        };
        if is_markup {
            return fault("markup");
        }
    }
    Ok(shown.replace('\u{a0}', " ").replace('\u{2060}', ""))
}

async fn texts(alert: &Alert) -> Vec<String> {
    let vendor = workflow().await;
    teams(&vendor).notify(alert).await.unwrap();
    let texts = read(&vendor.only()).unwrap();
    texts
        .iter()
        .filter(|text| !text.starts_with("http"))
        .map(|text| rendered(text).unwrap())
        .collect()
}

#[tokio::test]
async fn teams_takes_every_alert_as_it_is() {
    for name in ALL {
        let alert = alert(name);
        let words = texts(&alert).await.join("\n");
        let message = Message::of(&alert);
        assert!(words.contains(&message.headline), "{name}");
        assert!(words.contains(&message.reference), "{name}");
    }
}

#[tokio::test]
async fn nothing_is_left_out_where_there_is_room() {
    let alert = alert("panic");
    let words = texts(&alert).await.join("\n");
    let message = Message::of(&alert);
    let values = message.fields.iter().map(|field| &field.value);
    let lines = message.sections.iter().flat_map(|section| &section.lines);
    for text in values.chain(lines) {
        assert!(words.contains(text.as_str()), "{text}");
    }
}

#[tokio::test]
async fn the_cards_are_known() {
    for name in ["panic", "chain", "joined", "hostile", "quiet", "test"] {
        let vendor = workflow().await;
        teams(&vendor).notify(&alert(name)).await.unwrap();
        golden(&format!("teams/{name}.json"), &vendor.only().json());
    }
}

/// Microsoft's renderer finds nothing in the cards but what the schema knows, and in their texts no markup.
#[tokio::test]
async fn the_renderer_of_cards_finds_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (name, alert) in ALL
        .map(|name| (name, alert(name)))
        .into_iter()
        .chain(pieces())
    {
        let vendor = workflow().await;
        teams(&vendor).notify(&alert).await.unwrap();
        let path = folder.path().join(format!("{name}.json"));
        std::fs::write(&path, &vendor.only().body).unwrap();
        files.push(path);
    }
    let files: Vec<_> = files.iter().map(|path| path.as_path()).collect();
    judges::node("cards.mjs", &files).accepts();

    let wrong =
        json!({ "type": "TextBlock", "text": "[x](https://evil.example.com)", "size": "Huge" });
    let card = json!({ "type": "AdaptiveCard", "version": "1.4", "body": [wrong] });
    let path = folder.path().join("wrong.json");
    let message = json!({ "attachments": [{ "content": card }] });
    std::fs::write(&path, message.to_string()).unwrap();
    if let Some(faults) = judges::node("cards.mjs", &[&path]).refuses() {
        assert!(
            faults.contains("Huge") && faults.contains("A: x"),
            "{faults}"
        );
    }
}

/// An alert for each piece of markup, at the beginning of a line and within it.
fn pieces() -> impl Iterator<Item = (&'static str, Alert)> {
    let names = (0..).map(|number| &*format!("piece_{number}").leak());
    let words = hostile::PIECES
        .iter()
        .map(|piece| format!("{piece}x{piece} {piece}"));
    names.zip(words.map(|words| saying(&words)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_others_wrote_is_text(words in hostile::words()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let alert = saying(&words);
        let texts = runtime.block_on(texts(&alert));
        let headline = Message::of(&alert).headline.replace(['\u{a0}', '\u{2060}'], "");
        let plain = |text: &String| text.replace([' ', '\u{2060}'], "");
        prop_assert!(texts.iter().any(|text| plain(text).contains(&headline.replace(' ', ""))));
    }
}

/// What is all blanks where an app or a client may write what it likes.
#[tokio::test]
async fn nothing_but_blanks_is_a_card_as_well() {
    for words in ["", " ", "\n", "\u{a0}", "\u{a0}#tag"] {
        let texts = texts(&saying(words)).await;
        assert!(!texts.is_empty());
    }
}

#[tokio::test]
async fn what_is_refused_as_it_is_gets_smaller() {
    let vendor = Vendor::start(|_, before| match before {
        0 => Answer::say(413, ""),
        1 => Answer::say(
            200,
            "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413 with ContextId a",
        ),
        _ => Answer::say(202, ""),
    })
    .await;
    teams(&vendor).notify(&alert("hostile")).await.unwrap();
    let all = vendor.received();
    let lengths: Vec<_> = all.iter().map(|request| request.body.len()).collect();
    assert!(
        lengths[0] > lengths[1] && lengths[1] > lengths[2],
        "{lengths:?}"
    );
    for text in all.iter().flat_map(|request| read(request).unwrap()) {
        assert!(
            text.starts_with("http") || rendered(&text).is_ok(),
            "{text}"
        );
    }
    golden("teams/hostile_small.json", &all[1].json());
    golden("teams/hostile_failsafe.json", &all[2].json());
}

#[tokio::test]
async fn a_success_that_tells_of_a_failure_is_none() {
    let body = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId a";
    let answer = Answer::say(200, body).header("retry-after", "7");
    let vendor = Vendor::saying(answer).await;
    let error = teams(&vendor).notify(&alert("panic")).await.unwrap_err();
    assert_eq!(error.wait(), Some(std::time::Duration::from_secs(7)));
    assert_eq!(vendor.received().len(), 1);
}

//! An alert as Discord's message: one line that a phone shows, and a card under it.

use serde_json::{Map, Value, json};

use super::markdown::{block, escaped, units};
use crate::issue::Alert;
use crate::notify::shrink::Size;
use crate::notify::{Message, Section};
use crate::text::cut;

/// The request's body.
pub(super) fn payload(alert: &Alert, size: Size) -> Value {
    let mut message = Message::of(alert);
    match size {
        Size::Whole => {}
        Size::Small => message = message.brief(),
        Size::Failsafe => return failsafe(&message),
    }
    let mut card = card(alert, &message);
    while !fits(&card) && message.shorten() {
        card = self::card(alert, &message);
    }
    let line = escaped(&message.headline, MAX_LINE);
    let content = format!("{} {line}", message.tone.symbol());
    json!({ "content": content, "embeds": [card], "allowed_mentions": nobody() })
}

/// Letters and digits of the headline, and what to look for.
fn failsafe(message: &Message) -> Value {
    let words = message.headline.split(|c: char| !c.is_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let reference = escaped(&message.reference, MAX_REFERENCE);
    let text = format!("{} {reference}", cut(&words.join(" "), 200));
    json!({ "content": text, "allowed_mentions": nobody() })
}

/// Nobody is pinged, whatever the text says.
fn nobody() -> Value {
    json!({ "parse": [] })
}

fn card(alert: &Alert, message: &Message) -> Value {
    let mut card = Map::new();
    card.insert("color".to_owned(), message.tone.color().into());
    card.insert("timestamp".to_owned(), json!(alert.time));
    if let Some(link) = message
        .links
        .iter()
        .find(|link| units(&link.url) <= MAX_URL)
    {
        card.insert("title".to_owned(), link.text.into());
        card.insert("url".to_owned(), link.url.as_str().into());
    }
    let fields = message.fields.iter().map(|field| {
        // Discord sets short ones side by side.
        let inline = units(&field.value) <= MAX_INLINE;
        json!({ "name": field.name, "value": escaped(&field.value, MAX_VALUE), "inline": inline })
    });
    card.insert("fields".to_owned(), fields.collect());
    let sections: Vec<_> = message.sections.iter().map(section).collect();
    if !sections.is_empty() {
        card.insert("description".to_owned(), sections.join("\n").into());
    }
    let cut = if message.is_shortened {
        ", shortened"
    } else {
        ""
    };
    let footer = format!("{}{cut}", message.reference);
    card.insert("footer".to_owned(), json!({ "text": footer }));
    card.into()
}

fn section(section: &Section) -> String {
    if section.is_code {
        return format!("**{}**\n{}", section.name, block(&section.lines));
    }
    let lines = section
        .lines
        .iter()
        .map(|line| escaped(line, MAX_DESCRIPTION));
    let lines: Vec<_> = lines.collect();
    format!("**{}**\n{}", section.name, lines.join("\n"))
}

fn fits(card: &Value) -> bool {
    let length = |text: &Value| text.as_str().map_or(0, units);
    let fields = card["fields"].as_array().map_or(&[][..], Vec::as_slice);
    let in_fields = fields
        .iter()
        .map(|field| length(&field["name"]) + length(&field["value"]));
    let description = length(&card["description"]);
    let all = in_fields.sum::<usize>()
        + description
        + length(&card["title"])
        + length(&card["footer"]["text"]);
    description <= MAX_DESCRIPTION && fields.len() <= MAX_FIELDS && all <= MAX_ALL
}

/// Of the 2,000 that Discord takes.
const MAX_LINE: usize = 1_900;
const MAX_DESCRIPTION: usize = 4_096;
const MAX_FIELDS: usize = 25;
const MAX_VALUE: usize = 1_024;
const MAX_ALL: usize = 6_000;
const MAX_URL: usize = 2_048;
const MAX_INLINE: usize = 40;
const MAX_REFERENCE: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::discord::markdown::tests::live;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn panic() -> Alert {
        serde_json::from_str(include_str!("../../../tests/alerts/panic.json")).unwrap()
    }

    /// What anybody wrote, everywhere.
    fn written(text: &str) -> Alert {
        let mut alert = panic();
        let mut json = serde_json::to_value(&*alert.occurrence).unwrap();
        json["exceptions"][0]["message"] = format!("{text}\n{text}").into();
        json["exceptions"][0]["stack"]["frames"][0]["function"] = text.into();
        json["exceptions"][0]["stack"]["frames"][0]["source"]["line"] = text.into();
        json["request"]["path"] = text.into();
        json["request"]["curl"] = text.into();
        json["request"]["user"]["name"] = text.into();
        json["request"]["tags"] = json!({ "tag": text });
        json["origin"]["service"] = text.into();
        json["origin"]["host"] = text.into();
        json["missing"] = json!([text]);
        alert.occurrence = Arc::new(serde_json::from_value(json).unwrap());
        alert
    }

    #[test]
    fn the_card_leads_to_the_issue_page() {
        let mut alert = panic();
        alert.desk.dashboard = Some("https://ops.example.com/monitor".into());
        let card = payload(&alert, Size::Whole)["embeds"][0].clone();
        assert_eq!(card["title"], "issue page");
        let page = "https://ops.example.com/monitor/issues/ba5875d600326ed1";
        assert_eq!(card["url"], page);

        alert.desk.dashboard = Some(format!("https://{}", "a".repeat(3_000)).into());
        let card = payload(&alert, Size::Whole)["embeds"][0].clone();
        assert!(card.get("url").is_none() && card.get("title").is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_anybody_wrote_is_only_text_and_within_the_limits(
            text in "(@everyone|<@1>|```|\\*\\*|\\[x\\]\\(https://evil.example.com\\)|https://evil.example.com|:x:|\\\\|🦀|\\PC|\n){0,80}",
        ) {
            let alert = written(&text);
            for size in Size::ALL {
                let payload = payload(&alert, size);
                prop_assert_eq!(&payload["allowed_mentions"], &json!({ "parse": [] }));
                let content = payload["content"].as_str().unwrap();
                prop_assert!(units(content) <= 2_000);
                let card = &payload["embeds"][0];
                prop_assert!(fits(card));
                let fields = card["fields"].as_array().cloned().unwrap_or_default();
                let values = fields.iter().map(|field| field["value"].as_str().unwrap());
                for value in values.clone() {
                    prop_assert!(!value.is_empty() && units(value) <= 1_024);
                }
                let description = card["description"].as_str().unwrap_or_default();
                prop_assert_eq!(description.matches("```").count() % 2, 0);
                let is_text = |live: String| {
                    !live.contains(['*', '_', '`', '<', '@']) && !live.contains("](") && !live.contains("://")
                };
                for text in values.chain([content]) {
                    prop_assert!(is_text(live(text)) && !text.contains('\n'), "{text:?}");
                }
                // The sections' names are bold.
                prop_assert!(is_text(live(description).replace("**", "")), "{description}");
            }
        }
    }
}

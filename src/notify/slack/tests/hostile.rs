//! Whatever is in an alert, Slack gets a message that it takes and that does nothing.

use proptest::prelude::*;
use serde_json::Value;

use super::super::{blocks, text::units};
use crate::issue::Severity;
use crate::notify::message::{Field, Link, Message, Section, Tone};
use crate::text::{one_line, shortened};

/// Words that nobody means well, on one line as all of a message's are.
fn hostile(most: usize) -> impl Strategy<Value = String> {
    let pieces = [
        "<!channel>",
        "<@U012AB3CD>",
        "<https://evil.example.com|x>",
        "@here",
        "&lt;",
        "&",
        "<",
        ">",
        "|",
        "`",
        "```",
        "*x*",
        "_",
        "https://evil.example.com",
        "\u{200b}",
        "\u{fe0f}",
        " ",
        "ä",
        "🦀",
        "\\",
        "…",
    ];
    let piece = prop_oneof![
        4 => prop::sample::select(pieces.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => "[🦀ä&<`x]{1,300}",
    ];
    prop::collection::vec(piece, 0..12)
        .prop_map(move |pieces| shortened(&one_line(&pieces.concat()), most))
}

fn message() -> impl Strategy<Value = Message> {
    let names = [
        "where",
        "user",
        "how often",
        "why now",
        "release",
        "caused by",
        "host",
        "request id",
        "issue",
        "lost",
        "request",
        "tags",
    ];
    let field = (prop::sample::select(names.to_vec()), hostile(1_000))
        .prop_map(|(name, value)| Field { name, value });
    let sections = ["also told", "message", "stack", "before", "curl", "missing"];
    let lines = prop::collection::vec(hostile(2_000), 1..40);
    let section = (
        prop::sample::select(sections.to_vec()),
        lines,
        any::<bool>(),
    )
        .prop_map(|(name, lines, is_code)| Section {
            name,
            lines,
            is_code,
        });
    let tones = [Tone::Good, Tone::Test, Tone::Bad(Severity::Critical)];
    (
        (hostile(300), hostile(200), hostile(100)),
        prop::sample::select(tones.to_vec()),
        prop::collection::vec(field, 0..20),
        prop::collection::vec(section, 0..7),
        any::<bool>(),
    )
        .prop_map(
            |((headline, title, reference), tone, fields, sections, is_linked)| {
                let links = is_linked.then(|| Link {
                    text: "issue page",
                    url: URL.to_owned(),
                });
                Message {
                    subject: headline.clone(),
                    headline,
                    title,
                    tone,
                    fields,
                    sections,
                    links: links.into_iter().collect(),
                    reference,
                    is_shortened: false,
                }
            },
        )
}

const URL: &str = "https://ops.example.com/_monitor/issues/ba5875d600326ed1?a=1&b=|";
const LINK: &str =
    "<https://ops.example.com/_monitor/issues/ba5875d600326ed1?a=1&amp;b=%7C|issue page>";

/// What Slack would make of it does not differ from what was written.
fn is_harmless(text: &str) -> bool {
    let text = text.replace(LINK, "");
    let entities = ["amp;", "lt;", "gt;"];
    !text.contains(['<', '>'])
        && text
            .split('&')
            .skip(1)
            .all(|rest| entities.iter().any(|it| rest.starts_with(it)))
}

/// No fence, or one round all but the first line.
fn is_fenced_by_us_alone(text: &str) -> bool {
    let code = text.split_once("```\n").map(|(before, after)| {
        let is_label =
            before.is_empty() || (before.ends_with("*\n") && before.lines().count() == 1);
        is_label
            && after
                .strip_suffix("\n```")
                .is_some_and(|code| !code.contains("```"))
    });
    code.unwrap_or(!text.contains("```"))
}

fn check_blocks(blocks: &Value) -> usize {
    let blocks = blocks.as_array().unwrap();
    assert!((1..=50).contains(&blocks.len()));
    let mut total = 0;
    let mut check = |text: &Value, most: usize| {
        let is_plain = text["type"] == "plain_text";
        assert!(is_plain || text["verbatim"] == true, "{text:#}");
        let text = text["text"].as_str().unwrap();
        assert!(
            (1..=most).contains(&units(text)),
            "{} of {most}",
            units(text)
        );
        assert!(is_harmless(text) && is_fenced_by_us_alone(text), "{text}");
        total += units(text);
    };
    for block in blocks {
        match block["type"].as_str().unwrap() {
            "header" => check(&block["text"], 150),
            "section" if block.get("fields").is_none() => check(&block["text"], 3_000),
            "section" => {
                let fields = block["fields"].as_array().unwrap();
                assert!((1..=10).contains(&fields.len()) && block.get("text").is_none());
                fields.iter().for_each(|field| check(field, 2_000));
            }
            "context" => check(&block["elements"][0], 3_000),
            "actions" => {
                check(&block["elements"][0]["text"], 75);
                assert_eq!(block["elements"][0]["url"], URL);
            }
            other => panic!("{other}"),
        }
    }
    total
}

fn check_text(payload: &Value) {
    let text = payload["text"].as_str().unwrap();
    assert!(
        units(text) <= 4_000 && is_harmless(text) && !text.contains("```"),
        "{text}"
    );
    let is_word = |before: Option<char>| before.is_some_and(char::is_alphanumeric);
    let mut mentions = text.match_indices("@here");
    assert!(
        mentions.all(|(at, _)| is_word(text[..at].chars().next_back())),
        "{text}"
    );
    assert_eq!(payload["unfurl_links"], false);
    assert_eq!(payload["unfurl_media"], false);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_in_an_alert_it_keeps_to_the_limits_and_does_nothing(message in message()) {
        let whole = blocks::whole(message.clone());
        check_text(&whole);
        let mut total = check_blocks(&whole["blocks"]);
        if let Some(attachments) = whole.get("attachments") {
            total += check_blocks(&attachments[0]["blocks"]);
            let color = attachments[0]["color"].as_str().unwrap();
            prop_assert!(color.len() == 7 && color.starts_with('#'));
        }
        prop_assert!(total <= 12_000);

        let small = blocks::small(message.clone());
        check_text(&small);
        prop_assert!(check_blocks(&small["blocks"]) <= 4_000);
        prop_assert!(small.get("attachments").is_none());

        let failsafe = blocks::failsafe(&message);
        check_text(&failsafe);
        prop_assert!(failsafe.get("blocks").is_none() && failsafe["mrkdwn"] == false);
    }
}

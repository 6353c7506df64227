//! Telegram: what is sent, read as the Bot API reads it, and what is made of its answers.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tower_monitor::notify::{Message, Telegram};
use tower_monitor::{Alert, Notifier};

use crate::support::alerts::{ALL, alert, saying};
use crate::support::golden::golden;
use crate::support::hostile;
use crate::support::vendor::{Answer, Received, Vendor};

const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";

fn telegram(vendor: &Vendor) -> Telegram {
    Telegram::bot(TOKEN, -1_001_234_567_890_i64).base_url(vendor.url(""))
}

/// A bot server that takes what the real one takes.
async fn bot_api() -> Vendor {
    Vendor::start(|request, _| match read(request) {
        Ok(_) => Answer::say(200, r#"{"ok":true,"result":{"message_id":7}}"#),
        Err(problem) => refusal(400, &format!("Bad Request: {problem}")),
    })
    .await
}

fn refusal(status: u16, description: &str) -> Answer {
    let body = json!({ "ok": false, "error_code": status, "description": description });
    Answer::say(status, body.to_string())
}

/// What Telegram shows.
#[derive(Debug)]
struct Shown {
    text: String,
    /// What is marked up, and with which tag.
    marked: Vec<(String, String)>,
}

/// Reads a `sendMessage` as the documentation of the Bot API says.
fn read(request: &Received) -> Result<Shown, String> {
    let fault = |fault: &str| Err(fault.to_owned());
    if request.method != "POST" || request.path != format!("/bot{TOKEN}/sendMessage") {
        return fault("no such method");
    }
    let payload = request.json();
    for (name, value) in payload.as_object().unwrap() {
        let is_right = match name.as_str() {
            "chat_id" => value.is_i64() || value.as_str().is_some_and(|it| it.starts_with('@')),
            "message_thread_id" => value.as_i64().is_some_and(|id| id > 0),
            "text" => value.is_string(),
            "parse_mode" => value == "HTML",
            "link_preview_options" => *value == json!({ "is_disabled": true }),
            "disable_notification" => value.is_boolean(),
            _ => false,
        };
        if !is_right {
            return Err(format!("{name} is {value}"));
        }
    }
    let text = payload["text"].as_str().unwrap();
    let shown = if payload["parse_mode"] == "HTML" {
        parse(text)?
    } else {
        let (text, marked) = (text.to_owned(), Vec::new());
        Shown { text, marked }
    };
    match shown.text.trim().encode_utf16().count() {
        0 => fault("message text is empty"),
        4_097.. => fault("message is too long"),
        _ => Ok(shown),
    }
}

/// The HTML style of the Bot API: these tags, nested, and no character of markup anywhere else.
fn parse(html: &str) -> Result<Shown, String> {
    let fault = |what: &str| Err(format!("can't parse entities: {what}"));
    let (mut text, mut marked) = (String::new(), Vec::new());
    let mut open: Vec<(String, usize)> = Vec::new();
    let mut rest = html;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '&' => {
                let Some((name, after)) = rest.split_once(';') else {
                    return fault("an entity without an end");
                };
                text.push(match name {
                    "lt" => '<',
                    "gt" => '>',
                    "amp" => '&',
                    "quot" => '"',
                    _ => return fault("an unknown entity"),
                });
                rest = after;
            }
            '<' => {
                let Some((tag, after)) = rest.split_once('>') else {
                    return fault("a tag without an end");
                };
                rest = after;
                if let Some(name) = tag.strip_prefix('/') {
                    match open.pop() {
                        Some((begun, at)) if begun == name => {
                            marked.push((begun, text[at..].to_owned()));
                        }
                        _ => return fault("an unexpected end tag"),
                    }
                } else if !matches!(tag, "b" | "i" | "u" | "s" | "code" | "pre") {
                    return fault("an unsupported start tag");
                } else if open.iter().any(|(tag, _)| tag == "code" || tag == "pre") {
                    return fault("a tag within code");
                } else {
                    open.push((tag.to_owned(), text.len()));
                }
            }
            '>' => return fault("a bracket that is not escaped"),
            c => text.push(c),
        }
    }
    if open.is_empty() {
        Ok(Shown { text, marked })
    } else {
        fault("no end tag")
    }
}

impl Shown {
    /// The text without the invisible joiners.
    fn words(&self) -> String {
        self.text.replace('\u{2060}', "")
    }

    /// What Telegram would make links of by itself: it looks everywhere but in code.
    fn links(&self) -> Vec<String> {
        let mut text = self.text.clone();
        for (tag, words) in &self.marked {
            if tag == "code" || tag == "pre" {
                text = text.replacen(words.as_str(), " ", 1);
            }
        }
        let chars: Vec<_> = text.chars().collect();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let pairs = chars.windows(2).enumerate();
        pairs
            .filter(|(at, pair)| match pair[0] {
                '@' | '#' | '/' | '$' => is_word(pair[1]),
                '.' => is_word(pair[1]) && *at > 0 && is_word(chars[at - 1]),
                _ => false,
            })
            .map(|(at, _)| chars[at.saturating_sub(9)..].iter().take(20).collect())
            .collect()
    }
}

async fn shown(alert: &Alert) -> Shown {
    let vendor = bot_api().await;
    telegram(&vendor).notify(alert).await.unwrap();
    read(&vendor.only()).unwrap()
}

#[tokio::test]
async fn telegram_takes_every_alert_as_it_is() {
    for name in ALL {
        let alert = alert(name);
        let shown = shown(&alert).await;
        assert_eq!(shown.links(), Vec::<String>::new(), "{name}");
        let message = Message::of(&alert);
        assert_eq!(shown.marked[0], ("b".to_owned(), shown.marked[0].1.clone()));
        assert!(shown.words().contains(&message.headline), "{name}");
        assert!(shown.words().contains(&message.reference), "{name}");
    }
}

#[tokio::test]
async fn nothing_is_left_out_where_there_is_room() {
    let alert = alert("panic");
    let shown = shown(&alert).await;
    let message = Message::of(&alert);
    let values = message.fields.iter().map(|field| &field.value);
    let lines = message.sections.iter().flat_map(|section| &section.lines);
    for words in values.chain(lines) {
        assert!(shown.words().contains(words.as_str()), "{words}");
    }
}

#[tokio::test]
async fn the_messages_are_known() {
    for name in ["panic", "chain", "joined", "hostile", "quiet", "test"] {
        let vendor = bot_api().await;
        telegram(&vendor).notify(&alert(name)).await.unwrap();
        golden(&format!("telegram/{name}.json"), &vendor.only().json());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_others_wrote_is_text(words in hostile::words()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let shown = runtime.block_on(shown(&saying(&words)));
        prop_assert_eq!(shown.links(), Vec::<String>::new());
        let bold = shown.marked.iter().filter(|(tag, _)| tag == "b").count();
        prop_assert!(bold <= 6, "{:?}", shown.marked);
    }
}

#[tokio::test]
async fn what_is_refused_as_it_is_goes_without_markup() {
    let vendor = Vendor::start(|_, before| match before {
        0 => refusal(
            400,
            "Bad Request: can't parse entities: Unsupported start tag",
        ),
        1 => refusal(400, "Bad Request: message is too long"),
        _ => Answer::say(200, r#"{"ok":true}"#),
    })
    .await;
    telegram(&vendor).notify(&alert("hostile")).await.unwrap();
    let all = vendor.received();
    let lengths: Vec<_> = all.iter().map(|request| request.body.len()).collect();
    assert!(
        lengths[0] > lengths[1] && lengths[1] > lengths[2],
        "{lengths:?}"
    );
    for request in &all {
        assert_eq!(read(request).unwrap().links(), Vec::<String>::new());
    }
    golden("telegram/hostile_small.json", &all[1].json());
    golden("telegram/hostile_failsafe.json", &all[2].json());
}

#[tokio::test]
async fn a_group_that_has_moved_is_followed() {
    const NEW: i64 = -1_009_876_543_210;
    let vendor = Vendor::start(|request, _| {
        if request.json()["chat_id"] == NEW {
            return Answer::say(200, r#"{"ok":true}"#);
        }
        let body = json!({
            "ok": false, "error_code": 400,
            "description": "Bad Request: group chat was upgraded to a supergroup chat",
            "parameters": { "migrate_to_chat_id": NEW },
        });
        Answer::say(400, body.to_string())
    })
    .await;
    let telegram = telegram(&vendor);
    telegram.notify(&alert("panic")).await.unwrap();
    telegram.notify(&alert("chain")).await.unwrap();
    let chats: Vec<Value> = vendor
        .received()
        .iter()
        .map(|it| it.json()["chat_id"].clone())
        .collect();
    assert_eq!(
        chats,
        [json!(-1_001_234_567_890_i64), json!(NEW), json!(NEW)]
    );
}

#[tokio::test]
async fn the_answer_says_whether_to_try_again_and_never_shows_the_token() {
    let said = async |answer: Answer| {
        let vendor = Vendor::saying(answer).await;
        let error = telegram(&vendor).notify(&alert("panic")).await.unwrap_err();
        assert!(!error.to_string().contains("AAHdqTcvCH1v"), "{error}");
        error
    };
    let echo = format!("Unauthorized: bot{TOKEN}, {}", &TOKEN[10..]);
    assert!(said(refusal(401, &echo)).await.is_destination_gone());
    assert!(
        said(refusal(400, "Bad Request: chat not found"))
            .await
            .is_destination_gone()
    );
    assert!(
        said(refusal(403, "Forbidden: bot was blocked by the user"))
            .await
            .is_destination_gone()
    );
    let busy = json!({
        "ok": false, "error_code": 429, "description": "Too Many Requests: retry after 5",
        "parameters": { "retry_after": 5 },
    });
    for status in [429, 200] {
        let error = said(Answer::say(status, busy.to_string())).await;
        assert_eq!(error.wait(), Some(Duration::from_secs(5)));
    }
}

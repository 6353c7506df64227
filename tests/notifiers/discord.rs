//! Discord: the message of each alert, its limits, what is made of the answers, and what Discord's description says of it.

use std::time::Duration;

use serde_json::{Value, json};
use tower_monitor::Notifier;
use tower_monitor::notify::Discord;

use crate::support::alerts::{ALL, alert};
use crate::support::golden::golden;
use crate::support::judges::Prism;
use crate::support::relay::relay;
use crate::support::vendor::{Answer, Received, Vendor};

const PATH: &str = "/api/webhooks/123456789012345678/hidden-token_1";

fn discord(vendor: &Vendor) -> Discord {
    Discord::webhook(vendor.url(PATH))
}

fn posted() -> Answer {
    Answer::say(200, r#"{"id":"1"}"#)
}

async fn sent(name: &str) -> Value {
    let vendor = Vendor::saying(posted()).await;
    discord(&vendor).notify(&alert(name)).await.unwrap();
    vendor.only().json()
}

/// Discord counts characters; UTF-16 units are never fewer.
fn units(text: &Value) -> usize {
    text.as_str().map_or(0, |text| text.encode_utf16().count())
}

#[tokio::test]
async fn each_alert_is_the_message_it_should_be() {
    for name in ALL {
        let message = sent(name).await;
        golden(&format!("discord/{name}.json"), &message);
    }
}

#[tokio::test]
async fn no_alert_is_beyond_a_limit_or_pings_anybody() {
    for name in ALL {
        let message = sent(name).await;
        assert_eq!(message["allowed_mentions"], json!({ "parse": [] }));
        assert!((1..=2_000).contains(&units(&message["content"])), "{name}");
        let card = &message["embeds"][0];
        assert!(units(&card["description"]) <= 4_096, "{name}");
        let fields = card["fields"].as_array().unwrap();
        assert!((1..=25).contains(&fields.len()), "{name}");
        let mut all =
            units(&card["title"]) + units(&card["description"]) + units(&card["footer"]["text"]);
        for field in fields {
            let (name_length, length) = (units(&field["name"]), units(&field["value"]));
            assert!(
                (1..=256).contains(&name_length) && (1..=1_024).contains(&length),
                "{name}"
            );
            all += name_length + length;
        }
        assert!(all <= 6_000, "{name}: {all}");
    }
}

#[tokio::test]
async fn the_request_is_discords() {
    let vendor = Vendor::saying(posted()).await;
    discord(&vendor)
        .thread(77)
        .notify(&alert("panic"))
        .await
        .unwrap();
    let request = vendor.only();
    assert_eq!(request.path, format!("{PATH}?wait=true&thread_id=77"));
    assert_eq!(request.header("content-type"), "application/json");
    // Discord refuses clients that do not name themselves.
    assert!(request.header("user-agent").starts_with("tower-monitor/"));
}

#[tokio::test]
async fn answers_mean_what_the_table_says_and_repeat_no_token() {
    let limited = r#"{"message":"You are being rate limited.","retry_after":0.25,"global":false}"#;
    let unknown = format!(r#"{{"message":"Unknown Webhook {PATH}","code":10015}}"#);
    for (answer, is_gone, wait) in [
        (
            Answer::say(429, limited).header("retry-after", "1"),
            false,
            Some(Duration::from_millis(250)),
        ),
        (Answer::say(502, ""), false, None),
        (Answer::Reset, false, None),
        (Answer::say(404, unknown), true, None),
        (Answer::say(401, ""), true, None),
    ] {
        let vendor = Vendor::saying(answer).await;
        let error = discord(&vendor).notify(&alert("panic")).await.unwrap_err();
        assert_eq!(
            (error.is_destination_gone(), error.is_temporary()),
            (is_gone, !is_gone),
            "{error}"
        );
        assert_eq!(error.wait(), wait);
        assert!(!error.to_string().contains("hidden"), "{error}");
        assert_eq!(vendor.received().len(), 1);
    }
}

#[tokio::test]
async fn what_is_refused_is_sent_again_as_less() {
    let vendor = Vendor::start(|_, before| match before {
        0 | 1 => Answer::say(400, r#"{"code":50035,"message":"Invalid Form Body"}"#),
        _ => posted(),
    })
    .await;
    assert_eq!(discord(&vendor).notify(&alert("hostile")).await, Ok(()));
    let sizes: Vec<_> = vendor
        .received()
        .iter()
        .map(|request| request.body.len())
        .collect();
    assert!(sizes[0] > sizes[1] && sizes[1] > sizes[2], "{sizes:?}");
    let last = vendor.received()[2].json();
    assert!(last.get("embeds").is_none(), "{last}");
    let text = last["content"].as_str().unwrap();
    assert!(text.contains("019aab4c-6a3e"), "{text}");
    assert!(!text.contains(['@', '<', '*']), "{text}");
}

#[tokio::test]
async fn a_limit_that_is_used_up_is_not_run_into() {
    let spent = posted()
        .header("x-ratelimit-remaining", "0")
        .header("x-ratelimit-reset-after", "300");
    let vendor = Vendor::saying(spent).await;
    let discord = discord(&vendor);
    assert_eq!(discord.notify(&alert("panic")).await, Ok(()));
    let error = discord.notify(&alert("logged")).await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert!(
        error
            .wait()
            .is_some_and(|wait| wait > Duration::from_secs(200)),
        "{error:?}"
    );
    assert_eq!(vendor.received().len(), 1);
}

#[tokio::test]
async fn after_a_pause_less_is_sent() {
    let vendor = Vendor::start(|_, before| match before {
        0 => Answer::say(400, r#"{"code":50035}"#)
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-reset-after", "0.1"),
        _ => posted(),
    })
    .await;
    let (discord, panic) = (discord(&vendor), alert("panic"));
    while let Err(error) = discord.notify(&panic).await {
        assert!(error.is_temporary(), "{error}");
        tokio::time::sleep(error.wait().unwrap()).await;
    }
    let [whole, less] = &vendor.received()[..] else {
        panic!("{:?}", vendor.received().len());
    };
    assert!(whole.body.len() > less.body.len());
}

#[tokio::test]
async fn discords_description_finds_no_fault_with_any_alert() {
    let Some(prism) = Prism::start("discord-webhook.json") else {
        return;
    };
    // The description's paths are below its server's `/api/v10`. A 200 takes Prism ten seconds to make up.
    let judge = prism.url();
    let asking = |answer: &'static str| {
        relay(&judge, move |request: &mut Received| {
            request.path = request.path.replace("/api/", "/");
            request.headers.insert("prefer", answer.parse().unwrap());
        })
    };
    let vendor = asking("code=204").await;
    let discord = discord(&vendor).thread(123_456_789_012_345_679);
    for name in ALL {
        let sent = discord.notify(&alert(name)).await;
        assert_eq!(sent, Ok(()), "{name}: {}", prism.log());
    }
    assert_eq!(vendor.received().len(), ALL.len(), "{}", prism.log());

    for (answer, is_gone) in [("code=429", false), ("code=404", true)] {
        let vendor = asking(answer).await;
        let discord = self::discord(&vendor);
        let error = discord.notify(&alert("panic")).await.unwrap_err();
        let said = (error.is_destination_gone(), error.is_temporary());
        assert_eq!(said, (is_gone, !is_gone), "{error}");
    }
}

//! Which settings a Telegram bot refuses, what it shows of them, the button, and a group that moves.

use super::*;
use crate::issue::Desk;
use crate::notify::http::test_server::{Script, TestServer};

const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";

fn alert(name: &str) -> Alert {
    let json = match name {
        "quiet" => include_str!("../../../tests/alerts/quiet.json"),
        _ => include_str!("../../../tests/alerts/panic.json"),
    };
    serde_json::from_str(json).unwrap()
}

fn with_dashboard(url: &str) -> Alert {
    let mut alert = alert("panic");
    alert.desk = Desk {
        dashboard: Some(url.into()),
        ..Desk::default()
    };
    alert
}

fn whole(alert: &Alert) -> Value {
    payload(alert, Size::Whole, &42.into(), None)
}

#[test]
fn the_environment_names_token_and_chat() {
    let both = |name: &str| match name {
        "TELEGRAM_BOT_TOKEN" => Some(TOKEN.to_owned()),
        "TELEGRAM_CHAT_ID" => Some("@shop_alerts".to_owned()),
        _ => None,
    };
    assert_eq!(Telegram::from(both).unwrap().check(), Ok(()));
    assert!(Telegram::from(|_| None).is_none());

    let alone = |name: &str| (name == "TELEGRAM_BOT_TOKEN").then(|| TOKEN.to_owned());
    let error = Telegram::from(alone).unwrap().check().unwrap_err();
    assert!(error.contains("chat"), "{error}");
}

#[test]
fn wrong_settings_are_found_by_the_check_and_not_shown() {
    let telegram = || Telegram::bot(TOKEN, 42);
    assert_eq!(telegram().thread(7).check(), Ok(()));
    for (telegram, problem) in [
        (Telegram::bot("s3cr3t", 42), "token"),
        (Telegram::bot(TOKEN, "s3cr3t"), "chat"),
        (telegram().thread(0), "topic 0"),
        (telegram().name(""), "name"),
        (telegram().base_url("api.telegram.org"), "base URL"),
        (
            telegram().base_url("https://s3cr3t@a.example.com"),
            "base URL",
        ),
    ] {
        let error = telegram.check().unwrap_err();
        assert!(error.contains(problem), "{error}");
        assert!(error.contains("a right"), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
        let shown = format!("{telegram:?}");
        assert!(
            !shown.contains("s3cr3t") && !shown.contains("AAHdqT"),
            "{shown}"
        );
    }
}

#[test]
fn the_button_leads_to_a_page_that_telegram_takes() {
    let payload = whole(&with_dashboard("https://shop.example.com/_monitor"));
    let button = &payload["reply_markup"]["inline_keyboard"][0][0];
    let url = button["url"].as_str().unwrap();
    assert!(
        url.starts_with("https://shop.example.com/_monitor/issues/"),
        "{url}"
    );
    assert!(!payload["text"].as_str().unwrap().contains("<a "));

    let payload = whole(&with_dashboard("http://127.0.0.1:8080/?\"<&"));
    assert_eq!(payload.get("reply_markup"), None);
    let text = payload["text"].as_str().unwrap();
    assert!(
        text.contains("<a href=\"http://127.0.0.1:8080/?&quot;&lt;&amp;/issues/"),
        "{text}"
    );
    assert_eq!(whole(&alert("panic")).get("reply_markup"), None);
}

#[test]
fn good_news_make_no_sound() {
    assert_eq!(whole(&alert("panic")).get("disable_notification"), None);
    assert_eq!(whole(&alert("quiet"))["disable_notification"], true);
}

#[test]
fn the_topic_is_named_when_there_is_one() {
    let payload = payload(&alert("panic"), Size::Failsafe, &42.into(), Some(7));
    assert_eq!(payload["message_thread_id"], 7);
    assert_eq!(payload.get("parse_mode"), None);
}

#[tokio::test]
async fn a_supergroup_that_has_moved_on_at_once_ends_it() {
    let body = r#"{"ok":false,"error_code":400,"parameters":{"migrate_to_chat_id":-100}}"#;
    let server = TestServer::start(Script::answer("400 Bad Request", &[], body)).await;
    let telegram = Telegram::bot(TOKEN, 42).base_url(server.url("/"));
    let error = telegram.notify(&alert("panic")).await.unwrap_err();
    assert!(!error.is_temporary() && !error.is_destination_gone());
    assert_eq!(server.requests().len(), 2);
}

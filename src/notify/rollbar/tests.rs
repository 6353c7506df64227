//! Which settings are refused, and that an item is within Rollbar's bounds whatever is in it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::size::{MAX_ITEM, payload};
use super::*;
use crate::notify::shrink::Size;

const TOKEN: &str = "4f2a9c0d7e1b4c6d8a3f5e7b9c1d2e3f";

fn alert_of(json: Value) -> Alert {
    serde_json::from_value(json).unwrap()
}

fn panic() -> Value {
    serde_json::from_str(include_str!("../../../tests/alerts/panic.json")).unwrap()
}

fn item_of(alert: &Alert, size: Size) -> Value {
    serde_json::from_slice(&payload(alert, DEFAULT_ENVIRONMENT, size)).unwrap()
}

#[test]
fn wrong_settings_are_found_by_the_check_and_not_shown() {
    let right = || Rollbar::token(TOKEN);
    for (rollbar, problem) in [
        (Rollbar::token(""), "shorter than 32 characters"),
        (Rollbar::token("s3cr3t"), "shorter than 32 characters"),
        (
            Rollbar::token("s3cr3t 9c0d7e1b4c6d8a3f5e7b9c1d2e3f"),
            "others than letters",
        ),
        (
            Rollbar::token("s3cr3t\n9c0d7e1b4c6d8a3f5e7b9c1d2e3f"),
            "others than letters",
        ),
        (right().name(" "), "name of the Rollbar notifier"),
        (right().name("a\nb"), "not on one line"),
        (right().environment(""), "the environment for Rollbar"),
        (right().environment("e".repeat(256)), "longer than 255"),
        (right().base_url("rollbar"), "`https://api.rollbar.com`"),
        (
            right().base_url("https://u:s3cr3t@example.com"),
            "holds a user",
        ),
        (
            right().base_url("https://example.com/?a=s3cr3t"),
            "has a query",
        ),
    ] {
        let error = rollbar.check().unwrap_err();
        assert!(error.contains(problem), "{error}");
        assert!(error.contains("a right one looks like `"), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
        assert!(!format!("{rollbar:?}").contains("s3cr3t"));
    }
    for token in [TOKEN.to_owned(), TOKEN.repeat(4), format!("{TOKEN}-_Zz")] {
        assert_eq!(Rollbar::token(token).check(), Ok(()));
    }
}

#[test]
fn the_environment_is_read_when_asked() {
    let from = |pairs: &'static [(&str, &str)]| {
        Rollbar::from(move |name| {
            let pair = pairs.iter().find(|(known, _)| *known == name);
            pair.map(|(_, value)| (*value).to_owned())
        })
    };
    assert!(from(&[]).is_none());
    assert!(from(&[("ROLLBAR_ACCESS_TOKEN", " ")]).is_none());
    assert!(from(&[("ROLLBAR_ENV", "staging")]).is_none());

    let rollbar = from(&[("ROLLBAR_ACCESS_TOKEN", TOKEN)]).unwrap();
    assert_eq!(rollbar.check(), Ok(()));
    assert_eq!(rollbar.settings.environment, "unspecified");
    let rollbar = from(&[("ROLLBAR_ACCESS_TOKEN", TOKEN), ("ROLLBAR_ENV", "staging")]).unwrap();
    assert_eq!(rollbar.settings.environment, "staging");
    let rollbar = from(&[("ROLLBAR_ACCESS_TOKEN", "short")]).unwrap();
    assert!(rollbar.check().is_err());
}

#[test]
fn a_secret_that_got_in_behind_redaction_is_stopped_at_the_door() {
    let mut alert = panic();
    let occurrence = &mut alert["occurrence"];
    occurrence["exceptions"][0]["message"] = json!("cannot log in with password=hunter2");
    occurrence["request"]["extra"]["apiKey"] = json!("hunter2");
    occurrence["request"]["query"] = json!("password=hunter2");
    occurrence["breadcrumbs"][0]["message"] = json!("password=hunter2");
    let variables = &mut occurrence["exceptions"][0]["stack"]["frames"][0]["variables"];
    let secret = json!({ "text": { "text": "hunter2", "length": 7 } });
    let login = json!({ "struct": { "name": "Login", "fields": [["password", secret]] } });
    variables[0] = json!({ "name": "login", "value": login });
    let alert = alert_of(alert);
    for size in Size::ALL {
        let item = item_of(&alert, size).to_string();
        assert!(!item.contains("hunter2"), "{size:?}: {item}");
    }
}

#[test]
fn the_guard_takes_no_measure_for_a_card_and_no_argument_for_a_name() {
    let mut alert = panic();
    let occurrence = &mut alert["occurrence"];
    occurrence["vitals"]["resident_memory"] = json!(4_111_111_111_111_111_u64);
    let variables = &mut occurrence["exceptions"][0]["stack"]["frames"][0]["variables"];
    *variables = json!([
        { "name": "password", "value": { "missing": "redacted" }, "is_argument": true },
        { "name": "amount", "value": { "scalar": "1999" }, "is_argument": true },
        { "name": "amount", "value": { "scalar": "7" } },
    ]);
    let item = &item_of(&alert_of(alert), Size::Whole)["data"];
    assert_eq!(
        item["custom"]["vitals"]["resident_memory"],
        4_111_111_111_111_111_u64
    );
    let frames = item["body"]["trace"]["frames"].as_array().unwrap();
    let last = frames.last().unwrap();
    assert_eq!(last["argspec"], json!(["password", "amount"]));
    assert_eq!(
        last["locals"],
        json!({ "password": "[redacted]", "amount": 1999, "amount 2": 7 })
    );
}

#[test]
fn two_persons_with_long_ids_stay_two() {
    let person = |id: String| {
        let mut alert = panic();
        alert["occurrence"]["request"]["user"]["id"] = json!(id);
        let item = item_of(&alert_of(alert), Size::Whole);
        let whole = item["data"]["custom"]["user_id"].clone();
        (
            item["data"]["person"]["id"].as_str().unwrap().to_owned(),
            whole,
        )
    };
    let fits = "ä".repeat(40);
    assert_eq!(person(fits.clone()), (fits, Value::Null));
    let (one, whole) = person(format!("{}1", "u".repeat(60)));
    let (two, _) = person(format!("{}2", "u".repeat(60)));
    assert_ne!(one, two);
    assert_eq!((one.chars().count(), two.chars().count()), (40, 40));
    assert_eq!(whole, format!("{}1", "u".repeat(60)));
}

#[test]
fn a_form_is_taken_apart_and_everything_else_is_not() {
    let posted = |kind: &str, whole: bool| {
        let mut alert = panic();
        let request = &mut alert["occurrence"]["request"];
        request["headers"] = json!([["content-type", kind], ["x-a", "1"], ["x-a", "2"]]);
        let text = "name=Uma+Berg&item=1&item=%32&item=3&empty";
        request["body"] = json!({ "text": text, "bytes_read": 40, "is_whole": whole });
        request["query"] = json!("q=a%20b");
        let item = item_of(&alert_of(alert), Size::Whole);
        item["data"]["request"].clone()
    };
    let form = posted("application/x-www-form-urlencoded; charset=utf-8", true);
    assert_eq!(
        form["POST"],
        json!({ "name": "Uma Berg", "item": ["1", "2", "3"], "empty": "" })
    );
    assert_eq!(form["GET"], json!({ "q": "a b" }));
    assert_eq!(form["headers"]["X-A"], "1, 2");
    assert_eq!(posted("text/plain", true).get("POST"), None);
    let cut = posted("application/x-www-form-urlencoded", false);
    assert_eq!(cut.get("POST"), None);
    assert!(cut["body"].is_string());
}

/// Puts `text` wherever an occurrence holds what a client or an app chose.
fn hostile(text: &str, long: usize) -> Alert {
    let mut alert = panic();
    let long = text.repeat(long);
    let occurrence = &mut alert["occurrence"];
    for place in [
        "/exceptions/0/message",
        "/exceptions/0/type",
        "/exceptions/0/stack/frames/0/function",
        "/exceptions/0/stack/frames/0/file",
        "/exceptions/0/stack/frames/0/source/line",
        "/exceptions/0/stack/frames/0/variables/0/name",
        "/exceptions/0/stack/frames/0/variables/1/value/scalar",
        "/thread",
        "/breadcrumbs/0/message",
        "/breadcrumbs/0/target",
        "/request/method",
        "/request/path",
        "/request/query",
        "/request/route",
        "/request/host",
        "/request/user_agent",
        "/request/client_address",
        "/request/user/id",
        "/request/user/name",
        "/request/user/email",
        "/request/headers/0/0",
        "/request/headers/0/1",
        "/request/body/text",
        "/request/curl",
        "/origin/service",
        "/origin/release",
        "/origin/environment",
        "/origin/host",
        "/origin/platform/git_revision",
        "/origin/platform/architecture",
    ] {
        *occurrence.pointer_mut(place).unwrap() = json!(long);
    }
    occurrence["request"]["extra"][text] = json!({ text: [text, long] });
    occurrence["request"]["tags"][text] = json!(long);
    alert_of(alert)
}

fn is_within_bounds(item: &Value) {
    let data = &item["data"];
    for (field, max) in [
        ("/environment", 255),
        ("/context", 255),
        ("/title", 255),
        ("/code_version", 40),
        ("/fingerprint", 40),
        ("/uuid", 36),
        ("/person/id", 40),
        ("/person/username", 255),
        ("/person/email", 255),
        ("/server/host", 255),
        ("/server/cpu", 255),
    ] {
        if let Some(text) = data.pointer(field) {
            let text = text.as_str().unwrap();
            assert!(text.chars().count() <= max, "{field}: {text}");
            assert!(!text.contains(char::is_control), "{field}: {text:?}");
        }
    }
    assert!(data["environment"].is_string() && data["uuid"].is_string());
    let body = data["body"].as_object().unwrap();
    let forms = ["trace", "trace_chain", "message"];
    assert_eq!(forms.iter().filter(|it| body.contains_key(**it)).count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn an_item_is_within_the_bounds_whatever_is_in_it(
        text in prop_oneof!["\\PC{0,30}", any::<String>(), "password=[a-z0-9]{1,9} "],
        long in 1usize..200,
    ) {
        let alert = hostile(&text, long);
        for (size, max) in [(Size::Whole, MAX_ITEM), (Size::Small, 120_000), (Size::Failsafe, 2_000)] {
            let bytes = payload(&alert, DEFAULT_ENVIRONMENT, size);
            prop_assert!(bytes.len() <= max, "{size:?}: {}", bytes.len());
            is_within_bounds(&serde_json::from_slice(&bytes).unwrap());
        }
    }
}

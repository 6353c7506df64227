//! The settings, and what is made of answers.

use super::*;
use bytes::Bytes;
use http::StatusCode;
use proptest::prelude::*;
use serde_json::{Value, json};

const DSN: &str = "https://topsecretkey:verysecretkey@sentry.example.com/shop/42";

fn ready(sentry: &Sentry) -> &Ready {
    sentry.settings.ready().unwrap()
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: &'static str) -> HttpAnswer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    HttpAnswer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: map,
        body: Bytes::from_static(body.as_bytes()),
    }
}

fn panic_alert() -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/alerts/panic.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_environment_names_the_project() {
    let from = |value: Option<&str>| Sentry::from(|_| value.map(str::to_owned));
    assert!(from(None).is_none() && from(Some("")).is_none() && from(Some(" ")).is_none());
    assert_eq!(from(Some(DSN)).unwrap().check(), Ok(()));
    assert!(from(Some("no DSN")).unwrap().check().is_err());
    let asked = Sentry::from(|name| (name == "SENTRY_DSN").then(|| DSN.to_owned()));
    assert!(asked.is_some());
}

#[test]
fn a_wrong_setting_is_told_with_a_right_one_and_without_the_secret() {
    for sentry in [
        Sentry::dsn("topsecretkey"),
        Sentry::dsn("ftp://topsecretkey@sentry.example.com/42"),
        Sentry::dsn("https://topsecretkey@sentry.example.com:0/42"),
        Sentry::dsn("https://topsecretkey@:80/42"),
        Sentry::dsn("https://topsecretkey@sentry.example.com/42#x"),
    ] {
        let error = sentry.check().unwrap_err();
        assert!(
            error.starts_with("Sentry's DSN ") && error.contains(dsn::RIGHT),
            "{error}"
        );
        assert!(
            !format!("{error}{sentry:?}").contains("topsecret"),
            "{error}"
        );
    }
    for name in ["", " ", "a\nb", &"x".repeat(65)] {
        assert!(
            Sentry::dsn(DSN)
                .name(name)
                .check()
                .unwrap_err()
                .contains("`bugsink`")
        );
    }
    let shown = format!("{:?}", Sentry::dsn(DSN));
    assert!(
        shown.contains("https://sentry.example.com") && !shown.contains("secretkey"),
        "{shown}"
    );
}

#[test]
fn the_keys_go_into_a_header_that_no_log_shows() {
    let sentry = Sentry::dsn(DSN);
    let login = &ready(&sentry).headers[LOGIN];
    assert!(login.is_sensitive());
    assert_eq!(
        login.to_str().unwrap(),
        format!(
            "Sentry sentry_version=7, sentry_client={CLIENT}, sentry_key=topsecretkey, sentry_secret=verysecretkey"
        )
    );
}

#[test]
fn the_reason_of_a_refusal_is_the_headers_without_the_keys() {
    let sentry = Sentry::dsn(DSN);
    let headers = [("x-sentry-error", "bad sentry DSN public key topsecretkey")];
    let error = ready(&sentry)
        .judge(answer(401, &headers, "{}"))
        .unwrap_err();
    assert!(error.is_destination_gone());
    assert_eq!(
        error.to_string(),
        "the destination takes nothing any more: 401 Unauthorized: bad sentry DSN public key [redacted]"
    );
    let error = ready(&sentry)
        .judge(answer(413, &[], "too large"))
        .unwrap_err();
    assert!(error.is_payload_refused() && error.to_string().contains("too large"));
}

#[tokio::test]
async fn a_limit_that_came_with_a_success_holds_up_what_comes_next() {
    let sentry = Sentry::dsn(DSN);
    let elsewhere = [(
        "x-sentry-rate-limits",
        "86400:transaction;span:organization",
    )];
    ready(&sentry).judge(answer(200, &elsewhere, "{}")).unwrap();
    assert_eq!(ready(&sentry).pause.check("Sentry"), Ok(()));

    let errors = [("x-sentry-rate-limits", "600:error:organization")];
    ready(&sentry).judge(answer(200, &errors, "{}")).unwrap();
    let alert: Alert = serde_json::from_value(panic_alert()).unwrap();
    let error = sentry.notify(&alert).await.unwrap_err();
    assert!(error.is_temporary());
    let wait = error.wait().unwrap().as_secs();
    assert!((590..=600).contains(&wait), "{wait}");
}

#[test]
fn a_limit_says_when_to_try_again() {
    let limited = |headers: &[(&'static str, &str)], status: u16| {
        let sentry = Sentry::dsn(DSN);
        let error = ready(&sentry)
            .judge(answer(status, headers, ""))
            .unwrap_err();
        let paused = ready(&sentry).pause.check("Sentry").is_err();
        (
            error.is_temporary(),
            error.wait().map(|wait| wait.as_secs()),
            paused,
        )
    };
    assert_eq!(limited(&[], 429), (true, Some(60), true));
    assert_eq!(limited(&[("retry-after", "7")], 429), (true, Some(7), true));
    let named = [("retry-after", "7"), ("x-sentry-rate-limits", "30::key")];
    assert_eq!(limited(&named, 429), (true, Some(30), true));
    assert_eq!(
        limited(&[("retry-after", "7")], 503),
        (true, Some(7), false)
    );
    assert_eq!(limited(&[], 500), (true, None, false));
    assert_eq!(limited(&[], 400), (false, None, false));
}

proptest! {
    #[test]
    fn whatever_is_in_an_alert_the_envelope_has_three_lines_and_hides_nothing(
        text in "\\PC{0,20}(\n|\r\n|\u{0}|\u{202e}|\u{1b}\\[31m|\u{2028})?.{0,20}|[/\\\\.]{0,3}",
        size in proptest::sample::select(&Size::ALL[..]),
    ) {
        let mut alert = panic_alert();
        let occurrence = &mut alert["occurrence"];
        occurrence["exceptions"][0]["type"] = json!(text);
        occurrence["exceptions"][0]["message"] = json!(text);
        occurrence["exceptions"][0]["stack"]["frames"][0]["function"] = json!(text);
        let value = json!({ "text": { "text": text, "length": text.len() } });
        occurrence["exceptions"][0]["stack"]["frames"][0]["variables"][0] =
            json!({ "name": text, "value": { "map": { "entries": [[value, value]], "length": 1 } } });
        occurrence["breadcrumbs"][0]["fields"] = json!({ &text: text });
        occurrence["origin"]["release"] = json!(text);
        occurrence["origin"]["environment"] = json!(text);
        occurrence["origin"]["platform"]["os"] = json!(text);
        occurrence["request"]["method"] = json!(text);
        occurrence["request"]["route"] = json!(text);
        occurrence["request"]["headers"][0] = json!([text, text]);
        occurrence["request"]["tags"] = json!({ &text: text, "kind": text, "user": text });
        occurrence["request"]["extra"] = json!({ &text: { &text: text }, "curl": text });
        let alert: Alert = serde_json::from_value(alert).unwrap();
        let body = envelope::of(&alert, size, true, Timestamp::now());
        let body = std::str::from_utf8(&body).unwrap();
        prop_assert_eq!(body.matches('\n').count(), 3);
        let hides = body.contains(['\u{202e}', '\u{2028}']) || body.contains("\\u0000");
        prop_assert!(!hides, "{body}");
        let event: Value = serde_json::from_str(body.lines().nth(2).unwrap()).unwrap();
        for field in ["release", "environment"] {
            let name = event[field].as_str().unwrap_or("x");
            prop_assert!(!name.is_empty() && !name.contains(['/', '\\', '\n']), "{name}");
        }
        if size == Size::Whole {
            prop_assert_eq!(&event["tags"]["kind"], "panic");
            prop_assert!(event["extra"]["curl"].as_str().unwrap().starts_with("curl "));
        }
    }
}

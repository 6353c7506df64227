//! Queries, forms, URLs, JSON and bodies.

use super::super::REDACTED;
use super::Redactor;
use serde_json::{Value, json};

#[test]
fn a_query_loses_the_values_of_sensitive_names() {
    let redactor = Redactor::default();
    for (query, expected) in [
        ("q=rust&page=2", "q=rust&page=2"),
        ("token=abc&q=1", "token=[redacted]&q=1"),
        ("new%50assword=hunter2", "new%50assword=[redacted]"),
        ("new%2550assword=hunter2", "new%2550assword=[redacted]"),
        (
            "user%5Bpassword%5D=hunter2",
            "user%5Bpassword%5D=[redacted]",
        ),
        ("password", "password"),
        ("password=", "password="),
        ("x=%70assword%3Dhunter2", "x=password=[redacted]"),
        ("x=%70assword%3Dhunter2%26a%3D100%25", "x=[redacted]"),
        (
            "x=%2570assword%253Dhunter2&y=1",
            "x=password=[redacted]&y=1",
        ),
        ("card=4111+1111+1111+1111", "card=[redacted]"),
        ("x=4111%201111%201111%201111&y=1", "x=[redacted]&y=1"),
        ("x=Bearer%20abcdefgh12345", "x=Bearer%20[redacted]"),
        ("sk-0123456789abcdefghijklm=1", "[redacted]=1"),
        ("token=a&&b=&=c&d", "token=[redacted]&&b=&=c&d"),
        ("", ""),
    ] {
        assert_eq!(redactor.query(query), expected, "of {query}");
        assert_eq!(redactor.query(expected), expected);
    }
}

#[test]
fn a_url_loses_its_password_its_query_and_its_fragment() {
    let redactor = Redactor::default();
    for (url, expected) in [
        ("/a/b?q=1#top", "/a/b?q=1#top"),
        (
            "/a?token=x#access_token=y&n=1",
            "/a?token=[redacted]#access_token=[redacted]&n=1",
        ),
        (
            "https://u:p@h/a?pw=x",
            "https://[redacted]@h/a?pw=[redacted]",
        ),
        ("https://u:p?p@h/a?b=c", "https://[redacted]@h/a?b=c"),
        ("/reset;token=x/y?a=b", "/reset;token=[redacted]?a=b"),
        ("/%74oken%3Dabc", "/token=[redacted]"),
        ("?", "?"),
    ] {
        assert_eq!(redactor.url(url), expected, "of {url}");
        assert_eq!(redactor.url(expected), expected);
    }
}

fn cleaned(mut value: Value) -> Value {
    Redactor::default().json("", &mut value);
    value
}

#[test]
fn json_is_cleaned_field_by_field() {
    assert_eq!(
        cleaned(json!({
            "user": { "name": "Uma", "password": "x", "pin": 1234, "tokens": [1, { "a": 2 }] },
            "has_token": true, "session": null, "note": "password=x", "n": 4_111_111_111_111_111_u64, "m": 4_711,
            "raw": ["Host", "h", "Authorization", "Bearer x"],
            "pair": ["token", "x"], "prose": ["wrong password", "try again"],
            "fields": [{ "name": "password", "value": "x" }, { "Key": "lang", "Value": "de" }],
            "AKIAIOSFODNN7EXAMPLE": 1, "AKIAIOSFODNN7EXAMPLF": 2,
        })),
        json!({
            "user": { "name": "Uma", "password": REDACTED, "pin": REDACTED, "tokens": REDACTED },
            "has_token": true, "session": null, "note": "password=[redacted]", "n": REDACTED, "m": 4_711,
            "raw": ["Host", "h", "Authorization", REDACTED],
            "pair": ["token", REDACTED], "prose": ["wrong password", "try again"],
            "fields": [{ "name": "password", "value": REDACTED }, { "Key": "lang", "Value": "de" }],
            "[redacted]": 1, "[redacted] 2": 2,
        })
    );
    let mut value = json!({ "a": [1] });
    Redactor::default().json("x-api-key", &mut value);
    assert_eq!(value, REDACTED);
}

#[test]
fn deep_json_takes_no_stack() {
    fn deep(levels: usize) -> Value {
        (0..levels).fold(json!("password=x"), |inner, level| {
            if level % 2 == 0 {
                Value::Array(vec![inner])
            } else {
                Value::Object([("a".to_owned(), inner)].into_iter().collect())
            }
        })
    }
    let run = || {
        let mut value = deep(100_000);
        Redactor::default().json("", &mut value);
        let mut inner = &value;
        while let Some(next) = inner.get(0).or_else(|| inner.get("a")) {
            inner = next;
        }
        assert_eq!(inner, "password=[redacted]");
        // What hides it takes it apart: only so does its destructor not recurse.
        Redactor::default().json("password", &mut value);
        assert_eq!(value, REDACTED);
    };
    let thread = std::thread::Builder::new()
        .stack_size(128 * 1024)
        .spawn(run)
        .unwrap();
    thread.join().unwrap();
}

#[test]
fn a_body_is_read_by_its_content_type() {
    let redactor = Redactor::default();
    for (content_type, body, expected) in [
        (
            "application/json",
            r#"{"password":"x","n":1}"#,
            r#"{"n":1,"password":"[redacted]"}"#,
        ),
        (
            "application/problem+json; charset=utf-8",
            r#"{"pin":1}"#,
            r#"{"pin":"[redacted]"}"#,
        ),
        (
            "application/json",
            r#"{"n":1,"password":"x"#,
            r#"{"n":1,"password":"[redacted]"#,
        ),
        (
            "application/x-www-form-urlencoded; charset=utf-8",
            "a=b&password=x%26y&n=1",
            "a=b&password=[redacted]&n=1",
        ),
        ("text/plain", "password=x", "password=[redacted]"),
        ("", "password=x", "password=[redacted]"),
        ("multipart/form-data", "nothing", "nothing"),
    ] {
        assert_eq!(redactor.body(content_type, body), expected, "of {body}");
    }
    let part = |name: &str, content: &str| {
        format!(
            "--b0\r\nContent-Disposition: form-data; filename=\"f\"; name=\"{name}\"\r\n\r\n{content}\r\n"
        )
    };
    let body = |password: &str| {
        part("user", "uma") + &part("password", password) + &part("note", "a") + "--b0--\r\n"
    };
    for content_type in [
        "multipart/form-data; boundary=b0",
        "Multipart/Form-Data; Boundary=\"b0\"",
        "multipart/form-data",
    ] {
        let clean = redactor.body(content_type, &body("hun ter\r\n2"));
        assert_eq!(clean, body(REDACTED), "{content_type}");
        assert_eq!(redactor.body(content_type, &clean), clean);
    }
    let cut = part("password", "hunter2");
    let cut = cut.trim_end();
    assert!(
        !redactor
            .body("multipart/form-data; boundary=b0", cut)
            .contains("hunter2")
    );
}

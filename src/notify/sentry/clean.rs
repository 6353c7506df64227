//! Names and texts that Sentry and the servers like it take: what they would refuse, or store as something else.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::bounds::{each, shortened};
use crate::text::{cut, is_forging, one_line};

/// Brings every name and text of an event into a form that is taken.
pub(super) fn clean(event: &mut Value) {
    texts(event);
    for path in ONE_LINE {
        let path: Vec<_> = path.split('/').collect();
        each(event, &path, &mut |value| {
            if let Value::String(text) = value {
                *text = one_line(text).into_owned();
            }
        });
    }
    method(event);
    tags(event);
    name(event, "release", MAX_RELEASE);
    name(event, "environment", MAX_ENVIRONMENT);
}

/// Writes out what turns the reading direction and every control character that is no line end or tab. PostgreSQL, in which some
/// servers keep events, has no NUL.
fn texts(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(is_hidden) => *text = shown(text),
        Value::Array(items) => items.iter_mut().for_each(texts),
        Value::Object(fields) => {
            if fields.keys().any(|name| name.contains(is_hidden)) {
                let all = std::mem::take(fields).into_iter();
                *fields = all.map(|(name, value)| (shown(&name), value)).collect();
            }
            fields.values_mut().for_each(texts);
        }
        _ => {}
    }
}

fn is_hidden(c: char) -> bool {
    is_forging(c) && !matches!(c, '\n' | '\r' | '\t')
}

fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_hidden(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Sentry takes letters, `-` and `_`.
fn method(event: &mut Value) {
    let Some(Value::Object(request)) = event.get_mut("request") else {
        return;
    };
    let allowed = |c: char| c.is_ascii_alphabetic() || matches!(c, '-' | '_');
    let method = request
        .get("method")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !(1..=32).contains(&method.len()) || !method.chars().all(allowed) {
        request.remove("method");
    }
}

/// Keys of letters, digits and `_.:-`, all different; values on one line, and none empty.
fn tags(event: &mut Value) {
    let Some(Value::Object(tags)) = event.get_mut("tags") else {
        return;
    };
    let mut taken = BTreeSet::new();
    let clean = std::mem::take(tags).into_iter().filter_map(|(key, value)| {
        let value = one_line(value.as_str()?.trim()).into_owned();
        if value.is_empty() {
            return None;
        }
        let value = shortened(&value, MAX_TAG).unwrap_or(value);
        let key = tag_key(&key);
        let mut unique = key.clone();
        let mut number = 1;
        while !taken.insert(unique.clone()) {
            number += 1;
            let end = format!("_{number}");
            unique = format!("{}{end}", cut(&key, MAX_TAG_KEY - end.len()));
        }
        Some((unique, json!(value)))
    });
    *tags = clean.collect();
}

fn tag_key(key: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
    let key = key.trim().chars().take(MAX_TAG_KEY);
    let key: String = key.map(|c| if allowed(c) { c } else { '_' }).collect();
    if key.is_empty() { "_".to_owned() } else { key }
}

/// A release's or environment's name: on one line, without what would be a path, and none that Sentry keeps for itself.
fn name(event: &mut Value, field: &str, max: usize) {
    let Some(fields) = event.as_object_mut() else {
        return;
    };
    let Some(Value::String(text)) = fields.remove(field) else {
        return;
    };
    let clean = |c: char| match c {
        '/' | '\\' => '-',
        c if is_forging(c) => '-',
        c => c,
    };
    let name: String = text.trim().chars().map(clean).take(max).collect();
    let name = name.trim();
    let refused = ["", ".", "..", "latest", "none"];
    if !refused.iter().any(|one| name.eq_ignore_ascii_case(one)) {
        fields.insert(field.to_owned(), json!(name));
    }
}

const MAX_TAG_KEY: usize = 32;
const MAX_TAG: usize = 200;
const MAX_RELEASE: usize = 200;
const MAX_ENVIRONMENT: usize = 64;

/// What stands in titles and lists.
const ONE_LINE: &[&str] = &[
    "logger",
    "transaction",
    "server_name",
    "exception/values/*/type",
    "exception/values/*/module",
    "exception/values/*/stacktrace/frames/*/function",
    "exception/values/*/stacktrace/frames/*/module",
    "exception/values/*/stacktrace/frames/*/filename",
    "threads/values/*/name",
    "breadcrumbs/values/*/category",
    "request/url",
    "user/id",
    "user/username",
    "user/email",
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept(mut event: Value) -> Value {
        clean(&mut event);
        event
    }

    #[test]
    fn tags_have_clean_keys_and_lose_none() {
        let event = kept(json!({ "tags": {
            "plan": "pro", "a b": "1", "a/b": "2", "": "3", "ключ": "4", "empty": "  ",
            "line": "a\nb", "k".repeat(40): "5", "k".repeat(50): "6",
        }}));
        let long = |end: &str| format!("{}{end}", "k".repeat(32 - end.len()));
        assert_eq!(
            event["tags"],
            json!({
                "plan": "pro", "a_b": "1", "a_b_2": "2", "_": "3", "____": "4", "line": "a\\nb",
                long(""): "5", long("_2"): "6",
            })
        );
    }

    #[test]
    fn releases_and_environments_have_names_that_sentry_takes() {
        for (name, expected) in [
            (" shop@1.4.2+7 ", json!("shop@1.4.2+7")),
            ("feature/x\\y\nz", json!("feature-x-y-z")),
            ("..", Value::Null),
            ("Latest", Value::Null),
            ("", Value::Null),
        ] {
            let event = kept(json!({ "release": name, "environment": name }));
            assert_eq!(event["release"], expected, "{name:?}");
            assert_eq!(event["environment"], expected, "{name:?}");
        }
    }

    #[test]
    fn nothing_hidden_stays_in_texts_and_no_line_end_in_titles() {
        let event = kept(json!({
            "transaction": "GET /a\nb", "extra": { "a\u{0}b": ["x\u{202e}y\n", { "c": "\u{1b}[31m" }] },
        }));
        assert_eq!(
            event,
            json!({
                "transaction": "GET /a\\nb",
                "extra": { "a\\u{0}b": ["x\\u{202e}y\n", { "c": "\\u{1b}[31m" }] },
            })
        );
    }

    proptest! {
        #[test]
        fn every_tag_is_as_sentry_takes_it(tags in proptest::collection::btree_map(any::<String>(), any::<String>(), 0..10)) {
            let event = kept(json!({ "tags": tags }));
            for (key, value) in event["tags"].as_object().unwrap() {
                prop_assert!((1..=32).contains(&key.len()) && tag_key(key) == *key);
                let value = value.as_str().unwrap();
                prop_assert!((1..=200).contains(&value.chars().count()) && !value.contains('\n'));
            }
        }
    }
}

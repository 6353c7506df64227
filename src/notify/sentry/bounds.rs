//! The bounds of each field: what is beyond, Sentry would cut or leave out, and some servers would refuse the event.
//!
//! Sentry counts characters in texts and bytes in objects. The numbers are those of its
//! [event payloads](https://develop.sentry.dev/sdk/foundations/envelopes/event-payloads/) and of its own normaliser, Relay.

use serde_json::{Map, Value, json};

use crate::text::cut;

/// Brings every field of an event within its bounds.
pub(super) fn keep(event: &mut Value) {
    for (path, max) in TEXTS {
        let path: Vec<_> = path.split('/').collect();
        each(event, &path, &mut |value| cut_texts(value, *max));
    }
    for (path, max) in OBJECTS {
        let path: Vec<_> = path.split('/').collect();
        each(event, &path, &mut |value| fit(value, *max));
    }
    if let Some(Value::Object(extra)) = event.get_mut("extra") {
        share(extra, MAX_EXTRA);
    }
    keep_last(event, "/breadcrumbs/values", MAX_BREADCRUMBS);
}

/// Calls `change` with every value at a path, in which `*` is every field or item.
pub(super) fn each(value: &mut Value, path: &[&str], change: &mut impl FnMut(&mut Value)) {
    let Some((first, rest)) = path.split_first() else {
        return change(value);
    };
    match value {
        Value::Object(fields) if *first == "*" => {
            fields
                .values_mut()
                .for_each(|value| each(value, rest, change));
        }
        Value::Array(items) if *first == "*" => {
            items.iter_mut().for_each(|value| each(value, rest, change));
        }
        Value::Object(fields) => {
            if let Some(value) = fields.get_mut(*first) {
                each(value, rest, change);
            }
        }
        _ => {}
    }
}

/// Leaves the last items of a list.
pub(super) fn keep_last(event: &mut Value, pointer: &str, count: usize) {
    if let Some(Value::Array(items)) = event.pointer_mut(pointer) {
        items.drain(..items.len().saturating_sub(count));
    }
}

/// The length of a value as it is sent.
pub(super) fn bytes(value: &Value) -> usize {
    serde_json::to_vec(value).map_or(0, |bytes| bytes.len())
}

/// The text and all texts in it, each of at most so many characters.
fn cut_texts(value: &mut Value, max: usize) {
    match value {
        Value::String(text) => {
            if let Some(short) = shortened(text, max) {
                *text = short;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| cut_texts(item, max)),
        Value::Object(fields) => fields.values_mut().for_each(|field| cut_texts(field, max)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text in at most `max` characters, when it has more.
pub(super) fn shortened(text: &str, max: usize) -> Option<String> {
    text.char_indices().nth(max)?;
    let (end, _) = text.char_indices().nth(max.saturating_sub(1))?;
    Some(format!("{}…", &text[..end]))
}

/// An object in at most `max` bytes: its largest fields are cut first. Anything else becomes the beginning of its JSON.
fn fit(value: &mut Value, max: usize) {
    match value {
        Value::Object(fields) => share(fields, max),
        value if bytes(value) > max => shrink(value, max),
        _ => {}
    }
}

fn share(fields: &mut Map<String, Value>, max: usize) {
    let length = |name: &str, value: &Value| bytes(&json!(name)) + bytes(value) + 2;
    let mut sizes: Vec<(usize, String)> = fields
        .iter()
        .map(|(name, value)| (length(name, value), name.clone()))
        .collect();
    let mut total = sizes.iter().map(|(size, _)| size).sum::<usize>() + 1;
    while total > max {
        let Some(largest) = sizes.iter_mut().max() else {
            return;
        };
        let (size, name) = (largest.0, &largest.1);
        let left = fields.get_mut(name).filter(|value| bytes(value) > LEAST);
        largest.0 = match left {
            Some(value) => {
                let half = bytes(value) / 2;
                shrink(value, half);
                length(name, value)
            }
            None => {
                fields.remove(name);
                0
            }
        };
        total = total - size + largest.0;
    }
}

/// The beginning of a text, or of a value's JSON, in at most `max` bytes of JSON.
fn shrink(value: &mut Value, max: usize) {
    let text = match &*value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let mut room = max.saturating_sub(5);
    let mut short = json!(format!("{}…", cut(&text, room)));
    // Quotation marks and control characters are longer in JSON.
    while bytes(&short) > max && room > 0 {
        room /= 2;
        short = json!(format!("{}…", cut(&text, room)));
    }
    *value = short;
}

const MAX_BREADCRUMBS: usize = 100;
/// All of `extra`.
const MAX_EXTRA: usize = 256_000;
/// What is shorter is rather left out than cut.
const LEAST: usize = 64;

/// The most characters of texts; where the path leads to an object, of every text in it.
const TEXTS: &[(&str, usize)] = &[
    ("logger", 64),
    ("transaction", 200),
    ("server_name", 200),
    ("logentry/formatted", 8_192),
    ("exception/values/*/type", 256),
    ("exception/values/*/module", 256),
    ("exception/values/*/value", 8_192),
    ("exception/values/*/stacktrace/frames/*/function", 512),
    ("exception/values/*/stacktrace/frames/*/module", 256),
    ("exception/values/*/stacktrace/frames/*/filename", 256),
    ("exception/values/*/stacktrace/frames/*/package", 256),
    ("exception/values/*/stacktrace/frames/*/context_line", 512),
    ("exception/values/*/stacktrace/frames/*/pre_context", 512),
    ("exception/values/*/stacktrace/frames/*/post_context", 512),
    ("threads/values/*/name", 64),
    ("threads/values/*/stacktrace/frames/*/function", 512),
    ("threads/values/*/stacktrace/frames/*/module", 256),
    ("threads/values/*/stacktrace/frames/*/filename", 256),
    ("breadcrumbs/values/*/category", 128),
    ("breadcrumbs/values/*/message", 8_192),
    ("breadcrumbs/values/*/data", 2_048),
    ("request/url", 256),
    ("request/query_string", 1_024),
    ("request/env", 256),
    ("user/id", 128),
    ("user/username", 128),
    ("user/email", 75),
];

/// The most bytes of objects.
const OBJECTS: &[(&str, usize)] = &[
    ("exception/values/*/stacktrace/frames/*/vars", 2_000),
    ("threads/values/*/stacktrace/frames/*/vars", 2_000),
    ("breadcrumbs/values/*/data", 2_000),
    ("request/data", 8_000),
    ("request/headers", 8_000),
    ("contexts/*", 8_000),
    ("extra/*", 16_000),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept(mut event: Value) -> Value {
        keep(&mut event);
        event
    }

    #[test]
    fn of_too_many_variables_the_largest_are_cut() {
        let event = kept(
            json!({ "exception": { "values": [{ "stacktrace": { "frames": [{ "vars": {
                "cart": { "items": "x".repeat(5_000) }, "count": 7, "note": "y".repeat(1_500), "pin": "[redacted]",
            }}]}}]}}),
        );
        let vars = &event["exception"]["values"][0]["stacktrace"]["frames"][0]["vars"];
        assert!(bytes(vars) <= 2_000, "{vars}");
        assert_eq!(
            (&vars["count"], &vars["pin"]),
            (&json!(7), &json!("[redacted]"))
        );
        assert!(
            vars["cart"]
                .as_str()
                .unwrap()
                .starts_with("{\"items\":\"xxx")
        );
        assert!(vars["note"].as_str().unwrap().ends_with('…'));
    }

    proptest! {
        #[test]
        fn a_text_keeps_its_bound_in_characters(text in "\\PC{0,30}", max in 1usize..40) {
            let short = shortened(&text, max);
            let count = text.chars().count();
            prop_assert_eq!(short.is_some(), count > max);
            if let Some(short) = short {
                prop_assert_eq!(short.chars().count(), max);
            }
        }

        #[test]
        fn an_object_keeps_its_bound_in_bytes(
            fields in proptest::collection::btree_map("[a-z]{1,8}", any::<String>(), 0..12),
            max in 10usize..300,
        ) {
            let mut value = json!(fields);
            let before = value.clone();
            fit(&mut value, max);
            prop_assert!(bytes(&value) <= max.max(2));
            prop_assert!(bytes(&before) > max || value == before);
        }
    }
}

//! A value as JSON, for services that show variables.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::Value;
use super::shown::{Counted, are_numbered};

impl Value {
    /// As JSON, in the forms that `serde` gives to Rust's types: structs are objects, enums are tagged from outside
    /// (`{"Card": {"last4": 4242}}`), `None` is null.
    ///
    /// What JSON has no form for is said in words: `"<optimized out>"`, `"<31 bytes>"`, and as the last item of what was cut
    /// `"… 12 more"`. Maps whose keys are not plain are lists of pairs. Numbers too large for other languages are text.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Self::Scalar(scalar) => self::scalar(scalar),
            Self::Text { text, length } => match length.saturating_sub(text.len() as u64) {
                0 => Json::from(text.as_str()),
                rest => Json::from(format!("{text}… {} more", Counted(rest, "byte"))),
            },
            Self::Bytes { length } => Json::from(format!("<{}>", Counted(*length, "byte"))),
            Self::List { items, length } => {
                let items: Vec<_> = items.iter().map(Self::to_json).collect();
                list(items, *length)
            }
            Self::Map { entries, length } => map(entries, *length),
            Self::Struct { name, fields } if fields.is_empty() => Json::from(&**name),
            Self::Struct { name, fields } => content(fields, !name.is_empty()),
            Self::Variant { name, fields } => match (&**name, fields.as_slice()) {
                ("None", []) => Json::Null,
                ("Some", [(_, value)]) => value.to_json(),
                (name, []) => Json::from(name),
                (name, fields) => object([(name.to_owned(), content(fields, true))]),
            },
            Self::Pointer { to, .. } => to.to_json(),
            Self::Missing(missing) => Json::from(missing.to_string()),
        }
    }
}

/// The integers up to here are exact in every reader of JSON (RFC 8259, section 6).
const EXACT: u64 = 1 << 53;

fn scalar(scalar: &str) -> Json {
    match scalar {
        "true" => return Json::from(true),
        "false" => return Json::from(false),
        "null" => return Json::Null,
        _ => {}
    }
    if let Ok(number) = scalar.parse::<i64>() {
        return match number.unsigned_abs() <= EXACT {
            true => Json::from(number),
            false => Json::from(scalar),
        };
    }
    let is_decimal = scalar.contains('.') || scalar.contains('e');
    let is_number = scalar.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    if is_decimal
        && is_number
        && let Ok(number) = scalar.parse::<f64>()
        && number.is_finite()
    {
        return Json::from(number);
    }
    // A character.
    let inner = scalar
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    Json::from(match inner {
        Some(inner) if inner.chars().count() == 1 => inner,
        _ => scalar,
    })
}

fn list(mut items: Vec<Json>, length: u64) -> Json {
    let rest = length.saturating_sub(items.len() as u64);
    if rest > 0 {
        items.push(Json::from(format!("… {rest} more")));
    }
    Json::from(items)
}

fn map(entries: &[(Value, Value)], length: u64) -> Json {
    let mut object = Map::new();
    for (key, value) in entries {
        if let Some(key) = plain(key) {
            object.insert(key, value.to_json());
        }
    }
    if object.len() < entries.len() {
        let pair = |(key, value): &(Value, Value)| Json::from(vec![key.to_json(), value.to_json()]);
        return list(entries.iter().map(pair).collect(), length);
    }
    let rest = length.saturating_sub(entries.len() as u64);
    if rest > 0 {
        object.insert("…".to_owned(), Json::from(format!("{rest} more")));
    }
    Json::Object(object)
}

/// A key that can be one in JSON.
fn plain(key: &Value) -> Option<String> {
    match key {
        Value::Text { text, length } if *length == text.len() as u64 => Some(text.clone()),
        Value::Scalar(scalar) => Some(scalar.clone()),
        Value::Variant { name, fields } if fields.is_empty() => Some((**name).to_owned()),
        Value::Pointer { to, .. } => plain(to),
        _ => None,
    }
}

/// The fields of a struct or a variant: a tuple of one with a name is what it holds.
fn content(fields: &[(Arc<str>, Value)], has_name: bool) -> Json {
    match fields {
        [(_, value)] if has_name && are_numbered(fields) => value.to_json(),
        fields if are_numbered(fields) => {
            Json::from_iter(fields.iter().map(|(_, value)| value.to_json()))
        }
        fields => object(
            fields
                .iter()
                .map(|(name, value)| ((**name).to_owned(), value.to_json())),
        ),
    }
}

fn object(entries: impl IntoIterator<Item = (String, Json)>) -> Json {
    Json::Object(entries.into_iter().collect())
}

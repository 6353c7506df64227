//! Values and attributes in the JSON of OTLP: lower camel case, and integers of 64 bits as text.

use serde_json::{Map, Value, json};

/// `{"stringValue": "…"}` and its kin. What JSON can say and OTLP cannot, an integer beyond 63 bits, is text.
pub(super) fn any(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(yes) => json!({ "boolValue": yes }),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => json!({ "intValue": number.to_string() }),
            (None, Some(float)) if number.is_f64() => json!({ "doubleValue": float }),
            _ => json!({ "stringValue": number.to_string() }),
        },
        Value::String(text) => json!({ "stringValue": text }),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(any).collect();
            json!({ "arrayValue": { "values": items } })
        }
        Value::Object(fields) => json!({ "kvlistValue": { "values": attributes(fields) } }),
    }
}

/// `[{"key": "…", "value": …}]`.
pub(super) fn attributes(fields: &Map<String, Value>) -> Vec<Value> {
    let pairs = fields.iter();
    pairs
        .map(|(name, value)| json!({ "key": name, "value": any(value) }))
        .collect()
}

/// Attributes on the way: those without a value are left out.
#[derive(Default)]
pub(super) struct Attributes(pub(super) Map<String, Value>);

impl Attributes {
    pub(super) fn set(&mut self, name: impl Into<String>, value: impl serde::Serialize) {
        let value = json!(value);
        let says_nothing = match &value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => false,
        };
        if !says_nothing {
            self.0.insert(name.into(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_json_has_its_kind_of_value() {
        let value = json!({
            "a": [null, true, -7, 9_007_199_254_740_993_i64, u64::MAX, 0.5, "ä"], "b": { "c": {} },
        });
        let expected = json!({ "kvlistValue": { "values": [
            { "key": "a", "value": { "arrayValue": { "values": [
                {},
                { "boolValue": true },
                { "intValue": "-7" },
                { "intValue": "9007199254740993" },
                { "stringValue": "18446744073709551615" },
                { "doubleValue": 0.5 },
                { "stringValue": "ä" },
            ] } } },
            { "key": "b", "value": { "kvlistValue": { "values": [
                { "key": "c", "value": { "kvlistValue": { "values": [] } } },
            ] } } },
        ] } });
        assert_eq!(any(&value), expected);
    }
}

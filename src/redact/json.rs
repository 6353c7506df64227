//! JSON values, field by field and without recursion: no depth can overflow the stack.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{REDACTED, Redactor, card};

impl Redactor {
    /// A JSON value that is known by `name`, field by field; what a sensitive name stands for goes as a whole.
    ///
    /// `null`, `true` and `false` stay. Keys are text as well. In `["authorization", "Bearer …"]`, `{"name": "password",
    /// "value": …}` and their kin the name is found too.
    pub(crate) fn json(&self, name: &str, value: &mut Value) {
        if self.is_sensitive(name) {
            return hide(value);
        }
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            match value {
                Value::Null | Value::Bool(_) => {}
                Value::Number(number) => {
                    if number
                        .as_u64()
                        .is_some_and(|number| number >= SHORTEST_CARD)
                        && card::is_number(number.to_string().as_bytes())
                    {
                        *value = Value::from(REDACTED);
                    }
                }
                Value::String(text) => {
                    if let Cow::Owned(clean) = self.text(text) {
                        *text = clean;
                    }
                }
                Value::Array(items) => {
                    self.hide_pairs(items);
                    open.extend(items);
                }
                Value::Object(fields) => {
                    self.hide_named_value(fields);
                    self.hide_sensitive(fields);
                    if self.clean_keys(fields) {
                        self.hide_sensitive(fields);
                    }
                    open.extend(fields.values_mut());
                }
            }
        }
    }

    /// `["authorization", "Bearer …"]`, also as a list of names and values in turns.
    fn hide_pairs(&self, items: &mut [Value]) {
        for pair in items.chunks_exact_mut(2) {
            if let [Value::String(name), value @ Value::String(_)] = pair
                && self.is_sensitive_name(name)
            {
                hide(value);
            }
        }
    }

    /// `{"name": "password", "value": "…"}`.
    fn hide_named_value(&self, fields: &mut Map<String, Value>) {
        if fields.len() > MAX_NAMED {
            return;
        }
        let one_of =
            |key: &str, keys: &[&str]| keys.iter().any(|one| key.eq_ignore_ascii_case(one));
        let named = fields.iter().any(|(key, name)| {
            one_of(key, &["name", "key", "field", "header", "id"])
                && name
                    .as_str()
                    .is_some_and(|name| self.is_sensitive_name(name))
        });
        if named {
            fields
                .iter_mut()
                .filter(|(key, _)| one_of(key, &["value", "values", "val"]))
                .for_each(|(_, value)| hide(value));
        }
    }

    /// Whether a string is a name, and a sensitive one; a sentence about a password is neither.
    fn is_sensitive_name(&self, text: &str) -> bool {
        text.len() <= MAX_NAME
            && !text.contains(' ')
            && Self::is_name(text)
            && self.is_sensitive(text)
    }

    fn hide_sensitive(&self, fields: &mut Map<String, Value>) {
        for (key, field) in fields.iter_mut() {
            if self.is_sensitive(key) {
                hide(field);
            }
        }
    }

    /// Takes secrets out of the keys; whether there were any.
    fn clean_keys(&self, fields: &mut Map<String, Value>) -> bool {
        let changed: Vec<(String, String)> = fields
            .keys()
            .filter_map(|key| match self.text(key) {
                Cow::Owned(clean) => Some((key.clone(), clean)),
                Cow::Borrowed(_) => None,
            })
            .collect();
        let any = !changed.is_empty();
        let mut number = 1;
        for (key, clean) in changed {
            let Some(value) = fields.remove(&key) else {
                continue;
            };
            let mut unique = clean.clone();
            while fields.contains_key(&unique) {
                number += 1;
                unique = format!("{clean} {number}");
            }
            fields.insert(unique, value);
        }
        any
    }
}

/// Takes a value out, piece by piece: the destructor of a deep one would recurse.
fn hide(value: &mut Value) {
    if matches!(value, Value::Null | Value::Bool(_)) {
        return;
    }
    let mut rest = vec![std::mem::replace(value, Value::from(REDACTED))];
    while let Some(value) = rest.pop() {
        match value {
            Value::Array(items) => rest.extend(items),
            Value::Object(fields) => rest.extend(fields.into_iter().map(|(_, field)| field)),
            _ => {}
        }
    }
}

/// The smallest number of 13 digits.
const SHORTEST_CARD: u64 = 1_000_000_000_000;
/// Objects with more fields are no pair of a name and a value.
const MAX_NAMED: usize = 8;
const MAX_NAME: usize = 64;

//! Variables without what this monitor does not keep.

use std::borrow::Cow;
use std::sync::Arc;

use crate::redact::Redactor;
use crate::stack::{Frame, Missing, Value, Variable, is_name_of};

/// Takes out what must not be kept: by the names of variables, fields and keys, and by what texts look like.
///
/// Who read them left out most of it before it was read, by the rules of the first monitor.
pub(super) fn redact(frame: &mut Frame, redactor: &Redactor) {
    for Variable { name, value, .. } in &mut frame.variables {
        redact_value(name, value, redactor);
    }
}

fn redact_value(name: &str, value: &mut Value, redactor: &Redactor) {
    if redactor.is_sensitive(name) {
        *value = Value::Missing(Missing::Redacted);
        return;
    }
    match value {
        Value::Text { length, .. } if redactor.hides_people() => {
            *value = Value::Bytes { length: *length };
        }
        Value::Scalar(text) | Value::Text { text, .. } => {
            if let Cow::Owned(clean) = redactor.text(text) {
                *text = clean;
            }
        }
        Value::List { items, .. } => {
            for item in items {
                redact_value("", item, redactor);
            }
        }
        Value::Map { entries, .. } => {
            for (key, value) in entries {
                match key.names(&|name| redactor.is_sensitive(name)) {
                    true => *value = Value::Missing(Missing::Redacted),
                    false => redact_value("", value, redactor),
                }
                redact_value("", key, redactor);
            }
        }
        Value::Struct { fields, .. } | Value::Variant { fields, .. } => {
            for at in 0..fields.len() {
                let (before, rest) = fields.split_at_mut(at);
                let Some((name, value)) = rest.first_mut() else {
                    break;
                };
                let is_named = before.iter().any(|(first, key)| {
                    is_name_of(first, name) && key.names(&|name| redactor.is_sensitive(name))
                });
                match is_named {
                    true => *value = Value::Missing(Missing::Redacted),
                    false => redact_value(name, value, redactor),
                }
            }
        }
        Value::Pointer { to, .. } => redact_value("", Arc::make_mut(to), redactor),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::{Privacy, Redaction};

    fn text(text: &str) -> Value {
        Value::Text {
            text: text.to_owned(),
            length: text.len() as u64,
        }
    }

    #[test]
    fn nothing_is_kept_that_has_a_forbidden_name_or_form_however_deep() {
        let fields = vec![
            ("tax_id".into(), text("s3cr3t")),
            ("name".into(), text("Uma")),
            ("url".into(), text("https://uma:s3cr3t@example.com/")),
        ];
        let person = Value::Struct {
            name: "Person".into(),
            fields: fields.clone(),
        };
        let map = Value::Map {
            entries: vec![
                (text("password"), text("s3cr3t")),
                (text("plan"), person.clone()),
            ],
            length: 2,
        };
        let list = Value::List {
            items: vec![
                map,
                Value::Variant {
                    name: "Some".into(),
                    fields,
                },
            ],
            length: 2,
        };
        let variable = |name: &str, value| Variable {
            name: name.into(),
            value,
            ..Variable::default()
        };
        let to = Arc::new(list);
        let mut frame = Frame {
            variables: vec![
                variable(
                    "all",
                    Value::Pointer {
                        to,
                        owners: Some(2),
                    },
                ),
                variable("api_key", text("s3cr3t")),
                variable("count", Value::Scalar("4".to_owned())),
            ],
            ..Frame::default()
        };
        let redactor = Redactor::new(Redaction::new().names(["tax_id"]));
        redact(&mut frame, &redactor);
        let shown = format!("{:?}", frame.variables);
        assert!(!shown.contains("s3cr3t"), "{shown}");
        assert!(shown.contains("Uma") && shown.contains("example.com"));
        assert_eq!(frame.variables[2].value, Value::Scalar("4".to_owned()));
    }

    #[test]
    fn who_does_not_want_to_know_people_reads_no_texts() {
        let map = Value::Map {
            entries: vec![(text("Uma Berg"), Value::Scalar("4".to_owned()))],
            length: 1,
        };
        let mut frame = Frame {
            variables: vec![Variable {
                name: "guests".into(),
                value: map,
                ..Variable::default()
            }],
            ..Frame::default()
        };
        let redactor = Redactor::new(Redaction::new().privacy(Privacy::Pseudonymous));
        redact(&mut frame, &redactor);
        assert_eq!(frame.variables[0].value.to_string(), "{<8 bytes>: 4}");
    }
}

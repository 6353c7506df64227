//! What people and services get to see of values.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{Missing, Value};

fn scalar(text: &str) -> Value {
    Value::Scalar(text.to_owned())
}

fn text(text: &str) -> Value {
    Value::Text {
        text: text.to_owned(),
        length: text.len() as u64,
    }
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Vec<(Arc<str>, Value)> {
    fields.map(|(name, value)| (name.into(), value)).into()
}

fn structure<const N: usize>(name: &str, all: [(&str, Value); N]) -> Value {
    Value::Struct {
        name: name.into(),
        fields: fields(all),
    }
}

fn variant<const N: usize>(name: &str, all: [(&str, Value); N]) -> Value {
    Value::Variant {
        name: name.into(),
        fields: fields(all),
    }
}

fn cases() -> Vec<(Value, &'static str, Json)> {
    let items = Value::List {
        items: vec![structure("Item", [("id", scalar("7"))])],
        length: 13,
    };
    let cart = structure("Cart", [("items", items), ("cents", scalar("129"))]);
    let map = |entries: Vec<(Value, Value)>, length| Value::Map { entries, length };
    vec![
        (
            cart,
            "Cart { items: [Item { id: 7 }, … 12 more], cents: 129 }",
            json!({"items": [{"id": 7}, "… 12 more"], "cents": 129}),
        ),
        (scalar("-7"), "-7", json!(-7)),
        (scalar("1.5"), "1.5", json!(1.5)),
        (scalar("1e300"), "1e300", json!(1e300)),
        (scalar("NaN"), "NaN", json!("NaN")),
        (scalar("inf"), "inf", json!("inf")),
        (scalar("true"), "true", json!(true)),
        (scalar("'x'"), "'x'", json!("x")),
        (scalar("'\\n'"), "'\\n'", json!("'\\n'")),
        (scalar("0x7ffe00"), "0x7ffe00", json!("0x7ffe00")),
        (
            scalar("9007199254740993"),
            "9007199254740993",
            json!("9007199254740993"),
        ),
        (scalar("1.5s"), "1.5s", json!("1.5s")),
        (text("a\"b\n"), r#""a\"b\n""#, json!("a\"b\n")),
        (
            Value::Text {
                text: "begin".to_owned(),
                length: 105,
            },
            "\"begin…\" (105 bytes)",
            json!("begin… 100 bytes more"),
        ),
        (Value::Bytes { length: 1 }, "<1 byte>", json!("<1 byte>")),
        (Value::Bytes { length: 9 }, "<9 bytes>", json!("<9 bytes>")),
        (structure("", []), "()", json!("")),
        (structure("Unit", []), "Unit", json!("Unit")),
        (structure("", [("0", scalar("1"))]), "(1,)", json!([1])),
        (
            structure("", [("0", scalar("1")), ("1", text("a"))]),
            r#"(1, "a")"#,
            json!([1, "a"]),
        ),
        (structure("Id", [("0", scalar("1"))]), "Id(1)", json!(1)),
        (
            structure("Point", [("0", scalar("1")), ("1", scalar("2"))]),
            "Point(1, 2)",
            json!([1, 2]),
        ),
        (variant("None", []), "None", json!(null)),
        (variant("Some", [("0", scalar("3"))]), "Some(3)", json!(3)),
        (
            variant("Ok", [("0", scalar("3"))]),
            "Ok(3)",
            json!({"Ok": 3}),
        ),
        (variant("Cash", []), "Cash", json!("Cash")),
        (
            variant("Card", [("last4", scalar("4242"))]),
            "Card { last4: 4242 }",
            json!({"Card": {"last4": 4242}}),
        ),
        (
            variant("Both", [("0", scalar("1")), ("1", scalar("2"))]),
            "Both(1, 2)",
            json!({"Both": [1, 2]}),
        ),
        (
            map(vec![(text("a"), scalar("1"))], 4),
            "{\"a\": 1, … 3 more}",
            json!({"a": 1, "…": "3 more"}),
        ),
        (
            map(vec![(structure("", [("0", scalar("1"))]), scalar("2"))], 2),
            "{(1,): 2, … 1 more}",
            json!([[[1], 2], "… 1 more"]),
        ),
        (
            map(vec![(text("a"), scalar("1")), (text("a"), scalar("2"))], 2),
            "{\"a\": 1, \"a\": 2}",
            json!([["a", 1], ["a", 2]]),
        ),
        (
            Value::List {
                items: Vec::new(),
                length: 5,
            },
            "[… 5]",
            json!(["… 5 more"]),
        ),
        (
            Value::Pointer {
                to: Arc::new(scalar("5")),
                owners: Some(2),
            },
            "5",
            json!(5),
        ),
        (
            structure(
                "Half",
                [
                    ("known", scalar("1")),
                    ("lost", Value::Missing(Missing::OptimizedOut)),
                ],
            ),
            "Half { known: 1, lost: <optimized out> }",
            json!({"known": 1, "lost": "<optimized out>"}),
        ),
    ]
}

#[test]
fn people_read_a_value_on_one_line() {
    for (value, expected, _) in cases() {
        assert_eq!(value.to_string(), expected);
    }
}

#[test]
fn services_get_it_as_serde_would_write_it() {
    for (value, shown, expected) in cases() {
        assert_eq!(value.to_json(), expected, "{shown}");
    }
}

#[test]
fn text_cannot_forge_a_line() {
    let shown = text("a\u{202e}\r\nb\u{2028}").to_string();
    assert_eq!(shown, r#""a\u{202e}\r\nb\u{2028}""#);
}

#[test]
fn a_reason_is_stored_as_it_is_named() {
    for missing in [
        Missing::OptimizedOut,
        Missing::TooDeep,
        Missing::NoDebuginfo,
        Missing::Busy,
    ] {
        let stored = serde_json::to_value(missing).unwrap();
        assert_eq!(stored, json!(missing.as_str().replace(' ', "_")));
    }
}

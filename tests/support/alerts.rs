//! Alerts to tell notifiers of: those in `tests/alerts`, and one that is as large as an alert can be.

use std::path::Path;

use serde_json::{Value, json};
use tower_monitor::Alert;

/// Every alert there is.
pub const ALL: [&str; 11] = [
    "panic",
    "chain",
    "server_error",
    "browser",
    "logged",
    "joined",
    "hostile",
    "huge",
    "quiet",
    "resolved",
    "test",
];

/// The alert of this name.
pub fn alert(name: &str) -> Alert {
    let json = match name {
        "huge" => huge(),
        name => read(name),
    };
    serde_json::from_value(json).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A panic in which clients and the app have written these words wherever they can write any.
pub fn saying(words: &str) -> Alert {
    let mut json = read("panic");
    write_everywhere(&mut json, words);
    serde_json::from_value(json).unwrap()
}

fn write_everywhere(json: &mut Value, words: &str) {
    match json {
        Value::Array(items) => {
            for item in items {
                write_everywhere(item, words);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if WRITABLE.contains(&name.as_str()) => {
                        words.clone_into(text);
                    }
                    value => write_everywhere(value, words),
                }
            }
        }
        _ => {}
    }
}

/// The fields whose text comes from clients or from the app.
const WRITABLE: [&str; 17] = [
    "body",
    "culprit",
    "curl",
    "email",
    "environment",
    "file",
    "function",
    "host",
    "line",
    "message",
    "name",
    "path",
    "query",
    "release",
    "target",
    "title",
    "user_agent",
];

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/alerts/{name}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Some 900 KB, with characters of two and four bytes everywhere.
fn huge() -> Value {
    let mut alert = read("panic");
    alert["id"] = json!("019aab4c-6a3e-7000-8000-000000000051");
    alert["issue"]["fingerprint"] = json!("5a2b3c4d5e6f7085");
    alert["issue"]["title"] = json!(format!("panic: {}", "ä🦀x".repeat(25)));
    let summary = read("joined")["also"][0].clone();
    let also = (0..20).map(|number| {
        let mut line = summary.clone();
        line["fingerprint"] = json!(format!("{number:016x}"));
        line["title"] = json!(format!("problem {number} {}", "ö🦀".repeat(30)));
        line
    });
    alert["also"] = also.collect();
    alert["also_more"] = json!(12_345);
    alert["lost"] = json!({ "audit_queue_full": 3, "occurrence": 17, "alert_undelivered": 2 });

    let occurrence = &mut alert["occurrence"];
    occurrence["id"] = json!("019aab4c-6a3e-7000-8000-000000000052");
    occurrence["fingerprint"] = json!("5a2b3c4d5e6f7085");
    let frames: Vec<_> = (0..100).map(frame).collect();
    let exceptions = (0..16).map(|number| {
        let message = format!("cause {number}: {}", "ä🦀x".repeat(1_100));
        match number {
            0 => json!({
                "type": "panic", "message": message,
                "stack": { "frames": frames, "cut": 21 },
            }),
            _ => json!({ "type": "source", "message": message }),
        }
    });
    occurrence["exceptions"] = exceptions.collect();
    let breadcrumbs = (0..50).map(|number| {
        json!({
            "time": format!("2026-11-22T09:38:58.{:06}Z", number * 1_000),
            "level": "info", "target": "shop",
            "message": format!("step {number} {}", "ö🦀".repeat(40)),
            "fields": { "number": number.to_string() },
        })
    });
    occurrence["breadcrumbs"] = breadcrumbs.collect();
    let request = &mut occurrence["request"];
    for number in 0..32 {
        request["tags"][format!("tag_{number:02}")] = json!("ü🦀".repeat(60));
    }
    for number in 0..16 {
        request["extra"][format!("extra_{number}")] = json!(vec!["🦀".repeat(200); 3]);
    }
    request["body"] =
        json!({ "text": "ß🦀".repeat(2_500), "bytes_read": 65_536, "is_whole": false });
    request["curl"] = json!(format!(
        "curl --url 'https://shop.example.com/{}'",
        "a".repeat(6_000)
    ));
    alert
}

fn frame(number: u32) -> Value {
    let text = "🦀ä".repeat(120);
    let variables = (0..8).map(|at| {
        json!({ "name": format!("value_{at}"), "type": "String", "value": { "text": { "text": text, "length": text.len() } } })
    });
    json!({
        "function": format!("shop::deep::level_{number}::{}", "x".repeat(60)),
        "module": "shop::deep",
        "file": format!("src/deep/level_{number}.rs"),
        "line": number + 1, "column": 5, "in_app": true, "inlined": false,
        "address": format!("{:#x}", 0x55d0_1f00 + number * 16),
        "source": {
            "before": ["    let y = 1;"],
            "line": format!("    deeper(n + 1, '🦀');{}", "y".repeat(120)),
            "after": [],
        },
        "variables": variables.collect::<Vec<_>>(),
    })
}

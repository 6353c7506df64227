//! Items that Rollbar's own client for Python has sent: what they say is said at the same place in ours.
//!
//! The captured item is read back into an alert with the same facts, which is sent. So a value that stands elsewhere, in
//! another order or under another name is found.

use serde_json::{Map, Value, json};
use tower_monitor::Alert;

use super::sent;
use crate::support::alerts::alert;

/// What the captured items have and ours do not, or in other words.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "access_token",
        "in a header, as Rollbar's documentation now wants it",
    ),
    ("data.language", "another language"),
    ("data.framework", "another framework"),
    ("data.notifier", "another notifier"),
    ("data.context", "ours begins with the method"),
    ("data.uuid", "the occurrence's own"),
    ("data.request.files_keys", "files are not read"),
    ("data.server.argv", "a command line may hold secrets"),
    ("data.server.branch", "not known to a program"),
    (
        "data.server.root",
        "the app's files are named from the workspace on already",
    ),
    ("data.body.message.order", "a field of an event is text"),
    (
        "data.custom.order",
        "under `extra`, apart from what the monitor says",
    ),
];

fn captured(name: &str) -> Value {
    let path = format!(
        "{}/tests/payloads/captured/pyrollbar-1.5.0-{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// An alert with the facts of an item.
fn alert_like(data: &Value) -> Alert {
    let mut like = serde_json::to_value(alert("panic")).unwrap();
    like["severity"] = data["level"].clone();
    let occurrence = &mut like["occurrence"];
    occurrence["id"] = json!("1bf5b7a2-881e-4a44-a2d5-d56286b21784");
    let seconds = data["timestamp"].as_i64().unwrap();
    let time = tower_monitor::Timestamp::from_unix_micros(seconds * 1_000_000);
    occurrence["time"] = json!(time);
    let origin = &mut occurrence["origin"];
    origin["environment"] = data["environment"].clone();
    origin["release"] = data["code_version"].clone();
    origin["host"] = data["server"]["host"].clone();
    origin["pid"] = data["server"]["pid"].clone();

    let body = &data["body"];
    let chain = body.get("trace_chain").and_then(Value::as_array).cloned();
    let traces = chain.unwrap_or_else(|| body.get("trace").cloned().into_iter().collect());
    occurrence["exceptions"] = traces.iter().map(exception).collect();
    if let Some(message) = body.get("message") {
        occurrence["kind"] = json!("message");
        occurrence["exceptions"] = json!([{ "type": "message", "message": message["body"] }]);
    }
    match data.get("request") {
        Some(request) => occurrence["request"] = self::request(data, request),
        None => occurrence["request"] = Value::Null,
    }
    serde_json::from_value(like).unwrap()
}

fn exception(trace: &Value) -> Value {
    let frames = trace["frames"].as_array().unwrap().iter().rev().map(frame);
    let exception = &trace["exception"];
    json!({
        "type": exception["class"], "message": exception["message"],
        "stack": { "frames": frames.collect::<Vec<_>>(), "cut": 0 },
    })
}

fn frame(frame: &Value) -> Value {
    let none = Vec::new();
    let arguments = frame
        .get("argspec")
        .and_then(Value::as_array)
        .unwrap_or(&none);
    let mut locals = frame["locals"].as_object().unwrap().clone();
    let mut variables = Vec::new();
    for name in arguments {
        let value = locals.remove(name.as_str().unwrap()).unwrap();
        variables.push(json!({ "name": name, "value": tree(&value), "is_argument": true }));
    }
    variables.extend(
        locals
            .into_iter()
            .map(|(name, value)| json!({ "name": name, "value": tree(&value) })),
    );
    json!({
        "file": frame["filename"], "line": frame["lineno"], "function": frame["method"], "in_app": true,
        "address": "0x1", "source": { "line": format!("        {}", frame["code"].as_str().unwrap()) },
        "variables": variables,
    })
}

/// The value as an occurrence has it.
fn tree(value: &Value) -> Value {
    match value {
        Value::String(text) => json!({ "text": { "text": text, "length": text.len() } }),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(tree).collect();
            json!({ "list": { "length": items.len(), "items": items } })
        }
        Value::Object(fields) => {
            let entry = |(key, value): (&String, &Value)| json!([tree(&json!(key)), tree(value)]);
            let entries: Vec<_> = fields.iter().map(entry).collect();
            json!({ "map": { "length": entries.len(), "entries": entries } })
        }
        plain => json!({ "scalar": plain.to_string() }),
    }
}

fn request(data: &Value, request: &Value) -> Value {
    let url = request["url"].as_str().unwrap();
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
    let headers = request["headers"].as_object().unwrap().iter();
    let headers = headers.map(|(name, value)| json!([name.to_lowercase(), value]));
    let form = request["POST"].as_object().unwrap().iter();
    let form = form.map(|(name, value)| format!("{name}={}", value.as_str().unwrap()));
    let form = form.collect::<Vec<_>>().join("&");
    json!({
        "id": "rid-1", "started_at": "2026-11-22T09:38:59Z", "version": "HTTP/1.1", "curl": "curl",
        "method": request["method"], "path": format!("/{path}"), "query": query, "host": host,
        "route": "/buy/{item}", "headers": headers.collect::<Vec<_>>(), "client_address": request["user_ip"],
        "body": { "text": form, "bytes_read": form.len(), "is_whole": true },
        "user": {
            "id": data["person"]["id"], "name": data["person"]["username"], "email": data["person"]["email"],
        },
    })
}

/// Every value by the path of its keys.
fn values(value: &Value, path: &str, found: &mut Map<String, Value>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                values(value, &format!("{path}{dot}{name}"), found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (number, value) in items.iter().enumerate() {
                values(value, &format!("{path}[{number}]"), found);
            }
        }
        value => {
            found.insert(path.to_owned(), value.clone());
        }
    }
}

fn values_of(value: &Value) -> Map<String, Value> {
    let mut found = Map::new();
    values(value, "", &mut found);
    found
}

#[tokio::test]
async fn what_pyrollbar_says_is_at_the_same_place() {
    let mut unused: Vec<_> = DIFFERENT.iter().map(|(path, _)| *path).collect();
    for (name, least) in [
        ("flask-form", 80),
        ("flask-locals", 80),
        ("trace-chain", 45),
        ("message", 7),
    ] {
        let mut theirs = captured(name);
        let alert = alert_like(&theirs["data"]);
        let ours = values_of(&sent(&alert).await.json());
        // Both took out what is secret, each with its own mark; the code of the sample holds a password.
        alert.redact_json(&mut theirs);
        let mut same = 0;
        for (path, value) in values_of(&theirs) {
            let different = DIFFERENT.iter().find(|(start, _)| path.starts_with(start));
            if let Some((start, _)) = different {
                unused.retain(|path| path != start);
                continue;
            }
            // Empty lists of parameters say nothing.
            if value == json!({}) && !ours.contains_key(&path) {
                continue;
            }
            let found = ours
                .get(&path)
                .unwrap_or_else(|| panic!("{name}: no {path}"));
            assert_eq!(*found, value, "{name}: {path}");
            same += 1;
        }
        assert!(same >= least, "{name}: only {same}");
    }
    assert!(unused.is_empty(), "not in any item: {unused:?}");
}

//! An occurrence in the form that Rollbar's "Create an item" takes.

use serde_json::{Map, Value, json};

use super::pieces;
use crate::issue::{Alert, Severity};
use crate::occurrence::{Kind, Level, Occurrence};
use crate::text::one_line;

/// The `data` of an item: guarded, and within the bounds of each field.
pub(super) fn item(alert: &Alert, environment: &str) -> Map<String, Value> {
    let occurrence = &*alert.occurrence;
    let origin = &*occurrence.origin;
    let from_browser = occurrence.kind == Kind::Browser;
    let revision = origin.platform.git_revision.as_ref();
    let mut words = guarded(
        alert,
        present([
            (
                "environment",
                json!(environment_of(occurrence, environment)),
            ),
            ("context", json!(occurrence.endpoint())),
            ("title", json!(occurrence.title())),
            ("code_version", json!(origin.release.as_ref().or(revision))),
            ("server", pieces::server(origin)),
            ("request", pieces::request(occurrence)),
            ("person", pieces::person(occurrence)),
            ("client", pieces::client(occurrence)),
        ]),
    );
    // After the guard, whose marks may be longer than what they stand for.
    for (field, max) in BOUNDS {
        if let Some(Value::String(text)) = words.pointer_mut(field) {
            *text = at_most(&one_line(text), max);
        }
    }
    let (language, framework) = match from_browser {
        true => ("javascript", None),
        false if origin.platform.crates.contains_key("axum") => ("rust", Some("axum")),
        false => ("rust", Some("tower")),
    };
    // Rollbar wants another token for items whose platform is the browser.
    let platform = (!from_browser).then_some(std::env::consts::OS);
    // What the monitor itself makes has no secret in it, and what it measures can look like a card's number.
    let own = present([
        ("body", body(alert)),
        ("level", json!(level(alert.severity))),
        ("timestamp", json!(occurrence.time.unix_seconds())),
        ("uuid", json!(occurrence.id)),
        ("fingerprint", json!(alert.issue.fingerprint)),
        ("language", json!(language)),
        ("framework", json!(framework)),
        ("platform", json!(platform)),
        ("custom", pieces::custom(alert)),
        ("notifier", notifier()),
    ]);
    let mut data = Map::new();
    for part in [words, own] {
        if let Value::Object(fields) = part {
            data.extend(fields);
        }
    }
    data
}

/// A message that says that this occurrence could not be sent as it is.
pub(super) fn failsafe(alert: &Alert, environment: &str, words: &str) -> Map<String, Value> {
    let occurrence = &*alert.occurrence;
    let environment = alert.redacted(environment_of(occurrence, environment));
    let said = json!({
        "environment": at_most(&one_line(&environment), 255),
        "body": { "message": { "body": words } },
        "level": level(alert.severity),
        "timestamp": occurrence.time.unix_seconds(),
        "uuid": occurrence.id,
        "internal": true,
        "failsafe": true,
        "custom": { "orig_uuid": occurrence.id },
        "notifier": notifier(),
    });
    match said {
        Value::Object(data) => data,
        _ => Map::new(),
    }
}

fn notifier() -> Value {
    json!({ "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") })
}

fn environment_of<'a>(occurrence: &'a Occurrence, default: &'a str) -> &'a str {
    let named = occurrence.origin.environment.as_deref();
    named
        .filter(|name| !name.trim().is_empty())
        .unwrap_or(default)
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

/// The panic or the error with its causes, else words; and what led up to it.
fn body(alert: &Alert) -> Value {
    let occurrence = &*alert.occurrence;
    let mut traces: Vec<Value> = match occurrence.is_message() {
        true => Vec::new(),
        false => {
            let all = occurrence.exceptions.iter();
            all.map(|exception| pieces::trace(alert, exception))
                .collect()
        }
    };
    let (form, content) = match traces.len() {
        0 => ("message", message(alert)),
        1 => ("trace", traces.remove(0)),
        _ => ("trace_chain", Value::Array(traces)),
    };
    let telemetry: Vec<_> = telemetry(alert).collect();
    let telemetry = (!telemetry.is_empty()).then_some(telemetry);
    present([(form, content), ("telemetry", json!(telemetry))])
}

fn message(alert: &Alert) -> Value {
    let occurrence = &*alert.occurrence;
    let exception = occurrence.exceptions.first();
    let words = exception.map_or_else(|| occurrence.title(), |it| it.message.clone());
    let mut fields = Map::new();
    if let Some(event) = &occurrence.event {
        fields.extend(
            event
                .fields
                .iter()
                .map(|(name, value)| (name.clone(), json!(value))),
        );
        fields.insert("target".to_owned(), json!(event.target));
    }
    if let Some(place) = occurrence.culprit() {
        fields.insert("place".to_owned(), json!(place));
    }
    fields.insert("body".to_owned(), json!(words));
    guarded(alert, Value::Object(fields))
}

fn telemetry(alert: &Alert) -> impl Iterator<Item = Value> {
    let occurrence = &*alert.occurrence;
    let source = match occurrence.kind {
        Kind::Browser => "client",
        _ => "server",
    };
    occurrence.breadcrumbs.iter().map(move |step| {
        // Rollbar shows the message alone.
        let fields = step.fields.iter();
        let fields: String = fields
            .map(|(name, value)| format!(" {name}={value}"))
            .collect();
        let body = json!({ "message": format!("{}{fields}", step.message), "target": step.target });
        json!({
            "level": match step.level {
                Level::Error => "error",
                Level::Warn => "warning",
                Level::Info => "info",
                Level::Debug | Level::Trace => "debug",
            },
            "type": "log",
            "source": source,
            "timestamp_ms": step.time.unix_micros().div_euclid(1_000),
            "body": guarded(alert, body),
        })
    })
}

/// A last look for secrets, field by field.
pub(super) fn guarded(alert: &Alert, mut value: Value) -> Value {
    alert.redact_json(&mut value);
    value
}

/// The fields that there is something to say in.
pub(super) fn present<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields.into_iter().filter(|(_, value)| match value {
        Value::Null => false,
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    });
    fields
        .map(|(name, value)| (name.to_owned(), value))
        .collect::<Map<_, _>>()
        .into()
}

/// At most so many characters.
fn at_most(text: &str, max: usize) -> String {
    if text.chars().nth(max).is_none() {
        return text.to_owned();
    }
    let kept = text.chars().take(max.saturating_sub(1));
    kept.chain(['…']).collect()
}

/// The most characters that Rollbar takes, of what is on one line.
const BOUNDS: [(&str, usize); 11] = [
    ("/environment", 255),
    ("/context", 255),
    ("/title", 255),
    ("/code_version", 40),
    ("/person/id", 40),
    ("/person/username", 255),
    ("/person/email", 255),
    ("/server/host", 255),
    ("/server/cpu", 255),
    ("/server/code_version", 40),
    ("/client/javascript/code_version", 40),
];

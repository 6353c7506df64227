//! An occurrence as an event of Sentry's.
//!
//! Field names and their meaning: Sentry's [event payloads](https://develop.sentry.dev/sdk/foundations/envelopes/event-payloads/).

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{bounds, clean, contexts, exceptions, shrunk};
use crate::issue::{Alert, Severity};
use crate::notify::Message;
use crate::notify::shrink::Size;
use crate::occurrence::{Breadcrumb, Kind, Level, Occurrence};

/// The event for an alert, within every bound.
pub(super) fn of(alert: &Alert, size: Size, own_grouping: bool) -> Value {
    let mut event = match size {
        Size::Failsafe => plain(alert),
        Size::Whole | Size::Small => whole(alert),
    };
    event["fingerprint"] = match own_grouping {
        true => json!([alert.occurrence.fingerprint]),
        false => json!(["{{ default }}"]),
    };
    // The guard comes before the cutting: half of a secret may look like none.
    alert.redact_json(&mut event);
    if size == Size::Small {
        shrunk::small(&mut event);
    }
    clean::clean(&mut event);
    bounds::keep(&mut event);
    shrunk::fit(&mut event);
    event
}

/// What no server can find fault with.
fn plain(alert: &Alert) -> Value {
    let occurrence = &*alert.occurrence;
    let message = Message::of(alert).brief();
    json!({
        "event_id": occurrence.id.simple(),
        "timestamp": occurrence.time,
        "platform": "other",
        "level": level(alert),
        "logentry": { "formatted": format!("{} ({})", message.headline, message.reference) },
        "sdk": sdk(),
    })
}

fn whole(alert: &Alert) -> Value {
    let occurrence = &*alert.occurrence;
    let origin = &*occurrence.origin;
    let (exception, threads) = exceptions::of(occurrence);
    known(json!({
        "event_id": occurrence.id.simple(),
        "timestamp": occurrence.time,
        // Sentry turns `rust` into `other`; `native` is what its own client for Rust sends, and has addresses.
        "platform": if occurrence.kind == Kind::Browser { "javascript" } else { "native" },
        "level": level(alert),
        "logger": occurrence.event.as_ref().map(|event| &event.target),
        "transaction": occurrence.endpoint(),
        "server_name": origin.host,
        "release": release(occurrence),
        "environment": origin.environment,
        "tags": tags(alert),
        "modules": origin.platform.crates,
        "logentry": logentry(occurrence),
        "exception": exception,
        "threads": threads,
        "debug_meta": exceptions::images(occurrence),
        "request": contexts::request(occurrence),
        "user": contexts::user(occurrence),
        "contexts": contexts::of(alert),
        "breadcrumbs": breadcrumbs(occurrence),
        "extra": extra(alert),
        "sdk": sdk(),
    }))
}

fn level(alert: &Alert) -> &'static str {
    match (alert.occurrence.kind, alert.severity) {
        (Kind::Panic, _) | (_, Severity::Critical) => "fatal",
        (_, Severity::Error) => "error",
        (_, Severity::Warning) => "warning",
        (_, Severity::Info) => "info",
    }
}

/// Releases belong to an organization, not to a project: so `shop@1.4.2`, unless the app names them that way itself.
fn release(occurrence: &Occurrence) -> Option<String> {
    let origin = &*occurrence.origin;
    let release = origin.release.as_ref()?;
    match &origin.service {
        Some(service) if !release.contains('@') => Some(format!("{service}@{release}")),
        _ => Some(release.clone()),
    }
}

fn tags(alert: &Alert) -> Map<String, Value> {
    let occurrence = &*alert.occurrence;
    let request = occurrence.request.as_ref();
    let own = known(json!({
        "kind": occurrence.kind,
        "service": occurrence.origin.service,
        "request_id": request.map(|request| &request.id),
        "route": request.and_then(|request| request.route.as_ref()),
        "status": occurrence.response.as_ref().map(|response| response.status.to_string()),
    }));
    let mut tags = fields(own);
    for (name, value) in request.iter().flat_map(|request| &request.tags) {
        let name = match RESERVED_TAGS.contains(&name.as_str()) {
            true => format!("app.{name}"),
            false => name.clone(),
        };
        tags.insert(name, json!(value));
    }
    tags
}

fn logentry(occurrence: &Occurrence) -> Value {
    let said = occurrence.is_message() || occurrence.kind == Kind::Logged;
    let words = occurrence.exceptions.first().map(|said| &said.message);
    match words {
        Some(words) if said && !words.is_empty() => json!({ "formatted": words }),
        _ if said => json!({ "formatted": occurrence.title() }),
        _ => Value::Null,
    }
}

fn breadcrumbs(occurrence: &Occurrence) -> Value {
    let steps: Vec<_> = occurrence.breadcrumbs.iter().map(breadcrumb).collect();
    match steps.is_empty() {
        true => Value::Null,
        false => json!({ "values": steps }),
    }
}

fn breadcrumb(step: &Breadcrumb) -> Value {
    known(json!({
        "timestamp": step.time,
        "type": "default",
        "category": step.target,
        "level": match step.level {
            Level::Error => "error",
            Level::Warn => "warning",
            Level::Info => "info",
            Level::Debug | Level::Trace => "debug",
        },
        "message": step.message,
        "data": step.fields,
    }))
}

fn extra(alert: &Alert) -> Map<String, Value> {
    let occurrence = &*alert.occurrence;
    let request = occurrence.request.as_ref();
    let own = known(json!({
        "curl": request.map(|request| &request.curl),
        "spans": occurrence.spans,
        "event_fields": occurrence.event.as_ref().map(|event| &event.fields),
        "earlier_breadcrumbs": Some(occurrence.earlier_breadcrumbs).filter(|count| *count > 0),
        "missing": occurrence.missing,
        "also_told": alert.also.iter().map(|also| json!({
            "fingerprint": also.fingerprint, "title": also.title, "culprit": also.culprit, "alerts": also.alerts,
        })).collect::<Vec<_>>(),
        "also_more": Some(alert.also_more).filter(|count| *count > 0),
    }));
    let mut extra = fields(own);
    for (name, value) in request.iter().flat_map(|request| &request.extra) {
        let name = match extra.contains_key(name) {
            true => format!("app.{name}"),
            false => name.clone(),
        };
        extra.insert(name, value.clone());
    }
    extra
}

pub(super) fn sdk() -> Value {
    json!({ "name": "tower-monitor", "version": env!("CARGO_PKG_VERSION") })
}

/// The object without the fields of which nothing is known.
pub(super) fn known(mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.retain(|_, value| match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
            Value::Bool(_) | Value::Number(_) => true,
        });
    }
    object
}

fn fields(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

pub(super) fn value(of: impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

/// Tags that Sentry sets or drops itself, and those set here.
const RESERVED_TAGS: [&str; 16] = [
    "dist",
    "environment",
    "filename",
    "function",
    "kind",
    "level",
    "logger",
    "release",
    "request_id",
    "route",
    "server_name",
    "service",
    "status",
    "transaction",
    "url",
    "user",
];

//! An occurrence as a log record, in the attributes of OpenTelemetry's semantic conventions.

use serde_json::{Map, Value, json};

use super::code;
use super::value::Attributes;
use crate::issue::{Alert, Severity};
use crate::occurrence::{Breadcrumb, Exception, Kind, Occurrence, RequestSnapshot, Span};
use crate::text::in_braces;
use crate::time::Timestamp;

/// A record without its attributes, and these: guarded, before they are put into OTLP's form.
pub(super) struct Record {
    pub(super) fields: Map<String, Value>,
    pub(super) body: String,
    pub(super) attributes: Map<String, Value>,
}

impl Record {
    pub(super) fn of(alert: &Alert) -> Self {
        let occurrence = &*alert.occurrence;
        let words = exception(occurrence).or(occurrence.exceptions.first());
        let body = words.map_or_else(|| occurrence.title(), |it| it.message.clone());
        let mut said = Value::Object(words_of(alert).0);
        alert.redact_json(&mut said);
        let mut attributes = match said {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        for (name, value) in &mut attributes {
            // The guard hides a list as a whole; a header's attribute is one all the same.
            if name.contains(".header.") && value.is_string() {
                *value = json!([value.take()]);
            }
        }
        // What the monitor itself counts and measures has no secret in it, and can look like a card's number.
        attributes.extend(numbers(alert).0);
        Self {
            fields: fields(alert),
            body: alert.redacted(&body).into_owned(),
            attributes,
        }
    }
}

fn fields(alert: &Alert) -> Map<String, Value> {
    let occurrence = &*alert.occurrence;
    let (number, text) = severity(alert);
    let mut fields = Attributes::default();
    fields.set("timeUnixNano", nanoseconds(occurrence.time));
    fields.set("observedTimeUnixNano", nanoseconds(alert.time));
    fields.set("severityNumber", number);
    fields.set("severityText", text);
    fields.set("eventName", event_name(alert));
    let request = occurrence.request.as_ref();
    if let Some(trace) = request.and_then(|request| request.trace) {
        fields.set("traceId", trace.trace_id());
        fields.set("spanId", trace.parent_id());
        fields.set("flags", u8::from(trace.sampled()));
    }
    fields.0
}

/// As text, as protobuf writes 64 bits in JSON.
fn nanoseconds(time: Timestamp) -> String {
    let micros = u64::try_from(time.unix_micros()).unwrap_or(0);
    micros.saturating_mul(1_000).to_string()
}

fn severity(alert: &Alert) -> (u8, &'static str) {
    match alert.severity {
        _ if alert.reason.is_over() => (9, "INFO"),
        Severity::Critical => (18, "CRITICAL"),
        Severity::Error => (17, "ERROR"),
        Severity::Warning => (13, "WARN"),
        Severity::Info => (9, "INFO"),
    }
}

fn event_name(alert: &Alert) -> String {
    let occurrence = &*alert.occurrence;
    let kind = occurrence.kind;
    if alert.reason.is_over() {
        return format!("tower_monitor.{}", alert.reason.as_str());
    }
    if exception(occurrence).is_none() {
        return format!("tower_monitor.{}", kind.as_str());
    }
    let is_handled = matches!(kind, Kind::Captured | Kind::Logged | Kind::Browser);
    match &occurrence.request {
        Some(_) if !is_handled => "http.server.request.exception".to_owned(),
        _ => "exception".to_owned(),
    }
}

/// The panic or the error; `None` where there are only words, for those are no artificial exception.
fn exception(occurrence: &Occurrence) -> Option<&Exception> {
    let first = occurrence.exceptions.first();
    first.filter(|_| !occurrence.is_message())
}

/// What people, clients and the app wrote.
fn words_of(alert: &Alert) -> Attributes {
    let occurrence = &*alert.occurrence;
    let mut fields = Attributes::default();
    if let Some(exception) = exception(occurrence) {
        fields.set("exception.type", &exception.type_name);
        fields.set("exception.message", &exception.message);
        fields.set(
            "exception.stacktrace",
            code::stacktrace(&occurrence.exceptions),
        );
        fields.set("error.type", &exception.type_name);
    }
    code::place(occurrence, &mut fields);
    fields.set("thread.name", &occurrence.thread);
    if let Some(request) = &occurrence.request {
        request_of(request, &mut fields);
    }
    if let Some(response) = &occurrence.response {
        for (name, value) in &response.headers {
            append(&mut fields, format!("http.response.header.{name}"), value);
        }
        fields.set("rpc.response.status_code", &response.grpc_status);
        fields.set("tower_monitor.response.body", &response.body);
    }
    fields.set("tower_monitor.title", occurrence.title());
    fields.set("tower_monitor.culprit", occurrence.culprit());
    if let Some(event) = &occurrence.event {
        for (name, value) in &event.fields {
            fields.set(format!("tower_monitor.event.{name}"), value);
        }
    }
    let steps: Vec<_> = occurrence.breadcrumbs.iter().map(step).collect();
    fields.set("tower_monitor.breadcrumbs", steps);
    let spans: Vec<_> = occurrence.spans.iter().map(span).collect();
    fields.set("tower_monitor.spans", spans);
    fields.set("tower_monitor.variables", code::variables(occurrence));
    fields.set("tower_monitor.missing", &occurrence.missing);
    let also = alert.also.iter();
    let also: Vec<_> = also
        .map(|it| format!("{} ({}): {}", it.fingerprint, it.reason, it.title))
        .collect();
    fields.set("tower_monitor.also", also);
    fields
}

fn request_of(request: &RequestSnapshot, fields: &mut Attributes) {
    if METHODS.contains(&request.method.as_str()) {
        fields.set("http.request.method", &request.method);
    } else {
        fields.set("http.request.method", "_OTHER");
        fields.set("http.request.method_original", &request.method);
    }
    fields.set("http.route", &request.route);
    fields.set("url.scheme", request.scheme());
    fields.set("url.path", &request.path);
    fields.set("url.query", &request.query);
    if let Some(host) = &request.host {
        let (address, port) = with_port(host);
        fields.set("server.address", address);
        fields.set("server.port", port);
    }
    if let Some(peer) = &request.peer_address {
        let (address, port) = with_port(peer);
        fields.set("network.peer.address", address);
        fields.set("network.peer.port", port);
    }
    if let Some((protocol, version)) = request.version.split_once('/') {
        fields.set("network.protocol.name", protocol.to_ascii_lowercase());
        let version = match version {
            "2.0" => "2",
            "3.0" => "3",
            version => version,
        };
        fields.set("network.protocol.version", version);
    }
    fields.set("client.address", &request.client_address);
    fields.set("user_agent.original", &request.user_agent);
    let elsewhere = ["content-length", "host", "user-agent"];
    let headers = request.headers.iter();
    for (name, value) in headers.filter(|(name, _)| !elsewhere.contains(&name.as_str())) {
        append(fields, format!("http.request.header.{name}"), value);
    }
    if let Some(user) = &request.user {
        fields.set("user.id", user.id());
        fields.set("user.full_name", user.display_name());
        fields.set("user.email", user.email_address());
    }
    let body = request.body.as_ref().map(|body| &body.text);
    fields.set("tower_monitor.request.body", body);
    fields.set("tower_monitor.curl", &request.curl);
    for (name, value) in &request.tags {
        fields.set(format!("tower_monitor.tags.{name}"), value);
    }
    for (name, value) in &request.extra {
        fields.set(format!("tower_monitor.extra.{name}"), value);
    }
}

/// A host or an address, and its port when it has one: `[::1]:80` too.
fn with_port(text: &str) -> (&str, Option<u16>) {
    let parts = text.rsplit_once(':');
    let parts = parts.filter(|(address, _)| !address.contains(':') || address.ends_with(']'));
    let parts = parts.and_then(|(address, port)| Some((address, port.parse().ok()?)));
    let (address, port) = parts.map_or((text, None), |(address, port)| (address, Some(port)));
    let inside = address
        .strip_prefix('[')
        .and_then(|it| it.strip_suffix(']'));
    (inside.unwrap_or(address), port)
}

/// Headers are lists: one may come twice.
fn append(fields: &mut Attributes, name: String, value: &str) {
    match fields.0.get_mut(&name) {
        Some(Value::Array(all)) => all.push(json!(value)),
        _ => fields.set(name, [value]),
    }
}

fn step(step: &Breadcrumb) -> String {
    let fields = in_braces(step.fields.iter());
    let level = step.level.as_str();
    format!(
        "{} {level} {}: {}{fields}",
        step.time, step.target, step.message
    )
}

fn span(span: &Span) -> String {
    format!("{}{}", span.name, in_braces(span.fields.iter()))
}

/// What the monitor itself made, counted and measured.
fn numbers(alert: &Alert) -> Attributes {
    let occurrence = &*alert.occurrence;
    let issue = &alert.issue;
    let mut fields = Attributes::default();
    fields.set("log.record.uid", occurrence.id);
    if let Some(request) = &occurrence.request {
        fields.set("tower_monitor.request.id", &request.id);
        fields.set("http.request.body.size", request.content_length);
    }
    if let Some(response) = &occurrence.response {
        fields.set("http.response.status_code", response.status);
        if response.status >= 500 && exception(occurrence).is_none() {
            fields.set("error.type", response.status.to_string());
        }
    }
    fields.set("tower_monitor.fingerprint", issue.fingerprint);
    fields.set("tower_monitor.kind", occurrence.kind);
    fields.set("tower_monitor.severity", alert.severity);
    fields.set("tower_monitor.reason", alert.reason.as_str());
    fields.set("tower_monitor.url", alert.issue_url());
    fields.set("tower_monitor.count", issue.count);
    fields.set("tower_monitor.users", issue.users);
    fields.set("tower_monitor.held_back", alert.held_back);
    fields.set("tower_monitor.first_seen", issue.first_seen);
    fields.set("tower_monitor.new_in_release", alert.new_in_release);
    let more = (alert.also_more > 0).then_some(alert.also_more);
    fields.set("tower_monitor.also_more", more);
    fields.set("tower_monitor.lost", alert.lost);
    let elapsed = occurrence.elapsed;
    let elapsed = elapsed.map(|it| it.as_micros() as f64 / 1_000.0);
    fields.set("tower_monitor.elapsed_ms", elapsed);
    // Through text: as they are, 0.52 of 32 bits would become 0.5199999809265137.
    let vitals = serde_json::to_string(&occurrence.vitals).unwrap_or_default();
    let vitals: Map<String, Value> = serde_json::from_str(&vitals).unwrap_or_default();
    for (name, value) in vitals {
        fields.set(format!("tower_monitor.vitals.{name}"), value);
    }
    fields
}

/// Those that RFC 9110 and RFC 5789 know; all others are `_OTHER`.
const METHODS: [&str; 9] = [
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
];

#[cfg(test)]
mod tests {
    use super::with_port;

    #[test]
    fn a_host_is_split_from_its_port() {
        for (text, expected) in [
            ("shop.example.com", ("shop.example.com", None)),
            ("shop.example.com:8080", ("shop.example.com", Some(8080))),
            ("10.0.0.9:41022", ("10.0.0.9", Some(41_022))),
            ("[::1]:80", ("::1", Some(80))),
            ("[::1]", ("::1", None)),
            ("2001:db8::1", ("2001:db8::1", None)),
            ("a:b", ("a:b", None)),
            ("", ("", None)),
        ] {
            assert_eq!(with_port(text), expected, "{text}");
        }
    }
}

//! The parts of an item: stacks, request, person, server, and what Rollbar has no field for.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::item::{guarded, present};
use crate::issue::Alert;
use crate::occurrence::{Exception, Fnv, Frame, Kind, Occurrence, Origin, RequestSnapshot, Vitals};
use crate::redact::percent_decoded;
use crate::text::media_type;

/// A panic or an error with its frames, the most recent call last.
pub(super) fn trace(alert: &Alert, exception: &Exception) -> Value {
    let frames = match (&exception.stack, &exception.location) {
        (Some(stack), _) if !stack.frames.is_empty() => {
            let calls = stack.frames.iter().rev();
            calls.map(|call| frame(alert, call)).collect()
        }
        (_, Some(place)) => {
            let file = guarded(alert, json!({ "filename": place.file() }));
            let mut frame = fields_of(file);
            frame.insert("lineno".to_owned(), json!(place.line()));
            if place.column() > 0 {
                frame.insert("colno".to_owned(), json!(place.column()));
            }
            vec![Value::Object(frame)]
        }
        _ => Vec::new(),
    };
    let said = json!({ "class": exception.type_name, "message": exception.message });
    json!({ "frames": frames, "exception": guarded(alert, said) })
}

fn frame(alert: &Alert, call: &Frame) -> Value {
    let object = call.object.as_ref().map(ToString::to_string);
    let file = call.file.as_deref().or(object.as_deref());
    let source = call.source.as_ref();
    let words = present([
        ("filename", json!(file.unwrap_or("<unknown>"))),
        ("method", json!(call.function)),
        ("code", json!(source.map(|source| source.line.trim()))),
        (
            "context",
            json!(
                source
                    .filter(|it| !it.before.is_empty() || !it.after.is_empty())
                    .map(|it| json!({ "pre": it.before, "post": it.after }))
            ),
        ),
        ("locals", Value::Object(call.values())),
    ]);
    let mut frame = fields_of(guarded(alert, words));
    if let Some(line) = call.line {
        frame.insert("lineno".to_owned(), json!(line));
    }
    if let Some(column) = call.column {
        frame.insert("colno".to_owned(), json!(column));
    }
    // One by one: in a list the guard takes a name for the name of what follows.
    let arguments = call.variables.iter().filter(|it| it.is_argument);
    let arguments: Vec<Cow<'_, str>> = arguments.map(|it| alert.redacted(&it.name)).collect();
    if !arguments.is_empty() {
        frame.insert("argspec".to_owned(), json!(arguments));
    }
    Value::Object(frame)
}

fn fields_of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

pub(super) fn request(occurrence: &Occurrence) -> Value {
    let Some(request) = &occurrence.request else {
        return Value::Null;
    };
    let body = request.body.as_ref();
    let form = body.filter(|body| body.is_whole && is_form(request));
    let cookies = &request.cookie_names;
    present([
        ("url", json!(request.url())),
        ("method", json!(request.method)),
        ("headers", headers(&request.headers)),
        ("params", json!(request.route_parameters)),
        (
            "GET",
            json!(request.query.as_ref().map(|query| pairs(query))),
        ),
        ("query_string", json!(request.query)),
        ("POST", json!(form.map(|body| pairs(&body.text)))),
        ("body", json!(body.map(|body| &body.text))),
        ("user_ip", json!(request.client_address)),
        ("request_id", json!(request.id)),
        ("route", json!(request.route)),
        (
            "status",
            json!(occurrence.response.as_ref().map(|it| it.status)),
        ),
        (
            "cookie_names",
            json!((!cookies.is_empty()).then(|| cookies.join(", "))),
        ),
    ])
}

fn is_form(request: &RequestSnapshot) -> bool {
    let mut headers = request.headers.iter();
    let kind = headers.find(|(name, _)| name == "content-type");
    kind.is_some_and(|(_, kind)| media_type(kind) == "application/x-www-form-urlencoded")
}

/// By name, as HTTP/1.1 writes names; what was sent twice with a comma between.
fn headers(pairs: &[(String, String)]) -> Value {
    let mut fields: Map<String, Value> = Map::new();
    for (name, value) in pairs {
        let words = name.split('-').map(|word| {
            let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
            format!("{}{rest}", first.to_ascii_uppercase())
        });
        let name = words.collect::<Vec<_>>().join("-");
        let all = match fields.get(&name).and_then(Value::as_str) {
            Some(before) => format!("{before}, {value}"),
            None => value.clone(),
        };
        fields.insert(name, json!(all));
    }
    Value::Object(fields)
}

/// A query or a form by name; what was sent twice as a list.
fn pairs(text: &str) -> Value {
    let mut fields: Map<String, Value> = Map::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (percent_decoded(name), json!(percent_decoded(value)));
        match fields.get_mut(&*name) {
            Some(Value::Array(all)) => all.push(value),
            Some(one) => *one = json!([one.take(), value]),
            None => {
                fields.insert(name.into_owned(), value);
            }
        }
    }
    Value::Object(fields)
}

pub(super) fn person(occurrence: &Occurrence) -> Value {
    let request = occurrence.request.as_ref();
    let Some(user) = request.and_then(|request| request.user.as_ref()) else {
        return Value::Null;
    };
    present([
        ("id", json!(person_id(user.id()))),
        ("username", json!(user.display_name())),
        ("email", json!(user.email_address())),
    ])
}

/// The id, or what keeps two long ones apart: at most [`MAX_PERSON`] characters.
pub(super) fn person_id(id: &str) -> String {
    if id.chars().nth(MAX_PERSON).is_none() {
        return id.to_owned();
    }
    let hash = Fnv::new().part(id).finish();
    let start: String = id.chars().take(MAX_PERSON - 17).collect();
    format!("{start}~{hash:016x}")
}

pub(super) fn server(origin: &Origin) -> Value {
    let platform = &origin.platform;
    let revision = platform.git_revision.as_ref();
    present([
        ("host", json!(origin.host.as_ref())),
        ("pid", json!(origin.pid)),
        ("cpu", json!(platform.architecture)),
        ("code_version", json!(revision.or(origin.release.as_ref()))),
        ("service", json!(origin.service)),
        ("os", json!(platform.os)),
        ("kernel", json!(platform.kernel)),
        ("container", json!(platform.container)),
        ("pod", json!(platform.pod)),
        ("namespace", json!(platform.namespace)),
        ("node", json!(platform.node)),
    ])
}

pub(super) fn client(occurrence: &Occurrence) -> Value {
    let (Kind::Browser, Some(request)) = (occurrence.kind, &occurrence.request) else {
        return Value::Null;
    };
    let release = occurrence.origin.release.as_ref();
    let javascript = present([
        ("browser", json!(request.user_agent)),
        ("code_version", json!(release)),
    ]);
    present([("javascript", javascript)])
}

/// What Rollbar has no field for.
pub(super) fn custom(alert: &Alert) -> Value {
    let occurrence = &*alert.occurrence;
    let request = occurrence.request.as_ref();
    let platform = &occurrence.origin.platform;
    let stacks = occurrence.exceptions.iter();
    let notes: Vec<_> = stacks
        .filter_map(|it| it.stack.as_ref()?.note.as_ref())
        .chain(&occurrence.missing)
        .collect();
    let long_id = request
        .and_then(|request| Some(request.user.as_ref()?.id()))
        .filter(|id| id.chars().nth(MAX_PERSON).is_some());
    let words = present([
        ("kind", json!(occurrence.kind)),
        ("thread", json!(occurrence.thread)),
        ("user_id", json!(long_id)),
        ("tags", json!(request.map(|request| &request.tags))),
        ("extra", json!(request.map(|request| &request.extra))),
        ("browser", json!(request.map(|request| &request.browser))),
        ("trace", json!(request.map(|request| &request.trace))),
        ("curl", json!(request.map(|request| &request.curl))),
        ("event", json!(occurrence.event)),
        ("spans", some(&occurrence.spans)),
        ("response", response(occurrence)),
        ("also", some(&alert.also)),
        ("missing", some(&notes)),
        (
            "build",
            present([
                ("rustc", json!(platform.rustc)),
                ("profile", json!(platform.profile)),
                ("opt_level", json!(platform.opt_level)),
                ("git_revision", json!(platform.git_revision)),
                ("crates", json!(platform.crates)),
            ]),
        ),
    ]);
    let mut custom = fields_of(guarded(alert, words));
    custom.extend(fields_of(numbers(alert)));
    Value::Object(custom)
}

/// What was counted and measured.
fn numbers(alert: &Alert) -> Value {
    let occurrence = &*alert.occurrence;
    let issue = &alert.issue;
    let elapsed = occurrence.elapsed;
    let earlier = occurrence.earlier_breadcrumbs;
    present([
        ("vitals", vitals(&occurrence.vitals)),
        (
            "elapsed_ms",
            json!(elapsed.map(|it| it.as_micros() as f64 / 1_000.0)),
        ),
        (
            "earlier_breadcrumbs",
            json!((earlier > 0).then_some(earlier)),
        ),
        ("held_back", json!(alert.held_back)),
        (
            "also_more",
            json!((alert.also_more > 0).then_some(alert.also_more)),
        ),
        (
            "lost",
            json!((alert.lost.total() > 0).then_some(&alert.lost)),
        ),
        (
            "issue",
            present([
                ("reason", json!(alert.reason.as_str())),
                ("first_seen", json!(issue.first_seen)),
                ("count", json!(issue.count)),
                ("users", json!(issue.users)),
                ("new_in_release", json!(alert.new_in_release)),
                ("url", json!(alert.issue_url())),
            ]),
        ),
    ])
}

/// Through text: as they are, 0.52 of 32 bits would become 0.5199999809265137.
fn vitals(vitals: &Vitals) -> Value {
    let text = serde_json::to_string(vitals).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn response(occurrence: &Occurrence) -> Value {
    let Some(response) = &occurrence.response else {
        return Value::Null;
    };
    present([
        ("status", json!(response.status)),
        ("grpc_status", json!(response.grpc_status)),
        ("headers", headers(&response.headers)),
        ("body", json!(response.body)),
    ])
}

fn some<T: serde::Serialize>(list: &[T]) -> Value {
    json!((!list.is_empty()).then_some(list))
}

const MAX_PERSON: usize = 40;

//! Request, user, and everything around them that Sentry shows in boxes of their own.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::event::{known, value};
use crate::issue::Alert;
use crate::occurrence::{Kind, Occurrence, RequestSnapshot};
use crate::time::Timestamp;

pub(super) fn request(occurrence: &Occurrence) -> Value {
    let Some(request) = &occurrence.request else {
        return Value::Null;
    };
    let host = request.host.as_deref().unwrap_or("localhost");
    known(json!({
        "method": request.method,
        "url": format!("{}://{host}{}", request.scheme(), request.path),
        "query_string": request.query,
        "headers": headers(&request.headers),
        "data": request.body.as_ref().map(|body| &body.text),
        "env": known(json!({ "REMOTE_ADDR": address(request), "SERVER_NAME": request.host })),
    }))
}

/// By name. Several of one name are one with commas, as in HTTP itself (RFC 9110, 5.2).
fn headers(pairs: &[(String, String)]) -> Map<String, Value> {
    let mut headers = Map::new();
    for (name, value) in pairs {
        match headers.get_mut(name) {
            Some(Value::String(all)) => {
                all.push_str(", ");
                all.push_str(value);
            }
            _ => {
                headers.insert(name.clone(), json!(value));
            }
        }
    }
    headers
}

/// The client's address; what the privacy mode has left of one is none.
fn address(request: &RequestSnapshot) -> Option<&str> {
    let address = request.client_address.as_deref();
    address.filter(|address| address.parse::<IpAddr>().is_ok())
}

pub(super) fn user(occurrence: &Occurrence) -> Value {
    let Some(request) = &occurrence.request else {
        return Value::Null;
    };
    let user = request.user.as_ref();
    known(json!({
        "id": user.map(|user| user.id()),
        "username": user.and_then(|user| user.display_name()),
        "email": user.and_then(|user| user.email_address()),
        "ip_address": address(request),
    }))
}

pub(super) fn of(alert: &Alert) -> Map<String, Value> {
    let occurrence = &*alert.occurrence;
    let in_browser = occurrence.kind == Kind::Browser;
    // The plain names are those of the place where it happened.
    let (server, client) = match in_browser {
        true => ("server_", ""),
        false => ("", "client_"),
    };
    let contexts = [
        (format!("{server}os"), os(occurrence)),
        (format!("{server}runtime"), runtime(occurrence)),
        (format!("{server}device"), device(occurrence)),
        (format!("{client}os"), client_os(occurrence)),
        (format!("{client}device"), client_device(occurrence)),
        ("app".to_owned(), app(occurrence)),
        ("browser".to_owned(), browser(occurrence)),
        ("trace".to_owned(), trace(occurrence)),
        ("response".to_owned(), response(occurrence)),
        ("http_request".to_owned(), http_request(occurrence)),
        ("vitals".to_owned(), vitals(occurrence)),
        ("kubernetes".to_owned(), kubernetes(occurrence)),
        ("issue".to_owned(), issue(alert)),
    ];
    let told = |context: &Value| context.as_object().is_some_and(|fields| !fields.is_empty());
    contexts
        .into_iter()
        .filter(|(_, context)| told(context))
        .collect()
}

/// `Debian GNU/Linux 12 (bookworm)`: the version begins with the first number.
fn os(occurrence: &Occurrence) -> Value {
    let platform = &occurrence.origin.platform;
    let whole = platform.os.as_deref().unwrap_or_default();
    let begins = whole
        .match_indices(' ')
        .map(|(at, _)| at)
        .find(|at| whole[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    let (name, version) = begins.map_or((whole, ""), |at| (&whole[..at], &whole[at + 1..]));
    known(json!({ "name": name, "version": version, "kernel_version": platform.kernel }))
}

fn runtime(occurrence: &Occurrence) -> Value {
    let version = occurrence.origin.platform.rustc.as_ref();
    version.map_or(
        Value::Null,
        |version| json!({ "name": "rustc", "version": version }),
    )
}

fn device(occurrence: &Occurrence) -> Value {
    let platform = &occurrence.origin.platform;
    let vitals = &occurrence.vitals;
    let limit = vitals.memory_limit.or(platform.memory_limit);
    let free = limit
        .zip(vitals.memory_used)
        .map(|(limit, used)| limit.saturating_sub(used));
    known(json!({
        "arch": platform.architecture,
        "processor_count": platform.cpus,
        "memory_size": limit,
        "free_memory": free,
    }))
}

fn client_os(occurrence: &Occurrence) -> Value {
    let browser = occurrence
        .request
        .as_ref()
        .and_then(|request| request.browser.as_ref());
    browser.map_or(Value::Null, |browser| value(&browser.os))
}

fn client_device(occurrence: &Occurrence) -> Value {
    let browser = occurrence
        .request
        .as_ref()
        .and_then(|request| request.browser.as_ref());
    browser.map_or(Value::Null, |browser| {
        known(json!({
            "model": browser.model, "device_type": browser.device.to_string(), "arch": browser.architecture,
        }))
    })
}

fn browser(occurrence: &Occurrence) -> Value {
    let browser = occurrence
        .request
        .as_ref()
        .and_then(|request| request.browser.as_ref());
    browser.map_or(Value::Null, |browser| value(&browser.browser))
}

fn app(occurrence: &Occurrence) -> Value {
    let origin = &*occurrence.origin;
    let uptime = i64::try_from(occurrence.vitals.uptime.as_micros()).unwrap_or(i64::MAX);
    let started = occurrence.time.unix_micros().saturating_sub(uptime);
    known(json!({
        "app_name": origin.service,
        "app_version": origin.release,
        "app_build": origin.platform.git_revision,
        "build_type": origin.platform.profile,
        "app_start_time": (uptime > 0).then(|| Timestamp::from_unix_micros(started)),
        "app_memory": occurrence.vitals.resident_memory,
    }))
}

/// The server's part of the caller's trace; its span has the occurrence's own digits for an id.
fn trace(occurrence: &Occurrence) -> Value {
    let request = occurrence.request.as_ref();
    let Some(trace) = request.and_then(|request| request.trace.as_ref()) else {
        return Value::Null;
    };
    let id = occurrence.id.simple().to_string();
    json!({
        "trace_id": trace.trace_id(),
        "span_id": id[id.len() - 16..],
        "parent_span_id": trace.parent_id(),
        "op": "http.server",
    })
}

fn response(occurrence: &Occurrence) -> Value {
    let Some(response) = &occurrence.response else {
        return Value::Null;
    };
    known(json!({
        "status_code": response.status, "headers": headers(&response.headers), "data": response.body,
    }))
}

/// What Sentry's own request has no fields for.
fn http_request(occurrence: &Occurrence) -> Value {
    let Some(request) = &occurrence.request else {
        return Value::Null;
    };
    let cut = request.body.as_ref().filter(|body| !body.is_whole);
    let grpc_status = occurrence
        .response
        .as_ref()
        .map(|response| &response.grpc_status);
    known(json!({
        "id": request.id,
        "started_at": request.started_at,
        "elapsed_ms": occurrence.elapsed.map(|elapsed| elapsed.as_micros() as f64 / 1_000.0),
        "version": request.version,
        "route": request.route,
        "route_parameters": request.route_parameters,
        "client_network": request.client_address.as_ref().filter(|_| address(request).is_none()),
        "peer_address": request.peer_address,
        "cookie_names": request.cookie_names.join(", "),
        "content_length": request.content_length,
        "body_bytes_read": cut.map(|body| body.bytes_read),
        "headers_left_out": Some(request.headers_left_out).filter(|count| *count > 0),
        "refused_values": Some(request.refused_values).filter(|count| *count > 0),
        "grpc_status": grpc_status,
    }))
}

fn vitals(occurrence: &Occurrence) -> Value {
    let mut vitals = value(&occurrence.vitals);
    vitals["pid"] = json!(occurrence.origin.pid);
    vitals["thread"] = json!(occurrence.thread);
    // As decimal numbers: 0.52 in single precision is 0.5199999809 in JSON's.
    let rounded = |load: f32| (f64::from(load) * 100.0).round() / 100.0;
    vitals["load"] = json!(occurrence.vitals.load.map(|load| load.map(rounded)));
    known(vitals)
}

fn kubernetes(occurrence: &Occurrence) -> Value {
    let platform = &occurrence.origin.platform;
    known(json!({
        "pod": platform.pod,
        "namespace": platform.namespace,
        "node": platform.node,
        "container": platform.container,
    }))
}

/// What this crate knows of all the occurrences.
fn issue(alert: &Alert) -> Value {
    let issue = &alert.issue;
    known(json!({
        "fingerprint": issue.fingerprint,
        "title": issue.title,
        "culprit": issue.culprit,
        "count": issue.count,
        "users": issue.users,
        "first_seen": issue.first_seen,
        "new_in_release": alert.new_in_release,
        "held_back": Some(alert.held_back).filter(|count| *count > 0),
        "lost": alert.lost,
        "page": alert.issue_url(),
    }))
}

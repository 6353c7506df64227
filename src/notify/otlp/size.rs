//! A request with one record, and less and less of it until it fits.

use serde_json::{Map, Value, json};

use super::record::Record;
use super::resource::resource;
use super::value::attributes;
use crate::issue::Alert;
use crate::notify::Message;
use crate::notify::shrink::Size;
use crate::text::{cut, shortened};

/// The most bytes that a request has: what every receiver takes, as far as they document it.
pub const MAX_REQUEST: usize = 1024 * 1024;

/// The request's body, at most [`MAX_REQUEST`] bytes.
pub(super) fn payload(alert: &Alert, added: &[(String, String)], size: Size) -> Vec<u8> {
    let mut request = Request {
        resource: resource(alert, added),
        record: Record::of(alert),
    };
    match size {
        Size::Whole => {
            for bytes in [64 * 1024, 16 * 1024, 4 * 1024, 1024, 256] {
                let body = request.bytes();
                if body.len() <= MAX_REQUEST {
                    return body;
                }
                request.shorten(bytes);
            }
            let body = request.bytes();
            if body.len() <= MAX_REQUEST {
                return body;
            }
            request.keep(&LEAST);
        }
        Size::Small => {
            request.shorten(1024);
            request.keep(&LEAST);
        }
        Size::Failsafe => {
            let message = Message::of(alert);
            request.record.body = format!(
                "{} ({})",
                shortened(&message.headline, 200),
                cut(&message.reference, 64)
            );
            request.shorten(256);
            request.keep(&FAILSAFE);
        }
    }
    request.bytes()
}

struct Request {
    resource: Map<String, Value>,
    record: Record,
}

impl Request {
    fn bytes(&self) -> Vec<u8> {
        let Record {
            fields,
            body,
            attributes: own,
        } = &self.record;
        let mut record = fields.clone();
        record.insert("body".to_owned(), json!({ "stringValue": body }));
        record.insert("attributes".to_owned(), attributes(own).into());
        let scope = json!({ "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") });
        let request = json!({ "resourceLogs": [{
            "resource": { "attributes": attributes(&self.resource) },
            "scopeLogs": [{ "scope": scope, "logRecords": [record] }],
        }] });
        // Maps with text for keys always become JSON.
        serde_json::to_vec(&request).unwrap_or_default()
    }

    /// Cuts every text at so many bytes.
    fn shorten(&mut self, max: usize) {
        let body = &mut self.record.body;
        *body = shortened(body, max);
        let attributes = self.record.attributes.values_mut();
        let mut open: Vec<_> = attributes.chain(self.resource.values_mut()).collect();
        while let Some(value) = open.pop() {
            match value {
                Value::String(text) if text.len() > max => *text = shortened(text, max),
                Value::Array(items) => open.extend(items),
                Value::Object(fields) => open.extend(fields.values_mut()),
                _ => {}
            }
        }
    }

    /// Keeps only these attributes, and of the resource what says which service it is.
    fn keep(&mut self, names: &[&str]) {
        let attributes = &mut self.record.attributes;
        attributes.retain(|name, _| names.contains(&name.as_str()));
        self.resource
            .retain(|name, _| SERVICE.contains(&name.as_str()));
    }
}

const LEAST: [&str; 24] = [
    "client.address",
    "code.file.path",
    "code.function.name",
    "code.line.number",
    "error.type",
    "exception.message",
    "exception.stacktrace",
    "exception.type",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "log.record.uid",
    "thread.name",
    "tower_monitor.count",
    "tower_monitor.culprit",
    "tower_monitor.fingerprint",
    "tower_monitor.held_back",
    "tower_monitor.kind",
    "tower_monitor.request.id",
    "tower_monitor.severity",
    "tower_monitor.title",
    "tower_monitor.url",
    "url.path",
    "user.id",
];
const FAILSAFE: [&str; 3] = [
    "exception.type",
    "log.record.uid",
    "tower_monitor.fingerprint",
];
const SERVICE: [&str; 5] = [
    "deployment.environment.name",
    "host.name",
    "process.pid",
    "service.name",
    "service.version",
];

//! A record as one line of JSON.

use super::clean::{Cleaner, Kind};
use super::escape::{address, json as escape, number, seconds};
use super::event::{abandoned_at, host_and_port, method_names, protocol_version};
use crate::observation::Observation;

pub(super) fn write(out: &mut Vec<u8>, observation: &Observation, cleaner: &mut Cleaner) {
    let request = &observation.request;
    let texts = request.texts();
    let ended = request.started_at().after(observation.duration);
    out.reserve(1024);
    out.extend_from_slice(b"{\"timestamp\":\"");
    out.extend_from_slice(&cleaner.rfc3339(ended));
    // An id consists of letters, digits and `._-`.
    out.extend_from_slice(b"\",\"request.id\":\"");
    out.extend_from_slice(request.id().as_str().as_bytes());
    out.extend_from_slice(b"\",\"outcome\":\"");
    out.extend_from_slice(observation.outcome.as_str().as_bytes());
    out.push(b'"');
    if let Some(at) = abandoned_at(observation) {
        plain(out, b",\"abandoned.at\":\"", at);
    }
    let (method, original) = method_names(request.method());
    plain(out, b",\"http.request.method\":\"", method);
    if let Some(original) = original {
        cleaned(
            out,
            b",\"http.request.method_original\":\"",
            cleaner,
            Kind::Text,
            original,
        );
    }
    cleaned(out, b",\"url.path\":\"", cleaner, Kind::Url, texts.path);
    if let Some(query) = texts.query {
        cleaned(out, b",\"url.query\":\"", cleaner, Kind::Query, query);
    }
    {
        let state = request.state();
        if let Some(route) = &state.route {
            text(out, b",\"http.route\":\"", route.as_str());
        }
        if let Some(user) = &state.user {
            text(out, b",\"user.id\":\"", user.id());
        }
    }
    if let Some(status) = observation.status {
        out.extend_from_slice(b",\"http.response.status_code\":");
        out.extend_from_slice(status.as_str().as_bytes());
    }
    if let Some(code) = observation.grpc_status {
        out.extend_from_slice(b",\"rpc.grpc.status_code\":");
        number(out, u64::from((code as i32).unsigned_abs()));
    }
    out.extend_from_slice(b",\"http.server.request.duration\":");
    seconds(out, observation.duration);
    if let Some(time) = observation.time_to_head {
        out.extend_from_slice(b",\"http.server.response.head_duration\":");
        seconds(out, time);
    }
    if let Some(length) = request.content_length() {
        out.extend_from_slice(b",\"http.request.body.size\":");
        number(out, length);
    }
    out.extend_from_slice(b",\"http.response.body.size\":");
    number(out, observation.bytes_sent);
    let mut written = None;
    if let Some(client) = request.client_address() {
        out.extend_from_slice(b",\"client.address\":\"");
        let start = out.len();
        address(out, client);
        written = Some((client, start..out.len()));
        out.push(b'"');
    }
    if let Some(peer) = request.peer_address() {
        out.extend_from_slice(b",\"network.peer.address\":\"");
        match written {
            Some((client, range)) if client == peer.ip() => out.extend_from_within(range),
            _ => address(out, peer.ip()),
        }
        out.extend_from_slice(b"\",\"network.peer.port\":");
        number(out, u64::from(peer.port()));
    }
    if let Some((host, port)) = texts.host.and_then(host_and_port) {
        cleaned(out, b",\"server.address\":\"", cleaner, Kind::Text, host);
        if let Some(port) = port {
            out.extend_from_slice(b",\"server.port\":");
            number(out, u64::from(port));
        }
    }
    if let Some(version) = protocol_version(request.version()) {
        plain(out, b",\"network.protocol.version\":\"", version);
    }
    if let Some(agent) = texts.user_agent {
        cleaned(
            out,
            b",\"user_agent.original\":\"",
            cleaner,
            Kind::Text,
            agent,
        );
    }
    if let Some(referer) = texts.referer {
        cleaned(
            out,
            b",\"http.request.header.referer\":\"",
            cleaner,
            Kind::Url,
            referer,
        );
    }
    if let Some(trace) = request.trace() {
        plain(out, b",\"trace_id\":\"", trace.trace_id());
    }
    out.extend_from_slice(b"}\n");
}

fn text(out: &mut Vec<u8>, name: &[u8], value: &str) {
    out.extend_from_slice(name);
    escape(out, value);
    out.push(b'"');
}

fn cleaned(out: &mut Vec<u8>, name: &[u8], cleaner: &mut Cleaner, kind: Kind, value: &str) {
    out.extend_from_slice(name);
    cleaner.write(out, kind, value, escape);
    out.push(b'"');
}

/// A value that can hold nothing to escape.
fn plain(out: &mut Vec<u8>, name: &[u8], value: &str) {
    out.extend_from_slice(name);
    out.extend_from_slice(value.as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::sample::{self, Hostile};
    use crate::observation::Outcome;
    use crate::redact::Redactor;
    use crate::text::is_forging;
    use proptest::prelude::*;
    use serde_json::Value;
    use std::time::Duration;

    fn line(observation: &Observation) -> String {
        sample::line(write, observation)
    }

    /// The line with what is different each time replaced.
    fn golden(observation: &Observation) -> String {
        let ended = observation.request.started_at().after(observation.duration);
        line(observation)
            .replace(observation.request.id().as_str(), "ID")
            .replace(&ended.to_string(), "TIME")
    }

    #[test]
    fn a_full_record() {
        let mut observation = sample::full();
        assert_eq!(
            golden(&observation),
            concat!(
                r#"{"timestamp":"TIME","request.id":"ID","outcome":"answered","http.request.method":"POST","#,
                r#""url.path":"/buy/42","url.query":"page=2&token=[redacted]","http.route":"/buy/{item}","#,
                r#""user.id":"u 7","http.response.status_code":200,"rpc.grpc.status_code":5,"#,
                r#""http.server.request.duration":1.002003,"http.server.response.head_duration":0.000040,"#,
                r#""http.request.body.size":17,"http.response.body.size":2326,"client.address":"203.0.113.9","#,
                r#""network.peer.address":"203.0.113.9","network.peer.port":4711,"#,
                r#""server.address":"shop.example","server.port":8443,"network.protocol.version":"1.1","#,
                r#""user_agent.original":"Mozilla/5.0 \"x\"","#,
                r#""http.request.header.referer":"https://a.example/?password=[redacted]","#,
                r#""trace_id":"0af7651916cd43dd8448eb211c80319c"}"#,
                "\n"
            )
        );
        observation.outcome = Outcome::Abandoned;
        assert!(line(&observation).contains(r#""outcome":"abandoned","abandoned.at":"body","#));
    }

    #[test]
    fn a_bare_record() {
        let mut observation = sample::bare("BREW", "/");
        observation.outcome = Outcome::Abandoned;
        observation.status = None;
        observation.duration = Duration::from_micros(7);
        assert_eq!(
            golden(&observation),
            concat!(
                r#"{"timestamp":"TIME","request.id":"ID","outcome":"abandoned","abandoned.at":"head","#,
                r#""http.request.method":"_OTHER","http.request.method_original":"BREW","url.path":"/","#,
                r#""http.server.request.duration":0.000007,"http.response.body.size":0,"#,
                r#""network.protocol.version":"1.1"}"#,
                "\n"
            )
        );
    }

    proptest! {
        #[test]
        fn hostile_text_stays_within_its_field(hostile in Hostile::any()) {
            let observation = hostile.observation();
            let line = line(&observation);
            let object = line.strip_suffix('\n').unwrap();
            prop_assert!(!object.contains(is_forging), "{object:?}");
            let value: Value = serde_json::from_str(object).unwrap();
            let redactor = Redactor::default();
            let request = &observation.request;
            let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
            prop_assert_eq!(field("user.id"), Some(hostile.user.clone()));
            prop_assert_eq!(field("http.route"), Some(hostile.route.clone()));
            let agent = request.user_agent().map(|agent| redactor.text(agent).into_owned());
            prop_assert_eq!(field("user_agent.original"), agent);
            let referer = request.referer().map(|url| redactor.url(url).into_owned());
            prop_assert_eq!(field("http.request.header.referer"), referer);
            prop_assert_eq!(field("url.path"), Some(redactor.url(request.path()).into_owned()));
            prop_assert_eq!(field("url.query"), request.query().map(|query| redactor.query(query).into_owned()));
        }
    }
}

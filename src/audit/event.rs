//! A record as a `tracing` event, and the words that it shares with the JSON line.

use std::net::IpAddr;

use http::{Method, Version};

use crate::observation::{Observation, Outcome};
use crate::redact::Redactor;
use crate::request::{OTHER_METHOD, known_method};
use crate::text::one_line;

/// Makes the event when a subscriber wants it.
pub(super) fn emit(observation: &Observation, redactor: &Redactor) {
    if tracing::enabled!(target: TARGET, tracing::Level::INFO) {
        emit_wanted(observation, redactor);
    }
}

#[inline(never)]
fn emit_wanted(observation: &Observation, redactor: &Redactor) {
    let request = &observation.request;
    let text = |text: &str| one_line(&redactor.text(text)).into_owned();
    let (method, original) = method_names(request.method());
    let original = original.map(text);
    let path = one_line(&redactor.url(request.path())).into_owned();
    let query = request
        .query()
        .map(|query| one_line(&redactor.query(query)).into_owned());
    let referer = request
        .referer()
        .map(|url| one_line(&redactor.url(url)).into_owned());
    let agent = request.user_agent().map(text);
    let (host, port) = match request.host().and_then(host_and_port) {
        Some((host, port)) => (Some(text(host)), port),
        None => (None, None),
    };
    // Copies: a subscriber runs while they are read, and may ask for the request's state itself.
    let route = request.route().map(|route| one_line(&route).into_owned());
    let user = request.user().map(|user| one_line(user.id()).into_owned());
    let address = |address: IpAddr| address.to_canonical().to_string();
    let client = request.client_address().map(address);
    let peer = request.peer_address().map(|peer| address(peer.ip()));
    let trace = request.trace();
    tracing::event!(
        target: TARGET,
        tracing::Level::INFO,
        request.id = request.id().as_str(),
        outcome = observation.outcome.as_str(),
        abandoned.at = abandoned_at(observation),
        http.request.method = method,
        http.request.method_original = original.as_deref(),
        url.path = path.as_str(),
        url.query = query.as_deref(),
        http.route = route.as_deref(),
        user.id = user.as_deref(),
        http.response.status_code = observation.status.map(|status| status.as_u16()),
        rpc.grpc.status_code = observation.grpc_status.map(|code| code as i32),
        http.server.request.duration = observation.duration.as_secs_f64(),
        http.server.response.head_duration = observation.time_to_head.map(|time| time.as_secs_f64()),
        http.request.body.size = request.content_length(),
        http.response.body.size = observation.bytes_sent,
        client.address = client.as_deref(),
        network.peer.address = peer.as_deref(),
        network.peer.port = request.peer_address().map(|peer| peer.port()),
        server.address = host.as_deref(),
        server.port = port,
        network.protocol.version = protocol_version(request.version()),
        user_agent.original = agent.as_deref(),
        http.request.header.referer = referer.as_deref(),
        trace_id = trace.as_ref().map(|trace| trace.trace_id()),
    );
}

/// The method as OpenTelemetry wants it, and the original when it is none of the known ones.
pub(super) fn method_names(method: &Method) -> (&'static str, Option<&str>) {
    match known_method(method) {
        Some(known) => (known, None),
        // A method that was too long to be kept is `_OTHER` already.
        None => (
            OTHER_METHOD,
            Some(method.as_str()).filter(|name| *name != OTHER_METHOD),
        ),
    }
}

/// What the client did not wait for, when it left.
pub(super) fn abandoned_at(observation: &Observation) -> Option<&'static str> {
    match (observation.outcome, observation.time_to_head) {
        (Outcome::Abandoned, None) => Some("head"),
        (Outcome::Abandoned, Some(_)) => Some("body"),
        _ => None,
    }
}

/// `2` for HTTP/2, `1.1` for HTTP/1.1.
pub(super) fn protocol_version(version: Version) -> Option<&'static str> {
    Some(match version {
        Version::HTTP_11 => "1.1",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        Version::HTTP_10 => "1.0",
        Version::HTTP_09 => "0.9",
        _ => return None,
    })
}

/// The host without brackets, user or password, and the port.
///
/// `None` for one that was too long to be kept whole: what is left of it may be a password whose `@` was cut off.
pub(super) fn host_and_port(host: &str) -> Option<(&str, Option<u16>)> {
    if host.len() >= 250 || host.is_empty() {
        return None;
    }
    // No early exit: so the compiler looks at many bytes at once.
    let special = |any, byte| any | matches!(byte, b'@' | b':' | b'[');
    if !host.bytes().fold(false, special) {
        return Some((host, None));
    }
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let (host, port) = match host.rsplit_once(':') {
        // The last colon of an IPv6 address without port is within the brackets.
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
        _ => (host, None),
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host = bare.unwrap_or(host);
    (!host.is_empty()).then_some((host, port))
}

const TARGET: &str = "tower_monitor::audit";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::sample;
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::fmt::MakeWriter;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Lines {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn an_event_has_the_fields_and_the_current_span() {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .with_writer(lines.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let _entered = tracing::info_span!("outer").entered();
            emit(&sample::full(), &Redactor::default());
            emit(&sample::bare("GET", "/x"), &Redactor::default());
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let (first, second) = text.trim_end().split_once('\n').unwrap();
        for part in [
            "INFO outer: tower_monitor::audit: request.id=",
            r#"outcome="answered" http.request.method="POST" url.path="/buy/42""#,
            r#"url.query="page=2&token=[redacted]" http.route="/buy/{item}" user.id="u 7""#,
            "http.response.status_code=200 rpc.grpc.status_code=5 http.server.request.duration=1.002003",
            r#"client.address="203.0.113.9""#,
            r#"server.address="shop.example" server.port=8443 network.protocol.version="1.1""#,
            r#"trace_id="0af7651916cd43dd8448eb211c80319c""#,
        ] {
            assert!(first.contains(part), "{part} in {first}");
        }
        assert!(second.contains(r#"url.path="/x""#) && !second.contains("user.id"));
    }

    #[test]
    fn host_and_port_are_told_apart() {
        for (host, expected) in [
            ("a.example", Some(("a.example", None))),
            ("a.example:80", Some(("a.example", Some(80)))),
            ("[::1]:80", Some(("::1", Some(80)))),
            ("[::1]", Some(("::1", None))),
            ("u:hunter2@a.example:80", Some(("a.example", Some(80)))),
            ("a.example:x", Some(("a.example", None))),
            ("", None),
            (":80", None),
        ] {
            assert_eq!(host_and_port(host), expected, "of {host:?}");
        }
        assert_eq!(host_and_port(&"x".repeat(255)), None);
    }
}

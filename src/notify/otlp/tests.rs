//! Which settings are refused, and that a request is OTLP within the bounds whatever is in it.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::size::{MAX_REQUEST, payload};
use super::*;
use crate::notify::shrink::Size;

fn alert_of(json: Value) -> Alert {
    serde_json::from_value(json).unwrap()
}

fn panic() -> Value {
    serde_json::from_str(include_str!("../../../tests/alerts/panic.json")).unwrap()
}

fn record(alert: &Alert, size: Size) -> Value {
    let request: Value = serde_json::from_slice(&payload(alert, &[], size)).unwrap();
    request["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0].clone()
}

fn attributes(record: &Value) -> Map<String, Value> {
    let all = record["attributes"].as_array().unwrap().iter();
    all.map(|it| (it["key"].as_str().unwrap().to_owned(), it["value"].clone()))
        .collect()
}

#[test]
fn wrong_settings_are_found_by_the_check_and_not_shown() {
    let right = || Otlp::endpoint("http://localhost:4318");
    for (otlp, problem) in [
        (Otlp::endpoint(""), "the endpoint of OTLP"),
        (
            Otlp::endpoint("localhost:4318/s3cr3t"),
            "the endpoint of OTLP",
        ),
        (
            Otlp::endpoint("https://example.com?key=s3cr3t"),
            "has a query",
        ),
        (
            Otlp::logs_endpoint("https://u:s3cr3t@example.com"),
            "holds a user",
        ),
        (right().name(" "), "the name of the OTLP notifier"),
        (right().name("n".repeat(65)), "longer than 64 bytes"),
        (right().header("a b", "s3cr3t"), "the name of header 1"),
        (
            right().header("Content-Type", "s3cr3t"),
            "sets the header `content-type`",
        ),
        (right().header("host", "s3cr3t"), "sets the header `host`"),
        (
            right().header("Api-Key", "s3cr3t\r\nX: y"),
            "the value of header 1",
        ),
        (right().resource_attribute(" ", "a"), "has no name"),
    ] {
        let error = otlp.check().unwrap_err();
        assert!(error.contains(problem), "{error}");
        let remedy = ["looks like `", "such as `", "a right one is"];
        assert!(remedy.iter().any(|words| error.contains(words)), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
        assert!(!format!("{otlp:?}").contains("s3cr3t"));
    }
    for url in ["http://localhost:4318", "https://example.com/otlp/"] {
        assert_eq!(Otlp::endpoint(url).check(), Ok(()), "{url}");
    }
    let shown = format!(
        "{:?}",
        Otlp::logs_endpoint("https://example.com/s3cr3t?s3cr3t=1")
    );
    assert!(shown.contains("https://example.com") && !shown.contains("s3cr3t"));
}

fn from(pairs: &'static [(&str, &str)]) -> Option<Otlp> {
    Otlp::from(move |name| {
        let pair = pairs.iter().find(|(known, _)| *known == name);
        pair.map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn the_environment_is_read_as_opentelemetry_says() {
    assert!(from(&[]).is_none());
    assert!(from(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]).is_none());
    assert!(from(&[("OTEL_SERVICE_NAME", "shop")]).is_none());
    const GENERAL: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:4318");
    for (name, value) in [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_LOGS_EXPORTER", "none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ] {
        let pairs = Vec::leak(vec![GENERAL, (name, value)]);
        assert!(from(pairs).is_none(), "{name}");
    }

    for (pairs, url) in [
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:4318")][..],
            "http://a:4318/v1/logs",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a/b/")][..],
            "http://a/b/v1/logs",
        ),
        (
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:4318"),
                ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://b/c/"),
            ][..],
            "http://b/c/",
        ),
    ] {
        let otlp = from(pairs).unwrap();
        assert_eq!(otlp.settings.url.expose(), url);
        assert_eq!(otlp.check(), Ok(()));
    }

    let otlp = from(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-general=1"),
        (
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
            "authorization=Basic%20dTpw+K==, x-team=a%2Cb",
        ),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_SERVICE_NAME", "shop"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,team=a%20b"),
    ]);
    let otlp = otlp.unwrap();
    let headers = &otlp.settings.ready().unwrap().headers;
    assert_eq!(headers["authorization"], "Basic dTpw+K==");
    assert!(headers["authorization"].is_sensitive());
    assert_eq!(headers["x-team"], "a,b");
    assert!(!headers.contains_key("x-general"));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let resource = [
        pair("service.name", "shop"),
        pair("service.name", "other"),
        pair("team", "a b"),
    ];
    assert_eq!(otlp.settings.resource, resource);
}

#[test]
fn what_is_wrong_in_the_environment_is_found_by_the_check() {
    const URL: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:4318");
    for (pairs, problem) in [
        (
            &[URL, ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc")][..],
            "sent by grpc",
        ),
        (
            &[URL, ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "s3cr3t")][..],
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS has",
        ),
        (
            &[URL, ("OTEL_RESOURCE_ATTRIBUTES", "a=b,s3cr3t")][..],
            "OTEL_RESOURCE_ATTRIBUTES has",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "s3cr3t")][..],
            "the endpoint of OTLP",
        ),
    ] {
        let error = from(pairs).unwrap().check().unwrap_err();
        assert!(
            error.contains(problem) && !error.contains("s3cr3t"),
            "{error}"
        );
    }
}

#[test]
fn what_the_monitor_knows_of_the_resource_stays() {
    let mut alert = panic();
    let added = [
        ("service.name", "added"),
        ("service.namespace", "shops"),
        ("team", "a"),
        ("team", "b"),
        ("process.pid", "added"),
    ];
    let added = added.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let resource = |alert: &Value| {
        let request = payload(&alert_of(alert.clone()), &added, Size::Whole);
        let request: Value = serde_json::from_slice(&request).unwrap();
        attributes(&request["resourceLogs"][0]["resource"])
    };
    let known = resource(&alert);
    assert_eq!(known["service.name"], json!({ "stringValue": "shop" }));
    assert_eq!(
        known["service.namespace"],
        json!({ "stringValue": "shops" })
    );
    assert_eq!(known["team"], json!({ "stringValue": "a" }));
    assert_eq!(known["process.pid"], json!({ "intValue": "4711" }));
    alert["occurrence"]["origin"]["service"] = Value::Null;
    assert_eq!(
        resource(&alert)["service.name"],
        json!({ "stringValue": "added" })
    );
    let request = payload(&alert_of(alert), &[], Size::Whole);
    assert!(
        String::from_utf8(request)
            .unwrap()
            .contains("unknown_service")
    );
}

#[test]
fn a_secret_that_got_in_behind_redaction_is_stopped_at_the_door() {
    let mut alert = panic();
    let occurrence = &mut alert["occurrence"];
    occurrence["exceptions"][0]["message"] = json!("cannot log in with password=hunter2");
    occurrence["request"]["extra"]["apiKey"] = json!("hunter2");
    occurrence["request"]["query"] = json!("password=hunter2");
    occurrence["request"]["headers"][0] = json!(["authorization", "Basic hunter2"]);
    occurrence["breadcrumbs"][0]["message"] = json!("password=hunter2");
    let variables = &mut occurrence["exceptions"][0]["stack"]["frames"][0]["variables"];
    let secret = json!({ "text": { "text": "hunter2", "length": 7 } });
    variables[1] = json!({ "name": "password", "value": secret });
    let alert = alert_of(alert);
    for size in Size::ALL {
        let record = record(&alert, size).to_string();
        assert!(!record.contains("hunter2"), "{size:?}: {record}");
    }
}

#[test]
fn an_event_is_named_after_what_failed() {
    let named = |kind: &str, has_request: bool, has_exception: bool| {
        let mut alert = panic();
        alert["occurrence"]["kind"] = json!(kind);
        if !has_request {
            alert["occurrence"]["request"] = Value::Null;
        }
        if !has_exception {
            alert["occurrence"]["exceptions"] = json!([]);
        }
        let record = record(&alert_of(alert), Size::Whole);
        let has_type = attributes(&record).contains_key("exception.type");
        (record["eventName"].as_str().unwrap().to_owned(), has_type)
    };
    let in_request = "http.server.request.exception".to_owned();
    assert_eq!(named("panic", true, true), (in_request.clone(), true));
    assert_eq!(named("server_error", true, true), (in_request, true));
    assert_eq!(named("panic", false, true), ("exception".to_owned(), true));
    assert_eq!(
        named("captured", true, true),
        ("exception".to_owned(), true)
    );
    let answered = named("server_error", true, false);
    assert_eq!(answered, ("tower_monitor.server_error".to_owned(), false));
    let said = named("message", true, true);
    assert_eq!(said, ("tower_monitor.message".to_owned(), false));
}

#[test]
fn an_answer_that_failed_without_an_error_has_its_status_for_a_type() {
    let mut alert = panic();
    let occurrence = &mut alert["occurrence"];
    occurrence["kind"] = json!("server_error");
    occurrence["exceptions"] = json!([]);
    occurrence["request"]["method"] = json!("BREW");
    occurrence["request"]["version"] = json!("HTTP/2.0");
    let all = attributes(&record(&alert_of(alert), Size::Whole));
    assert_eq!(all["error.type"], json!({ "stringValue": "500" }));
    assert_eq!(
        all["http.response.status_code"],
        json!({ "intValue": "500" })
    );
    assert_eq!(
        all["http.request.method"],
        json!({ "stringValue": "_OTHER" })
    );
    assert_eq!(
        all["http.request.method_original"],
        json!({ "stringValue": "BREW" })
    );
    assert_eq!(
        all["network.protocol.version"],
        json!({ "stringValue": "2" })
    );
}

/// Puts `text` wherever an occurrence holds what a client or an app chose.
fn hostile(text: &str, long: usize) -> Alert {
    let mut alert = panic();
    let long = text.repeat(long);
    let occurrence = &mut alert["occurrence"];
    for place in [
        "/exceptions/0/message",
        "/exceptions/0/type",
        "/exceptions/0/location/file",
        "/exceptions/0/stack/frames/0/function",
        "/exceptions/0/stack/frames/0/variables/0/name",
        "/exceptions/0/stack/frames/0/variables/1/value/scalar",
        "/thread",
        "/breadcrumbs/0/message",
        "/request/method",
        "/request/path",
        "/request/query",
        "/request/host",
        "/request/version",
        "/request/peer_address",
        "/request/user/id",
        "/request/headers/0/0",
        "/request/headers/0/1",
        "/request/body/text",
        "/origin/service",
        "/origin/release",
        "/origin/environment",
        "/origin/platform/architecture",
    ] {
        *occurrence.pointer_mut(place).unwrap() = json!(long);
    }
    occurrence["request"]["extra"][text] = json!({ text: [text, long, null, 0.5, u64::MAX] });
    occurrence["request"]["tags"][text] = json!(long);
    alert_of(alert)
}

/// Every value is one of OTLP's, and no key comes twice.
fn is_otlp(list: &Value) {
    let all = list.as_array().unwrap();
    let mut keys: Vec<_> = all.iter().map(|it| it["key"].as_str().unwrap()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), all.len());
    all.iter().for_each(|it| is_value(&it["value"]));
}

fn is_value(value: &Value) {
    let fields = value.as_object().unwrap();
    assert!(fields.len() <= 1, "{value}");
    for (kind, value) in fields {
        match kind.as_str() {
            "stringValue" => assert!(value.is_string()),
            "boolValue" => assert!(value.is_boolean()),
            "doubleValue" => assert!(value.is_f64()),
            "intValue" => assert!(value.as_str().unwrap().parse::<i64>().is_ok()),
            "arrayValue" => value["values"]
                .as_array()
                .unwrap()
                .iter()
                .for_each(is_value),
            "kvlistValue" => is_otlp(&value["values"]),
            kind => panic!("{kind}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_request_is_otlp_within_the_bounds_whatever_is_in_it(
        text in prop_oneof!["\\PC{0,30}", any::<String>(), "password=[a-z0-9]{1,9} "],
        long in 1usize..200,
    ) {
        let alert = hostile(&text, long);
        let added = [(text.clone(), text.clone())];
        for size in Size::ALL {
            let bytes = payload(&alert, &added, size);
            prop_assert!(bytes.len() <= MAX_REQUEST, "{size:?}: {}", bytes.len());
            let request: Value = serde_json::from_slice(&bytes).unwrap();
            let logs = &request["resourceLogs"][0];
            is_otlp(&logs["resource"]["attributes"]);
            let record = &logs["scopeLogs"][0]["logRecords"][0];
            is_otlp(&record["attributes"]);
            is_value(&record["body"]);
            let time = record["timeUnixNano"].as_str().unwrap();
            prop_assert_eq!(time, "1795340339012345000");
        }
    }
}

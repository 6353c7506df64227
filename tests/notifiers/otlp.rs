//! OTLP: what is sent, to the field; what answers mean; and that a collector understands all of it.

use std::time::{Duration, Instant};

use serde_json::Value;
use tower_monitor::notify::otlp::MAX_REQUEST;
use tower_monitor::notify::{Otlp, Takes};
use tower_monitor::{Alert, Notifier, NotifyError};

use crate::support::LONG;
use crate::support::alerts::{ALL, alert};
use crate::support::golden::golden;
use crate::support::judges::Rotel;
use crate::support::vendor::{Answer, Received, Vendor};

const KEY: &str = "0b6d3f1a9c4e";

fn otlp(vendor: &Vendor) -> Otlp {
    let otlp = Otlp::endpoint(vendor.url("")).header("Api-Key", KEY);
    otlp.check().unwrap();
    otlp
}

async fn sent(alert: &Alert) -> Received {
    let vendor = Vendor::saying(Answer::say(200, "{}")).await;
    otlp(&vendor).notify(alert).await.unwrap();
    vendor.only()
}

async fn answered(answer: Answer) -> Result<(), NotifyError> {
    let vendor = Vendor::saying(answer).await;
    otlp(&vendor).notify(&alert("panic")).await
}

fn record(request: &Value) -> &Value {
    &request["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
}

#[tokio::test]
async fn a_record_is_posted_below_the_endpoint_or_to_the_url_as_it_is() {
    let request = sent(&alert("panic")).await;
    assert_eq!((&*request.method, &*request.path), ("POST", "/v1/logs"));
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("api-key"), KEY);

    let vendor = Vendor::saying(Answer::say(200, "{}")).await;
    let below = Otlp::endpoint(vendor.url("/otlp/"));
    below.notify(&alert("panic")).await.unwrap();
    let exact = Otlp::logs_endpoint(vendor.url("/in?team=a"));
    exact.notify(&alert("panic")).await.unwrap();
    let paths: Vec<_> = vendor.received().into_iter().map(|it| it.path).collect();
    assert_eq!(paths, ["/otlp/v1/logs", "/in?team=a"]);
}

#[tokio::test]
async fn every_alert_is_the_request_in_the_files() {
    for name in ALL.into_iter().filter(|name| *name != "huge") {
        let request = sent(&alert(name)).await.json();
        golden(&format!("otlp/{name}.json"), &request);
    }
}

#[tokio::test]
async fn every_request_is_within_the_bound_and_gets_smaller_when_it_is_refused() {
    for name in ALL {
        let vendor = Vendor::saying(Answer::say(413, "")).await;
        let error = otlp(&vendor).notify(&alert(name)).await.unwrap_err();
        assert!(!error.is_temporary(), "{error}");
        let sizes: Vec<_> = vendor.received().iter().map(|it| it.body.len()).collect();
        let [whole, small, failsafe] = sizes[..] else {
            panic!("{name}: {sizes:?}")
        };
        assert!(
            whole <= MAX_REQUEST && small < whole && failsafe < small,
            "{sizes:?}"
        );
        assert!(
            small <= 64 * 1024 && failsafe <= 4 * 1024,
            "{name}: {sizes:?}"
        );
        let last = vendor.received()[2].json();
        let body = record(&last)["body"]["stringValue"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(body.contains('('), "{name}: {body}");
    }
}

#[tokio::test]
async fn answers_mean_what_the_specification_says() {
    for status in [200, 202] {
        assert_eq!(answered(Answer::say(status, "{}")).await, Ok(()));
    }
    for status in [429, 502, 503, 504] {
        let limited = Answer::say(status, "").header("retry-after", "7");
        let error = answered(limited).await.unwrap_err();
        assert_eq!(error.wait(), Some(Duration::from_secs(7)), "{error}");
        assert!(
            answered(Answer::say(status, ""))
                .await
                .unwrap_err()
                .is_temporary()
        );
    }
    for status in [401, 403, 404, 410] {
        let error = answered(Answer::say(status, "")).await.unwrap_err();
        assert!(error.is_destination_gone(), "{error}");
    }
    for status in [302, 400, 405, 408, 413, 415, 425, 500, 501, 505] {
        let error = answered(Answer::say(status, "")).await.unwrap_err();
        assert!(
            !error.is_temporary() && !error.is_destination_gone(),
            "{error}"
        );
    }
    assert!(answered(Answer::Reset).await.unwrap_err().is_temporary());
}

#[tokio::test]
async fn a_record_that_is_rejected_in_a_success_is_not_sent_again() {
    for number in ["\"1\"", "1"] {
        let body = format!(
            r#"{{"partialSuccess":{{"rejectedLogRecords":{number},"errorMessage":"too old"}}}}"#
        );
        let vendor = Vendor::saying(Answer::say(200, body)).await;
        let error = otlp(&vendor).notify(&alert("panic")).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "refused: the record was rejected: too old"
        );
        assert!(!error.is_temporary());
        assert_eq!(vendor.received().len(), 1);
    }
    for warning in [
        r#"{"partialSuccess":{"errorMessage":"use the new endpoint"}}"#,
        r#"{"partialSuccess":{"rejectedLogRecords":"0"}}"#,
        r#"{"partialSuccess":{}}"#,
        "no JSON",
    ] {
        assert_eq!(
            answered(Answer::say(200, warning)).await,
            Ok(()),
            "{warning}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_repeats_the_key_is_not_shown() {
    for status in [400, 403, 500, 503] {
        let echo = format!("no such key: {KEY}");
        let error = answered(Answer::say(status, echo)).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains(KEY) && shown.contains("[redacted]"),
            "{shown}"
        );
    }
}

#[test]
fn it_is_told_every_occurrence() {
    let otlp = Otlp::endpoint("http://localhost:4318");
    assert_eq!(
        (otlp.takes(), Notifier::name(&otlp)),
        (Takes::Occurrences, "otlp")
    );
}

/// How Rotel prints attributes: a line for each, and what is in a list or a map somewhere in its line.
fn printed(attributes: &Value, found: &mut Vec<String>) {
    for attribute in attributes.as_array().unwrap() {
        let key = attribute["key"].as_str().unwrap();
        let (kind, value) = attribute["value"]
            .as_object()
            .unwrap()
            .iter()
            .next()
            .unwrap();
        match (kind.as_str(), value) {
            ("stringValue", value) => {
                found.push(format!("-> {key}: Str({})", value.as_str().unwrap()))
            }
            ("intValue", value) => {
                found.push(format!("-> {key}: Int({})", value.as_str().unwrap()))
            }
            ("boolValue", value) => found.push(format!("-> {key}: Bool({value})")),
            (_, value) => {
                found.push(format!("-> {key}: "));
                texts(value, found);
            }
        }
    }
}

/// Every text at any depth.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|it| texts(it, found)),
        Value::Object(fields) => fields.values().for_each(|it| texts(it, found)),
        _ => {}
    }
}

#[tokio::test]
async fn a_collector_prints_every_field_back() {
    for name in ALL {
        // A new one for each: what it printed of another alert would count for this one.
        let Some(rotel) = Rotel::start() else {
            return;
        };
        let alert = alert(name);
        let request = sent(&alert).await.json();
        let to = Otlp::endpoint(rotel.endpoint());
        to.notify(&alert)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));

        let record = record(&request);
        let text = |field: &str| record[field].as_str().unwrap().to_owned();
        let mut said = vec![
            format!("EventName: {}", text("eventName")),
            format!("SeverityText: {}", text("severityText")),
            format!("({})", record["severityNumber"]),
            format!("\nTimestamp: {}", text("timeUnixNano")),
            format!("ObservedTimestamp: {}", text("observedTimeUnixNano")),
            format!(
                "Body: Str({})",
                record["body"]["stringValue"].as_str().unwrap()
            ),
            format!(
                "InstrumentationScope tower-monitor {}",
                env!("CARGO_PKG_VERSION")
            ),
        ];
        if record.get("traceId").is_some() {
            said.push(format!("Trace ID       : {}", text("traceId")));
            said.push(format!("Span ID        : {}", text("spanId")));
            said.push(format!("Flags: {}", record["flags"]));
        }
        printed(&record["attributes"], &mut said);
        printed(
            &request["resourceLogs"][0]["resource"]["attributes"],
            &mut said,
        );

        // It prints after it has answered.
        let deadline = Instant::now() + LONG;
        while !said.is_empty() {
            let output = rotel.output();
            said.retain(|text| !output.contains(text));
            assert!(
                Instant::now() < deadline,
                "{name}: {said:#?} are not in {output}"
            );
        }
    }
}

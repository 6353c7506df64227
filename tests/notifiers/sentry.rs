//! Sentry: the envelopes, read by Sentry's own types, judged by Relay and stored by Bugsink; and what is made of answers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sentry_types::protocol::v7::{Envelope, EnvelopeItem, Event, Exception, Level, Mechanism};
use serde_json::{Value, json};
use tower_monitor::notify::{Message, Sentry};
use tower_monitor::{Alert, Notifier, NotifyError};

use crate::support::alerts::{ALL, alert};
use crate::support::golden::golden;
use crate::support::judges::{Bugsink, python};
use crate::support::vendor::{Answer, Vendor};

/// What occurred; the others tell that something is over.
fn occurred() -> impl Iterator<Item = &'static str> {
    ALL.into_iter()
        .filter(|name| !["quiet", "resolved"].contains(name))
}

fn sentry(vendor: &Vendor) -> Sentry {
    Sentry::dsn(
        vendor
            .url("/shop/42")
            .replace("http://", "http://public7key:secret8key@"),
    )
}

/// An envelope as it was sent.
struct Sent {
    header: Value,
    /// The header and the payload of each item.
    items: Vec<(Value, Value)>,
    body: Vec<u8>,
}

impl Sent {
    fn read(body: Vec<u8>) -> Self {
        let mut rest = &body[..];
        let mut line = |length: Option<usize>| {
            let end =
                length.unwrap_or_else(|| rest.iter().position(|byte| *byte == b'\n').unwrap());
            let (line, behind) = rest.split_at(end);
            rest = behind.strip_prefix(b"\n").unwrap();
            let value: Value = serde_json::from_slice(line).unwrap();
            (value, rest.is_empty())
        };
        let (header, _) = line(None);
        let mut items = Vec::new();
        loop {
            let (item, _) = line(None);
            let length = item["length"].as_u64().unwrap();
            let (payload, ended) = line(usize::try_from(length).ok());
            items.push((item, payload));
            if ended {
                return Self {
                    header,
                    items,
                    body,
                };
            }
        }
    }

    fn event(&self) -> &Value {
        &self.items[0].1
    }

    /// What Sentry's own types make of it.
    fn theirs(&self) -> Event<'static> {
        if self.event()["logentry"].is_null() {
            let envelope = Envelope::from_slice(&self.body).unwrap();
            return envelope.event().unwrap().clone();
        }
        // They know the words only by the name of the template, which Sentry itself takes for want of the words.
        let mut event = self.event().clone();
        event["logentry"]["message"] = event["logentry"]["formatted"].take();
        serde_json::from_value(event).unwrap()
    }
}

async fn sent(alert: &Alert) -> Sent {
    sent_with(alert, |sentry| sentry).await
}

async fn sent_with(alert: &Alert, set: impl Fn(Sentry) -> Sentry) -> Sent {
    let vendor = Vendor::saying(Answer::say(200, "{}")).await;
    set(sentry(&vendor)).notify(alert).await.unwrap();
    let request = vendor.only();
    assert_eq!(
        (
            &*request.method,
            &*request.path,
            request.header("content-type")
        ),
        (
            "POST",
            "/shop/api/42/envelope/",
            "application/x-sentry-envelope"
        )
    );
    assert!(request.header("user-agent").starts_with("tower-monitor/"));
    let login = request.header("x-sentry-auth");
    let keys = ", sentry_key=public7key, sentry_secret=secret8key";
    assert!(
        login.starts_with("Sentry sentry_version=7, sentry_client=tower-monitor/")
            && login.ends_with(keys)
    );
    Sent::read(request.body)
}

#[tokio::test]
async fn the_events_are_the_known_ones() {
    for name in occurred().filter(|name| *name != "huge") {
        let sent = sent(&alert(name)).await;
        let mut event = sent.event().clone();
        assert_eq!(sent.header["event_id"], event["event_id"]);
        assert_eq!(event["sdk"], sent.header["sdk"]);
        event["sdk"]["version"] = json!("…");
        golden(&format!("sentry/{name}.json"), &event);
    }
}

#[tokio::test]
async fn sentrys_own_types_read_every_event() {
    // Their URLs have hosts that can exist; Sentry's are text.
    for name in occurred().filter(|name| *name != "hostile") {
        let alert = alert(name);
        let sent = sent(&alert).await;
        let event = sent.theirs();
        assert_eq!(event.event_id, alert.occurrence.id, "{name}");
        let micros = event
            .timestamp
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_micros();
        assert_eq!(
            i64::try_from(micros).unwrap(),
            alert.occurrence.time.unix_micros(),
            "{name}"
        );
        assert_eq!(
            event.fingerprint[..],
            [alert.occurrence.fingerprint.to_string()],
            "{name}"
        );
        assert!(
            event.logentry.is_some() || !event.exception.is_empty(),
            "{name}"
        );
        assert_eq!(
            event.breadcrumbs.len(),
            alert.occurrence.breadcrumbs.len(),
            "{name}"
        );
        assert!(
            serde_json::to_vec(sent.event()).unwrap().len() <= 1_000_000,
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_panic_has_its_stack_with_variables_and_the_oldest_call_first() {
    let event = sent(&alert("panic")).await.theirs();
    assert_eq!((event.level, &*event.platform), (Level::Fatal, "native"));
    let [panic] = &event.exception[..] else {
        panic!("{:?}", event.exception)
    };
    assert_eq!(
        (&*panic.ty, panic.value.as_deref()),
        ("panic", Some("gift card GC-20 has no balance"))
    );
    assert_eq!(panic.mechanism.as_ref().unwrap().handled, Some(false));
    let frames = &panic.stacktrace.as_ref().unwrap().frames;
    let functions: Vec<_> = frames
        .iter()
        .map(|frame| frame.function.as_deref().unwrap())
        .collect();
    assert_eq!(
        (functions[0], functions[3]),
        ("shop::main", "shop::checkout::gift_card::redeem")
    );
    let last = &frames[3];
    assert_eq!((last.lineno, last.in_app), (Some(17), Some(true)));
    assert!(last.context_line.as_ref().unwrap().contains("panic!("));
    assert_eq!(last.vars["amount"], 1_999);
    assert_eq!(last.vars["pin"], "[redacted]");
    assert_eq!(frames[1].in_app, Some(false));
}

#[tokio::test]
async fn a_chain_has_the_root_cause_first_and_the_ids_that_lead_back_to_it() {
    let event = sent(&alert("chain")).await.theirs();
    let types: Vec<_> = event
        .exception
        .iter()
        .map(|exception| &*exception.ty)
        .collect();
    assert_eq!(types, ["source", "sqlx::Error", "OrderError"]);
    let outermost: &Exception = &event.exception[2];
    assert_eq!(outermost.module.as_deref(), Some("shop::orders"));
    assert!(outermost.stacktrace.is_some());
    let mechanisms: Vec<&Mechanism> = event
        .exception
        .iter()
        .map(|it| it.mechanism.as_ref().unwrap())
        .collect();
    assert_eq!(
        (&*mechanisms[2].ty, mechanisms[2].handled),
        ("http-5xx", Some(true))
    );
    let sent = sent(&alert("chain")).await;
    let ids = sent.event()["exception"]["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let mechanism = &it["mechanism"];
            (
                mechanism["exception_id"].as_u64(),
                mechanism["parent_id"].as_u64(),
            )
        });
    assert_eq!(
        ids.collect::<Vec<_>>(),
        [(Some(2), Some(1)), (Some(1), Some(0)), (Some(0), None)]
    );
    assert_eq!(event.level, Level::Fatal);
}

#[tokio::test]
async fn sentry_may_group_by_its_own_rules() {
    let sent = sent_with(&alert("panic"), |sentry| sentry.own_grouping(false)).await;
    assert_eq!(sent.event()["fingerprint"], json!(["{{ default }}"]));
}

#[tokio::test]
async fn what_was_not_sent_one_by_one_is_reported_with_it() {
    let mut told = serde_json::to_value(alert("joined")).unwrap();
    told["held_back"] = json!(9);
    told["also_more"] = json!(3);
    told["lost"] = json!({ "audit_queue_full": 1, "occurrence": 17, "occurrence_details": 4, "alert_undelivered": 2 });
    let told: Alert = serde_json::from_value(told).unwrap();
    let sent = sent(&told).await;
    let [(_, _), (header, report)] = &sent.items[..] else {
        panic!("{} items", sent.items.len())
    };
    assert_eq!(header["type"], "client_report");
    let discarded = |reason: &str, quantity: u64| json!({ "reason": reason, "category": "error", "quantity": quantity });
    assert_eq!(
        report["discarded_events"],
        json!([
            discarded("sample_rate", 9),
            discarded("ratelimit_backoff", told.alerts() - 1),
            discarded("queue_overflow", 17),
        ])
    );
    assert!(told.alerts() > 4);
    let envelope = Envelope::from_slice(&sent.body).unwrap();
    assert!(
        envelope
            .items()
            .any(|item| matches!(item, EnvelopeItem::ClientReport(_)))
    );
}

#[tokio::test]
async fn that_something_is_over_is_no_event() {
    let vendor = Vendor::saying(Answer::say(200, "{}")).await;
    for name in ["quiet", "resolved"] {
        assert_eq!(sentry(&vendor).notify(&alert(name)).await, Ok(()));
    }
    assert!(vendor.received().is_empty());
}

/// The answer's meaning, and how many requests came.
async fn told(answer: Answer) -> (Result<(), NotifyError>, usize) {
    let vendor = Vendor::saying(answer).await;
    let result = sentry(&vendor).notify(&alert("panic")).await;
    (result, vendor.received().len())
}

#[tokio::test]
async fn each_answer_means_what_the_table_says() {
    for status in [200, 202] {
        assert_eq!(told(Answer::say(status, "{}")).await, (Ok(()), 1));
    }
    for status in [401, 403, 404, 410] {
        let (result, count) = told(Answer::say(status, r#"{"detail":"no public7key"}"#)).await;
        let error = result.unwrap_err();
        assert!(error.is_destination_gone() && count == 1, "{error}");
        assert!(!error.to_string().contains("public7key"), "{error}");
    }
    for status in [429, 500, 503] {
        let (result, count) = told(Answer::say(status, "")).await;
        assert!(result.unwrap_err().is_temporary() && count == 1, "{status}");
    }
    for status in [400, 413, 422] {
        let answer = Answer::say(status, "{}").header("x-sentry-error", "too large for secret8key");
        let (result, count) = told(answer).await;
        let error = result.unwrap_err();
        assert!(
            !error.is_temporary() && !error.is_destination_gone() && count == 3,
            "{error}"
        );
        assert!(
            error.to_string().ends_with("too large for [redacted]"),
            "{error}"
        );
    }
    let (result, count) = told(Answer::say(302, "")).await;
    assert!(!result.unwrap_err().is_temporary() && count == 1);
}

#[tokio::test]
async fn a_limit_is_kept_without_asking_again() {
    let limits = |_: &_, count| match count {
        0 => Answer::say(200, "{}").header("x-sentry-rate-limits", "60:transaction:key"),
        1 => {
            Answer::say(200, "{}").header("x-sentry-rate-limits", "300:error;default:organization")
        }
        _ => Answer::say(200, "{}"),
    };
    let vendor = Vendor::start(limits).await;
    let sentry = sentry(&vendor);
    let panic = alert("panic");
    assert_eq!(sentry.notify(&panic).await, Ok(()));
    assert_eq!(sentry.notify(&panic).await, Ok(()));
    let error = sentry.notify(&panic).await.unwrap_err();
    assert!(
        error.is_temporary() && error.wait().unwrap().as_secs() > 200,
        "{error}"
    );
    assert_eq!(vendor.received().len(), 2);
}

#[tokio::test]
async fn of_an_event_that_is_refused_less_and_less_is_sent() {
    for name in occurred() {
        let vendor =
            Vendor::start(|_, count| Answer::say(if count < 2 { 413 } else { 200 }, "{}")).await;
        sentry(&vendor).notify(&alert(name)).await.unwrap();
        let sent: Vec<_> = vendor
            .received()
            .into_iter()
            .map(|it| Sent::read(it.body))
            .collect();
        let sizes: Vec<_> = sent
            .iter()
            .map(|sent| sent.event().to_string().len())
            .collect();
        assert!(
            sizes[0] > sizes[1] && sizes[1] > sizes[2],
            "{name}: {sizes:?}"
        );
        assert!(sizes[1] < 150_000 && sizes[2] < 1_500, "{name}: {sizes:?}");
        let ids: BTreeSet<_> = sent
            .iter()
            .map(|sent| sent.event()["event_id"].as_str())
            .collect();
        assert_eq!(ids.len(), 1, "{name}");
        assert_eq!(
            sent[1].event()["exception"].is_null(),
            sent[0].event()["exception"].is_null(),
            "{name}"
        );
        for sent in &sent {
            let nothing = sent
                .event()
                .as_object()
                .unwrap()
                .values()
                .any(Value::is_null);
            assert!(!nothing, "{name}: {}", sent.event());
        }
        let last = sent[2].theirs();
        let words = last.logentry.unwrap().message;
        let reference = Message::of(&alert(name)).reference;
        assert!(words.contains(&reference), "{name}: {words}");
    }
}

#[tokio::test]
async fn a_secret_that_got_into_an_alert_gets_no_further() {
    const SECRET: &str = "hunter2-and-more";
    let mut told = serde_json::to_value(alert("panic")).unwrap();
    let words = json!(format!("could not sign in with password={SECRET}"));
    let occurrence = &mut told["occurrence"];
    occurrence["exceptions"][0]["message"] = words.clone();
    occurrence["exceptions"][0]["stack"]["frames"][0]["variables"][0] = json!({ "name": "api_key", "value": { "text": { "text": SECRET, "length": SECRET.len() } } });
    occurrence["breadcrumbs"][0]["message"] = words.clone();
    occurrence["breadcrumbs"][0]["fields"] = json!({ "password": SECRET });
    occurrence["request"]["headers"][0] = json!(["authorization", SECRET]);
    occurrence["request"]["extra"]["login"] = json!({ "password": SECRET });
    occurrence["request"]["tags"]["session"] = json!(SECRET);
    occurrence["request"]["curl"] = words.clone();
    occurrence["response"]["body"] = words.clone();
    told["issue"]["title"] = words;
    let told: Alert = serde_json::from_value(told).unwrap();
    let vendor =
        Vendor::start(|_, count| Answer::say(if count < 2 { 413 } else { 200 }, "{}")).await;
    sentry(&vendor).notify(&told).await.unwrap();
    for request in vendor.received() {
        let text = request.text();
        assert!(
            text.contains("could not sign in") && !text.contains(SECRET),
            "{text}"
        );
    }
}

/// An alert whose event is too large in every part.
fn gigantic() -> Alert {
    let mut alert = serde_json::to_value(alert("huge")).unwrap();
    let occurrence = &mut alert["occurrence"];
    let stack = occurrence["exceptions"][0]["stack"].clone();
    for exception in occurrence["exceptions"].as_array_mut().unwrap() {
        exception["message"] = json!("🦀".repeat(9_000));
        exception["stack"] = stack.clone();
    }
    for number in 0..30 {
        let name = format!("more_{number}");
        occurrence["request"]["extra"][name] = json!(vec!["🦀".repeat(1_000); 4]);
    }
    serde_json::from_value(alert).unwrap()
}

#[tokio::test]
async fn an_event_that_is_too_large_says_what_was_left_out() {
    let event = sent(&gigantic()).await.event().clone();
    assert!(
        event.to_string().len() <= 1_000_000,
        "{}",
        event.to_string().len()
    );
    let left_out = event["contexts"]["left_out"]["too_large"]
        .as_array()
        .unwrap();
    assert!(
        left_out.contains(&json!("variables and source")),
        "{left_out:?}"
    );
    assert!(
        event["exception"]["values"][15]["stacktrace"]["frames"]
            .as_array()
            .unwrap()
            .len()
            >= 10
    );
    assert_eq!(event["user"]["id"], "42");
    let whole = sent(&alert("huge")).await.event().clone();
    assert!(whole["contexts"]["left_out"].is_null());
    let frames = whole["exception"]["values"][15]["stacktrace"]["frames"]
        .as_array()
        .unwrap();
    assert_eq!(frames.len(), 50, "as many as Sentry keeps");
    assert!(frames[49]["function"].as_str().unwrap().contains("level_0"));
    assert!(frames[0]["function"].as_str().unwrap().contains("level_99"));
}

/// The panic in a program without symbols.
fn stripped() -> Alert {
    let mut alert = serde_json::to_value(alert("panic")).unwrap();
    let frames = &mut alert["occurrence"]["exceptions"][0]["stack"]["frames"];
    for (frame, offset) in [(0, "0x1eff"), (1, "0x1f3f")] {
        let address = frames[frame]["address"].clone();
        frames[frame] = json!({
            "address": address, "in_app": false, "inlined": false,
            "object": { "name": "shop", "offset": offset, "build_id": "180a373d6afbabf0eb1f09be1bc45bd796a71085" },
        });
    }
    serde_json::from_value(alert).unwrap()
}

#[tokio::test]
async fn a_frame_without_a_symbol_can_be_looked_up() {
    let event = sent(&stripped()).await.event().clone();
    let frames = event["exception"]["values"][0]["stacktrace"]["frames"].clone();
    assert_eq!(
        frames[3],
        json!({ "instruction_addr": "0x55d01f00", "package": "shop", "in_app": false })
    );
    // The debug id is that of Sentry's `symbolic` for this build id.
    assert_eq!(
        event["debug_meta"],
        json!({ "images": [{
            "type": "elf", "code_file": "shop", "image_addr": "0x55d00000",
            "code_id": "180a373d6afbabf0eb1f09be1bc45bd796a71085",
            "debug_id": "3d370a18-fb6a-f0ab-eb1f-09be1bc45bd7",
        }]})
    );
}

/// Each envelope in a file of its own, whole and as it is when it was refused.
async fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let others = [("gigantic", gigantic()), ("stripped", stripped())];
    let alerts = occurred().map(|name| (name, alert(name))).chain(others);
    for (name, alert) in alerts {
        let vendor =
            Vendor::start(|_, count| Answer::say(if count < 2 { 413 } else { 200 }, "{}")).await;
        sentry(&vendor).notify(&alert).await.unwrap();
        for (number, request) in vendor.received().iter().enumerate() {
            let file = folder.join(format!("{name}-{number}.envelope"));
            std::fs::write(&file, &request.body).unwrap();
            files.push(file);
        }
    }
    files
}

#[tokio::test]
async fn relay_finds_no_fault_and_nothing_more_to_scrub() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path()).await;
    let files: Vec<_> = files.iter().map(PathBuf::as_path).collect();
    python("sentry.py", &files).accepts();
}

#[tokio::test]
async fn bugsink_stores_every_event_once_and_as_it_was_sent() {
    let Some(bugsink) = Bugsink::start() else {
        return;
    };
    let sentry = Sentry::dsn(bugsink.dsn());
    let mut ids = BTreeSet::new();
    // `joined` tells of the same occurrence as `panic`.
    let names: Vec<_> = occurred().filter(|name| *name != "joined").collect();
    for name in &names {
        let alert = alert(name);
        ids.insert(alert.occurrence.id.simple().to_string());
        sentry.notify(&alert).await.unwrap();
        sentry.notify(&alert).await.unwrap();
    }
    let stored = bugsink.events().await;
    assert_eq!(
        (stored.len(), ids.len()),
        (names.len(), names.len()),
        "{}",
        bugsink.log()
    );
    for name in names {
        let alert = alert(name);
        let sent = sent(&alert).await;
        let id = alert.occurrence.id.simple().to_string();
        let found = stored.iter().find(|event| event["event_id"] == *id);
        let found = found.unwrap_or_else(|| panic!("{name}: {}", bugsink.log()));
        for (field, value) in sent.event().as_object().unwrap() {
            assert_eq!(&found[field], value, "{name}: {field}");
        }
    }
    let issues = bugsink.issues().await;
    assert_eq!(
        issues.len(),
        ids.len(),
        "one for each fingerprint: {issues:?}"
    );
    let stacks = bugsink.stacks().await;
    let locals = stacks
        .iter()
        .find(|stack| stack.contains("gift card GC-20 has no balance"));
    let locals = locals.unwrap();
    for told in [
        "#### Locals",
        "* `amount` = `1999`",
        "src/checkout/gift_card.rs:17",
        "`shop::checkout::pay`",
    ] {
        assert!(locals.contains(told), "{locals}");
    }
}

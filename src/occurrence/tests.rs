//! What is kept as JSON comes back as it was, and an erased person is gone from it.

use proptest::prelude::*;
use serde_json::{Value, json};

use self::filling::{Filling, PERSON, plain};
use super::*;
use crate::request::Device;

mod filling;

fn minimal() -> Occurrence {
    let time = Timestamp::from_unix_micros(0);
    let mut evidence = Evidence::new(Kind::Message, time, None);
    evidence.elapsed = None;
    Occurrence::bare(&evidence, Fingerprint::from_u64(1), &Arc::default())
}

fn read_back(occurrence: &Occurrence) -> Occurrence {
    let text = serde_json::to_string(occurrence).unwrap();
    let read = serde_json::from_str(&text).unwrap();
    let tree = serde_json::from_str::<Value>(&text).unwrap();
    assert_eq!(serde_json::from_value::<Occurrence>(tree).unwrap(), read);
    read
}

#[test]
fn the_smallest_occurrence_comes_back() {
    let occurrence = minimal();
    assert_eq!(read_back(&occurrence), occurrence);
}

#[test]
fn what_a_later_version_adds_is_left_out_and_its_kinds_are_refused() {
    let occurrence = plain().occurrence();
    let mut json = serde_json::to_value(&occurrence).unwrap();
    json["mood"] = "good".into();
    json["request"]["mood"] = "good".into();
    json["exceptions"][0]["stack"]["frames"][0]["mood"] = "good".into();
    json["origin"]["platform"]["mood"] = "good".into();
    let read: Occurrence = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(read, occurrence);

    json["request"]["browser"]["device"] = "watch".into();
    let read: Occurrence = serde_json::from_value(json.clone()).unwrap();
    let device = read.request.unwrap().browser.unwrap().device;
    assert_eq!(device, Device::Unknown);

    json["kind"] = "deadlock".into();
    let error = serde_json::from_value::<Occurrence>(json).unwrap_err();
    assert_eq!(error.to_string(), "unknown kind `deadlock`");
}

#[test]
fn what_an_earlier_version_did_not_know_is_empty() {
    let mut json = serde_json::to_value(minimal()).unwrap();
    json["origin"] = json!({"pid": 7, "platform": {}});
    json["vitals"] = json!({});
    let read: Occurrence = serde_json::from_value(json).unwrap();
    assert_eq!((read.origin.pid, read.vitals), (7, Vitals::default()));
}

#[test]
fn every_kind_has_a_name_of_its_own() {
    for kind in Kind::ALL {
        let json = serde_json::to_value(kind).unwrap();
        assert_eq!(serde_json::from_value::<Kind>(json).unwrap(), kind);
    }
}

#[test]
fn a_fingerprint_is_read_from_its_16_digits() {
    let fingerprint = Fingerprint::from_u64(0xba58_75d6_0032_6ed1);
    for text in ["ba5875d600326ed1", "BA5875D600326ED1"] {
        assert_eq!(text.parse(), Ok(fingerprint));
    }
    for wrong in [
        "",
        "ba58",
        "+a5875d600326ed1",
        "0xba5875d600326e",
        "ba5875d600326ed1 ",
    ] {
        assert_eq!(wrong.parse::<Fingerprint>(), Err(InvalidFingerprint));
    }
}

#[test]
fn an_erased_person_is_nowhere() {
    let before = plain().occurrence();
    assert!(serde_json::to_string(&before).unwrap().contains(PERSON));
    let mut after = before.clone();
    after.without_person();
    after.without_person();
    let json = serde_json::to_string(&after).unwrap();
    for trace in [PERSON, "Uma", "session", "\"42\""] {
        assert!(!json.contains(trace), "{trace} in {json}");
    }
    assert_eq!(
        after.missing,
        ["cart 17", "the person: erased on request"],
        "said once"
    );
    let request = after.request.as_ref().unwrap();
    assert_eq!(request.path, "/buy/{item}");
    assert!(request.curl.contains("shop.example.com/buy/{item}"));
    assert_eq!(after.exceptions, before.exceptions);
    assert_eq!(after.endpoint(), before.endpoint());
    assert_eq!(
        (after.id, after.kind, after.fingerprint, after.time),
        (before.id, before.kind, before.fingerprint, before.time)
    );
    assert_eq!(
        (&after.origin, after.elapsed),
        (&before.origin, before.elapsed)
    );
    assert_eq!(request.id, before.request.unwrap().id);
    assert_eq!(read_back(&after), after);
}

#[test]
fn without_a_route_nothing_of_an_erased_path_is_left() {
    let mut occurrence = plain().occurrence();
    occurrence.request.as_mut().unwrap().route = None;
    occurrence.without_person();
    assert_eq!(occurrence.endpoint().as_deref(), Some("PUT"));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn filling() -> impl Strategy<Value = Filling> {
    (
        any::<String>(),
        // A comma in the name of a cookie would make two of it.
        "[^,]{0,20}",
        any::<u64>(),
        0..253_402_300_799_999_999_i64,
        0..1_000_000_000_000_000_u64,
        0.0..10_000.0_f32,
        value(),
    )
        .prop_map(
            |(text, person, number, micros, elapsed, load, value)| Filling {
                text,
                person,
                number,
                micros,
                elapsed,
                load,
                value,
            },
        )
}

proptest! {
    #[test]
    fn every_field_comes_back(filling in filling()) {
        let occurrence = filling.occurrence();
        prop_assert_eq!(read_back(&occurrence), occurrence);
    }

    #[test]
    fn every_fingerprint_comes_back(number in any::<u64>()) {
        let fingerprint = Fingerprint::from_u64(number);
        prop_assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
    }

    #[test]
    fn the_guard_finds_no_secret_in_a_time(micros in 0..253_402_300_799_999_999_i64) {
        let text = serde_json::to_value(Timestamp::from_unix_micros(micros)).unwrap();
        let mut json = json!({"time": text});
        crate::redact::Redactor::default().json("", &mut json);
        prop_assert_eq!(&json["time"], &text);
    }
}

//! PagerDuty: the events of each alert, what is made of the answers, and what PagerDuty's description says of them.

use std::time::Duration;

use serde_json::{Value, json};
use tower_monitor::Notifier;
use tower_monitor::notify::{PagerDuty, Takes};

use crate::support::alerts::{ALL, alert};
use crate::support::golden::golden;
use crate::support::judges::Prism;
use crate::support::relay::relay;
use crate::support::vendor::{Answer, Received, Vendor};

const KEY: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

fn pagerduty(vendor: &Vendor) -> PagerDuty {
    PagerDuty::routing_key(KEY).base_url(vendor.url(""))
}

fn taken() -> Answer {
    Answer::say(
        202,
        r#"{"status":"success","message":"Event processed","dedup_key":"k"}"#,
    )
}

#[tokio::test]
async fn each_alert_is_the_events_it_should_be() {
    for name in ALL {
        let vendor = Vendor::saying(taken()).await;
        pagerduty(&vendor).notify(&alert(name)).await.unwrap();
        let events: Vec<Value> = vendor.received().iter().map(Received::json).collect();
        for (event, request) in events.iter().zip(vendor.received()) {
            assert!(request.body.len() <= 512_000, "{name}");
            assert_eq!(event["routing_key"], KEY);
            assert_eq!((&*request.method, &*request.path), ("POST", "/v2/enqueue"));
            assert_eq!(request.header("content-type"), "application/json");
        }
        let problems = 1 + alert(name).also.len();
        assert_eq!(events.len(), problems, "{name}");
        if name != "huge" {
            golden(&format!("pagerduty/{name}.json"), &events.into());
        }
    }
}

#[tokio::test]
async fn a_problem_ends_under_the_key_that_it_began_with() {
    let vendor = Vendor::saying(taken()).await;
    let pagerduty = pagerduty(&vendor);
    assert_eq!(pagerduty.takes(), Takes::AlertsAndEndings);
    for name in ["panic", "quiet", "resolved"] {
        pagerduty.notify(&alert(name)).await.unwrap();
    }
    let events = vendor.received();
    let what = events.iter().map(Received::json);
    let what: Vec<_> = what
        .map(|event| (event["event_action"].clone(), event["dedup_key"].clone()))
        .collect();
    let key = json!("tm:shop:production:ba5875d600326ed1");
    let expected = ["trigger", "resolve", "resolve"].map(|action| (json!(action), key.clone()));
    assert_eq!(what, expected);
}

#[tokio::test]
async fn answers_mean_what_the_table_says_and_repeat_no_key() {
    let wrong = format!(r#"{{"status":"invalid event","errors":["no {KEY}"]}}"#);
    for (answer, requests, check) in [
        (Answer::say(429, ""), 1, Some(Duration::from_secs(30))),
        (
            Answer::say(429, "").header("retry-after", "5"),
            1,
            Some(Duration::from_secs(5)),
        ),
        (Answer::say(500, ""), 1, None),
        (Answer::Reset, 1, None),
        (Answer::Garbage, 1, None),
    ] {
        let vendor = Vendor::saying(answer).await;
        let error = pagerduty(&vendor)
            .notify(&alert("panic"))
            .await
            .unwrap_err();
        assert!(error.is_temporary(), "{error}");
        assert_eq!((error.wait(), vendor.received().len()), (check, requests));
    }
    for status in [400, 413] {
        let vendor = Vendor::saying(Answer::say(status, &*wrong)).await;
        let error = pagerduty(&vendor)
            .notify(&alert("panic"))
            .await
            .unwrap_err();
        assert!(
            !error.is_temporary() && !error.is_destination_gone(),
            "{error}"
        );
        assert_eq!(vendor.received().len(), 3, "whole, small, failsafe");
        assert!(error.to_string().contains("no [redacted]"), "{error}");
    }
    let gone = Answer::say(400, r#"{"errors":["'routing_key' is invalid"]}"#);
    let vendor = Vendor::saying(gone).await;
    let error = pagerduty(&vendor)
        .notify(&alert("panic"))
        .await
        .unwrap_err();
    assert!(error.is_destination_gone(), "{error}");
    assert_eq!(vendor.received().len(), 1);
}

#[tokio::test]
async fn one_event_that_is_refused_keeps_no_other_back() {
    let vendor = Vendor::start(|_, before| match before {
        0..3 => Answer::say(400, "{}"),
        _ => taken(),
    })
    .await;
    let joined = alert("joined");
    let error = pagerduty(&vendor).notify(&joined).await.unwrap_err();
    assert!(!error.is_temporary(), "{error}");
    assert_eq!(vendor.received().len(), 3 + joined.also.len());
}

#[tokio::test]
async fn another_try_goes_on_where_the_last_one_ended() {
    let vendor = Vendor::start(|_, before| match before {
        0..3 => Answer::say(400, "{}"),
        3 | 4 => Answer::say(503, ""),
        _ => taken(),
    })
    .await;
    let (pagerduty, joined) = (pagerduty(&vendor), alert("joined"));
    assert!(!joined.also.is_empty());
    for _ in 0..2 {
        let error = pagerduty.notify(&joined).await.unwrap_err();
        assert!(error.is_temporary(), "{error}");
    }
    let error = pagerduty.notify(&joined).await.unwrap_err();
    assert!(!error.is_temporary(), "the refusal of the head: {error}");
    let received = vendor.received();
    let keys = received.iter().map(|it| it.json()["dedup_key"].to_string());
    let mut keys: Vec<_> = keys.collect();
    assert_eq!(keys.len(), 3 + 2 + joined.also.len());
    keys.dedup();
    assert_eq!(keys.len(), 1 + joined.also.len(), "none is begun again");
}

#[tokio::test]
async fn pagerdutys_description_finds_no_fault_with_any_alert() {
    let Some(prism) = Prism::start("pd-events-v2.json") else {
        return;
    };
    // The description's paths are below its server's `/v2`.
    let path = |request: &mut Received| request.path = request.path.replace("/v2/", "/");
    let vendor = relay(&prism.url(), path).await;
    for name in ALL {
        let sent = pagerduty(&vendor).notify(&alert(name)).await;
        assert_eq!(sent, Ok(()), "{name}: {}", prism.log());
    }
    let problems = ALL.iter().map(|name| 1 + alert(name).also.len());
    let sent = vendor.received().len();
    assert_eq!(sent, problems.sum::<usize>(), "{}", prism.log());

    let limited = relay(&prism.url(), move |request| {
        path(request);
        request
            .headers
            .insert("prefer", "code=429".parse().unwrap());
    })
    .await;
    let error = pagerduty(&limited)
        .notify(&alert("panic"))
        .await
        .unwrap_err();
    assert_eq!(error.wait(), Some(Duration::from_secs(30)), "{error}");
}

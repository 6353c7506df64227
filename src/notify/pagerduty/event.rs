//! An alert as events of PagerDuty's Events API v2.

use serde_json::{Map, Value, json};

use crate::issue::{Alert, AlertSummary, Reason};
use crate::notify::Message;
use crate::notify::shrink::Size;
use crate::text::{cut, one_line, shortened};

/// One of the problems that an alert tells of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event<'a> {
    /// The one that it is about.
    Head,
    /// One that is told with it.
    Line(&'a AlertSummary),
}

/// One event for each problem that the alert names.
pub(super) fn events(alert: &Alert) -> impl Iterator<Item = Event<'_>> {
    let lines = alert.also.iter().map(Event::Line);
    std::iter::once(Event::Head).chain(lines)
}

/// The event without its routing key.
pub(super) fn sized(alert: &Alert, event: Event<'_>, size: Size) -> Value {
    let (reason, fingerprint) = match event {
        Event::Head => (&alert.reason, alert.issue.fingerprint),
        Event::Line(line) => (&line.reason, line.fingerprint),
    };
    let key = match reason {
        Reason::Test => format!("tm:test:{}", alert.id),
        _ => {
            let origin = &alert.occurrence.origin;
            let name = |name: &Option<String>| plain(name.as_deref().unwrap_or("-"), MAX_NAME);
            let (service, environment) = (name(&origin.service), name(&origin.environment));
            format!("tm:{service}:{environment}:{fingerprint}")
        }
    };
    if reason.is_over() {
        return json!({ "event_action": "resolve", "dedup_key": key });
    }
    let mut message = Message::of(alert);
    if size == Size::Small {
        message = message.brief();
    }
    loop {
        let payload = match (event, size) {
            (Event::Head, Size::Failsafe) => failsafe(alert, &message),
            (Event::Head, _) => head(alert, &message),
            (Event::Line(line), _) => self::line(alert, line, size),
        };
        let mut event = json!({
            "event_action": "trigger",
            "dedup_key": key,
            "client": "tower-monitor",
            "payload": payload,
        });
        if size != Size::Failsafe
            && let Some(page) = page(alert, &fingerprint.to_string())
        {
            event["client_url"] = page.as_str().into();
            event["links"] = json!([{ "href": page, "text": "issue page" }]);
        }
        if event.to_string().len() <= MAX_BYTES || !message.shorten() {
            return event;
        }
    }
}

fn page(alert: &Alert, fingerprint: &str) -> Option<String> {
    let own = alert.issue_url()?;
    let dashboard = own.strip_suffix(&alert.issue.fingerprint.to_string())?;
    Some(format!("{dashboard}{fingerprint}"))
}

fn head(alert: &Alert, message: &Message) -> Value {
    let occurrence = &*alert.occurrence;
    let clean = |text: &str| cleaned(alert, text, MAX_FIELD);
    let mut payload = json!({
        "summary": shortened(&message.headline, MAX_SUMMARY),
        "source": source(alert),
        "severity": alert.severity.as_str(),
        "timestamp": occurrence.time,
        "class": occurrence.kind.as_str(),
        "custom_details": details(message),
    });
    if let Some(service) = &occurrence.origin.service {
        payload["component"] = clean(service).into();
    }
    if let Some(place) = occurrence.endpoint().or_else(|| occurrence.culprit()) {
        payload["group"] = clean(&place).into();
    }
    payload
}

/// Field by field and section by section. A name that comes again is numbered.
fn details(message: &Message) -> Value {
    let mut details = Map::new();
    let fields = message
        .fields
        .iter()
        .map(|field| (field.name, field.value.clone()));
    let sections = message
        .sections
        .iter()
        .map(|section| (section.name, section.lines.join("\n")));
    for (name, text) in fields.chain(sections) {
        let mut key = name.to_owned();
        let mut number = 2;
        while details.contains_key(&key) {
            key = format!("{name} {number}");
            number += 1;
        }
        details.insert(key, text.into());
    }
    if message.is_shortened {
        details.insert("shortened".to_owned(), "there was more to say".into());
    }
    details.into()
}

fn line(alert: &Alert, line: &AlertSummary, size: Size) -> Value {
    let origin = &alert.occurrence.origin;
    let environment = origin.environment.as_ref().map(|name| format!("[{name}] "));
    let service = origin.service.as_ref().map(|name| format!("{name}: "));
    let place = line.culprit.as_ref().map(|place| format!(" ({place})"));
    let hit = match line.users {
        0 => String::new(),
        1 => ", 1 user hit".to_owned(),
        users => format!(", {users} users hit"),
    };
    let alike = match line.alerts {
        0 | 1 => String::new(),
        alerts => format!("; and {} more like it", alerts - 1),
    };
    let summary = format!(
        "{}{}{}{}{hit}{alike}",
        environment.unwrap_or_default(),
        service.unwrap_or_default(),
        line.title,
        place.unwrap_or_default()
    );
    let summary = match size {
        Size::Failsafe => plain(&alert.redacted(&summary), MAX_PLAIN),
        _ => cleaned(alert, &summary, MAX_SUMMARY),
    };
    let mut payload = json!({
        "summary": summary,
        "source": source(alert),
        "severity": line.severity.as_str(),
        "timestamp": alert.time,
        "class": line.kind.as_str(),
    });
    if size != Size::Failsafe {
        payload["custom_details"] = json!({
            "how often": format!("{} times", line.count),
            "users hit": line.users.to_string(),
            "why now": line.reason.to_string(),
            "issue": line.fingerprint.to_string(),
        });
    }
    payload
}

/// The headline and what to search for, in letters and digits.
fn failsafe(alert: &Alert, message: &Message) -> Value {
    let headline = plain(&message.headline, MAX_PLAIN);
    json!({
        "summary": format!("{headline} {}", plain(&message.reference, MAX_PLAIN)),
        "source": "tower-monitor",
        "severity": alert.severity.as_str(),
    })
}

fn source(alert: &Alert) -> String {
    let origin = &alert.occurrence.origin;
    let names = [&origin.platform.pod, &origin.host, &origin.service];
    let mut names = names.into_iter().flatten();
    let source = names.find(|name| !name.trim().is_empty());
    cleaned(alert, source.map_or("not known", String::as_str), MAX_FIELD)
}

fn cleaned(alert: &Alert, text: &str, max: usize) -> String {
    shortened(&alert.redacted(&one_line(text)), max)
}

/// Letters, digits and `._-` of ASCII, with one `-` for a row of others.
fn plain(text: &str, max: usize) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let words = text.split(|c| !is_plain(c)).filter(|word| !word.is_empty());
    cut(&words.collect::<Vec<_>>().join("-"), max).to_owned()
}

/// PagerDuty's 1,024 characters, and 512 KB. Bytes, of which there are never fewer than characters.
const MAX_SUMMARY: usize = 1_024;
const MAX_BYTES: usize = 512_000 - 100;
/// Of `dedup_key`'s 255 characters, for the service and for the environment.
const MAX_NAME: usize = 100;
const MAX_FIELD: usize = 255;
const MAX_PLAIN: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::Severity;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn named(name: &str) -> Alert {
        let json = match name {
            "panic" => include_str!("../../../tests/alerts/panic.json"),
            "joined" => include_str!("../../../tests/alerts/joined.json"),
            "quiet" => include_str!("../../../tests/alerts/quiet.json"),
            "test" => include_str!("../../../tests/alerts/test.json"),
            _ => unreachable!(),
        };
        serde_json::from_str(json).unwrap()
    }

    fn whole(alert: &Alert) -> Vec<Value> {
        events(alert)
            .map(|event| sized(alert, event, Size::Whole))
            .collect()
    }

    #[test]
    fn an_ending_resolves_what_the_alert_triggered() {
        let triggered = whole(&named("panic"));
        let resolved = whole(&named("quiet"));
        assert_eq!(
            triggered[0]["dedup_key"],
            "tm:shop:production:ba5875d600326ed1"
        );
        let key = &triggered[0]["dedup_key"];
        assert_eq!(
            resolved,
            [json!({ "event_action": "resolve", "dedup_key": key })]
        );
        for reason in [Reason::AllClear, Reason::Resolved] {
            let mut alert = named("panic");
            alert.reason = reason;
            assert_eq!(whole(&alert), resolved);
        }
    }

    #[test]
    fn each_problem_of_a_joined_alert_is_an_event_that_can_end_by_itself() {
        let mut alert = named("joined");
        alert.also[0].reason = Reason::Quiet { seconds: 3_600 };
        let all = whole(&alert);
        assert_eq!(all.len(), 1 + alert.also.len());
        for (event, line) in all[1..].iter().zip(&alert.also) {
            let end = format!(":{}", line.fingerprint);
            assert!(
                event["dedup_key"].as_str().unwrap().ends_with(&end),
                "{event}"
            );
        }
        assert_eq!(all[1]["event_action"], "resolve");
        let keys: std::collections::BTreeSet<_> =
            all.iter().map(|it| it["dedup_key"].to_string()).collect();
        assert_eq!(keys.len(), all.len());
    }

    #[test]
    fn the_guard_looks_at_every_size_of_a_line() {
        let mut alert = named("joined");
        alert.also[0].title = "no login with password=hunter2hunter2".to_owned();
        for size in Size::ALL {
            let event = sized(&alert, Event::Line(&alert.also[0]), size).to_string();
            assert!(
                event.contains("no") && !event.contains("hunter2"),
                "{event}"
            );
        }
    }

    #[test]
    fn tests_have_keys_of_their_own() {
        let alert = named("test");
        let event = &whole(&alert)[0];
        assert_eq!(event["dedup_key"], format!("tm:test:{}", alert.id));
        assert_eq!(event["event_action"], "trigger");
        assert_eq!(event["payload"]["severity"], Severity::Info.as_str());
    }

    #[test]
    fn each_event_leads_to_the_page_of_its_issue() {
        let mut alert = named("joined");
        alert.desk.dashboard = Some("https://ops.example.com/monitor".into());
        for (event, fingerprint) in whole(&alert).iter().zip(
            std::iter::once(alert.issue.fingerprint)
                .chain(alert.also.iter().map(|line| line.fingerprint)),
        ) {
            let page = format!("https://ops.example.com/monitor/issues/{fingerprint}");
            if event["event_action"] == "trigger" {
                assert_eq!(event["client_url"], page);
                assert_eq!(
                    event["links"],
                    json!([{ "href": page, "text": "issue page" }])
                );
            }
        }
    }

    #[test]
    fn causes_have_numbers_and_blocks_their_lines() {
        let mut alert = named("panic");
        let mut json = serde_json::to_value(&*alert.occurrence).unwrap();
        let cause = |words: &str| json!({ "type": "source", "message": words });
        json["exceptions"] = json!([cause("a"), cause("b"), cause("c"), cause("d")]);
        alert.occurrence = Arc::new(serde_json::from_value(json).unwrap());
        let details = whole(&alert)[0]["payload"]["custom_details"].clone();
        let causes = ["caused by", "caused by 2", "caused by 3"].map(|name| details[name].as_str());
        assert_eq!(causes, [Some("b"), Some("c"), Some("d")], "{details}");
        assert!(
            details["before"].as_str().unwrap().contains('\n'),
            "{details}"
        );
    }

    #[test]
    fn what_is_too_long_is_shortened() {
        let mut alert = named("panic");
        let mut json = serde_json::to_value(&*alert.occurrence).unwrap();
        json["missing"] = json!(vec!["\u{1f980}".repeat(500); 400]);
        alert.occurrence = Arc::new(serde_json::from_value(json).unwrap());
        let event = &whole(&alert)[0];
        let length = event.to_string().len();
        assert!((MAX_BYTES / 2..=MAX_BYTES).contains(&length), "{length}");
        assert!(event["payload"]["custom_details"]["shortened"].is_string());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_event_keeps_the_limits_whatever_anybody_wrote(text in "\\PC{0,400}|[\\x00-\\x1f\"\\\\🦀]{0,200}", causes in 0usize..4) {
            let mut alert = named("joined");
            let mut json = serde_json::to_value(&*alert.occurrence).unwrap();
            let cause = json!({ "type": "source", "message": text });
            json["exceptions"] = json!(vec![cause; 1 + causes]);
            json["origin"]["service"] = text.as_str().into();
            json["origin"]["environment"] = text.as_str().into();
            json["origin"]["host"] = text.as_str().into();
            json["request"]["route"] = text.as_str().into();
            json["missing"] = json!([text]);
            alert.occurrence = Arc::new(serde_json::from_value(json).unwrap());
            alert.also[0].title = text.clone();
            alert.also[0].culprit = Some(text);
            for size in Size::ALL {
                for event in events(&alert).map(|event| sized(&alert, event, size)) {
                    prop_assert!(event.to_string().len() <= MAX_BYTES);
                    let key = event["dedup_key"].as_str().unwrap();
                    prop_assert!(key.len() <= 255 && key.is_ascii());
                    let payload = &event["payload"];
                    for (name, max) in [("summary", 1_024), ("source", 255)] {
                        let text = payload[name].as_str().unwrap();
                        prop_assert!(!text.is_empty() && text.len() <= max && !text.contains(char::is_control));
                    }
                    let details = &payload["custom_details"];
                    prop_assert!(size == Size::Failsafe || details.is_object());
                }
            }
        }
    }
}

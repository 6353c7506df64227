//! Less and less of an item, until it fits: the steps of Rollbar's own gem.

use serde::Serialize;
use serde_json::{Map, Value};

use super::item::{failsafe, item};
use crate::issue::Alert;
use crate::notify::Message;
use crate::notify::shrink::Size;
use crate::text::{cut, shortened};

/// The most bytes that an item has. Rollbar's documentation once said 128 kB; its own gem sends 512 KiB.
pub const MAX_ITEM: usize = 512 * 1024;

/// The request's body, at most [`MAX_ITEM`] bytes.
pub(super) fn payload(alert: &Alert, environment: &str, size: Size) -> Vec<u8> {
    match size {
        Size::Whole => fitting(item(alert, environment), MAX_ITEM),
        Size::Small => fitting(item(alert, environment), SMALL_ITEM),
        Size::Failsafe => {
            let message = Message::of(alert);
            let words = format!(
                "Failsafe from tower-monitor: an occurrence was refused as it was, and less of it too. {} ({})",
                shortened(&message.headline, 200),
                cut(&message.reference, 64)
            );
            bytes(&failsafe(alert, environment, &words))
        }
    }
}

fn fitting(mut data: Map<String, Value>, max: usize) -> Vec<u8> {
    for step in STEPS {
        let bytes = bytes(&data);
        if bytes.len() <= max {
            return bytes;
        }
        step(&mut data);
    }
    bytes(&data)
}

fn bytes(data: &Map<String, Value>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Payload<'d> {
        data: &'d Map<String, Value>,
    }
    // Maps with text for keys always become JSON.
    serde_json::to_vec(&Payload { data }).unwrap_or_default()
}

type Step = fn(&mut Map<String, Value>);

const STEPS: [Step; 9] = [
    without_middle_frames,
    |data| shorten(data, 1_024),
    |data| shorten(data, 512),
    |data| shorten(data, 256),
    |data| shorten(data, 128),
    one_frame,
    |data| drop(data.remove("request")),
    |data| drop(data.remove("custom")),
    |data| data.retain(|name, _| LEAST.contains(&name.as_str())),
];

fn without_middle_frames(data: &mut Map<String, Value>) {
    for trace in traces(data) {
        if let Some(Value::Array(frames)) = trace.get_mut("frames")
            && frames.len() > 2 * END_FRAMES
        {
            frames.drain(END_FRAMES..frames.len() - END_FRAMES);
        }
    }
}

fn traces(data: &mut Map<String, Value>) -> Vec<&mut Value> {
    let Some(Value::Object(body)) = data.get_mut("body") else {
        return Vec::new();
    };
    let all = body
        .iter_mut()
        .map(|(name, form)| match (name.as_str(), form) {
            ("trace", trace) => vec![trace],
            ("trace_chain", Value::Array(chain)) => chain.iter_mut().collect(),
            _ => Vec::new(),
        });
    all.flatten().collect()
}

/// Cuts every text at so many bytes, where texts may be long.
fn shorten(data: &mut Map<String, Value>, max: usize) {
    let parts = data.iter_mut();
    let mut open: Vec<_> = parts
        .filter(|(name, _)| {
            ["body", "client", "custom", "request", "server"].contains(&name.as_str())
        })
        .map(|(_, value)| value)
        .collect();
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if text.len() > max => *text = shortened(text, max),
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => open.extend(fields.values_mut()),
            _ => {}
        }
    }
}

/// The outermost error with the place where it began, or the words alone.
fn one_frame(data: &mut Map<String, Value>) {
    let Some(Value::Object(body)) = data.get_mut("body") else {
        return;
    };
    body.remove("telemetry");
    if let Some(Value::Array(chain)) = body.get_mut("trace_chain") {
        chain.truncate(1);
    }
    if let Some(Value::Object(message)) = body.get_mut("message") {
        message.retain(|name, _| name == "body");
    }
    for trace in traces(data) {
        let Some(Value::Array(frames)) = trace.get_mut("frames") else {
            continue;
        };
        frames.drain(..frames.len().saturating_sub(1));
        if let Some(Value::Object(frame)) = frames.first_mut() {
            frame.retain(|name, _| ["filename", "lineno", "method"].contains(&name.as_str()));
        }
    }
}

const LEAST: [&str; 11] = [
    "body",
    "code_version",
    "context",
    "environment",
    "fingerprint",
    "language",
    "level",
    "notifier",
    "timestamp",
    "title",
    "uuid",
];
/// Below what Rollbar's documentation has ever named.
const SMALL_ITEM: usize = 120_000;
const END_FRAMES: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn data(frames: usize, text: usize) -> Map<String, Value> {
        let frame = |number| json!({ "filename": "src/a.rs", "lineno": number, "locals": { "a": "é".repeat(text) } });
        let frames: Vec<_> = (0..frames).map(frame).collect();
        let trace = json!({ "frames": frames, "exception": { "class": "panic", "message": "no" } });
        let data = json!({
            "environment": "e".repeat(255), "body": { "trace_chain": [trace.clone(), trace], "telemetry": [] },
            "request": { "url": "u".repeat(text) }, "custom": { "numbers": vec![7; text] }, "uuid": "1",
            "person": { "id": "42" },
        });
        data.as_object().unwrap().clone()
    }

    #[test]
    fn the_middle_of_a_stack_goes_first_and_its_most_recent_call_last() {
        let whole = data(120, 10);
        let size = bytes(&whole).len();
        let sent = |max| -> Value { serde_json::from_slice(&fitting(whole.clone(), max)).unwrap() };

        let frames = sent(size)["data"]["body"]["trace_chain"][0]["frames"].clone();
        assert_eq!(frames.as_array().unwrap().len(), 120);
        let frames = sent(size - 1)["data"]["body"]["trace_chain"][1]["frames"].clone();
        let lines: Vec<_> = frames
            .as_array()
            .unwrap()
            .iter()
            .map(|it| &it["lineno"])
            .collect();
        assert_eq!(
            (lines.len(), lines[49], lines[50]),
            (100, &json!(49), &json!(70))
        );

        let least = sent(0);
        let frame = &least["data"]["body"]["trace_chain"][0]["frames"];
        assert_eq!(*frame, json!([{ "filename": "src/a.rs", "lineno": 119 }]));
        assert_eq!(least["data"]["environment"], "e".repeat(255));
        assert_eq!(least["data"].get("person"), None);
    }

    #[test]
    fn it_fits_whatever_is_large() {
        for (frames, text) in [(0, 0), (3, 300_000), (1_000, 1_000), (30, 30_000)] {
            for max in [MAX_ITEM, SMALL_ITEM, 2_000] {
                let bytes = fitting(data(frames, text), max);
                assert!(
                    bytes.len() <= max,
                    "{frames} {text}: {} of {max}",
                    bytes.len()
                );
                assert!(
                    serde_json::from_slice::<Value>(&bytes).unwrap()["data"]["body"].is_object()
                );
            }
        }
    }
}

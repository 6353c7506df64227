//! The body of a request: an event and, when something was dropped, the report of it.
//!
//! Form: Sentry's [envelopes](https://develop.sentry.dev/sdk/foundations/envelopes/), lines of JSON that end with `\n`.

use bytes::Bytes;
use serde_json::{Value, json};

use super::event;
use crate::issue::Alert;
use crate::loss::LossReason;
use crate::notify::shrink::Size;
use crate::time::Timestamp;

/// What is sent for an alert.
pub(super) fn of(alert: &Alert, size: Size, own_grouping: bool, now: Timestamp) -> Bytes {
    let header = json!({
        "event_id": alert.occurrence.id.simple(),
        "sent_at": now,
        "sdk": event::sdk(),
    });
    let mut text = format!("{header}\n");
    add(&mut text, "event", &event::of(alert, size, own_grouping));
    if let Some(report) = report(alert, now) {
        add(&mut text, "client_report", &report);
    }
    text.into()
}

fn add(text: &mut String, kind: &str, item: &Value) {
    let payload = item.to_string();
    let header =
        json!({ "type": kind, "length": payload.len(), "content_type": "application/json" });
    text.push_str(&format!("{header}\n{payload}\n"));
}

/// What Sentry counts as [discarded](https://develop.sentry.dev/sdk/telemetry/client-reports/) by this client.
fn report(alert: &Alert, now: Timestamp) -> Option<Value> {
    let counts = [
        ("sample_rate", alert.held_back),
        ("ratelimit_backoff", alert.alerts() - 1),
        ("queue_overflow", alert.lost.of(LossReason::Occurrence)),
    ];
    let discarded: Vec<_> = counts
        .into_iter()
        .filter(|(_, quantity)| *quantity > 0)
        .map(|(reason, quantity)| json!({ "reason": reason, "category": "error", "quantity": quantity }))
        .collect();
    (!discarded.is_empty()).then(|| json!({ "timestamp": now, "discarded_events": discarded }))
}

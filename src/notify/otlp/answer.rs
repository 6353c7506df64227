//! What the answers of a receiver mean, as the OTLP specification says ("OTLP/HTTP Response").

use serde_json::Value;

use crate::guard::contained;
use crate::notify::NotifyError;
use crate::notify::http::{HttpAnswer, classify};
use crate::text::{cut, one_line};

/// As [`classify`], with fewer tries and with what is in a success.
pub(super) fn classified(notifier: &str, answer: &HttpAnswer) -> Result<(), NotifyError> {
    match classify(answer) {
        Ok(()) => partial(notifier, &answer.body),
        Err(error) if error.is_temporary() && !RETRYABLE.contains(&answer.status.as_u16()) => {
            Err(NotifyError::refused(answer.summary()))
        }
        Err(error) => Err(error),
    }
}

/// `{"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "…"}}`: a record that was rejected is not sent again.
fn partial(notifier: &str, body: &[u8]) -> Result<(), NotifyError> {
    let body: Option<Value> = serde_json::from_slice(body).ok();
    let Some(partial) = body.as_ref().and_then(|body| body.get("partialSuccess")) else {
        return Ok(());
    };
    let message = partial.get("errorMessage").and_then(Value::as_str);
    let message = one_line(cut(message.unwrap_or_default(), 200)).into_owned();
    let rejected = partial.get("rejectedLogRecords").and_then(|number| {
        // 64 bits are text in the JSON of protobuf; not every receiver minds.
        number.as_i64().or_else(|| number.as_str()?.parse().ok())
    });
    if rejected.unwrap_or(0) > 0 {
        return Err(NotifyError::refused(format!(
            "the record was rejected: {message}"
        )));
    }
    if !message.is_empty() {
        let _ = contained(|| {
            tracing::warn!(
                target: "tower_monitor", notifier, message, "the receiver took a record and warns"
            );
        });
    }
    Ok(())
}

const RETRYABLE: [u16; 4] = [429, 502, 503, 504];

//! What Discord's answers mean, and how long they keep the next request waiting.

use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;

use crate::notify::NotifyError;
use crate::notify::http::{HttpAnswer, classify};

/// How long no request may be sent, when the answer says that a limit is used up.
pub(super) fn pause(answer: &HttpAnswer) -> Option<Duration> {
    let spent = number(&answer.headers, "x-ratelimit-remaining") == Some(0.0);
    match judged(answer) {
        Err(error) if answer.status.as_u16() == 429 => error.wait(),
        _ if spent => number(&answer.headers, "x-ratelimit-reset-after").map(seconds),
        _ => None,
    }
}

/// Like [`classify`], with the wait that a 429 names in its body, which is more exact than the header.
pub(super) fn judged(answer: &HttpAnswer) -> Result<(), NotifyError> {
    let result = classify(answer);
    if answer.status.as_u16() != 429 {
        return result;
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    result.map_err(|error| {
        let named = body["retry_after"].as_f64().map(seconds);
        let reset = || number(&answer.headers, "x-ratelimit-reset-after").map(seconds);
        let wait = named.or(error.wait()).or_else(reset);
        error.retry_after(wait.unwrap_or(UNSAID))
    })
}

fn number(headers: &HeaderMap, name: &str) -> Option<f64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// At most an hour, whatever the answer says.
fn seconds(seconds: f64) -> Duration {
    let seconds = seconds.clamp(0.0, MAX_WAIT.as_secs_f64());
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// The wait after a 429 that names none.
const UNSAID: Duration = Duration::from_secs(2);
const MAX_WAIT: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderName, HeaderValue, StatusCode};

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> HttpAnswer {
        let headers = headers.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        HttpAnswer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.collect(),
            body: Bytes::from(body.to_owned()),
        }
    }

    fn wait(answer: &HttpAnswer) -> Option<Duration> {
        judged(answer).unwrap_err().wait()
    }

    #[test]
    fn the_wait_of_a_429_is_the_most_exact_one_that_it_names() {
        let retry = ("retry-after", "3");
        let reset = ("x-ratelimit-reset-after", "4.5");
        let body = r#"{"message":"You are being rate limited.","retry_after":0.65,"global":false}"#;
        for (headers, body, expected) in [
            (&[retry, reset][..], body, 0.65),
            (&[retry, reset], "<html>", 3.0),
            (&[reset], "", 4.5),
            (&[], "", 2.0),
            (&[], r#"{"retry_after":-1}"#, 0.0),
            (&[], r#"{"retry_after":1e300}"#, 3_600.0),
            (&[("x-ratelimit-reset-after", "NaN")], "", 0.0),
        ] {
            let wait = wait(&answer(429, headers, body));
            assert_eq!(wait, Some(Duration::from_secs_f64(expected)), "{body}");
        }
    }

    #[test]
    fn other_answers_mean_what_the_table_says() {
        assert!(judged(&answer(200, &[], "{}")).is_ok() && judged(&answer(204, &[], "")).is_ok());
        let unknown = r#"{"message":"Unknown Webhook","code":10015}"#;
        assert!(
            judged(&answer(404, &[], unknown))
                .unwrap_err()
                .is_destination_gone()
        );
        assert!(
            judged(&answer(401, &[], ""))
                .unwrap_err()
                .is_destination_gone()
        );
        let invalid = r#"{"message":"Invalid Form Body","code":50035,"errors":{}}"#;
        assert!(
            judged(&answer(400, &[], invalid))
                .unwrap_err()
                .is_payload_refused()
        );
        assert!(judged(&answer(502, &[], "")).unwrap_err().is_temporary());
    }

    #[test]
    fn what_is_used_up_keeps_the_next_request_waiting() {
        let left = ("x-ratelimit-remaining", "1");
        let spent = ("x-ratelimit-remaining", "0");
        let reset = ("x-ratelimit-reset-after", "600");
        for (answer, expected) in [
            (answer(200, &[left, reset], "{}"), None),
            (answer(200, &[spent, reset], "{}"), Some(600)),
            (answer(200, &[spent], "{}"), None),
            (answer(429, &[], r#"{"retry_after":700}"#), Some(700)),
        ] {
            assert_eq!(pause(&answer), expected.map(Duration::from_secs));
        }
    }
}

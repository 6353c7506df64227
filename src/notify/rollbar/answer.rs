//! What Rollbar's answers mean, and the pause that they ask for.

use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;

use crate::notify::NotifyError;
use crate::notify::http::{HttpAnswer, classify};
use crate::text::cut;

/// As [`classify`], with what Rollbar says in headers and bodies.
pub(super) fn classified(answer: &HttpAnswer) -> Result<(), NotifyError> {
    match classify(answer) {
        Ok(()) => match complaint(&answer.body) {
            Some(complaint) => Err(NotifyError::payload_refused(format!(
                "{} with an error: {complaint}",
                answer.status.as_u16()
            ))),
            None => Ok(()),
        },
        Err(error) if answer.status.as_u16() == 429 && error.wait().is_none() => {
            Err(error.retry_after(wait(&answer.headers)))
        }
        Err(error) => Err(error),
    }
}

/// What `{"err": 1, "message": "…"}` says.
fn complaint(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let is_error = body.get("err")?.as_i64()? != 0;
    let message = body.get("message").and_then(Value::as_str);
    is_error.then(|| cut(message.unwrap_or("no message"), 200).to_owned())
}

/// How long nothing may be sent, when nothing more may be.
pub(super) fn pause(answer: &HttpAnswer) -> Option<Duration> {
    let is_last = number(&answer.headers, "x-rate-limit-remaining") == Some(0);
    (is_last || answer.status.as_u16() == 429).then(|| wait(&answer.headers))
}

/// `X-Rate-Limit-Remaining-Seconds`, at most a minute, as in rollbar.js.
fn wait(headers: &HeaderMap) -> Duration {
    let seconds = number(headers, "x-rate-limit-remaining-seconds");
    seconds.map_or(MAX_WAIT, Duration::from_secs).min(MAX_WAIT)
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

const MAX_WAIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderName, HeaderValue, StatusCode};

    fn answer(status: u16, headers: &[(&'static str, &'static str)]) -> HttpAnswer {
        let pairs = headers.iter().map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        HttpAnswer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: pairs.collect(),
            body: Bytes::new(),
        }
    }

    #[test]
    fn the_last_one_that_is_allowed_begins_a_pause() {
        for (status, headers, expected) in [
            (200, &[][..], None),
            (200, &[("x-rate-limit-remaining", "1")][..], None),
            (200, &[("x-rate-limit-remaining", "0")][..], Some(60)),
            (
                200,
                &[
                    ("x-rate-limit-remaining", "0"),
                    ("x-rate-limit-remaining-seconds", "17"),
                ][..],
                Some(17),
            ),
            (
                429,
                &[("x-rate-limit-remaining-seconds", "3600")][..],
                Some(60),
            ),
            (429, &[("x-rate-limit-remaining-seconds", "0")][..], Some(0)),
            (
                429,
                &[("x-rate-limit-remaining-seconds", "-1")][..],
                Some(60),
            ),
        ] {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(
                pause(&answer(status, headers)),
                expected,
                "{status} {headers:?}"
            );
        }
    }
}

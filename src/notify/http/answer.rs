//! What an answer means for the next try.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

use crate::notify::NotifyError;
use crate::text::cut;

/// What the destination answered.
#[derive(Clone, Debug)]
pub(crate) struct HttpAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Its beginning.
    pub(crate) body: Bytes,
}

impl HttpAnswer {
    /// The status and the first 200 bytes of the text.
    pub(crate) fn summary(&self) -> String {
        let status = match self.status.canonical_reason() {
            Some(reason) => format!("{} {reason}", self.status.as_u16()),
            None => self.status.as_u16().to_string(),
        };
        let start = &self.body[..self.body.len().min(4 * MAX_TEXT)];
        let text = String::from_utf8_lossy(start);
        match cut(text.trim(), MAX_TEXT) {
            "" => status,
            text => format!("{status}: {text}"),
        }
    }
}

/// Whether the alert has arrived and, when not, whether another try makes sense.
///
/// | Status | Means |
/// |---|---|
/// | 2xx | arrived |
/// | 408, 425, 429, 5xx | temporary, with the wait that `Retry-After` asks for |
/// | 401, 403, 404, 410 | the destination is gone |
/// | 400, 413, 414, 422 | refused as it is: less may be taken |
/// | everything else, redirects too | refused |
pub(crate) fn classify(answer: &HttpAnswer) -> Result<(), NotifyError> {
    let summary = answer.summary();
    Err(match answer.status.as_u16() {
        200..=299 => return Ok(()),
        300..=399 => NotifyError::refused(format!("redirects are not followed: {summary}")),
        408 | 425 | 429 | 500..=599 => {
            let error = NotifyError::temporary(summary);
            match retry_after(&answer.headers, SystemTime::now()) {
                Some(wait) => error.retry_after(wait),
                None => error,
            }
        }
        401 | 403 | 404 | 410 => NotifyError::destination_gone(summary),
        400 | 413 | 414 | 422 => NotifyError::payload_refused(summary),
        _ => NotifyError::refused(summary),
    })
}

/// The wait that the `Retry-After` header asks for (RFC 9110, 10.2.3), at most an hour.
///
/// Seconds, with a fraction too, as some services send it; or a date in any of the three forms of RFC 9110, 5.6.7. A date
/// in the past is no wait. Anything else counts as absent.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match seconds(text) {
        Some(wait) => wait,
        None => httpdate::parse_http_date(text)
            .ok()?
            .duration_since(now)
            .unwrap_or_default(),
    };
    Some(wait.min(MAX_WAIT))
}

/// Seconds as digits, with a fraction or without; at most an hour.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    // `f64` would also read signs, exponents, `inf` and `nan`.
    let number = text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let seconds: f64 = number.then(|| text.parse().ok())??;
    Duration::try_from_secs_f64(seconds.min(MAX_WAIT.as_secs_f64())).ok()
}

const MAX_TEXT: usize = 200;
const MAX_WAIT: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, the example of RFC 9110.
    const THEN: u64 = 784_111_777;

    fn answer(status: u16, body: &'static str) -> HttpAnswer {
        HttpAnswer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    fn wait(value: &str, now: u64) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_bytes(value.as_bytes()).ok()?);
        retry_after(&headers, SystemTime::UNIX_EPOCH + Duration::from_secs(now))
    }

    #[test]
    fn every_status_means_what_the_table_says() {
        for status in 100..=999 {
            let said = classify(&answer(status, "why"));
            match status {
                200..=299 => assert!(said.is_ok()),
                408 | 425 | 429 | 500..=599 => assert!(said.unwrap_err().is_temporary()),
                401 | 403 | 404 | 410 => assert!(said.unwrap_err().is_destination_gone()),
                _ => {
                    let error = said.unwrap_err();
                    assert!(!error.is_temporary() && !error.is_destination_gone());
                }
            }
        }
    }

    #[test]
    fn the_message_holds_the_status_and_the_beginning_of_the_text() {
        let error = classify(&answer(400, " no\nsuch field ")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "refused: 400 Bad Request: no\\nsuch field"
        );

        let long = "é".repeat(300).leak();
        let error = classify(&answer(599, long)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("not now: 599: {}", "é".repeat(100))
        );
    }

    #[test]
    fn a_wait_is_seconds_or_any_of_the_three_forms_of_a_date() {
        for (value, expected) in [
            ("0", Some(0.0)),
            ("120", Some(120.0)),
            ("1.5", Some(1.5)),
            ("86400", Some(3600.0)),
            ("99999999999999999999999999", Some(3600.0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7.0)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(7.0)),
            ("Sun Nov  6 08:49:37 1994", Some(7.0)),
            ("Sun, 06 Nov 1994 08:49:20 GMT", Some(0.0)),
            ("Mon, 07 Nov 1994 08:49:37 GMT", Some(3600.0)),
            ("Mon, 06 Nov 1994 08:49:37 GMT", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1e3", None),
            ("inf", None),
            ("NaN", None),
            ("1.2.3", None),
            ("soon", None),
        ] {
            let expected = expected.map(Duration::from_secs_f64);
            assert_eq!(wait(value, THEN - 7), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn whole_seconds_are_taken_up_to_an_hour(seconds in any::<u64>()) {
            let expected = Duration::from_secs(seconds).min(MAX_WAIT);
            prop_assert_eq!(wait(&seconds.to_string(), THEN), Some(expected));
        }

        #[test]
        fn every_date_is_the_time_until_then(at in 0u64..4_102_444_800, before in 0u64..10_000) {
            let then = SystemTime::UNIX_EPOCH + Duration::from_secs(at);
            let now = at.saturating_sub(before);
            let expected = Duration::from_secs(at - now).min(MAX_WAIT);
            prop_assert_eq!(wait(&httpdate::fmt_http_date(then), now), Some(expected));
        }

        #[test]
        fn nothing_makes_it_panic_or_wait_for_more_than_an_hour(value in "\\PC{0,40}|[A-Za-z]{3,9},? [0-9: -]{2,20}(GMT)?") {
            prop_assert!(wait(&value, THEN).is_none_or(|wait| wait <= MAX_WAIT));
        }
    }
}

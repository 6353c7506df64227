//! How long Sentry wants to be left alone.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

use super::super::http::answer::{retry_after, seconds};

/// The wait for events that the headers of an answer ask for; `None` when they may be sent.
///
/// [Sentry's rules for rate limits](https://develop.sentry.dev/sdk/foundations/transport/rate-limiting/): the header
/// `X-Sentry-Rate-Limits` counts with every status; only without it a 429 is a limit for everything, for as long as `Retry-After`
/// says, or a minute.
pub(super) fn wait(status: u16, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let mut limits = headers
        .get_all(RATE_LIMITS)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .peekable();
    if limits.peek().is_some() {
        return limits.filter_map(for_errors).max();
    }
    (status == 429).then(|| retry_after(headers, now).unwrap_or(WITHOUT_A_WORD))
}

/// The longest wait in `retry_after:categories:scope:reason:namespaces, …` that concerns errors: those for `error`, and those
/// without categories, which concern everything.
fn for_errors(header: &str) -> Option<Duration> {
    header.split(',').filter_map(quota).max()
}

fn quota(text: &str) -> Option<Duration> {
    let text: String = text.split_whitespace().collect();
    let mut parts = text.split(':');
    let wait = seconds(parts.next()?)?;
    let categories = parts.next().unwrap_or_default();
    let concerned = categories.is_empty() || categories.split(';').any(|name| name == "error");
    concerned.then_some(wait)
}

const RATE_LIMITS: &str = "x-sentry-rate-limits";
const WITHOUT_A_WORD: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asked(status: u16, headers: &[(&'static str, &str)]) -> Option<u64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        wait(status, &map, SystemTime::UNIX_EPOCH).map(|wait| wait.as_secs())
    }

    #[test]
    fn the_headers_say_how_long_errors_have_to_wait() {
        let limits = |value: &'static str| asked(200, &[("x-sentry-rate-limits", value)]);
        for (value, expected) in [
            (
                "60:transaction:key, 2700:default;error;security:organization",
                Some(2_700),
            ),
            ("60:transaction:key", None),
            ("86400:transaction;span:organization", None),
            ("60::organization", Some(60)),
            ("60::organization, 30:error:key", Some(60)),
            ("10:error:key:quota_exceeded:ns1;ns2:more:fields", Some(10)),
            (" 1 0 : error ; session : key ", Some(10)),
            ("2.5:error:key", Some(2)),
            ("86400:error:key", Some(3_600)),
            ("5:bananas;errors:key", None),
            (
                "soon:error:key, -1:error:key, 1e3:error:key, :error:key, , ::,7",
                Some(7),
            ),
            ("", None),
        ] {
            assert_eq!(limits(value), expected, "{value}");
        }
    }

    #[test]
    fn a_429_is_a_limit_of_its_own_only_where_no_limits_are_named() {
        assert_eq!(asked(429, &[]), Some(60));
        assert_eq!(asked(429, &[("retry-after", "13")]), Some(13));
        assert_eq!(asked(429, &[("retry-after", "soon")]), Some(60));
        let both = [
            ("retry-after", "13"),
            ("x-sentry-rate-limits", "5:error:key"),
        ];
        assert_eq!(asked(429, &both), Some(5));
        let other = [("x-sentry-rate-limits", "5:session:key")];
        assert_eq!(asked(429, &other), None);
        let two = [
            ("x-sentry-rate-limits", "5:error:key"),
            ("x-sentry-rate-limits", "9::key"),
        ];
        assert_eq!(asked(200, &two), Some(9));
        assert_eq!(asked(200, &[("retry-after", "13")]), None);
    }

    proptest! {
        #[test]
        fn of_well_formed_limits_the_longest_that_concerns_errors_counts(
            quotas in proptest::collection::vec(
                (0u64..5_000, proptest::sample::subsequence(vec!["default", "error", "session", "bananas"], 0..4), "[a-z]{0,8}"),
                0..6,
            )
        ) {
            let texts = quotas.iter().map(|(wait, categories, scope)| {
                format!("{wait}:{}:{scope}", categories.join(";"))
            });
            let header = texts.collect::<Vec<_>>().join(", ");
            let expected = quotas.iter()
                .filter(|(_, categories, _)| categories.is_empty() || categories.contains(&"error"))
                .map(|(wait, ..)| (*wait).min(3_600))
                .max();
            prop_assert_eq!(for_errors(&header).map(|wait| wait.as_secs()), expected);
        }

        #[test]
        fn nothing_makes_it_panic_or_wait_for_more_than_an_hour(header in "\\PC{0,40}|[0-9.:;, eroa]{0,60}") {
            prop_assert!(for_errors(&header).is_none_or(|wait| wait <= Duration::from_secs(3_600)));
        }
    }
}

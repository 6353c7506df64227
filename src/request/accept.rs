//! Which form of an answer a client prefers (RFC 9110, section 12.5.1).

use http::HeaderValue;

/// The form in which a failed request is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preferred {
    /// Problem details, RFC 9457: for programs, and for whoever takes anything.
    #[default]
    ProblemJson,
    /// A page, for people.
    Html,
    /// Plain text, for those who ask for neither.
    Text,
}

impl Preferred {
    /// Reads an `Accept` header. Absent, malformed or `*/*`: problem details.
    pub(crate) fn read(accept: Option<&HeaderValue>) -> Self {
        let Some(accept) = accept.and_then(|value| value.to_str().ok()) else {
            return Self::default();
        };
        let mut best = (0, Self::Text);
        for range in accept.split(',').take(MAX_RANGES) {
            let mut parts = range.split(';').map(str::trim);
            let Some(preferred) = parts.next().and_then(Self::of_range) else {
                continue;
            };
            let quality = parts.find_map(quality).unwrap_or(1_000);
            // The first of equals wins, as browsers write `text/html` first.
            if quality > best.0 {
                best = (quality, preferred);
            }
        }
        best.1
    }

    fn of_range(range: &str) -> Option<Self> {
        let is = |name: &str| range.eq_ignore_ascii_case(name);
        if is("text/html") || is("application/xhtml+xml") {
            Some(Self::Html)
        } else if is("*/*")
            || is("application/*")
            || is("application/json")
            || is("application/problem+json")
        {
            Some(Self::ProblemJson)
        } else if is("text/plain") || is("text/*") {
            Some(Self::Text)
        } else {
            None
        }
    }
}

/// `q=0.8` in thousandths.
fn quality(parameter: &str) -> Option<u16> {
    let value = parameter
        .strip_prefix("q=")
        .or_else(|| parameter.strip_prefix("Q="))?;
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits = fraction
        .bytes()
        .take(3)
        .chain(std::iter::repeat(b'0'))
        .take(3);
    let thousandths = digits.fold(0_u16, |sum, digit| {
        sum * 10 + u16::from(digit.wrapping_sub(b'0').min(9))
    });
    Some((whole.parse::<u16>().ok()?.min(1) * 1_000 + thousandths).min(1_000))
}

const MAX_RANGES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_preferred_form_is_found() {
        for (accept, expected) in [
            ("*/*", Preferred::ProblemJson),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                Preferred::Html,
            ),
            ("application/json, text/plain, */*", Preferred::ProblemJson),
            ("text/plain", Preferred::Text),
            (
                "text/html;q=0.5, application/json;q=0.9",
                Preferred::ProblemJson,
            ),
            ("text/html;q=0, */*;q=0.1", Preferred::ProblemJson),
            ("TEXT/HTML", Preferred::Html),
            ("image/png", Preferred::Text),
            ("text/html;level=1;q=0.4, text/plain", Preferred::Text),
            ("", Preferred::Text),
        ] {
            let value = HeaderValue::from_static(accept);
            assert_eq!(Preferred::read(Some(&value)), expected, "{accept}");
        }
        assert_eq!(Preferred::read(None), Preferred::ProblemJson);
    }

    proptest! {
        #[test]
        fn any_header_is_taken(bytes in prop::collection::vec(any::<u8>(), 0..200), q in ".{0,8}") {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let _ = Preferred::read(Some(&value));
            }
            let _ = quality(&format!("q={q}"));
        }
    }
}

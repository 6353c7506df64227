//! The headers of a request or response, copied into one piece of memory.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Names and values one after the other, each with its length before it.
///
/// Copied and not cloned, for the same reason as the head's texts. Secrets are still in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeptHeaders {
    bytes: Vec<u8>,
    left_out: u16,
}

impl KeptHeaders {
    /// At most 8 KiB of all and 2 KiB of each value; of further ones only the number.
    pub(crate) fn copy(headers: &HeaderMap) -> Self {
        let mut kept = Self::for_about(headers.len());
        for (name, value) in headers {
            kept.push(name, value);
        }
        kept
    }

    /// With room for so many of ordinary length.
    pub(super) fn for_about(headers: usize) -> Self {
        Self {
            bytes: Vec::with_capacity((headers * ORDINARY).min(MAX_BYTES)),
            left_out: 0,
        }
    }

    pub(super) fn push(&mut self, name: &HeaderName, value: &HeaderValue) {
        let name = name.as_str().as_bytes();
        let value = value.as_bytes();
        let value = &value[..value.len().min(MAX_VALUE)];
        let length = LENGTHS + name.len() + value.len();
        let lengths = (u16::try_from(name.len()), u16::try_from(value.len()));
        let (Ok(name_length), Ok(value_length)) = lengths else {
            self.left_out = self.left_out.saturating_add(1);
            return;
        };
        if self.bytes.len() + length > MAX_BYTES {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        self.bytes.reserve(length);
        self.bytes.extend_from_slice(&name_length.to_le_bytes());
        self.bytes.extend_from_slice(&value_length.to_le_bytes());
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
    }

    /// Names in lower case with their values, in the order they came in.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (lengths, behind) = rest.split_at_checked(LENGTHS)?;
            let length =
                |at: usize| usize::from(u16::from_le_bytes([lengths[at], lengths[at + 1]]));
            let (name, behind) = behind.split_at_checked(length(0))?;
            let (value, behind) = behind.split_at_checked(length(2))?;
            rest = behind;
            Some((std::str::from_utf8(name).unwrap_or_default(), value))
        })
    }

    /// The first value of this name when it is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.iter().find(|(known, _)| *known == name)?;
        std::str::from_utf8(value).ok()
    }

    /// The names of the cookies that came along.
    pub(crate) fn cookie_names(&self) -> Vec<String> {
        let cookies = self
            .iter()
            .filter(|(name, _)| *name == header::COOKIE.as_str());
        let mut names = Vec::new();
        for (_, value) in cookies {
            let value = String::from_utf8_lossy(value);
            for cookie in value.split(';') {
                // Without `=` it may be a value that was cut off, or one without a name.
                if let Some((name, _)) = cookie.split_once('=')
                    && names.len() < MAX_COOKIES
                {
                    names.push(crate::text::shortened(name.trim(), 64));
                }
            }
        }
        names
    }

    pub(crate) fn left_out(&self) -> u16 {
        self.left_out
    }
}

const LENGTHS: usize = 4;
/// The bytes of an ordinary header with its name.
const ORDINARY: usize = 64;
const MAX_BYTES: usize = 8 * 1024;
const MAX_VALUE: usize = 2 * 1024;
const MAX_COOKIES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cookies_keep_their_names_only() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::COOKIE,
            HeaderValue::from_static("sid=abc; theme=dark; broken"),
        );
        headers.append(header::COOKIE, HeaderValue::from_static("b=c"));
        assert_eq!(
            KeptHeaders::copy(&headers).cookie_names(),
            ["sid", "theme", "b"]
        );
    }

    #[test]
    fn huge_heads_are_cut_and_what_is_left_out_is_counted() {
        let mut headers = HeaderMap::new();
        for n in 0..20 {
            let name = HeaderName::try_from(format!("x-long-{n}")).unwrap();
            headers.insert(name, HeaderValue::from_str(&"v".repeat(3_000)).unwrap());
        }
        let kept = KeptHeaders::copy(&headers);
        assert_eq!(kept.iter().count() + usize::from(kept.left_out()), 20);
        assert!(kept.bytes.len() <= MAX_BYTES && kept.iter().count() == 3);
        assert!(kept.iter().all(|(_, value)| value.len() == MAX_VALUE));
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(pairs in prop::collection::vec(("[a-z][a-z0-9-]{0,20}", "[ -~]{0,60}"), 0..30)) {
            let mut headers = HeaderMap::new();
            for (name, value) in &pairs {
                headers.append(HeaderName::try_from(name.as_str()).unwrap(), HeaderValue::from_str(value).unwrap());
            }
            let kept = KeptHeaders::copy(&headers);
            let expected: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
            prop_assert_eq!(kept.iter().collect::<Vec<_>>(), expected);
        }
    }
}

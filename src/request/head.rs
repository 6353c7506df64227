//! The head of a request, copied within bounds.
//!
//! Copied and not cloned: a clone of a header's value keeps the connection's whole read buffer alive, and the audit record
//! outlives the connection.

use http::{HeaderMap, HeaderValue, Method, Uri, Version, header};

use crate::text::cut;

/// Method, target, version and the headers that every record names, in one allocation.
#[derive(Clone, Debug)]
pub(super) struct Head {
    method: Method,
    version: Version,
    content_length: Option<u64>,
    /// Path, query, host, user agent and referrer one after the other; `ends` says where each ends.
    text: Box<str>,
    ends: [u16; 5],
    has: u8,
}

impl Head {
    pub(super) fn copy(method: &Method, uri: &Uri, version: Version, headers: &HeaderMap) -> Self {
        let value = |name| headers.get(name).map(HeaderValue::as_bytes);
        let parts = [
            Some(uri.path().as_bytes()),
            uri.query().map(str::as_bytes),
            uri.authority()
                .map(|authority| authority.as_str().as_bytes())
                .or_else(|| value(header::HOST)),
            value(header::USER_AGENT),
            value(header::REFERER),
        ];
        let room = parts
            .iter()
            .flatten()
            .zip(MAX_BYTES)
            .map(|(part, max)| part.len().min(max));
        let mut text = String::with_capacity(room.sum());
        let mut ends = [0; 5];
        let mut has = 0;
        for (index, part) in parts.into_iter().enumerate() {
            if let Some(part) = part {
                has |= 1 << index;
                push_text(&mut text, part, MAX_BYTES[index]);
            }
            ends[index] = u16::try_from(text.len()).unwrap_or(u16::MAX);
        }
        Self {
            method: copied(method),
            version,
            content_length: value(header::CONTENT_LENGTH)
                .and_then(|length| std::str::from_utf8(length).ok()?.parse().ok()),
            text: text.into_boxed_str(),
            ends,
            has,
        }
    }

    fn part(&self, index: usize) -> Option<&str> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let whole = (self.has & (1 << index)) != 0;
        whole.then(|| &self.text[usize::from(start)..usize::from(self.ends[index])])
    }

    pub(super) fn method(&self) -> &Method {
        &self.method
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    pub(super) fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    pub(super) fn path(&self) -> &str {
        self.part(0).unwrap_or_default()
    }

    pub(super) fn query(&self) -> Option<&str> {
        self.part(1)
    }

    pub(super) fn host(&self) -> Option<&str> {
        self.part(2)
    }

    pub(super) fn user_agent(&self) -> Option<&str> {
        self.part(3)
    }

    pub(super) fn referer(&self) -> Option<&str> {
        self.part(4)
    }
}

/// Appends at most `max` bytes; a byte that belongs to no character becomes U+FFFD.
fn push_text(out: &mut String, bytes: &[u8], max: usize) {
    let begin = &bytes[..bytes.len().min(max)];
    match std::str::from_utf8(begin) {
        Ok(text) => out.push_str(text),
        Err(_) => out.push_str(cut(&String::from_utf8_lossy(begin), max)),
    }
}

/// A method as long as a client likes: beyond the bound it is kept as `_OTHER`, as OpenTelemetry names it.
fn copied(method: &Method) -> Method {
    if method.as_str().len() <= MAX_METHOD {
        return method.clone();
    }
    Method::from_bytes(b"_OTHER").unwrap_or_default()
}

/// The bytes kept of path, query, host, user agent and referrer.
const MAX_BYTES: [usize; 5] = [2048, 2048, 255, 512, 1024];
const MAX_METHOD: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_huge_head_is_cut() {
        let long = "x".repeat(65_000);
        let uri: Uri = format!("/{long}?{}", &long[..60_000 - 65_000 % 7])
            .parse()
            .unwrap_or_default();
        let mut headers = HeaderMap::new();
        for name in [header::HOST, header::USER_AGENT, header::REFERER] {
            headers.insert(name, HeaderValue::from_str(&long).unwrap());
        }
        let method = Method::from_bytes("M".repeat(100).as_bytes()).unwrap();
        let head = Head::copy(&method, &uri, Version::HTTP_11, &headers);
        assert!(head.text.len() <= MAX_BYTES.iter().sum());
        assert_eq!(head.user_agent().map(str::len), Some(512));
        assert_eq!(head.host().map(str::len), Some(255));
        assert_eq!(head.method().as_str(), "_OTHER");
    }

    #[test]
    fn absent_and_empty_are_told_apart() {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(""));
        let head = Head::copy(
            &Method::GET,
            &Uri::from_static("/a?"),
            Version::HTTP_11,
            &headers,
        );
        assert_eq!((head.path(), head.query()), ("/a", Some("")));
        assert_eq!(
            (head.host(), head.user_agent(), head.referer()),
            (None, Some(""), None)
        );
    }

    proptest! {
        #[test]
        fn any_header_bytes_are_kept_as_text(bytes in prop::collection::vec(32u8..=255, 0..2_000)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.insert(header::USER_AGENT, value);
                let head = Head::copy(&Method::GET, &Uri::from_static("/"), Version::HTTP_11, &headers);
                let agent = head.user_agent().unwrap();
                prop_assert!(agent.len() <= 512);
                if bytes.is_ascii() && bytes.len() <= 512 {
                    prop_assert_eq!(agent.as_bytes(), &bytes[..]);
                }
            }
        }
    }
}

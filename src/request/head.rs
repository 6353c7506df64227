//! The head of a request, copied within bounds.
//!
//! Copied and not cloned: a clone of a header's value keeps the connection's whole read buffer alive, and the audit record
//! outlives the connection.

use http::{HeaderMap, HeaderValue, Method, Uri, Version, header};

use super::headers::KeptHeaders;
use super::short::ShortText;
use super::trace::TRACEPARENT;
use crate::text::cut;

/// Method, target, version and the headers that every record names.
#[derive(Clone, Debug)]
pub(super) struct Head {
    method: Method,
    version: Version,
    content_length: Option<u64>,
    /// Path, query, host, user agent and referrer one after the other; `ends` says where each ends.
    text: ShortText<INLINE>,
    ends: [u16; 5],
    has: u8,
}

/// The texts of a request's head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texts<'r> {
    pub(crate) path: &'r str,
    pub(crate) query: Option<&'r str>,
    pub(crate) host: Option<&'r str>,
    pub(crate) user_agent: Option<&'r str>,
    pub(crate) referer: Option<&'r str>,
}

/// The headers that are looked at, found in one pass: a look-up for each would cost more.
#[derive(Debug, Default)]
pub(super) struct KnownHeaders<'h> {
    host: Option<&'h HeaderValue>,
    user_agent: Option<&'h HeaderValue>,
    referer: Option<&'h HeaderValue>,
    content_length: Option<&'h HeaderValue>,
    pub(super) content_type: Option<&'h HeaderValue>,
    pub(super) accept: Option<&'h HeaderValue>,
    /// The only `traceparent`; several count as none.
    pub(super) traceparent: Option<&'h HeaderValue>,
}

impl<'h> KnownHeaders<'h> {
    /// And what the head does not keep itself, copied.
    pub(super) fn find(headers: &'h HeaderMap) -> (Self, KeptHeaders) {
        let mut known = Self::default();
        let mut kept = KeptHeaders::for_about(headers.len().saturating_sub(IN_HEAD));
        let mut traceparents = 0;
        for (name, value) in headers {
            // The first of several counts, as with `HeaderMap::get`.
            if *name == header::HOST {
                known.host.get_or_insert(value);
                continue;
            } else if *name == header::USER_AGENT {
                known.user_agent.get_or_insert(value);
                continue;
            } else if *name == header::REFERER {
                known.referer.get_or_insert(value);
                continue;
            }
            kept.push(name, value);
            if *name == header::ACCEPT {
                known.accept.get_or_insert(value);
            } else if *name == header::CONTENT_TYPE {
                known.content_type.get_or_insert(value);
            } else if *name == header::CONTENT_LENGTH {
                known.content_length.get_or_insert(value);
            } else if *name == TRACEPARENT {
                traceparents += 1;
                known.traceparent = Some(value);
            }
        }
        if traceparents > 1 {
            known.traceparent = None;
        }
        (known, kept)
    }

    pub(super) fn is_grpc(&self) -> bool {
        let kind = self.content_type.map(HeaderValue::as_bytes);
        let behind = kind.and_then(|kind| kind.strip_prefix(b"application/grpc"));
        // Not `application/grpc-web`, which is another protocol.
        behind.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
    }
}

impl Head {
    pub(super) fn copy(
        method: &Method,
        uri: &Uri,
        version: Version,
        known: &KnownHeaders<'_>,
    ) -> Self {
        let host = uri
            .authority()
            .map(|authority| authority.as_str().as_bytes())
            .or(known.host.map(HeaderValue::as_bytes))
            .map(without_login);
        let parts = [
            Some(uri.path().as_bytes()),
            uri.query().map(str::as_bytes),
            host,
            known.user_agent.map(HeaderValue::as_bytes),
            known.referer.map(HeaderValue::as_bytes),
        ];
        let mut ends = [0; 5];
        let mut has = 0;
        let mut end = 0;
        for (index, part) in parts.iter().enumerate() {
            if let Some(part) = part {
                has |= 1 << index;
                end += part.len().min(MAX_BYTES[index]);
            }
            ends[index] = u16::try_from(end).unwrap_or(u16::MAX);
        }
        let within = parts.iter().zip(MAX_BYTES);
        let within = within.filter_map(|(part, max)| part.map(|part| &part[..part.len().min(max)]));
        let text = ShortText::from_parts(within)
            .unwrap_or_else(|| ShortText::Heap(repaired(&parts, &mut ends).into_boxed_str()));
        Self {
            method: copied(method),
            version,
            content_length: known
                .content_length
                .and_then(|length| length.to_str().ok()?.parse().ok()),
            text,
            ends,
            has,
        }
    }

    /// All texts at once: cheaper than one after the other.
    pub(super) fn texts(&self) -> Texts<'_> {
        let text = self.text.as_str();
        let part = |index: usize| {
            let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
            let is_there = (self.has & (1 << index)) != 0;
            is_there
                .then(|| text.get(usize::from(start)..usize::from(self.ends[index])))
                .flatten()
        };
        Texts {
            path: part(0).unwrap_or_default(),
            query: part(1),
            host: part(2),
            user_agent: part(3),
            referer: part(4),
        }
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
}

/// The host of `user:password@host`: what stands before the last `@` is never kept.
fn without_login(host: &[u8]) -> &[u8] {
    // No early exit: so the compiler looks at many bytes at once.
    if !host.iter().fold(false, |any, byte| any | (*byte == b'@')) {
        return host;
    }
    let login = host.iter().rposition(|byte| *byte == b'@');
    login.map_or(host, |at| &host[at + 1..])
}

/// The same text where it is long, where some bytes belong to no character, or where a cut went through one: such bytes
/// become U+FFFD.
fn repaired(parts: &[Option<&[u8]>; 5], ends: &mut [u16; 5]) -> String {
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        if let Some(part) = part {
            let max = MAX_BYTES[index];
            let lossy = String::from_utf8_lossy(&part[..part.len().min(max)]);
            text.push_str(cut(&lossy, max));
        }
        ends[index] = u16::try_from(text.len()).unwrap_or(u16::MAX);
    }
    text
}

/// A method as long as a client likes: beyond the bound it is kept as `_OTHER`, as OpenTelemetry names it.
fn copied(method: &Method) -> Method {
    if method.as_str().len() <= MAX_METHOD {
        return method.clone();
    }
    Method::from_bytes(OTHER_METHOD.as_bytes()).unwrap_or_default()
}

/// The name of a method that HTTP defines (RFC 9110, section 9, and RFC 5789).
pub(crate) fn known_method(method: &Method) -> Option<&'static str> {
    Some(match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => return None,
    })
}

/// What OpenTelemetry calls every other method.
pub(crate) const OTHER_METHOD: &str = "_OTHER";

/// The bytes kept of path, query, host, user agent and referrer.
const MAX_BYTES: [usize; 5] = [2048, 2048, 255, 512, 1024];
const MAX_METHOD: usize = 32;
/// The headers that the head keeps itself.
const IN_HEAD: usize = 3;
/// Enough for the five of an ordinary request of a browser.
const INLINE: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(method: &Method, uri: &Uri, headers: &HeaderMap) -> Head {
        Head::copy(
            method,
            uri,
            Version::HTTP_11,
            &KnownHeaders::find(headers).0,
        )
    }

    #[test]
    fn a_login_in_the_host_is_not_kept() {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_str(&format!("uma:{}@shop:80", "x".repeat(300))).unwrap();
        headers.insert(header::HOST, value);
        let seen = head(&Method::GET, &Uri::from_static("/"), &headers);
        assert_eq!(seen.texts().host, Some("shop:80"));
        let uri = Uri::from_static("http://uma:hunter2@shop/");
        assert_eq!(
            head(&Method::GET, &uri, &headers).texts().host,
            Some("shop")
        );
    }

    #[test]
    fn several_traceparents_count_as_none() {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_static("a");
        headers.append(TRACEPARENT, value.clone());
        assert_eq!(KnownHeaders::find(&headers).0.traceparent, Some(&value));
        headers.append(TRACEPARENT, value);
        assert_eq!(KnownHeaders::find(&headers).0.traceparent, None);
    }

    #[test]
    fn the_first_of_several_counts() {
        let mut headers = HeaderMap::new();
        for agent in ["one", "two"] {
            headers.append(header::USER_AGENT, HeaderValue::from_static(agent));
        }
        let head = head(&Method::GET, &Uri::from_static("/"), &headers);
        assert_eq!(head.texts().user_agent, Some("one"));
    }

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
        let head = head(&method, &uri, &headers);
        assert!(head.text.as_str().len() <= MAX_BYTES.iter().sum());
        assert_eq!(head.texts().user_agent.map(str::len), Some(512));
        assert_eq!(head.texts().host.map(str::len), Some(255));
        assert_eq!(head.method().as_str(), "_OTHER");
    }

    #[test]
    fn absent_and_empty_are_told_apart() {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(""));
        let head = head(&Method::GET, &Uri::from_static("/a?"), &headers);
        assert_eq!((head.texts().path, head.texts().query), ("/a", Some("")));
        assert_eq!(
            (
                head.texts().host,
                head.texts().user_agent,
                head.texts().referer
            ),
            (None, Some(""), None)
        );
    }

    proptest! {
        #[test]
        fn any_header_bytes_are_kept_as_text(bytes in prop::collection::vec(32u8..=255, 0..2_000)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.insert(header::USER_AGENT, value);
                let head = head(&Method::GET, &Uri::from_static("/"), &headers);
                let agent = head.texts().user_agent.unwrap();
                prop_assert!(agent.len() <= 512);
                if bytes.is_ascii() && bytes.len() <= 512 {
                    prop_assert_eq!(agent.as_bytes(), &bytes[..]);
                }
            }
        }
    }
}

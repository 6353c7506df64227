//! The W3C trace context of a request (<https://www.w3.org/TR/trace-context/>, level 2).

use std::fmt;

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Where a request stands in a distributed trace, from its `traceparent` header.
///
/// Whatever is not exactly in the form of the recommendation counts as absent: several headers, upper case, zero ids,
/// version `ff`, a length other than 55 for version `00`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: [u8; 32],
    parent_id: [u8; 16],
    sampled: bool,
}

impl TraceContext {
    /// Reads the value of the request's only `traceparent` header.
    pub(crate) fn from_header(value: &HeaderValue) -> Option<Self> {
        Self::parse(value.as_bytes().trim_ascii())
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let (known, beyond) = text.split_at_checked(LENGTH)?;
        let [version, trace_id, parent_id, flags] =
            [&known[..2], &known[3..35], &known[36..52], &known[53..]];
        let dashes = [known[2], known[35], known[52]] == [b'-'; 3];
        let hex = [version, trace_id, parent_id, flags].iter().all(|part| {
            part.iter()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        });
        let zero = |part: &[u8]| part.iter().all(|byte| *byte == b'0');
        let length = match version {
            b"ff" => false,
            b"00" => beyond.is_empty(),
            _ => matches!(beyond.first(), None | Some(b'-')),
        };
        if !(dashes && hex && length) || zero(trace_id) || zero(parent_id) {
            return None;
        }
        let low = char::from(flags[1]).to_digit(16)?;
        Some(Self {
            trace_id: trace_id.try_into().ok()?,
            parent_id: parent_id.try_into().ok()?,
            sampled: low & 1 == 1,
        })
    }

    /// The id of the whole trace: 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        std::str::from_utf8(&self.trace_id).unwrap_or_default()
    }

    /// The id of the caller's span: 16 lower-case hexadecimal digits.
    #[must_use]
    pub fn parent_id(&self) -> &str {
        std::str::from_utf8(&self.parent_id).unwrap_or_default()
    }

    /// Whether the caller may have recorded the trace.
    #[must_use]
    pub fn sampled(&self) -> bool {
        self.sampled
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceContext")
            .field("trace_id", &self.trace_id())
            .field("parent_id", &self.parent_id())
            .field("sampled", &self.sampled)
            .finish()
    }
}

impl Serialize for TraceContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut out = serializer.serialize_struct("TraceContext", 3)?;
        out.serialize_field("trace_id", self.trace_id())?;
        out.serialize_field("parent_id", self.parent_id())?;
        out.serialize_field("sampled", &self.sampled)?;
        out.end()
    }
}

impl<'de> Deserialize<'de> for TraceContext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Parts {
            trace_id: String,
            parent_id: String,
            sampled: bool,
        }
        let parts = Parts::deserialize(deserializer)?;
        let flags = u8::from(parts.sampled);
        // By the header's own rules.
        let header = format!("00-{}-{}-{flags:02x}", parts.trace_id, parts.parent_id);
        Self::parse(header.as_bytes())
            .ok_or_else(|| de::Error::custom("no ids of a W3C trace context"))
    }
}

pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const LENGTH: usize = 55;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn parse(text: &str) -> Option<TraceContext> {
        TraceContext::parse(text.as_bytes())
    }

    #[test]
    fn a_valid_header_is_read() {
        let trace = parse(VALID).unwrap();
        assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.parent_id(), "b7ad6b7169203331");
        assert!(trace.sampled());
        assert!(!parse(&VALID.replace("-01", "-02")).unwrap().sampled());
    }

    #[test]
    fn the_rules_of_the_recommendation_hold() {
        let later = VALID.replacen("00", "cc", 1);
        for (text, valid) in [
            (VALID.to_owned(), true),
            (format!("{VALID}-what-the-future-brings"), false),
            (later.clone(), true),
            (format!("{later}-what-the-future-brings"), true),
            (format!("{later}.what"), false),
            (VALID.replacen("00", "ff", 1), false),
            (VALID.to_uppercase(), false),
            (
                VALID.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
                false,
            ),
            (VALID.replace("b7ad6b7169203331", &"0".repeat(16)), false),
            (VALID.replacen('-', "_", 1), false),
            (VALID[..54].to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(parse(&text).is_some(), valid, "{text}");
        }
    }

    #[test]
    fn it_is_read_back_by_the_same_rules() {
        for valid in [VALID, &VALID.replace("-01", "-00")] {
            let trace = parse(valid).unwrap();
            let json = serde_json::to_string(&trace).unwrap();
            assert_eq!(serde_json::from_str::<TraceContext>(&json).unwrap(), trace);
        }
        let json = serde_json::to_string(&parse(VALID)).unwrap();
        for (part, wrong) in [
            (trace_id(), "0".repeat(32)),
            (trace_id(), trace_id().to_uppercase()),
            ("b7ad6b7169203331".to_owned(), "b7ad".to_owned()),
        ] {
            let json = json.replace(&part, &wrong);
            assert!(
                serde_json::from_str::<TraceContext>(&json).is_err(),
                "{json}"
            );
        }
    }

    fn trace_id() -> String {
        VALID[3..35].to_owned()
    }

    #[test]
    fn spaces_round_it_do_not_count() {
        let value = HeaderValue::from_str(&format!(" {VALID}\t")).unwrap();
        assert_eq!(TraceContext::from_header(&value), parse(VALID));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = TraceContext::parse(&bytes);
        }

        #[test]
        fn one_wrong_byte_is_never_read_as_something_else(at in 0usize..55, byte in any::<u8>()) {
            let mut bytes = VALID.as_bytes().to_vec();
            bytes[at] = byte;
            if let Some(trace) = TraceContext::parse(&bytes) {
                prop_assert!(bytes[..2] != *b"ff");
                prop_assert_eq!(trace.trace_id().as_bytes(), &bytes[3..35]);
                prop_assert_eq!(trace.parent_id().as_bytes(), &bytes[36..52]);
            }
        }
    }
}

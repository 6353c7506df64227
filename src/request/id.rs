//! The id of a request: kept from a trusted proxy, or made here as a UUIDv7.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use bytes::Bytes;
use http::HeaderValue;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use super::short::ShortText;
use crate::time::Timestamp;

/// The id that ties together a response, its log lines, its audit record and every alert about it.
///
/// Either 1 to 128 characters of `[A-Za-z0-9._-]` that a trusted proxy sent, or a new UUIDv7 (RFC 9562), which sorts by
/// time.
#[derive(Clone)]
pub struct RequestId(ShortText<UUID>);

impl RequestId {
    /// A new id for a request that began at `now`.
    pub(crate) fn generate(now: Timestamp) -> Self {
        let mut text = [0; UUID];
        Self(ShortText::new(
            Self::generate_uuid(now)
                .hyphenated()
                .encode_lower(&mut text),
        ))
    }

    /// The UUID of [`generate`](Self::generate), for whatever else wants ids that sort by time.
    ///
    /// Ids need to differ, not to be secret. Each thread has a generator of its own (SplitMix64: a counter and a mixer),
    /// seeded by the operating system; an id costs no system call. The time is mixed in as well, so that a process that
    /// forks does not repeat itself.
    pub(crate) fn generate_uuid(now: Timestamp) -> Uuid {
        thread_local! {
            static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(std::process::id()));
        }
        let micros = now.unix_micros().unsigned_abs();
        let state = STATE.get().wrapping_add(GOLDEN_RATIO);
        STATE.set(state);
        let low = mixed(state ^ micros.rotate_left(32));
        let high = mixed(low.wrapping_add(state));
        let mut random = [0; 10];
        random[..8].copy_from_slice(&low.to_be_bytes());
        random[8..].copy_from_slice(&high.to_be_bytes()[..2]);
        uuid::Builder::from_unix_timestamp_millis(micros / 1_000, &random).into_uuid()
    }

    /// The id in `value`, when it has the form that is believed.
    pub(crate) fn from_header(value: &HeaderValue) -> Option<Self> {
        Self::from_bytes(value.as_bytes())
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let valid = (1..=Self::MAX_LENGTH).contains(&bytes.len())
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        let text = std::str::from_utf8(bytes).ok().filter(|_| valid)?;
        Some(Self(ShortText::new(text)))
    }

    /// The longest id that is taken over, in bytes.
    pub const MAX_LENGTH: usize = 128;

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The id as the value of a header. Clones of the value copy nothing.
    #[must_use]
    pub fn header_value(&self) -> HeaderValue {
        // `from_owner` is one allocation now and none for the clones that follow.
        let value = match &self.0 {
            ShortText::Inline { length: 36, bytes } => {
                HeaderValue::from_maybe_shared(Bytes::from_owner(*bytes))
            }
            other => HeaderValue::from_str(other.as_str()),
        };
        value.unwrap_or_else(|_| HeaderValue::from_static("invalid"))
    }
}

impl PartialEq for RequestId {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for RequestId {}

impl Hash for RequestId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestId").field(&self.as_str()).finish()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_bytes(text.as_bytes()).ok_or_else(|| {
            de::Error::custom("a request's id has 1 to 128 characters of `[A-Za-z0-9._-]`")
        })
    }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
const fn mixed(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// The length of a UUID as text.
const UUID: usize = uuid::fmt::Hyphenated::LENGTH;
const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

/// Whose request ids are taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustRequestIds {
    /// Nobody's: every request gets a new id.
    Nobody,
    /// Those of the [trusted proxies](crate::Builder::trusted_proxies). None is trusted until one is named, so this
    /// default makes a new id for every request.
    #[default]
    Proxies,
    /// Anybody's, when the form is right. For a service that only other services can reach.
    Anybody,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn generated_ids_are_uuids_of_version_7_and_all_different() {
        let now = Timestamp::from_unix_micros(1_795_340_339_012_345);
        let ids: HashSet<_> = (0..10_000).map(|_| RequestId::generate(now)).collect();
        assert_eq!(ids.len(), 10_000);
        for id in &ids {
            let uuid = uuid::Uuid::parse_str(id.as_str()).unwrap();
            assert_eq!(uuid.get_version_num(), 7);
            assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
            assert!(
                id.as_str().starts_with("01a2"),
                "{id} does not begin with the time"
            );
            assert_eq!(
                RequestId::from_header(&id.header_value()).as_ref(),
                Some(id)
            );
        }
    }

    #[test]
    fn threads_make_different_ids() {
        let now = Timestamp::from_unix_micros(0);
        let make = move || {
            (0..1_000)
                .map(|_| RequestId::generate(now))
                .collect::<HashSet<_>>()
        };
        let (mut ours, theirs) = (make(), std::thread::spawn(make).join().unwrap());
        ours.extend(theirs);
        assert_eq!(ours.len(), 2_000);
    }

    #[test]
    fn the_form_decides() {
        for (value, kept) in [
            ("a", true),
            ("01J8ZK5T3M7W9Q2R4S6V8X0Y1Z", true),
            ("req_7.b-2", true),
            ("", false),
            ("a b", false),
            ("a\tb", false),
            ("<script>", false),
        ] {
            let value = HeaderValue::from_str(value).unwrap();
            assert_eq!(RequestId::from_header(&value).is_some(), kept, "{value:?}");
        }
        for (length, kept) in [(128, true), (129, false), (65_536, false)] {
            let value = HeaderValue::from_str(&"x".repeat(length)).unwrap();
            assert_eq!(
                RequestId::from_header(&value).is_some(),
                kept,
                "{length} bytes"
            );
        }
    }

    #[test]
    fn only_what_has_the_form_is_read_back() {
        let read = |text: &str| serde_json::from_value::<RequestId>(text.into()).ok();
        let id = RequestId::generate(Timestamp::from_unix_micros(0));
        assert_eq!(read(id.as_str()), Some(id));
        assert_eq!(read("req_7.b-2").unwrap().as_str(), "req_7.b-2");
        assert!(read(&"x".repeat(128)).is_some());
        for wrong in ["", "a b", "a\r\nx: y", "ü", &"x".repeat(129)] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_has_the_form(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes)
                && let Some(id) = RequestId::from_header(&value)
            {
                prop_assert!(id.as_str().len() <= RequestId::MAX_LENGTH && !id.as_str().is_empty());
                prop_assert!(id.as_str().chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)));
            }
        }
    }
}

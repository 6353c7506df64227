//! Headers and addresses of requests.

use super::{Depth, Place, Read, Reader, aligned};
use crate::locals::types::Field;
use crate::stack::{Missing, Value};

/// The headers whose values are read. Of all others, which may be anything, only the names are.
const READ_HEADERS: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "date",
    "host",
    "retry-after",
    "server",
    "transfer-encoding",
    "user-agent",
    "vary",
    "x-request-id",
];

/// How an entry of a map of headers looks.
pub(super) struct Bucket<'f> {
    pub(super) stride: u64,
    pub(super) key: &'f Field,
    pub(super) value: (u64, u64),
    pub(super) sensitive: u64,
}

impl Reader<'_> {
    pub(super) fn headers(
        &mut self,
        place: Place<'_>,
        (entries, length): (u64, u64),
        bucket: &Bucket<'_>,
        depth: Depth,
    ) -> Read<Value> {
        let length = self.length(place, length, None)?;
        let mut shown = Vec::new();
        if length > 0 {
            let depth = depth.into_level()?;
            let first = self.word_at(place, entries)?;
            aligned(first, 8)?;
            for index in 0..length.min(self.limits.items as u64) {
                let offset = index.checked_mul(bucket.stride).ok_or(Missing::Invalid)?;
                let entry = Place::Memory(first).plus(offset)?;
                let key = self.field(bucket.key, entry, depth);
                let value = self.header(&key, entry, bucket);
                shown.push((key, value.unwrap_or_else(Value::Missing)));
            }
        }
        Ok(Value::Map {
            entries: shown,
            length,
        })
    }

    fn header(&mut self, key: &Value, entry: Place<'_>, bucket: &Bucket<'_>) -> Read<Value> {
        let name = match key {
            Value::Variant { name, .. } => &**name,
            Value::Text { text, .. } => text.as_str(),
            _ => return Err(Missing::Redacted),
        };
        let allowed = READ_HEADERS.contains(&name);
        if !allowed || self.bytes::<1>(entry.plus(bucket.sensitive)?)? != [0] {
            return Err(Missing::Redacted);
        }
        self.text(entry, (bucket.value.0, bucket.value.1, None), false)
    }

    /// In one piece, as users and passwords are known by what stands around them.
    pub(super) fn uri(
        &mut self,
        place: Place<'_>,
        scheme: &Field,
        authority: (u64, u64),
        path: (u64, u64),
        query: u64,
    ) -> Read<Value> {
        let depth = Depth {
            levels: 1,
            steps: 12,
            in_foreign: false,
        };
        let mut whole = String::new();
        match self.field(scheme, place, depth) {
            Value::Scalar(none) if none == "None" => {}
            Value::Variant { name, .. } => whole.push_str(&name),
            Value::Pointer { to, .. } => match &*to {
                Value::Text { text, .. } => whole.push_str(text),
                _ => return Err(Missing::Invalid),
            },
            Value::Missing(missing) => return Err(missing),
            _ => return Err(Missing::Unsupported),
        }
        let host = self.length(place, authority.1, None)?;
        if host > 0 {
            if !whole.is_empty() {
                whole.push_str("://");
            }
            whole.push_str(&self.raw_text(place, authority.0, host)?);
        }
        let rest = self.length(place, path.1, None)?;
        let shown = self.raw_text(place, path.0, rest)?;
        // The query begins there, or there is none.
        let query = u64::from(u16::from_ne_bytes(self.bytes(place.plus(query)?)?));
        if query != u64::from(u16::MAX) && query > rest {
            return Err(Missing::Invalid);
        }
        let lost = rest.saturating_sub(shown.len() as u64);
        match (shown.as_str(), host) {
            ("", 1..) => whole.push('/'),
            _ => whole.push_str(&shown),
        }
        let length = whole.len() as u64 + lost;
        Ok(self.clean(whole, length))
    }
}

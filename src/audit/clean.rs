//! What a writer remembers from record to record: texts in which there is nothing to hide, and the time.

use std::borrow::Cow;

use crate::redact::Redactor;
use crate::time::Timestamp;

/// A [`Redactor`] that remembers texts which it left as they were.
///
/// Most requests repeat the user agents, paths and referrers of others, and looking through a user agent takes longer than
/// writing the whole record. A text with a secret in it is never remembered. At most 256 KiB.
pub(super) struct Cleaner {
    redactor: Redactor,
    slots: Box<[Slot]>,
    /// The last time that was written, as second and text.
    time: (i64, [u8; 24]),
}

/// A text that the redactor left as it was.
#[derive(Clone, Debug)]
struct Slot {
    kind: Kind,
    text: String,
    /// The file's format leaves it as it is, too.
    plain: bool,
}

impl Slot {
    fn is(&self, kind: Kind, text: &str) -> bool {
        self.kind == kind && self.text == text
    }
}

/// What a text is; each kind has its own rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Url,
    Query,
}

impl Cleaner {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self {
            redactor,
            slots: vec![
                Slot {
                    kind: Kind::Text,
                    text: String::new(),
                    plain: false,
                };
                SLOTS
            ]
            .into_boxed_slice(),
            time: (0, Timestamp::from_unix_micros(0).rfc3339()),
        }
    }

    /// [`Timestamp::rfc3339`]; most records end in the same second as the one before.
    pub(super) fn rfc3339(&mut self, time: Timestamp) -> [u8; 24] {
        let second = time.unix_seconds();
        if self.time.0 != second {
            self.time = (second, time.rfc3339());
        }
        let mut text = self.time.1;
        let millis = (time.unix_micros() - second * 1_000_000) as u32 / 1_000;
        text[20] = b'0' + (millis / 100) as u8;
        text[21] = b'0' + (millis / 10 % 10) as u8;
        text[22] = b'0' + (millis % 10) as u8;
        text
    }

    /// The text without its secrets.
    pub(super) fn clean<'t>(&mut self, kind: Kind, text: &'t str) -> Cow<'t, str> {
        let slot = &mut self.slots[slot(text)];
        if slot.is(kind, text) {
            return Cow::Borrowed(text);
        }
        let clean = match kind {
            Kind::Text => self.redactor.text(text),
            Kind::Url => self.redactor.url(text),
            Kind::Query => self.redactor.query(text),
        };
        if text.len() <= MAX_REMEMBERED && clean == text {
            slot.kind = kind;
            slot.text.clear();
            slot.text.push_str(text);
            slot.plain = false;
        }
        clean
    }

    /// Appends the text without its secrets, in the file's way of escaping: always the same one.
    pub(super) fn write(
        &mut self,
        out: &mut Vec<u8>,
        kind: Kind,
        text: &str,
        escape: fn(&mut Vec<u8>, &str),
    ) {
        let at = slot(text);
        if self.slots[at].plain && self.slots[at].is(kind, text) {
            return out.extend_from_slice(text.as_bytes());
        }
        let start = out.len();
        escape(out, &self.clean(kind, text));
        let slot = &mut self.slots[at];
        slot.plain = slot.is(kind, text) && out[start..] == *text.as_bytes();
    }
}

/// Any spread will do: a collision only costs another look.
fn slot(text: &str) -> usize {
    let mut hash = text.len() as u64;
    let mut mix = |part: u64| hash = (hash.rotate_left(5) ^ part).wrapping_mul(SPREAD);
    let mut rest = text.as_bytes();
    while let Some((block, after)) = rest.split_first_chunk::<8>() {
        mix(u64::from_le_bytes(*block));
        rest = after;
    }
    mix(rest
        .iter()
        .fold(0, |part, byte| (part << 8) | u64::from(*byte)));
    (hash >> 32) as usize % SLOTS
}

const SLOTS: usize = 512;
const MAX_REMEMBERED: usize = 512;
/// 2⁶⁴ divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_secret_is_hidden_each_time_it_comes() {
        let mut cleaner = Cleaner::new(Redactor::default());
        for _ in 0..3 {
            assert_eq!(cleaner.clean(Kind::Text, "token: abc"), "token: [redacted]");
            assert_eq!(cleaner.clean(Kind::Query, "a=1"), "a=1");
            // Harmless as a text, and so remembered; not as a query.
            assert_eq!(
                cleaner.clean(Kind::Text, "new%50assword=x"),
                "new%50assword=x"
            );
            assert_eq!(
                cleaner.clean(Kind::Query, "new%50assword=x"),
                "new%50assword=[redacted]"
            );
        }
        assert!(cleaner.slots.iter().all(|slot| !slot.text.contains("abc")));
    }

    proptest! {
        #[test]
        fn times_are_written_as_ever(times in prop::collection::vec(-9_000_000i64..9_000_000, 1..20)) {
            let mut cleaner = Cleaner::new(Redactor::default());
            for micros in times {
                let time = Timestamp::from_unix_micros(micros);
                prop_assert_eq!(cleaner.rfc3339(time), time.rfc3339());
            }
        }

        #[test]
        fn it_says_what_the_redactor_says(
            texts in prop::collection::vec("(token|a|password|q)[=:&%?](x|Bearer abcdefghi|%3D){0,2}", 1..50),
        ) {
            let redactor = Redactor::default();
            let mut cleaner = Cleaner::new(redactor.clone());
            for text in texts.iter().chain(&texts) {
                prop_assert_eq!(cleaner.clean(Kind::Text, text), redactor.text(text));
                prop_assert_eq!(cleaner.clean(Kind::Url, text), redactor.url(text));
                prop_assert_eq!(cleaner.clean(Kind::Query, text), redactor.query(text));
            }
        }
    }
}

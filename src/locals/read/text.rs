//! Text, and bytes of which only the number is told.

use std::borrow::Cow;

use super::{Place, Read, Reader};
use crate::stack::{Missing, Value};
use crate::text;

/// Read beyond what is kept, so that a secret that is cut off is known as one.
const BEYOND: usize = 160;

impl Reader<'_> {
    /// Where pointer, length and capacity are.
    pub(super) fn text(
        &mut self,
        place: Place<'_>,
        (data, length, capacity): (u64, u64, Option<u64>),
        zero: bool,
    ) -> Read<Value> {
        let whole = self.length(place, length, capacity)?;
        let whole = match zero {
            true => whole.checked_sub(1).ok_or(Missing::Invalid)?,
            false => whole,
        };
        let read = self.raw_text(place, data, whole)?;
        Ok(self.clean(read, whole))
    }

    /// The beginning of a text of this length.
    pub(super) fn raw_text(&mut self, place: Place<'_>, data: u64, length: u64) -> Read<String> {
        if length == 0 {
            return Ok(String::new());
        }
        let address = self.word_at(place, data)?;
        self.text_at(Place::Memory(address), length)
    }

    /// The beginning of the text there.
    pub(super) fn text_at(&mut self, place: Place<'_>, length: u64) -> Read<String> {
        if matches!(place, Place::Memory(0)) {
            return Err(Missing::Invalid);
        }
        place.plus(length)?;
        let most = self.limits.text.saturating_add(BEYOND);
        let kept = usize::try_from(length).map_or(most, |length| length.min(most));
        let mut bytes = vec![0; kept];
        self.read(place, &mut bytes)?;
        let is_cut = (kept as u64) < length;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(text),
            // Cut within a character.
            Err(error) if is_cut && error.utf8_error().error_len().is_none() => {
                let end = error.utf8_error().valid_up_to();
                let mut bytes = error.into_bytes();
                bytes.truncate(end);
                String::from_utf8(bytes).map_err(|_| Missing::Invalid)
            }
            Err(_) => Err(Missing::Invalid),
        }
    }

    /// Without what is secret, and not too long.
    pub(super) fn clean(&self, read: String, whole: u64) -> Value {
        let lost = whole.saturating_sub(read.len() as u64);
        let clean = match self.types.redactor().text(&read) {
            Cow::Owned(clean) => Some(clean),
            Cow::Borrowed(_) => None,
        };
        let mut text = clean.unwrap_or(read);
        let length = text.len() as u64 + lost;
        text.truncate(text::cut(&text, self.limits.text).len());
        Value::Text { text, length }
    }

    pub(super) fn byte_count(
        &mut self,
        place: Place<'_>,
        length: u64,
        capacity: Option<u64>,
    ) -> Read<Value> {
        let length = self.length(place, length, capacity)?;
        Ok(Value::Bytes { length })
    }
}

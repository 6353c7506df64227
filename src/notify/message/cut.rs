//! Taking away what helps least, for formats with bounds.

use super::Message;
use crate::text::shortened;

impl Message {
    /// Takes away the piece that helps least: lines of the last section, then the section, then what is long in the fields, then the
    /// last fields, at last the end of the title. Returns whether something was taken.
    ///
    /// The first fields, the links and the reference stay.
    pub fn shorten(&mut self) -> bool {
        let is_shorter = self.shorten_sections()
            || self.shorten_values()
            || self.drop_last_field()
            || shorten(&mut self.title, LEAST_TITLE)
            || shorten(&mut self.headline, LEAST_TITLE);
        self.is_shortened |= is_shorter;
        is_shorter
    }

    /// The alert in the fewest words: title, the first fields, links.
    #[must_use]
    pub fn brief(mut self) -> Self {
        self.is_shortened |= !self.sections.is_empty() || self.fields.len() > FEWEST_FIELDS;
        self.sections.clear();
        while self.shorten_values() {}
        self.fields.truncate(FEWEST_FIELDS);
        self
    }

    fn shorten_sections(&mut self) -> bool {
        let Some(last) = self.sections.last_mut() else {
            return false;
        };
        let lines = &mut last.lines;
        if lines.len() <= FEWEST_LINES {
            self.sections.pop();
            return true;
        }
        let keep = lines.len().div_ceil(2);
        // Of the way to the failure the end tells most, of all others the beginning.
        if last.name == "before" {
            lines.drain(..lines.len() - keep);
        } else {
            lines.truncate(keep);
        }
        true
    }

    fn shorten_values(&mut self) -> bool {
        let values = self.fields.iter_mut().map(|field| &mut field.value);
        let longest = values.max_by_key(|value| value.len());
        longest.is_some_and(|value| shorten(value, LEAST_VALUE))
    }

    fn drop_last_field(&mut self) -> bool {
        self.fields.len() > FEWEST_FIELDS && self.fields.pop().is_some()
    }
}

/// Halves a text that is longer than `least` bytes.
fn shorten(text: &mut String, least: usize) -> bool {
    if text.len() <= least {
        return false;
    }
    *text = shortened(text, least.max(text.len() / 2));
    true
}

const FEWEST_LINES: usize = 3;
const FEWEST_FIELDS: usize = 5;
const LEAST_VALUE: usize = 100;
const LEAST_TITLE: usize = 60;

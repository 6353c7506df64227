//! What led up to a failure: the last events of one request, and its open spans.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use super::{Breadcrumb, Level};
use crate::text::cut;
use crate::time::Timestamp;

/// A span that was open when something failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SpanRecord {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    pub(crate) fields: Words,
}

/// A message and fields in one text, as they are collected: cheap to append, taken apart when somebody looks.
///
/// The message comes first; [`FIELD`] stands before each field's name and [`VALUE`] before its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words(String);

impl Words {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is written next is the message. It comes before every field.
    pub(crate) fn message(&mut self) -> impl fmt::Write + '_ {
        Piece::of(&mut self.0)
    }

    /// What is written next is the field's value.
    pub(crate) fn field(&mut self, name: &str) -> impl fmt::Write + '_ {
        self.0.push(FIELD);
        let _ = fmt::Write::write_str(&mut Piece::of(&mut self.0), cut(name, MAX_NAME));
        self.0.push(VALUE);
        Piece::of(&mut self.0)
    }

    /// Adds the fields of others; the last word on each counts.
    pub(crate) fn append(&mut self, others: &Self) {
        self.0
            .push_str(cut(&others.0, MAX_WORDS.saturating_sub(self.0.len())));
    }

    pub(crate) fn parts(&self) -> (&str, impl Iterator<Item = (&str, &str)>) {
        parts(&self.0)
    }
}

fn parts(words: &str) -> (&str, impl Iterator<Item = (&str, &str)>) {
    let mut pieces = words.split(FIELD);
    let message = pieces.next().unwrap_or_default();
    (
        message,
        pieces.map(|field| field.split_once(VALUE).unwrap_or((field, ""))),
    )
}

/// Writes a piece within the bounds, without the two characters that keep pieces apart.
struct Piece<'w> {
    text: &'w mut String,
    end: usize,
}

impl<'w> Piece<'w> {
    fn of(text: &'w mut String) -> Self {
        let end = (text.len() + MAX_VALUE).min(MAX_WORDS);
        Self { text, end }
    }
}

impl fmt::Write for Piece<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let fits = cut(piece, self.end.saturating_sub(self.text.len()));
        if fits.contains([FIELD, VALUE]) {
            self.text.extend(fits.chars().map(|c| match c {
                FIELD | VALUE => ' ',
                c => c,
            }));
        } else {
            self.text.push_str(fits);
        }
        // An error ends endless writers.
        if fits.len() < piece.len() {
            Err(fmt::Error)
        } else {
            Ok(())
        }
    }
}

/// The last events of one request and its open spans, bounded in number and bytes. Made when the first comes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail {
    steps: VecDeque<Step>,
    /// The words of the steps, one after the other.
    text: String,
    /// How many steps were dropped to make room.
    earlier: u64,
    spans: Vec<SpanRecord>,
}

#[derive(Clone, Debug)]
struct Step {
    time: Timestamp,
    level: Level,
    target: Target,
    length: usize,
}

/// What a breadcrumb is about.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Static(&'static str),
    Own(Box<str>),
}

impl Target {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Own(text) => text,
        }
    }
}

impl Trail {
    pub(crate) fn push(&mut self, level: Level, target: Target, words: &Words) {
        let length = words.0.len();
        if self.steps.len() >= MAX_STEPS || self.text.len() + length > MAX_BYTES {
            self.make_room(length);
        }
        self.text.push_str(&words.0);
        self.steps.push_back(Step {
            time: Timestamp::now(),
            level,
            target,
            length,
        });
    }

    /// Drops the oldest quarter or more, so that moving the rest up is rare.
    fn make_room(&mut self, length: usize) {
        let (mut dropped, mut gone) = (0, 0);
        while let Some(step) = self.steps.front() {
            let few = self.steps.len() <= MAX_STEPS * 3 / 4;
            if few && self.text.len() - dropped + length <= MAX_BYTES * 3 / 4 {
                break;
            }
            dropped += step.length;
            gone += 1;
            self.steps.pop_front();
        }
        self.text.drain(..dropped);
        self.earlier += gone;
    }

    pub(crate) fn open_span(&mut self, span: SpanRecord) {
        if self.spans.len() < MAX_SPANS {
            self.spans.push(span);
        }
    }

    pub(crate) fn record_in_span(&mut self, id: u64, fields: &Words) {
        if let Some(span) = self.spans.iter_mut().rfind(|span| span.id == id) {
            span.fields.append(fields);
        }
    }

    pub(crate) fn close_span(&mut self, id: u64) {
        if let Some(at) = self.spans.iter().rposition(|span| span.id == id) {
            self.spans.remove(at);
        }
    }

    pub(crate) fn spans(&self) -> &[SpanRecord] {
        &self.spans
    }

    /// How many steps were dropped to make room, and those that are there, oldest first.
    pub(crate) fn breadcrumbs(&self) -> (u64, Vec<Breadcrumb>) {
        let mut rest = self.text.as_str();
        let step = |step: &Step| {
            let (words, behind) = rest.split_at_checked(step.length).unwrap_or((rest, ""));
            rest = behind;
            breadcrumb(step.time, step.level, step.target.as_str(), words)
        };
        (self.earlier, self.steps.iter().map(step).collect())
    }
}

/// A single event, taken apart.
pub(crate) fn breadcrumb(time: Timestamp, level: Level, target: &str, words: &str) -> Breadcrumb {
    let (message, fields) = parts(words);
    let mut fields: BTreeMap<_, _> = fields
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let message = match message {
        // It came behind another field.
        "" => fields.remove("message").unwrap_or_default(),
        message => message.to_owned(),
    };
    Breadcrumb {
        time,
        level,
        target: target.to_owned(),
        message,
        fields,
    }
}

impl Words {
    pub(crate) fn to_breadcrumb(&self, level: Level, target: &str) -> Breadcrumb {
        breadcrumb(Timestamp::now(), level, target, &self.0)
    }
}

/// Stands before a field's name. Both are control characters that separate (U+001F and U+001E).
const FIELD: char = '\u{1f}';
const VALUE: char = '\u{1e}';
const MAX_NAME: usize = 64;
/// The bytes of a message or of a field's value.
const MAX_VALUE: usize = 1024;
/// The bytes of an event with its fields.
const MAX_WORDS: usize = 4 * 1024;
/// The events of a request.
const MAX_STEPS: usize = 50;
/// The bytes of the words of all its events.
const MAX_BYTES: usize = 8 * 1024;
/// The open spans of a request.
const MAX_SPANS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use fmt::Write;
    use proptest::prelude::*;

    fn words(message: &str, fields: &[(&str, &str)]) -> Words {
        let mut words = Words::default();
        let _ = words.message().write_str(message);
        for (name, value) in fields {
            let _ = words.field(name).write_str(value);
        }
        words
    }

    #[test]
    fn the_last_steps_are_kept_in_order_and_the_dropped_are_counted() {
        let mut trail = Trail::default();
        for n in 0..120 {
            let step = words(&format!("step {n}"), &[("n", &n.to_string())]);
            trail.push(Level::Debug, Target::Static("shop::cart"), &step);
        }
        let (earlier, steps) = trail.breadcrumbs();
        assert_eq!(earlier as usize + steps.len(), 120);
        assert!(steps.len() > 30 && steps.len() <= MAX_STEPS);
        for (index, step) in steps.iter().enumerate() {
            let n = earlier as usize + index;
            assert_eq!(
                (step.message.clone(), step.fields["n"].clone()),
                (format!("step {n}"), n.to_string())
            );
        }
    }

    #[test]
    fn a_value_cannot_forge_a_field() {
        let step = words(
            "a\u{1f}admin\u{1e}yes",
            &[("na\u{1e}me", "v\u{1f}x\u{1e}y")],
        );
        let (message, fields) = step.parts();
        assert_eq!(message, "a admin yes");
        assert_eq!(fields.collect::<Vec<_>>(), [("na me", "v x y")]);
    }

    proptest! {
        #[test]
        fn the_bounds_hold(steps in prop::collection::vec((".{0,2000}", "[a-z]{1,9}", ".{0,3000}"), 0..60)) {
            let mut trail = Trail::default();
            for (message, name, value) in &steps {
                trail.push(Level::Info, Target::Static("t"), &words(message, &[(name, value), (name, value)]));
            }
            prop_assert!(trail.text.len() <= MAX_BYTES);
            let (earlier, kept) = trail.breadcrumbs();
            prop_assert_eq!(earlier as usize + kept.len(), steps.len());
            prop_assert!(kept.iter().all(|step| step.message.len() <= MAX_VALUE));
        }
    }
}

//! One pass over free text: word by word, in time linear to its length, whatever the text.
//!
//! Every decision looks at the text behind it only up to what it then hides or what the next decision begins with, and what was
//! hidden reads like `[redacted]` to all decisions that follow: so a second pass changes nothing.

use std::borrow::Cow;

use super::class::{DIGIT, FOLLOWS, MARK, WORD, class, is_word};
use super::names::Names;
use super::{REDACTED, assignment, card, keys, random, steps};

pub(super) fn redact<'t>(names: &Names, text: &'t str) -> Cow<'t, str> {
    match once(names, text) {
        // What stood beside a secret may be one by itself, such as a card's number of which a word took the beginning.
        Cow::Owned(clean) => Cow::Owned(once(names, &clean).into_owned()),
        clean => clean,
    }
}

fn once<'t>(names: &Names, text: &'t str) -> Cow<'t, str> {
    let mut pass = Pass {
        names,
        text,
        bytes: text.as_bytes(),
        copied: 0,
        clean: String::new(),
        previous: Word::default(),
        run: None,
        next_at_sign: 0,
        next_space: 0,
    };
    pass.run();
    pass.finish()
}

struct Pass<'n, 't> {
    names: &'n Names,
    text: &'t str,
    bytes: &'t [u8],
    copied: usize,
    clean: String,
    previous: Word,
    run: Option<Run>,
    /// Where the next `@` and the next white space were when somebody looked, so that nobody looks twice.
    next_at_sign: usize,
    next_space: usize,
}

#[derive(Clone, Copy, Default)]
struct Word {
    start: usize,
    end: usize,
}

/// Words with `/` and `+` between them: what Base64 is made of.
#[derive(Clone, Copy)]
struct Run {
    start: usize,
    /// Where it goes on, when a word does.
    end: usize,
    classes: u8,
}

impl<'t> Pass<'_, 't> {
    fn run(&mut self) {
        let mut at = 0;
        while let Some(&byte) = self.bytes.get(at) {
            let class = class(byte);
            if class & WORD != 0 {
                at = self.word(at);
            } else if class & MARK != 0 {
                at = self.mark(at, byte);
            } else {
                at += 1;
            }
        }
        let end = self.bytes.len();
        self.close_run(end);
        steps::add(end);
    }

    /// A word begins here; returns where to go on.
    fn word(&mut self, start: usize) -> usize {
        let mut end = start;
        let mut classes = 0;
        let mut next = 0;
        while let Some(&byte) = self.bytes.get(end) {
            next = class(byte);
            if next & WORD == 0 {
                break;
            }
            classes |= next;
            end += 1;
        }
        // A card within ends the word: what is behind it is read like a word behind `[redacted]`.
        let card = self.card(start, end, classes);
        let end = card.map_or(end, |(from, _)| from);
        if self.run.is_some_and(|run| run.end != start) {
            self.close_run(start);
        }
        let run = self.run.get_or_insert(Run {
            start,
            end: 0,
            classes: 0,
        });
        run.classes |= classes;
        run.end = end;
        if end - start >= MIN_SECRET
            && let Some(to) = keys::secret_at(self.bytes, start, end)
        {
            self.hide(start, to);
            if to > end {
                return to;
            }
        }
        if let Some((from, to)) = card {
            return self.hide(from, to);
        }
        match self.joiner(end) {
            Some(next) => self.run = self.run.map(|run| Run { end: next, ..run }),
            None => self.close_run(end),
        }
        if end == self.bytes.len() {
            return end;
        }
        if next & FOLLOWS != 0 || self.bytes[end] == b'.' || self.bytes[end] == b'+' {
            return self.behind_word(start, end);
        }
        self.previous = Word { start, end };
        end
    }

    /// What a word says about that which follows it.
    fn behind_word(&mut self, start: usize, end: usize) -> usize {
        let previous = std::mem::replace(&mut self.previous, Word { start, end });
        let found = match self.bytes.get(end) {
            None => None,
            Some(b'.') => keys::secret_behind_dot(self.bytes, start, end),
            _ => keys::credentials(self.bytes, start, end)
                .or_else(|| self.named_value(previous, start, end)),
        };
        match found {
            Some((from, to)) => self.hide(from, to),
            None => end,
        }
    }

    fn named_value(&self, previous: Word, start: usize, end: usize) -> Option<(usize, usize)> {
        if let Some(found) = assignment::user_option(self.bytes, start, end) {
            return Some(found);
        }
        if !assignment::may_follow(self.bytes, start, end) {
            return None;
        }
        // `api key: …` and `user.session=…`; what was hidden is no part of a name.
        let beside = previous.end + 1 == start
            && previous.end > previous.start
            && previous.start >= self.copied
            && end - previous.start <= MAX_NAME
            && matches!(self.bytes[previous.end], b' ' | b'.');
        let from = if beside { previous.start } else { start };
        steps::add(end - from);
        let sensitive = self
            .names
            .find_behind(&self.bytes[from..end], start - from)?;
        assignment::value(self.text, start, end, sensitive)
    }

    /// Something that is no word and may begin a secret or hide where a word begins.
    fn mark(&mut self, at: usize, byte: u8) -> usize {
        let rest = &self.bytes[at..];
        match byte {
            b':' if rest.starts_with(b"://") => match self.userinfo(at + 3) {
                Some(to) => self.hide(at + 3, to),
                None => at + 3,
            },
            b'[' if rest.starts_with(REDACTED.as_bytes()) => at + REDACTED.len(),
            b'$' => match keys::password_hash(self.bytes, at) {
                Some(to) => self.hide(at, to),
                None => at + 1,
            },
            b'%' => match encoded(rest) {
                // Within Base64 in a URL.
                Some((b'+' | b'/', length)) => {
                    let run = self.run.filter(|run| run.end == at);
                    if let Some(run) = run {
                        let end = at + length;
                        self.run = Some(Run { end, ..run });
                    }
                    at + length
                }
                Some((_, length)) => at + length,
                None => at + 1,
            },
            // `\n` and `\u0026` do not begin the word behind them.
            b'\\' => match rest.get(1) {
                Some(b'u') if rest.len() >= 6 && rest[2..6].iter().all(u8::is_ascii_hexdigit) => {
                    at + 6
                }
                Some(b'n' | b'r' | b't' | b'\\' | b'/') => at + 2,
                _ => at + 1,
            },
            _ => at + 1,
        }
    }

    /// The first card number that begins in a word.
    fn card(&self, start: usize, end: usize, classes: u8) -> Option<(usize, usize)> {
        let length = end - start;
        let may_be = length >= MIN_CARD || length == 4 && classes == DIGIT;
        if !may_be || classes & DIGIT == 0 || is_id(&self.bytes[start..end]) {
            return None;
        }
        let begins = |at: &usize| {
            self.bytes[*at].is_ascii_digit()
                && (*at == start || !self.bytes[at - 1].is_ascii_digit())
        };
        (start..end)
            .filter(begins)
            .find_map(|at| card::number_at(self.bytes, at).map(|to| (at, to)))
    }

    /// Where a run of Base64 goes on behind a word, when it does.
    fn joiner(&self, end: usize) -> Option<usize> {
        let rest = &self.bytes[end..];
        let length = rest
            .iter()
            .take(3)
            .take_while(|byte| matches!(byte, b'/' | b'+'))
            .count();
        match rest.get(length) {
            Some(byte) if length > 0 && is_word(*byte) => Some(end + length),
            // Joined when the pass comes to it.
            Some(b'%') if length == 0 => {
                matches!(encoded(rest), Some((b'+' | b'/', _))).then_some(end)
            }
            _ => None,
        }
    }

    /// Hides what was drawn by lot in the run, which goes no further than `end`.
    fn close_run(&mut self, end: usize) {
        let Some(run) = self.run.take() else {
            return;
        };
        let (start, mut end) = (run.start, run.end.min(end));
        while end > start && matches!(self.bytes[end - 1], b'/' | b'+') {
            end -= 1;
        }
        if end < start + random::MIN || run.classes & DIGIT == 0 {
            return;
        }
        let Some(range) = random::find(&self.bytes[start..end]) else {
            return;
        };
        let (from, to) = (start + range.start, start + range.end);
        let before = self.bytes.get(self.copied..from).unwrap_or_default();
        if HARMLESS_BEFORE.iter().any(|text| before.ends_with(text)) {
            return;
        }
        let rest = &self.bytes[to..];
        let padding = rest
            .iter()
            .take(2)
            .take_while(|byte| **byte == b'=')
            .count();
        if before.ends_with(b"://") {
            // What stands between it and an `@` would be hidden the next time.
            self.hide(from, to + self.further_at_sign(to));
            return;
        }
        let goes_on = rest.get(padding).is_some_and(|byte| is_word(*byte));
        self.hide(from, if goes_on { to } else { to + padding });
    }

    /// The end of `user:pass` in front of an `@`, behind a `://`.
    fn userinfo(&mut self, from: usize) -> Option<usize> {
        let rest = &self.bytes[from..];
        let length = authority_length(rest);
        steps::add(length);
        let authority = &rest[..length];
        if let Some(at) = memchr::memrchr(b'@', authority) {
            return Some(from + at);
        }
        let colon = memchr::memrchr(b':', authority)?;
        let is_port = authority[colon + 1..].iter().all(u8::is_ascii_digit);
        if is_port || authority.ends_with(b"]") {
            return None;
        }
        if length == rest.len() {
            // Cut off before its `@`.
            return Some(self.bytes.len());
        }
        // A password may hold what ends an authority.
        let stop = Self::cached(&mut self.next_space, from, rest.len(), || {
            rest.iter().position(|byte| b" \t\r\n\"'<>".contains(byte))
        });
        let at = Self::cached(&mut self.next_at_sign, from, rest.len(), || {
            memchr::memchr(b'@', rest)
        });
        (at < stop).then(|| at + self.further_at_sign(at))
    }

    /// How much farther the last `@` before the end of an authority is, seen from the one at `at`.
    fn further_at_sign(&self, at: usize) -> usize {
        let rest = &self.bytes[at..];
        let length = authority_length(rest);
        steps::add(length);
        memchr::memrchr(b'@', &rest[..length]).unwrap_or_default()
    }

    /// The place of the next such byte at or behind `from`.
    fn cached(
        cache: &mut usize,
        from: usize,
        longest: usize,
        find: impl FnOnce() -> Option<usize>,
    ) -> usize {
        if *cache < from {
            let length = find();
            steps::add(length.unwrap_or(longest));
            *cache = length.map_or(usize::MAX, |length| from + length);
        }
        *cache
    }

    /// Puts [`REDACTED`] in the place of a piece; returns where to go on.
    fn hide(&mut self, from: usize, to: usize) -> usize {
        self.close_run(from);
        let new = from >= self.copied && from < to;
        if new && &self.bytes[from..to] != REDACTED.as_bytes() {
            self.clean.push_str(&self.text[self.copied..from]);
            self.clean.push_str(REDACTED);
            self.copied = to;
        }
        to
    }

    fn finish(mut self) -> Cow<'t, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.text);
        }
        self.clean.push_str(&self.text[self.copied..]);
        Cow::Owned(self.clean)
    }
}

/// What comes before the end of a URL's authority.
fn authority_length(text: &[u8]) -> usize {
    text.iter()
        .position(|byte| b"/?# \t\r\n\"'<>`\\".contains(byte))
        .unwrap_or(text.len())
}

/// A percent-encoded byte, encoded once or twice, and its length.
pub(super) fn encoded(text: &[u8]) -> Option<(u8, usize)> {
    let hex = |at: usize| {
        let digit = |at: usize| char::from(*text.get(at)?).to_digit(16);
        u8::try_from(digit(at)? * 16 + digit(at + 1)?).ok()
    };
    if text.first() != Some(&b'%') {
        return None;
    }
    match hex(1)? {
        b'%' => Some(hex(3).map_or((b'%', 3), |byte| (byte, 5))),
        byte => Some((byte, 3)),
    }
}

/// Hexadecimal ids and UUIDs: a card number within would be chance.
fn is_id(word: &[u8]) -> bool {
    let letters = word.iter().any(u8::is_ascii_alphabetic);
    letters
        && word
            .iter()
            .all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
}

/// Shorter words are no secrets by themselves.
const MIN_SECRET: usize = 9;
const MIN_CARD: usize = 13;
/// A name of two words.
const MAX_NAME: usize = 64;

const HARMLESS_BEFORE: &[&[u8]] = &[b"boundary=", b"boundary=\"", b"/nix/store/"];

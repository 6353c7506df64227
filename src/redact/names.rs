//! Which names belong to secrets: one automaton over the letters of a name, in any case and with any separator.

use super::words::{ENDINGS, MEASURES, SENSITIVE_NAMES, TO_END_OF_LINE, WHOLE};

/// The sensitive names, compiled; finding one in a name takes one step for each of its bytes (Aho and Corasick, 1975).
pub(super) struct Names {
    states: Vec<State>,
    /// The same, a row for each state: where the next state's row begins, and whether a pattern ends there.
    table: Vec<u32>,
    kept: Vec<String>,
}

/// What a sensitive name says about its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sensitive {
    /// Values like `Digest a="1", b="2"` hold spaces and more than one piece.
    pub(super) to_end_of_line: bool,
}

#[derive(Clone)]
struct State {
    next: [u32; SYMBOLS],
    patterns: Vec<Pattern>,
}

#[derive(Clone, Copy)]
struct Pattern {
    length: usize,
    place: Place,
    own: bool,
    to_end_of_line: bool,
}

/// Where in a name a pattern counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Anywhere,
    /// At the end of a word: `accesstoken`, not `tokenizer`.
    Ending,
    /// A whole word: `card_id`, not `discard`.
    Whole,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Separator,
    Lower,
    Upper,
    Digit,
}

impl Names {
    /// The default names and `own`, without those that are `kept`.
    pub(super) fn new(own: &[String], kept: &[String]) -> Self {
        let mut names = Self {
            states: vec![State::new()],
            table: Vec::new(),
            kept: kept.iter().map(|name| squeezed(name)).collect(),
        };
        for name in SENSITIVE_NAMES {
            let place = match name {
                name if WHOLE.contains(name) => Place::Whole,
                name if ENDINGS.contains(name) => Place::Ending,
                _ => Place::Anywhere,
            };
            names.add(name, place, false);
        }
        for name in own.iter().map(|name| squeezed(name)) {
            // A short one would be part of too many words.
            let place = match name.len() {
                0 => continue,
                1..MIN_PART => Place::Whole,
                _ => Place::Anywhere,
            };
            names.add(&name, place, true);
        }
        names.link();
        names.table = names.rows();
        names
    }

    /// Whether a name is sensitive, and how.
    pub(super) fn find(&self, name: &[u8]) -> Option<Sensitive> {
        self.find_behind(name, 0)
    }

    /// Like [`find`](Self::find), with only those that end behind `from`: the beginning is there for `api key`.
    pub(super) fn find_behind(&self, name: &[u8], from: usize) -> Option<Sensitive> {
        self.may_hold(name)
            .then(|| self.examine(name, from))
            .flatten()
    }

    /// Whether the letters of a pattern are there: most names have none and need no closer look.
    fn may_hold(&self, name: &[u8]) -> bool {
        let mut place = 0;
        for byte in name {
            place = self.table[(place & !ENDS) as usize + usize::from(SYMBOL[usize::from(*byte)])];
            if place & ENDS != 0 {
                return true;
            }
        }
        false
    }

    fn examine(&self, name: &[u8], from: usize) -> Option<Sensitive> {
        let mut state = 0;
        // The lowest bit is this letter, the next the one before it: set where a word begins.
        let mut beginnings = 0_u64;
        let mut last_word = 0;
        let mut before = Shape::Separator;
        let mut found: Option<Sensitive> = None;
        let mut own = false;
        for (index, byte) in name.iter().enumerate() {
            let symbol = SYMBOL[usize::from(*byte)];
            if symbol == SEPARATOR {
                before = Shape::Separator;
                continue;
            }
            let shape = shape(*byte);
            let begins = is_boundary(before, shape, name.get(index + 1));
            if begins && shape != Shape::Digit {
                last_word = index;
            }
            beginnings = beginnings << 1 | u64::from(begins);
            before = shape;
            state = self.states[state].next[usize::from(symbol)] as usize;
            for pattern in &self.states[state].patterns {
                if index >= from && pattern.fits(beginnings, name, index) {
                    own |= pattern.own;
                    found.get_or_insert_default().to_end_of_line |= pattern.to_end_of_line;
                }
            }
        }
        let measured = || !own && is_measure(&name[last_word..]);
        found.filter(|_| !measured() && !self.is_kept(&name[from..]) && !self.is_kept(name))
    }

    fn is_kept(&self, name: &[u8]) -> bool {
        let letters = || name.iter().filter(|byte| byte.is_ascii_alphanumeric());
        let is = |kept: &String| letters().map(u8::to_ascii_lowercase).eq(kept.bytes());
        !self.kept.is_empty() && self.kept.iter().any(is)
    }

    fn add(&mut self, name: &str, place: Place, own: bool) {
        let mut state = 0;
        for byte in name.bytes() {
            let symbol = usize::from(SYMBOL[usize::from(byte)]);
            if self.states[state].next[symbol] == 0 {
                self.states[state].next[symbol] = u32::try_from(self.states.len()).unwrap_or(0);
                self.states.push(State::new());
            }
            state = self.states[state].next[symbol] as usize;
        }
        self.states[state].patterns.push(Pattern {
            length: name.len(),
            place,
            own,
            to_end_of_line: TO_END_OF_LINE.contains(&name),
        });
    }

    /// Breadth first: where a state has no way on, it goes on as the longest ending of it that is a beginning.
    fn link(&mut self) {
        let mut fallback = vec![0; self.states.len()];
        let mut queue: Vec<usize> = Vec::new();
        let mut done = 0;
        loop {
            let state = if done == 0 { 0 } else { queue[done - 1] };
            for symbol in 0..SYMBOLS {
                let next = self.states[state].next[symbol] as usize;
                let other = self.states[fallback[state]].next[symbol];
                if next == 0 {
                    self.states[state].next[symbol] = other;
                    continue;
                }
                fallback[next] = if state == 0 { 0 } else { other as usize };
                let inherited = self.states[fallback[next]].patterns.clone();
                self.states[next].patterns.extend(inherited);
                queue.push(next);
            }
            if done == queue.len() {
                return;
            }
            done += 1;
        }
    }
}

impl Names {
    fn rows(&self) -> Vec<u32> {
        let place = |state: usize| {
            let ends = !self.states[state].patterns.is_empty();
            u32::try_from(state * ROW).unwrap_or(0) | if ends { ENDS } else { 0 }
        };
        let row = |(state, State { next, .. }): (usize, &State)| {
            // A separator changes nothing: `api_key` holds `apikey`.
            let stay = u32::try_from(state * ROW).unwrap_or(0);
            let next: Vec<u32> = next.iter().map(|next| place(*next as usize)).collect();
            next.into_iter().chain([stay])
        };
        self.states.iter().enumerate().flat_map(row).collect()
    }
}

impl State {
    fn new() -> Self {
        Self {
            next: [0; SYMBOLS],
            patterns: Vec::new(),
        }
    }
}

impl Pattern {
    fn fits(&self, beginnings: u64, name: &[u8], last: usize) -> bool {
        let begins = || self.length <= 64 && beginnings >> (self.length - 1) & 1 == 1;
        match self.place {
            Place::Anywhere => true,
            Place::Ending => ends_at(name, last),
            Place::Whole => begins() && ends_at(name, last),
        }
    }
}

/// Whether a word begins at a letter of this shape: behind a separator, between letters and digits, at a hump (`apiKey`,
/// `APIKey`).
fn is_boundary(before: Shape, shape: Shape, after: Option<&u8>) -> bool {
    match (before, shape) {
        (Shape::Separator, _) | (Shape::Lower, Shape::Upper) => true,
        (Shape::Upper, Shape::Upper) => after.is_some_and(u8::is_ascii_lowercase),
        (before, shape) => (before == Shape::Digit) != (shape == Shape::Digit),
    }
}

fn ends_at(name: &[u8], last: usize) -> bool {
    name.get(last + 1).is_none_or(|next| {
        let next = shape(*next);
        next == Shape::Separator || is_boundary(shape(name[last]), next, name.get(last + 2))
    })
}

/// `token_count` and `passwordLength` say something about a secret and are none.
fn is_measure(word: &[u8]) -> bool {
    let end = word
        .iter()
        .position(|byte| !byte.is_ascii_alphabetic())
        .unwrap_or(word.len());
    let word = &word[..end];
    MEASURES
        .iter()
        .any(|measure| word.eq_ignore_ascii_case(measure.as_bytes()))
}

/// Letters and digits in lower case.
pub(super) fn squeezed(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

fn shape(byte: u8) -> Shape {
    match byte {
        b'a'..=b'z' => Shape::Lower,
        b'A'..=b'Z' => Shape::Upper,
        b'0'..=b'9' => Shape::Digit,
        _ => Shape::Separator,
    }
}

/// Own names of fewer letters must be a whole word.
const MIN_PART: usize = 4;

const SYMBOLS: usize = 36;
const SEPARATOR: u8 = SYMBOLS as u8;
const ROW: usize = SYMBOLS + 1;
const ENDS: u32 = 1 << 31;

const SYMBOL: [u8; 256] = {
    let mut table = [SEPARATOR; 256];
    let mut at = 0;
    while at < 26 {
        table[b'a' as usize + at] = at as u8;
        table[b'A' as usize + at] = at as u8;
        at += 1;
    }
    let mut digit = 0;
    while digit < 10 {
        table[b'0' as usize + digit] = 26 + digit as u8;
        digit += 1;
    }
    table
};

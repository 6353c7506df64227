//! Writes the normal form: holds back what stands between two words until it is known what comes next.

use super::words;

/// The placeholder of everything that is data.
const VALUE: &str = "<value>";

pub(super) struct Writer<'t, 'p, P> {
    piece: &'p mut P,
    /// What stands between the last piece and the next, spaces run together.
    gap: [u8; GAP],
    gap_length: usize,
    last: Last,
    /// The last word, and the one before it.
    pub(super) lead: &'t str,
    pub(super) before: &'t str,
    /// The last sign since the last word that is no space; zero if there is none.
    pub(super) sign: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Opening,
    Word,
    Value,
}

impl<'t, 'p, P: FnMut(&str)> Writer<'t, 'p, P> {
    pub(super) fn new(piece: &'p mut P) -> Self {
        Self {
            piece,
            gap: [0; GAP],
            gap_length: 0,
            last: Last::Nothing,
            lead: "",
            before: "",
            sign: 0,
        }
    }

    pub(super) fn space(&mut self) {
        if self.gap[..self.gap_length].last() != Some(&b' ') {
            self.push_gap(b' ');
        }
    }

    /// A sign that may stand within a list, a date or an address: between two values it goes.
    pub(super) fn separator(&mut self, sign: u8) {
        self.sign = sign;
        let repeated = self.gap[..self.gap_length].last() == Some(&sign);
        if !repeated || sign == b':' {
            self.push_gap(sign);
        }
    }

    pub(super) fn word(&mut self, word: &'t str) {
        (self.before, self.lead, self.sign) = (self.lead, word, 0);
        let mut shown = word;
        if self.last == Last::Value {
            let joined = matches!(word, "or" | "and") && self.gap_length + word.len() <= GAP;
            if joined {
                word.bytes().for_each(|byte| self.push_gap(byte));
                return;
            }
            if &self.gap[..self.gap_length] == b" " {
                if words::is_unit(word) {
                    self.gap_length = 0;
                    return;
                }
                // `1 byte` and `2 bytes`.
                if word.len() > 3 && word.ends_with('s') && !word.ends_with("ss") {
                    shown = &word[..word.len() - 1];
                }
            }
        }
        self.flush();
        (self.piece)(shown);
        self.last = Last::Word;
    }

    /// Something that differs from one occurrence of a problem to the next; several in a row are one.
    pub(super) fn value(&mut self) {
        (self.before, self.lead, self.sign) = ("", "", 0);
        if self.last == Last::Value {
            self.gap_length = 0;
            return;
        }
        self.flush();
        (self.piece)(VALUE);
        self.last = Last::Value;
    }

    pub(super) fn open(&mut self, sign: &str) {
        self.other(sign);
        self.last = Last::Opening;
    }

    /// The comma before a closing bracket is there in `{:#?}` and not in `{:?}`.
    pub(super) fn close(&mut self, sign: &str) {
        self.gap_length = 0;
        self.other(sign);
    }

    pub(super) fn other(&mut self, sign: &str) {
        self.sign = sign.as_bytes().first().copied().unwrap_or_default();
        self.flush();
        (self.piece)(sign);
        self.last = Last::Word;
    }

    pub(super) fn is_after_value(&self) -> bool {
        self.last == Last::Value
    }

    fn push_gap(&mut self, byte: u8) {
        if let Some(place) = self.gap.get_mut(self.gap_length) {
            *place = byte;
            self.gap_length += 1;
        }
    }

    /// Nothing is written at the beginning, after an opening bracket and, as nobody calls this then, at the end.
    fn flush(&mut self) {
        let gap = &self.gap[..self.gap_length];
        if !matches!(self.last, Last::Nothing | Last::Opening) && !gap.is_empty() {
            (self.piece)(std::str::from_utf8(gap).unwrap_or(" "));
        }
        self.gap_length = 0;
    }
}

/// More signs in a row than any message needs: of a longer row the beginning counts.
const GAP: usize = 12;

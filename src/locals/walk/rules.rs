//! Where a call finds its caller, remembered: the unwinder reads its tables anew for each call of each failure.

use std::cell::Cell;

use gimli::{CfaRule, RegisterRule, UnwindTableRow};
use rustc_hash::FxHashMap;

use super::{Call, KEPT};

/// What a place in the code says of its frame: `.eh_frame`, section 10.6 of the Linux Standard Base, for what compilers of
/// Rust make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::locals) struct FrameRule {
    /// The frame begins so far above what this register holds.
    base: u16,
    above: u32,
    /// How far below its beginning it keeps each of the registers that it gives back; zero for those it does not touch.
    saved: [u16; KEPT.len()],
}

impl FrameRule {
    /// `None` for unusual frames, and on other machines than x86-64.
    pub(in crate::locals) fn new(row: &UnwindTableRow<usize>) -> Option<Self> {
        let CfaRule::RegisterAndOffset { register, offset } = row.cfa() else {
            return None;
        };
        if !cfg!(target_arch = "x86_64") || !KEPT.contains(&register.0) {
            return None;
        }
        let mut saved = [0; KEPT.len()];
        let mut returns = false;
        for (register, rule) in row.registers() {
            let at = KEPT.iter().position(|kept| *kept == register.0);
            match (at, rule) {
                (None, RegisterRule::Offset(-8)) if register.0 == RETURN_ADDRESS => returns = true,
                (Some(at), RegisterRule::Offset(below)) => {
                    let below = u16::try_from(below.checked_neg()?).ok()?;
                    *saved.get_mut(at)? = below;
                }
                (Some(_), RegisterRule::SameValue) => {}
                _ => return None,
            }
        }
        returns.then_some(Self {
            base: register.0,
            above: u32::try_from(*offset).ok()?,
            saved,
        })
    }

    /// Where the frame of this call begins, which is where the stack pointer of its caller is.
    pub(super) fn begin(&self, call: &Call) -> Option<u64> {
        let begin = call.saved.get(self.base)?.checked_add(self.above.into())?;
        (begin > call.sp && begin.is_multiple_of(8)).then_some(begin)
    }

    /// Whether it leads from a call to the next, where there is one to compare with.
    fn leads(
        &self,
        call: &Call,
        next: Option<&Call>,
        word: impl FnMut(u64) -> Option<u64>,
    ) -> bool {
        let Some(begin) = self.begin(call).filter(|begin| *begin == call.cfa) else {
            return false;
        };
        next.is_none_or(|next| self.caller(call, begin, word) == Some(Call { cfa: 0, ..*next }))
    }

    /// The caller of a call whose frame begins there; `word` reads what lies within that frame.
    pub(super) fn caller(
        &self,
        call: &Call,
        begin: u64,
        mut word: impl FnMut(u64) -> Option<u64>,
    ) -> Option<Call> {
        let mut within = |below: u64| {
            let address = begin.checked_sub(below)?;
            (address >= call.sp).then(|| word(address))?
        };
        let back = within(8)?;
        let mut saved = call.saved;
        for (register, below) in KEPT.iter().zip(self.saved) {
            if below != 0 {
                saved.set(*register, within(below.into())?);
            }
        }
        saved.set(super::STACK_POINTER, begin);
        Some(Call {
            pc: back.checked_sub(1)?,
            sp: begin,
            cfa: 0,
            saved,
        })
    }
}

/// The rules of places that were met.
#[derive(Debug, Default)]
pub(in crate::locals) struct FrameRules {
    known: FxHashMap<u64, Option<FrameRule>>,
}

impl FrameRules {
    pub(in crate::locals) fn get(&self, pc: u64) -> Option<FrameRule> {
        *self.known.get(&pc)?
    }

    /// Learns those of the calls that the unwinder told, as far as they lead to what it told.
    pub(in crate::locals) fn learn(
        &mut self,
        calls: &[Call],
        row: impl Fn(u64) -> Option<UnwindTableRow<usize>>,
        mut word: impl FnMut(u64) -> Option<u64>,
    ) {
        if self.known.len() >= MAX_RULES {
            self.known.clear();
        }
        let is_readable = Cell::new(true);
        let mut word = |address| {
            let word = word(address);
            is_readable.set(is_readable.get() && word.is_some());
            word
        };
        for (at, call) in calls.iter().enumerate() {
            if self.known.contains_key(&call.pc) {
                continue;
            }
            // The first has returned, which is what did the walk; beyond the last one nobody knows what is right.
            let next = calls.get(at + 1).filter(|_| at > 0);
            let rule = row(call.pc).as_ref().and_then(FrameRule::new);
            let rule = rule.filter(|rule| rule.leads(call, next, &mut word));
            if !is_readable.get() {
                break;
            }
            self.known.insert(call.pc, rule);
        }
    }
}

/// Where the tables of x86-64 keep the return address: figure 3.36 of its System V ABI.
const RETURN_ADDRESS: u16 = 16;

/// Some 40 bytes each.
const MAX_RULES: usize = 4096;

//! Counts what was judged, by the parts of the corpus.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::judge::{Judged, Verdict};
use super::source::Function;

/// The parts of the corpus: what a handler calls without waiting for it is as sync as what stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Sync,
    Async,
    Errors,
}

impl Part {
    pub const ALL: [Self; 3] = [Self::Sync, Self::Async, Self::Errors];

    pub fn of(function: &Function) -> Self {
        match function.file.as_str() {
            "errors.rs" => Self::Errors,
            _ if function.is_async => Self::Async,
            _ => Self::Sync,
        }
    }
}

/// What became of the variables of a part, without those that were moved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    pub expected: u32,
    pub whole: u32,
    pub part: u32,
    /// Shown as what they are not, moved ones and ghosts with them.
    pub wrong: u32,
    pub stale: u32,
    pub missing: BTreeMap<String, u32>,
    pub moved: u32,
    /// Arguments shown as locals, and the other way round.
    pub mislabelled: u32,
}

impl Counts {
    pub fn add(&mut self, judged: &Judged) {
        let is_wrong = matches!(judged.verdict, Verdict::Wrong | Verdict::Ghost);
        self.wrong += u32::from(is_wrong);
        self.mislabelled += u32::from(judged.is_mislabelled);
        if judged.is_moved {
            self.moved += 1;
            return;
        }
        match &judged.verdict {
            Verdict::Ghost => return,
            Verdict::Whole => self.whole += 1,
            Verdict::Part => self.part += 1,
            Verdict::Wrong => {}
            Verdict::Stale => self.stale += 1,
            Verdict::Missing(reason) => *self.missing.entry(reason.clone()).or_default() += 1,
        }
        self.expected += 1;
    }

    pub fn of<'a>(judged: impl IntoIterator<Item = &'a Judged>) -> Self {
        let mut counts = Self::default();
        judged.into_iter().for_each(|one| counts.add(one));
        counts
    }

    pub fn of_part(judged: &[Judged], part: Part) -> Self {
        Self::of(judged.iter().filter(|one| one.part == part))
    }

    /// How many of a hundred were shown whole.
    pub fn whole_percent(&self) -> f64 {
        percent(self.whole, self.expected)
    }

    /// How many of a hundred were shown, whole or in part.
    pub fn shown_percent(&self) -> f64 {
        percent(self.whole + self.part, self.expected)
    }

    /// How many of a hundred that were shown unmarked are not so.
    pub fn wrong_percent(&self) -> f64 {
        percent(self.wrong, self.whole + self.part + self.wrong)
    }
}

fn percent(of: u32, all: u32) -> f64 {
    f64::from(of) * 100.0 / f64::from(all.max(1))
}

/// The table of a build, then each variable that was shown wrong.
pub fn table(build: &str, judged: &[Judged]) -> String {
    let mut out = format!(
        "{build:<22} {:>8} {:>7} {:>7} {:>6} {:>6} {:>6} {:>9}  missing\n",
        "expected", "whole", "+ part", "wrong", "stale", "moved", "as other"
    );
    let parts = Part::ALL.map(|part| (format!("{part:?}"), Counts::of_part(judged, part)));
    let all = ("all".to_owned(), Counts::of(judged));
    for (name, counts) in parts.into_iter().chain([all]) {
        let missing = counts
            .missing
            .iter()
            .map(|(reason, count)| format!("{reason} {count}"));
        let _ = writeln!(
            out,
            "  {:<20} {:>8} {:>6.1}% {:>6.1}% {:>6} {:>6} {:>6} {:>9}  {}",
            name.to_lowercase(),
            counts.expected,
            counts.whole_percent(),
            counts.shown_percent(),
            counts.wrong,
            counts.stale,
            counts.moved,
            counts.mislabelled,
            missing.collect::<Vec<_>>().join(", ")
        );
    }
    for one in judged {
        if matches!(one.verdict, Verdict::Wrong | Verdict::Ghost) {
            let _ = writeln!(out, "  {}", described(one));
        }
    }
    out
}

/// All of one variable in a line.
pub fn described(one: &Judged) -> String {
    let shown = one
        .shown
        .as_ref()
        .map_or_else(|| "not shown".to_owned(), ToString::to_string);
    let moved = if one.is_moved { " (moved)" } else { "" };
    format!(
        "{}: {:?}{moved}: {}:{} {} `{}`: {} is shown as {shown}",
        one.scenario, one.verdict, one.file, one.line, one.function, one.name, one.truth
    )
}

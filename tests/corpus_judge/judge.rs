//! Puts what was shown beside the truth, variable by variable.

use std::collections::BTreeMap;

use serde_json::Value;

use super::compare::agrees;
use super::source::{Function, Truth};
use super::table::Part;
use super::tree::Tree;

/// What became of one variable.
#[derive(Clone, Debug)]
pub struct Judged {
    pub scenario: String,
    pub function: String,
    pub file: String,
    pub part: Part,
    pub line: u32,
    pub name: String,
    pub truth: String,
    pub shown: Option<Tree>,
    pub verdict: Verdict,
    pub is_moved: bool,
    /// Shown as an argument and is none, or the other way round.
    pub is_mislabelled: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Whole,
    /// Right as far as it was shown.
    Part,
    Wrong,
    /// Shown as one that may not be right any more.
    Stale,
    /// Not shown, for this reason.
    Missing(String),
    /// Shown, and not there: declared further down, or shown twice.
    Ghost,
}

/// A variable as it was shown.
struct Shown<'a> {
    name: &'a str,
    tree: Tree,
    is_stale: bool,
    is_argument: bool,
}

/// The occurrences by scenario, out of what the corpus has printed.
pub fn occurrences(printed: &str) -> Vec<(String, Value)> {
    passes(printed).into_values().flatten().collect()
}

/// The same of each pass through the scenarios.
pub fn passes(printed: &str) -> BTreeMap<u64, Vec<(String, Value)>> {
    let lines = printed
        .lines()
        .filter(|line| line.starts_with("{\"occurrence\":"));
    let mut passes = BTreeMap::<_, Vec<_>>::new();
    for line in lines {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let scenario = line["scenario"].as_str().unwrap().to_owned();
        let pass = passes.entry(line["pass"].as_u64().unwrap()).or_default();
        pass.push((scenario, line["occurrence"].take()));
    }
    passes
}

/// Each variable of the truth that `asked` is asked of, and those that should not be there.
pub fn judge(
    truth: &[Function],
    occurrences: &[(String, Value)],
    asked: impl Fn(&Truth) -> bool,
) -> Vec<Judged> {
    let mut judged = Vec::new();
    for function in truth {
        let Some(scenario) = function.fails_in() else {
            continue;
        };
        let frames = frames_of(function, truth, scenario, occurrences);
        for depth in 0..function.depths() {
            let truths: Vec<_> = function
                .at(depth)
                .filter(|(truth, _)| asked(truth))
                .collect();
            let candidates: Vec<&Value> = if function.is_recursive() {
                frames.get(depth).copied().into_iter().collect()
            } else {
                frames.clone()
            };
            let ways = candidates
                .iter()
                .map(|frame| in_frame(function, &truths, frame));
            // A closure on one line looks like the function around it: the frame that has the function's variables counts.
            let best =
                ways.max_by_key(|rows| rows.iter().map(|row| worth(&row.verdict)).sum::<i32>());
            judged.extend(best.unwrap_or_else(|| {
                let row = |(truth, text): &(&Truth, &str)| {
                    row(
                        function,
                        truth,
                        text,
                        None,
                        Verdict::Missing("no_frame".to_owned()),
                    )
                };
                truths.iter().map(row).collect()
            }));
        }
    }
    judged
}

/// The frames of a function, innermost first.
pub fn frames_of<'a>(
    function: &Function,
    truth: &[Function],
    scenario: &str,
    occurrences: &'a [(String, Value)],
) -> Vec<&'a Value> {
    let of_scenario = occurrences.iter().filter(|(name, _)| name == scenario);
    let frames = of_scenario
        .flat_map(|(_, occurrence)| occurrence["exceptions"][0]["stack"]["frames"].as_array())
        .flatten();
    let in_file: Vec<_> = truth
        .iter()
        .filter(|other| other.file == function.file)
        .collect();
    let is_own = |frame: &&Value| {
        let file = frame["file"].as_str().unwrap_or_default();
        let line = frame["line"].as_u64().unwrap_or(0) as u32;
        let around = in_file.iter().filter(|other| other.holds(line));
        let innermost = around.max_by_key(|other| other.first);
        file.rsplit('/').next() == Some(&function.file)
            && innermost.is_some_and(|found| found.first == function.first)
    };
    frames.filter(is_own).collect()
}

fn in_frame(function: &Function, truths: &[(&Truth, &str)], frame: &Value) -> Vec<Judged> {
    let listed = frame["variables"].as_array().into_iter().flatten();
    let shown: Vec<Shown<'_>> = listed
        .map(|variable| Shown {
            name: variable["name"].as_str().unwrap_or_default(),
            tree: Tree::of_json(&variable["value"]),
            is_stale: variable["is_stale"] == true,
            is_argument: variable["is_argument"] == true,
        })
        .collect();
    let mut by_name: BTreeMap<&str, (Vec<_>, Vec<_>)> = BTreeMap::new();
    for one in truths {
        by_name.entry(&one.0.name).or_default().0.push(*one);
    }
    for one in &shown {
        by_name.entry(one.name).or_default().1.push(one);
    }
    let mut rows = Vec::new();
    let line = frame["line"].as_u64().unwrap_or(0) as u32;
    for (name, (truths, shown)) in by_name {
        if truths.is_empty() {
            let declared: Vec<u32> = function.declares(name).collect();
            let comes = !declared.is_empty() && declared.iter().all(|declared| *declared >= line);
            let ghosts = shown.iter().filter(|one| comes && says_something(one));
            rows.extend(ghosts.map(|one| ghost(function, one, line)));
        } else {
            let known: Vec<_> = truths.iter().map(|(_, text)| Tree::of_text(text)).collect();
            let is_known = |row: &Judged| {
                let shown = row.shown.as_ref();
                function.declares(name).any(|declared| declared < line)
                    || known
                        .iter()
                        .any(|truth| shown.is_some_and(|shown| agrees(truth, shown)))
            };
            let all = paired(function, &truths, &shown, line).into_iter();
            rows.extend(all.filter(|row| row.verdict != Verdict::Ghost || !is_known(row)));
        }
    }
    rows
}

/// The variables of one name, of which a later one hides an earlier one; both lists are in the order of the source.
fn paired(
    function: &Function,
    truths: &[(&Truth, &str)],
    shown: &[&Shown<'_>],
    line: u32,
) -> Vec<Judged> {
    let (Some((first, truths_left)), Some((one, shown_left))) =
        (truths.split_first(), shown.split_first())
    else {
        let missing = truths.iter().map(|(truth, text)| {
            row(
                function,
                truth,
                text,
                None,
                Verdict::Missing("not_listed".to_owned()),
            )
        });
        let ghosts = shown.iter().filter(|one| says_something(one));
        return missing
            .chain(ghosts.map(|one| ghost(function, one, line)))
            .collect();
    };
    let (truth, text) = first;
    let verdict = verdict(&Tree::of_text(text), one);
    let with = |row: Judged, mut rest: Vec<Judged>| {
        rest.insert(0, row);
        rest
    };
    let mut ways = vec![with(
        Judged {
            is_mislabelled: truth.is_argument.is_some_and(|is| is != one.is_argument),
            ..row(function, truth, text, Some(one.tree.clone()), verdict)
        },
        paired(function, truths_left, shown_left, line),
    )];
    if truths.len() > shown.len() {
        let reason = Verdict::Missing("not_listed".to_owned());
        ways.push(with(
            row(function, truth, text, None, reason),
            paired(function, truths_left, shown, line),
        ));
    }
    if shown.len() > truths.len() {
        let rest = paired(function, truths, shown_left, line);
        ways.push(match says_something(one) {
            true => with(ghost(function, one, line), rest),
            false => rest,
        });
    }
    let sum = |rows: &Vec<Judged>| rows.iter().map(|row| worth(&row.verdict)).sum::<i32>();
    ways.into_iter().max_by_key(sum).unwrap_or_default()
}

fn verdict(truth: &Tree, shown: &Shown<'_>) -> Verdict {
    match &shown.tree {
        Tree::Hole(reason) => Verdict::Missing(reason.clone()),
        _ if shown.is_stale => Verdict::Stale,
        tree if !agrees(truth, tree) => Verdict::Wrong,
        tree if tree.has_holes() => Verdict::Part,
        _ => Verdict::Whole,
    }
}

fn says_something(shown: &Shown<'_>) -> bool {
    !shown.is_stale && !matches!(shown.tree, Tree::Hole(_))
}

fn worth(verdict: &Verdict) -> i32 {
    match verdict {
        Verdict::Whole => 8,
        Verdict::Part => 6,
        Verdict::Stale => 3,
        Verdict::Missing(_) => 1,
        Verdict::Wrong => 0,
        Verdict::Ghost => -4,
    }
}

fn row(
    function: &Function,
    truth: &Truth,
    text: &str,
    shown: Option<Tree>,
    verdict: Verdict,
) -> Judged {
    Judged {
        scenario: function.fails_in().unwrap_or_default().to_owned(),
        function: function.name.clone(),
        file: function.file.clone(),
        part: Part::of(function),
        line: truth.line,
        name: truth.name.clone(),
        truth: text.to_owned(),
        shown,
        verdict,
        is_moved: truth.is_moved,
        is_mislabelled: false,
    }
}

fn ghost(function: &Function, shown: &Shown<'_>, line: u32) -> Judged {
    Judged {
        scenario: function.fails_in().unwrap_or_default().to_owned(),
        function: function.name.clone(),
        file: function.file.clone(),
        part: Part::of(function),
        line,
        name: shown.name.to_owned(),
        truth: "not there".to_owned(),
        shown: Some(shown.tree.clone()),
        verdict: Verdict::Ghost,
        is_moved: false,
        is_mislabelled: false,
    }
}

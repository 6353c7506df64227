//! What it costs to read variables where something fails, beside what others do without reading any.

mod app;
mod child;

pub use child::child;

use crate::report::{self, Verdict};
use child::{Column, Phase, measured};

/// Everything; takes a minute or two.
pub fn measure() -> Verdict {
    let shown = measured(Phase::Shown, Column::Ours);
    let [calls, variables] = shown[..] else {
        panic!("two figures, not {shown:?}");
    };
    println!("Times in µs; held is how long the hook of a panic keeps its thread.\n");
    println!("| | monitor | … with variables | std's backtrace as text | sentry |");
    println!("|---|---:|---:|---:|---:|");
    let [_, unprepared, ..] = row("first panic, unprepared", Phase::First, FIRST_ROUNDS);
    let [_, prepared, ..] = row("first panic, prepared", Phase::Prepared, FIRST_ROUNDS);
    let [_, in_a_row, ..] = row("later panics in a row", Phase::Row, ROUNDS);
    let [_, apart, ..] = row("later panics, 1 ms apart", Phase::Apart, ROUNDS);
    let [_, together, ..] = row("panics of four threads at once", Phase::Together, ROUNDS);
    let [plain, errors, ..] = row("errors by `?`", Phase::Errors, ROUNDS);
    let [_, first_error, ..] = row("first error by `?`, unprepared", Phase::FirstError, ROUNDS);
    println!();

    let kept = |column, at: usize| {
        let mut kept: Vec<_> = (0..3)
            .map(|_| measured(Phase::Kept, column)[at] as f64 / 1e6)
            .collect();
        median(&mut kept)
    };
    let more = |at| kept(Column::Ours, at) - kept(Column::Plain, at);
    let (ahead, later) = (more(0), more(1));
    let is_debug = cfg!(debug_assertions);
    println!("{} build:", if is_debug { "debug" } else { "release" });
    let shape = format!("{calls} calls, {variables} variables");
    let asked = format!("{} calls, {} variables", app::CALLS, app::VARIABLES);
    let is_shape = shape == asked;
    let mut kept = vec![
        // A debug build shows names of the compiler's as well.
        report::must("what a panic shows", &shape, &asked, is_shape || is_debug),
        most("memory kept before a failure", ahead, 3.0, 8.0, "MB"),
        most(
            "memory kept after 16 panics, 48 errors",
            later,
            3.0,
            8.0,
            "MB",
        ),
    ];
    if !is_debug {
        kept.extend([
            most(
                "first panic, unprepared, median",
                unprepared.p50 / 1e3,
                12.0,
                0.0,
                "ms",
            ),
            most(
                "first panic, unprepared, longest",
                unprepared.longest / 1e3,
                20.0,
                0.0,
                "ms",
            ),
            most(
                "first panic, prepared, median",
                prepared.p50 / 1e3,
                3.0,
                0.0,
                "ms",
            ),
            most("later panics in a row, p50", in_a_row.p50, 100.0, 0.0, "µs"),
            most("later panics in a row, p99", in_a_row.p99, 250.0, 0.0, "µs"),
            most(
                "what reading adds to an error by `?`, p50",
                errors.p50 - plain.p50,
                15.0,
                0.0,
                "µs",
            ),
        ]);
    }
    report::figure("later panics 1 ms apart, p50 and p99", &apart.two());
    report::figure(
        "panics of four threads at once, p50 and p99",
        &together.two(),
    );
    report::figure(
        "errors by `?` with variables and without, p50",
        &format!("{:.1} and {:.1} µs", errors.p50, plain.p50),
    );
    report::figure(
        "first error by `?`, longest",
        &format!("{:.1} µs", first_error.longest),
    );
    kept.into_iter().fold(Verdict::Kept, Verdict::and)
}

/// What a build costs that says nothing of variables: stripped, with line tables alone, or with `debug = 1`.
pub fn measure_bare() -> Verdict {
    let shown = measured(Phase::Shown, Column::Ours);
    let none = report::must("variables", &shown[1].to_string(), "0", shown[1] == 0);
    let mut more = [Phase::First, Phase::Prepared, Phase::Row].map(|phase| {
        let held = |column| {
            let rounds = if phase == Phase::Row { 1 } else { FIRST_ROUNDS };
            let mut held: Vec<_> = (0..rounds)
                .map(|_| {
                    let mut held = measured(phase, column);
                    if phase != Phase::Row {
                        held.truncate(1);
                    }
                    median(&mut held.iter().map(|it| *it as f64 / 1e6).collect::<Vec<_>>())
                })
                .collect();
            median(&mut held)
        };
        held(Column::Ours) - held(Column::Plain)
    });
    let names = [
        "first panic, unprepared",
        "first panic, prepared",
        "later panics",
    ];
    let kept = names
        .iter()
        .zip(&mut more)
        .fold(none, |kept, (name, more)| {
            most(&format!("{name}, more than without"), *more, 0.5, 0.5, "ms") && kept
        });
    Verdict::Kept.and(kept)
}

/// Of all rounds of a column.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    least: f64,
    p50: f64,
    p99: f64,
    longest: f64,
}

impl Figures {
    /// Of several rounds, the median of each figure: a busy minute of the machine is one of them.
    fn of(rounds: &[Vec<u64>]) -> Self {
        let figures = |share: f64| {
            let mut of_rounds: Vec<_> = rounds
                .iter()
                .map(|round| {
                    let mut round = round.clone();
                    round.sort_unstable();
                    let at = (round.len() as f64 * share) as usize;
                    round[at.min(round.len() - 1)] as f64 / 1e3
                })
                .collect();
            median(&mut of_rounds)
        };
        let all = || rounds.iter().flatten().map(|it| *it as f64 / 1e3);
        Self {
            least: all().fold(f64::INFINITY, f64::min),
            p50: figures(0.5),
            p99: figures(0.99),
            longest: all().fold(0.0, f64::max),
        }
    }

    fn two(&self) -> String {
        format!("{:.0} and {:.0} µs", self.p50, self.p99)
    }
}

/// Prints what each column measures, in rounds that take turns.
fn row(name: &str, phase: Phase, rounds: usize) -> [Figures; 4] {
    let columns = [
        Column::Plain,
        Column::Ours,
        Column::Backtrace,
        Column::Sentry,
    ];
    let is_error = matches!(phase, Phase::Errors | Phase::FirstError);
    let mut of_columns: [Vec<Vec<u64>>; 4] = Default::default();
    for _ in 0..rounds {
        for (column, of_column) in columns.into_iter().zip(&mut of_columns) {
            // Nobody else looks at errors, nor has anybody something to prepare.
            let is_own = matches!(column, Column::Plain | Column::Ours);
            if is_own || !(is_error || phase == Phase::Prepared) {
                of_column.push(measured(phase, column));
            }
        }
    }
    let is_first = matches!(phase, Phase::First | Phase::Prepared);
    let worked = of_columns.each_ref().map(|rounds| {
        let worked = rounds.iter().filter_map(|round| round.get(1));
        let mut worked: Vec<_> = worked.map(|it| *it as f64 / 1e3).collect();
        (is_first && !worked.is_empty()).then(|| median(&mut worked))
    });
    if is_first {
        // One panic of each process, and then what processors worked for it.
        for of_column in &mut of_columns {
            let firsts: Vec<u64> = of_column.iter().map(|round| round[0]).collect();
            *of_column = if firsts.is_empty() {
                Vec::new()
            } else {
                vec![firsts]
            };
        }
    }
    let figures = of_columns
        .each_ref()
        .map(|rounds| (!rounds.is_empty()).then(|| Figures::of(rounds)));
    line(&format!("{name}: least"), figures.map(|it| Some(it?.least)));
    line("… p50", figures.map(|it| Some(it?.p50)));
    if is_first {
        line("… all processors' work, p50", worked);
    } else {
        line("… p99", figures.map(|it| Some(it?.p99)));
    }
    line("… longest", figures.map(|it| Some(it?.longest)));
    figures.map(Option::unwrap_or_default)
}

fn line(name: &str, cells: [Option<f64>; 4]) {
    let cells = cells.map(|it| it.map_or_else(String::new, |it| format!("{it:.1}")));
    println!("| {name} | {} |", cells.join(" | "));
}

fn most(name: &str, figure: f64, release: f64, debug: f64, unit: &str) -> bool {
    let limit = if cfg!(debug_assertions) {
        debug
    } else {
        release
    };
    let rule = format!("≤ {limit} {unit}");
    report::must(name, &format!("{figure:.2} {unit}"), &rule, figure <= limit)
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

const FIRST_ROUNDS: usize = 15;
const ROUNDS: usize = 5;

//! What a panicking request costs its thread and its neighbours, and how soon somebody is told.

mod app;
mod column;
mod phase;

pub use column::Column;
pub use phase::{Phase, child, run};

use crate::instructions;
use crate::report::{self, Verdict, grouped};
use phase::{Storm, percentile};

/// Everything; takes about a minute.
pub fn measure() -> Verdict {
    let first = rounds(FIRST_ROUNDS, |column| Phase::First.measure(column));
    let paced = rounds(PACED_ROUNDS, |column| Phase::Paced.measure(column));
    let storms = rounds(STORM_ROUNDS, |column| vec![Storm::measure(column)]);
    let told = Column::ALL.map(|column| {
        let is_telling = Column::TELLING.contains(&column);
        let rounds = if is_telling { TOLD_ROUNDS } else { 0 };
        let times = (0..rounds).flat_map(|_| Phase::Told.measure(column));
        times.collect::<Vec<u64>>()
    });

    let instructions: Figures = Column::ALL.map(|column| {
        let (short, long) = column.counted()?;
        instructions::per_request(&["panics", "run", column.name()], short, long)
    });

    let share = |columns: &[Vec<u64>], share: f64| -> Figures {
        std::array::from_fn(|at| {
            let mut figures = columns[at].clone();
            let has_some = !figures.is_empty();
            has_some.then(|| percentile(&mut figures, share) as f64 / 1_000.0)
        })
    };
    let storm = |of: &dyn Fn(&Storm) -> f64| -> Figures {
        std::array::from_fn(|at| Some(median(storms[at].iter().map(of).collect())))
    };
    // Each round against the first column's of the same time.
    let ratio = |of: &dyn Fn(&Storm) -> f64| -> Figures {
        std::array::from_fn(|at| {
            let pairs = storms[at].iter().zip(&storms[0]);
            Some(median(
                pairs.map(|(one, none)| of(one) / of(none)).collect(),
            ))
        })
    };
    let first = share(&first, 0.5);
    let warm = share(&paced, 0.5);
    let stormy = storm(&|storm| storm.median as f64 / 1_000.0);
    let rate = ratio(&|storm| 1.0 / storm.nanos_per_panic as f64);
    let bystander = ratio(&|storm| storm.bystander_p99 as f64);
    let told_median = share(&told, 0.5);

    println!("Times in µs, of a whole request that panics; a storm is 8 tasks on 2 threads.\n");
    row("", Column::ALL.map(|column| column.title().to_owned()));
    row("---", Column::ALL.map(|_| "---:".to_owned()));
    line("first panic of a process", first, 1);
    line("warm, median", warm, 1);
    line("warm, p99", share(&paced, 0.99), 1);
    line("instructions", instructions, 0);
    line("in a storm, median", stormy, 1);
    line(
        "in a storm, p99",
        storm(&|storm| storm.p99 as f64 / 1_000.0),
        1,
    );
    line(
        "panics per second",
        storm(&|storm| 1e9 / storm.nanos_per_panic as f64),
        0,
    );
    line("… ratio", rate, 2);
    line(
        "bystander, p99",
        storm(&|storm| storm.bystander_p99 as f64 / 1_000.0),
        1,
    );
    line("… ratio", bystander, 2);
    line("from the panic to the notifier, median", told_median, 1);
    line("from the panic to the notifier, p99", share(&told, 0.99), 1);
    line("lost in a storm", storm(&|storm| storm.lost as f64), 0);
    println!();

    let ours = Column::ALL
        .iter()
        .position(|column| *column == Column::Ours);
    let ours = ours.expect("a column");
    let of_ours = |figures: Figures| figures[ours].unwrap_or(f64::NAN);
    let added = |figures: Figures| of_ours(figures) - figures[0].unwrap_or(f64::NAN);
    let most = |name: &str, figure: f64, limit: f64, unit: &str| {
        let rule = format!("≤ {limit}{unit}");
        report::must(name, &format!("{figure:.2}{unit}"), &rule, figure <= limit)
    };
    println!("Added to the first column by tower-monitor:\n");
    let kept = [
        most("first panic", added(first), 500.0, " µs"),
        most("warm panic", added(warm), 15.0, " µs"),
        most("warm panic in a storm", added(stormy), 15.0, " µs"),
        report::must(
            "panics per second, ratio",
            &format!("{:.2}", of_ours(rate)),
            "≥ 0.5",
            of_ours(rate) >= 0.5,
        ),
        most("p99 of a bystander, ratio", of_ours(bystander), 1.5, ""),
        most(
            "from the panic to the notifier",
            of_ours(told_median) / 1_000.0,
            5.0,
            " ms",
        ),
    ];
    kept.into_iter().fold(Verdict::Kept, Verdict::and)
}

/// One for each column, where there is one.
type Figures = [Option<f64>; Column::ALL.len()];

/// The columns take turns, so that a busy minute of the machine hits all of them.
fn rounds<T>(rounds: usize, measure: impl Fn(Column) -> Vec<T>) -> Vec<Vec<T>> {
    let mut columns: Vec<Vec<T>> = Column::ALL.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (column, figures) in Column::ALL.into_iter().zip(&mut columns) {
            figures.append(&mut measure(column));
        }
    }
    columns
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn line(name: &str, figures: Figures, digits: usize) {
    let cell = |figure: Option<f64>| match figure {
        None => String::new(),
        Some(figure) if digits == 0 => grouped(figure.round() as u64),
        Some(figure) => format!("{figure:.digits$}"),
    };
    row(name, figures.map(cell));
}

fn row(name: &str, cells: [String; Column::ALL.len()]) {
    println!("| {name} | {} |", cells.join(" | "));
}

const FIRST_ROUNDS: usize = 15;
const PACED_ROUNDS: usize = 5;
const STORM_ROUNDS: usize = 5;
const TOLD_ROUNDS: usize = 2;

//! The table: what each request costs on top of bare axum.

use crate::columns::Column;
use crate::instructions;
use crate::report::{Verdict, grouped};
use crate::run::{self, Sample};

/// Everything; takes some minutes.
pub fn whole() -> Verdict {
    let nanos = times(&Column::ALL);
    table(&Column::ALL, 20_000, (2_000, 12_000), Some(&nanos))
}

/// Allocations and instructions of the monitor alone, for CI.
pub fn quick() -> Verdict {
    table(&Column::QUICK, 8_000, (1_000, 5_000), None)
}

/// What was measured of one column, per request.
struct Measured {
    column: Column,
    allocations: f64,
    bytes: f64,
    instructions: Option<f64>,
    lost: u64,
}

fn table(
    columns: &[Column],
    requests: usize,
    (short, long): (usize, usize),
    nanos: Option<&[f64]>,
) -> Verdict {
    let measured: Vec<Measured> = columns
        .iter()
        .map(|&column| {
            let sample = run::measure(column, requests, true);
            Measured {
                column,
                allocations: per_request(sample.allocations, &sample),
                bytes: per_request(sample.bytes, &sample),
                instructions: instructions::per_request(&["run", column.name()], short, long),
                lost: sample.lost,
            }
        })
        .collect();
    println!(
        "Per request; bare axum as it is, the others as added to it, or to bare axum with the same events.\n"
    );
    row("", measured.iter().map(|one| one.column.title().to_owned()));
    row("---", measured.iter().map(|_| "---:".to_owned()));
    let added = |one: &Measured, of: &dyn Fn(&Measured) -> Option<f64>, digits: usize| {
        let figure = match baseline(&measured, one) {
            None => of(one).map(|figure| number(figure, digits)),
            Some(bare) => of(one).zip(of(bare)).map(|(figure, of_bare)| {
                format!("+{}", number((figure - of_bare).max(0.0), digits))
            }),
        };
        figure.unwrap_or_else(|| "-".to_owned())
    };
    let figures = |of: &dyn Fn(&Measured) -> Option<f64>, digits: usize| {
        let cells = measured.iter().map(|one| added(one, of, digits));
        cells.collect::<Vec<_>>().into_iter()
    };
    let limits = |limit: fn((f64, f64)) -> f64| {
        measured.iter().map(move |one| {
            let must = one.column.must().map(limit);
            must.map_or(String::new(), |most| {
                let digits = if most.fract() == 0.0 { 0 } else { 2 };
                format!("≤ {}", number(most, digits))
            })
        })
    };
    row("allocations", figures(&|one| Some(one.allocations), 2));
    row("*must*", limits(|must| must.0));
    row("bytes allocated", figures(&|one| Some(one.bytes), 0));
    row("instructions", figures(&|one| one.instructions, 0));
    row("*must*", limits(|must| must.1));
    if let Some(nanos) = nanos {
        let time = |one: &Measured| {
            let at = measured.iter().position(|other| other.column == one.column);
            at.map(|at| nanos[at])
        };
        row("time, ns", figures(&time, 0));
    }
    println!();
    if measured[0].instructions.is_none() {
        println!("valgrind is not installed: no instructions were counted.");
    }
    judge(&measured)
}

fn judge(measured: &[Measured]) -> Verdict {
    let mut verdict = Verdict::Kept;
    for one in measured {
        let must = one.column.must().zip(baseline(measured, one));
        let Some(((allocations, instructions), bare)) = must else {
            continue;
        };
        // A flush now and then allocates too: less than one in a hundred requests.
        let few = one.allocations - bare.allocations < allocations + 0.01;
        let fast = one
            .instructions
            .zip(bare.instructions)
            .is_none_or(|(figure, of_bare)| figure - of_bare <= instructions);
        for (kept, what) in [
            (few, "too many allocations"),
            (fast, "too many instructions"),
            (one.lost == 0, "records were lost, so not all was measured"),
        ] {
            if !kept {
                println!("MISSED: {}: {what}.", one.column.title());
            }
            verdict = verdict.and(kept);
        }
    }
    verdict
}

/// The column that this one adds to.
fn baseline<'m>(measured: &'m [Measured], one: &Measured) -> Option<&'m Measured> {
    let baseline = one.column.baseline()?;
    measured.iter().find(|other| other.column == baseline)
}

/// The median time per request of each column, in nanoseconds; the rounds are interleaved.
fn times(columns: &[Column]) -> Vec<f64> {
    let mut rounds: Vec<Vec<f64>> = columns.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for (column, times) in columns.iter().zip(&mut rounds) {
            let sample = run::measure(*column, 20_000, false);
            times.push(per_request(sample.nanos, &sample));
        }
    }
    rounds
        .into_iter()
        .map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[ROUNDS / 2]
        })
        .collect()
}

fn per_request(figure: u64, sample: &Sample) -> f64 {
    figure as f64 / sample.requests as f64
}

fn row(name: &str, cells: impl Iterator<Item = String>) {
    let cells: Vec<String> = cells.collect();
    println!("| {name} | {} |", cells.join(" | "));
}

fn number(figure: f64, digits: usize) -> String {
    if digits == 0 {
        grouped(figure.round() as u64)
    } else {
        format!("{figure:.digits$}")
    }
}

const ROUNDS: usize = 7;

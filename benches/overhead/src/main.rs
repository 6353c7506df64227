//! What the monitor costs a service. See the README beside this package for what each figure is.

mod alloc;
mod columns;
mod flood;
mod instructions;
mod load;
mod locals;
mod memory;
mod million;
mod panics;
#[cfg(tower_monitor_internals)]
mod redaction;
mod report;
mod run;
mod scale;
mod soak;
mod store;
mod storm;
mod table;
mod vendors;

use std::process::ExitCode;

use columns::Column;
use report::Verdict;

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let verdict = match arguments[..] {
        [] => table::whole(),
        ["--quick"] => table::quick(),
        ["scale"] => scale::measure(),
        ["storm"] => storm::measure(storm::REQUESTS),
        ["storm", requests] => storm::measure(number(requests)),
        ["million"] => million::measure(),
        ["flood"] => flood::measure(),
        ["vendors"] => vendors::measure(),
        ["soak"] => soak::measure(soak::REQUESTS),
        ["soak", requests] => soak::measure(number(requests)),
        ["store"] => store::measure(&std::env::temp_dir()),
        ["store", folder] => store::measure(folder.as_ref()),
        ["panics"] => panics::measure(),
        ["panics", phase, column] => {
            panics::child(phase_named(phase), panicking(column));
            Verdict::Kept
        }
        ["panics", "run", column, panics] => {
            panics::run(panicking(column), number(panics));
            Verdict::Kept
        }
        ["locals"] => locals::measure(),
        ["locals", "bare"] => locals::measure_bare(),
        ["locals", phase, column] => {
            locals::child(phase, column);
            Verdict::Kept
        }
        #[cfg(tower_monitor_internals)]
        ["redaction"] => redaction::measure(),
        ["run", column, requests] => run::child(named(column), number(requests), false),
        ["count", column, requests] => run::child(named(column), number(requests), true),
        ["allocations", column] => run::trace(named(column)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match verdict {
        Verdict::Kept => ExitCode::SUCCESS,
        Verdict::Missed => ExitCode::FAILURE,
    }
}

fn number(text: &str) -> usize {
    text.replace([',', '_'], "")
        .parse()
        .unwrap_or_else(|_| leave(&format!("`{text}` is no number")))
}

fn named(text: &str) -> Column {
    Column::named(text).unwrap_or_else(|| {
        let names: Vec<_> = Column::ALL.iter().map(|column| column.name()).collect();
        leave(&format!("`{text}` is none of {}", names.join(", ")))
    })
}

fn phase_named(text: &str) -> panics::Phase {
    panics::Phase::named(text).unwrap_or_else(|| leave(&format!("`{text}` is no phase")))
}

fn panicking(text: &str) -> panics::Column {
    panics::Column::named(text).unwrap_or_else(|| {
        let names = panics::Column::ALL.map(panics::Column::name);
        leave(&format!("`{text}` is none of {}", names.join(", ")))
    })
}

fn leave(problem: &str) -> ! {
    eprintln!("{problem}\n\n{USAGE}");
    std::process::exit(2)
}

const USAGE: &str = "\
overhead                            the whole table: allocations, instructions and time per request
overhead --quick                    allocations and instructions of the monitor alone, for CI
overhead scale                      the throughput of two threads against one
overhead storm [requests]           every request panics, all at one place
overhead flood                      a client that makes up problems, and one real among them, with SQLite
overhead million                    a million failures of twenty problems, into SQLite
overhead vendors                    requests beside notifiers that fail in every way
overhead panics                     what a panic costs its thread and its neighbours, and how soon somebody is told
overhead locals                     what it costs to read variables where something fails
overhead locals bare                the same in a build that does not describe them
overhead soak [requests]            the memory of a long run
overhead store [folder]             how long it takes to remember an occurrence, and what a storm writes
overhead redaction                  how fast secrets are taken out of text (see the README for its RUSTFLAGS)
overhead allocations <column>       where one request allocates
overhead run <column> <requests>    the bare load, for profilers
overhead count <column> <requests>  the same with every allocation counted
overhead panics run <column> <n>    so many panics, for profilers";

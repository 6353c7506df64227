//! What the monitor costs a service. See the README beside this package for what each figure is.

mod alloc;
mod columns;
mod instructions;
mod load;
mod memory;
mod report;
mod run;
mod scale;
mod soak;
mod storm;
mod table;

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
        ["soak"] => soak::measure(soak::REQUESTS),
        ["soak", requests] => soak::measure(number(requests)),
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

fn leave(problem: &str) -> ! {
    eprintln!("{problem}\n\n{USAGE}");
    std::process::exit(2)
}

const USAGE: &str = "\
overhead                            the whole table: allocations, instructions and time per request
overhead --quick                    allocations and instructions of the monitor alone, for CI
overhead scale                      the throughput of two threads against one
overhead storm [requests]           every request panics, all at one place
overhead soak [requests]            the memory of a long run
overhead allocations <column>       where one request allocates
overhead run <column> <requests>    the bare load, for profilers
overhead count <column> <requests>  the same with every allocation counted";

//! Plans and locations, judged by what the source says of a program that is stopped: built in each way that matters.

mod hostile;
mod shapes;
mod stopped;

use self::stopped::{Found, Stopped, built};
use crate::stack::Missing;

/// What the source says of each function between `main` and the stop: its variables that have a value there.
const TRUTH: &[(&str, &[(&str, Found)])] = &[
    (
        "program::shop::deep",
        &[
            ("scaled", Found::Number(8, 54)),
            ("rate", Found::Number(4, 0xffff_fffb)),
            ("label", Found::Text("green")),
            ("small", Found::Number(1, 0xfa)),
            ("args", Found::Number(8, 56)),
        ],
    ),
    (
        "program::shop::large",
        &[
            ("both", Found::Number(8, 27)),
            ("label", Found::Text("green")),
            ("bytes", Found::Number(8, 0x0707_0707_0707_0707)),
            ("last", Found::Number(1, 27)),
        ],
    ),
    // The closure, by the name of its function.
    (
        "<program::shop::Cart as program::shop::Priced>::price",
        &[
            ("extra", Found::Number(8, 11)),
            ("rate", Found::Number(8, 16)),
            ("both", Found::Number(8, 27)),
        ],
    ),
    (
        "<program::shop::Cart as program::shop::Priced>::price",
        &[
            ("self", Found::Pointer(2, 4)),
            ("rate", Found::Number(8, 16)),
            ("count", Found::Number(8, 4)),
            ("sum", Found::Number(8, 11)),
            ("add", Found::Any),
        ],
    ),
    (
        "program::shop::order",
        &[
            ("id", Found::Number(8, 16)),
            ("label", Found::Text("green")),
            ("cart", Found::Pointer(2, 4)),
            ("rate", Found::Number(8, 49)),
            ("name", Found::Any),
            ("pair", Found::Any),
            ("found", Found::Number(8, 149)),
            ("low", Found::Number(1, 16)),
        ],
    ),
    (
        "program::shop::pay",
        &[
            ("cart", Found::Any),
            ("tip", Found::Number(8, 3)),
            ("fee", Found::Number(8, 6)),
            ("total", Found::Number(8, 16)),
        ],
    ),
    (
        "program::poll",
        &[("paying", Found::Any), ("context", Found::Any)],
    ),
    (
        "program::main",
        &[
            ("cart", Found::Any),
            ("paying", Found::Any),
            ("context", Found::Any),
        ],
    ),
];

/// How the program is known in a build.
#[derive(Debug, Default)]
struct Score {
    right: usize,
    lost: Vec<String>,
    wrong: Vec<String>,
    /// Variables that were told beyond those that the source knows.
    beyond: Vec<String>,
    functions: Vec<String>,
    /// Lines that are not that of the call.
    misplaced: Vec<String>,
}

fn score(arguments: &[&str]) -> Score {
    let folder = tempfile::tempdir().unwrap();
    let program = built(folder.path(), arguments);
    let mut stopped = Stopped::start(&program);
    let units = stopped.units(&program).unwrap();
    let plans = stopped.plans(&units);
    let scopes = stopped::scopes(&plans);
    let mut score = Score::default();
    let names = scopes.iter().map(|(_, scope)| scope.function.to_string());
    score.functions = names.collect();
    let mut rest = scopes.iter();
    for ((function, variables), call) in TRUTH.iter().zip(CALLS) {
        let Some((at, scope)) = rest.find(|(_, scope)| scope.function.ends_with(function)) else {
            score.lost.push(format!("{function} itself"));
            continue;
        };
        if scope.line != Some(line_of(call)) {
            let line = scope.line;
            score
                .misplaced
                .push(format!("{function} {line:?}, not {call}"));
        }
        for (name, expected) in *variables {
            let told = format!("{function} {name}");
            let found = scope.variables.iter().find(|found| &*found.name == *name);
            match found.map(|variable| (variable, stopped.read(*at, &plans, variable, *expected))) {
                Some((_, Ok(found))) if found == *expected => score.right += 1,
                Some((variable, Ok(found))) => {
                    score.wrong.push(format!("{told}: {found:x?} {variable:?}"));
                }
                Some((_, Err(missing))) => score.lost.push(format!("{told}: {missing:?}")),
                None => score.lost.push(told),
            }
        }
        for found in &scope.variables {
            let is_known = variables.iter().any(|(name, _)| *name == &*found.name);
            if !is_known && stopped.read(*at, &plans, found, Found::Any).is_ok() {
                score.beyond.push(format!("{function} {}", found.name));
            }
        }
    }
    score
}

/// The call that each of these functions makes towards the stop.
const CALLS: &[&str] = &[
    "super::stop(scaled)",
    "deep(u64::from(last) + both",
    "large(both, ",
    "add(sum) + sum",
    "cart.price(",
    "order(total, ",
    "paying.poll(context)",
    "poll(paying.as_mut(), ",
];

/// The line of the program that has this text.
fn line_of(text: &str) -> u32 {
    let source = include_str!("program.rs");
    let at = source.lines().position(|line| line.contains(text));
    u32::try_from(at.unwrap() + 1).unwrap()
}

/// How many variables the source has.
fn all() -> usize {
    TRUTH.iter().map(|(_, variables)| variables.len()).sum()
}

#[test]
fn a_debug_build_tells_every_variable_and_no_other() {
    for arguments in [
        &["-g"][..],
        &["-g", "-Cdwarf-version=5"],
        &["-g", "-Csymbol-mangling-version=v0"],
        &["-g", "-Csplit-debuginfo=packed"],
        &["-g", "-Csplit-debuginfo=unpacked"],
        &["-g", "-Csplit-debuginfo=packed", "-Cdwarf-version=5"],
        &["-g", "-Csplit-debuginfo=unpacked", "-Cdwarf-version=5"],
        &["-g", "-Cforce-frame-pointers=yes"],
    ] {
        let score = score(arguments);
        println!("{arguments:?} {score:#?}");
        assert!(score.wrong.is_empty() && score.lost.is_empty() && score.beyond.is_empty());
        assert!(score.misplaced.is_empty());
        assert_eq!(score.right, all());
        assert_eq!(score.functions.len(), TRUTH.len() + 1, "and `stop`");
    }
}

#[test]
fn an_optimised_build_tells_nothing_wrong() {
    for arguments in [
        &["-g", "-Copt-level=3"][..],
        &["-g", "-Copt-level=3", "-Cdwarf-version=5"],
        &["-g", "-Copt-level=1"],
        &["-g", "-Copt-level=3", "-Clto=thin"],
        &["-g", "-Copt-level=3", "-Clto=fat", "-Cpanic=abort"],
        &["-g", "-Copt-level=3", "-Csplit-debuginfo=packed"],
        &[
            "-g",
            "-Copt-level=s",
            "-Csplit-debuginfo=unpacked",
            "-Cdwarf-version=5",
        ],
    ] {
        let score = score(arguments);
        println!("{arguments:?} {score:#?}");
        assert!(score.wrong.is_empty() && score.beyond.is_empty());
        assert!(score.misplaced.len() <= 1);
        assert!(score.right >= all() * 2 / 5, "{score:#?}");
    }
}

#[test]
fn without_what_describes_variables_there_is_a_reason() {
    for (arguments, planned) in [
        (&["-Cdebuginfo=1"][..], true),
        (&["-Cdebuginfo=line-tables-only"], true),
        (&["-Cdebuginfo=0", "-Cstrip=debuginfo"], false),
        (&["-g", "-Cstrip=symbols"], false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let program = built(folder.path(), arguments);
        let stopped = Stopped::start(&program);
        let units = match stopped.units(&program) {
            Ok(units) => units,
            Err(missing) => {
                assert_eq!((missing, planned), (Missing::NoDebuginfo, false));
                continue;
            }
        };
        let plans = stopped.plans(&units);
        assert!(
            planned && plans.iter().any(|plan| plan.is_err()),
            "{arguments:?}"
        );
        for plan in plans {
            assert!(matches!(
                plan,
                Ok(None) | Err(Missing::NoDebuginfo | Missing::Unavailable)
            ));
        }
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn arguments_are_what_the_source_says() {
    let folder = tempfile::tempdir().unwrap();
    let program = built(folder.path(), &["-g", "-Copt-level=3"]);
    let mut stopped = Stopped::start(&program);
    let units = stopped.units(&program).unwrap();
    let plans = stopped.plans(&units);
    let scopes = stopped::scopes(&plans);
    let mut told = 0;
    for (function, name, expected) in [
        ("program::shop::deep", "rate", Found::Number(4, 0xffff_fffb)),
        ("program::shop::deep", "label", Found::Text("green")),
        ("program::shop::deep", "scaled", Found::Number(8, 54)),
        ("program::shop::large", "both", Found::Number(8, 27)),
        ("program::shop::large", "label", Found::Text("green")),
        ("program::shop::order", "id", Found::Number(8, 16)),
        ("program::shop::order", "cart", Found::Pointer(2, 4)),
    ] {
        let Some((at, scope)) = scopes
            .iter()
            .find(|(_, scope)| &*scope.function == function)
        else {
            continue;
        };
        let found = scope.variables.iter().find(|it| &*it.name == name);
        let Some(variable) = found else { continue };
        let found = stopped.read(*at, &plans, variable, expected);
        println!("{function} {name}: {found:x?} {variable:?}");
        if let Ok(found) = found {
            assert_eq!(found, expected, "{function} {name}");
            told += 1;
        }
    }
    assert!(told >= 4, "{told}");
}

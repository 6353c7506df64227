//! Changes the corpus before it is built: `#[tower_monitor::locals]` on each function that is not async, or calls that let the
//! language itself say what the variables hold. Every line stays where it is.

use std::path::Path;
use std::{env, fs};

#[expect(dead_code, reason = "the judge needs more of it")]
#[path = "../corpus_judge/source.rs"]
mod source;

use source::{Function, Truth};

fn main() {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=../corpus_judge/source.rs");
    let has = |feature: &str| env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    let (checks, annotates) = (has("SELF_CHECK"), has("ANNOTATED"));
    if !checks && !annotates {
        return;
    }
    let out = env::var("OUT_DIR").expect("cargo sets it");
    for entry in fs::read_dir("src").expect("the sources are here") {
        let path = entry.expect("it can be listed").path();
        let file = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let text = fs::read_to_string(&path).expect("it is text");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for line in lines.iter_mut().filter(|line| line.starts_with("//!")) {
            line.clear();
        }
        if checks {
            check(file, &text, &mut lines);
        } else if file.starts_with("sync_") || file.starts_with("web_") {
            annotate(file, &text, &mut lines);
        }
        fs::write(Path::new(&out).join(file), lines.join("\n")).expect("it can be written");
    }
}

fn annotate(file: &str, text: &str, lines: &mut [String]) {
    for function in source::read(file, text)
        .iter()
        .filter(|it| !it.is_inner && !it.is_async)
    {
        put_before(
            &mut lines[function.first as usize - 1],
            "#[tower_monitor::locals] ",
        );
    }
}

fn check(file: &str, text: &str, lines: &mut [String]) {
    let original: Vec<&str> = text.lines().collect();
    for function in source::read(file, text) {
        for mark in &function.marks {
            let seen: Vec<String> = provable(&function, mark.words.is_some())
                .map(|truth| format!("({:?}, format!(\"{{:?}}\", &{}))", truth.name, truth.name))
                .collect();
            let call = format!(
                "let _seen = crate::see::arrive({file:?}, {:?}, {}, vec![{}]); ",
                function.name,
                mark.line,
                seen.join(", ")
            );
            put_before(
                &mut lines[statement(&original, mark.line as usize - 1)],
                &call,
            );
        }
    }
}

/// What can be asked for at a mark of the function.
fn provable(function: &Function, is_innermost: bool) -> impl Iterator<Item = &Truth> {
    let recursive = function.is_recursive();
    function.truths.iter().filter(move |truth| {
        let mut texts = match (recursive, is_innermost) {
            (true, true) => &truth.texts[..1],
            (true, false) => &truth.texts[1..],
            (false, _) => &truth.texts[..],
        }
        .iter();
        truth.is_provable && texts.any(Option::is_some)
    })
}

/// The line in which the statement begins that this line is part of.
fn statement(lines: &[&str], mut line: usize) -> usize {
    let code = |line: usize| source::parts(lines[line]).0;
    let above = |line: usize, depth: usize| {
        let is_code = |at: &usize| !code(*at).is_empty() && source::depth(lines[*at]) <= depth;
        (0..line)
            .rev()
            .find(is_code)
            .expect("a function begins above")
    };
    loop {
        let before = code(above(line, usize::MAX));
        let begins = before.ends_with([';', '{']) || before == "}";
        if begins && !code(line).starts_with(['.', ')', '}', ']']) {
            return line;
        }
        line = above(line, source::depth(lines[line]));
    }
}

fn put_before(line: &mut String, code: &str) {
    line.insert_str(source::depth(line), code);
}

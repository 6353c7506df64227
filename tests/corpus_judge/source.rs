//! What the corpus says of itself, read from its sources.
//!
//! | Comment | says |
//! |---|---|
//! | `//= 3` | the variable that this line declares holds 3 when its function stands on the stack of the failure |
//! | `//= a => 3 ;; b => "x"` | the same of several |
//! | `//= 3 \| 2 \| -` | of a function that calls itself: in its innermost call, in the next and so on; `-` where it is not there |
//! | `//=! 3` | the same, where the language cannot be asked: it is borrowed, or has no `Debug` |
//! | `//~ 3` | it held 3, and nobody keeps it: it was moved, or is not used any more since its function waited |
//! | `//@ till` | the line at which its function stands when the scenario `till` fails |
//! | `//@ till: words` | the line that fails, with these words |
//! | `//@^ …` | the same of the line above |
//!
//! On a line of its own a comment says it, by name, of what the loop, the arm or the closure around it binds or captures.
//! Each truth follows from the source by thought; `the_language_itself_confirms_the_truth` then asks the language for it.
//!
//! The sources are as rustfmt leaves them: what is opened at the beginning of a line is closed at the same depth.

/// A function, a closure or an async block.
#[derive(Clone, Debug)]
pub struct Function {
    pub name: String,
    pub file: String,
    pub first: u32,
    pub last: u32,
    /// A closure or an async block: its first and last line belong to the function around it.
    pub is_inner: bool,
    /// An async function, block or closure, and not what is called in it.
    pub is_async: bool,
    pub marks: Vec<Mark>,
    pub truths: Vec<Truth>,
    /// What it declares and says nothing of, with the line.
    pub silent: Vec<(String, u32)>,
}

/// A line at which a function stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    pub line: u32,
    pub scenario: String,
    /// The words with which it fails.
    pub words: Option<String>,
}

/// What a variable holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    pub name: String,
    pub line: u32,
    /// By depth, the innermost call first; one where the function does not call itself.
    pub texts: Vec<Option<String>>,
    /// Whether it is an argument, where the line tells: what a pattern binds may be either.
    pub is_argument: Option<bool>,
    pub is_moved: bool,
    /// Whether the language can be asked.
    pub is_provable: bool,
}

impl Function {
    pub fn is_recursive(&self) -> bool {
        self.marks.len() > 1
    }

    pub fn fails_in(&self) -> Option<&str> {
        self.marks.first().map(|mark| mark.scenario.as_str())
    }

    /// What is true in its call of this depth.
    pub fn at(&self, depth: usize) -> impl Iterator<Item = (&Truth, &str)> {
        self.truths.iter().filter_map(move |truth| {
            let text = truth.texts.get(depth).or(truth.texts.last())?;
            Some((truth, text.as_deref()?))
        })
    }

    pub fn depths(&self) -> usize {
        let depths = self.truths.iter().map(|truth| truth.texts.len());
        depths.max().unwrap_or(1)
    }

    /// The lines on which it declares a variable of this name, of which nothing is said.
    pub fn declares(&self, name: &str) -> impl Iterator<Item = u32> {
        let of_name = self.silent.iter().filter(move |(silent, _)| silent == name);
        of_name.map(|(_, line)| *line)
    }

    pub fn holds(&self, line: u32) -> bool {
        if self.is_inner {
            self.first < line && line < self.last
        } else {
            self.first <= line && line <= self.last
        }
    }
}

/// The functions of a file.
pub fn read(file: &str, text: &str) -> Vec<Function> {
    let lines: Vec<&str> = text.lines().collect();
    let mut functions = spans(file, &lines);
    let mut in_signature = false;
    for (index, whole) in lines.iter().enumerate() {
        let line = index as u32 + 1;
        let (code, comments) = parts(whole);
        if starts_function(code).is_some() {
            in_signature = true;
        }
        let is_signature = in_signature;
        if code.ends_with('{') || code.ends_with(';') {
            in_signature = false;
        }
        let mut says_nothing = true;
        for (sign, rest) in &comments {
            if *sign == '@' {
                let above = rest.strip_prefix('^');
                let line = if above.is_some() { line - 1 } else { line };
                let mark = mark(line, above.unwrap_or(rest).trim());
                let function = around(&mut functions, line);
                function
                    .expect("a mark stands in a function")
                    .marks
                    .push(mark);
                continue;
            }
            says_nothing = false;
            let function = around(&mut functions, line).expect("a truth stands in a function");
            let above = declared_above(&lines[..index], depth(whole));
            let own = declared(code).or(above.clone().map(|(name, _)| name));
            let sure = rest.strip_prefix('!');
            for one in sure.unwrap_or(rest).trim().split(" ;; ") {
                let named = one.split_once(" => ").filter(|(name, _)| is_name(name));
                let (name, text) = match named {
                    Some((name, text)) => (Some(name.to_owned()), text),
                    None => (own.clone(), one),
                };
                let is_argument = match named {
                    None if is_signature => Some(true),
                    None => Some(false),
                    Some(_) => None,
                };
                let name = name.unwrap_or_else(|| panic!("{file}:{line}: name => value"));
                let is_it = |(_, begins): &(String, u32)| above == Some((name.clone(), *begins));
                function.silent.retain(|silent| !is_it(silent));
                function.truths.push(Truth {
                    name,
                    line,
                    texts: vec![Some(text.to_owned())],
                    is_argument,
                    is_moved: *sign == '~',
                    is_provable: *sign == '=' && sure.is_none(),
                });
            }
        }
        if says_nothing
            && code.starts_with("let ")
            && let Some(name) = declared(code)
            && let Some(function) = around(&mut functions, line)
        {
            function.silent.push((name, line));
        }
    }
    functions.iter_mut().for_each(settle);
    functions
}

/// Splits what is said of each depth, and takes from the language what it cannot see: a variable that another hides.
fn settle(function: &mut Function) {
    if function.is_recursive() {
        for truth in &mut function.truths {
            let texts = truth.texts.iter().flatten();
            let depths = texts.flat_map(|text| text.split(" | "));
            truth.texts = depths
                .map(|text| (text != "-").then(|| text.to_owned()))
                .collect();
        }
    }
    let names: Vec<String> = function
        .truths
        .iter()
        .map(|truth| truth.name.clone())
        .collect();
    for (place, truth) in function.truths.iter_mut().enumerate() {
        truth.is_provable &= !names[place + 1..].contains(&truth.name);
    }
}

fn mark(line: u32, text: &str) -> Mark {
    let (scenario, words) = match text.split_once(": ") {
        Some((scenario, words)) => (scenario, Some(words.to_owned())),
        None => (text, None),
    };
    Mark {
        line,
        scenario: scenario.to_owned(),
        words,
    }
}

/// The innermost function around a line.
pub fn around(functions: &mut [Function], line: u32) -> Option<&mut Function> {
    let around = functions.iter_mut().filter(|function| function.holds(line));
    around.max_by_key(|function| function.first)
}

fn spans(file: &str, lines: &[&str]) -> Vec<Function> {
    let mut functions: Vec<Function> = Vec::new();
    for (index, whole) in lines.iter().enumerate() {
        let (code, _) = parts(whole);
        let line = index as u32 + 1;
        let name = starts_function(code);
        if name.is_none() && !starts_inner(code) {
            continue;
        }
        let rest = &lines[index..];
        let has_body = |text: &&str| parts(text).0.ends_with('{');
        let ends = |text: &&str| parts(text).0.ends_with(';');
        let body = rest.iter().position(has_body);
        let end = rest.iter().position(ends);
        let Some(body) = body.filter(|body| end.is_none_or(|end| *body < end)) else {
            continue;
        };
        let closes =
            |text: &&str| depth(text) == depth(whole) && text.trim_start().starts_with('}');
        let Some(length) = rest[body + 1..].iter().position(closes) else {
            continue;
        };
        let inner =
            around(&mut functions, line).map(|outer| format!("{}::{{closure}}", outer.name));
        functions.push(Function {
            is_inner: name.is_none(),
            is_async: is_async(code),
            name: name.map(str::to_owned).or(inner).unwrap_or_default(),
            file: file.to_owned(),
            first: line,
            last: line + (body + 1 + length) as u32,
            marks: Vec::new(),
            truths: Vec::new(),
            silent: Vec::new(),
        });
    }
    functions
}

/// The function's name, when one begins in this line.
pub fn starts_function(code: &str) -> Option<&str> {
    let code = code.trim_start_matches("pub(crate) ");
    let code = code.trim_start_matches("async ").strip_prefix("fn ")?;
    code.split(['(', '<']).next()
}

fn starts_inner(code: &str) -> bool {
    ["async {", "async move {", "| {"]
        .iter()
        .any(|end| code.ends_with(end))
}

/// Whether what begins in this line is async: the closure that makes an async block is not.
fn is_async(code: &str) -> bool {
    match starts_function(code) {
        Some(_) => code.trim_start_matches("pub(crate) ").starts_with("async "),
        None => {
            ["async {", "async move {"]
                .iter()
                .any(|end| code.ends_with(end))
                || is_async_closure(code)
        }
    }
}

fn is_async_closure(code: &str) -> bool {
    let opens = |word: &str| {
        code.rfind(word)
            .is_some_and(|at| code[at..].matches('|').count() == 2)
    };
    code.ends_with("| {") && (opens("async |") || opens("async move |"))
}

/// The code of a line, without what is around it, and its comments by their signs.
pub fn parts(line: &str) -> (&str, Vec<(char, &str)>) {
    let line = line.trim();
    if line.starts_with("///") || line.starts_with("//!") {
        return ("", Vec::new());
    }
    let signs = ["//=", "//~", "//@"];
    let found = |text: &str| signs.iter().filter_map(|sign| text.find(sign)).min();
    let (code, mut rest) = line.split_at(found(line).unwrap_or(line.len()));
    let mut comments = Vec::new();
    while let Some(sign) = rest.chars().nth(2) {
        let end = found(&rest[3..]).map_or(rest.len(), |end| end + 3);
        comments.push((sign, rest[3..end].trim()));
        rest = &rest[end..];
    }
    (code.trim(), comments)
}

pub fn depth(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The name and the line of the `let` that may end in a line of this depth.
fn declared_above(lines: &[&str], below: usize) -> Option<(String, u32)> {
    let mut above = lines.iter().enumerate().rev();
    let (index, begins) =
        above.find(|(_, line)| depth(line) <= below && line.trim_start().starts_with("let "))?;
    Some((declared(parts(begins).0)?, index as u32 + 1))
}

/// The name that a line declares: of a `let` or of an argument.
fn declared(code: &str) -> Option<String> {
    let code = match starts_function(code) {
        Some(_) => code.split_once('(')?.1,
        None => code.strip_prefix("let ").unwrap_or(code),
    };
    let code = ["&mut ", "&", "mut "]
        .iter()
        .find_map(|before| code.strip_prefix(before))
        .unwrap_or(code);
    let name = code.split([':', ' ', ',', ';']).next()?;
    is_name(name).then(|| name.to_owned())
}

fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') && text.chars().all(is_part)
}

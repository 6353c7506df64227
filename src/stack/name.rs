//! The names of functions, as people write them.

use crate::text::shortened;

/// A demangled name without what the compiler added to it:
///
/// - generic arguments of functions go: `shop::get::<u32>` is `shop::get`;
/// - the last `{{closure}}` goes, since the body of an async function is one: `shop::buy::{{closure}}` is `shop::buy`, and
///   a closure in it, `shop::buy::{{closure}}::{{closure}}`, is `shop::buy::{{closure}}`. A closure in a function that is
///   not async is shown by that function's name as well; the line tells them apart;
/// - a name that is still longer than [`MAX_NAME`] loses the generic arguments of types: `<Route<…> as Service<…>>::call`.
pub(crate) fn tidy(demangled: &str) -> String {
    let name = without_turbofish(&without_numbers(demangled));
    let name = name.strip_suffix("{{vtable.shim}}").unwrap_or(&name);
    let name = without_arguments_at_the_end(name);
    let name = name.strip_suffix("::{{closure}}").unwrap_or(name);
    if name.len() <= MAX_NAME {
        return name.to_owned();
    }
    shortened(&without_type_arguments(name), MAX_NAME)
}

/// The crate a function is written in, as far as its name tells; `None` for names of C.
pub(super) fn krate(function: &str) -> Option<&str> {
    let path = path(function);
    path.split_once("::").map(|(krate, _)| krate)
}

/// The module a function is written in: its path without the function's name and the type it belongs to.
pub(super) fn module(function: &str) -> Option<&str> {
    let path = path(function);
    let path = path.split("::{{closure}}").next()?;
    let (mut module, _) = path.rsplit_once("::")?;
    while let Some((outer, last)) = module.rsplit_once("::")
        && last.starts_with(|c: char| c.is_uppercase() || c == '<')
    {
        module = outer;
    }
    Some(module)
}

/// The plain path that tells most of where a function is written: its own, or that of the type or else the trait that
/// `<Type as Trait>::function` is written for.
fn path(function: &str) -> &str {
    let Some(inner) = function.strip_prefix('<') else {
        // `shop::<impl Trait for Type>::function`
        return function.split("::<").next().unwrap_or(function);
    };
    let group = &inner[..group_end(inner)];
    let group = group.strip_prefix("impl ").unwrap_or(group);
    let middle = split_outside(group, " as ");
    let own = plain(middle.map_or(group, |(own, _)| own));
    match middle {
        // `F` or `(A, B)`: only the trait has a path.
        Some((_, of)) if !own.contains("::") => plain(of),
        _ => own,
    }
}

/// The path in a type: without references and what is generic.
fn plain(mut kind: &str) -> &str {
    for prefix in ["<", "&", "*const ", "*mut ", "mut ", "dyn ", "impl "] {
        kind = kind.trim_start_matches(prefix);
    }
    let end = kind
        .find(['<', '(', '[', ' ', '+', ';', ',', '>'])
        .unwrap_or(kind.len());
    kind[..end].trim_end_matches("::")
}

/// Where the group ends whose opening bracket stands before `text`.
fn group_end(text: &str) -> usize {
    let mut depth = 1u32;
    for (at, bracket) in brackets(text) {
        depth = if bracket { depth + 1 } else { depth - 1 };
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The text before and after the first `separator` that is in no brackets. Some names have thousands of those.
fn split_outside<'a>(text: &'a str, separator: &str) -> Option<(&'a str, &'a str)> {
    let mut open = brackets(text).peekable();
    let mut depth = 0i32;
    text.match_indices(separator)
        .find(|(at, _)| {
            while let Some((_, opens)) = open.next_if(|(bracket, _)| bracket < at) {
                depth += if opens { 1 } else { -1 };
            }
            depth == 0
        })
        .map(|(at, _)| (&text[..at], &text[at + separator.len()..]))
}

/// The angle brackets of a name, with whether each opens; the one of `->` is none.
fn brackets(text: &str) -> impl Iterator<Item = (usize, bool)> {
    let bytes = text.as_bytes();
    bytes
        .iter()
        .enumerate()
        .filter_map(move |(at, byte)| match byte {
            b'<' => Some((at, true)),
            b'>' if at == 0 || bytes[at - 1] != b'-' => Some((at, false)),
            _ => None,
        })
}

/// v0 mangling and debug information number what has no name, legacy mangling does not: `{closure#0}` becomes
/// `{{closure}}`, and `{async_fn#0}` becomes `{async_fn}`.
fn without_numbers(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('#') {
        let number = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        out.push_str(before);
        rest = &after[number..];
        if number == 0 || !rest.starts_with('}') {
            out.push('#');
            out.push_str(&after[..number]);
        } else if let Some(path) = out.strip_suffix("{closure") {
            out = format!("{path}{{{{closure}}");
        }
    }
    out.push_str(rest);
    out
}

/// Debug information of lines only knows `poll<shop::Buy>`, which is shown as `poll`.
fn without_arguments_at_the_end(name: &str) -> &str {
    if !name.ends_with('>') || name.starts_with('<') {
        return name;
    }
    match brackets(name).next() {
        Some((start, true)) if group_end(&name[start + 1..]) + start + 2 == name.len() => {
            &name[..start]
        }
        _ => name,
    }
}

/// Drops `::<…>` behind functions, but not `::<impl …>`, which is part of a path.
fn without_turbofish(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = split_outside(rest, "::<") {
        out.push_str(before);
        let end = group_end(after);
        if after.starts_with("impl ") {
            out.push_str("::<");
            out.push_str(&after[..end]);
            out.push('>');
        }
        rest = after.get(end + 1..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// `<axum::Route<E> as Service<Request<B>>>::call` becomes `<axum::Route<…> as Service<…>>::call`.
fn without_type_arguments(name: &str) -> String {
    let outermost = u32::from(name.starts_with('<') || name.contains("::<impl "));
    let mut out = String::with_capacity(MAX_NAME);
    let (mut depth, mut from) = (0u32, 0);
    for (at, opens) in brackets(name) {
        if opens {
            if depth == outermost {
                out.push_str(&name[from..=at]);
                out.push('…');
            }
            depth += 1;
        } else {
            depth = depth.saturating_sub(1);
            if depth == outermost {
                from = at;
            }
        }
    }
    if depth <= outermost {
        out.push_str(&name[from..]);
    }
    out
}

/// The longest name that is kept, in bytes.
const MAX_NAME: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_lose_what_the_compiler_added() {
        for (mangled_away, tidied) in [
            ("shop::main", "shop::main"),
            ("shop::buy::{{closure}}", "shop::buy"),
            ("shop::buy::{closure#0}", "shop::buy"),
            (
                "shop::buy::{{closure}}::{{closure}}",
                "shop::buy::{{closure}}",
            ),
            (
                "shop::buy::{closure#0}::{closure#3}",
                "shop::buy::{{closure}}",
            ),
            ("std::rt::lang_start::<()>", "std::rt::lang_start"),
            ("shop::get::<u32>::{closure#0}", "shop::get"),
            ("shop::call::<fn(u8) -> u8, Vec<u8>>", "shop::call"),
            (
                "core::ops::function::FnOnce::call_once{{vtable.shim}}",
                "core::ops::function::FnOnce::call_once",
            ),
            (
                "shop::<impl core::convert::From<shop::A> for shop::B>::from",
                "shop::<impl core::convert::From<shop::A> for shop::B>::from",
            ),
            (
                "<shop::Cart<[u8; 4]> as shop::Total<i32>>::total::<u8>",
                "<shop::Cart<[u8; 4]> as shop::Total<i32>>::total",
            ),
            ("main", "main"),
            ("poll<shop::Buy<fn() -> u8>, u8>", "poll"),
            ("{async_fn#0}", "{async_fn}"),
            ("{closure#0}<u8>", "{{closure}}"),
            ("{{closure}}<shop::Buy>", "{{closure}}"),
            ("shop::r#try::{shim:vtable#0}", "shop::r#try::{shim:vtable}"),
        ] {
            assert_eq!(tidy(mangled_away), tidied);
        }
    }

    #[test]
    fn a_long_name_keeps_its_type_its_trait_and_its_method() {
        let deep = "alloc::boxed::Box<dyn core::future::Future<Output = ()>>, ".repeat(8);
        let long = format!("<axum::Route<{deep}> as tower::Service<http::Request<{deep}>>>::call");
        assert_eq!(tidy(&long), "<axum::Route<…> as tower::Service<…>>::call");
        let plain = format!("shop::Cart<{deep}>::total");
        assert_eq!(tidy(&plain), "shop::Cart<…>::total");
        assert!(tidy(&"shop::m".repeat(100)).len() <= MAX_NAME);
    }

    #[test]
    fn the_crate_and_the_module_are_those_of_the_code() {
        for (name, krate_of_it, module_of_it) in [
            ("shop::cart::add", Some("shop"), Some("shop::cart")),
            ("shop::cart::Cart::add", Some("shop"), Some("shop::cart")),
            (
                "shop::cart::add::{{closure}}",
                Some("shop"),
                Some("shop::cart"),
            ),
            ("<shop::cart::Cart>::add", Some("shop"), Some("shop::cart")),
            (
                "<&mut shop::cart::Cart<T> as core::fmt::Debug>::fmt",
                Some("shop"),
                Some("shop::cart"),
            ),
            (
                "<F as axum::handler::Handler<((),),S>>::call",
                Some("axum"),
                Some("axum::handler"),
            ),
            (
                "<core::pin::Pin<P> as core::future::future::Future>::poll",
                Some("core"),
                Some("core::pin"),
            ),
            (
                "<(A, B) as tower::Layer<fn(u8) -> u8>>::layer",
                Some("tower"),
                Some("tower"),
            ),
            (
                "shop::cart::<impl core::convert::From<E> for F>::from",
                Some("shop"),
                Some("shop"),
            ),
            (
                "<dyn shop::cart::Total>::sum",
                Some("shop"),
                Some("shop::cart"),
            ),
            ("main", None, None),
        ] {
            assert_eq!(krate(name), krate_of_it, "{name}");
            assert_eq!(module(name), module_of_it, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_name_is_taken(name in "[<>a:{}#, é-]{0,40}|(<|>|::|a|::<| as |impl |\\{closure#0\\}){0,200}") {
            let tidied = tidy(&name);
            prop_assert!(tidied.len() <= MAX_NAME);
            let _both = (krate(&name), module(&name), without_type_arguments(&name));
        }
    }
}

//! What a type's name tells: where it stands, whose it is, whether it hides something.

use crate::locals::excluded::Excluded;

/// A name that carries its path: `alloc::boxed::Box<T>` is `Box<T>` in `alloc::boxed`.
pub(super) fn split(whole: &str) -> (&str, &str) {
    if !whole.starts_with(|c: char| c.is_alphabetic() || c == '_') || whole.starts_with("dyn ") {
        return ("", whole);
    }
    let end = whole.find('<').unwrap_or(whole.len());
    match whole[..end].rfind("::") {
        Some(at) => (&whole[..at], &whole[at + 2..]),
        None => ("", whole),
    }
}

/// A name without its generic arguments. Names of references, tuples and the like stay whole.
pub(super) fn base(name: &str) -> &str {
    let own = name.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '{'));
    match name.find('<') {
        Some(at) if own && !name.starts_with("dyn ") => &name[..at],
        _ => name,
    }
}

/// Whether values of the type must not be read, for its name alone.
pub(super) fn is_secret(path: &str, name: &str, excluded: &Excluded) -> bool {
    let base = base(name);
    // A future or a closure is in the path of its function.
    let is_excluded_code = base.starts_with('{') && excluded.has_path(path);
    is_excluded_code || !base.starts_with(['&', '*', '(', '[']) && excluded.has_type(path, base)
}

/// Whether a type in a module is of somebody else's crate.
pub(super) fn is_foreign(path: &str, is_foreign: &dyn Fn(&str) -> bool) -> bool {
    let of = path.split("::").next().unwrap_or_default();
    is_std(path) || is_foreign(of)
}

/// Whether a module is of what comes with the compiler.
pub(super) fn is_std(path: &str) -> bool {
    matches!(
        path.split("::").next(),
        Some("core" | "alloc" | "std" | "hashbrown")
    )
}

/// As people write it: without the paths of arguments and of the standard library's types, and without default arguments.
pub(super) fn shown(path: &str, name: &str) -> String {
    let mut short = String::with_capacity(path.len() + name.len());
    if !path.is_empty() && !is_std(path) {
        short.push_str(path);
        short.push_str("::");
    }
    let mut word = short.len();
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        if let Some(behind) = rest.strip_prefix("::") {
            short.truncate(word);
            rest = behind;
            continue;
        }
        short.push(c);
        rest = &rest[c.len_utf8()..];
        if !c.is_alphanumeric() && !matches!(c, '_' | '{' | '}' | '#') {
            word = short.len();
        }
    }
    for default in [", Global", ", RandomState"] {
        while let Some(at) = short.find(default) {
            match short.as_bytes().get(at + default.len()) {
                Some(b'>' | b',') => short.replace_range(at..at + default.len(), ""),
                _ => break,
            }
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locals::Locals;

    #[test]
    fn a_name_that_carries_its_path_is_split() {
        let boxed = "alloc::boxed::Box<shop::Cart, alloc::alloc::Global>";
        let expected = ("alloc::boxed", "Box<shop::Cart, alloc::alloc::Global>");
        assert_eq!(split(boxed), expected);
        for whole in [
            "&shop::Cart",
            "u32",
            "dyn shop::Pay",
            "(a::B, c::D)",
            "*const a::B",
        ] {
            assert_eq!(split(whole), ("", whole));
        }
    }

    #[test]
    fn types_are_shown_as_people_write_them() {
        let cases = [
            ("shop", "Cart", "shop::Cart"),
            (
                "alloc::vec",
                "Vec<shop::Item, alloc::alloc::Global>",
                "Vec<Item>",
            ),
            (
                "std::collections::hash::map",
                "HashMap<alloc::string::String, &shop::Item, std::hash::random::RandomState, alloc::alloc::Global>",
                "HashMap<String, &Item>",
            ),
            (
                "",
                "(u32, alloc::vec::Vec<u8, alloc::alloc::Global>)",
                "(u32, Vec<u8>)",
            ),
            ("", "&mut dyn shop::Pay", "&mut dyn Pay"),
            (
                "shop::main",
                "{closure_env#0}",
                "shop::main::{closure_env#0}",
            ),
        ];
        for (path, name, expected) in cases {
            assert_eq!(shown(path, name), expected);
        }
    }

    #[test]
    fn secrets_are_known_by_name() {
        let own = Locals::new()
            .exclude_types(["Pan", "shop::card::Number"])
            .excluded;
        for (path, name) in [
            ("secrecy", "SecretBox<str>"),
            ("zeroize", "Zeroizing<alloc::string::String>"),
            ("shop", "UserPassword"),
            ("rustls", "PrivateKeyDer"),
            ("tower_monitor::redact::secret", "Secret"),
            ("shop", "Pan<16>"),
            ("shop::card", "Number"),
        ] {
            assert!(is_secret(path, name, &own), "{path}::{name}");
        }
        for (path, name) in [
            ("core::option", "Option<secrecy::SecretString>"),
            ("", "&secrecy::SecretString"),
            ("shop", "Number"),
            ("shop", "Card"),
        ] {
            assert!(!is_secret(path, name, &own), "{path}::{name}");
        }
    }
}

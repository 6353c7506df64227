//! The names that a pattern binds.

use syn::{Ident, Pat};

/// The names in the order of the source. One that begins with a capital is a constant or a variant, by Rust's custom.
pub(crate) fn of(pattern: &Pat) -> Vec<Ident> {
    let mut names = Vec::new();
    collect(pattern, &mut names);
    names
}

fn collect(pattern: &Pat, names: &mut Vec<Ident>) {
    match pattern {
        Pat::Ident(binding) => {
            if !is_constant(&binding.ident) {
                names.push(binding.ident.clone());
            }
            if let Some((_, inner)) = &binding.subpat {
                collect(inner, names);
            }
        }
        // Each alternative binds the same names.
        Pat::Or(either) => {
            if let Some(first) = either.cases.first() {
                collect(first, names);
            }
        }
        Pat::Guard(guarded) => collect(&guarded.pat, names),
        Pat::Paren(inner) => collect(&inner.pat, names),
        Pat::Reference(inner) => collect(&inner.pat, names),
        Pat::Type(typed) => collect(&typed.pat, names),
        Pat::Slice(parts) => parts.elems.iter().for_each(|part| collect(part, names)),
        Pat::Tuple(parts) => parts.elems.iter().for_each(|part| collect(part, names)),
        Pat::TupleStruct(parts) => parts.elems.iter().for_each(|part| collect(part, names)),
        Pat::Struct(parts) => parts
            .fields
            .iter()
            .for_each(|part| collect(&part.pat, names)),
        _ => {}
    }
}

fn is_constant(name: &Ident) -> bool {
    let name = name.to_string();
    let name = name.trim_start_matches("r#").trim_start_matches('_');
    name.chars().next().is_some_and(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse::Parser;

    #[test]
    fn every_name_is_found_once_and_no_constant() {
        for (pattern, names) in [
            ("x", "x"),
            ("mut x", "x"),
            ("ref mut x @ Some(y)", "x y"),
            (
                "(a, [b, .., c @ ..], Point { x, y: (z, _), .. })",
                "a b c x z",
            ),
            ("Some(n) | Other(n)", "n"),
            ("None | MAX | _MIN", ""),
            ("&(ref a, &b)", "a b"),
            ("1..=3", ""),
            ("_", ""),
            ("r#type", "r#type"),
            ("_unused", "_unused"),
        ] {
            let pattern = Pat::parse_multi.parse_str(pattern).unwrap();
            let found: Vec<_> = of(&pattern).iter().map(Ident::to_string).collect();
            assert_eq!(found.join(" "), names);
        }
    }
}

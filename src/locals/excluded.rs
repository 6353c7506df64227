//! What is never read: by the path of its code, by type and by name.

/// What is never read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Excluded {
    pub(super) paths: Vec<String>,
    pub(super) types: Vec<String>,
    pub(super) names: Vec<String>,
}

impl Excluded {
    /// Whether the variables of this function are not read: its own path is excluded, or that of the type or trait whose method it is, as in
    /// `<shop::vault::Vault as shop::Store>::open`.
    pub(super) fn has_path(&self, function: &str) -> bool {
        let is_in = |path: &String| {
            function.match_indices(path.as_str()).any(|(at, _)| {
                let before = function[..at].chars().next_back();
                let after = &function[at + path.len()..];
                before.is_none_or(|c| !is_of_path(c))
                    && (after.starts_with("::") || !after.starts_with(is_of_path))
            })
        };
        self.paths.iter().any(is_in)
    }

    /// Whether nothing of the type of this name in this module is read; both without type parameters.
    pub(super) fn has_type(&self, module: &str, name: &str) -> bool {
        let is_excluded = |it: &String| {
            let path = it
                .strip_suffix(name)
                .and_then(|rest| rest.strip_suffix("::"));
            it == name
                || path
                    .and_then(|path| module.strip_prefix(path))
                    .is_some_and(|within| within.is_empty() || within.starts_with("::"))
        };
        name.starts_with("Secret")
            || name == "Zeroizing"
            || SECRET_WORDS.iter().any(|word| name.contains(word))
            || self.types.iter().any(is_excluded)
    }

    /// Whether nothing of this name is read. What a closure captures of `card.pin` is called `card__pin`.
    pub(super) fn has_name(&self, name: &str) -> bool {
        let is = |part: &str| self.names.iter().any(|it| it == part);
        !self.names.is_empty() && (is(name) || name.split("__").any(is))
    }
}

fn is_of_path(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | ':')
}

/// Whether debug information could say it so.
pub(super) fn is_path(text: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && word.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    let first = text.split("::").next().unwrap_or_default();
    !matches!(first, "crate" | "self" | "super") && text.split("::").all(is_word)
}

/// What the names of types have in them that hold secrets, beside those of `secrecy`, `zeroize` and this crate.
const SECRET_WORDS: &[&str] = &["Password", "Passphrase", "PrivateKey"];

#[cfg(test)]
mod tests {
    use crate::locals::Locals;

    #[test]
    fn a_path_is_a_crate_a_module_or_a_function() {
        let excluded = Locals::new()
            .exclude_paths(["vault", "shop::login::check"])
            .excluded;
        for path in [
            "vault",
            "vault::open",
            "shop::login::check",
            "shop::login::check::{{closure}}",
            "<vault::Vault as shop::Store>::open",
            "<shop::Key as core::convert::From<vault::Key>>::from",
            "<u32 as vault::Store>::open",
            "shop::<impl vault::Store for shop::Key>::open",
            "<&mut vault::Vault>::open",
        ] {
            assert!(excluded.has_path(path), "{path}");
        }
        for path in [
            "vaults::open",
            "shop::vault",
            "shop::login",
            "shop::login::check_all",
            "<shop::vault::Vault as Store>::open",
            "<my_vault::Vault as vaults::Store>::open",
            "",
        ] {
            assert!(!excluded.has_path(path), "{path}");
        }
    }

    #[test]
    fn a_type_is_known_by_its_path_or_name() {
        let excluded = Locals::new()
            .exclude_types(["shop::CardNumber", "Vault"])
            .exclude_names(["pin"])
            .excluded;
        for (module, name) in [
            ("shop", "CardNumber"),
            ("any", "Vault"),
            ("secrecy", "SecretBox"),
            ("zeroize", "Zeroizing"),
            ("tower_monitor::redact::secret", "Secret"),
            ("shop", "HashedPassword"),
            ("shop::cards", "CardNumber"),
        ] {
            assert!(excluded.has_type(module, name), "{module}::{name}");
        }
        for (module, name) in [
            ("bank", "CardNumber"),
            ("bank::shop", "CardNumber"),
            ("shopping", "CardNumber"),
            ("shop", "Vaulted"),
            ("", "u32"),
            ("", ""),
        ] {
            assert!(!excluded.has_type(module, name), "{module}::{name}");
        }
        assert!(excluded.has_name("pin") && excluded.has_name("card__pin"));
        assert!(!excluded.has_name("pinned") && !excluded.has_name("card__pins"));
    }
}

//! An error and its sources, read within bounds. Their words are the app's code, which may panic, never end or lie.

use std::error::Error;
use std::fmt::{self, Display, Write};

use crate::guard::contained;
use crate::request::ErrorLink;
use crate::text::cut;

/// An error whose sources can be followed: every type that implements [`Error`], and `dyn Error` itself.
///
/// `anyhow::Error`, `eyre::Report` and `Box<dyn Error>` lend theirs: write `&*error`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no error whose sources could be followed",
    note = "for `anyhow::Error`, `eyre::Report` and `Box<dyn Error>` write `&*error`"
)]
pub trait AnyError: sealed::Sealed {
    #[doc(hidden)]
    fn as_dyn(&self) -> &(dyn Error + 'static);
    #[doc(hidden)]
    fn type_name(&self) -> Option<&'static str>;
}

impl<E: Error + 'static> AnyError for E {
    fn as_dyn(&self) -> &(dyn Error + 'static) {
        self
    }

    fn type_name(&self) -> Option<&'static str> {
        Some(std::any::type_name::<E>())
    }
}

impl AnyError for dyn Error {
    fn as_dyn(&self) -> &(dyn Error + 'static) {
        self
    }

    fn type_name(&self) -> Option<&'static str> {
        None
    }
}

impl AnyError for dyn Error + Send {
    fn as_dyn(&self) -> &(dyn Error + 'static) {
        self
    }

    fn type_name(&self) -> Option<&'static str> {
        None
    }
}

impl AnyError for dyn Error + Send + Sync {
    fn as_dyn(&self) -> &(dyn Error + 'static) {
        self
    }

    fn type_name(&self) -> Option<&'static str> {
        None
    }
}

mod sealed {
    use std::error::Error;

    pub trait Sealed {}
    impl<E: Error + 'static> Sealed for E {}
    impl Sealed for dyn Error {}
    impl Sealed for dyn Error + Send {}
    impl Sealed for dyn Error + Send + Sync {}
}

/// The error and its sources, at most [`MAX_CHAIN`] of them, and how many more there were: `None` when they seem to have no end.
pub(crate) fn read(
    error: &(dyn Error + 'static),
    type_name: Option<&str>,
) -> (Vec<ErrorLink>, Option<u32>) {
    let mut chain: Vec<ErrorLink> = Vec::new();
    let mut left_out = 0;
    let mut next = Some(error);
    for followed in 0..MAX_FOLLOWED {
        let Some(error) = next else {
            return (chain, Some(left_out));
        };
        if chain.len() < MAX_CHAIN {
            let link = ErrorLink {
                type_name: match type_name {
                    Some(name) if followed == 0 => Some(cut(name, MAX_TYPE).to_owned()),
                    _ => debug_name(error),
                },
                message: words(error),
            };
            // Wrappers that pass on both the words and the source of what they wrap add nothing.
            if chain.last().is_none_or(|last| last.message != link.message) {
                chain.push(link);
            }
        } else {
            left_out += 1;
        }
        next = contained(|| error.source()).flatten();
    }
    (chain, None)
}

/// A chain of one, in these words.
pub(crate) fn said(type_name: Option<&str>, message: String) -> (Vec<ErrorLink>, Option<u32>) {
    let type_name = type_name.map(|name| cut(name, MAX_TYPE).to_owned());
    (vec![ErrorLink { type_name, message }], Some(0))
}

/// What `Display` says, as far as it says it.
pub(super) fn words(words: &(impl Display + ?Sized)) -> String {
    let mut out = Bounded::new(MAX_MESSAGE);
    match contained(|| write!(out, "{words}")) {
        Some(Ok(())) => out.text,
        Some(Err(_)) if out.is_full => out.text + "…",
        Some(Err(_)) => out.text + " [its Display failed]",
        None => out.text + "[its Display panicked]",
    }
}

/// The name that a derived `Debug` begins with: the type's own, or its variant's. The types of sources are hidden.
fn debug_name(error: &(dyn Error + 'static)) -> Option<String> {
    // Its `Debug` begins with how it is made inside.
    if error.is::<std::io::Error>() {
        return Some("std::io::Error".to_owned());
    }
    let mut out = Bounded::new(MAX_TYPE);
    // Whether it fails or fills the room up: the beginning is there.
    let _ = contained(|| write!(out, "{error:?}"))?;
    let end = out
        .text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(out.text.len());
    let (name, behind) = out.text.split_at(end);
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase());
    let is_derived = behind.is_empty() || behind.starts_with('(') || behind.starts_with(" {");
    (is_name && is_derived).then(|| name.to_owned())
}

/// Text up to a bound; whoever writes more is told to stop.
struct Bounded {
    text: String,
    max: usize,
    is_full: bool,
}

impl Bounded {
    fn new(max: usize) -> Self {
        Self {
            text: String::new(),
            max,
            is_full: false,
        }
    }
}

impl Write for Bounded {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let fits = cut(piece, self.max - self.text.len());
        self.text.push_str(fits);
        if fits.len() < piece.len() {
            self.is_full = true;
            return Err(fmt::Error);
        }
        Ok(())
    }
}

/// The errors of a chain that are kept.
const MAX_CHAIN: usize = 16;
/// The errors of a chain that are asked for their source.
const MAX_FOLLOWED: usize = 64;
const MAX_MESSAGE: usize = 8 * 1024;
const MAX_TYPE: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Wrapped(&'static str, Option<Box<dyn Error>>);

    impl Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref()
        }
    }

    #[test]
    fn a_chain_has_its_words_and_the_names_that_can_be_had() {
        let number = "x".parse::<u8>().unwrap_err();
        let error = Wrapped("bad order", Some(Box::new(number)));
        let (chain, more) = read(&error, error.type_name());
        assert_eq!(more, Some(0));
        let names: Vec<_> = chain.iter().map(|link| link.type_name.as_deref()).collect();
        assert_eq!(
            names,
            [
                Some("tower_monitor::capture::chain::tests::Wrapped"),
                Some("ParseIntError")
            ]
        );
        assert_eq!(chain[1].message, "invalid digit found in string");
    }

    #[test]
    fn a_wrapper_that_says_nothing_of_its_own_is_left_out() {
        let error = Wrapped("same", Some(Box::new(Wrapped("same", None))));
        assert_eq!(read(&error, None).0.len(), 1);
    }

    #[test]
    fn a_long_chain_is_cut_and_counted_and_an_endless_one_ends() {
        let long = (0..30).fold(Wrapped("0", None), |inner, n| {
            Wrapped(
                if n % 2 == 0 { "even" } else { "odd" },
                Some(Box::new(inner)),
            )
        });
        let (chain, more) = read(&long, None);
        assert_eq!((chain.len(), more), (MAX_CHAIN, Some(15)));

        #[derive(Debug)]
        struct Endless;
        impl Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("again")
            }
        }
        impl Error for Endless {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(self)
            }
        }
        let (chain, more) = read(&Endless, None);
        assert_eq!((chain.len(), more), (1, None));
    }

    #[test]
    fn words_that_panic_fail_or_never_end_cost_no_more_than_themselves() {
        enum Bad {
            Panics,
            Fails,
            NeverEnds,
        }
        impl fmt::Debug for Bad {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                std::panic::panic_any("expected")
            }
        }
        impl Display for Bad {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("begun ")?;
                match self {
                    Self::Panics => std::panic::panic_any("expected"),
                    Self::Fails => Err(fmt::Error),
                    Self::NeverEnds => loop {
                        f.write_str("and on ")?;
                    },
                }
            }
        }
        impl Error for Bad {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                std::panic::panic_any("expected")
            }
        }
        let said = |bad: Bad| read(&bad, None).0.remove(0);
        assert_eq!(said(Bad::Panics).message, "begun [its Display panicked]");
        assert_eq!(said(Bad::Fails).message, "begun  [its Display failed]");
        assert_eq!(said(Bad::Panics).type_name, None);
        let endless = said(Bad::NeverEnds).message;
        assert!(endless.len() <= MAX_MESSAGE + "…".len() && endless.ends_with('…'));
    }
}

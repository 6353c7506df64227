//! Text that mostly is short, kept where its owner is.

use std::fmt;

/// Text that takes no allocation of its own up to `N` bytes.
///
/// A request's context is freed by the thread that writes the audit file. What is freed by another thread than the one that
/// allocated it is slow to allocate again, so the context is one block.
#[derive(Clone)]
pub(super) enum ShortText<const N: usize> {
    Inline { length: u16, bytes: [u8; N] },
    Heap(Box<str>),
}

impl<const N: usize> ShortText<N> {
    pub(super) fn new(text: &str) -> Self {
        let mut bytes = [0; N];
        match (bytes.get_mut(..text.len()), u16::try_from(text.len())) {
            (Some(place), Ok(length)) => {
                place.copy_from_slice(text.as_bytes());
                Self::Inline { length, bytes }
            }
            _ => Self::Heap(text.into()),
        }
    }

    /// The parts one after the other; `None` when they are too long for the place, or together no UTF-8.
    pub(super) fn from_parts<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Option<Self> {
        let mut bytes = [0; N];
        let mut end = 0;
        for part in parts {
            bytes.get_mut(end..end + part.len())?.copy_from_slice(part);
            end += part.len();
        }
        std::str::from_utf8(&bytes[..end]).ok()?;
        Some(Self::Inline {
            length: u16::try_from(end).ok()?,
            bytes,
        })
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            // Checked when it was made.
            Self::Inline { length, bytes } => {
                std::str::from_utf8(&bytes[..usize::from(*length)]).unwrap_or_default()
            }
            Self::Heap(text) => text,
        }
    }
}

impl<const N: usize> fmt::Debug for ShortText<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_comes_out_as_it_went_in(text in "\\PC{0,20}") {
            let short = ShortText::<16>::new(&text);
            prop_assert_eq!(short.as_str(), &text);
            prop_assert_eq!(matches!(short, ShortText::Heap(_)), text.len() > 16);
        }

        #[test]
        fn parts_are_joined_when_they_fit(a in "\\PC{0,6}", b in "\\PC{0,6}") {
            let short = ShortText::<16>::from_parts([a.as_bytes(), b.as_bytes()]);
            match short {
                Some(short) => {
                    prop_assert_eq!(short.as_str(), format!("{a}{b}"));
                }
                None => prop_assert!(a.len() + b.len() > 16),
            }
        }
    }
}

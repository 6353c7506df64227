//! A value on one line, as Rust's `Debug` writes it.

use std::fmt::{self, Write};
use std::sync::Arc;

use super::{Missing, Value};

impl Missing {
    /// In words: `optimized out`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OptimizedOut => "optimized out",
            Self::Unreadable => "unreadable",
            Self::Invalid => "invalid",
            Self::Redacted => "redacted",
            Self::TooDeep => "too deep",
            Self::TooMuch => "too much",
            Self::Deadline => "deadline",
            Self::NoDebuginfo => "no debuginfo",
            Self::Unsupported => "unsupported",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
        }
    }
}

/// In angle brackets: `<optimized out>`.
impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.as_str())
    }
}

/// For people, on one line, much like Rust's `Debug`: `Cart { items: [7, 8, … 12 more], cents: 129 }`.
///
/// Pointers are shown as what they point to.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => f.write_str(scalar),
            Self::Text { text, length } => match length.checked_sub(text.len() as u64) {
                Some(0) | None => write!(f, "{text:?}"),
                Some(_) => {
                    let whole = format!("{text:?}");
                    let open = whole.strip_suffix('"').unwrap_or(&whole);
                    write!(f, "{open}…\" ({length} bytes)")
                }
            },
            Self::Bytes { length } => write!(f, "<{}>", Counted(*length, "byte")),
            Self::List { items, length } => {
                f.write_char('[')?;
                joined(f, items, |f, item| write!(f, "{item}"))?;
                more(f, items.len(), *length)?;
                f.write_char(']')
            }
            Self::Map { entries, length } => {
                f.write_char('{')?;
                joined(f, entries, |f, (key, value)| write!(f, "{key}: {value}"))?;
                more(f, entries.len(), *length)?;
                f.write_char('}')
            }
            Self::Struct { name, fields } if name.is_empty() && fields.is_empty() => {
                f.write_str("()")
            }
            Self::Struct { name, fields } | Self::Variant { name, fields } => {
                f.write_str(name)?;
                members(f, name, fields)
            }
            Self::Pointer { to, .. } => to.fmt(f),
            Self::Missing(missing) => missing.fmt(f),
        }
    }
}

/// `1 byte`, `2 bytes`.
pub(super) struct Counted(pub(super) u64, pub(super) &'static str);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", self.0, self.1)
    }
}

/// Whether these are a tuple's fields.
pub(super) fn are_numbered(fields: &[(Arc<str>, Value)]) -> bool {
    let numbered = |(index, (name, _)): (usize, &(Arc<str>, Value))| **name == *index.to_string();
    fields.iter().enumerate().all(numbered)
}

fn members(f: &mut fmt::Formatter<'_>, name: &str, fields: &[(Arc<str>, Value)]) -> fmt::Result {
    if fields.is_empty() {
        return Ok(());
    }
    if are_numbered(fields) {
        f.write_char('(')?;
        joined(f, fields, |f, (_, value)| write!(f, "{value}"))?;
        return f.write_str(match (name, fields.len()) {
            ("", 1) => ",)",
            _ => ")",
        });
    }
    f.write_str(if name.is_empty() { "{ " } else { " { " })?;
    joined(f, fields, |f, (name, value)| write!(f, "{name}: {value}"))?;
    f.write_str(" }")
}

fn joined<T>(
    f: &mut fmt::Formatter<'_>,
    all: &[T],
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, one) in all.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write(f, one)?;
    }
    Ok(())
}

fn more(f: &mut fmt::Formatter<'_>, shown: usize, length: u64) -> fmt::Result {
    match length.saturating_sub(shown as u64) {
        0 => Ok(()),
        rest if shown == 0 => write!(f, "… {rest}"),
        rest => write!(f, ", … {rest} more"),
    }
}

//! What the panic hook took of a panic.

use serde::Serialize;

/// A panic as its hook saw it: the payload's text (at most 8 KiB), its type (`&str`, `String` or `unknown`), the place in the
/// code and the thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PanicRecord {
    pub(crate) message: Option<String>,
    pub(crate) payload_type: &'static str,
    pub(crate) location: Option<CodeLocation>,
    pub(crate) thread: Option<String>,
}

/// A place in the source code.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct CodeLocation {
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl CodeLocation {
    /// The path as the compiler was given it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }

    /// The column, from 1.
    #[must_use]
    pub fn column(&self) -> u32 {
        self.column
    }
}

impl std::fmt::Display for CodeLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

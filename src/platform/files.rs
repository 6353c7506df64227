//! Small files, read so that nothing can hang or grow: regular ones only, up to a bound.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The root of the file system, or of a test's own tree.
#[derive(Debug)]
pub(super) struct Root<'r>(&'r Path);

impl<'r> Root<'r> {
    pub(super) fn new(root: &'r Path) -> Self {
        Self(root)
    }

    /// The place of `path`, which has no leading slash.
    pub(super) fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.0.join(path)
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        fs::symlink_metadata(self.join(path)).is_ok()
    }

    /// The beginning of the file's text.
    pub(super) fn head(&self, path: impl AsRef<Path>) -> Option<String> {
        let path = self.join(path);
        // To open a named pipe would wait for its writer.
        if !fs::metadata(&path).ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::with_capacity(TYPICAL_FILE);
        File::open(path)
            .ok()?
            .take(MAX_FILE)
            .read_to_end(&mut bytes)
            .ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The only line of a file.
    pub(super) fn line(&self, path: impl AsRef<Path>) -> Option<String> {
        let text = self.head(path)?;
        let line = text.lines().next()?.trim();
        (!line.is_empty()).then(|| line.to_owned())
    }

    /// The only number of a file.
    pub(super) fn number(&self, path: impl AsRef<Path>) -> Option<u64> {
        self.line(path)?.parse().ok()
    }
}

/// Saves the reads with which a buffer would grow.
const TYPICAL_FILE: usize = 4 * 1024;
/// A busy node's mountinfo has some 100 kB; what is looked for stands in a container's, which is short.
const MAX_FILE: u64 = 64 * 1024;

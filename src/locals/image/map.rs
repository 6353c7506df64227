//! Files mapped for good.
#![expect(unsafe_code, reason = "a mapping is read as bytes")]

use std::fs::{File, Metadata};
use std::path::Path;
use std::time::SystemTime;

use memmap2::Mmap;

/// The bytes of a file, for as long as the process runs.
///
/// A file that someone shortens raises `SIGBUS` where it is read. The kernel refuses to write to the file of a running program
/// (`ETXTBSY`), and libraries are replaced by new files, as whoever runs them could not go on otherwise. Of all other files see
/// [`Mapped::is_as_it_was`].
pub(super) struct Mapped {
    pub(super) bytes: &'static [u8],
    file: File,
    was: Option<(u64, SystemTime)>,
}

impl Mapped {
    /// `None` when the file cannot be opened, or is empty.
    pub(super) fn new(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let about = file.metadata().ok()?;
        if !about.is_file() {
            return None;
        }
        // SAFETY: The mapping is private and read-only. That nobody changes the file meanwhile cannot be enforced; what
        // reads these bytes takes any of them, and checks each bound.
        let mapping = unsafe { Mmap::map(&file) }.ok()?;
        Some(Self {
            bytes: Box::leak(Box::new(mapping)),
            was: state(&about),
            file,
        })
    }

    /// Whether nobody wrote to the file since it was mapped. One that was replaced by another is still what it was.
    pub(super) fn is_as_it_was(&self) -> bool {
        let now = self.file.metadata().ok();
        now.is_some_and(|now| state(&now) == self.was)
    }
}

fn state(about: &Metadata) -> Option<(u64, SystemTime)> {
    Some((about.len(), about.modified().ok()?))
}

//! The log file: appended to, rotated, opened again when it was moved or could not be written.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::FileSettings;
use super::rotated::Archive;
use crate::guard::contained;
use crate::time::Timestamp;

pub(super) struct LogFile {
    path: PathBuf,
    daily: bool,
    max_bytes: u64,
    pace: Pace,
    open: Option<Open>,
    archive: Archive,
    checked: Instant,
    /// Since the last attempt failed: when to try again.
    retry_at: Option<Instant>,
    rotate_again_at: Option<Instant>,
}

/// How long things take; tests are in a hurry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Between two looks whether the file is still in its place.
    pub(super) check: Duration,
    /// Between two attempts to write to what refuses.
    pub(super) retry: Duration,
    /// Between two attempts to rotate what refuses.
    pub(super) rotate_again: Duration,
    /// Between two looks into the queue, while there is traffic.
    pub(super) poll: Duration,
    /// After so many looks without a record, the writer sleeps until it is woken.
    pub(super) polls: u32,
}

impl Pace {
    pub(super) const NORMAL: Self = Self {
        check: Duration::from_secs(1),
        retry: Duration::from_millis(250),
        rotate_again: Duration::from_secs(60),
        poll: Duration::from_millis(10),
        polls: 100,
    };
}

struct Open {
    file: File,
    /// Not a device, a pipe or a terminal: those are neither rotated nor cut.
    regular: bool,
    size: u64,
    /// The day of what is in it.
    day: Option<i64>,
    /// It ends in half a line.
    torn: bool,
}

impl LogFile {
    pub(super) fn open(path: &Path, settings: &FileSettings, pace: Pace) -> io::Result<Self> {
        let open = Open::at(path)?;
        // Links and relative paths are followed once: rotation must not rename a link or depend on the current folder.
        let path = if open.regular {
            path.canonicalize()?
        } else {
            path.to_owned()
        };
        Ok(Self {
            archive: Archive::new(&path, settings),
            daily: settings.daily,
            max_bytes: settings.max_bytes,
            pace,
            open: Some(open),
            path,
            checked: Instant::now(),
            retry_at: None,
            rotate_again_at: None,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn archive(&mut self) -> &mut Archive {
        &mut self.archive
    }

    /// Whether the file has to be rotated before a line of a request that ended at `time` follows `pending` other bytes.
    pub(super) fn is_due(&mut self, time: Timestamp, pending: usize, line: usize) -> bool {
        let Some(open) = self.open.as_mut().filter(|open| open.regular) else {
            return false;
        };
        let today = time.day();
        // Yesterday's request may end late; two days back mean that the clock was wrong before.
        let day = *open.day.get_or_insert(today);
        if today < day - 1 {
            open.day = Some(today);
        }
        let size = open.size + pending as u64;
        let due = (self.daily && today > day) || size + line as u64 > self.max_bytes;
        due && size > 0 && self.rotate_again_at.is_none_or(|at| at <= Instant::now())
    }

    /// Moves the file away and begins a new one. When that fails the old one is continued: too large is better than lost.
    pub(super) fn rotate(&mut self, time: Timestamp) {
        self.open = None;
        match self.archive.take(time) {
            Ok(()) => self.rotate_again_at = None,
            // Somebody else has moved it.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                self.rotate_again_at = Some(Instant::now() + self.pace.rotate_again);
                tell(|| {
                    tracing::warn!(
                        target: "tower_monitor", path = %self.path.display(), %error,
                        "the audit file could not be rotated and is continued"
                    );
                });
            }
        }
        if self.retry_at.is_none()
            && let Err(error) = self.reopen(Some(time.day()))
        {
            self.failed(&error);
        }
    }

    /// Appends whole lines, as many as `count` says. Returns how many did not make it.
    pub(super) fn append(&mut self, lines: &[u8], count: u64) -> u64 {
        let now = Instant::now();
        if self.retry_at.is_some_and(|at| now < at) {
            return count;
        }
        self.check_place(now);
        match self.try_append(lines) {
            Ok(()) => {
                if self.retry_at.take().is_some() {
                    tell(|| {
                        tracing::info!(
                            target: "tower_monitor", path = %self.path.display(),
                            "the audit file is written again"
                        );
                    });
                }
                0
            }
            Err((kept, error)) => {
                self.failed(&error);
                count - (newlines(&lines[..kept])).min(count)
            }
        }
    }

    fn try_append(&mut self, lines: &[u8]) -> Result<(), (usize, io::Error)> {
        if self.open.is_none() {
            self.reopen(None).map_err(|error| (0, error))?;
        }
        let Some(open) = &mut self.open else {
            return Err((0, ErrorKind::NotFound.into()));
        };
        if open.torn {
            open.file.write_all(b"\n").map_err(|error| (0, error))?;
            open.torn = false;
            open.size += 1;
        }
        let (written, result) = write_counted(&mut open.file, lines);
        open.size += written as u64;
        let Err(error) = result else {
            return Ok(());
        };
        let kept = open.mend(&lines[..written]);
        if open.regular && !open.torn {
            // The next attempt opens it anew: what refused may be the handle and not the disk.
            self.open = None;
        }
        Err((kept, error))
    }

    /// `day`: of what will be written to it, when it is new.
    fn reopen(&mut self, day: Option<i64>) -> io::Result<()> {
        let mut open = Open::at(&self.path)?;
        open.day = open.day.or(day);
        self.open = Some(open);
        Ok(())
    }

    fn failed(&mut self, error: &io::Error) {
        let first = self.retry_at.is_none();
        self.retry_at = Some(Instant::now() + self.pace.retry);
        if first {
            tell(|| {
                tracing::warn!(
                    target: "tower_monitor", path = %self.path.display(), %error,
                    "the audit file can not be written: records are lost, and counted, until it can"
                );
            });
        }
    }

    /// Lets go of a file that was moved or deleted, and takes note of one that was emptied.
    fn check_place(&mut self, now: Instant) {
        if now.duration_since(self.checked) < self.pace.check {
            return;
        }
        self.checked = now;
        let Some(open) = self.open.as_mut().filter(|open| open.regular) else {
            return;
        };
        match (std::fs::metadata(&self.path), open.file.metadata()) {
            (Ok(there), Ok(here)) if is_same(&there, &here) => open.size = here.len(),
            _ => self.open = None,
        }
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder)?;
        }
        let file = new_file_options().append(true).open(path)?;
        let metadata = file.metadata()?;
        let regular = metadata.is_file();
        let size = if regular { metadata.len() } else { 0 };
        let modified = metadata.modified().ok().filter(|_| size > 0);
        Ok(Self {
            file,
            regular,
            size,
            day: modified.map(|time| Timestamp::from(time).day()),
            torn: size > 0 && ends_in_half_a_line(path).unwrap_or(false),
        })
    }

    /// After `written` and not more could be written: cuts off half a line at its end, or remembers that it is there.
    /// Returns how many bytes make whole lines.
    fn mend(&mut self, written: &[u8]) -> usize {
        let last = written.iter().rposition(|byte| *byte == b'\n');
        let kept = last.map_or(0, |at| at + 1);
        let half = (written.len() - kept) as u64;
        self.torn = half > 0 && !(self.regular && cut_end(&self.file, half).is_ok());
        kept
    }
}

/// Creates with 0640 on Unix: what a log tells is not for everybody.
pub(super) fn new_file_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    options
}

/// A process that was killed may have left one.
fn ends_in_half_a_line(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// Like `write_all`, and says how much was written when it fails.
fn write_counted(file: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

/// By the length that the file has now: somebody may have emptied it meanwhile.
fn cut_end(file: &File, bytes: u64) -> io::Result<()> {
    let length = file.metadata()?.len();
    file.set_len(length.saturating_sub(bytes))
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(_one: &Metadata, _other: &Metadata) -> bool {
    true
}

/// Logs; a subscriber that panics does not end the writer.
pub(super) fn tell(event: impl FnOnce()) {
    let _ = contained(event);
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;

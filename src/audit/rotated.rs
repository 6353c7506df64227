//! The rotated files of one log: their names, their end, their compression.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use super::FileSettings;
use super::file::tell;
use crate::time::Timestamp;

/// Begins to compress a rotated file.
pub(super) type StartCompression = fn(&Path) -> io::Result<Box<dyn Compression>>;

/// A file that is being compressed in small steps, so that records are written in between.
pub(super) trait Compression: Send {
    /// Goes on for some milliseconds; `true` when all is done.
    fn step(&mut self) -> io::Result<bool>;
}

/// Everything that lies beside a log under the names that rotation gives.
pub(super) struct Archive {
    path: PathBuf,
    keep_files: usize,
    keep_for: Option<Duration>,
    compress: Option<StartCompression>,
    waiting: VecDeque<PathBuf>,
    running: Option<Box<dyn Compression>>,
}

/// A rotated file; the order is that of their rotation.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rotated {
    stamp: String,
    number: u32,
    ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    Plain,
    Gz,
    /// A compression that was broken off.
    GzTmp,
}

impl Archive {
    pub(super) fn new(path: &Path, settings: &FileSettings) -> Self {
        Self {
            path: path.to_owned(),
            keep_files: settings.keep_files,
            keep_for: settings.keep_for,
            compress: settings.compress,
            waiting: VecDeque::new(),
            running: None,
        }
    }

    /// Takes up what an earlier process left.
    pub(super) fn resume(&mut self, now: Timestamp) {
        if self.compress.is_some() {
            let files = self.list();
            for file in &files {
                let path = self.place(file);
                let compressed = files.iter().any(|other| {
                    other.ending == Ending::Gz
                        && (&other.stamp, other.number) == (&file.stamp, file.number)
                });
                match file.ending {
                    Ending::Plain if !compressed => self.waiting.push_back(path),
                    Ending::Plain | Ending::GzTmp => remove(&path),
                    Ending::Gz => {}
                }
            }
        }
        self.prune(now);
    }

    /// Moves the log away.
    pub(super) fn take(&mut self, now: Timestamp) -> io::Result<()> {
        let target = self.free_name(now);
        fs::rename(&self.path, &target)?;
        if self.compress.is_some() {
            self.waiting.push_back(target);
        }
        self.prune(now);
        Ok(())
    }

    /// Compresses for some milliseconds; `false` when there is nothing to do.
    pub(super) fn work(&mut self) -> bool {
        if self.running.is_none()
            && let (Some(start), Some(path)) = (self.compress, self.waiting.pop_front())
        {
            match start(&path) {
                Ok(compression) => self.running = Some(compression),
                // Retention was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.complain(&error),
            }
            return true;
        }
        let Some(running) = &mut self.running else {
            return false;
        };
        match running.step() {
            Ok(false) => {}
            Ok(true) => self.running = None,
            Err(error) => {
                self.running = None;
                self.complain(&error);
            }
        }
        true
    }

    fn complain(&self, error: &io::Error) {
        tell(|| {
            tracing::warn!(
                target: "tower_monitor", path = %self.path.display(), %error,
                "a rotated audit file could not be compressed and stays as it is"
            );
        });
    }

    fn prune(&self, now: Timestamp) {
        let mut files = self.list();
        files.retain(|file| file.ending != Ending::GzTmp);
        files.sort();
        // A file and its compressed form count as one, should both be there.
        let mut kept = 0;
        let mut last = None;
        let oldest = self.keep_for.map(|time| stamp(before(now, time)));
        for file in files.iter().rev() {
            let name = (&file.stamp, file.number);
            if last != Some(name) {
                kept += 1;
                last = Some(name);
            }
            let too_old = oldest.as_ref().is_some_and(|oldest| file.stamp < *oldest);
            if kept > self.keep_files || too_old {
                remove(&self.place(file));
            }
        }
    }

    fn list(&self) -> Vec<Rotated> {
        let (Some(folder), Some(base)) = (self.path.parent(), self.path.file_name()) else {
            return Vec::new();
        };
        let Some(base) = base.to_str() else {
            return Vec::new();
        };
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
            .filter_map(|entry| Rotated::parse(entry.file_name().to_str()?, base))
            .collect()
    }

    fn place(&self, file: &Rotated) -> PathBuf {
        beside(&self.path, &file.suffix())
    }

    fn free_name(&self, now: Timestamp) -> PathBuf {
        let mut file = Rotated {
            stamp: stamp(now),
            number: 0,
            ending: Ending::Plain,
        };
        loop {
            let plain = self.place(&file);
            if !plain.exists() && !beside(&plain, ".gz").exists() {
                return plain;
            }
            file.number += 1;
        }
    }
}

impl Rotated {
    /// `audit.log.2026-11-22T093859.012Z`, perhaps with `-1`, perhaps with `.gz`; nothing else.
    fn parse(name: &str, base: &str) -> Option<Self> {
        let suffix = name.strip_prefix(base)?.strip_prefix('.')?;
        let (suffix, ending) = if let Some(suffix) = suffix.strip_suffix(".gz") {
            (suffix, Ending::Gz)
        } else if let Some(suffix) = suffix.strip_suffix(".gz.tmp") {
            (suffix, Ending::GzTmp)
        } else {
            (suffix, Ending::Plain)
        };
        let (stamp, number) = suffix.split_at_checked(PATTERN.len())?;
        let fits = stamp
            .bytes()
            .zip(PATTERN)
            .all(|(byte, pattern)| match pattern {
                b'0' => byte.is_ascii_digit(),
                other => byte == *other,
            });
        let number = match number.strip_prefix('-') {
            None if number.is_empty() => 0,
            None => return None,
            Some(digits) if digits.starts_with(|c: char| matches!(c, '1'..='9')) => {
                digits.parse().ok()?
            }
            Some(_) => return None,
        };
        fits.then(|| Self {
            stamp: stamp.to_owned(),
            number,
            ending,
        })
    }

    fn suffix(&self) -> String {
        let number = match self.number {
            0 => String::new(),
            number => format!("-{number}"),
        };
        let ending = match self.ending {
            Ending::Plain => "",
            Ending::Gz => ".gz",
            Ending::GzTmp => ".gz.tmp",
        };
        format!(".{}{number}{ending}", self.stamp)
    }
}

/// RFC 3339 without the colons, which Windows does not allow in names.
fn stamp(time: Timestamp) -> String {
    time.to_string().replace(':', "")
}

fn before(now: Timestamp, time: Duration) -> Timestamp {
    let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_unix_micros(now.unix_micros().saturating_sub(micros).max(0))
}

/// The path with something after its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// What can not be removed now is tried again at the next rotation.
fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}

const PATTERN: &[u8; 22] = b"0000-00-00T000000.000Z";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Audit;
    use crate::audit::sample::Folder;

    /// 2026-11-22T09:38:59.012Z
    const NOW: Timestamp = Timestamp::from_unix_micros(1_795_340_339_012_345);

    fn archive(folder: &Folder, audit: Audit) -> Archive {
        Archive::new(&folder.path("audit.log"), &audit.file)
    }

    #[test]
    fn a_rotated_file_has_a_name_of_its_own() {
        let folder = Folder::new();
        let mut archive = archive(&folder, Audit::tracing());
        for expected in ["", "-1", "-2"] {
            folder.write("audit.log", "x\n");
            archive.take(NOW).unwrap();
            let name = format!("audit.log.2026-11-22T093859.012Z{expected}");
            assert_eq!(folder.read(&name), "x\n");
        }
        folder.write("audit.log.2026-11-22T093859.012Z-3.gz", "");
        assert!(archive.free_name(NOW).to_str().unwrap().ends_with("Z-4"));
    }

    #[test]
    fn only_the_exact_names_are_recognised() {
        for (name, ours) in [
            ("audit.log.2026-11-22T093859.012Z", true),
            ("audit.log.2026-11-22T093859.012Z-12", true),
            ("audit.log.2026-11-22T093859.012Z.gz", true),
            ("audit.log.2026-11-22T093859.012Z-1.gz.tmp", true),
            ("audit.log", false),
            ("audit.log.1", false),
            ("audit.log.2026-11-22", false),
            ("audit.log.2026-11-22T093859.012Z-", false),
            ("audit.log.2026-11-22T093859.012Z-01", false),
            ("audit.log.2026-11-22T093859.012Z-x", false),
            ("audit.log.2026-11-22T093859.012Z.bak", false),
            ("audit.log.2026-11-22T093859.0é", false),
            ("xaudit.log.2026-11-22T093859.012Z", false),
            ("audit.log2026-11-22T093859.012Z", false),
        ] {
            let parsed = Rotated::parse(name, "audit.log");
            assert_eq!(parsed.is_some(), ours, "{name}");
            if let Some(parsed) = parsed {
                assert_eq!(format!("audit.log{}", parsed.suffix()), name);
            }
        }
    }

    #[test]
    fn the_newest_are_kept_and_what_others_wrote_is_left_alone() {
        let folder = Folder::new();
        for name in [
            "audit.log.2026-01-01T000000.000Z",
            "audit.log.2026-01-02T000000.000Z.gz",
            "audit.log.2026-01-03T000000.000Z",
            "audit.log.2026-01-03T000000.000Z.gz",
            "audit.log.2026-01-03T000000.000Z-2",
            "audit.log.2026-01-03T000000.000Z-10",
            "audit.log.2025-01-01T000000.000Z.bak",
            "audit.log.1",
            "audit.log",
        ] {
            folder.write(name, "");
        }
        archive(&folder, Audit::tracing().keep_files(3)).prune(NOW);
        assert_eq!(
            folder.names(),
            [
                "audit.log",
                "audit.log.1",
                "audit.log.2025-01-01T000000.000Z.bak",
                "audit.log.2026-01-03T000000.000Z",
                "audit.log.2026-01-03T000000.000Z-10",
                "audit.log.2026-01-03T000000.000Z-2",
                "audit.log.2026-01-03T000000.000Z.gz",
            ]
        );
    }

    #[test]
    fn what_is_too_old_goes() {
        let folder = Folder::new();
        folder.write("audit.log.2026-11-20T093859.011Z", "");
        folder.write("audit.log.2026-11-20T093859.013Z.gz", "");
        let two_days = Audit::tracing().keep_for(Duration::from_secs(2 * 86_400));
        archive(&folder, two_days).resume(NOW);
        assert_eq!(folder.names(), ["audit.log.2026-11-20T093859.013Z.gz"]);
        archive(&folder, Audit::tracing().keep_for(Duration::MAX)).resume(NOW);
        assert_eq!(folder.names().len(), 1);
    }
}

//! Undelivered alerts as files: one folder for each process, one file for each entry of an outbox.
//!
//! ```text
//! folder/lock                     held for the moment in which a process begins
//! folder/<process>/lock           held as long as the process lives
//! folder/<process>/<alert>-<notifier>.json
//! folder/<alert>-<notifier>.json.bad
//! ```

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::content::Key;
use super::outbox::Stored;
use crate::guard::contained;
use crate::occurrence::Fnv;
use crate::request::RequestId;
use crate::store::StoreError;
use crate::time::Timestamp;

/// The folder that was set.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    own: Mutex<Option<Own>>,
}

/// The folder of this process.
#[derive(Debug)]
struct Own {
    folder: PathBuf,
    /// The names of the files in it.
    files: HashSet<String>,
    /// Whether the last write failed, which was logged.
    has_failed: bool,
    /// Says that this process lives.
    _lock: File,
}

impl Spool {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            own: Mutex::default(),
        }
    }

    /// Makes this process's folder, and gives what processes that have ended left behind.
    pub(super) fn open(&self) -> Result<Vec<Stored>, StoreError> {
        let mut own = self.own();
        if own.is_some() {
            return Ok(Vec::new());
        }
        let named = |error: io::Error| {
            let folder = self.folder.display();
            StoreError::unusable(format!("the spool folder `{folder}`: {error}"))
        };
        let (opened, stored) = self.begin().map_err(named)?;
        *own = Some(opened);
        Ok(stored)
    }

    fn begin(&self) -> io::Result<(Own, Vec<Stored>)> {
        make_folder(&self.folder)?;
        let door = lock_file(&self.folder)?;
        door.lock()?;
        let folder = self
            .folder
            .join(RequestId::generate_uuid(Timestamp::now()).to_string());
        make_folder(&folder)?;
        let lock = lock_file(&folder)?;
        lock.lock()?;
        let mut own = Own {
            folder,
            files: HashSet::new(),
            has_failed: false,
            _lock: lock,
        };
        // A folder may take files and refuse their content: better known now.
        own.put("try", b"{}")?;
        own.remove("try")?;
        let mut stored = Vec::new();
        for folder in folders(&self.folder)? {
            if folder == own.folder {
                continue;
            }
            match self.take_over(&folder, &mut own, &mut stored) {
                // Its process has ended just now, with nothing to leave.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => say(&folder, "could not be taken over", &error),
                Ok(()) => {}
            }
        }
        Ok((own, stored))
    }

    /// Moves what a process left into this one's folder, unless that process lives.
    fn take_over(&self, left: &Path, own: &mut Own, stored: &mut Vec<Stored>) -> io::Result<()> {
        let lock = lock_file(left)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        for name in names(left)? {
            let path = left.join(&name);
            if name.ends_with(UNFINISHED) {
                fs::remove_file(path)?;
                continue;
            }
            if !name.ends_with(FINISHED) || stored.len() >= MAX_FILES {
                continue;
            }
            match read(&path) {
                Ok(found) => {
                    fs::rename(path, own.folder.join(&name))?;
                    own.files.insert(name);
                    stored.push(found);
                }
                Err(error) if is_passing(&error) => {
                    say(
                        &path,
                        "cannot be read now; the next start tries again",
                        &error,
                    );
                }
                Err(error) => {
                    say(&path, "cannot be read and is set aside", &error);
                    fs::rename(path, self.folder.join(name + BAD))?;
                }
            }
        }
        if names(left)? == [LOCK] {
            fs::remove_file(left.join(LOCK))?;
            fs::remove_dir(left)?;
        } else if stored.len() >= MAX_FILES {
            say(left, "holds more alerts than are read at once", &MAX_FILES);
        }
        Ok(())
    }

    /// What was written of these entries is no longer right: it is written again when they are [kept up](Self::keep_up).
    pub(super) fn outdated(&self, keys: &[Key]) {
        if let Some(own) = &mut *self.own() {
            for key in keys {
                own.files.remove(&file_name(key));
            }
        }
    }

    /// Makes the files of these entries what `stored` says: there or not.
    ///
    /// Asking for each entry when it is its turn is what makes several callers at once agree in the end.
    pub(super) fn keep_up(
        &self,
        keys: impl IntoIterator<Item = Key>,
        stored: impl Fn(&Key) -> Option<Stored>,
    ) -> Result<(), StoreError> {
        let mut own = self.own();
        let Some(own) = &mut *own else {
            return Ok(());
        };
        let mut failed = None;
        for key in keys {
            let name = file_name(&key);
            let has = own.files.contains(&name);
            let done = match stored(&key) {
                Some(stored) if !has => own.write(&name, &stored),
                None if has => own.remove(&name),
                _ => continue,
            };
            match done {
                Ok(()) => own.has_failed = false,
                Err(error) => {
                    if !own.has_failed {
                        say(
                            &own.folder,
                            "does not take an alert, which stays in memory",
                            &error,
                        );
                    }
                    own.has_failed = true;
                    failed = Some(error);
                }
            }
        }
        failed.map_or(Ok(()), |error| Err(self.error(&error)))
    }

    fn error(&self, error: &io::Error) -> StoreError {
        let message = format!("the spool folder `{}`: {error}", self.folder.display());
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::full(message),
            _ => StoreError::away(message),
        }
    }

    fn own(&self) -> MutexGuard<'_, Option<Own>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Own {
    fn write(&mut self, name: &str, stored: &Stored) -> io::Result<()> {
        self.put(name, &serde_json::to_vec(stored)?)
    }

    fn put(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let unfinished = self.folder.join(format!("{name}{UNFINISHED}"));
        let put = || {
            let mut file = private().create(true).truncate(true).open(&unfinished)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&unfinished, self.folder.join(name))?;
            sync_folder(&self.folder)
        };
        put().inspect_err(|_| {
            let _ = fs::remove_file(&unfinished);
            // It may be there with a person in it who is to be forgotten.
            let _ = fs::remove_file(self.folder.join(name));
        })?;
        self.files.insert(name.to_owned());
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => {
                self.files.remove(name);
                Ok(())
            }
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if self.files.is_empty() {
            let _ = fs::remove_file(self.folder.join(LOCK));
            let _ = fs::remove_dir(&self.folder);
        }
    }
}

/// The alert comes first, so that the names are in the order of time. A notifier's name may hold what no file's may.
fn file_name((notifier, alert): &Key) -> String {
    let notifier = Fnv::new().bytes(notifier.as_bytes()).finish();
    format!("{alert}-{notifier:016x}{FINISHED}")
}

fn read(path: &Path) -> io::Result<Stored> {
    if fs::metadata(path)?.len() > MAX_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// Whether the content may be as it should: too many open files, a disk with an error, no right to read it.
fn is_passing(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::FileTooLarge
    )
}

/// The folders of processes: others are not the spool's.
fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_process = name
            .to_str()
            .is_some_and(|name| Uuid::parse_str(name).is_ok());
        if is_process && entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort_unstable();
    Ok(folders)
}

/// The names in a folder that are text, in order.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

fn lock_file(folder: &Path) -> io::Result<File> {
    private()
        .create(true)
        .truncate(false)
        .open(folder.join(LOCK))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Without it a new name may be gone after a crash of the system. Windows opens no folders.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(folder)?.sync_all(),
        false => Ok(()),
    }
}

fn say(path: &Path, what: &str, why: &dyn std::fmt::Display) {
    let path = path.display();
    let _ =
        contained(|| tracing::warn!(target: "tower_monitor", %path, %why, "the spool: it {what}"));
}

const LOCK: &str = "lock";
const FINISHED: &str = ".json";
const UNFINISHED: &str = ".tmp";
const BAD: &str = ".bad";
/// The alerts that are read when a process begins.
const MAX_FILES: usize = 1_000;
/// No alert is that large: what is, is none.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

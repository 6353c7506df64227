//! Opens the file: looks whose it is before anything is changed, creates it, and brings its tables up to date.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::error::{read_only, told};
use super::schema::{APPLICATION_ID, MIGRATIONS};
use crate::store::StoreError;

/// Where the file is, and how it is opened.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) busy_timeout: Duration,
    pub(super) synchronous: &'static str,
}

/// A connection, and which file it goes to.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) identity: Option<Identity>,
}

/// The device and the number that a file has there.
pub(super) type Identity = (u64, u64);

impl Opened {
    /// Lets go of a file that is no longer the one at its path.
    pub(super) fn abandon(self) {
        // Closing would else delete the log that lies at the path: by now another file's.
        keep_log(&self.connection, true).unwrap_or_default();
    }
}

impl Place {
    pub(super) fn identity(&self) -> Option<Identity> {
        let metadata = fs::metadata(&self.path).ok()?;
        Some(identity(&metadata))
    }

    /// Opens the file to write, and creates it when there is none.
    pub(super) fn open(&self) -> Result<Opened, StoreError> {
        let is_new = match self.found()? {
            Found::Nothing => {
                self.create()?;
                true
            }
            Found::Own => false,
        };
        let prepared = || {
            // If it turns out that nothing may be changed, what lies in the log has to stay there.
            let has_log = fs::metadata(self.beside("-wal")).is_ok_and(|log| log.len() > 0);
            let mut connection = self.connect()?;
            keep_log(&connection, has_log)?;
            if !is_new {
                check(&connection)?;
            } else if number(&connection, "PRAGMA page_count")? == 0 {
                connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
            }
            Ok((migrate(&mut connection)?, connection))
        };
        let (whose, connection) = prepared().map_err(|error| told(&self.path, &error))?;
        self.accept(whose)?;
        self.set_up(&connection)
            .map_err(|error| told(&self.path, &error))?;
        Ok(Opened {
            connection,
            identity: self.identity(),
        })
    }

    /// Opens the file that [`open`](Self::open) has prepared.
    pub(super) fn open_to_read(&self) -> Result<Opened, StoreError> {
        let Found::Own = self.found()? else {
            return Err(StoreError::away(format!(
                "{} is not there",
                self.path.display()
            )));
        };
        let connect = || {
            let connection = self.connect()?;
            // Not opened read-only: such a connection cannot read a log that nobody has open.
            connection.execute_batch("PRAGMA query_only = ON")?;
            Ok(connection)
        };
        Ok(Opened {
            connection: connect().map_err(|error| told(&self.path, &error))?,
            identity: self.identity(),
        })
    }

    /// What is at the path, without changing it.
    fn found(&self) -> Result<Found, StoreError> {
        let begun = Instant::now();
        loop {
            match fs::metadata(&self.path) {
                Ok(metadata) if metadata.is_dir() => {
                    return Err(StoreError::unusable(format!(
                        "{} is a folder: name a file in it",
                        self.path.display()
                    )));
                }
                Ok(metadata) if metadata.len() == 0 => return Ok(Found::Nothing),
                Ok(_) => {}
                Err(_) => return Ok(Found::Nothing),
            }
            // While another process creates it, it may be anything for a moment.
            let may_change = self.beside("-journal").exists();
            let looked = self.look().and_then(|whose| self.accept(whose));
            if looked.is_ok() || !may_change || begun.elapsed() > self.busy_timeout {
                return looked;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn accept(&self, whose: Whose) -> Result<Found, StoreError> {
        let path = self.path.display();
        match whose {
            Whose::Nobodys => Ok(Found::Nothing),
            Whose::Own => Ok(Found::Own),
            Whose::Foreign(application) => Err(StoreError::unusable(format!(
                "{path} is a SQLite file of another application (application_id {application}); it was left as it is: \
                 name another file"
            ))),
            Whose::Newer(version) => Err(StoreError::unusable(format!(
                "{path} was written by a newer version of this crate (its tables are number {version}, known are {}); it \
                 was left as it is: use that version, or name another file",
                newest()
            ))),
        }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(suffix);
        path.into()
    }

    /// Whose file it is, by what is in it and not in its log.
    ///
    /// Read by SQLite itself: whoever opens and closes the file besides it takes away the locks that this process has on it.
    fn look(&self) -> Result<Whose, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(immutable(&self.path), flags)
            .and_then(|connection| whose(&connection))
            .map_err(|error| told(&self.path, &error))
    }

    fn create(&self) -> Result<(), StoreError> {
        let folder = match self.path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => Path::new("/"),
        };
        if !folder.is_dir() {
            return Err(StoreError::unusable(format!(
                "{}: there is no folder {}: create it, or name another file",
                self.path.display(),
                folder.display()
            )));
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        // What is in it is about people. SQLite gives the files beside it the same mode.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&self.path) {
            Ok(file) => {
                make_private(&file);
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => Err(StoreError::full(
                format!("{}: {error}", self.path.display()),
            )),
            Err(_) => Err(read_only(self.path.display())),
        }
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(self.busy_timeout)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(connection)
    }

    fn set_up(&self, connection: &Connection) -> rusqlite::Result<()> {
        let begun = Instant::now();
        // For this one, SQLite does not always wait by itself.
        while let Err(error) = steps(connection, "PRAGMA journal_mode = WAL") {
            if !is_busy(&error) || begun.elapsed() > self.busy_timeout {
                return Err(error);
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        steps(
            connection,
            &format!("PRAGMA synchronous = {}", self.synchronous),
        )?;
        steps(
            connection,
            &format!("PRAGMA journal_size_limit = {MAX_LOG_BYTES}"),
        )?;
        steps(connection, "PRAGMA secure_delete = FAST")?;
        keep_log(connection, false)
    }
}

enum Found {
    /// No file, or one with nothing in it.
    Nothing,
    Own,
}

enum Whose {
    /// There is no table in it.
    Nobodys,
    Own,
    /// With its `application_id`.
    Foreign(i64),
    /// With the number of its migrations.
    Newer(i64),
}

fn whose(connection: &Connection) -> rusqlite::Result<Whose> {
    let application = number(connection, "PRAGMA application_id")?;
    let version = number(connection, "PRAGMA user_version")?;
    Ok(match (application, version) {
        (APPLICATION_ID, version) if version > newest() => Whose::Newer(version),
        (APPLICATION_ID, version) if version > 0 => Whose::Own,
        (0, 0) if number(connection, "SELECT count(*) FROM sqlite_schema")? == 0 => Whose::Nobodys,
        (application, _) => Whose::Foreign(application),
    })
}

/// How many migrations there are.
fn newest() -> i64 {
    MIGRATIONS.len() as i64
}

/// Brings the tables up to date, unless the file is somebody else's.
fn migrate(connection: &mut Connection) -> rusqlite::Result<Whose> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let whose = whose(&transaction)?;
    if matches!(whose, Whose::Foreign(_) | Whose::Newer(_)) {
        return Ok(whose);
    }
    let seen = usize::try_from(number(&transaction, "PRAGMA user_version")?).unwrap_or(0);
    if seen < MIGRATIONS.len() {
        for migration in MIGRATIONS.iter().skip(seen) {
            transaction.execute_batch(migration)?;
        }
        transaction.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}"))?;
        transaction.execute_batch(&format!("PRAGMA user_version = {}", newest()))?;
    }
    transaction.commit()?;
    Ok(whose)
}

/// Looks for damage, unless that would take long.
fn check(connection: &Connection) -> rusqlite::Result<()> {
    let pages = number(connection, "PRAGMA page_count")?;
    if pages > MAX_CHECKED_PAGES {
        return Ok(());
    }
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    Err(rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
        Some(found),
    ))
}

/// Whether closing leaves the log as it is, instead of writing it into the file.
fn keep_log(connection: &Connection, keep: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep)?;
    Ok(())
}

pub(super) fn number(connection: &Connection, sql: &str) -> rusqlite::Result<i64> {
    connection.query_row(sql, [], |row| row.get(0))
}

/// Runs a statement to its end: some pragmas do a part of their work with each row.
pub(super) fn steps(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// The name by which SQLite reads the file alone: no lock, no log, and nothing created beside it.
fn immutable(path: &Path) -> String {
    let mut name = "file:".to_owned();
    if cfg!(windows) && path.is_absolute() {
        name.push('/');
    }
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'\\' if cfg!(windows) => name.push('/'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                name.push(char::from(*byte));
            }
            b':' if cfg!(windows) => name.push(':'),
            other => name.push_str(&format!("%{other:02X}")),
        }
    }
    name + "?immutable=1"
}

/// An empty file may have been there before. Whoever does not own it has to leave its mode to who does.
#[cfg(unix)]
fn make_private(file: &fs::File) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    let _ = file.set_permissions(mode);
}

#[cfg(not(unix))]
fn make_private(_: &fs::File) {}

#[cfg(unix)]
fn identity(metadata: &fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> Identity {
    (0, 0)
}

const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// 256 MiB of pages: a second on a slow disk.
const MAX_CHECKED_PAGES: i64 = 65_536;
const MAX_LOG_BYTES: u64 = 8 * 1024 * 1024;
const STATEMENTS: usize = 64;

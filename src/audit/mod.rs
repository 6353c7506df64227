//! The written record of every request, for people who look back.
//!
//! One record for each [`Observation`], to one or more places: as `tracing` events, as JSON Lines, or
//! in the Combined format of Apache, which fail2ban and GoAccess read.
//!
//! ```
//! use tower_monitor::audit::{Audit, WhenFull};
//!
//! let for_people = Audit::tracing();
//! let for_machines = Audit::json_lines("/var/log/shop/audit.log").keep_files(90).when_full(WhenFull::Wait);
//! # let _ = (for_people, for_machines);
//! ```
//!
//! A file is written by a thread of its own. A request only hands its record over; it never waits for the disk. Records
//! reach the kernel some 10 ms later, so they survive the end of the process when the monitor was flushed, and not a power
//! failure. What could not be kept is counted: [`AuditQueueFull`](crate::LossReason::AuditQueueFull),
//! [`AuditWriteFailed`](crate::LossReason::AuditWriteFailed).
//!
//! Paths, queries, referrers, hosts and user agents pass the redaction first, and nothing that a client sends can end a
//! line or forge another one.
//!
//! # The fields of a JSON line
//!
//! Names follow the semantic conventions of OpenTelemetry
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>). Whatever is absent is left out.
//!
//! | Field | Is |
//! |---|---|
//! | `timestamp` | when the request ended: RFC 3339, UTC, milliseconds |
//! | `request.id`, `outcome` | the request's id; [`Outcome::as_str`](crate::Outcome::as_str) |
//! | `abandoned.at` | `head` or `body`: what the client did not wait for |
//! | `http.request.method` | a known method, or `_OTHER` and the word itself in `http.request.method_original` |
//! | `url.path`, `url.query`, `http.route` | what was asked for, redacted; the route's template |
//! | `http.response.status_code`, `rpc.grpc.status_code` | numbers |
//! | `http.server.request.duration` | seconds from arrival to end |
//! | `http.server.response.head_duration` | seconds from arrival to the head of the response |
//! | `http.request.body.size`, `http.response.body.size` | bytes: as the request's header says; as they were sent |
//! | `client.address`, `network.peer.address`, `network.peer.port` | who asked; the other end of the connection |
//! | `server.address`, `server.port`, `network.protocol.version` | the host that was asked for; `1.1`, `2` … |
//! | `user_agent.original`, `http.request.header.referer` | two headers, redacted |
//! | `user.id`, `trace_id` | who it was, as the app says; the distributed trace |

mod clean;
mod combined;
mod escape;
mod event;
mod file;
#[cfg(feature = "gzip")]
mod gzip;
mod json;
mod log;
mod queue;
mod rotated;
#[cfg(test)]
mod sample;
mod writer;

pub(crate) use log::AuditLog;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clean::Cleaner;
use rotated::StartCompression;

use crate::observation::Observation;

/// Where the record of every request is written, and how.
///
/// The settings after the constructors are about files; [`tracing`](Self::tracing) has none and refuses them when the
/// monitor is built.
#[derive(Clone, Debug)]
#[must_use]
pub struct Audit {
    target: Target,
    file: FileSettings,
    /// The last setter used that is about files.
    file_setter: Option<&'static str>,
}

/// What becomes of requests when a file's writer can not keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// The record is dropped and counted; requests never wait. The default.
    #[default]
    Drop,
    /// New requests wait at the door until the writer has caught up; no record is dropped for want of room.
    ///
    /// A disk that refuses does not make them wait: what it refuses is counted as lost. A disk that hangs does.
    Wait,
}

#[derive(Clone, Debug)]
enum Target {
    Events,
    File { path: PathBuf, format: Format },
}

/// Appends one record and the end of its line.
type Format = fn(&mut Vec<u8>, &Observation, &mut Cleaner);

#[derive(Clone, Debug)]
struct FileSettings {
    daily: bool,
    max_bytes: u64,
    keep_files: usize,
    keep_for: Option<Duration>,
    queue: usize,
    when_full: WhenFull,
    compress: Option<StartCompression>,
}

/// The default of [`Audit::rotate_daily`].
pub const DEFAULT_AUDIT_ROTATE_DAILY: bool = true;
/// The default of [`Audit::max_bytes`]: 100 MiB.
pub const DEFAULT_AUDIT_MAX_BYTES: u64 = 100 * 1024 * 1024;
/// The default of [`Audit::keep_files`].
pub const DEFAULT_AUDIT_KEEP_FILES: usize = 30;
/// The default of [`Audit::queue`].
pub const DEFAULT_AUDIT_QUEUE: usize = 8192;

impl Audit {
    /// An event with the target `tower_monitor::audit` and the level INFO for each request, made in the request's own task
    /// when it ends, so that a subscriber sees the current span.
    ///
    /// When no subscriber wants it, it costs the question whether one does.
    pub fn tracing() -> Self {
        Self::to(Target::Events)
    }

    /// One JSON object per line; [the fields](self).
    ///
    /// Missing parent folders are made; an existing file is continued. New files can be read by owner and group (0640). The
    /// file belongs to one process: two that write the same one would rotate it under each other. A named pipe without a
    /// reader keeps `build()` waiting for one.
    pub fn json_lines(path: impl AsRef<Path>) -> Self {
        Self::to_file(path.as_ref(), json::write)
    }

    /// Apache's Combined log format, for fail2ban, GoAccess and the like; files are handled as by
    /// [`json_lines`](Self::json_lines).
    ///
    /// A client whose address nobody knows is written as `-`, which GoAccess refuses: see [`PeerAddr`](crate::PeerAddr). The
    /// time is that of the request's end. A request without a status has 499 when the client left, as nginx writes it,
    /// else 500. The format is described at <https://httpd.apache.org/docs/2.4/logs.html#combined>.
    pub fn combined(path: impl AsRef<Path>) -> Self {
        Self::to_file(path.as_ref(), combined::write)
    }

    fn to(target: Target) -> Self {
        Self {
            target,
            file: FileSettings {
                daily: DEFAULT_AUDIT_ROTATE_DAILY,
                max_bytes: DEFAULT_AUDIT_MAX_BYTES,
                keep_files: DEFAULT_AUDIT_KEEP_FILES,
                keep_for: None,
                queue: DEFAULT_AUDIT_QUEUE,
                when_full: WhenFull::Drop,
                compress: None,
            },
            file_setter: None,
        }
    }

    fn to_file(path: &Path, format: Format) -> Self {
        Self::to(Target::File {
            path: path.to_owned(),
            format,
        })
    }

    /// Whether each day (UTC) has files of its own: `audit.log` becomes `audit.log.2026-11-22T093859.012Z` when the first
    /// request of the next day ends. Default: [`DEFAULT_AUDIT_ROTATE_DAILY`].
    pub fn rotate_daily(mut self, daily: bool) -> Self {
        self.file.daily = daily;
        self.file_setter = Some("rotate_daily");
        self
    }

    /// How large a file may become before it is rotated. At least 4 KiB; a single record that is larger still gets a file
    /// of its own. Default: [`DEFAULT_AUDIT_MAX_BYTES`].
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.file.max_bytes = bytes;
        self.file_setter = Some("max_bytes");
        self
    }

    /// How many rotated files are kept besides the current one; the oldest go first. At least one. Default:
    /// [`DEFAULT_AUDIT_KEEP_FILES`].
    ///
    /// Only files with exactly the name that rotation gives are ever deleted.
    pub fn keep_files(mut self, files: usize) -> Self {
        self.file.keep_files = files;
        self.file_setter = Some("keep_files");
        self
    }

    /// How long a rotated file is kept, from its rotation on. Looked at when the monitor is built and at each rotation.
    /// Default: as long as [`keep_files`](Self::keep_files) lets it.
    pub fn keep_for(mut self, time: Duration) -> Self {
        self.file.keep_for = Some(time);
        self.file_setter = Some("keep_for");
        self
    }

    /// How many records may wait for the writer before [`when_full`](Self::when_full) decides. At least one. Default:
    /// [`DEFAULT_AUDIT_QUEUE`].
    ///
    /// A waiting record holds its request's head, about 1 KiB and at most 6 KiB, and what the app said about the request, which
    /// mostly is nothing and at most 80 KiB.
    pub fn queue(mut self, records: usize) -> Self {
        self.file.queue = records;
        self.file_setter = Some("queue");
        self
    }

    /// What becomes of requests when the queue is full. Default: [`WhenFull::Drop`].
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.file.when_full = when_full;
        self.file_setter = Some("when_full");
        self
    }
}

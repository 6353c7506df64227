//! How the process is: memory, load, uptime, files and threads.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::cgroup::Memory;
use super::files::Root;

/// What changes while the process runs, as it was at one moment.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Vitals {
    /// How long the process runs. Where the system does not tell, how long the monitor does. `uptime_seconds` in JSON.
    #[serde(
        rename = "uptime_seconds",
        serialize_with = "seconds",
        deserialize_with = "from_seconds"
    )]
    pub uptime: Duration,
    /// The memory of the process that is in RAM, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resident_memory: Option<u64>,
    /// The memory that the container or service uses, in bytes, without the file cache that can be dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_used: Option<u64>,
    /// The memory limit of the container or service, in bytes, as it was at the first reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<u64>,
    /// The machine's load in the last 1, 5 and 15 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<[f32; 3]>,
    /// Open files and sockets; from Linux 6.2 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// Threads of the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
    /// Requests that were being served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_in_flight: Option<u64>,
}

impl Vitals {
    /// Reads a handful of small files; the requests in flight are left open.
    pub(crate) fn read() -> Self {
        static STARTED: OnceLock<Instant> = OnceLock::new();
        static MEMORY: OnceLock<Option<Memory>> = OnceLock::new();
        let root = Root::new(Path::new("/"));
        let started = STARTED.get_or_init(|| {
            let now = Instant::now();
            age(&root)
                .and_then(|age| now.checked_sub(age))
                .unwrap_or(now)
        });
        let memory = MEMORY.get_or_init(|| Memory::find(&root));
        Self {
            uptime: started.elapsed(),
            ..Self::read_from(&root, memory.as_ref())
        }
    }

    fn read_from(root: &Root<'_>, memory: Option<&Memory>) -> Self {
        let status = root.head("proc/self/status").unwrap_or_default();
        Self {
            uptime: Duration::ZERO,
            // In kB, unlike statm's pages, whose size only C tells.
            resident_memory: number(&status, "VmRSS:")
                .map(|kilobytes| kilobytes.saturating_mul(1024)),
            memory_used: memory.and_then(|memory| memory.used(root)),
            memory_limit: memory.and_then(|memory| memory.limit),
            load: root.line("proc/loadavg").and_then(|line| load(&line)),
            open_files: open_files(root),
            threads: number(&status, "Threads:").and_then(|threads| u32::try_from(threads).ok()),
            requests_in_flight: None,
        }
    }
}

/// How old the process is, by the clock that runs since the machine was started.
///
/// `None` where a container shows its own uptime, which is less than the process's start on the machine.
fn age(root: &Root<'_>) -> Option<Duration> {
    let stat = root.head("proc/self/stat")?;
    // The second field is the program's name in brackets, with whatever is in a name; `starttime` is the twenty-second.
    let ticks: u64 = stat
        .rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(19)?
        .parse()
        .ok()?;
    let started = Duration::from_millis(ticks.checked_mul(1000 / TICKS_PER_SECOND)?);
    let uptime = root.line("proc/uptime")?;
    let uptime: f64 = uptime.split(' ').next()?.parse().ok()?;
    Duration::try_from_secs_f64(uptime)
        .ok()?
        .checked_sub(started)
}

fn number(status: &str, key: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(key))?;
    value.split_whitespace().next()?.parse().ok()
}

fn load(line: &str) -> Option<[f32; 3]> {
    let mut numbers = line.split(' ').map_while(|number| number.parse().ok());
    Some([numbers.next()?, numbers.next()?, numbers.next()?])
}

/// The size of the folder, which is the number of files since Linux 6.2 and 0 before. To list the folder takes as long as there
/// are files.
fn open_files(root: &Root<'_>) -> Option<u64> {
    let size = fs::metadata(root.join("proc/self/fd")).ok()?.len();
    (cfg!(target_os = "linux") && size > 0).then_some(size)
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

fn from_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_secs)
}

/// `USER_HZ`, which Linux shows to programs as 100 on every architecture that Rust's std supports.
const TICKS_PER_SECOND: u64 = 100;

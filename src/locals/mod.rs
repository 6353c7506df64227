//! The arguments and locals of the app's calls, read where something fails.
//!
//! ```
//! use tower_monitor::{Monitor, locals::Locals};
//!
//! let monitor = Monitor::builder().locals(Locals::new()).build()?;
//! # Ok::<_, tower_monitor::BuildError>(())
//! ```
//!
//! From then on each panic tells of each of the app's calls that led to it what its arguments and locals held, by name, type and value, in
//! debug and release builds alike; and so do errors that `?` turns into a [`ServerError`](crate::ServerError), of
//! [the function whose `?` it is](Locals::error_frames). Nothing has to be written for it where things fail.
//!
//! # How to build for it
//!
//! What a variable is called and where it lies is in the debug information. In a debug build that is there anyway; for a release build
//! write into `Cargo.toml`:
//!
//! ```toml
//! [profile.release]
//! debug = 2
//!
//! [profile.release.package."*"]
//! debug = "line-tables-only"
//! ```
//!
//! Of dependencies lines are enough: what types look like that your code uses is described with your code. The debug information lies in the
//! program's file and is not loaded before it is needed; with `split-debuginfo = "packed"` it lies in a `.dwp` file that has to stay beside the
//! program, and be replaced by another file, not written over, while the program runs: once it is, nothing more is read. With less than
//! `debug = 2` an occurrence says that there are no variables, and why.
//!
//! In a debug build the reader is not optimised either. It is some six times as fast with
//!
//! ```toml
//! [profile.dev.package]
//! tower-monitor.opt-level = 3
//! gimli.opt-level = 3
//! object.opt-level = 3
//! ```
//!
//! # What is shown
//!
//! Numbers, text, lists, maps, structs, enums and what pointers lead to, as a tree of [`Value`](crate::occurrence::Value)s, with
//! [limits](Locals). Of types of other crates that are not known by form, the outermost fields. For what is missing the
//! [reason](crate::occurrence::Missing) stands there: mostly that the optimizer kept it nowhere. The attribute
//! [`#[locals]`](macro@crate::locals) before a function prevents that.
//!
//! What async functions keep across an `await` lies in their futures, and is read from there. A value that may be older than the failure is
//! marked: [`is_stale`](crate::occurrence::Variable::is_stale). That a variable was moved is nowhere written down, though: it is shown as what
//! its place still holds, and what it owned may have been freed and used for something else since. What is then no value of its type is
//! `<invalid>`.
//!
//! # What is not read
//!
//! What has a name that is [never kept](crate::redact::SENSITIVE_NAMES), is in a struct or an enum of such a name, has a type made for
//! secrets, or is [excluded](Locals::exclude_paths), is not looked at: its bytes are copied at most together with their neighbours, and
//! wiped when the failure has been read. Texts pass through [redaction](crate::redact), of byte buffers the length alone is told, and of HTTP headers only those
//! are shown that are harmless by name. The environment variable [`TOWER_MONITOR_LOCALS`](SWITCH) turns all of it off.
//!
//! # What it costs
//!
//! Nothing until something fails: a thread of its own that reads ahead once and then sleeps. A thread that panics stands still while its
//! variables are read, at most for the [deadline](Locals::deadline). It only walks its own stack; a fault of the reader can neither end nor
//! hold up the process. Memory is read by asking the kernel to copy it, so that an address that leads nowhere is an error and nothing else; only
//! the part in use of a thread's own stack is read by that thread itself.
//!
//! In the benchmark of the repository, a service whose debug information is 35 MB, on two virtual processors: a panic with five calls and thirty
//! variables holds its thread for some 90 µs, the first one for some 4 ms, or 12 ms before the reading ahead is done; an error takes some 13 µs
//! more than without variables. 3 MB of memory are kept.
//!
//! Linux on x86-64 and aarch64; elsewhere occurrences say that variables cannot be read. So they do in a process that was forked from the
//! one that built the monitor, where there are no more threads or files to be had, and with `panic = "abort"`, where a fault of the reader
//! would end the process.

mod coroutine;
mod decode;
mod eval;
mod excluded;
mod helper;
mod image;
mod memory;
mod modules;
mod plan;
mod read;
mod registers;
#[cfg(test)]
mod sample;
mod sampler;
mod settings;
mod types;
mod units;
mod walk;

pub use settings::{
    DEFAULT_BYTES, DEFAULT_DEADLINE, DEFAULT_DEPTH, DEFAULT_ERROR_FRAMES,
    DEFAULT_ERRORS_PER_SECOND, DEFAULT_FRAMES, DEFAULT_ITEMS, DEFAULT_TEXT, DEFAULT_VARIABLES,
    Locals, SWITCH,
};

use crate::builder::Builder;
use crate::error::BuildError;

impl Builder {
    /// Reads the arguments and locals of the app's calls at each panic, and at errors that `?` passes on. [`locals`](mod@crate::locals) says
    /// how to build for it.
    ///
    /// They are read for the whole process, whichever monitor has the occurrence: one of its monitors is enough to be told so. Others may be,
    /// with the same settings; with others [`build()`](Builder::build) fails. What is [redacted](Builder::redaction) before it is read
    /// is what the first of them says, and each takes out of its own occurrences what it says itself.
    ///
    /// Default: they are not read.
    pub fn locals(self, locals: Locals) -> Self {
        self.leaf(move |redactor| {
            locals
                .check()
                .map_err(|(problem, remedy)| BuildError::new("locals", problem, remedy))?;
            if settings::is_switched_off() {
                return Ok(());
            }
            sampler::start(locals, redactor).map_err(|setting| {
                let problem = format!(
                    "another monitor of this process has another `{setting}`, and variables are read for all of them in one way"
                );
                let remedy = "give all monitors the same `Locals`, or `locals` to the first one alone";
                BuildError::new("locals", problem, remedy)
            })
        })
    }
}

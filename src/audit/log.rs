//! The audit as the rest of the crate sees it.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread;

use super::clean::Cleaner;
use super::file::{LogFile, Pace};
use super::queue::{Queue, queue};
use super::writer::{Batch, Writer};
use super::{Audit, FileSettings, Target, event};
use crate::error::BuildError;
use crate::guard::contain_thread;
use crate::loss::LossCounter;
use crate::observation::Observation;
use crate::redact::Redactor;
use crate::time::Timestamp;

/// Everything that is audited, in all its places.
///
/// When it is dropped, the writers write what is queued, and their threads end by themselves.
pub(crate) struct AuditLog {
    events: bool,
    redactor: Redactor,
    queues: Vec<Queue>,
}

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditLog")
            .field("events", &self.events)
            .field("files", &self.queues.len())
            .finish_non_exhaustive()
    }
}

impl AuditLog {
    /// Opens the files and starts their writers.
    pub(crate) fn open(
        settings: Vec<Audit>,
        redactor: Redactor,
        losses: Arc<LossCounter>,
    ) -> Result<Self, BuildError> {
        Self::open_at_pace(settings, redactor, losses, Pace::NORMAL)
    }

    pub(super) fn open_at_pace(
        settings: Vec<Audit>,
        redactor: Redactor,
        losses: Arc<LossCounter>,
        pace: Pace,
    ) -> Result<Self, BuildError> {
        let mut events = false;
        let mut files = Vec::new();
        let mut paths = HashSet::new();
        for audit in settings {
            match audit.target {
                Target::Events => {
                    if let Some(setter) = audit.file_setter {
                        return Err(BuildError::new(
                            SETTING,
                            format!("`{setter}` is about files, and `Audit::tracing()` has none"),
                            "leave it out, or use `Audit::json_lines(path)`",
                        ));
                    }
                    events = true;
                }
                Target::File { path, format } => {
                    validate(&audit.file)?;
                    let file = open_file(&path, &audit.file, pace)?;
                    if !paths.insert(file.path().to_owned()) {
                        return Err(BuildError::new(
                            SETTING,
                            format!("`{}` is written by two of them", path.display()),
                            "give each its own file",
                        ));
                    }
                    files.push((file, format, audit.file));
                }
            }
        }
        let mut queues = Vec::new();
        for (mut file, format, settings) in files {
            file.archive().resume(Timestamp::now());
            let (queue, receiver, shared) =
                queue(settings.queue, settings.when_full, Arc::clone(&losses));
            let writer = Writer {
                receiver,
                shared: Arc::clone(&shared),
                losses: Arc::clone(&losses),
                file,
                format,
                cleaner: Cleaner::new(redactor.clone()),
                pace,
                batch: Batch::default(),
            };
            let thread = thread::Builder::new()
                .name("tower-monitor-audit".to_owned())
                .spawn(move || {
                    contain_thread();
                    writer.run();
                })
                .map_err(|error| {
                    let problem = "the writer's thread could not be started";
                    BuildError::new(SETTING, problem, "raise the limit of threads").caused_by(error)
                })?;
            shared.set_thread(thread.thread());
            queues.push(queue);
        }
        Ok(Self {
            events,
            redactor,
            queues,
        })
    }

    /// Records a finished request everywhere. Never waits.
    pub(crate) fn record(&self, observation: &Observation) {
        if self.events {
            event::emit(observation, &self.redactor);
        }
        for queue in &self.queues {
            queue.push(observation);
        }
    }

    /// Ready unless a file whose [`WhenFull`](super::WhenFull) is `Wait` has no room for another record.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        for queue in &self.queues {
            ready!(queue.poll_ready(cx));
        }
        Poll::Ready(())
    }

    /// Resolves when everything that was recorded before is written or counted as lost; on any runtime.
    pub(crate) fn flush(&self) -> impl Future<Output = ()> + Send + 'static {
        let answers: Vec<_> = self.queues.iter().map(Queue::flush).collect();
        async move {
            for answer in answers {
                // No answer means that the writer has ended, and has written everything before.
                let _ = answer.await;
            }
        }
    }
}

fn validate(settings: &FileSettings) -> Result<(), BuildError> {
    if settings.queue == 0 {
        let problem = "a queue of 0 records would drop every one";
        return Err(BuildError::new(SETTING, problem, "give `queue` at least 1"));
    }
    if settings.max_bytes < MIN_MAX_BYTES {
        let problem = format!("files of {} bytes hold hardly a record", settings.max_bytes);
        return Err(BuildError::new(
            SETTING,
            problem,
            "give `max_bytes` at least 4096",
        ));
    }
    if settings.keep_files == 0 {
        let problem = "with `keep_files(0)` every record is deleted at the next rotation";
        return Err(BuildError::new(
            SETTING,
            problem,
            "give `keep_files` at least 1",
        ));
    }
    Ok(())
}

fn open_file(path: &Path, settings: &FileSettings, pace: Pace) -> Result<LogFile, BuildError> {
    if path.is_dir() {
        let problem = format!("`{}` is a folder", path.display());
        return Err(BuildError::new(
            SETTING,
            problem,
            "add the name of a file to the path",
        ));
    }
    LogFile::open(path, settings, pace).map_err(|error| {
        let problem = format!("`{}` can not be written", path.display());
        let remedy = "let the user that the service runs as write there, or name another place";
        BuildError::new(SETTING, problem, remedy).caused_by(error)
    })
}

const SETTING: &str = "audit";
const MIN_MAX_BYTES: u64 = 4 * 1024;

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;

//! The thread that writes one file.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;

use super::Format;
use super::clean::Cleaner;
use super::file::{LogFile, Pace};
use super::queue::{Message, Shared};
use crate::guard::contained;
use crate::loss::{LossCounter, LossReason};
use crate::observation::Observation;

pub(super) struct Writer {
    pub(super) receiver: Receiver<Message>,
    pub(super) shared: Arc<Shared>,
    pub(super) losses: Arc<LossCounter>,
    pub(super) file: LogFile,
    pub(super) format: Format,
    pub(super) cleaner: Cleaner,
    pub(super) pace: Pace,
    pub(super) batch: Batch,
}

/// Whole lines that were not written yet.
#[derive(Default)]
pub(super) struct Batch {
    lines: Vec<u8>,
    count: usize,
}

enum Taken {
    Something,
    Nothing,
    /// The last sender is gone and everything is written.
    End,
}

impl Writer {
    /// Writes what comes, until nothing can come any more.
    pub(super) fn run(mut self) {
        let mut quiet = 0;
        loop {
            match self.take() {
                Taken::End => return,
                Taken::Something => {
                    if quiet > self.pace.polls {
                        self.shared.wake_up();
                    }
                    quiet = 0;
                    self.file.archive().work();
                }
                Taken::Nothing if self.file.archive().work() => {}
                Taken::Nothing => {
                    quiet = quiet.saturating_add(1);
                    self.rest(quiet);
                }
            }
        }
    }

    fn rest(&self, quiet: u32) {
        if quiet <= self.pace.polls {
            thread::park_timeout(self.pace.poll);
        } else if !self.shared.fall_asleep() {
            // Announced in an earlier round, and nothing has come since.
            thread::park();
        }
    }

    fn take(&mut self) -> Taken {
        let mut taken = Taken::Nothing;
        for _ in 0..MAX_BATCH {
            match self.receiver.try_recv() {
                Ok(Message::Record(observation)) => self.add(&observation),
                Ok(Message::Flush(done)) => {
                    self.write();
                    // Nobody may be waiting any more.
                    let _ = contained(|| done.send(()));
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    taken = Taken::End;
                    break;
                }
            }
            taken = Taken::Something;
            if self.batch.lines.len() >= MAX_BATCH_BYTES {
                break;
            }
        }
        self.write();
        taken
    }

    fn add(&mut self, observation: &Observation) {
        let start = self.batch.lines.len();
        let format = || (self.format)(&mut self.batch.lines, observation, &mut self.cleaner);
        if contained(format).is_none() {
            self.batch.lines.truncate(start);
            self.losses.add(LossReason::AuditWriteFailed, 1);
            self.shared.settle(1);
            return;
        }
        let ended = observation.request.started_at().after(observation.duration);
        let length = self.batch.lines.len() - start;
        if self.file.is_due(ended, start, length) {
            self.write_up_to(start);
            self.file.rotate(ended);
        }
        self.batch.count += 1;
    }

    fn write(&mut self) {
        self.write_up_to(self.batch.lines.len());
        if self.batch.lines.capacity() > 2 * MAX_BATCH_BYTES {
            self.batch.lines.shrink_to(MAX_BATCH_BYTES);
        }
    }

    /// Writes the counted lines, which end at `end`.
    fn write_up_to(&mut self, end: usize) {
        let count = std::mem::take(&mut self.batch.count);
        if count == 0 {
            return;
        }
        let lost = self.file.append(&self.batch.lines[..end], count as u64);
        self.batch.lines.drain(..end);
        if lost > 0 {
            self.losses.add(LossReason::AuditWriteFailed, lost);
        }
        self.shared.settle(count);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.close();
    }
}

const MAX_BATCH: usize = 1024;
const MAX_BATCH_BYTES: usize = 256 * 1024;

//! A thread with a connection of its own, and the questions that are put to it.

use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::error::told;
use super::file::{Opened, Place};
use crate::guard::{contain_thread, contained};
use crate::store::StoreError;

/// A thread with a connection. It ends when this is dropped and everything that was asked before is answered.
pub(super) struct Desk {
    jobs: mpsc::Sender<Job>,
}

type Job = Box<dyn FnOnce(&mut Link) + Send>;

/// What a thread has of the file.
pub(super) struct Link {
    pub(super) place: Arc<Place>,
    pub(super) access: Access,
    pub(super) opened: Option<Opened>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Write,
    Read,
}

impl Desk {
    pub(super) fn start(name: &str, mut link: Link) -> std::io::Result<Self> {
        let (jobs, mut waiting) = mpsc::channel::<Job>(MAX_WAITING);
        let work = move || {
            contain_thread();
            while let Some(job) = waiting.blocking_recv() {
                // A transaction that a panic left is rolled back while it unwinds.
                let _ = contained(|| job(&mut link));
            }
        };
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)?;
        Ok(Self { jobs })
    }

    /// Has it done there. What nobody waits for any more when its turn comes is not done.
    pub(super) async fn ask<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |link| {
            if reply.is_closed() {
                return;
            }
            let _ = reply.send(link.done(work));
        });
        self.jobs
            .send(job)
            .await
            .map_err(|_| StoreError::away("its thread has ended"))?;
        let answer = answer.await;
        answer.unwrap_or_else(|_| Err(StoreError::away("it panicked, and nothing was changed")))
    }
}

impl Link {
    fn done<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let connection = self.connection()?;
        work(connection).map_err(|error| told(&self.place.path, &error))
    }

    fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        let is_another = |opened: &Opened| opened.identity != self.place.identity();
        if let Some(lost) = self.opened.take_if(|opened| is_another(opened)) {
            lost.abandon();
            if self.access == Access::Write {
                self.opened = Some(self.place.open()?);
                return Err(StoreError::away(format!(
                    "{} was deleted or replaced; what it held is gone, and it is open again",
                    self.place.path.display()
                )));
            }
        }
        let opened = match &mut self.opened {
            Some(opened) => opened,
            none => none.insert(match self.access {
                Access::Write => self.place.open()?,
                Access::Read => self.place.open_to_read()?,
            }),
        };
        Ok(&mut opened.connection)
    }
}

/// More than that wait for their turn before they are put to the thread.
const MAX_WAITING: usize = 64;

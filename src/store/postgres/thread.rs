//! The store's own thread: whoever waits for the store needs no runtime, and what the driver logs there is nobody's issue.

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::guard::contain_thread;

/// A thread with a runtime. It ends when this is dropped.
pub(super) struct Thread {
    handle: Handle,
    _running: oneshot::Sender<()>,
}

impl Thread {
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .thread_name(NAME)
            .on_thread_start(contain_thread)
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let (running, ended) = oneshot::channel::<()>();
        std::thread::Builder::new()
            .name(NAME.to_owned())
            .spawn(move || {
                contain_thread();
                let _ = runtime.block_on(ended);
                // A plain drop would wait for a name lookup that hangs.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            handle,
            _running: running,
        })
    }

    /// Runs `work` there. It is stopped when nobody waits for it any more. `None` when it panics.
    pub(super) async fn run<T>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T>
    where
        T: Send + 'static,
    {
        let mut running = Stopped(self.handle.spawn(work));
        (&mut running.0).await.ok()
    }
}

/// Stops a task when it is dropped.
struct Stopped<T>(JoinHandle<T>);

impl<T> Drop for Stopped<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

const NAME: &str = "tower-monitor-postgres";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::is_containing;

    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(future).poll(&mut context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        }
    }

    #[test]
    fn what_happens_on_it_is_nobodys_issue_and_needs_no_runtime_outside() {
        let thread = Thread::start().unwrap();
        let mut answer = Box::pin(thread.run(async { is_containing() }));
        let answer = loop {
            if let Some(answer) = now(answer.as_mut()) {
                break answer;
            }
        };
        assert_eq!(answer, Some(true));
    }

    #[test]
    fn work_that_nobody_waits_for_is_stopped() {
        let thread = Thread::start().unwrap();
        let (held, released) = std::sync::mpsc::channel::<()>();
        let mut answer = Box::pin(thread.run(async move {
            std::future::pending::<()>().await;
            drop(held);
        }));
        assert_eq!(now(answer.as_mut()), None);
        drop(answer);
        assert!(released.recv().is_err(), "what it held is let go");
    }
}

//! Child tasks: the request goes along, and a panic in them is told.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};

use super::hook::record_of;
use crate::guard::guarded;
use crate::request::{self, Child, Finding, Noticed};
use crate::stack;

/// Like [`tokio::spawn`], and the task belongs to the current request: [`current`](crate::current) finds it there, and a panic becomes
/// an occurrence with it, also when nobody awaits the handle.
///
/// The task keeps what is known of the request in memory until it ends. Outside of every request it is [`tokio::spawn`].
///
/// When the handler panics because its task did, both are one occurrence: that of the task.
///
/// # Panics
///
/// Outside of a tokio runtime, as [`tokio::spawn`] does.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(in_request(future))
}

/// [`spawn`] for the tasks of a [`JoinSet`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use tokio::task::JoinSet;
/// use tower_monitor::SpawnInRequest;
///
/// let mut pages = JoinSet::new();
/// pages.spawn_in_request(async { "one" });
/// assert_eq!(pages.join_all().await, ["one"]);
/// # }
/// ```
pub trait SpawnInRequest<T> {
    /// Like [`JoinSet::spawn`], and the task belongs to the current request.
    #[track_caller]
    fn spawn_in_request<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static;
}

impl<T: Send + 'static> SpawnInRequest<T> for JoinSet<T> {
    fn spawn_in_request<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
    {
        self.spawn(in_request(future))
    }
}

/// The future as a part of the current request: for other ways to spawn, such as a `TaskTracker` or a thread's own runtime.
pub fn in_request<F: Future>(future: F) -> InRequest<F> {
    InRequest {
        inner: Some(future),
        child: request::current().map(|request| request.child()),
    }
}

pin_project! {
    /// A future that belongs to a request. Made by [`in_request`].
    #[must_use = "futures do nothing unless polled"]
    pub struct InRequest<F> {
        // Gone when it is over.
        #[pin]
        inner: Option<F>,
        child: Option<Child>,
    }

    impl<F> PinnedDrop for InRequest<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _current = this.child.as_ref().map(|child| request::enter(child.request().clone()));
            this.inner.set(None);
        }
    }
}

impl<F: Future> Future for InRequest<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let Some(child) = this.child else {
            return inner.poll(context);
        };
        let current = (
            stack::running(inner.as_mut()),
            stack::boundary(),
            request::enter(child.request().clone()),
        );
        let polled = guarded(|| inner.poll(context));
        let payload = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => {
                this.inner.set(None);
                drop(current);
                *this.child = None;
                return Poll::Ready(output);
            }
            Err(payload) => payload,
        };
        drop(current);
        let request = child.request().clone();
        let record = record_of(&request, &*payload);
        Finding::new(Noticed::Panic(record), Some(request)).tell();
        *this.child = None;
        resume_unwind(payload)
    }
}

impl<F> std::fmt::Debug for InRequest<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InRequest")
            .field("child", &self.child)
            .finish_non_exhaustive()
    }
}

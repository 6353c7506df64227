//! Running code of others so that its panics end here: handlers, notifiers, settings, subscribers, destructors.

use std::any::Any;
use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// What a panic leaves behind.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Runs it; what it panics with comes back.
pub(crate) fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, Payload> {
    catch_unwind(AssertUnwindSafe(run))
}

/// Runs it; `None` when it panics. Such a panic is nobody's occurrence: what it spoils says so itself.
pub(crate) fn contained<T>(run: impl FnOnce() -> T) -> Option<T> {
    let _mark = Mark::set();
    guarded(run).map_err(discard).ok()
}

/// Drops what a panic left, whose own destructor may panic as well.
pub(crate) fn discard(payload: Payload) {
    let _mark = Mark::set();
    if let Err(second) = guarded(|| drop(payload)) {
        std::mem::forget(second);
    }
}

/// Whether a panic of this thread is contained here, and must not be reported: reporting it may be what panicked.
pub(crate) fn is_containing() -> bool {
    CONTAINING.try_with(Cell::get).unwrap_or(true)
}

/// From now on everything on this thread is contained: it is one of the monitor's own.
pub(crate) fn contain_thread() {
    std::mem::forget(Mark::set());
}

/// Polls a future of others, and drops it, so that a panic ends here: `None`.
pub(crate) struct CatchPanic<F: Future + ?Sized>(Option<Pin<Box<F>>>);

impl<F: Future + ?Sized> CatchPanic<F> {
    pub(crate) fn new(future: Pin<Box<F>>) -> Self {
        Self(Some(future))
    }
}

impl<F: Future + ?Sized> Future for CatchPanic<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.0 else {
            return Poll::Ready(None);
        };
        match contained(|| future.as_mut().poll(context)) {
            Some(Poll::Pending) => Poll::Pending,
            Some(Poll::Ready(output)) => Poll::Ready(Some(output)),
            None => Poll::Ready(None),
        }
    }
}

impl<F: Future + ?Sized> Drop for CatchPanic<F> {
    fn drop(&mut self) {
        let future = self.0.take();
        let _ = contained(|| drop(future));
    }
}

struct Mark(bool);

impl Mark {
    fn set() -> Self {
        Self(
            CONTAINING
                .try_with(|mark| mark.replace(true))
                .unwrap_or(true),
        )
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        let _ = CONTAINING.try_with(|mark| mark.set(self.0));
    }
}

thread_local! {
    static CONTAINING: Cell<bool> = const { Cell::new(false) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_here_even_when_its_payload_panics_while_it_is_dropped() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                std::panic::panic_any(7);
            }
        }
        assert_eq!(contained(|| 1), Some(1));
        assert_eq!(contained(|| std::panic::panic_any(Bomb)), None::<()>);
        assert!(!is_containing());
    }

    #[test]
    fn what_is_contained_is_known_while_it_runs() {
        assert_eq!(contained(|| contained(is_containing)), Some(Some(true)));
        assert!(!is_containing());
    }
}

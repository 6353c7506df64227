//! Which request the running thread is working on.

use std::cell::Cell;

use super::RequestContext;

thread_local! {
    static CURRENT: Cell<Option<RequestContext>> = const { Cell::new(None) };
}

/// The request that the calling code works for, or `None` outside a request.
///
/// It is set whenever the request's future or body is polled, so it is right in every function that a handler calls,
/// however deep, and never that of another request. A task that the handler spawns has it with [`spawn`](crate::spawn), and none
/// with `tokio::spawn`.
#[must_use]
pub fn current() -> Option<RequestContext> {
    // The cell is gone while the thread ends; then there is no request either.
    CURRENT
        .try_with(|current| {
            let context = current.take();
            current.set(context.clone());
            context
        })
        .ok()
        .flatten()
}

/// Looks at the current request, without the price of a handle of one's own.
pub(crate) fn with_current<T>(look: impl FnOnce(&RequestContext) -> T) -> Option<T> {
    /// Puts it back, also when `look` panics.
    struct PutBack(Option<RequestContext>);
    impl Drop for PutBack {
        fn drop(&mut self) {
            let context = self.0.take();
            let _ = CURRENT.try_with(|current| current.set(context));
        }
    }
    let taken = PutBack(CURRENT.try_with(Cell::take).ok().flatten());
    taken.0.as_ref().map(look)
}

/// Makes `context` the current one until the guard is dropped; then the one before is back.
#[must_use]
pub(crate) fn enter(context: RequestContext) -> Entered {
    Entered(
        CURRENT
            .try_with(|current| current.replace(Some(context)))
            .ok()
            .flatten(),
    )
}

pub(crate) struct Entered(Option<RequestContext>);

impl Drop for Entered {
    fn drop(&mut self) {
        let before = self.0.take();
        let _ = CURRENT.try_with(|current| current.set(before));
    }
}

//! Running code of others so that its panics end here: handlers, notifiers, settings, subscribers, destructors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a panic leaves behind.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Runs it; what it panics with comes back.
pub(crate) fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, Payload> {
    catch_unwind(AssertUnwindSafe(run))
}

/// Runs it; `None` when it panics.
pub(crate) fn contained<T>(run: impl FnOnce() -> T) -> Option<T> {
    guarded(run).map_err(discard).ok()
}

/// Drops what a panic left, whose own destructor may panic as well.
pub(crate) fn discard(payload: Payload) {
    if let Err(second) = guarded(|| drop(payload)) {
        std::mem::forget(second);
    }
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
    }
}

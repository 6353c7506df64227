//! How many bytes were looked at: the tests count them to prove that the time is linear.

#[cfg(not(test))]
pub(super) fn add(_: usize) {}

#[cfg(test)]
pub(super) use counted::{add, counting};

#[cfg(test)]
mod counted {
    use std::cell::Cell;

    thread_local! {
        static STEPS: Cell<usize> = const { Cell::new(0) };
    }

    pub(in crate::redact) fn add(bytes: usize) {
        // One more, so that a look at nothing counts as well.
        STEPS.set(STEPS.get() + bytes + 1);
    }

    /// The steps that `run` takes.
    pub(in crate::redact) fn counting(run: impl FnOnce()) -> usize {
        STEPS.set(0);
        run();
        STEPS.get()
    }
}

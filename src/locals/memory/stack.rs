//! The stack of the thread that reads: no copy of the kernel's is needed.
#![expect(unsafe_code, reason = "it is read as memory")]

use std::marker::PhantomData;
use std::ops::Range;
use std::ptr::with_exposed_provenance;

/// The part of this thread's stack that is in use.
#[derive(Clone, Debug, Default)]
pub(in crate::locals) struct OwnStack {
    used: Range<u64>,
    _on_this_thread: PhantomData<*const ()>,
}

impl OwnStack {
    /// # Safety
    ///
    /// All of it can be read as long as the thread lives.
    pub(in crate::locals) unsafe fn new(used: Range<u64>) -> Self {
        Self {
            used,
            _on_this_thread: PhantomData,
        }
    }

    /// Whether all of this is a part of it.
    pub(in crate::locals) fn holds(&self, address: u64, length: usize) -> bool {
        let end = address.checked_add(length as u64);
        address >= self.used.start && end.is_some_and(|end| end <= self.used.end)
    }

    /// Copies what lies at `address`, if all of it is a part of the stack; whether it is.
    pub(super) fn read(&self, address: u64, into: &mut [u8]) -> bool {
        let is_within = self.holds(address, into.len());
        let Some(address) = usize::try_from(address).ok().filter(|_| is_within) else {
            return false;
        };
        for (at, byte) in into.iter_mut().enumerate() {
            // SAFETY: it can be read, as whoever made this said. Another thread may change it meanwhile: any byte will do.
            *byte = unsafe { with_exposed_provenance::<u8>(address + at).read_volatile() };
        }
        true
    }
}

//! Reading this process's own memory at addresses that may be gone.

mod lines;
mod own;
mod pipe;
mod stack;
#[cfg(test)]
#[cfg(target_os = "linux")]
pub(super) mod tests;

pub(super) use own::{Budget, Cache, OwnMemory};
pub(super) use pipe::Pipe;
pub(super) use stack::OwnStack;

use crate::stack::Missing;

/// The memory of this process, as far as it may be read.
pub(super) trait Memory {
    /// Fills `into` with what lies at `address`; an error when a part of it cannot be read, or nothing more may be.
    fn read(&mut self, address: u64, into: &mut [u8]) -> Result<(), Missing>;

    /// The word at `address`.
    fn word(&mut self, address: u64) -> Result<u64, Missing> {
        let mut bytes = [0; 8];
        self.read(address, &mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }
}

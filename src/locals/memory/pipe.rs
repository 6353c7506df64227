//! A pipe to oneself: the kernel copies, and answers where the processor would trap.
//!
//! `write` and `read` are what no filter of system calls forbids. `process_vm_readv` is one for which some end the process.
#![cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "what is read may be no memory at all")
)]

pub(in crate::locals) use platform::Pipe;

/// What fits at once on every system: less is never torn, nor does it fill the pipe.
pub(in crate::locals) const PAGE: usize = 4096;

#[cfg(target_os = "linux")]
mod platform {
    use std::ffi::c_int;
    use std::io;
    use std::mem::MaybeUninit;

    use super::PAGE;
    use crate::stack::Missing;

    /// Both ends, neither of which ever waits or is handed to a child.
    #[derive(Debug)]
    pub(in crate::locals) struct Pipe {
        from: c_int,
        to: c_int,
        identity: (u64, u64),
    }

    impl Pipe {
        pub(in crate::locals) fn open() -> io::Result<Self> {
            let mut ends = [-1; 2];
            // SAFETY: the array has room for both.
            if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } != 0 {
                return Err(io::Error::last_os_error());
            }
            let [from, to] = ends;
            let mut pipe = Self {
                from,
                to,
                identity: (0, 0),
            };
            pipe.identity = identity(from).ok_or_else(io::Error::last_os_error)?;
            Ok(pipe)
        }

        /// Whether the app did not close it, with all else that it believed to be its own: by now the numbers may stand for
        /// other files, into which nothing must be written.
        pub(in crate::locals) fn is_ours(&self) -> bool {
            self.identity != (0, 0)
                && [self.from, self.to]
                    .iter()
                    .all(|end| identity(*end) == Some(self.identity))
        }

        /// Copies what lies at `address`, at most a [`PAGE`]; all of it or, where a part is not there, nothing.
        pub(in crate::locals) fn copy(&self, address: u64, into: &mut [u8]) -> Result<(), Missing> {
            let length = into.len().min(PAGE);
            let written = self.write(address, length);
            let mut filled = 0;
            while filled < written {
                match self.read(&mut into[filled..written]) {
                    Some(read) => filled += read,
                    None => break,
                }
            }
            if filled == into.len() {
                return Ok(());
            }
            self.drain();
            Err(Missing::Unreadable)
        }

        /// Whether every page of a range can be read.
        pub(in crate::locals) fn reaches(&self, from: u64, to: u64) -> bool {
            let mut byte = [0];
            let mut address = from;
            while address < to {
                if self.copy(address, &mut byte).is_err() {
                    return false;
                }
                address = (address | (PAGE as u64 - 1)).saturating_add(1);
            }
            true
        }

        #[cfg(test)]
        pub(in crate::locals) fn ends(&self) -> [c_int; 2] {
            [self.from, self.to]
        }

        /// How much the kernel took.
        fn write(&self, address: u64, length: usize) -> usize {
            let Ok(address) = usize::try_from(address) else {
                return 0;
            };
            let address = std::ptr::without_provenance::<libc::c_void>(address);
            for _ in 0..ATTEMPTS {
                // SAFETY: the kernel reads, and says so when it cannot; this process follows the address nowhere.
                let written = unsafe { libc::write(self.to, address, length) };
                if let Ok(written) = usize::try_from(written) {
                    return written;
                }
                if !was_interrupted() {
                    break;
                }
            }
            0
        }

        /// How much came; `None` when there is no more, or none to be had.
        fn read(&self, into: &mut [u8]) -> Option<usize> {
            for _ in 0..ATTEMPTS {
                // SAFETY: the slice is there to be written to.
                let read = unsafe { libc::read(self.from, into.as_mut_ptr().cast(), into.len()) };
                match usize::try_from(read) {
                    Ok(0) => return None,
                    Ok(read) => return Some(read),
                    Err(_) if was_interrupted() => {}
                    Err(_) => return None,
                }
            }
            None
        }

        /// Leaves nothing to the next copy: neither bytes nor the empty buffers that a failed `write` leaves behind in older
        /// kernels, of which the pipe has room for sixteen.
        pub(in crate::locals) fn drain(&self) {
            let mut rest = [0; 256];
            for _ in 0..ATTEMPTS.max(PAGE / rest.len()) + 1 {
                if self.read(&mut rest).is_none() {
                    break;
                }
            }
        }
    }

    impl Drop for Pipe {
        fn drop(&mut self) {
            for end in [self.from, self.to] {
                if self.identity == (0, 0) || identity(end) == Some(self.identity) {
                    // SAFETY: it is the pipe's own, by what was just compared.
                    let _ = unsafe { libc::close(end) };
                }
            }
        }
    }

    /// What tells one open file from all others of this time.
    fn identity(end: c_int) -> Option<(u64, u64)> {
        let mut status = MaybeUninit::<libc::stat>::uninit();
        // SAFETY: there is room for the answer, which is read only when the kernel gave one.
        let status = unsafe {
            if libc::fstat(end, status.as_mut_ptr()) != 0 {
                return None;
            }
            status.assume_init()
        };
        Some((status.st_dev, status.st_ino))
    }

    fn was_interrupted() -> bool {
        io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    }

    /// A signal may come; a thousand in a row are another thing.
    const ATTEMPTS: usize = 8;
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::io;

    use crate::stack::Missing;

    /// There is none on this platform.
    #[derive(Debug)]
    pub(in crate::locals) struct Pipe;

    impl Pipe {
        pub(in crate::locals) fn open() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(in crate::locals) fn is_ours(&self) -> bool {
            false
        }

        pub(in crate::locals) fn copy(&self, _: u64, _: &mut [u8]) -> Result<(), Missing> {
            Err(Missing::Unavailable)
        }

        pub(in crate::locals) fn reaches(&self, _: u64, _: u64) -> bool {
            false
        }

        pub(in crate::locals) fn drain(&self) {}
    }
}

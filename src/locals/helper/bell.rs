//! Waiting for something to change, without a lock.
#![cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "std waits for nothing less than a lock")
)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Rings for all who wait, and costs next to nothing while nobody does.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: AtomicU32,
    waiting: AtomicU32,
}

impl Bell {
    /// To be asked before looking for what is waited for.
    pub(super) fn rung(&self) -> u32 {
        self.rung.load(Ordering::SeqCst)
    }

    pub(super) fn ring(&self) {
        self.rung.fetch_add(1, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            futex::wake_all(&self.rung);
        }
    }

    /// Waits until it has rung since `seen`, or the time is over, or for no reason. Whether waiting is possible at all.
    pub(super) fn wait(&self, seen: u32, until: Option<Instant>) -> bool {
        let time = until.map(|until| until.saturating_duration_since(Instant::now()));
        if time == Some(Duration::ZERO) {
            return true;
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let can_wait = futex::wait(&self.rung, seen, time);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        can_wait
    }
}

/// The processor on which this thread runs just now.
pub(super) fn processor() -> u32 {
    futex::processor()
}

#[cfg(target_os = "linux")]
mod futex {
    use std::io;
    use std::ptr::null;
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    pub(super) fn wait(word: &AtomicU32, expected: u32, time: Option<Duration>) -> bool {
        let time = time.map(|time| libc::timespec {
            // A year is as good as for ever.
            tv_sec: time.as_secs().min(31_536_000) as libc::time_t,
            tv_nsec: time.subsec_nanos() as _,
        });
        let time = time.as_ref().map_or(null(), std::ptr::from_ref);
        // SAFETY: the word outlives the call, during which it is borrowed; so does the time.
        let answer = unsafe {
            libc::syscall(
                libc::SYS_futex,
                word.as_ptr(),
                libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                expected,
                time,
            )
        };
        let known = [libc::EAGAIN, libc::EINTR, libc::ETIMEDOUT].map(Some);
        answer == 0 || known.contains(&io::Error::last_os_error().raw_os_error())
    }

    pub(super) fn processor() -> u32 {
        // SAFETY: it asks for nothing.
        (unsafe { libc::sched_getcpu() }).cast_unsigned()
    }

    pub(super) fn wake_all(word: &AtomicU32) {
        // SAFETY: the kernel takes the address for a name and reads nothing there.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                word.as_ptr(),
                libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
                i32::MAX,
            )
        };
    }
}

#[cfg(not(target_os = "linux"))]
mod futex {
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    pub(super) fn wait(_: &AtomicU32, _: u32, _: Option<Duration>) -> bool {
        false
    }

    pub(super) fn processor() -> u32 {
        0
    }

    pub(super) fn wake_all(_: &AtomicU32) {}
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[test]
    fn who_waits_is_woken_and_who_comes_late_does_not_wait() {
        let bell = Arc::new(Bell::default());
        let seen = bell.rung();
        bell.ring();
        assert!(bell.wait(seen, None), "it has rung already");

        let (seen, done) = (bell.rung(), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let (bell, done) = (Arc::clone(&bell), Arc::clone(&done));
            move || {
                while !done.load(Ordering::SeqCst) {
                    assert!(bell.wait(seen, None));
                }
            }
        });
        while bell.waiting.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        done.store(true, Ordering::SeqCst);
        bell.ring();
        thread.join().unwrap();
        assert_eq!(bell.waiting.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn waiting_ends_in_time() {
        let bell = Bell::default();
        let until = Instant::now() + Duration::from_millis(2);
        while Instant::now() < until {
            assert!(bell.wait(bell.rung(), Some(until)));
        }
        assert!(bell.wait(bell.rung(), Some(until)), "it is over already");
    }
}

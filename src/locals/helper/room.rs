//! How much of its stack a thread has left, as far as it matters.
#![expect(unsafe_code, reason = "std does not tell where a stack ends")]

use std::cell::Cell;

use super::super::memory::{OwnStack, Pipe};

/// Whether so many more bytes of stack can be used from here. May run in a panic hook.
///
/// The pages themselves are asked: that needs no memory and tells the truth on any stack, also on one that is not the thread's
/// own, of which only the present is known.
#[inline(never)]
pub(super) fn has_room(pipe: &Pipe, needed: u64) -> bool {
    let here = here();
    let Some(lowest) = here.checked_sub(needed) else {
        return false;
    };
    match OWN_STACK.try_with(Cell::get) {
        Ok(Some((begin, end))) if (begin..end).contains(&here) => begin <= lowest,
        _ => pipe.reaches(lowest, here),
    }
}

/// The stack that this runs on, as far as it is in use: nothing where it is not known, or not the thread's own.
pub(super) fn own_stack() -> OwnStack {
    let here = here();
    match OWN_STACK.try_with(Cell::get) {
        // SAFETY: what is in use of a thread's own stack is there until the thread ends.
        Ok(Some((begin, end))) if (begin..end).contains(&here) => unsafe {
            OwnStack::new(here..end)
        },
        _ => OwnStack::default(),
    }
}

#[inline(always)]
fn here() -> u64 {
    let marker = 0u8;
    std::hint::black_box(std::ptr::from_ref(&marker)).addr() as u64
}

/// Asks once where this thread's own stack lies, which spares asking its pages. Allocates, and on the main thread reads a file.
pub(super) fn learn() {
    let _gone = OWN_STACK.try_with(|own| {
        if own.get().is_none() {
            own.set(Some(bounds().unwrap_or((0, 0))));
        }
    });
}

#[cfg(target_os = "linux")]
fn bounds() -> Option<(u64, u64)> {
    use std::mem::MaybeUninit;
    use std::ptr::null_mut;

    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut begin, mut size, mut guard) = (null_mut(), 0, 0);
    // SAFETY: there is room for each answer, and the attributes are used only when they were given, then returned.
    let known = unsafe {
        libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) == 0 && {
            let attributes = attributes.as_mut_ptr();
            let known = libc::pthread_attr_getstack(attributes, &raw mut begin, &raw mut size) == 0
                && libc::pthread_attr_getguardsize(attributes, &raw mut guard) == 0;
            libc::pthread_attr_destroy(attributes);
            known
        }
    };
    let begin = begin.addr();
    // Some C libraries count the guard as a part of the stack.
    known.then_some(((begin + guard) as u64, (begin + size) as u64))
}

#[cfg(not(target_os = "linux"))]
fn bounds() -> Option<(u64, u64)> {
    None
}

thread_local! {
    /// Where the stack lies that the thread began with, which is there as long as the thread is.
    static OWN_STACK: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
}

/// For the walk and the hand-over; several times what they were seen to use.
pub(super) const TO_ASK: u64 = 16 * 1024;

/// For decoding as well.
pub(super) const TO_DECODE: u64 = if cfg!(debug_assertions) { 160 } else { 64 } * 1024;

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn the_pages_and_the_library_agree_on_what_is_left() {
        let thread = std::thread::Builder::new().stack_size(256 * 1024);
        let both = thread.spawn(|| {
            let pipe = Pipe::open().unwrap();
            // The library may give a stack that is larger, one that another thread had before.
            let sizes = [16, 100, 200, 3000, 9000].map(|size| size * 1024);
            let by_pages = sizes.map(|size| has_room(&pipe, size));
            learn();
            (by_pages, sizes.map(|size| has_room(&pipe, size)))
        });
        let (by_pages, by_bounds) = both.unwrap().join().unwrap();
        assert_eq!(by_pages, [true, true, true, false, false]);
        assert_eq!(by_bounds, by_pages);
    }

    #[test]
    fn of_the_own_stack_what_is_in_use_is_known() {
        let thread = std::thread::spawn(|| {
            let (local, heap) = ([7u8; 100], vec![7u8; 100]);
            let holds = |stack: &OwnStack, of: &[u8]| stack.holds(of.as_ptr().addr() as u64, 100);
            assert!(!holds(&own_stack(), &local), "nobody has asked");
            learn();
            let own = own_stack();
            (holds(&own, &local), holds(&own, &heap))
        });
        assert_eq!(thread.join().unwrap(), (true, false));
    }
}

//! Memory that is there, memory that is not, and all that stops reading it.
#![expect(unsafe_code, reason = "maps and unmaps what is read")]

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use super::own::LINE;
use super::pipe::PAGE;
use super::*;

/// Some pages that belong to no allocator.
#[derive(Debug)]
pub(in crate::locals) struct Mapping {
    address: usize,
    length: usize,
}

impl Mapping {
    pub(in crate::locals) fn new(pages: usize) -> Self {
        let length = pages * PAGE;
        let (access, kind) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        // SAFETY: the kernel chooses a place where nothing is.
        let address = unsafe { libc::mmap(std::ptr::null_mut(), length, access, kind, -1, 0) };
        assert_ne!(address, libc::MAP_FAILED);
        Self {
            address: address.expose_provenance(),
            length,
        }
    }

    pub(in crate::locals) fn address(&self) -> u64 {
        self.address as u64
    }

    pub(in crate::locals) fn fill(&self, byte: u8) {
        // SAFETY: it is mapped, writable, and no Rust value lies there.
        unsafe { std::ptr::write_bytes(self.at(0).cast::<u8>(), byte, self.length) };
    }

    /// Forbids to touch a page.
    pub(in crate::locals) fn forbid(&self, page: usize) {
        // SAFETY: no Rust value lies there.
        let answer = unsafe { libc::mprotect(self.at(page), PAGE, libc::PROT_NONE) };
        assert_eq!(answer, 0);
    }

    fn at(&self, page: usize) -> *mut libc::c_void {
        std::ptr::with_exposed_provenance_mut(self.address + page * PAGE)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped by `new`, and nothing borrows from it.
        unsafe { libc::munmap(self.at(0), self.length) };
    }
}

fn plenty() -> Budget {
    Budget {
        reads: 1_000_000,
        bytes: u64::MAX,
        until: Instant::now() + Duration::from_secs(600),
    }
}

fn address_of<T: ?Sized>(value: &T) -> u64 {
    std::ptr::from_ref(value).cast::<u8>().addr() as u64
}

#[test]
fn what_is_there_is_read_as_it_is() {
    let (pipe, mut cache) = (Pipe::open().unwrap(), Cache::new());
    let heap: Vec<u8> = (0..20_000u32).map(|n| (n * 7 + n / 256) as u8).collect();
    let local: Vec<u64> = vec![0x0123_4567_89ab_cdef];
    for stack in [0..0, address_of(&heap[0])..address_of(&heap[9999])] {
        let mut memory = OwnMemory::new(&pipe, &mut cache, stack, plenty());
        for (from, length) in [(0, 1), (255, 2), (1000, 511), (1000, 512), (3, 19_990)] {
            let mut into = vec![0; length];
            memory.read(address_of(&heap[from]), &mut into).unwrap();
            assert!(into == heap[from..from + length], "{from} {length}");
        }
        assert_eq!(memory.word(address_of(&local[0])), Ok(local[0]));
        assert_eq!(memory.read(address_of(&heap[0]), &mut []), Ok(()));
    }
}

#[test]
fn what_is_not_there_is_unreadable_and_spoils_nothing() {
    let mapping = Mapping::new(3);
    mapping.fill(7);
    mapping.forbid(1);
    let (pipe, mut cache) = (Pipe::open().unwrap(), Cache::new());
    let stack = mapping.address() + 2 * PAGE as u64..mapping.address() + 3 * PAGE as u64;
    let mut memory = OwnMemory::new(&pipe, &mut cache, stack, plenty());
    let forbidden = mapping.address() + PAGE as u64;
    let hostile = [
        0,
        8,
        4095,
        forbidden,
        forbidden - 4,
        forbidden + PAGE as u64 - 1,
        1 << 47,
        (1 << 63) - 4,
        1 << 63,
        u64::MAX,
        u64::MAX - 3,
    ];
    // The kernel keeps an empty buffer of each write that failed: without care, seventeen stop up the pipe.
    for round in 0..100 {
        for address in hostile {
            let mut into = vec![0; if round % 2 == 0 { 5 } else { 4096 }];
            assert_eq!(
                memory.read(address, &mut into),
                Err(Missing::Unreadable),
                "{address:x}"
            );
        }
        let mut into = [0; 9];
        memory.read(mapping.address() + 100, &mut into).unwrap();
        memory.read(forbidden + PAGE as u64, &mut into).unwrap();
        assert_eq!(into, [7; 9]);
    }
}

#[test]
fn lines_and_pages_are_fetched_once_for_one_failure() {
    let mapping = Mapping::new(2);
    mapping.fill(1);
    let (pipe, mut cache) = (Pipe::open().unwrap(), Cache::new());
    let (heap, stack) = (mapping.address(), mapping.address() + PAGE as u64);
    let range = stack..stack + PAGE as u64;
    let mut memory = OwnMemory::new(&pipe, &mut cache, range.clone(), plenty());
    let (mut of_heap, mut of_stack) = ([0; 4], [0; 4]);
    let mut read = |memory: &mut OwnMemory<'_>, at: u64| {
        memory.read(heap + at, &mut of_heap).unwrap();
        memory.read(stack + at / 2 * 3, &mut of_stack).unwrap();
        (of_heap[0], of_stack[0])
    };
    assert_eq!(read(&mut memory, 0), (1, 1));
    mapping.fill(2);
    assert_eq!(read(&mut memory, LINE as u64 - 6), (1, 1));
    assert_eq!(read(&mut memory, LINE as u64), (2, 1));
    drop(memory);
    let mut memory = OwnMemory::new(&pipe, &mut cache, range, plenty());
    assert_eq!(read(&mut memory, 0), (2, 2), "another failure");
}

#[test]
fn the_own_stack_is_read_as_it_lies_there() {
    let mapping = Mapping::new(3);
    mapping.fill(1);
    let (begin, end) = (mapping.address() + 100, mapping.address() + 2 * PAGE as u64);
    let (pipe, mut cache) = (Pipe::open().unwrap(), Cache::new());
    // SAFETY: it is mapped as long as this runs.
    let own = unsafe { OwnStack::new(begin..end) };
    let memory = OwnMemory::new(&pipe, &mut cache, begin..end, plenty());
    let mut memory = memory.with_own_stack(own);
    let words = |byte: u8| Ok(u64::from_ne_bytes([byte; 8]));
    for (at, later) in [
        (begin, 2),
        (end - 8, 2),
        // Not wholly within: by the kernel, which was asked once.
        (begin - 1, 1),
        (end - 7, 1),
        (end, 1),
    ] {
        mapping.fill(1);
        assert_eq!(memory.word(at), words(1), "{}", at - begin);
        mapping.fill(2);
        assert_eq!(memory.word(at), words(later), "{}", at - begin);
    }
    assert_eq!(memory.word(u64::MAX - 3), Err(Missing::Unreadable));
}

#[test]
fn a_budget_ends() {
    let mapping = Mapping::new(4);
    let (pipe, mut cache) = (Pipe::open().unwrap(), Cache::new());
    let at = |line: u64| mapping.address() + line * LINE as u64;
    let stack = at(4)..at(8);

    let budget = Budget {
        reads: 2,
        ..plenty()
    };
    let mut memory = OwnMemory::new(&pipe, &mut cache, stack.clone(), budget);
    assert_eq!(memory.word(at(0)), Ok(0));
    assert_eq!(memory.word(at(0) + 8), Ok(0));
    assert_eq!(memory.word(at(1)), Ok(0));
    assert_eq!(memory.word(at(2)), Err(Missing::TooMuch));
    assert_eq!(memory.word(at(5)), Ok(0), "the stack is not counted");
    assert_eq!(memory.word(at(1)), Ok(0), "it was read before");

    let budget = Budget {
        bytes: 20,
        ..plenty()
    };
    drop(memory);
    let mut memory = OwnMemory::new(&pipe, &mut cache, stack.clone(), budget);
    assert_eq!(memory.word(at(0)), Ok(0));
    assert_eq!(memory.word(at(5)), Ok(0));
    assert_eq!(memory.word(at(0)), Err(Missing::TooMuch));
    assert_eq!(memory.read(at(0), &mut [0; 4]), Ok(()));

    let until = Instant::now();
    drop(memory);
    let mut memory = OwnMemory::new(&pipe, &mut cache, stack, Budget { until, ..plenty() });
    assert_eq!(memory.word(at(0)), Err(Missing::Deadline));
    assert_eq!(memory.word(at(5)), Err(Missing::Deadline));
    assert_eq!(memory.read(at(0), &mut [0; 4096]), Err(Missing::Deadline));
}

#[test]
fn every_page_of_a_range_is_asked_for() {
    let mapping = Mapping::new(4);
    let pipe = Pipe::open().unwrap();
    let at = |page: u64| mapping.address() + page * PAGE as u64;
    assert!(pipe.reaches(at(0), at(4)));
    mapping.forbid(2);
    assert!(!pipe.reaches(at(0), at(4)));
    assert!(!pipe.reaches(at(1) + 5, at(2) + 1));
    assert!(pipe.reaches(at(1) + 5, at(2)));
    assert!(pipe.reaches(at(3), at(4)));
}

#[test]
fn what_somebody_left_in_the_pipe_spoils_one_failure_at_most() {
    let mapping = Mapping::new(1);
    mapping.fill(7);
    let (pipe, mut cache) = (Pipe::open().unwrap(), Cache::new());
    let to = pipe.ends()[1];
    let leave = || {
        // SAFETY: the text is there to be read.
        let left = unsafe { libc::write(to, [9u8; 700].as_ptr().cast(), 700) };
        assert_eq!(left, 700);
    };
    let sevens = Ok(u64::from_ne_bytes([7; 8]));
    leave();
    let mut memory = OwnMemory::new(&pipe, &mut cache, 0..0, plenty());
    assert_eq!(memory.word(mapping.address()), sevens);
    leave();
    assert_eq!(memory.word(1 << 46), Err(Missing::Unreadable));
    assert_eq!(memory.word(mapping.address() + 256), sevens);
}

#[test]
fn what_the_app_put_in_place_of_the_pipe_is_left_alone() {
    for end in 0..2 {
        let pipe = Pipe::open().unwrap();
        assert!(pipe.is_ours());
        let end = pipe.ends()[end];
        let file = tempfile::tempfile().unwrap();
        // SAFETY: both are open, and the pipe does not rely on its own.
        assert_eq!(unsafe { libc::dup2(file.as_raw_fd(), end) }, end);
        assert!(!pipe.is_ours(), "{end}");
        drop(pipe);
        // SAFETY: it is open as long as the pipe did not close it, which would fail the next line; nobody else has it.
        let replaced = unsafe { File::from_raw_fd(end) };
        let (own, other) = (file.metadata().unwrap(), replaced.metadata().unwrap());
        assert_eq!((own.dev(), own.ino()), (other.dev(), other.ino()));
    }
}

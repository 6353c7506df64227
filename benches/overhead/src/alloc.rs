//! The allocator that counts: how often, how much and, for one request, where.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

/// The system's allocator. Counts for the whole process while [`count`] is on.
pub struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static TRACES: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
/// May be below zero: what was there before is given back as well.
static KEPT: AtomicI64 = AtomicI64::new(0);

// SAFETY: every call goes to `System` as it came; what stands before it allocates only when it is not already inside.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        give_back(layout.size());
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        give_back(layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Switches the counting on or off. Off, an allocation costs one more look at a flag that is never written.
pub fn count(on: bool) {
    COUNTS.store(on, Relaxed);
}

/// Allocations (with reallocations) and their bytes so far.
pub fn totals() -> (u64, u64) {
    (ALLOCATIONS.load(Relaxed), BYTES.load(Relaxed))
}

/// Bytes that were allocated while it counted, and not given back.
pub fn kept() -> u64 {
    KEPT.load(Relaxed).max(0).cast_unsigned()
}

/// Runs `work` and prints the way to each allocation meanwhile, of every thread.
pub fn traced<T>(work: impl FnOnce() -> T) -> T {
    TRACES.store(true, Relaxed);
    let result = work();
    TRACES.store(false, Relaxed);
    result
}

#[inline]
fn note(size: usize) {
    if COUNTS.load(Relaxed) {
        ALLOCATIONS.fetch_add(1, Relaxed);
        BYTES.fetch_add(size as u64, Relaxed);
        KEPT.fetch_add(size as i64, Relaxed);
    }
    if TRACES.load(Relaxed) {
        print_way(size);
    }
}

#[inline]
fn give_back(size: usize) {
    if COUNTS.load(Relaxed) {
        KEPT.fetch_sub(size as i64, Relaxed);
    }
}

#[cold]
fn print_way(size: usize) {
    thread_local! {
        static INSIDE: Cell<bool> = const { Cell::new(false) };
    }
    // Printing allocates as well.
    if INSIDE
        .try_with(|inside| inside.replace(true))
        .unwrap_or(true)
    {
        return;
    }
    let thread = std::thread::current();
    println!(
        "{size} bytes, thread {}",
        thread.name().unwrap_or("without a name")
    );
    print!("{}", way(&Backtrace::force_capture().to_string()));
    let _ = INSIDE.try_with(|inside| inside.set(false));
}

/// The frames next to the allocation, with their places in the code and without what their names are generic over.
fn way(backtrace: &str) -> String {
    let mut lines = backtrace.lines().peekable();
    let mut out = String::new();
    let mut frames = 0;
    while let Some(line) = lines.next()
        && frames < MAX_FRAMES
    {
        let function = line.split_once(": ").map_or(line, |(_, name)| name).trim();
        let place = lines
            .next_if(|next| next.trim_start().starts_with("at "))
            .map(|place| short(place.trim_start().trim_start_matches("at ")));
        let place = place.unwrap_or_default();
        if place.contains("overhead/src/load.rs") || function.starts_with("overhead::load::") {
            break;
        }
        let own = place.contains("overhead/src/alloc.rs")
            || function.starts_with("overhead::alloc::")
            || function.contains("__rust");
        if !own && !place.starts_with("std ") {
            let function = function.split('<').find(|name| !name.is_empty());
            out.push_str(&format!("    {} ({place})\n", function.unwrap_or_default()));
            frames += 1;
        }
    }
    out
}

/// A place without the folders that differ from machine to machine.
fn short(place: &str) -> String {
    if let Some((_, library)) = place.split_once("/library/") {
        return format!("std {library}");
    }
    let crates = place
        .split_once("/registry/src/")
        .and_then(|(_, rest)| rest.split_once('/'));
    crates.map_or(place, |(_, rest)| rest).to_owned()
}

const MAX_FRAMES: usize = 10;

//! The panic hook: what only it can see, put where whoever catches the panic finds it.

use std::any::Any;
use std::cell::Cell;
use std::panic::PanicHookInfo;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::guard::is_containing;
use crate::request::{
    CodeLocation, Finding, Noticed, PanicRecord, RequestContext, Thread, with_current,
};
use crate::stack::{RawStack, is_app_file};
use crate::text::shortened;
use crate::time::{Timestamp, WINDOW_SECONDS, uptime_seconds};

/// Sets the hook, once per process. It calls the hook that was there before.
///
/// A hook that the app sets later replaces this one, unless it calls the one before in its turn. Then a panic in a request is
/// still caught, with its text and without its place in the code; one outside of every request is not seen.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    // `set_hook` refuses to work on a thread that is panicking; the next monitor is another chance.
    if std::thread::panicking() {
        return;
    }
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            remember(info);
            previous(info);
        }));
    });
}

/// Runs while the thread panics, where a second panic ends the process: takes no lock that it could wait for, reads no symbols
/// and calls no code of the app.
fn remember(info: &PanicHookInfo<'_>) {
    if is_containing() {
        return;
    }
    let (message, payload_type) = payload_text(info.payload());
    let mut record = Some(Box::new(PanicRecord {
        time: Timestamp::now(),
        message,
        payload_type,
        location: info.location().map(CodeLocation::of),
        thread: Thread::current(),
        stack: wants_stack(info).then(RawStack::take),
        spans: Vec::new(),
    }));
    let put = with_current(|request| record.take().map(|record| request.put_panic(record)));
    match (put.flatten(), record) {
        // Outside of every request nobody else will tell.
        (None, Some(record)) => Finding::new(Noticed::Panic(record), None).report(),
        (Some(Ok(Some(oldest))), _) => oldest.report(),
        (Some(Err(record)), _) => {
            let _ = ASIDE.try_with(|aside| aside.set(Some(record)));
        }
        _ => {}
    }
}

/// Whether the stack is worth its microseconds: of a place of the app that panics all the time, most occurrences are only
/// counted. What another crate's place means depends on the way there.
fn wants_stack(info: &PanicHookInfo<'_>) -> bool {
    let Some(location) = info.location() else {
        return true;
    };
    if !is_app_file(location.file()) {
        return true;
    }
    let place = location.file().as_ptr() as usize;
    let place = place ^ (location.line() as usize).wrapping_mul(31) ^ location.column() as usize;
    let window = uptime_seconds() / WINDOW_SECONDS;
    let slot = &TAKEN[place.wrapping_mul(0x9e37_79b9) >> 8 & (TAKEN.len() - 1)];
    let taken = slot.load(Ordering::Relaxed);
    let count = if taken >> COUNT_BITS == window {
        taken & COUNT_MASK
    } else {
        0
    };
    if count >= STACKS_PER_WINDOW {
        return false;
    }
    // Two threads at once may count as one: a stack more does no harm.
    slot.store((window << COUNT_BITS) | (count + 1), Ordering::Relaxed);
    true
}

/// What is known of a caught panic: what the hook saw or, when another hook stood in its place, what the payload says.
pub(crate) fn record_of(request: &RequestContext, payload: &(dyn Any + Send)) -> Box<PanicRecord> {
    let (message, payload_type) = payload_text(payload);
    let thread = Thread::current();
    // An earlier panic that the app caught itself is not this one, nor is that of another thread of this request.
    let is_it = |seen: &PanicRecord| {
        seen.message == message && seen.payload_type == payload_type && seen.thread.id == thread.id
    };
    let aside = || ASIDE.try_with(Cell::take).ok().flatten();
    request
        .take_panic(is_it)
        .or_else(|| aside().filter(|record| is_it(record)))
        .unwrap_or_else(|| {
            Box::new(PanicRecord {
                time: Timestamp::now(),
                message: message.clone(),
                payload_type,
                location: None,
                thread: thread.clone(),
                stack: None,
                spans: Vec::new(),
            })
        })
}

fn payload_text(payload: &(dyn Any + Send)) -> (Option<String>, &'static str) {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        (Some(shortened(text, MAX_MESSAGE)), "&str")
    } else if let Some(text) = payload.downcast_ref::<String>() {
        (Some(shortened(text, MAX_MESSAGE)), "String")
    } else {
        (None, "unknown")
    }
}

thread_local! {
    /// The last panic of this thread, when its request's state was in use.
    static ASIDE: Cell<Option<Box<PanicRecord>>> = const { Cell::new(None) };
}

/// Window and number of the stacks taken, by place. Places that share one share the number.
static TAKEN: [AtomicU64; 256] = [const { AtomicU64::new(0) }; 256];

const COUNT_BITS: u32 = 16;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
/// More than are told whole of one place, whatever the words.
const STACKS_PER_WINDOW: u64 = 64;
const MAX_MESSAGE: usize = 8 * 1024;

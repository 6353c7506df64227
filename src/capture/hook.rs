//! The panic hook: what only it can see, put where the request's own future finds it.

use std::any::Any;
use std::panic::PanicHookInfo;
use std::sync::Once;

use crate::request::{self, CodeLocation, PanicRecord, RequestContext};
use crate::text::shortened;

/// Sets the hook, once per process. It calls the hook that was there before.
///
/// A hook that the app sets later replaces this one, unless it calls the one before in its turn. Then a panic is still
/// caught, with its text and without its place in the code.
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

/// Runs while the thread panics: takes no lock that it could wait for, and calls no code of the app.
fn remember(info: &PanicHookInfo<'_>) {
    if let Some(request) = request::current() {
        let (message, payload_type) = payload_text(info.payload());
        request.put_panic(PanicRecord {
            message,
            payload_type,
            location: info.location().map(|location| CodeLocation {
                file: location.file().to_owned(),
                line: location.line(),
                column: location.column(),
            }),
            thread: thread_name(),
        });
    }
}

/// What is known of a caught panic: what the hook saw or, when another hook stood in its place, what the payload says.
pub(crate) fn record_of(request: &RequestContext, payload: &(dyn Any + Send)) -> PanicRecord {
    let (message, payload_type) = payload_text(payload);
    request
        .take_panic()
        // An earlier panic that the app caught itself is not this one.
        .filter(|seen| seen.message == message && seen.payload_type == payload_type)
        .unwrap_or(PanicRecord {
            message,
            payload_type,
            location: None,
            thread: thread_name(),
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

fn thread_name() -> Option<String> {
    std::thread::current()
        .name()
        .map(|name| shortened(name, 64))
}

const MAX_MESSAGE: usize = 8 * 1024;

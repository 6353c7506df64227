//! Leaving out of a stack what is noise: the panic's own machinery above, the runtime below.

use std::ops::Range;

use super::app;
use super::frame::Frame;

/// Which frames to keep: from the one that panicked, or made the error, down to the last one above the runtime.
pub(super) fn kept(frames: &[&Frame]) -> Range<usize> {
    let end = end_of_interest(frames);
    match start_of_interest(&frames[..end]) {
        Some(start) => start..end,
        // All of the app is inlined into what looks like the runtime.
        None => behind_machinery(frames)..frames.len(),
    }
}

/// The frame that called `panic!`, `unwrap`, an index, `?` or `into`, whatever the standard library and this crate put
/// above it.
fn start_of_interest(frames: &[&Frame]) -> Option<usize> {
    let from = behind_machinery(frames);
    let skipped =
        |frame: &Frame| app::is_std(frame) || app::is_own(frame) || app::is_of(frame, "backtrace");
    let called = frames[from..].iter().position(|frame| !skipped(frame));
    match called {
        Some(offset) => Some(from + offset),
        None => (from < frames.len()).then_some(from),
    }
}

/// Below the machinery of the panic and the hooks above it, of this crate and of the app.
fn behind_machinery(frames: &[&Frame]) -> usize {
    let Some(first) = frames.iter().position(|frame| is_panic_machinery(frame)) else {
        return 0;
    };
    let machinery = frames[first..]
        .iter()
        .take_while(|frame| is_panic_machinery(frame));
    first + machinery.count()
}

/// Behind the last frame above the runtime.
fn end_of_interest(frames: &[&Frame]) -> usize {
    let bottom = frames
        .iter()
        .position(|frame| is_thread_start(frame))
        .unwrap_or(frames.len());
    // A runtime in the midst of the app, as in `block_in_place`, is no end; `main` below it is no reason to go on.
    let last_of_app = frames[..bottom]
        .iter()
        .rposition(|frame| frame.in_app && !function(frame).ends_with("::main"));
    let Some(last) = last_of_app.or_else(|| start_of_interest(&frames[..bottom])) else {
        return bottom;
    };
    let mut end = (last + 1..bottom)
        .find(|at| is_runtime(frames[*at]))
        .unwrap_or(bottom);
    // What stands between the runtime and what it runs.
    while end > last + 1 && app::is_std(frames[end - 1]) {
        end -= 1;
    }
    end
}

fn function(frame: &Frame) -> &str {
    frame.function.as_deref().unwrap_or_default()
}

/// What runs between a panic and the hook. `catch_unwind` is in `std::panicking` as well, and lies below.
fn is_panic_machinery(frame: &Frame) -> bool {
    let name = function(frame);
    if let Some(inner) = name.strip_prefix("std::panicking::") {
        return !["catch_unwind", "try", "r#try", "do_call", "do_catch"]
            .iter()
            .any(|catching| inner.starts_with(catching));
    }
    name.starts_with("core::panicking::")
        || name.ends_with("rust_begin_unwind")
        || name.ends_with("__rust_end_short_backtrace")
        || matches!(
            name,
            "std::panic::panic_any"
                | "core::option::unwrap_failed"
                | "core::option::expect_failed"
                | "core::result::unwrap_failed"
        )
}

/// Debug information of lines only has no paths in the names.
fn is_thread_start(frame: &Frame) -> bool {
    let name = function(frame);
    name.ends_with("__rust_begin_short_backtrace")
        || name.starts_with("std::rt::lang_start")
        || (name == "lang_start" && app::is_std(frame))
}

/// The executor, or this crate's own future in it.
fn is_runtime(frame: &Frame) -> bool {
    let in_file = |file: &str| file.split(['/', '\\']).any(|part| part == "runtime");
    app::is_own(frame)
        || app::is_of(frame, "tokio")
            && (function(frame).contains("tokio::runtime::")
                || frame.file.as_deref().is_some_and(in_file))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of which those in `shop` are the app's.
    fn stack(names: &[&str]) -> Vec<Frame> {
        names
            .iter()
            .map(|name| {
                let mut frame = Frame {
                    function: Some((*name).to_owned()),
                    ..Frame::default()
                };
                frame.in_app = app::is_in_app(&frame);
                frame
            })
            .collect()
    }

    #[track_caller]
    fn assert_kept(names: &[&str], left: &[&str]) {
        let frames = stack(names);
        let range = kept(&frames.iter().collect::<Vec<_>>());
        assert_eq!(&names[range], left);
    }

    #[test]
    fn without_paths_in_the_names_the_files_tell() {
        let cargo = |krate: &str, name: &'static str| {
            let folder = "/cargo/registry/src/index-1949cf8c6b5b557f";
            (format!("{folder}/{krate}"), name)
        };
        let rustc = |name: &'static str| ("/rustc/59807616/library/core/src/a.rs".to_owned(), name);
        let shop = |name: &'static str| ("/srv/shop/src/a.rs".to_owned(), name);
        let frames: Vec<_> = [
            cargo("backtrace-0.3.77/src/lib.rs", "trace"),
            cargo("tower-monitor-0.1.0/src/stack/raw.rs", "take"),
            rustc("from_residual"),
            shop("buy"),
            cargo("axum-0.8.9/src/lib.rs", "call"),
            rustc("poll"),
            cargo("tower-monitor-0.1.0/src/middleware/future.rs", "poll"),
            cargo("axum-0.8.9/src/lib.rs", "poll"),
            cargo("tokio-1.54.1/src/runtime/task/core.rs", "poll"),
        ]
        .into_iter()
        .map(|(file, name)| {
            let mut frame = Frame {
                file: Some(file),
                function: Some(name.to_owned()),
                ..Frame::default()
            };
            frame.in_app = app::is_in_app(&frame);
            frame
        })
        .collect();
        assert_eq!(kept(&frames.iter().collect::<Vec<_>>()), 3..5);
        let without_own: Vec<_> = frames[..6].iter().chain(&frames[7..]).collect();
        assert_eq!(kept(&without_own), 3..7);
    }

    #[test]
    fn a_panic_begins_at_the_call_that_panicked() {
        assert_kept(
            &[
                "tower_monitor::stack::raw::RawStack::take",
                "tower_monitor::capture::hook::install",
                "<alloc::boxed::Box<F,A> as core::ops::function::Fn<Args>>::call",
                "shop::own_hook",
                "std::panicking::rust_panic_with_hook",
                "std::sys::backtrace::__rust_end_short_backtrace",
                "__rustc::rust_begin_unwind",
                "core::panicking::panic_fmt",
                "core::result::unwrap_failed",
                "core::result::Result<T,E>::unwrap",
                "shop::cart::add",
                "<F as axum::handler::Handler<M,S>>::call",
                "<tower_monitor::middleware::future::ResponseFuture<F> as core::future::future::Future>::poll",
                "hyper::proto::h1::dispatch::Dispatcher::poll",
                "tokio::runtime::task::harness::Harness::poll",
                "std::sys::backtrace::__rust_begin_short_backtrace",
                "clone3",
            ],
            &[
                "shop::cart::add",
                "<F as axum::handler::Handler<M,S>>::call",
            ],
        );
    }

    #[test]
    fn an_error_begins_at_the_code_that_converted_it() {
        assert_kept(
            &[
                "tower_monitor::stack::raw::RawStack::take",
                "<tower_monitor::ServerError as core::convert::From<E>>::from",
                "<core::result::Result<T,F> as core::ops::try_trait::FromResidual<core::result::Result<core::convert::Infallible,E>>>::from_residual",
                "shop::buy",
                "axum::routing::route::Route::call",
            ],
            &["shop::buy", "axum::routing::route::Route::call"],
        );
    }

    #[test]
    fn catching_a_panic_further_out_is_no_machinery() {
        assert_kept(
            &[
                "core::panicking::panic",
                "shop::inner",
                "std::panicking::catch_unwind::do_call",
                "std::panicking::try",
                "std::panic::catch_unwind",
                "shop::outer",
                "core::ops::function::FnOnce::call_once",
                "std::sys::backtrace::__rust_begin_short_backtrace",
            ],
            &[
                "shop::inner",
                "std::panicking::catch_unwind::do_call",
                "std::panicking::try",
                "std::panic::catch_unwind",
                "shop::outer",
            ],
        );
    }

    #[test]
    fn a_runtime_within_the_app_is_no_end_and_main_below_it_no_reason_to_go_on() {
        assert_kept(
            &[
                "core::panicking::panic",
                "shop::inner",
                "tokio::runtime::scheduler::multi_thread::worker::block_in_place",
                "shop::outer",
                "tokio::runtime::runtime::Runtime::block_on",
                "shop::main",
                "std::rt::lang_start",
                "main",
            ],
            &[
                "shop::inner",
                "tokio::runtime::scheduler::multi_thread::worker::block_in_place",
                "shop::outer",
            ],
        );
    }

    #[test]
    fn main_itself_is_kept_when_it_panics() {
        assert_kept(
            &[
                "core::panicking::panic",
                "shop::main",
                "tokio::runtime::runtime::Runtime::block_on",
                "shop::main",
                "core::ops::function::FnOnce::call_once",
                "std::rt::lang_start",
            ],
            &["shop::main"],
        );
    }

    #[test]
    fn something_is_left_of_a_stack_without_the_app() {
        assert_kept(
            &[
                "core::panicking::panic",
                "tokio::runtime::task::harness::Harness::poll",
                "tokio::runtime::scheduler::run",
            ],
            &["tokio::runtime::task::harness::Harness::poll"],
        );
        assert_kept(
            &[
                "core::panicking::panic",
                "std::thread::spawn_unchecked",
                "clone3",
            ],
            &["clone3"],
        );
        assert_kept(
            &["core::panicking::panic", "std::thread::spawn_unchecked"],
            &["std::thread::spawn_unchecked"],
        );
        assert_kept(
            &[
                "core::panicking::panic",
                "std::sys::backtrace::__rust_begin_short_backtrace",
                "clone3",
            ],
            &[
                "std::sys::backtrace::__rust_begin_short_backtrace",
                "clone3",
            ],
        );
        assert_kept(&["core::panicking::panic"], &[]);
        assert_kept(&[], &[]);
    }
}

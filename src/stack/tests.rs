//! A stack is taken in one place and told in another: real calls, real debug information.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Waker};

use super::raw::{End, MAX_FRAMES};
use super::*;

#[inline(never)]
fn outer() -> (RawStack, u32) {
    let (stack, line) = middle();
    (black_box(stack), line)
}

#[inline(always)]
fn middle() -> (RawStack, u32) {
    inner()
}

#[inline(never)]
fn inner() -> (RawStack, u32) {
    (black_box(RawStack::take()), line!())
}

fn find<'a>(stack: &'a Stack, function: &str) -> &'a Frame {
    stack
        .frames
        .iter()
        .find(|frame| frame.function.as_deref() == Some(function))
        .unwrap_or_else(|| panic!("no {function} in\n{stack}"))
}

#[test]
fn calls_are_told_with_function_module_file_line_and_source() {
    let (raw, line) = outer();
    let stack = Resolver::new().resolve(&raw);
    let first = &stack.frames[0];
    assert_eq!(
        first.function.as_deref(),
        Some("tower_monitor::stack::tests::inner")
    );
    assert_eq!(first.module.as_deref(), Some("tower_monitor::stack::tests"));
    assert!(first.file.as_deref().is_some_and(|f| same_file(f, file!())));
    assert!(
        same_file(file!(), first.file.as_deref().unwrap()),
        "shown from the workspace on"
    );
    assert_eq!(first.line, Some(line));
    assert!(first.column.is_some() && first.in_app && !first.inlined);
    let source = first.source.as_ref().unwrap();
    assert!(source.line.contains("RawStack::take()"), "{source:?}");
    assert!(stack.cut > 0 && stack.note.is_none(), "{stack}");
}

#[test]
fn inlined_calls_are_frames_of_their_own() {
    let stack = Resolver::new().resolve(&outer().0);
    let names: Vec<_> = stack
        .frames
        .iter()
        .filter_map(|frame| frame.function.as_deref())
        .collect();
    let own: Vec<_> = names
        .iter()
        .filter_map(|name| name.strip_prefix("tower_monitor::stack::tests::"))
        .collect();
    assert_eq!(&own[..3], ["inner", "middle", "outer"]);
    assert!(find(&stack, "tower_monitor::stack::tests::middle").inlined);
    assert!(!find(&stack, "tower_monitor::stack::tests::outer").inlined);
}

#[test]
fn an_async_function_is_told_by_its_own_name() {
    async fn handler() -> RawStack {
        std::future::ready(()).await;
        RawStack::take()
    }
    let mut future = pin!(handler());
    let std::task::Poll::Ready(raw) = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    else {
        panic!("it is ready at once");
    };
    let stack = Resolver::new().resolve(&raw);
    let name = "tower_monitor::stack::tests::an_async_function_is_told_by_its_own_name::handler";
    assert_eq!(stack.frames[0].function.as_deref(), Some(name));
}

#[test]
fn the_harness_and_the_thread_are_cut_off() {
    let stack = Resolver::new().resolve(&outer().0);
    let last = stack.frames.last().unwrap();
    assert!(
        !last.to_string().contains("__rust_begin_short_backtrace"),
        "{stack}"
    );
    assert!(
        stack.frames.iter().filter(|frame| frame.in_app).count() >= 3,
        "{stack}"
    );
}

/// Takes the stack when a panic makes its message of it, which is within the panic's machinery, as a hook is, and
/// disturbs no other test, as a hook would.
#[derive(Default)]
struct Taking(Cell<Option<RawStack>>);

impl fmt::Debug for Taking {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.set(Some(RawStack::take()));
        Ok(())
    }
}

fn stack_of_panic(panics: impl FnOnce(&Taking)) -> Stack {
    let taking = Taking::default();
    let caught = catch_unwind(AssertUnwindSafe(|| panics(&taking)));
    assert!(caught.is_err());
    Resolver::new().resolve(&taking.0.take().unwrap())
}

#[test]
fn a_panic_is_told_from_the_line_that_panicked() {
    #[inline(never)]
    fn panics(taking: &Taking) {
        panic!("{taking:?}");
    }
    #[inline(never)]
    fn unwraps(taking: &Taking) {
        black_box(Err::<(), _>(taking)).unwrap();
    }
    let name = "tower_monitor::stack::tests::a_panic_is_told_from_the_line_that_panicked";
    let stack = stack_of_panic(panics);
    assert_eq!(
        stack.frames[0].function,
        Some(format!("{name}::panics")),
        "{stack}"
    );
    let stack = stack_of_panic(unwraps);
    assert_eq!(
        stack.frames[0].function,
        Some(format!("{name}::unwraps")),
        "{stack}"
    );
    assert!(
        stack.frames[0]
            .source
            .as_ref()
            .unwrap()
            .line
            .contains(".unwrap()")
    );
}

#[test]
fn frames_beyond_the_boundary_are_not_taken() {
    #[inline(never)]
    fn layer() -> RawStack {
        let _boundary = boundary();
        handler()
    }
    #[inline(never)]
    fn handler() -> RawStack {
        black_box(RawStack::take())
    }
    #[inline(never)]
    fn server() -> (RawStack, RawStack) {
        (black_box(layer()), black_box(handler()))
    }
    let (within, after) = server();
    assert_eq!((within.end(), after.end()), (End::Boundary, End::Bottom));
    let name = "tower_monitor::stack::tests::frames_beyond_the_boundary_are_not_taken";
    let stack = Resolver::new().resolve(&within);
    find(&stack, &format!("{name}::handler"));
    assert!(!stack.to_string().contains("::server"), "{stack}");
    let stack = Resolver::new().resolve(&after);
    find(&stack, &format!("{name}::server"));
}

#[test]
fn the_former_boundary_holds_again_after_an_inner_one() {
    let outer = boundary();
    let before = inner().0;
    {
        let _inner = boundary();
        assert_eq!(inner().0.end(), End::Boundary);
    }
    assert_eq!(inner().0.end(), End::Boundary);
    assert_eq!(before.ips().len(), inner().0.ips().len());
    drop(outer);
    assert_eq!(inner().0.end(), End::Bottom);
}

#[test]
fn a_boundary_on_another_stack_is_ignored() {
    #[inline(never)]
    fn deeper(levels: u32) -> super::raw::Boundary {
        let room = black_box([0u8; 512]);
        if levels == 0 {
            boundary()
        } else {
            let guard = deeper(levels - 1);
            black_box(room);
            guard
        }
    }
    // Its marker lies below every frame that is now on the stack, as that of another stack might.
    let _stale = deeper(20);
    assert_eq!(RawStack::take().end(), End::Bottom);
}

#[test]
fn a_deep_stack_keeps_its_innermost_calls_and_says_so() {
    #[inline(never)]
    fn recurse(levels: usize) -> RawStack {
        if levels == 0 {
            RawStack::take()
        } else {
            black_box(recurse(levels - 1))
        }
    }
    let raw = recurse(2 * MAX_FRAMES);
    assert_eq!((raw.ips().len(), raw.end()), (MAX_FRAMES, End::Full));
    let stack = Resolver::new().resolve(&raw);
    assert!(stack.note.unwrap().contains("innermost 96"));
}

#[test]
fn equal_call_paths_have_equal_hashes() {
    let take = || (0..2).map(|_| outer().0).collect::<Vec<_>>();
    let same = take();
    assert_eq!(same[0], same[1]);
    assert_eq!(same[0].hash(), same[1].hash());
    let other = outer().0;
    assert_ne!(same[0], other);
    assert_ne!(same[0].hash(), other.hash());
    assert!(!other.is_empty());
}

#[test]
fn an_address_without_symbols_is_told_by_file_and_offset() {
    let mut resolver = Resolver::new();
    let stack = resolver.resolve(&RawStack::of(&[0x10]));
    assert_eq!(stack.frames[0].to_string(), "0x10");
    assert!(stack.note.unwrap().contains("no symbols"));
}

#[test]
fn paths_tell_whose_code_it_is() {
    for (path, app) in [
        ("src/main.rs", true),
        ("/build/shop/crates/registry/src/lib.rs", true),
        ("/usr/src/app/src/vendor/stripe.rs", true),
        ("/usr/src/app/vendor/src/main.rs", true),
        ("crates/git/checkouts/src/lib.rs", true),
        ("C:\\shop\\src\\main.rs", true),
        ("/rustc/59807616e1234/library/core/src/option.rs", false),
        ("/rust/deps/hashbrown-0.16.1/src/raw.rs", false),
        ("/rust/shop/src/main.rs", true),
        (
            "/home/me/.rustup/toolchains/stable/lib/rustlib/src/rust/library/std/src/rt.rs",
            false,
        ),
        ("/usr/src/rustc-1.85.0/library/std/src/rt.rs", false),
        (
            "/home/me/.cargo/registry/src/index-1949cf8c6b5b557f/axum-0.8.9/src/lib.rs",
            false,
        ),
        (
            "/usr/local/cargo/registry/src/github.com-1ecc6299db9ec823/mio-1.0.0/src/lib.rs",
            false,
        ),
        (
            "C:\\Users\\me\\.cargo\\registry\\src\\index-1949cf8c6b5b557f\\axum-0.8.9\\src\\lib.rs",
            false,
        ),
        (
            "/home/me/.cargo/git/checkouts/tower-0a1b2c3d4e5f6071/abc1234/tower/src/lib.rs",
            false,
        ),
        ("/usr/src/app/vendor/serde/src/lib.rs", false),
        ("vendor/serde-1.0.0/src/lib.rs", false),
    ] {
        assert_eq!(is_app_file(path), app, "{path}");
    }
}

#[test]
fn a_location_is_the_end_of_the_path_in_the_debug_information() {
    assert!(same_file("/build/shop/src/main.rs", "src/main.rs"));
    assert!(same_file("C:\\shop\\src\\main.rs", "src\\main.rs"));
    assert!(same_file("C:\\shop\\src/main.rs", "src\\main.rs"));
    assert!(same_file("/build/shop/./src/main.rs", "./src/main.rs"));
    assert!(!same_file("/build/shop/src/domain.rs", "main.rs"));
    assert!(!same_file("src/main.rs", "/build/shop/src/main.rs"));
    assert!(!same_file("/build/shop/src/main.rs", ""));
}

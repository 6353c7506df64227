//! Other people's structs: a look at them, not a tour.

use std::ops::Range;

use crate::locals::sample::read;
use crate::request::{RequestContext, RequestSettings};

struct State {
    count: u8,
    child: std::process::Command,
}

#[test]
fn small_ones_are_shown_anywhere() {
    let range: Range<u32> = 3..5;
    assert_eq!(
        read(&vec![Some(range)]).to_string(),
        "[Some(Range { start: 3, end: 5 })]"
    );
}

#[test]
fn large_ones_are_shown_one_level_deep() {
    let state = State {
        count: 1,
        child: std::process::Command::new("true"),
    };
    let shown = read(&state).to_string();
    assert!(
        shown.starts_with("State { count: 1, child: Command { "),
        "{shown}"
    );
    assert!(shown.contains("inner: <too deep>"), "{shown}");
    assert_eq!(
        state.child.get_program(),
        if state.count == 1 { "true" } else { "" }
    );
}

#[test]
fn what_stands_in_the_occurrence_is_not_repeated() {
    let request = http::Request::new(());
    let context = RequestContext::begin(&request, &RequestSettings::default()).0;
    assert_eq!(read(&context).to_string(), "RequestContext");
}

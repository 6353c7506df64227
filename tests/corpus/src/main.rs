//! A shop that fails in many ways: `corpus` runs every scenario, `corpus <scenario>…` those, and `corpus --together <times>` has
//! four threads run all of them at the same time, each so often. Each occurrence is printed as one line of JSON. What the variables hold when it fails is written beside them, see `tests/corpus_judge`.

#![allow(dead_code, reason = "nobody reads what is there to be shown")]

/// A room of the corpus as it is written or, where the build has changed it, from there.
macro_rules! rooms {
    ($changed:literal: $($room:ident),*) => {$(
        #[cfg(not(feature = $changed))]
        mod $room;
        #[cfg(feature = $changed)]
        mod $room {
            include!(concat!(env!("OUT_DIR"), "/", stringify!($room), ".rs"));
        }
    )*};
}

#[cfg(not(feature = "self-check"))]
rooms!("annotated": sync_cart, sync_report, sync_state, sync_stock, sync_text);
#[cfg(not(feature = "self-check"))]
rooms!("annotated": web_channels, web_flow, web_orders, web_tasks);
#[cfg(feature = "self-check")]
rooms!("self-check": sync_cart, sync_report, sync_state, sync_stock, sync_text);
#[cfg(feature = "self-check")]
rooms!("self-check": web_channels, web_flow, web_orders, web_tasks);
rooms!("self-check": errors);
mod run;
#[cfg(feature = "self-check")]
mod see;

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    if let [together, times] = &chosen[..]
        && together == "--together"
    {
        return run::together(times.parse().expect("how often"));
    }
    let chosen: Vec<_> = run::SCENARIOS
        .iter()
        .filter(|scenario| chosen.is_empty() || chosen.iter().any(|name| name == scenario.name))
        .collect();
    run::alone(&chosen);
}

/// Text that the compiler cannot know, as if somebody had sent it.
fn input(text: &str) -> String {
    std::hint::black_box(text).to_owned()
}

//! Whatever a client calls itself: something bounded is made of it, on one line.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (agent, hint) = text.split_once('\n').unwrap_or((text, ""));
    if let Some(shown) = tower_monitor::internals::user_agent(agent, hint) {
        assert!(shown.len() < 512, "{} bytes", shown.len());
        assert!(!shown.contains(char::is_control));
    }
});

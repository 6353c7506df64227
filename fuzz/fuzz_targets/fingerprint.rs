//! The normal form of any message: it ends, does not panic, is bounded, and depends on nothing but the message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_monitor::internals::normal_form;

fuzz_target!(|data: &[u8]| {
    let message = String::from_utf8_lossy(data);
    let form = normal_form(&message);
    assert!(form.len() <= 8 * message.len());
    assert_eq!(form, normal_form(&message));
    // A longer one is cut.
    if message.len() < 2_000 {
        assert_eq!(form, normal_form(&format!("  {message}")));
    }
});

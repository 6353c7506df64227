//! Whatever a text holds: redaction ends, is bounded, and finds nothing more in what it has made.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_monitor::internals::{redact, redact_body, redact_query, redact_url};

fuzz_target!(|text: &str| {
    for clean in [redact, redact_query, redact_url] {
        let once = clean(text);
        assert!(once.len() <= 4 * text.len());
        assert_eq!(clean(&once), once);
    }
    for kind in ["application/json", "multipart/form-data; boundary=a"] {
        let _ = redact_body(kind, text);
    }
});

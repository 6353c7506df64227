//! Less of an event, when all of it is too much: what helps least goes first, and what went is said.

use serde_json::{Value, json};

use super::bounds::{bytes, each, keep_last};

/// Takes pieces out of the event until it is short enough.
pub(super) fn fit(event: &mut Value) {
    let mut left_out = Vec::new();
    for (name, step) in STEPS {
        if bytes(event) <= MAX_EVENT {
            break;
        }
        step(event);
        left_out.push(*name);
    }
    if !left_out.is_empty() {
        event["contexts"]["left_out"] = json!({ "too_large": left_out });
    }
}

/// What matters most.
pub(super) fn small(event: &mut Value) {
    for (_, step) in STEPS {
        step(event);
    }
    event["contexts"]["left_out"] = json!({ "refused": "the server did not take the whole event" });
}

type Step = fn(&mut Value);

const STEPS: &[(&str, Step)] = &[
    ("variables of libraries", |event| {
        frames(event, |frame, _| {
            if frame["in_app"] == false {
                drop_fields(frame, &["vars"]);
            }
        });
    }),
    ("variables of all but the last ten calls", |event| {
        frames(event, |frame, back| {
            if back >= NEAR {
                drop_fields(frame, &["vars"]);
            }
        });
    }),
    ("source of all but the last ten calls", |event| {
        frames(event, |frame, back| {
            if back >= NEAR {
                drop_fields(frame, SOURCE);
            }
        });
    }),
    ("all but the last ten breadcrumbs", |event| {
        keep_last(event, "/breadcrumbs/values", NEAR);
    }),
    ("extra", |event| drop_fields(event, &["extra", "modules"])),
    ("variables and source", |event| {
        frames(event, |frame, _| {
            drop_fields(frame, &["vars"]);
            drop_fields(frame, SOURCE);
        });
    }),
    ("the request's body and headers", |event| {
        each(event, &["request"], &mut |request| {
            drop_fields(request, &["data", "headers", "query_string"]);
        });
    }),
    ("what the breadcrumbs carried", |event| {
        each(event, &["breadcrumbs", "values", "*"], &mut |step| {
            drop_fields(step, &["data"])
        });
    }),
    ("contexts", |event| {
        if let Some(Value::Object(contexts)) = event.get_mut("contexts") {
            contexts.retain(|name, _| KEPT_CONTEXTS.contains(&name.as_str()));
        }
    }),
    ("the ends of long texts", |event| {
        each(event, &["exception", "values", "*", "value"], &mut shorter);
        each(event, &["logentry", "formatted"], &mut shorter);
        each(
            event,
            &["breadcrumbs", "values", "*", "message"],
            &mut shorter,
        );
    }),
    ("all but the last ten calls", |event| {
        for root in ["exception", "threads"] {
            each(event, &[root, "values", "*", "stacktrace"], &mut |stack| {
                keep_last(stack, "/frames", NEAR);
            });
        }
    }),
];

/// Every frame with how many calls before the last it is.
fn frames(event: &mut Value, change: impl Fn(&mut Value, usize)) {
    for root in ["exception", "threads"] {
        each(
            event,
            &[root, "values", "*", "stacktrace", "frames"],
            &mut |frames| {
                let frames = frames.as_array_mut().into_iter().flatten();
                for (back, frame) in frames.rev().enumerate() {
                    change(frame, back);
                }
            },
        );
    }
}

fn drop_fields(value: &mut Value, names: &[&str]) {
    if let Value::Object(fields) = value {
        fields.retain(|name, _| !names.contains(&name.as_str()));
    }
}

fn shorter(value: &mut Value) {
    if let Value::String(text) = value {
        *text = crate::text::shortened(text, 1_000);
    }
}

/// Sentry takes 1 MB, Bugsink 1 MiB.
pub(super) const MAX_EVENT: usize = 1_000_000;
const NEAR: usize = 10;
const SOURCE: &[&str] = &["pre_context", "context_line", "post_context"];
const KEPT_CONTEXTS: &[&str] = &["os", "runtime", "app", "trace", "issue"];

//! Each notifier against a server on loopback: what it sends, judged by others than its author, and what it makes of the answers.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod discord;
mod email;
mod log;
mod misplaced;
mod otlp;
mod pagerduty;
mod rollbar;
mod sentry;
mod slack;
mod sms;
mod teams;
mod telegram;
mod wording;

//! How an alert reaches a person.
//!
//! | Notifier | Carries an alert to | Feature |
//! |---|---|---|
//! | [`Slack`](slack) | a channel in Slack, or what is compatible with it | `slack` |
//! | [`Email`](email) | mailboxes, through an SMTP server | `email` |
//! | [`Sms`](sms) | phones, as text messages through Twilio | `sms` |
//! | [`PagerDuty`](pagerduty) | whoever is on call, as an incident that ends when the problem does | `pagerduty` |
//! | [`Discord`](discord) | a Discord channel | `discord` |
//! | [`Teams`](teams) | a channel of Microsoft Teams | `teams` |
//! | [`Telegram`](telegram) | a Telegram chat | `telegram` |
//! | [`Webhook`](webhook) | any HTTP endpoint, as signed JSON | `webhook` |
//! | [`Rollbar`](rollbar) | [Rollbar](https://rollbar.com), every occurrence | `rollbar` |
//! | [`Sentry`](sentry) | Sentry, Bugsink, GlitchTip: every occurrence, with stack and locals | `sentry` |
//! | [`Otlp`](otlp) | OpenTelemetry's collectors and services, every occurrence | `otlp` |
//! | [`Log`] | the app's `tracing` log | |
//! | [`Capture`] | a list in memory, for tests | |
//!
//! [`from_env`] sets up all those that the environment configures. Your own is one trait with two methods:
//!
//! ```
//! use tower_monitor::{Alert, Monitor, Notifier, NotifyError};
//!
//! struct Terminal;
//!
//! impl Notifier for Terminal {
//!     fn name(&self) -> &str {
//!         "terminal"
//!     }
//!
//!     async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
//!         eprintln!("{} ({})", alert.issue.title, alert.reason);
//!         Ok(())
//!     }
//! }
//!
//! let monitor = Monitor::builder().notifier(Terminal).build()?;
//! # Ok::<_, tower_monitor::BuildError>(())
//! ```
//!
//! Each notifier has a thread, an outbox in the [store](crate::store), a time limit and a [`Budget`] of its own. One that hangs,
//! panics or fails holds up neither a request nor another notifier. What it is told of is said by a [`Channel`]:
//!
//! ```
//! use tower_monitor::{Monitor, Notifier, Severity, notify::{Capture, Log}};
//!
//! let monitor = Monitor::builder()
//!     .notifier(Log::new())
//!     .notifier(Capture::new().when(Severity::Critical))
//!     .build()?;
//! # Ok::<_, tower_monitor::BuildError>(())
//! ```

mod budget;
mod capture;
mod channel;
#[cfg(feature = "discord")]
pub mod discord;
#[cfg(feature = "email")]
pub mod email;
mod env;
mod error;
#[cfg(feature = "http-client")]
mod http;
mod log;
mod message;
#[cfg(feature = "otlp")]
pub mod otlp;
#[cfg(feature = "pagerduty")]
pub mod pagerduty;
#[cfg(any(feature = "email", feature = "http-client"))]
mod recent;
#[cfg(feature = "rollbar")]
pub mod rollbar;
#[cfg(feature = "sentry")]
pub mod sentry;
#[cfg(any(feature = "email", feature = "http-client"))]
mod settings;
#[cfg(any(feature = "email", feature = "http-client"))]
mod shrink;
#[cfg(feature = "slack")]
pub mod slack;
#[cfg(feature = "sms")]
pub mod sms;
mod takes;
#[cfg(feature = "teams")]
pub mod teams;
#[cfg(feature = "telegram")]
pub mod telegram;
#[cfg(feature = "webhook")]
pub mod webhook;

use std::future::Future;
use std::pin::Pin;

pub use budget::Budget;
pub use capture::Capture;
pub use channel::Channel;
#[cfg(feature = "discord")]
pub use discord::Discord;
#[cfg(feature = "email")]
pub use email::Email;
pub use env::from_env;
pub use error::NotifyError;
pub use log::Log;
pub use message::{Field, Link, Message, Section, Tone};
#[cfg(feature = "otlp")]
pub use otlp::Otlp;
#[cfg(feature = "pagerduty")]
pub use pagerduty::PagerDuty;
#[cfg(feature = "rollbar")]
pub use rollbar::Rollbar;
#[cfg(feature = "sentry")]
pub use sentry::Sentry;
#[cfg(feature = "slack")]
pub use slack::Slack;
#[cfg(feature = "sms")]
pub use sms::Sms;
pub use takes::Takes;
#[cfg(feature = "teams")]
pub use teams::Teams;
#[cfg(feature = "telegram")]
pub use telegram::Telegram;
#[cfg(feature = "webhook")]
pub use webhook::Webhook;

pub(crate) use log::tell_locally;

use crate::issue::{Alert, Severity};

/// Carries alerts to people.
///
/// An alert is offered again when the error [is temporary](NotifyError::temporary), each time with the same
/// [`Alert::id`]; and when the process was killed before it could note that the alert had arrived. Nothing else in this
/// process calls the notifier at the same time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot carry alerts",
    note = "implement `name` and `async fn notify(&self, alert: &Alert) -> Result<(), NotifyError>`; see `examples/custom_notifier.rs`"
)]
pub trait Notifier: Send + Sync + 'static {
    /// What it is called in logs and errors: short, in lower case, without anything secret.
    fn name(&self) -> &str;

    /// Whether it can work with the settings it was given. Called once by [`build()`](crate::Builder::build), which
    /// passes the error on. It may read files and the environment, but sends nothing. The default finds no fault.
    ///
    /// # Errors
    ///
    /// When it cannot. The text names what is wrong, without anything secret, and what a right setting looks like.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Delivers one alert. Write it as `async fn notify(&self, alert: &Alert) -> Result<(), NotifyError>`.
    ///
    /// # Errors
    ///
    /// When the alert has not arrived. The error says whether another try makes sense.
    fn notify(&self, alert: &Alert) -> impl Future<Output = Result<(), NotifyError>> + Send;

    /// How many messages it may send, unless its [`Channel`] says otherwise. What waits when the budget is spent becomes one
    /// message. Default: [`Budget::DEFAULT`].
    fn budget(&self) -> Budget {
        Budget::DEFAULT
    }

    /// What it is told of. Default: [`Takes::Alerts`].
    fn takes(&self) -> Takes {
        Takes::Alerts
    }

    /// The notifier, told only what is at least so bad: short for [`Channel::at_least`].
    fn when(self, severity: Severity) -> Channel
    where
        Self: Sized,
    {
        Channel::new(self).at_least(severity)
    }
}

/// [`Notifier`] as an object: the box that `async fn` in a trait cannot have.
pub(crate) trait DynNotifier: Send + Sync {
    fn name(&self) -> &str;
    fn check(&self) -> Result<(), String>;
    fn budget(&self) -> Budget;
    fn takes(&self) -> Takes;
    fn notify<'a>(&'a self, alert: &'a Alert) -> BoxedDelivery<'a>;
}

pub(crate) type BoxedDelivery<'a> =
    Pin<Box<dyn Future<Output = Result<(), NotifyError>> + Send + 'a>>;

impl<N: Notifier> DynNotifier for N {
    fn name(&self) -> &str {
        Notifier::name(self)
    }

    fn check(&self) -> Result<(), String> {
        Notifier::check(self)
    }

    fn budget(&self) -> Budget {
        Notifier::budget(self)
    }

    fn takes(&self) -> Takes {
        Notifier::takes(self)
    }

    fn notify<'a>(&'a self, alert: &'a Alert) -> BoxedDelivery<'a> {
        Box::pin(Notifier::notify(self, alert))
    }
}

//! How an alert reaches a person.
//!
//! | Notifier | Carries an alert to | Feature |
//! |---|---|---|
//! | [`Log`] | the app's `tracing` log | |
//! | [`Webhook`](webhook) | any HTTP endpoint, as signed JSON | `webhook` |
//! | [`Capture`] | a list in memory, for tests | |
//!
//! Your own is one trait with two methods:
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
mod details;
mod error;
#[cfg(feature = "webhook")]
mod http;
mod log;
mod message;
#[cfg(feature = "webhook")]
pub mod webhook;

use std::future::Future;
use std::pin::Pin;

pub use budget::Budget;
pub use capture::Capture;
pub use channel::Channel;
pub use error::NotifyError;
pub use log::Log;
pub use message::Message;
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

    fn notify<'a>(&'a self, alert: &'a Alert) -> BoxedDelivery<'a> {
        Box::pin(Notifier::notify(self, alert))
    }
}

//! Alerts as mail, through the SMTP server of your provider or your own.
//!
//! ```
//! use tower_monitor::{Monitor, notify::Email};
//!
//! let monitor = Monitor::builder()
//!     .notifier(
//!         Email::relay("smtp.example.com")
//!             .credentials("alerts@example.com", "k3y-0f-th3-s3rv3r")
//!             .from("Shop monitor <alerts@example.com>")
//!             .to("ops@example.com, Uma Berg <uma@example.org>"),
//!     )
//!     .build()?;
//! # Ok::<_, tower_monitor::BuildError>(())
//! ```
//!
//! # The server
//!
//! Mail providers name host, port, user and password under "SMTP" or "outgoing mail server"; many want a password made for the app
//! in place of your own. The sender must be an address that this account may use.
//!
//! | Constructor | Encryption | Port |
//! |---|---|---|
//! | [`Email::relay`] | TLS from the first byte (RFC 8314) | 465 |
//! | [`Email::starttls`] | `STARTTLS`, without which nothing is sent | 587 |
//! | [`Email::plaintext`] | none, and so no password | 25 |
//!
//! The system's root certificates are trusted or, where there are none, Mozilla's; or [those in a file](Email::ca_certificate).
//! Passwords go by `AUTH PLAIN` or `AUTH LOGIN`.
//!
//! # The mail
//!
//! `multipart/alternative`: plain text, and HTML without images, scripts and anything remote, for light and for dark, narrow and
//! wide. The subject is [the same for every mail of an issue](crate::notify::Message::subject), at most 150 bytes of it. A whole mail has at most [`MAX_BYTES`]: what
//! [helps least](crate::notify::Message::shorten) goes first.
//!
//! In the HTML, the links of this crate are the one to the issue's page and the one that opens a letter. Mail programs make links of
//! other URLs by themselves, above all in plain text, also of those that a client has sent: look at where one leads.
//!
//! When the user who was hit has a mail address, a link opens a letter to them that says sorry, with the time and the reference, for
//! you to finish.
//!
//! | Header | Value |
//! |---|---|
//! | `Message-ID` | the alert's id: the same for every try, so that a mail that came twice can be told |
//! | `In-Reply-To`, `References` | the issue's fingerprint: mail programs show the mails of an issue as one thread |
//! | `Date` | when the alert was decided |
//! | `X-Priority`, `Importance` | high for what is critical, low for what is over, mild or a test |
//! | `Auto-Submitted`, `X-Auto-Response-Suppress` | `auto-generated`, `All`: no holiday notes in return |
//! | `X-Tower-Monitor-Issue`, `X-Tower-Monitor-Severity` | for your filters |
//!
//! # The answers
//!
//! All recipients get the mail in one transaction. One that is refused keeps it from no other: that it was is said in the local log.
//! One that is to be tried later is tried later, without the others: five times in all since somebody got the mail, then the local
//! log says which place in the list of recipients was not reached.
//!
//! | The server says | Means |
//! |---|---|
//! | 4xx anywhere, `552` to a recipient, no answer, no trust in its certificate | another try |
//! | 5xx to the greeting, to `STARTTLS`, to the password, to the sender, to every recipient; no `STARTTLS`, no `AUTH` | the destination is gone |
//! | 530 anywhere | the destination is gone, or this recipient is refused; the login is missing |
//! | 5xx to the mail | it is sent once more with less in it, at last as a line of plain text |
//!
//! Connection, TLS and login may take [`CONNECT_LIMIT`] together. The whole has the [time limit](crate::notify::Channel::time_limit)
//! of the channel, 10 s unless it says otherwise: for a server that is slow on purpose, give it more.
//!
//! # The environment
//!
//! What [`Email::from_env`] reads:
//!
//! | Variable | Is |
//! |---|---|
//! | `SMTP_URL` | the server. Without it there is no notifier |
//! | `ALERT_EMAIL_FROM` | the [sender](Email::from) |
//! | `ALERT_EMAIL_TO` | the [recipients](Email::to), separated by commas |
//!
//! | `SMTP_URL` | Is |
//! |---|---|
//! | `smtps://user:password@smtp.example.com` | [`Email::relay`] |
//! | `smtp://user:password@smtp.example.com` | [`Email::starttls`]; so it is with `?tls=required` behind it |
//! | `smtp://localhost?tls=none` | [`Email::plaintext`] |
//!
//! With a port behind the host where it is another. In user and password everything but letters, digits and `-._~` is written as
//! `%` and two hexadecimal digits, `@` as `%40`.

mod draft;
mod html;
mod mail;
mod plain;
mod session;
mod settings;
#[cfg(test)]
mod tests;
mod url;

use std::fmt;
use std::path::PathBuf;

use lettre::Address;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;
use uuid::Uuid;

pub use mail::MAX_BYTES;
pub use session::CONNECT_LIMIT;

use super::recent::Recent;
use super::settings::{Checked, filled, variable};
use super::shrink::Shrink;
use super::{Budget, Notifier, NotifyError};
use crate::guard::contained;
use crate::issue::Alert;
use crate::redact::Secret;
use session::{Outcome, Refused, WANTS_LOGIN};
use settings::{Ready, Security, Settings};

/// Sends alerts as mail. [The module](self) describes mail, settings and answers.
///
/// Its settings are checked by [`build()`](crate::Builder::build).
#[must_use]
pub struct Email {
    settings: Checked<Settings, Ready>,
    shrink: Shrink,
    progress: Recent<Progress>,
}

/// What has become of an alert that somebody still waits for.
#[derive(Clone, Default)]
struct Progress {
    /// Who has it, or was refused.
    done: Vec<Address>,
    refused: Vec<Refused>,
    is_sent: bool,
    /// How often the others have been tried since somebody got it last.
    tries: u32,
}

impl Email {
    /// Through the server `host` with TLS from the first byte, on port 465.
    pub fn relay(host: impl Into<String>) -> Self {
        Self::with(Settings::new(host.into(), Security::Tls))
    }

    /// Through the server `host` with `STARTTLS`, on port 587. Where the server does not offer it, nothing is sent.
    pub fn starttls(host: impl Into<String>) -> Self {
        Self::with(Settings::new(host.into(), Security::StartTls))
    }

    /// Through the server `host` without encryption, on port 25: for one on the same machine or in a network of your own. Whoever
    /// sits between can read and change the mails.
    pub fn plaintext(host: impl Into<String>) -> Self {
        Self::with(Settings::new(host.into(), Security::None))
    }

    /// As [the environment](self#the-environment) says; `None` where `SMTP_URL` is not there or empty. What is wrong in it is found
    /// by [`build()`](crate::Builder::build).
    #[must_use]
    pub fn from_env() -> Option<Self> {
        Self::read(variable)
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let variable = |name| filled(&variable(name)?);
        let mut settings = url::read(&variable("SMTP_URL")?);
        settings.from = variable("ALERT_EMAIL_FROM");
        settings.to.extend(variable("ALERT_EMAIL_TO"));
        Some(Self::with(settings))
    }

    fn with(settings: Settings) -> Self {
        Self {
            settings: Checked::new(settings, Settings::prepare),
            shrink: Shrink::default(),
            progress: Recent::default(),
        }
    }

    /// What it is called in logs and errors: 1 to 64 visible characters on one line.
    ///
    /// Default: [`DEFAULT_NAME`].
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// The server's port, not 0. Default: what the constructor says.
    pub fn port(mut self, port: u16) -> Self {
        self.settings.port = port;
        self
    }

    /// Logs in with user and password. Both are treated as secrets, and neither is sent without encryption: with
    /// [`plaintext`](Self::plaintext) it is an error.
    ///
    /// Default: no login.
    pub fn credentials(mut self, user: impl Into<Secret>, password: impl Into<Secret>) -> Self {
        self.settings.credentials = Some((user.into(), password.into()));
        self
    }

    /// Who sends: one address, as `alerts@example.com` or `Shop monitor <alerts@example.com>`. It must be set. What cannot be
    /// delivered comes back there.
    pub fn from(mut self, mailbox: impl Into<String>) -> Self {
        self.settings.from = Some(mailbox.into());
        self
    }

    /// Who gets the mail: one address, as `ops@example.com` or `Uma Berg <uma@example.org>`, or several, separated by commas;
    /// called again, these as well. At least one must be set, at most 100 can be. All of them see each other.
    pub fn to(mut self, mailboxes: impl Into<String>) -> Self {
        self.settings.to.push(mailboxes.into());
        self
    }

    /// Where an answer to the mail goes, as `ops@example.com`. Default: to the [sender](Self::from).
    pub fn reply_to(mut self, mailbox: impl Into<String>) -> Self {
        self.settings.reply_to = Some(mailbox.into());
        self
    }

    /// Trusts the certificates in this PEM file, and no others: for a server whose certificate is signed by an authority of your
    /// own. It is read by [`build()`](crate::Builder::build).
    ///
    /// Default: the system's root certificates or, where there are none, Mozilla's.
    pub fn ca_certificate(mut self, file: impl Into<PathBuf>) -> Self {
        self.settings.ca = Some(file.into());
        self
    }

    /// Sends `mail` to those that do not have it.
    async fn send(&self, ready: &Ready, id: Uuid, mail: Vec<u8>) -> Result<(), NotifyError> {
        let done = self.progress.of(id).done;
        let to: Vec<_> = ready.recipients().filter(|to| !done.contains(to)).collect();
        // With lettre's feature `tracing`, which is the app's to turn on, password and mail would be in the app's log.
        let sending = ready.server.send(&ready.from.email, &to, &mail);
        let Outcome {
            is_sent,
            refused,
            later,
        } = sending.with_subscriber(Dispatch::none()).await?;
        let waits = |to: &Address| later.iter().any(|it| it.address == *to);
        self.progress.note(id, |progress| {
            progress.is_sent |= is_sent;
            progress.tries = match is_sent {
                true => 1,
                false => progress.tries + u32::from(progress.is_sent),
            };
            progress
                .done
                .extend(to.iter().filter(|to| !waits(to)).cloned());
            progress.refused.extend(refused.iter().cloned());
        });
        let progress = self.progress.of(id);
        let is_over = later.is_empty() || progress.tries >= MAX_TRIES;
        if is_over {
            self.progress.forget(id);
        }
        if is_over && !progress.is_sent {
            return Err(nobody(&ready.server.place(), &progress.refused));
        }
        for refused in &refused {
            self.tell_of(refused);
        }
        if is_over {
            let places = ready.recipients().zip(1..);
            places
                .filter(|(to, _)| waits(to))
                .for_each(|(_, place)| self.tell_of_nobody(place));
            return Ok(());
        }
        let first = later.first();
        Err(NotifyError::temporary(format!(
            "{}: {} of the recipients have to wait, such as {}: {}",
            ready.server.place(),
            later.len(),
            first.map_or("", |it| it.address.as_ref()),
            first.map_or("", |it| &it.answer)
        )))
    }

    fn tell_of(&self, refused: &Refused) {
        let notifier = Notifier::name(self);
        let Refused {
            address,
            answer,
            wants_login,
        } = refused;
        let remedy = match wants_login {
            true => WANTS_LOGIN,
            false => "mend or take out the address in `to`",
        };
        let _ = contained(|| {
            tracing::warn!(
                target: "tower_monitor", notifier, %address, answer,
                "the mail server refused a recipient of an alert, which keeps it from nobody else; {remedy}"
            );
        });
    }

    fn tell_of_nobody(&self, recipient: usize) {
        let notifier = Notifier::name(self);
        let _ = contained(|| {
            tracing::warn!(
                target: "tower_monitor", notifier, recipient,
                "the mail server has put this recipient off {MAX_TRIES} times, an alert goes on without them; others have it"
            );
        });
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        let is_right = settings.ready().is_ok();
        f.debug_struct("Email")
            .field("name", &settings.name)
            .field("host", &is_right.then_some(&settings.host))
            .field("port", &settings.port)
            .field("security", &settings.security)
            .field("credentials", &settings.credentials)
            .field("from", &is_right.then_some(&settings.from))
            .field("to", &is_right.then_some(&settings.to))
            .field("reply_to", &is_right.then_some(&settings.reply_to))
            .field("ca_certificate", &is_right.then_some(&settings.ca))
            .finish_non_exhaustive()
    }
}

impl Notifier for Email {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn check(&self) -> Result<(), String> {
        self.settings.check()
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        let ready = self.settings.ready().map_err(NotifyError::refused)?;
        let name = Notifier::name(self);
        self.shrink
            .send(name, alert.id, |size| async move {
                let mail = mail::of(ready, alert, size)?;
                self.send(ready, alert.id, mail).await
            })
            .await
    }

    fn budget(&self) -> Budget {
        Budget::EMAIL
    }
}

fn nobody(place: &str, refused: &[Refused]) -> NotifyError {
    let remedy = match refused.iter().any(|it| it.wants_login) {
        true => WANTS_LOGIN,
        false => "mend `to`",
    };
    let answers = refused
        .iter()
        .map(|it| format!("{}: {}", it.address, it.answer));
    let answers = answers.collect::<Vec<_>>().join("; ");
    NotifyError::destination_gone(format!(
        "{place}: every recipient is refused; {remedy}: {answers}"
    ))
}

/// What the notifier is called when it is not given a name.
pub const DEFAULT_NAME: &str = "email";

/// How often those are tried who have to wait for an alert that others have: 5 times.
const MAX_TRIES: u32 = 5;

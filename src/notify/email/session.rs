//! One conversation with the mail server, and what its answers mean.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Tls};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use rustls::CertificateError;
use tokio::time::timeout;

use crate::notify::NotifyError;
use crate::redact::REDACTED;
use crate::text::shortened;

/// How long it may take until a mail can be sent: name lookup, connection, TLS, greetings and login together.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(8);

/// Where mails go, and how one gets in.
pub(super) struct Server {
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<Credentials>,
    /// User and password in every form in which a server could repeat them, the longest first.
    secrets: Vec<String>,
}

/// A recipient that the server did not take, and what it said.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) address: Address,
    pub(super) answer: String,
    /// It would be taken from somebody who has logged in.
    pub(super) wants_login: bool,
}

/// What became of a mail.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// To everyone who is not below.
    pub(super) is_sent: bool,
    /// Never.
    pub(super) refused: Vec<Refused>,
    /// Not now.
    pub(super) later: Vec<Refused>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Connect,
    StartTls,
    Login,
    Sender,
    Recipient,
    Content,
}

impl Server {
    pub(super) fn new(
        host: &str,
        port: u16,
        tls: Tls,
        login: Option<(Credentials, [&str; 2])>,
    ) -> Self {
        let (credentials, secrets) = match login {
            Some((credentials, [user, password])) => (Some(credentials), forms(user, password)),
            None => (None, Vec::new()),
        };
        Self {
            host: host.to_owned(),
            port,
            tls,
            credentials,
            secrets,
        }
    }

    /// One transaction for all of `to`. Where it refuses all of them, nothing is sent.
    ///
    /// # Errors
    ///
    /// When it is not for the recipients that nothing was sent.
    pub(super) async fn send(
        &self,
        from: &Address,
        to: &[Address],
        mail: &[u8],
    ) -> Result<Outcome, NotifyError> {
        let connected = timeout(CONNECT_LIMIT, self.connect()).await;
        let mut connection = connected.map_err(|_| {
            let seconds = CONNECT_LIMIT.as_secs();
            self.temporary(&format!("no connection and login within {seconds} s"))
        })??;
        let sent = self.transaction(&mut connection, from, to, mail).await;
        // The mail is out or is not; what the server says to the farewell changes nothing, so that nobody waits for it.
        let _ = timeout(Duration::ZERO, connection.abort()).await;
        sent
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, NotifyError> {
        let hello = hello();
        let wrapper = match &self.tls {
            Tls::Wrapper(tls) => Some(tls.clone()),
            _ => None,
        };
        let place = (self.host.as_str(), self.port);
        let limit = Some(CONNECT_LIMIT);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(place, limit, &hello, wrapper, None)
                .await
                .map_err(|error| self.judged(Step::Connect, &error))?;
        if let Tls::Required(tls) = &self.tls {
            connection
                .starttls(tls.clone(), &hello)
                .await
                .map_err(|error| self.judged(Step::StartTls, &error))?;
        }
        if let Some(credentials) = &self.credentials {
            connection
                .auth(DEFAULT_MECHANISMS, credentials)
                .await
                .map_err(|error| self.judged(Step::Login, &error))?;
        }
        Ok(connection)
    }

    async fn transaction(
        &self,
        connection: &mut AsyncSmtpConnection,
        from: &Address,
        to: &[Address],
        mail: &[u8],
    ) -> Result<Outcome, NotifyError> {
        connection
            .command(Mail::new(Some(from.clone()), Vec::new()))
            .await
            .map_err(|error| self.judged(Step::Sender, &error))?;
        let mut outcome = Outcome::default();
        for address in to {
            let command = Rcpt::new(address.clone(), Vec::new());
            let Err(error) = connection.command(command).await else {
                continue;
            };
            let status = error.status().map(u16::from);
            let list = match status {
                // RFC 5321, 4.5.3.1.10: some say 552 where they mean "too many at once".
                Some(552) => &mut outcome.later,
                Some(500..) => &mut outcome.refused,
                Some(code) if code != 421 => &mut outcome.later,
                _ => return Err(self.judged(Step::Recipient, &error)),
            };
            list.push(Refused {
                address: address.clone(),
                answer: self.said(&error),
                wants_login: status == Some(530),
            });
        }
        if outcome.refused.len() + outcome.later.len() == to.len() {
            return Ok(outcome);
        }
        connection
            .command(Data)
            .await
            .map_err(|error| self.judged(Step::Content, &error))?;
        connection
            .message(mail)
            .await
            .map_err(|error| self.judged(Step::Content, &error))?;
        outcome.is_sent = true;
        Ok(outcome)
    }

    /// What a failure at this step means.
    fn judged(&self, step: Step, error: &Error) -> NotifyError {
        let said = self.said(error);
        let place = self.place();
        let gone = |what: &str| NotifyError::destination_gone(format!("{place}: {what}: {said}"));
        if error.is_client() {
            return match step {
                Step::StartTls => gone(
                    "the server offers no STARTTLS, so that nothing is sent; use `Email::relay` if it has TLS on port 465",
                ),
                _ => gone(
                    "the server has no login by AUTH PLAIN or AUTH LOGIN; leave `credentials` out, or ask for it",
                ),
            };
        }
        match (step, error.status().map(u16::from)) {
            (Step::Content, Some(500..)) => {
                NotifyError::payload_refused(format!("{place}: {said}"))
            }
            (_, Some(530)) => gone(WANTS_LOGIN),
            (Step::Login, Some(500..)) => gone("user or password is wrong; mend `credentials`"),
            (Step::Sender, Some(500..)) => gone("the sender is refused; mend `from`"),
            (_, Some(500..)) => gone("the server takes nothing from here"),
            (_, Some(_)) => self.temporary(&said),
            (_, None) => match trust(error) {
                Some(remedy) => self.temporary(&format!("{remedy}: {said}")),
                None => self.temporary(&said),
            },
        }
    }

    fn temporary(&self, what: &str) -> NotifyError {
        NotifyError::temporary(format!("{}: {what}", self.place()))
    }

    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// What the server answered or what broke, with user and password struck out.
    fn said(&self, error: &Error) -> String {
        let text = match (error.status(), error.source()) {
            (Some(code), Some(text)) => format!("{code} {text}"),
            (Some(code), None) => code.to_string(),
            (None, _) => error.to_string(),
        };
        let clean = |text: String, secret: &String| text.replace(secret.as_str(), REDACTED);
        shortened(&self.secrets.iter().fold(text, clean), MAX_ANSWER)
    }
}

/// What to do about a certificate that is not trusted, or about no TLS at all.
fn trust(error: &Error) -> Option<&'static str> {
    let mut next = error.source();
    while let Some(error) = next {
        let broken = error.downcast_ref::<io::Error>();
        let inner = broken.and_then(io::Error::get_ref);
        match inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => {
                return Some(
                    "the certificate is another host's; set the host to a name that it is for",
                );
            }
            Some(rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            )) => {
                return Some(
                    "the certificate is signed by nobody who is trusted; if that is right, set `ca_certificate`",
                );
            }
            Some(rustls::Error::InvalidCertificate(_)) => {
                return Some("the certificate is not trusted");
            }
            Some(rustls::Error::InvalidMessage(_)) => {
                return Some("no TLS on this port; use `Email::starttls` or another port");
            }
            _ => next = error.source(),
        }
    }
    None
}

/// The name this machine gives itself, where it is one that servers can take, as RFC 5321, 4.1.4 asks for.
fn hello() -> ClientId {
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    match ClientId::default() {
        ClientId::Domain(name)
            if !name.is_empty() && name.len() <= 253 && name.chars().all(of_a_name) =>
        {
            ClientId::Domain(name)
        }
        _ => ClientId::Ipv4(std::net::Ipv4Addr::LOCALHOST),
    }
}

fn forms(user: &str, password: &str) -> Vec<String> {
    let plain = format!("\0{user}\0{password}");
    let mut forms: Vec<_> = [user, password, &plain]
        .into_iter()
        .flat_map(|text| [text.to_owned(), BASE64_STANDARD.encode(text)])
        .collect();
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms
}

pub(super) const WANTS_LOGIN: &str = "the server wants a login; set `credentials`";
const MAX_ANSWER: usize = 300;

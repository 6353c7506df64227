//! The settings, checked and turned into what a mail needs.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use lettre::Address;
use lettre::message::{Mailbox, Mailboxes};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};

use super::DEFAULT_NAME;
use super::session::Server;
use crate::notify::settings::check_name;
use crate::redact::Secret;
use crate::text::one_line;
use crate::tls;

pub(super) struct Settings {
    pub(super) name: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) credentials: Option<(Secret, Secret)>,
    pub(super) from: Option<String>,
    pub(super) to: Vec<String>,
    pub(super) reply_to: Option<String>,
    pub(super) ca: Option<PathBuf>,
    /// What is wrong with the URL that the server came from.
    pub(super) url_problem: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    Tls,
    StartTls,
    None,
}

impl Security {
    fn port(self) -> u16 {
        match self {
            Self::Tls => 465,
            Self::StartTls => 587,
            Self::None => 25,
        }
    }
}

pub(super) struct Ready {
    pub(super) server: Server,
    pub(super) from: Mailbox,
    pub(super) to: Vec<Mailbox>,
    pub(super) reply_to: Option<Mailbox>,
}

impl Ready {
    pub(super) fn recipients(&self) -> impl Iterator<Item = Address> {
        self.to.iter().map(|mailbox| mailbox.email.clone())
    }
}

impl Settings {
    pub(super) fn new(host: String, security: Security) -> Self {
        Self {
            name: DEFAULT_NAME.to_owned(),
            host,
            port: security.port(),
            security,
            credentials: None,
            from: None,
            to: Vec::new(),
            reply_to: None,
            ca: None,
            url_problem: None,
        }
    }

    pub(super) fn prepare(&self) -> Result<Ready, String> {
        if let Some(problem) = &self.url_problem {
            return Err(format!(
                "`SMTP_URL` {problem}; a right one looks like `smtps://user:password@smtp.example.com`"
            ));
        }
        check_name("email", &self.name, "mail-ops")?;
        if !is_host(&self.host) {
            return Err(
                "the mail server's host is neither a name nor an IP address; a right one looks like `smtp.example.com`, \
                 without port, user and `smtp://`"
                    .to_owned(),
            );
        }
        if self.port == 0 {
            return Err(
                "the mail server's port is 0; a right one is 465 for `relay`, 587 for `starttls`"
                    .to_owned(),
            );
        }
        Ok(Ready {
            server: self.server()?,
            from: self.sender()?,
            to: self.recipients()?,
            reply_to: match &self.reply_to {
                Some(text) => Some(one("the mail's `reply_to`", text)?),
                None => None,
            },
        })
    }

    fn server(&self) -> Result<Server, String> {
        let tls = match self.security {
            Security::Tls => Tls::Wrapper(self.tls()?),
            Security::StartTls => Tls::Required(self.tls()?),
            Security::None if self.ca.is_some() => {
                return Err(
                    "`ca_certificate` has no use without encryption; use `Email::relay` or `Email::starttls`, or leave it out"
                        .to_owned(),
                );
            }
            Security::None => Tls::None,
        };
        Ok(Server::new(&self.host, self.port, tls, self.login()?))
    }

    fn login(&self) -> Result<Option<(Credentials, [&str; 2])>, String> {
        let Some((user, password)) = &self.credentials else {
            return Ok(None);
        };
        if self.security == Security::None {
            return Err(
                "the mail server's password would be sent without encryption; use `Email::relay` or `Email::starttls`, or \
                 leave `credentials` out"
                    .to_owned(),
            );
        }
        let (user, password) = (user.expose(), password.expose());
        if user.is_empty() || password.is_empty() || [user, password].concat().contains('\0') {
            return Err(
                "the mail server's `credentials` have an empty user or password, or one with a NUL in it; both are what \
                 your provider names for SMTP"
                    .to_owned(),
            );
        }
        let credentials = Credentials::new(user.to_owned(), password.to_owned());
        Ok(Some((credentials, [user, password])))
    }

    /// Trust as in [`tls::config`]. lettre names the provider itself: the app's default one or its own, so that it cannot panic where
    /// there are two.
    fn tls(&self) -> Result<TlsParameters, String> {
        let trusted = match &self.ca {
            Some(file) => {
                tls::config(Some(file)).map_err(|problem| wrong_ca(&problem))?;
                let certificates = read_certificates(file)?;
                TlsParameters::builder(self.host.clone())
                    .certificate_store(CertificateStore::None)
                    .add_root_certificate(certificates)
            }
            None if rustls_native_certs::load_native_certs().certs.is_empty() => {
                TlsParameters::builder(self.host.clone())
                    .certificate_store(CertificateStore::WebpkiRoots)
            }
            None => TlsParameters::builder(self.host.clone()),
        };
        trusted
            .build()
            .map_err(|error| format!("TLS for the mail server cannot be set up: {error}"))
    }

    fn sender(&self) -> Result<Mailbox, String> {
        let Some(from) = &self.from else {
            return Err(format!(
                "the mail has no sender; set `from` (`ALERT_EMAIL_FROM`) to one like `{RIGHT}`"
            ));
        };
        one("the mail's sender (`from`, `ALERT_EMAIL_FROM`)", from)
    }

    fn recipients(&self) -> Result<Vec<Mailbox>, String> {
        let mut all: Vec<Mailbox> = Vec::new();
        for (index, text) in self.to.iter().enumerate() {
            let what = match self.to.len() {
                1 => "the mail's recipients (`to`, `ALERT_EMAIL_TO`)".to_owned(),
                _ => format!("what the mail's `to` was given in call {}", index + 1),
            };
            for mailbox in several(&what, text)? {
                if all.iter().all(|it| it.email != mailbox.email) {
                    all.push(mailbox);
                }
            }
        }
        match all.len() {
            0 => Err(format!(
                "the mail has no recipient; set `to` (`ALERT_EMAIL_TO`) to one like `{RIGHT}`"
            )),
            // What every server has to take, says RFC 5321, 4.5.3.1.8.
            1..=MAX_RECIPIENTS => Ok(all),
            count => Err(format!(
                "the mail has {count} recipients, and servers need not take more than {MAX_RECIPIENTS}; give them an address \
                 of their own, such as a mailing list's"
            )),
        }
    }
}

fn one(what: &str, text: &str) -> Result<Mailbox, String> {
    let all = several(what, text)?;
    match <[Mailbox; 1]>::try_from(all) {
        Ok([mailbox]) => Ok(mailbox),
        Err(_) => Err(format!(
            "{what} is not one address; a right one looks like `{RIGHT}`"
        )),
    }
}

/// The mailboxes in a list. Nothing of the text is in the error: it may be a password in the wrong place.
fn several(what: &str, text: &str) -> Result<Vec<Mailbox>, String> {
    let wrong = |problem: &str| {
        Err(format!(
            "{what} {problem}; a right one looks like `{RIGHT}`"
        ))
    };
    if one_line(text) != text {
        return wrong("has characters that do not belong on one line");
    }
    let Ok(mailboxes) = text.parse::<Mailboxes>() else {
        return wrong("cannot be read as mail addresses, separated by commas");
    };
    let mailboxes = Vec::from(mailboxes);
    for (index, mailbox) in mailboxes.iter().enumerate() {
        let address: &str = mailbox.email.as_ref();
        if !address.is_ascii() {
            return wrong(&format!(
                "has characters beyond ASCII in address {}, which many servers refuse: write its domain as `xn--…`",
                index + 1
            ));
        }
        // RFC 5321, 4.5.3.1.3, less the angle brackets.
        if address.len() > 254 {
            return wrong(&format!(
                "has more than 254 characters in address {}",
                index + 1
            ));
        }
    }
    match mailboxes.is_empty() {
        true => wrong("is empty"),
        false => Ok(mailboxes),
    }
}

fn is_host(host: &str) -> bool {
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let is_name = !host.is_empty()
        && host.len() <= 253
        && host.chars().all(of_a_name)
        && !host.starts_with(['-', '.'])
        && !host.contains("..");
    is_name || host.parse::<IpAddr>().is_ok()
}

fn read_certificates(file: &Path) -> Result<Certificate, String> {
    let pem = std::fs::read(file).map_err(|error| wrong_ca(&error.to_string()))?;
    Certificate::from_pem(&pem).map_err(|error| wrong_ca(&error.to_string()))
}

fn wrong_ca(problem: &str) -> String {
    format!(
        "the mail server's `ca_certificate`: {problem}; a right one is a file with `-----BEGIN CERTIFICATE-----` in it"
    )
}

const RIGHT: &str = "Shop monitor <alerts@example.com>";
const MAX_RECIPIENTS: usize = 100;

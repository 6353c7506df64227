//! A mail server on loopback that answers as the test says, with TLS or without.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::{TlsAcceptor, rustls};

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    None,
    FirstByte,
    StartTls,
}

/// A mail that was taken.
#[derive(Clone, Debug, Default)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    /// With CRLF at the end of each line.
    pub mail: String,
}

#[derive(Debug, Default)]
struct Log {
    commands: Vec<String>,
    mails: Vec<Received>,
    /// How many mails are refused from now on.
    refusals: usize,
}

/// Beginnings of commands and what is answered to them; `""` is the greeting, `"."` the mail. An answer `"close"` closes the
/// connection, `"hang"` is none. What is not here is granted.
pub type Script = &'static [(&'static str, &'static str)];

pub struct MailServer {
    pub port: u16,
    log: Arc<Mutex<Log>>,
    folder: tempfile::TempDir,
    script: Arc<Mutex<Script>>,
}

impl MailServer {
    pub async fn start(encryption: Encryption, script: Script) -> Self {
        Self::start_as("localhost", encryption, script).await
    }

    /// Its certificate is for `name`.
    pub async fn start_as(name: &str, encryption: Encryption, script: Script) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let acceptor = acceptor(name, folder.path());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            log: Arc::default(),
            folder,
            script: Arc::new(Mutex::new(script)),
        };
        let (log, script) = (Arc::clone(&server.log), Arc::clone(&server.script));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (log, script) = (Arc::clone(&log), *script.lock().unwrap());
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let stream: Box<dyn Stream> = match encryption {
                        Encryption::FirstByte => Box::new(acceptor.accept(stream).await.ok()?),
                        _ => Box::new(stream),
                    };
                    let offer = (encryption == Encryption::StartTls).then_some(&acceptor);
                    converse(stream, script, &log, offer).await
                });
            }
        });
        server
    }

    /// What it answers from the next connection on.
    pub fn now_says(&self, script: Script) {
        *self.script.lock().unwrap() = script;
    }

    /// Refuses so many mails, each when it has come whole.
    pub fn refuses_next(&self, mails: usize) {
        self.log.lock().unwrap().refusals = mails;
    }

    /// The PEM file of its certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("server.pem")
    }

    /// All commands since the last call, in order.
    pub fn commands(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap().commands)
    }

    /// The mails since the last call, in order.
    pub fn mails(&self) -> Vec<Received> {
        std::mem::take(&mut self.log.lock().unwrap().mails)
    }

    /// The only mail since the last call.
    pub fn mail(&self) -> Received {
        let mut mails = self.mails();
        assert_eq!(mails.len(), 1, "{mails:#?}");
        mails.remove(0)
    }
}

async fn converse(
    mut stream: Box<dyn Stream>,
    script: Script,
    log: &Mutex<Log>,
    offer: Option<&TlsAcceptor>,
) -> Option<()> {
    let mut offer = offer;
    let greeting = scripted(script, "").unwrap_or("220 localhost ready");
    say(&mut stream, greeting).await?;
    let mut lines = BufReader::new(stream);
    let mut received = Received::default();
    loop {
        let command = line(&mut lines).await?;
        log.lock().unwrap().commands.push(command.clone());
        let upper = command.to_ascii_uppercase();
        let granted = match upper.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" if offer.is_some() => "250-localhost\r\n250-8BITMIME\r\n250 STARTTLS",
            "EHLO" => "250-localhost\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN",
            "AUTH" => "235 welcome",
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            "STARTTLS" => "220 go on",
            _ => "250 ok",
        };
        let answer = scripted(script, &command).unwrap_or(granted);
        match answer {
            "close" => return None,
            "hang" => std::future::pending().await,
            answer => say(lines.get_mut(), answer).await?,
        }
        match upper.as_str() {
            "STARTTLS" if answer == granted => {
                let acceptor = offer.take()?;
                let encrypted = acceptor.accept(lines.into_inner()).await.ok()?;
                lines = BufReader::new(Box::new(encrypted));
            }
            "DATA" if answer == granted => {
                received.mail = data(&mut lines).await?;
                let answer = match refused(log) {
                    true => "554 looks like spam",
                    false => scripted(script, ".").unwrap_or("250 taken"),
                };
                if answer.starts_with("250") {
                    let taken = std::mem::take(&mut received);
                    log.lock().unwrap().mails.push(taken);
                }
                if answer == "close" {
                    return None;
                }
                say(lines.get_mut(), answer).await?;
            }
            _ if answer != granted => {}
            upper if upper.starts_with("MAIL FROM:") => received.from = address(&command),
            upper if upper.starts_with("RCPT TO:") => received.to.push(address(&command)),
            _ => {}
        }
    }
}

fn refused(log: &Mutex<Log>) -> bool {
    let mut log = log.lock().unwrap();
    let is_refused = log.refusals > 0;
    log.refusals = log.refusals.saturating_sub(1);
    is_refused
}

fn scripted(script: Script, command: &str) -> Option<&'static str> {
    let mut entries = script.iter();
    let found = entries.find(|(start, _)| match *start {
        "" | "." => command == *start,
        start => command.starts_with(start),
    });
    found.map(|(_, answer)| *answer)
}

async fn say(stream: &mut Box<dyn Stream>, answer: &str) -> Option<()> {
    let answer = format!("{answer}\r\n");
    stream.write_all(answer.as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

async fn line(lines: &mut BufReader<Box<dyn Stream>>) -> Option<String> {
    let mut line = String::new();
    let read = lines.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end_matches("\r\n").to_owned())
}

async fn data(lines: &mut BufReader<Box<dyn Stream>>) -> Option<String> {
    let mut mail = String::new();
    loop {
        let line = line(lines).await?;
        if line == "." {
            return Some(mail);
        }
        mail.push_str(line.strip_prefix('.').unwrap_or(&line));
        mail.push_str("\r\n");
    }
}

fn address(command: &str) -> String {
    let address = command.split(['<', '>']).nth(1).unwrap_or_default();
    address.to_owned()
}

fn acceptor(name: &str, folder: &Path) -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    std::fs::write(folder.join("server.pem"), made.cert.pem()).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

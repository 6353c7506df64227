//! The notifier that `docs/notifier.md` builds, step by step, with a gateway for it to talk to.
//!
//! `cargo run --example pager` sends a test alert and a failure through it, and shows what the pager shows.
#![expect(
    clippy::print_stdout,
    reason = "what the pager shows belongs on the terminal"
)]

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tower_monitor::notify::{Budget, Message};
use tower_monitor::redact::Secret;
use tower_monitor::{Alert, Monitor, Notifier, NotifyError, Severity};

/// Sends alerts to the pagers of the people on call, through the hospital's gateway.
#[derive(Debug)]
pub struct Pager {
    gateway: SocketAddr,
    key: Secret,
}

impl Pager {
    /// A notifier that knows the gateway and the key which it was given there.
    pub fn new(gateway: SocketAddr, key: impl Into<Secret>) -> Self {
        let key = key.into();
        Self { gateway, key }
    }
}

impl Notifier for Pager {
    fn name(&self) -> &str {
        "pager"
    }

    fn check(&self) -> Result<(), String> {
        let key = self.key.expose();
        if key.len() == 16 && key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(());
        }
        Err("the pager's key is not 16 letters and digits; a right one looks like `k3v9x0q2m7t5w1ab`".to_owned())
    }

    fn budget(&self) -> Budget {
        Budget::new(6, Duration::from_secs(60)).at_once(2)
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        let text = words(alert);
        let answer = ask(self.gateway, &self.key, &text).await;
        meaning(&answer.map_err(|error| NotifyError::temporary(error.to_string()))?)
    }
}

/// What fits on the display: 160 characters.
fn words(alert: &Alert) -> String {
    let mut message = Message::of(alert);
    let shown = |message: &Message| format!("{} [{}]", message.headline, message.reference);
    while shown(&message).chars().count() > 160 && message.shorten() {}
    shown(&message)
}

async fn ask(gateway: SocketAddr, key: &Secret, text: &str) -> io::Result<String> {
    let mut stream = BufReader::new(TcpStream::connect(gateway).await?);
    let lines = format!("LOGIN {}\nPAGE {text}\n", key.expose());
    stream.write_all(lines.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_line(&mut answer).await?;
    Ok(answer.trim_end().to_owned())
}

/// Whether the alert has arrived and, when not, whether another try makes sense.
fn meaning(answer: &str) -> Result<(), NotifyError> {
    match answer.split_once(' ').unwrap_or((answer, "")) {
        ("OK", _) => Ok(()),
        ("BUSY", seconds) => {
            let wait = Duration::from_secs(seconds.parse().unwrap_or(30));
            Err(NotifyError::temporary("the gateway is busy").retry_after(wait))
        }
        ("DENIED", _) => Err(NotifyError::destination_gone("the gateway denies the key")),
        ("TOO", _) => Err(NotifyError::refused("the gateway finds the text too long")),
        _ => Err(NotifyError::temporary(
            "the gateway's answer is none that it documents",
        )),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let gateway = TcpListener::bind("127.0.0.1:0").await?;
    let address = gateway.local_addr()?;
    tokio::spawn(serve(gateway));

    let monitor = Monitor::builder()
        .service("ward")
        .no_audit()
        .notifier(Pager::new(address, "k3v9x0q2m7t5w1ab").when(Severity::Error))
        .build()?;
    for delivery in monitor.send_test_alert().await {
        println!("{}: {:?}", delivery.notifier, delivery.result);
    }
    let failed = tokio::spawn(async { panic!("bed 7 has no monitor") }).await;
    let delivered = monitor.shutdown(Duration::from_secs(5)).await;
    println!("failed: {}, delivered: {delivered}", failed.is_err());
    Ok(())
}

/// The gateway: it takes the key, and shows the text.
async fn serve(gateway: TcpListener) {
    while let Ok((stream, _)) = gateway.accept().await {
        let mut stream = BufReader::new(stream);
        let (mut login, mut page) = (String::new(), String::new());
        let read = stream
            .read_line(&mut login)
            .await
            .and(stream.read_line(&mut page).await);
        let answer = match login.trim_end().strip_prefix("LOGIN ") {
            Some("k3v9x0q2m7t5w1ab") if read.is_ok() => {
                println!("pager: {}", page.trim_start_matches("PAGE ").trim_end());
                "OK\n"
            }
            _ => "DENIED\n",
        };
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

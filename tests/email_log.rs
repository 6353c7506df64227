//! Proves that neither password nor mail gets into the app's log, even where lettre writes what it says there. A process of its own:
//! whether a line of code logs is decided once, by whatever subscriber there is at that time.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::sync::{Arc, Mutex};

use support::alerts::alert;
use support::mail_server::{Encryption, MailServer};
use tower_monitor::Notifier;
use tower_monitor::notify::Email;

/// What is logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_has_the_refused_recipient_and_no_password() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let server = MailServer::start(
        Encryption::FirstByte,
        &[("RCPT TO:<gone@", "550 no such user")],
    )
    .await;
    let email = Email::relay("localhost")
        .port(server.port)
        .credentials("alerts@example.com", "hunter2hunter2")
        .ca_certificate(server.certificate())
        .from("alerts@example.com")
        .to("ops@example.com, gone@example.com");
    email.notify(&alert("panic")).await.unwrap();
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("gone@example.com") && log.contains("550 no such user"),
        "{log}"
    );
    assert!(!log.contains("AUTH") && !log.contains("Subject"), "{log}");
}

//! To whom the password and the mail are given, and that no error tells the password.

use tower_monitor::Notifier;
use tower_monitor::notify::Email;

use super::USER;
use crate::support::alerts::alert;
use crate::support::mail_server::{Encryption, MailServer, Script};

const PASSWORD: &str = "hunter2hunter2";

/// With a login, and trusting nobody but the server.
fn guarded(email: Email, server: &MailServer) -> Email {
    email
        .port(server.port)
        .credentials(USER, PASSWORD)
        .ca_certificate(server.certificate())
        .from(USER)
        .to("ops@example.com")
}

#[tokio::test]
async fn a_password_is_sent_behind_tls_only() {
    let server = MailServer::start(Encryption::FirstByte, &[]).await;
    guarded(Email::relay("localhost"), &server)
        .notify(&alert("panic"))
        .await
        .unwrap();
    assert_eq!(server.mails().len(), 1);
    assert!(server.commands()[1].starts_with("AUTH PLAIN "));

    let server = MailServer::start(Encryption::StartTls, &[]).await;
    guarded(Email::starttls("localhost"), &server)
        .notify(&alert("panic"))
        .await
        .unwrap();
    assert_eq!(server.mails().len(), 1);
    let commands = server.commands();
    let words: Vec<_> = commands.iter().map(|it| &it[..4]).collect();
    assert_eq!(words[..4], ["EHLO", "STAR", "EHLO", "AUTH"]);

    // Somebody in between has taken STARTTLS out.
    for script in [
        &[("EHLO", "250 localhost")] as Script,
        &[("EHLO", "250-localhost\r\n250 AUTH PLAIN LOGIN")],
        &[("STARTTLS", "502 not here")],
    ] {
        let server = MailServer::start(Encryption::StartTls, script).await;
        let email = guarded(Email::starttls("localhost"), &server);
        let error = email.notify(&alert("panic")).await.unwrap_err();
        assert!(error.is_destination_gone(), "{error}");
        let commands = server.commands();
        assert!(
            commands
                .iter()
                .all(|it| !it.starts_with("AUTH") && !it.starts_with("MAIL"))
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_the_right_one_gets_nothing() {
    let server = MailServer::start(Encryption::FirstByte, &[]).await;
    let other = MailServer::start(Encryption::FirstByte, &[]).await;
    let named = MailServer::start_as("mail.example.com", Encryption::FirstByte, &[]).await;
    let unknown = guarded(Email::relay("localhost"), &server).ca_certificate(other.certificate());
    let look_alike = guarded(Email::relay("localhost"), &named);
    let no_tls = MailServer::start(Encryption::StartTls, &[]).await;
    let wrong_port = guarded(Email::relay("localhost"), &no_tls);
    for (email, remedy) in [
        (unknown, "`ca_certificate`"),
        (look_alike, "set the host to a name that it is for"),
        (wrong_port, "`Email::starttls`"),
    ] {
        let error = email.notify(&alert("panic")).await.unwrap_err();
        assert!(error.is_temporary(), "{error}");
        assert!(error.to_string().contains(remedy), "{error}");
    }
    for server in [server, other, named] {
        assert!(server.commands().is_empty());
    }
}

#[tokio::test]
async fn a_wrong_password_is_named_and_not_told() {
    // `\0alerts@example.com\0hunter2hunter2`, as `AUTH PLAIN` sends it, and the password alone.
    const ECHO: &str = "535 AGFsZXJ0c0BleGFtcGxlLmNvbQBodW50ZXIyaHVudGVyMg== aHVudGVyMmh1bnRlcjI= hunter2hunter2 is wrong";
    for script in [
        &[("AUTH", ECHO)] as Script,
        &[("EHLO", "250-localhost\r\n250 AUTH LOGIN"), ("AUTH", ECHO)],
    ] {
        let server = MailServer::start(Encryption::FirstByte, script).await;
        let email = guarded(Email::relay("localhost"), &server);
        let error = email.notify(&alert("panic")).await.unwrap_err();
        assert!(error.is_destination_gone(), "{error}");
        let text = format!("{error} {error:?} {email:?}");
        assert!(
            text.contains("mend `credentials`") && text.contains("535"),
            "{text}"
        );
        for secret in [
            PASSWORD,
            "aHVudGVyMmh1bnRlcjI",
            "AGFsZXJ0c0BleGFtcGxlLmNvbQ",
        ] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let server = MailServer::start(Encryption::FirstByte, &[("AUTH", "454 later")]).await;
    let error = guarded(Email::relay("localhost"), &server)
        .notify(&alert("panic"))
        .await
        .unwrap_err();
    assert!(error.is_temporary(), "{error}");
    let server = MailServer::start(
        Encryption::FirstByte,
        &[("EHLO", "250-localhost\r\n250 AUTH CRAM-MD5")],
    )
    .await;
    let error = guarded(Email::relay("localhost"), &server)
        .notify(&alert("panic"))
        .await
        .unwrap_err();
    assert!(
        error.is_destination_gone() && error.to_string().contains("AUTH PLAIN"),
        "{error}"
    );
}

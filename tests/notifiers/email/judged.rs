//! Mails in front of others: a mail server that wants TLS and a login, one that is strict about headers, Python's parser, and
//! Chromium.

use std::path::Path;

use serde_json::{Value, json};
use tower_monitor::Notifier;
use tower_monitor::notify::{Email, Message};

use super::mail;
use crate::support::alerts::{ALL, alert};
use crate::support::judges::{Exim, Smtp, node, python};

/// With a login, and trusting only this authority.
fn guarded(email: Email, port: u16, authority: &Path) -> Email {
    email
        .port(port)
        .credentials(Smtp::USER, Smtp::PASSWORD)
        .ca_certificate(authority)
        .from("Shop monitor <alerts@example.com>")
        .to("ops@example.com, Uma Berg <uma@example.org>")
}

#[tokio::test(flavor = "multi_thread")]
async fn aiosmtpd_takes_every_mail_and_pythons_parser_finds_no_fault() {
    let Some(server) = Smtp::start() else {
        return;
    };
    let authority = server.authority();
    let tls = guarded(Email::relay("localhost"), server.tls(), &authority);
    let starttls = guarded(Email::starttls("localhost"), server.starttls(), &authority);
    for (number, name) in ALL.iter().enumerate() {
        let way = if number % 2 == 0 { &tls } else { &starttls };
        way.notify(&alert(name)).await.unwrap();
    }
    let mails = server.mails();
    assert_eq!(mails.len(), ALL.len());
    for (mail, name) in mails.iter().zip(ALL) {
        assert_eq!(mail.envelope["tls"], json!(true));
        let everybody = json!(["ops@example.com", "uma@example.org"]);
        assert_eq!(mail.envelope["to"], everybody);
        let Some(read) = python("mail.py", &[&mail.file]).accepts() else {
            return;
        };
        let read: Value = serde_json::from_str(&read).unwrap();
        let headers = read["headers"].as_array().unwrap();
        let subject = headers.iter().find(|pair| pair[0] == "Subject").unwrap();
        let subject = subject[1].as_str().unwrap();
        let message = Message::of(&alert(name));
        let beginning = subject.trim_end_matches('…');
        assert!(
            message.subject.starts_with(beginning) && beginning.len() > 10,
            "{name}: {subject}"
        );
        let parts = read["parts"].as_array().unwrap();
        let kinds: Vec<_> = parts.iter().map(|part| &part["type"]).collect();
        assert_eq!(kinds, ["multipart/alternative", "text/plain", "text/html"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aiosmtpd_refuses_what_it_should_and_the_error_says_what_to_mend() {
    let Some(server) = Smtp::start() else {
        return;
    };
    let authority = server.authority();
    let email = || guarded(Email::relay("localhost"), server.tls(), &authority);
    let wrong = email().credentials(Smtp::USER, "wrong horse");
    let error = wrong.notify(&alert("panic")).await.unwrap_err();
    assert!(error.is_destination_gone(), "{error}");
    assert!(error.to_string().contains("`credentials`"), "{error}");

    let anonymous = Email::plaintext("localhost").port(server.starttls());
    let anonymous = anonymous.from("a@example.com").to("ops@example.com");
    let error = anonymous.notify(&alert("panic")).await.unwrap_err();
    assert!(error.is_destination_gone(), "{error}");
    assert!(server.mails().is_empty());

    email()
        .to("reject@example.com")
        .notify(&alert("panic"))
        .await
        .unwrap();
    let later = email().to("later@example.com");
    let error = later.notify(&alert("chain")).await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    let error = later.notify(&alert("chain")).await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    let to: Vec<_> = server
        .mails()
        .into_iter()
        .map(|mail| mail.envelope["to"].clone())
        .collect();
    let everybody = json!(["ops@example.com", "uma@example.org"]);
    assert_eq!(to, [everybody.clone(), everybody]);
}

#[tokio::test(flavor = "multi_thread")]
async fn exim_takes_every_mail() {
    let Some(server) = Exim::start() else {
        return;
    };
    let email = guarded(
        Email::starttls("localhost"),
        server.port(),
        &server.authority(),
    );
    for name in ALL {
        email.notify(&alert(name)).await.unwrap();
    }
    assert_eq!(server.bodies().len(), ALL.len(), "{}", server.refusals());
}

#[tokio::test]
async fn chromium_shows_the_html_without_asking_for_anything_narrow_and_wide() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("mail.png");
    for name in ["panic", "joined", "hostile", "huge", "quiet"] {
        let received = mail(name).await;
        let parsed = mailparse::parse_mail(received.mail.as_bytes()).unwrap();
        let page = folder.path().join("mail.html");
        std::fs::write(&page, parsed.subparts[1].get_body().unwrap()).unwrap();
        for width in ["360", "800"] {
            let shown = node("page.mjs", &[&page, &picture, Path::new(width)]);
            if shown.accepts().is_none() {
                return;
            }
        }
    }
}

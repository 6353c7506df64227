//! Who gets a mail, and what the answers of mail servers mean.

use std::time::{Duration, Instant};

use mailparse::parse_mail;
use tokio::net::TcpListener;
use tower_monitor::notify::{Email, Message};
use tower_monitor::{Notifier, NotifyError};
use tracing::Level;

use super::{USER, email, mail};
use crate::log::Log;
use crate::support::alerts::alert;
use crate::support::mail_server::{Encryption, MailServer, Script};

/// How a try ends with this script, and how many mails were offered.
async fn ends(script: Script) -> (Result<(), NotifyError>, usize) {
    let server = MailServer::start(Encryption::None, script).await;
    let result = email(&server).notify(&alert("panic")).await;
    let commands = server.commands();
    let offered = commands.iter().filter(|it| it.starts_with("MAIL"));
    (result, offered.count())
}

#[tokio::test]
async fn an_answer_says_whether_another_try_makes_sense() {
    for script in [
        &[("", "421 busy")] as Script,
        &[("", "close")],
        &[("", "hello")],
        &[("EHLO", "close")],
        &[("MAIL", "451 later")],
        &[("MAIL", "421 shutting down")],
        &[("RCPT", "450 greylisted")],
        &[("RCPT", "552 too many recipients")],
        &[("RCPT", "close")],
        &[("DATA", "451 later")],
        &[("DATA", "close")],
        &[(".", "452 disk is full")],
        &[(".", "close")],
    ] {
        let (result, _) = ends(script).await;
        let error = result.unwrap_err();
        assert!(error.is_temporary(), "{script:?}: {error}");
    }
    for (script, remedy) in [
        (&[("", "554 go away")] as Script, "takes nothing"),
        (&[("MAIL", "530 log in first")], "`credentials`"),
        (&[("MAIL", "553 not yours")], "`from`"),
        (&[("RCPT", "530 5.7.0 log in first")], "set `credentials`"),
        (
            &[("RCPT", "550 no such user")],
            "`to`: ops@example.com: 550 no such user",
        ),
    ] {
        let (result, offered) = ends(script).await;
        let error = result.unwrap_err();
        assert!(error.is_destination_gone(), "{script:?}: {error}");
        assert!(error.to_string().contains(remedy), "{script:?}: {error}");
        assert!(offered <= 1, "{script:?}");
    }
    for script in [
        &[(".", "552 too large")] as Script,
        &[(".", "554 looks like spam")],
        &[(".", "550 5.7.1 content rejected")],
        &[("DATA", "554 no")],
    ] {
        let (result, offered) = ends(script).await;
        let error = result.unwrap_err();
        assert!(
            !error.is_temporary() && !error.is_destination_gone(),
            "{error}"
        );
        assert_eq!(offered, 3, "{script:?}: whole, small, failsafe");
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let nobody = Email::plaintext("127.0.0.1").port(port).from(USER).to(USER);
    let error = nobody.notify(&alert("panic")).await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert!(
        error.to_string().contains(&format!("127.0.0.1:{port}: ")),
        "{error}"
    );
}

#[tokio::test]
async fn what_a_server_refuses_is_sent_with_less_in_it() {
    let server = MailServer::start(Encryption::None, &[]).await;
    server.refuses_next(2);
    email(&server).notify(&alert("hostile")).await.unwrap();
    let plain = server.mail().mail;
    let parsed = parse_mail(plain.as_bytes()).unwrap();
    assert_eq!(parsed.ctype.mimetype, "text/plain");
    let body = parsed.get_body().unwrap();
    assert!(
        body.contains(&Message::of(&alert("hostile")).reference),
        "{body}"
    );

    server.refuses_next(1);
    email(&server).notify(&alert("panic")).await.unwrap();
    let small = server.mail().mail;
    assert!(
        small.contains("multipart/alternative") && small.len() < mail("panic").await.mail.len()
    );
}

#[tokio::test]
async fn a_refused_recipient_keeps_the_mail_from_nobody() {
    let server =
        MailServer::start(Encryption::None, &[("RCPT TO:<gone@", "550 no such user")]).await;
    let email = email(&server).to("gone@example.com").to("uma@example.org");
    email.notify(&alert("panic")).await.unwrap();
    assert_eq!(server.mail().to, ["ops@example.com", "uma@example.org"]);
    let opened = server
        .commands()
        .iter()
        .filter(|it| it.starts_with("EHLO"))
        .count();
    assert_eq!(opened, 1);
}

#[tokio::test]
async fn a_recipient_who_has_to_wait_is_tried_again_without_the_others() {
    let busy: Script = &[
        ("RCPT TO:<later@", "451 busy"),
        ("RCPT TO:<gone@", "550 no"),
    ];
    let server = MailServer::start(Encryption::None, busy).await;
    let email = email(&server).to("gone@example.com, later@example.com");
    let error = email.notify(&alert("panic")).await.unwrap_err();
    assert!(error.is_temporary());
    assert!(
        error.to_string().contains("later@example.com: 451 busy"),
        "{error}"
    );
    assert_eq!(server.mail().to, ["ops@example.com"]);

    assert!(
        email
            .notify(&alert("panic"))
            .await
            .unwrap_err()
            .is_temporary()
    );
    assert!(server.mails().is_empty());
    server.now_says(&[]);
    email.notify(&alert("panic")).await.unwrap();
    assert_eq!(server.mail().to, ["later@example.com"]);

    // Another alert goes to everybody.
    email.notify(&alert("chain")).await.unwrap();
    assert_eq!(server.mail().to.len(), 3);
}

#[tokio::test]
async fn one_who_had_to_wait_and_is_refused_at_last_is_given_up() {
    let server = MailServer::start(Encryption::None, &[("RCPT TO:<later@", "451 busy")]).await;
    let email = email(&server).to("later@example.com");
    assert!(
        email
            .notify(&alert("panic"))
            .await
            .unwrap_err()
            .is_temporary()
    );
    server.now_says(&[("RCPT TO:<later@", "550 no such user")]);
    email.notify(&alert("panic")).await.unwrap();
    assert_eq!(server.mail().to, ["ops@example.com"]);
}

#[tokio::test]
async fn one_who_has_to_wait_too_often_keeps_nobody_waiting() {
    let busy: Script = &[("RCPT TO:<later@", "451 busy")];
    let server = MailServer::start(Encryption::None, busy).await;
    let email = email(&server).to("later@example.com, uma@example.org");
    let (log, _guard) = Log::begin(Level::WARN);
    let panic = alert("panic");
    let mut tries = 1;
    while let Err(error) = email.notify(&panic).await {
        assert!(error.is_temporary(), "{error}");
        assert_eq!(log.taken(), "", "not before it is given up");
        tries += 1;
        assert!(tries < 20, "it goes on and on");
    }
    assert_eq!((tries, server.mails().len()), (5, 1));
    let text = log.taken();
    assert!(
        text.contains("recipient=2") && !text.contains("later@"),
        "{text}"
    );
    assert!(
        email.notify(&alert("chain")).await.is_err(),
        "it begins anew"
    );
}

#[tokio::test]
async fn a_server_that_takes_one_at_a_time_gets_them_one_at_a_time() {
    const ALL: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let server = MailServer::start(Encryption::None, &[]).await;
    let to = ALL.map(|name| format!("{name}@example.org"));
    let email = email(&server).to(to.join(","));
    for taken in ALL {
        let others = ALL.iter().filter(|name| **name != taken);
        let script = others.map(|name| (&*format!("RCPT TO:<{name}@").leak(), "452 too many"));
        server.now_says(script.collect::<Vec<_>>().leak());
        let result = email.notify(&alert("panic")).await;
        assert_eq!(result.is_ok(), taken == "h", "{taken}: {result:?}");
    }
    assert_eq!(server.mails().len(), ALL.len());
}

#[tokio::test]
async fn nobody_is_given_up_while_nobody_has_it() {
    let server = MailServer::start(Encryption::None, &[("RCPT", "451 busy")]).await;
    let email = email(&server).to("uma@example.org");
    for _ in 0..10 {
        let error = email.notify(&alert("panic")).await.unwrap_err();
        assert!(error.is_temporary(), "{error}");
    }
    server.now_says(&[("RCPT TO:<uma@", "451 busy")]);
    assert!(email.notify(&alert("panic")).await.is_err());
    server.now_says(&[]);
    email.notify(&alert("panic")).await.unwrap();
    let to = server.mails().into_iter().flat_map(|mail| mail.to);
    assert_eq!(
        to.collect::<Vec<_>>(),
        ["ops@example.com", "uma@example.org"]
    );
}

#[tokio::test]
async fn a_refusal_is_told_once() {
    let script: Script = &[
        ("RCPT TO:<ops@", "451 busy"),
        ("RCPT TO:<gone@", "550 no such user"),
    ];
    let server = MailServer::start(Encryption::None, script).await;
    let email = email(&server).to("gone@example.com");
    let (log, _guard) = Log::begin(Level::WARN);
    for _ in 0..3 {
        assert!(email.notify(&alert("panic")).await.is_err());
    }
    let text = log.taken();
    assert_eq!(text.matches("gone@example.com").count(), 1, "{text}");
    assert!(!text.contains("were sent"), "nobody has it: {text}");
    server.now_says(&[("RCPT TO:<ops@", "550 not here")]);
    let error = email.notify(&alert("panic")).await.unwrap_err();
    assert!(error.is_destination_gone(), "{error}");
    let error = error.to_string();
    assert!(error.contains("gone@") && error.contains("ops@"), "{error}");
}

#[tokio::test]
async fn nobody_waits_for_the_farewell() {
    let server = MailServer::start(Encryption::None, &[("QUIT", "hang")]).await;
    let email = email(&server);
    let begun = Instant::now();
    // Each would take a second.
    for _ in 0..5 {
        email.notify(&alert("panic")).await.unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert_eq!(server.mails().len(), 5);
}

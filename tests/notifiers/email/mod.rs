//! Mail: what it looks like.

mod answers;
mod judged;
mod trust;

use mailparse::{MailAddr, MailHeaderMap, ParsedMail, addrparse_header, parse_mail};
use tower_monitor::Notifier;
use tower_monitor::notify::Email;
use tower_monitor::notify::email::MAX_BYTES;

use crate::support::alerts::{ALL, alert};
use crate::support::golden::golden_text;
use crate::support::mail_server::{Encryption, MailServer, Received};

const USER: &str = "alerts@example.com";

fn email(server: &MailServer) -> Email {
    Email::plaintext("127.0.0.1")
        .port(server.port)
        .from("Shop monitor <alerts@example.com>")
        .to("ops@example.com")
}

/// The mail of this alert, as the server got it.
async fn mail(name: &str) -> Received {
    let server = MailServer::start(Encryption::None, &[]).await;
    email(&server).notify(&alert(name)).await.unwrap();
    server.mail()
}

fn header(mail: &ParsedMail<'_>, name: &str) -> String {
    let all = mail.headers.get_all_values(name);
    assert_eq!(all.len(), 1, "{name}: {all:?}");
    all.into_iter().next().unwrap()
}

#[tokio::test]
async fn text_and_html_are_the_golden_ones() {
    for name in ALL {
        let received = mail(name).await;
        let parsed = parse_mail(received.mail.as_bytes()).unwrap();
        let kinds: Vec<_> = parsed
            .subparts
            .iter()
            .map(|part| &part.ctype.mimetype)
            .collect();
        assert_eq!(kinds, ["text/plain", "text/html"], "{name}");
        for (part, ending) in parsed.subparts.iter().zip(["txt", "html"]) {
            let body = part.get_body().unwrap().replace("\r\n", "\n");
            golden_text(&format!("email/{name}.{ending}"), &body);
        }
    }
}

#[tokio::test]
async fn every_mail_is_bounded_and_in_seven_bits() {
    for name in ALL {
        let mail = mail(name).await.mail;
        assert!(mail.len() <= MAX_BYTES, "{name}: {}", mail.len());
        assert!(mail.is_ascii(), "{name}");
        assert!(mail.lines().all(|line| line.len() <= 998), "{name}");
        // No line break but CRLF.
        assert!(
            !mail.replace("\r\n", "").contains(['\r', '\n', '\0']),
            "{name}"
        );
        let parsed = parse_mail(mail.as_bytes()).unwrap();
        let subject = header(&parsed, "Subject");
        assert!(
            subject.len() <= 150 && !subject.contains(['\r', '\n']),
            "{name}: {subject}"
        );
        assert!(parsed.headers.get_first_value("Bcc").is_none(), "{name}");
    }
}

#[tokio::test]
async fn the_headers_are_those_of_the_documentation() {
    let panic = mail("panic").await;
    assert_eq!(panic.from, "alerts@example.com");
    assert_eq!(panic.to, ["ops@example.com"]);
    let parsed = parse_mail(panic.mail.as_bytes()).unwrap();
    let told = alert("panic");
    for (name, expected) in [
        ("From", "\"Shop monitor\" <alerts@example.com>".to_owned()),
        ("To", "ops@example.com".to_owned()),
        (
            "Subject",
            "[production] shop: panic: gift card GC-20 has no balance (src/checkout/gift_card.rs:17:9)".to_owned(),
        ),
        ("Date", "Sun, 22 Nov 2026 09:38:59 +0000".to_owned()),
        ("Message-ID", format!("<{}@example.com>", told.id)),
        (
            "References",
            format!("<issue-{}@example.com>", told.issue.fingerprint),
        ),
        (
            "In-Reply-To",
            format!("<issue-{}@example.com>", told.issue.fingerprint),
        ),
        ("MIME-Version", "1.0".to_owned()),
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("X-Auto-Response-Suppress", "All".to_owned()),
        ("X-Priority", "3".to_owned()),
        ("Importance", "normal".to_owned()),
        (
            "X-Tower-Monitor-Issue",
            told.issue.fingerprint.to_string(),
        ),
        ("X-Tower-Monitor-Severity", "error".to_owned()),
    ] {
        assert_eq!(header(&parsed, name), expected);
    }
    assert_eq!(panic.mail, mail("panic").await.mail, "each try is the same");

    let quiet = mail("quiet").await.mail;
    let quiet = parse_mail(quiet.as_bytes()).unwrap();
    assert_eq!(header(&quiet, "Importance"), "low");
    assert_eq!(header(&quiet, "References"), header(&parsed, "References"));
    assert_eq!(header(&quiet, "Subject"), header(&parsed, "Subject"));
    assert_ne!(header(&quiet, "Message-ID"), header(&parsed, "Message-ID"));

    let hostile = mail("hostile").await.mail;
    let hostile = parse_mail(hostile.as_bytes()).unwrap();
    let names = |mail: &ParsedMail<'_>| {
        mail.headers
            .iter()
            .map(mailparse::MailHeader::get_key)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&hostile), names(&parsed));
}

#[tokio::test]
async fn a_sender_and_recipients_with_names_beyond_ascii_and_an_address_to_answer() {
    let server = MailServer::start(Encryption::None, &[]).await;
    let long = format!("alerts@{}.example.com", "a".repeat(60));
    let email = email(&server)
        .from(format!("Überwachung <{long}>"))
        .to("\"Berg, Uma\" <uma@example.org>, Zoë <zoe@example.org>")
        .reply_to("Köche <kitchen@example.org>");
    email.check().unwrap();
    email.notify(&alert("panic")).await.unwrap();
    let mail = server.mail();
    assert_eq!(mail.from, long);
    assert_eq!(
        mail.to,
        ["ops@example.com", "uma@example.org", "zoe@example.org"]
    );
    let parsed = parse_mail(mail.mail.as_bytes()).unwrap();
    assert_eq!(header(&parsed, "From"), format!("Überwachung <{long}>"));
    let mut to = parsed.headers.iter().filter(|it| it.get_key() == "To");
    let to = addrparse_header(to.next().unwrap()).unwrap();
    let to = to.iter().map(|it| match it {
        MailAddr::Single(one) => (one.display_name.as_deref(), one.addr.as_str()),
        MailAddr::Group(_) => panic!("{it:?}"),
    });
    let to: Vec<_> = to.collect();
    let expected = [
        (None, "ops@example.com"),
        (Some("Berg, Uma"), "uma@example.org"),
        (Some("Zoë"), "zoe@example.org"),
    ];
    assert_eq!(to, expected, "{}", mail.mail);
    assert_eq!(header(&parsed, "Reply-To"), "Köche <kitchen@example.org>");
    let id = format!(
        "<{}@{}>",
        alert("panic").id,
        long.split_once('@').unwrap().1
    );
    assert_eq!(header(&parsed, "Message-ID"), id);
}

//! Which settings are refused, what the environment means, and that nobody writes HTML or a link but us.

use proptest::prelude::*;

use super::draft::Draft;
use super::*;
use crate::issue::Severity;
use crate::notify::{Field, Link, Message, Section, Tone};

fn email() -> Email {
    Email::relay("smtp.example.com")
        .from("Shop monitor <alerts@example.com>")
        .to("ops@example.com")
}

#[test]
fn a_wrong_setting_is_named_with_a_right_one_and_nothing_secret() {
    assert_eq!(email().check(), Ok(()));
    assert_eq!(email().credentials("u", "s3cr3t").check(), Ok(()));
    let relay = |host: &str| Email::relay(host).from("a@example.com").to("b@example.com");
    let local = || {
        Email::plaintext("localhost")
            .from("a@example.com")
            .to("b@example.com")
    };
    for (wrong, problem) in [
        (relay(""), "host"),
        (relay("smtp://s3cr3t.example.com"), "host"),
        (relay("s3cr3t@example.com"), "host"),
        (relay("smtp.example.com:465"), "host"),
        (email().port(0), "port"),
        (email().name(""), "name"),
        (email().name("a\nb"), "name"),
        (email().credentials("", "s3cr3t"), "`credentials`"),
        (email().credentials("s3cr3t", ""), "`credentials`"),
        (email().credentials("s3cr3t\0", "x"), "`credentials`"),
        (local().credentials("me", "s3cr3t"), "without encryption"),
        (local().ca_certificate("/ca.pem"), "`ca_certificate`"),
        (email().ca_certificate("/no/such.pem"), "`ca_certificate`"),
        (email().from("s3cr3t"), "`from`"),
        (email().from("a@example.com, b@example.com"), "`from`"),
        (
            email().from("a@example.com\r\nBcc: s3cr3t@example.com"),
            "`from`",
        ),
        (email().from("ä@example.com"), "`from`"),
        (email().reply_to("s3cr3t"), "`reply_to`"),
        (email().to("s3cr3t"), "call 2"),
        (email().to(""), "call 2"),
        (email().to("a@exämple.com"), "call 2"),
        (
            Email::relay("a.example").from("a@example.com"),
            "no recipient",
        ),
        (Email::relay("a.example").to("a@example.com"), "no sender"),
    ] {
        let error = wrong.check().unwrap_err();
        assert!(error.contains(problem), "{problem}: {error}");
        assert!(error.contains('`') && !error.contains("s3cr3t"), "{error}");
        assert!(!format!("{:?}", email().credentials("s3cr3t", "s3cr3t")).contains("s3cr3t"));
    }
    let many: Vec<_> = (0..101).map(|n| format!("a{n}@example.com")).collect();
    let error = Email::relay("a.example")
        .from("a@example.com")
        .to(many.join(","));
    assert!(error.check().unwrap_err().contains("101 recipients"));
    for right in ["::1", "192.0.2.1", "my_mail", "smtp.example.com"] {
        assert_eq!(relay(right).check(), Ok(()), "{right}");
    }
}

/// The notifier that these variables mean.
fn read(url: &str) -> Option<Email> {
    Email::read(|name| match name {
        "SMTP_URL" => Some(url.to_owned()),
        "ALERT_EMAIL_FROM" => Some("a@example.com".to_owned()),
        "ALERT_EMAIL_TO" => Some("b@example.com, Uma Berg <uma@example.org>".to_owned()),
        _ => None,
    })
}

#[test]
fn the_environment_names_server_sender_and_recipients() {
    assert!(read("").is_none() && read(" ").is_none());
    assert!(Email::read(|_| None).is_none());
    for (url, security, host, port) in [
        (
            "smtps://u:p@smtp.example.com",
            Security::Tls,
            "smtp.example.com",
            465,
        ),
        (
            "SMTPS://u:p@smtp.example.com:2465/",
            Security::Tls,
            "smtp.example.com",
            2465,
        ),
        (
            "smtp://u:p@smtp.example.com",
            Security::StartTls,
            "smtp.example.com",
            587,
        ),
        (
            "smtp://u:p@smtp.example.com?tls=required",
            Security::StartTls,
            "smtp.example.com",
            587,
        ),
        (
            "smtp://localhost:1025?tls=none",
            Security::None,
            "localhost",
            1025,
        ),
        ("smtp://localhost?tls=none", Security::None, "localhost", 25),
        ("smtp://[::1]:2525?tls=none", Security::None, "::1", 2525),
        ("smtps://[::1]", Security::Tls, "::1", 465),
    ] {
        let email = read(url).unwrap();
        assert_eq!(email.check(), Ok(()), "{url}");
        let settings = &email.settings;
        let place = (settings.security, settings.host.as_str(), settings.port);
        assert_eq!(place, (security, host, port), "{url}");
        assert_eq!(email.settings.ready().unwrap().to.len(), 2);
    }
    let email = read("smtps://alerts%40example.com:p%2Fa+s%3as%25@smtp.example.com").unwrap();
    let (user, password) = email.settings.credentials.clone().unwrap();
    assert_eq!(
        (user.expose(), password.expose()),
        ("alerts@example.com", "p/a+s:s%")
    );
}

#[test]
fn a_wrong_url_in_the_environment_is_found_and_not_shown() {
    for (url, problem) in [
        ("smtp.example.com", "does not begin"),
        ("https://s3cr3t@example.com", "does not begin"),
        ("smtps://s3cr3t@example.com", "without a password"),
        ("smtps://u:s3/cr3t@example.com/s3cr3t", "a path"),
        ("smtps://u:#s3cr3t@example.com", "a fragment"),
        ("smtps://u:p@example.com:s3cr3t", "a port"),
        ("smtps://u:p@example.com:99999", "a port"),
        (
            "smtp://u:p@example.com?tls=opportunistic",
            "anybody in between",
        ),
        ("smtp://u:p@example.com?s3cr3t", "behind `?`"),
        ("smtps://u:p@example.com?tls=none", "behind `?`"),
        ("smtp://u:s3cr3t@example.com?tls=none", "without encryption"),
        ("smtps://", "host"),
        ("smtps://[::1", "host"),
    ] {
        let error = read(url).unwrap().check().unwrap_err();
        assert!(error.contains(problem), "{url}: {error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }
}

fn message(text: &str, code: bool) -> Message {
    let mut message = Message::of(&alert());
    message.title = text.to_owned();
    message.headline = text.to_owned();
    message.tone = Tone::Bad(Severity::Error);
    message.reference = text.to_owned();
    for Field { value, .. } in &mut message.fields {
        *value = text.to_owned();
    }
    message.sections = vec![Section {
        name: "stack",
        lines: vec![text.to_owned(), text.to_owned()],
        is_code: code,
    }];
    message.links = vec![Link {
        text: "issue page",
        url: format!("https://example.com/{text}"),
    }];
    message
}

fn alert() -> Alert {
    let json = include_str!("../../../tests/alerts/panic.json");
    serde_json::from_str(json).unwrap()
}

/// Every tag, with its attributes; text only counted by what could be one.
fn tags(html: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').unwrap();
        let tag = &rest[start..=end];
        let name = tag.split("href=").next().unwrap();
        tags.push(format!("{name} {}", tag.matches('"').count()));
        rest = &rest[end + 1..];
    }
    assert!(!rest.contains('>'), "{rest}");
    tags
}

proptest! {
    #[test]
    fn no_text_is_a_tag_an_attribute_or_a_character_reference(
        text in "([<>\"'&;=/!-]|</?(script|pre|td)>|&#?[a-z0-9]{1,4};|-->|\" on=\"|\\PC){0,30}",
        code in any::<bool>(),
    ) {
        let draft = |name: &str| Draft { name: name.to_owned(), url: "mailto:a@example.com".to_owned() };
        let plain = html::body(&message("x", code), Some(&draft("x")));
        let html = html::body(&message(&text, code), Some(&draft(&text)));
        prop_assert_eq!(tags(&html), tags(&plain));
        let ampersands = html.matches('&').count();
        let known: usize = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&nbsp;"]
            .iter()
            .map(|it| html.matches(it).count())
            .sum();
        prop_assert_eq!(ampersands, known);
        let unescaped = html
            .replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"")
            .replace("&#39;", "'").replace("&amp;", "&");
        prop_assert!(unescaped.contains(&text));
    }

    #[test]
    fn a_letter_goes_to_one_address_and_says_only_what_it_should(
        local in "([a-z.+?&,;%@<>\" ]|\r\n|bcc=){1,12}",
        name in "([a-zA-Z&?=% ]|\r\n|\\PC){0,20}",
    ) {
        let address = format!("{local}@example.org");
        let Some(draft) = draft(&address, &name) else {
            return Ok(());
        };
        let (to, query) = draft.url.strip_prefix("mailto:").unwrap().split_once('?').unwrap();
        let to = crate::redact::percent_decoded(&to.replace('+', "%2B")).into_owned();
        prop_assert_eq!(&to, &address);
        prop_assert!(!to.contains([',', ';', '<', '>', '"', ' ', '\r', '\n']) && to.matches('@').count() == 1);
        let names: Vec<_> = query.split('&').map(|pair| pair.split('=').next().unwrap()).collect();
        prop_assert_eq!(names, ["subject", "body"]);
        let safe = |c: char| c.is_ascii_alphanumeric() || "-._~%@?&=:".contains(c);
        prop_assert!(draft.url.chars().all(safe), "{}", draft.url);
    }
}

/// The letter to a user with this address and this name.
fn draft(address: &str, name: &str) -> Option<Draft> {
    let mut alert = alert();
    let mut occurrence = (*alert.occurrence).clone();
    let user = crate::request::User::new("42").name(name).email(address);
    occurrence.request.as_mut().unwrap().user = Some(user);
    alert.occurrence = std::sync::Arc::new(occurrence);
    Draft::of(&alert, &Message::of(&alert))
}

#[test]
fn a_letter_is_begun_only_where_there_is_somebody_to_write_to() {
    for wrong in [
        "",
        "uma",
        "uma@",
        "@example.org",
        "uma@example",
        "[redacted]",
        "a@b@example.org",
        "uma@example.org,x@example.org",
        "uma@example.org?cc=x",
        "\"u m\"@example.org",
        "uma@example.org\r\nBcc: x",
        "ümä@example.org",
        "uma@[192.0.2.1]",
        ".uma@example.org",
    ] {
        assert!(draft(wrong, "Uma").is_none(), "{wrong}");
    }
    let letter = draft("uma@example.org", "").unwrap();
    assert_eq!(letter.name, "uma@example.org");
    assert!(letter.url.contains("body=Hello%2C%0D%0A"), "{}", letter.url);
    let odd = draft("uma+a%26b&c@example.org", "Uma").unwrap();
    assert!(
        odd.url
            .starts_with("mailto:uma%2Ba%2526b%26c@example.org?subject=")
    );

    let mut over = alert();
    over.reason = crate::issue::Reason::AllClear;
    assert!(Draft::of(&over, &Message::of(&over)).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let email = Email::plaintext("127.0.0.1").port(port);
    let email = email.from("a@example.com").to("b@example.com");
    let error = email.notify(&alert()).await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

//! The judges: each accepts what is right and refuses what is wrong, so that their word on what this crate sends has weight.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use support::LONG;
use support::judges::{Bugsink, Exim, Prism, Rotel, Smtp, Verdict, node, python};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/judges/samples")
        .join(name)
}

/// The judge accepts the good sample, and finds each of `faults` in the bad one.
#[track_caller]
fn tells_apart(
    judge: fn(&str, &[&Path]) -> Verdict,
    script: &str,
    [good, bad]: [&str; 2],
    faults: &[&str],
) {
    if judge(script, &[&sample(good)]).accepts().is_none() {
        return;
    }
    let found = judge(script, &[&sample(bad)]).refuses();
    let found = found.unwrap();
    for fault in faults {
        assert!(found.contains(fault), "no {fault:?} in:\n{found}");
    }
}

/// A judge that does not answer fails the test.
async fn soon<F: Future>(answer: F) -> F::Output {
    let answer = tokio::time::timeout(LONG, answer).await;
    answer.unwrap_or_else(|_| panic!("no answer within {LONG:?}"))
}

async fn post(url: String, headers: &[(&str, &str)], body: impl Into<Bytes>) -> (u16, String) {
    let mut request = Request::post(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = soon(client.request(request)).await.unwrap();
    let status = response.status().as_u16();
    let body = soon(response.into_body().collect()).await.unwrap();
    let body = body.to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn sentrys_own_rules() {
    tells_apart(
        python,
        "sentry.py",
        ["sentry-good.envelope", "sentry-bad.envelope"],
        &[
            r#"relay: {"type": "invalid_data", "name": "level""#,
            "schema: $.exception.values[0].stacktrace.frames[0].lineno",
            "relay keeps less than the 209 of $.tags",
            "the scrubber takes out $.request.headers",
        ],
    );
}

#[test]
fn slacks_own_sdk() {
    tells_apart(
        python,
        "slack.py",
        ["slack-good.json", "slack-bad.json"],
        &[
            "blocks[0]: SlackObjectFormationError",
            "blocks[1].colour is unknown",
            "blocks[2].fields[0].text must have 1 to 2000",
            "no block 'banner'",
        ],
    );
}

#[test]
fn slacks_own_types() {
    tells_apart(
        node,
        "slack-types.mjs",
        ["slack-good.json", "slack-bad.json"],
        &[
            "'\"colour\"' does not exist",
            "'\"mrkdwn\"' is not assignable",
            "'\"banner\"' is not",
        ],
    );
}

#[test]
fn rollbars_own_schema() {
    tells_apart(
        python,
        "rollbar.py",
        ["rollbar-good.json", "rollbar-bad.json"],
        &[
            "'releese' was unexpected",
            "'environment' is a required",
            "$.data.level",
            "$.data.context",
            "frames[0].lineno",
        ],
    );
}

#[test]
fn rollbars_own_sender_keeps_to_its_schema() {
    let captured = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/payloads/captured");
    let names = ["flask-form", "flask-locals", "message", "trace-chain"];
    let files = names.map(|name| captured.join(format!("pyrollbar-1.5.0-{name}.json")));
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    python("rollbar.py", &files).accepts();
}

#[test]
fn pythons_parser_of_mails() {
    tells_apart(
        python,
        "mail.py",
        ["mail-good.eml", "mail-bad.eml"],
        &[
            "more than 998 bytes",
            "beyond ASCII: see RFC 2047",
            "no header message-id",
            "subject comes more than once",
            "CloseBoundaryNotFoundDefect",
            "as 7bit",
        ],
    );
    if let Some(read) = python("mail.py", &[&sample("mail-good.eml")]).accepts() {
        let read: Value = serde_json::from_str(&read).unwrap();
        assert_eq!(read["headers"][4][1], "Panic \u{26a0} POST /buy");
        assert_eq!(
            read["parts"][1]["text"],
            "Panic \u{26a0} in POST /buy\r\n".trim_end()
        );
    }
}

#[test]
fn chromium() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("page.png");
    let show = |name, width| {
        let page = sample(name);
        node("page.mjs", &[&page, &picture, Path::new(width)])
    };
    if show("page-good.html", "320").accepts().is_some() {
        let picture = std::fs::read(&picture).unwrap();
        assert_eq!(picture[1..4], *b"PNG");
    }
    if let Some(faults) = show("page-bad.html", "800").refuses() {
        for fault in [
            "nowhere is not defined",
            "asks for https://tracker.example.com",
            "wider than the window",
        ] {
            assert!(faults.contains(fault), "{faults}");
        }
    }
}

#[tokio::test]
async fn bugsink_stores_what_keeps_to_the_schema() {
    let Some(bugsink) = Bugsink::start() else {
        return;
    };
    let dsn: http::Uri = bugsink.dsn().parse().unwrap();
    let (key, host) = dsn.authority().unwrap().as_str().split_once('@').unwrap();
    let url = format!("http://{host}/api{}/envelope/", dsn.path());
    let auth = format!("Sentry sentry_version=7, sentry_key={key}");
    let headers = [
        ("content-type", "application/x-sentry-envelope"),
        ("x-sentry-auth", &auth),
    ];
    let good = std::fs::read_to_string(sample("sentry-good.envelope")).unwrap();
    let bad = good
        .replace("0123456789abcdef", "fedcba9876543210")
        .replace("\"error\"", "\"wrong\"");
    assert_ne!(good, bad);
    for envelope in [good, bad] {
        let (status, body) = post(url.clone(), &headers, envelope).await;
        assert_eq!(status, 200, "{body}");
    }
    let events = bugsink.events().await;
    assert_eq!(events.len(), 1, "{events:#?}");
    assert_eq!(events[0]["user"]["email"], "uma@example.org");
    assert!(bugsink.log().contains("'wrong' is not one of"));
    assert!(bugsink.stacks().await[0].contains("src/buy.rs"));
    assert_eq!(bugsink.issues().await.len(), 1);
}

#[tokio::test]
async fn two_bugsinks_know_nothing_of_each_other() {
    let (one, other) = tokio::join!(
        tokio::task::spawn_blocking(Bugsink::start),
        tokio::task::spawn_blocking(Bugsink::start)
    );
    if let (Some(one), Some(other)) = (one.unwrap(), other.unwrap()) {
        assert_ne!(one.dsn(), other.dsn());
        assert!(one.events().await.is_empty());
    }
}

#[tokio::test]
async fn prism_holds_to_pagerdutys_description() {
    let Some(prism) = Prism::start("pd-events-v2.json") else {
        return;
    };
    let url = format!("{}/enqueue", prism.url());
    let good = json!({
        "routing_key": "0123456789abcdef0123456789abcdef",
        "event_action": "trigger",
        "payload": {"summary": "boom", "source": "web-1", "severity": "critical"},
    });
    let mut bad = good.clone();
    bad["payload"]["severity"] = "serious".into();
    let (status, body) = post(url.clone(), &[JSON], good.to_string()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    let (status, body) = post(url.clone(), &[JSON], bad.to_string()).await;
    assert!((400..=422).contains(&status), "{status}: {body}");
    let limited = [JSON, ("prefer", "code=429")];
    let (status, body) = post(url, &limited, good.to_string()).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{body}");
}

#[tokio::test]
async fn prism_holds_to_discords_description() {
    let Some(prism) = Prism::start("discord-webhook.json") else {
        return;
    };
    let url = format!("{}/webhooks/123456789012345678/token", prism.url());
    let (status, body) = post(url.clone(), &[JSON], r#"{"content":"boom"}"#).await;
    assert!((200..300).contains(&status), "{status}: {body}");
    let long = json!({ "content": "x".repeat(2001) });
    let (status, body) = post(url, &[JSON], long.to_string()).await;
    assert!((400..=422).contains(&status), "{status}: {body}");
}

#[tokio::test]
async fn prism_holds_to_twilios_description() {
    let Some(prism) = Prism::start("twilio-messages.json") else {
        return;
    };
    let account = "AC0123456789abcdef0123456789abcdef";
    let url = format!(
        "{}/2010-04-01/Accounts/{account}/Messages.json",
        prism.url()
    );
    let form = ("content-type", "application/x-www-form-urlencoded");
    let auth = ("authorization", "Basic dW1hOmRlbW8=");
    let message = "To=%2B15005550006&From=%2B15005550001&Body=boom";
    let (status, body) = post(url.clone(), &[form, auth], message).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let (status, body) = post(url.clone(), &[form], message).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{body}");
    let (status, body) = post(url, &[form, auth], "From=%2B15005550001&Body=boom").await;
    assert!((400..=422).contains(&status), "{status}: {body}");
}

#[tokio::test]
async fn rotel_prints_what_it_took() {
    let Some(mut rotel) = Rotel::start() else {
        return;
    };
    let url = format!("{}/v1/logs", rotel.endpoint());
    let logs = |time: &str| {
        json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{
            "timeUnixNano": time,
            "severityNumber": 17,
            "body": {"stringValue": "boom"},
        }]}]}]})
        .to_string()
    };
    let (status, body) = post(url.clone(), &[JSON], logs("1795340339000000000")).await;
    assert_eq!(status, 200, "{body}");
    let output = rotel.output_with("Body: Str(boom)");
    assert!(
        output.contains("SeverityNumber: SEVERITY_NUMBER_ERROR(17)"),
        "{output}"
    );
    let (status, _) = post(url, &[JSON], logs("noon")).await;
    assert_eq!(status, 400);
}

/// Says the lines one after the other, and gives the code of each answer.
async fn talk<S>(stream: &mut BufStream<S>, lines: &[&str]) -> Vec<u16>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut codes = Vec::new();
    for line in lines {
        soon(stream.write_all(line.as_bytes())).await.unwrap();
        soon(stream.write_all(b"\r\n")).await.unwrap();
        soon(stream.flush()).await.unwrap();
        codes.push(answer(stream).await);
    }
    codes
}

async fn answer<S>(stream: &mut BufStream<S>) -> u16
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut line = String::new();
    loop {
        line.clear();
        soon(stream.read_line(&mut line)).await.unwrap();
        assert!(line.len() > 3, "the server hangs up");
        if !line[3..].starts_with('-') {
            return line[..3].parse().unwrap();
        }
    }
}

async fn connected(port: u16) -> BufStream<TcpStream> {
    let stream = soon(TcpStream::connect(("127.0.0.1", port))).await.unwrap();
    let mut stream = BufStream::new(stream);
    assert_eq!(answer(&mut stream).await, 220);
    stream
}

#[tokio::test]
async fn aiosmtpd_takes_mails_and_refuses_recipients() {
    let Some(smtp) = Smtp::start() else {
        return;
    };
    let said = [
        "EHLO shop",
        "MAIL FROM:<monitor@example.org>",
        "RCPT TO:<reject@example.org>",
        "RCPT TO:<later@example.org>",
        "RCPT TO:<uma@example.org>",
        "DATA",
        "Subject: boom\r\n\r\nboom\r\n.",
    ];
    let mut plain = connected(smtp.plain()).await;
    let codes = talk(&mut plain, &said).await;
    assert_eq!(codes, [250, 250, 550, 451, 250, 354, 250]);
    let mails = smtp.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert_eq!(mails[0].envelope["to"], json!(["uma@example.org"]));
    let mail = std::fs::read_to_string(&mails[0].file).unwrap();
    assert_eq!(mail, "Subject: boom\r\n\r\nboom\r\n");

    let mut starttls = connected(smtp.starttls()).await;
    let codes = talk(&mut starttls, &["EHLO shop", "MAIL FROM:<m@example.org>"]).await;
    assert_eq!(codes, [250, 530], "it wants TLS first");
}

#[tokio::test]
async fn aiosmtpd_wants_the_right_login() {
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

    let Some(smtp) = Smtp::start() else {
        return;
    };
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(smtp.authority()).unwrap())
        .unwrap();
    let provider = std::sync::Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let stream = soon(TcpStream::connect(("127.0.0.1", smtp.tls())))
        .await
        .unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = BufStream::new(soon(connector.connect(name, stream)).await.unwrap());
    assert_eq!(answer(&mut stream).await, 220);
    let said = [
        "EHLO shop",
        "MAIL FROM:<monitor@example.org>",
        // "monitor" with "wrong", then with `Smtp::PASSWORD`.
        "AUTH PLAIN AG1vbml0b3IAd3Jvbmc=",
        "AUTH PLAIN AG1vbml0b3IAY29ycmVjdCBob3JzZQ==",
        "MAIL FROM:<monitor@example.org>",
    ];
    let codes = talk(&mut stream, &said).await;
    assert_eq!(codes, [250, 530, 535, 235, 250]);
}

#[tokio::test]
async fn exim_refuses_broken_headers() {
    let Some(exim) = Exim::start() else {
        return;
    };
    let mut stream = connected(exim.port()).await;
    assert_eq!(talk(&mut stream, &["EHLO shop"]).await, [250]);
    for (to, code) in [
        ("Uma Berg <uma@example.org>", 250),
        ("Uma Berg <uma@@example.org", 550),
    ] {
        let mail = format!("From: <monitor@example.org>\r\nTo: {to}\r\n\r\nboom\r\n.");
        let said = [
            "MAIL FROM:<monitor@example.org>",
            "RCPT TO:<uma@example.org>",
            "DATA",
            &mail,
        ];
        assert_eq!(talk(&mut stream, &said).await, [250, 250, 354, code]);
    }
    assert_eq!(exim.bodies(), ["boom\n"]);
    assert!(exim.refusals().contains("malformed"), "{}", exim.refusals());
}

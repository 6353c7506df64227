//! The client keeps its limits, tells no secret, and finds its way through TLS and proxies.

use super::test_server::{Script, TestServer};
use super::*;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

fn client() -> HttpClient {
    HttpClient::new().unwrap()
}

fn behind(proxy: &str) -> HttpClient {
    let proxies = Matcher::builder().all(proxy).no("direct.example").build();
    HttpClient::with(tls::config(None).unwrap(), Some(proxies))
}

async fn post(client: &HttpClient, url: &str) -> Result<HttpAnswer, NotifyError> {
    let mut headers = HeaderMap::new();
    let mut key = HeaderValue::from_static("Bearer tok_0123456789");
    key.set_sensitive(true);
    headers.insert("authorization", key);
    let body = Bytes::from_static(b"hello");
    let url = url.parse().unwrap();
    Ok(client.post(&url, headers, body, &[]).await?)
}

async fn answered(script: Script) -> Result<HttpAnswer, NotifyError> {
    let server = TestServer::start(script).await;
    post(&client(), &server.url("/in")).await
}

fn say(text: &str) -> Script {
    Script::Say(text.as_bytes().to_vec())
}

#[tokio::test]
async fn a_request_is_one_post_on_a_connection_of_its_own() {
    let server = TestServer::start(Script::answer("200 OK", &["X-Made-By: us"], "fine")).await;
    let answer = post(&client(), &server.url("/in?x=1")).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["x-made-by"], "us");
    assert_eq!(answer.body, "fine");

    let request = server.request();
    assert_eq!(request.line(), "POST /in?x=1 HTTP/1.1");
    assert_eq!(request.header("host"), Some(&*server.address.to_string()));
    assert_eq!(request.header("connection"), Some("close"));
    assert_eq!(
        request.header("authorization"),
        Some("Bearer tok_0123456789")
    );
    assert_eq!(request.body, b"hello");
}

#[tokio::test]
async fn a_url_without_a_path_asks_for_the_root() {
    let server = TestServer::start(Script::answer("204 No Content", &[], "")).await;
    post(&client(), &server.url("")).await.unwrap();
    assert_eq!(server.request().line(), "POST / HTTP/1.1");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = TestServer::start(Script::answer("200 OK", &[], "")).await;
    let location = format!("Location: {}", target.url("/"));
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 P"] {
        let answer = answered(Script::answer(status, &[&location], "")).await;
        let error = classify(&answer.unwrap()).unwrap_err();
        assert!(!error.is_temporary() && !error.is_destination_gone());
    }
    assert!(target.requests().is_empty());
}

#[tokio::test]
async fn only_the_beginning_of_a_long_answer_is_read() {
    const LENGTH: usize = 64 * 1024 * 1024;
    let server = TestServer::start(Script::Flood(LENGTH)).await;
    let answer = post(&client(), &server.url("/in")).await.unwrap();
    assert_eq!(answer.body.len(), ANSWER_LIMIT);
    assert!(server.written_until_closed().await < LENGTH);
}

#[tokio::test]
async fn a_head_without_end_is_no_answer() {
    let text = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(4 * ANSWER_LIMIT));
    let error = answered(say(&text)).await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
}

#[tokio::test]
async fn no_answer_and_garbage_are_temporary() {
    for text in [
        "",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "SSH-2.0-OpenSSH_9.6\r\n",
        "\0\u{7f}\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
    ] {
        let error = answered(say(text)).await.unwrap_err();
        assert!(error.is_temporary(), "{text:?}: {error}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_does_not_undo_the_status() {
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\nzz",
    ] {
        assert_eq!(answered(say(text)).await.unwrap().body, "begun");
    }
}

#[tokio::test]
async fn a_server_that_hangs_costs_no_more_than_the_limit() {
    let mut client = client();
    client.call_limit = Duration::from_millis(50);
    let server = TestServer::start(Script::SayAndHang(Vec::new())).await;
    let error = post(&client, &server.url("/in")).await.unwrap_err();
    assert!(error.is_temporary());
    assert!(
        error.to_string().ends_with("no answer within 50ms"),
        "{error}"
    );

    let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegun".to_vec();
    let server = TestServer::start(Script::SayAndHang(begun)).await;
    let answer = post(&client, &server.url("/in")).await.unwrap();
    assert_eq!(answer.body, "begun");

    // A body that hangs is not waited for as long as an answer.
    (client.call_limit, client.body_limit) = (Duration::MAX / 4, Duration::from_millis(50));
    let answer = post(&client, &server.url("/in")).await.unwrap();
    assert_eq!(answer.body, "begun");
}

#[tokio::test]
async fn what_may_have_been_obeyed_is_told_from_what_has_not_gone_out() {
    let failed = async |client: HttpClient, url: &str| {
        let (url, headers) = (url.parse().unwrap(), HeaderMap::new());
        let sent = client.post(&url, headers, Bytes::new(), &[]).await;
        sent.unwrap_err()
    };
    let server = TestServer::start(say("")).await;
    let failure = failed(client(), &server.url("/in")).await;
    assert!(matches!(failure, Failure::Unanswered(_)), "{failure:?}");

    let mut short = client();
    short.connect_limit = Duration::from_millis(50);
    let server = TestServer::start(Script::Ignore).await;
    let failure = failed(short, &format!("https://{}/in", server.address)).await;
    assert!(matches!(failure, Failure::Unsent(_)), "{failure:?}");
    let socks = behind("socks5://127.0.0.1:1080");
    let failure = failed(socks, "https://a.example/").await;
    assert!(matches!(failure, Failure::Unsent(_)), "{failure:?}");
}

#[tokio::test]
async fn the_limit_for_connecting_includes_tls_and_the_proxy() {
    let server = TestServer::start(Script::Ignore).await;
    for (mut client, url) in [
        (client(), format!("https://{}/in", server.address)),
        (behind(&server.url("")), "https://a.example/in".to_owned()),
    ] {
        client.connect_limit = Duration::from_millis(50);
        let error = post(&client, &url).await.unwrap_err();
        assert!(error.is_temporary());
        assert!(error.to_string().ends_with(" within 50ms"), "{error}");
    }
}

#[tokio::test]
async fn errors_and_answers_show_nothing_of_the_url_but_scheme_and_host() {
    // Nobody listens there: the port is free again.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let url = format!("http://{address}/services/T0000/s3cr3t-path?token=s3cr3t-query");
    let error = post(&client(), &url).await.unwrap_err().to_string();
    assert!(
        error.contains(&format!("http://{address}: could not connect")),
        "{error}"
    );
    assert!(!error.contains("s3cr3t"), "{error}");

    let echo = "Cannot POST /services/T0000/s3cr3t-path?token=s3cr3t-query; no s3cr3t-query for tok_0123456789";
    let server = TestServer::start(Script::answer("404 Not Found", &[], echo)).await;
    let url = server.url("/services/T0000/s3cr3t-path?token=s3cr3t-query");
    let error = classify(&post(&client(), &url).await.unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the destination takes nothing any more: 404 Not Found: Cannot POST [redacted]; no [redacted] for [redacted]"
    );
}

#[tokio::test]
async fn plain_http_goes_through_a_proxy_with_the_whole_url_and_the_login() {
    let proxy = TestServer::start(Script::answer("202 Accepted", &[], "")).await;
    let client = behind(&format!("http://user:p%40ss@{}", proxy.address));
    let answer = post(&client, "http://a.example/in?x=1").await.unwrap();
    assert_eq!(answer.status, 202);
    let request = proxy.request();
    assert_eq!(request.line(), "POST http://a.example/in?x=1 HTTP/1.1");
    assert_eq!(request.header("host"), Some("a.example"));
    // The Base64 form of `user:p@ss`.
    let login = request.header("proxy-authorization");
    assert_eq!(login, Some("Basic dXNlcjpwQHNz"));
}

#[tokio::test]
async fn this_machine_is_reached_without_a_proxy() {
    let server = TestServer::start(Script::answer("200 OK", &[], "direct")).await;
    let proxy = TestServer::start(Script::answer("502 Bad Gateway", &[], "")).await;
    let port = server.address.port();
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{port}/in");
        let answer = post(&behind(&proxy.url("")), &url).await.unwrap();
        assert_eq!(answer.body, "direct");
    }
    assert!(proxy.requests().is_empty());
}

#[tokio::test]
async fn a_proxy_that_repeats_its_login_brings_it_into_no_log() {
    let echo = "you sent Basic dXNlcjpwQHNz; dXNlcjpwQHNz is not known";
    let proxy = TestServer::start(Script::answer("403 Forbidden", &[], echo)).await;
    let client = behind(&format!("http://user:p%40ss@{}", proxy.address));
    let answer = post(&client, "http://a.example/in").await.unwrap();
    assert_eq!(answer.body, "you sent [redacted]; [redacted] is not known");
}

#[tokio::test]
async fn https_goes_through_a_tunnel_and_the_proxy_sees_only_the_host() {
    let (trusting, acceptor) = certificate("a.example");
    let server = TestServer::start_tls(Script::answer("200 OK", &[], "in"), acceptor).await;
    let proxy = TestServer::start(Script::Tunnel(server.address)).await;
    let proxies = format!("http://user:p%40ss@{}", proxy.address);
    let client = HttpClient::with(trusting, Some(Matcher::builder().https(proxies).build()));
    let answer = post(&client, "https://a.example/s3cr3t").await.unwrap();
    assert_eq!(answer.body, "in");

    let request = proxy.request();
    assert_eq!(request.line(), "CONNECT a.example:443 HTTP/1.1");
    let login = request.header("proxy-authorization");
    assert_eq!(login, Some("Basic dXNlcjpwQHNz"));
    let request = server.request();
    assert_eq!(request.line(), "POST /s3cr3t HTTP/1.1");
    assert_eq!(request.header("proxy-authorization"), None);
}

#[tokio::test]
async fn a_proxy_that_refuses_the_tunnel_is_temporary() {
    for status in ["407 Proxy Authentication Required", "502 Bad Gateway"] {
        let proxy = TestServer::start(Script::answer(status, &[], "")).await;
        let client = behind(&format!("http://user:s3cr3t@{}", proxy.address));
        let error = post(&client, "https://a.example/s3cr3t").await.unwrap_err();
        assert!(error.is_temporary());
        let error = error.to_string();
        let expected = format!(
            "https://a.example: could not connect through the proxy http://{}: tunnel error: ",
            proxy.address
        );
        assert!(
            error.contains(&expected) && !error.contains("s3cr3t"),
            "{error}"
        );
    }
}

#[test]
fn debug_shows_nothing_of_the_url_but_scheme_and_host() {
    let target = Target {
        what: "the URL",
        url: "https://a.example/s3cr3t?s3cr3t=1",
        right: "https://a.example/",
        is_secure: true,
        env_proxy: false,
    };
    let endpoint = Endpoint::new(&target)
        .unwrap()
        .hiding(&Secret::new("s3cr3t"));
    let text = format!("{endpoint:?}");
    assert!(
        text.contains("https://a.example\"") && !text.contains("s3cr3t"),
        "{text}"
    );
}

#[test]
fn a_proxy_is_asked_for_nothing_that_it_cannot_do() {
    let url = |url: &str| url.parse().unwrap();
    let socks = behind("socks5://127.0.0.1:1080");
    let problem = socks.check(&url("https://a.example/")).unwrap_err();
    assert!(problem.contains("`socks5`"), "{problem}");
    assert!(socks.check(&url("https://direct.example/")).is_ok());
    assert!(client().check(&url("https://a.example/")).is_ok());
}

#[tokio::test]
async fn https_is_spoken_with_those_who_have_a_trusted_certificate_for_their_name() {
    let (trusting, acceptor) = certificate("127.0.0.1");
    let server = TestServer::start_tls(Script::answer("200 OK", &[], "in"), acceptor).await;
    let url = format!("https://{}/in", server.address);
    let answer = post(&HttpClient::with(trusting, None), &url).await.unwrap();
    assert_eq!(answer.body, "in");

    let error = post(&client(), &url).await.unwrap_err();
    assert!(error.is_temporary());
    assert!(
        error.to_string().contains("invalid peer certificate"),
        "{error}"
    );

    let (trusting, acceptor) = certificate("another.example");
    let server = TestServer::start_tls(Script::answer("200 OK", &[], "in"), acceptor).await;
    let url = format!("https://{}/in", server.address);
    let error = post(&HttpClient::with(trusting, None), &url)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("invalid peer certificate"),
        "{error}"
    );
    assert!(server.requests().is_empty());
}

/// A client that trusts a new certificate for `name`, and a server that has it.
fn certificate(name: &str) -> (ClientConfig, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let certificate = made.cert.der().clone();
    let provider = || Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (client, TlsAcceptor::from(Arc::new(server)))
}

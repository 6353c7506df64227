//! The command in an occurrence sends the same request again, through a real shell and a real client.

use axum::Router;
use axum::body::{Body, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use proptest::prelude::*;
use serde_json::Value;
use std::process::Command;
use tokio::net::TcpListener;
use tower::ServiceExt;
use tower_monitor::Occurrence;
use tower_monitor::request::RequestBodies;

use crate::support::programs::{installed, limited, output};
use crate::support::{text, watched};

/// The occurrence of a failing request like this one.
async fn told(request: Request<Body>) -> Occurrence {
    let watched =
        watched(|builder| builder.request_bodies(RequestBodies::new().max_bytes(64 * 1024)));
    let app = Router::new()
        .fallback(async |_: Bytes| http::StatusCode::BAD_GATEWAY)
        .layer(axum::extract::DefaultBodyLimit::disable())
        .layer(watched.monitor.layer());
    let _ = text(app.oneshot(request).await.unwrap()).await;
    watched.occurrence().await
}

fn is_a_command(script: &str) {
    if installed("bash") {
        let checked = limited(Command::new("bash").args(["-n", "-c", script]));
        let said = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success(), "{said}\n{script}");
    }
}

type Sent = (Method, Uri, HeaderMap, Bytes);

/// Runs the command against a server that keeps what it gets; `None` where there is no `curl`, which the terminal says.
async fn sent_again(curl: impl FnOnce(u16) -> String) -> Option<Sent> {
    if !["bash", "curl"].into_iter().all(installed) {
        return None;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
    let echo = Router::new().fallback(async move |request: Request<Body>| {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        send.send((head.method, head.uri, head.headers, body))
            .unwrap();
    });
    let server = tokio::spawn(async move { axum::serve(listener, echo).await });
    let command = format!(
        "{} --silent --show-error --max-time 20 --noproxy '*'",
        curl(port)
    );
    let ran = tokio::task::spawn_blocking(move || {
        let mut bash = Command::new("bash");
        bash.args(["-c", &command]).env_remove("http_proxy");
        output(&bash)
    });
    ran.await.unwrap();
    server.abort();
    Some(receive.recv().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_sends_the_same_request_again() {
    let body = "{\"a\":\"it's $HOME `id` \\\\ \\u0000 ü\",\"b\":\"@/etc/hosts\"}\n\t";
    let cases = [
        (Method::GET, "/a/b?x=1&y=%27%20", None),
        (Method::POST, "/buy/[1]{2}?q[]=1", Some(body)),
        (Method::PUT, "/a/../b/./c//d", Some("@/etc/hosts")),
        (Method::DELETE, "/a%2Fb?", None),
        (Method::PATCH, "/", Some("")),
    ];
    for (method, target, body) in cases {
        let mut built = None;
        let build = |port: u16| {
            let request = Request::builder()
                .method(method.clone())
                .uri(target)
                .header("host", format!("127.0.0.1:{port}"))
                .header("x-odd", "it's \"odd\" $(id) \\ @x")
                .header("x-empty", "")
                .header("x-two", "1")
                .header("x-two", "2")
                .header("accept-language", "de, en;q=0.5");
            let request = match body {
                Some(_) => request.header("content-type", "application/json"),
                None => request,
            };
            let request = request.body(Body::from(body.unwrap_or_default())).unwrap();
            let occurrence = tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(told(request))
            });
            let curl = occurrence.request.as_ref().unwrap().curl.clone();
            is_a_command(&curl);
            built = Some(curl.clone());
            curl
        };
        let Some((sent_method, uri, headers, sent_body)) = sent_again(build).await else {
            return;
        };
        let curl = built.unwrap();
        assert_eq!(sent_method, method, "{curl}");
        assert_eq!(uri.to_string(), target, "{curl}");
        assert_eq!(headers["x-odd"], "it's \"odd\" $(id) \\ @x", "{curl}");
        assert_eq!(headers.get_all("x-two").iter().count(), 2, "{curl}");
        assert_eq!(
            headers.get("x-empty").map(HeaderValue::as_bytes),
            Some(&b""[..]),
            "{curl}"
        );
        assert_eq!(headers["accept-language"], "de, en;q=0.5");
        // JSON is written anew when it is redacted, field by field.
        let sent: Option<Value> = serde_json::from_slice(&sent_body).ok();
        let kept: Option<Value> = body.and_then(|body| serde_json::from_str(body).ok());
        assert_eq!(sent, kept, "{curl}");
    }
}

#[tokio::test]
async fn a_request_that_is_too_large_for_a_command_still_gives_one() {
    let quotes = "'".repeat(60_000);
    let request = Request::post("/large?q=1")
        .header("content-type", "text/plain")
        .header("x-quotes", &quotes[..1_900])
        .header("x-more-quotes", &quotes[..1_900])
        .body(Body::from(quotes))
        .unwrap();
    let occurrence = told(request).await;
    let curl = &occurrence.request.as_ref().unwrap().curl;
    assert!(
        curl.len() <= 16 * 1024 && curl.contains("/large?q=1"),
        "{curl}"
    );
    is_a_command(curl);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn whatever_a_client_sends_the_command_is_one(
        path in "/[!-;=?-Z\\\\_a-z~]{0,40}",
        values in prop::collection::vec(prop::collection::vec(prop_oneof![32u8..127, 128u8..=255, Just(b'\'')], 0..60), 3),
        body in prop::collection::vec(any::<u8>(), 0..3_000),
    ) {
        let Ok(uri) = path.parse::<Uri>() else { return Ok(()) };
        let mut request = Request::post(uri).header("content-type", "text/plain").body(Body::from(body)).unwrap();
        for (name, value) in ["host", "x-one", "cookie"].into_iter().zip(values) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                request.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let occurrence = runtime.block_on(told(request));
        is_a_command(&occurrence.request.as_ref().unwrap().curl);
    }
}

//! What went wrong once when people tried hard: servers' habits, the app's own code in the wrong moment, secrets in odd places.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use support::{LONG, Watched, get, id, quiet, text, watched};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tower::{Layer, ServiceExt, service_fn};
use tower_monitor::{
    Alert, Audit, LossReason, Monitor, Notifier, NotifyError, PeerAddr, RequestContext, User,
};

/// An app whose only handler is this one.
macro_rules! app {
    ($watched:expr, $handler:expr) => {
        Router::new()
            .fallback(any($handler))
            .layer($watched.monitor.layer())
    };
}

/// `hello` and a trailer, from a body that says only by its end that it is over.
fn with_trailers() -> Response<impl http_body::Body<Data = Bytes, Error = Infallible>> {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("1"));
    let body =
        Full::new(Bytes::from("hello")).with_trailers(std::future::ready(Some(Ok(trailers))));
    Response::builder()
        .header("trailer", "x-sum")
        .body(body)
        .unwrap()
}

/// What a client of hyper's HTTP/1 server reads.
async fn over_http_1<B>(watched: &Watched, answer: fn() -> Response<B>) -> String
where
    B: http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let respond = service_fn(move |_: Request<hyper::body::Incoming>| async move {
        Ok::<_, Infallible>(answer())
    });
    let service = TowerToHyperService::new(watched.monitor.layer().layer(respond));
    let (mut client, server) = tokio::io::duplex(65_536);
    let server = http1::Builder::new().serve_connection(TokioIo::new(server), service);
    let server = tokio::spawn(async move { server.await.is_ok() });
    let request = b"GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: close\r\n\r\n";
    client.write_all(request).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(server.await.unwrap());
    answer
}

#[tokio::test]
async fn a_response_with_trailers_is_complete_over_http_1_and_2() {
    let watched = watched(|builder| builder);
    let answer = over_http_1(&watched, with_trailers).await;
    assert!(answer.ends_with("hello"), "{answer}");

    let respond = service_fn(|_: Request<hyper::body::Incoming>| async {
        Ok::<_, Infallible>(with_trailers())
    });
    let service = TowerToHyperService::new(watched.monitor.layer().layer(respond));
    let (client, server) = tokio::io::duplex(65_536);
    let server =
        http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(server), service);
    tokio::spawn(async move { server.await.is_ok() });
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(client));
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(async move { connection.await.is_ok() });
    let request = Request::builder()
        .uri("http://a/")
        .body(Full::new(Bytes::new()))
        .unwrap();
    let body = sender.send_request(request).await.unwrap().into_body();
    assert!(body.collect().await.unwrap().trailers().is_some());

    let records = watched.records_reach(2).await;
    assert!(
        records.iter().all(|record| record["outcome"] == "answered"),
        "{records:?}"
    );
}

/// Five bytes whose number is known, from a body that does not know that it is over.
struct Counted(Option<Bytes>);

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|data| Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |data| data.len() as u64))
    }
}

#[tokio::test]
async fn a_response_of_known_length_is_complete_when_the_server_has_got_it() {
    let watched = watched(|builder| builder);
    let answer = over_http_1(&watched, || {
        Response::new(Counted(Some(Bytes::from("hello"))))
    })
    .await;
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    assert_eq!(watched.record().await["outcome"], "answered");
}

#[tokio::test]
async fn requests_after_the_shutdown_are_written_and_flushed() {
    let watched = watched(|builder| builder);
    let app = app!(watched, || async { "served" });
    assert!(watched.monitor.shutdown(LONG).await);
    for _ in 0..20 {
        let _ = text(app.clone().oneshot(get("/")).await.unwrap()).await;
    }
    assert!(watched.monitor.flush(LONG).await);
    assert_eq!(watched.raw_log().lines().count(), 20);
    assert_eq!(watched.monitor.losses().total(), 0);
}

/// Delivers when it is let.
#[derive(Clone)]
struct Gated(Arc<Semaphore>);

impl Notifier for Gated {
    fn name(&self) -> &str {
        "gated"
    }

    async fn notify(&self, _: &Alert) -> Result<(), NotifyError> {
        self.0.acquire().await.unwrap().forget();
        Ok(())
    }
}

#[tokio::test]
async fn two_shutdowns_and_a_flush_at_once_tell_the_truth() {
    for delivered in [true, false] {
        quiet();
        let gate = Arc::new(Semaphore::new(0));
        let monitor = Monitor::builder()
            .no_audit()
            .notifier(Gated(Arc::clone(&gate)))
            .build()
            .unwrap();
        let app = Router::new()
            .fallback(any(|| async { StatusCode::SERVICE_UNAVAILABLE }))
            .layer(monitor.layer());
        let _ = text(app.oneshot(get("/")).await.unwrap()).await;
        let limit = if delivered {
            LONG
        } else {
            Duration::from_millis(50)
        };
        let open = async {
            if delivered {
                gate.add_permits(1);
            }
        };
        let (flush, one, two, ()) = tokio::join!(
            monitor.flush(limit),
            monitor.shutdown(limit),
            monitor.shutdown(limit),
            open
        );
        assert_eq!((flush, one, two), (delivered, delivered, delivered));
        let lost = monitor.losses().of(LossReason::AlertUndelivered);
        assert_eq!(lost, u64::from(!delivered));
    }
}

/// Asks to be left alone for an hour.
struct Busy;

impl Notifier for Busy {
    fn name(&self) -> &str {
        "busy"
    }

    async fn notify(&self, _: &Alert) -> Result<(), NotifyError> {
        Err(NotifyError::temporary("429").retry_after(Duration::from_secs(3_600)))
    }
}

#[tokio::test]
async fn flushes_take_no_place_of_an_alert() {
    quiet();
    let monitor = Monitor::builder()
        .no_audit()
        .notifier(Busy)
        .build()
        .unwrap();
    let app = |path: &'static str| {
        Router::new()
            .route(path, any(|| async { StatusCode::SERVICE_UNAVAILABLE }))
            .layer(monitor.layer())
    };
    let _ = text(app("/a").oneshot(get("/a")).await.unwrap()).await;
    for _ in 0..100 {
        assert!(!monitor.flush(Duration::ZERO).await);
    }
    let _ = text(app("/b").oneshot(get("/b")).await.unwrap()).await;
    assert!(!monitor.flush(Duration::ZERO).await);
    assert_eq!(monitor.losses().total(), 0, "{:?}", monitor.losses());
}

#[tokio::test]
async fn secrets_in_odd_places_come_out_nowhere() {
    let watched = watched(|builder| builder.redact(["pw"]));
    let app = app!(watched, |context: RequestContext| async move {
        context.set_user(User::new("42").name("Bearer S3cretS3cret"));
        let beginning = "x ".repeat(501);
        (
            StatusCode::BAD_GATEWAY,
            format!("{beginning}postgres://app:S3cretS3cret@db"),
        )
    });
    let uri = "http://uma:S3cretS3cret@shop/reset;token=S3cretS3cret?pw=S3cretS3cret";
    let _ = text(app.oneshot(get(uri)).await.unwrap()).await;
    let alert = serde_json::to_string(&watched.alert().await).unwrap();
    assert!(!alert.contains("S3cret"), "{alert}");
    assert!(
        !watched.raw_log().contains("S3cret"),
        "{}",
        watched.raw_log()
    );

    let app = app!(watched, |context: RequestContext| async move {
        format!("{context:?}")
    });
    assert!(
        !text(app.oneshot(get(uri)).await.unwrap())
            .await
            .contains("S3cret")
    );
}

/// What a subscriber writes.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        std::io::Write::write(&mut *self.0.lock().unwrap(), bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_span_has_no_secret_either() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let monitor = Monitor::builder().audit(Audit::tracing()).build().unwrap();
    let app = Router::new()
        .fallback(any(|| async { tracing::info!("in the request") }))
        .layer(monitor.layer());
    let _ = text(app.oneshot(get("/reset;token=S3cretS3cret")).await.unwrap()).await;
    let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(
        written.contains("in the request") && written.contains("request.id="),
        "{written}"
    );
    assert!(
        written.contains("url.path=\"/reset;token=[redacted]\""),
        "{written}"
    );
    assert!(!written.contains("S3cret"), "{written}");
}

#[tokio::test]
async fn a_title_is_one_harmless_line() {
    let watched = watched(|builder| builder);
    let app = app!(watched, || async {
        panic!("expected \u{1b}[2J\u{202e}evil\nsecond") as ()
    });
    let _ = text(app.oneshot(get("/")).await.unwrap()).await;
    let title = watched.alert().await.issue.title;
    assert_eq!(title, "panic: expected \\u{1b}[2J\\u{202e}evil");
}

struct Owner(Vec<u8>, Arc<AtomicBool>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.1.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_context_that_is_kept_keeps_no_read_buffer() {
    let watched = watched(|builder| builder);
    let kept = Arc::new(Mutex::new(None));
    let app = {
        let kept = Arc::clone(&kept);
        app!(watched, move |context: RequestContext| async move {
            *kept.lock().unwrap() = Some(context);
        })
    };
    let freed = Arc::new(AtomicBool::new(false));
    let buffer = Bytes::from_owner(Owner(vec![b'x'; 400_000], Arc::clone(&freed)));
    let mut request = get("/");
    for name in [
        "host",
        "user-agent",
        "referer",
        "accept",
        "content-type",
        "x-request-id",
    ] {
        let value = HeaderValue::from_maybe_shared(buffer.slice(0..9)).unwrap();
        request.headers_mut().insert(name, value);
    }
    drop(buffer);
    let _ = text(app.oneshot(request).await.unwrap()).await;
    assert!(kept.lock().unwrap().is_some() && freed.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_client_that_makes_up_paths_makes_up_no_problems() {
    let watched = watched(|builder| builder);
    let down = service_fn(|_: Request<Body>| async {
        Ok::<_, Infallible>(Response::builder().status(503).body(Body::empty()).unwrap())
    });
    let service = watched.monitor.layer().layer(down);
    for n in 0..400_u32 {
        let letters: String = n
            .to_string()
            .bytes()
            .map(|digit| char::from(digit + 49))
            .collect();
        let mut request = get(&format!("/{letters}"));
        if n % 2 == 0 {
            *request.method_mut() = letters.to_uppercase().parse().unwrap();
        }
        let _ = text(service.clone().oneshot(request).await.unwrap()).await;
    }
    // New, the 10th and the 100th; of GET and of all methods that nobody knows.
    assert!(watched.alerts().await.len() <= 2 * 3);
    let counts: Vec<_> = watched
        .monitor
        .issues()
        .await
        .unwrap()
        .iter()
        .map(|issue| issue.count)
        .collect();
    assert_eq!(counts, [200, 200]);
}

#[tokio::test]
async fn a_panicking_setting_stays_without_consequence() {
    let watched = watched(|builder| {
        builder
            .failing_statuses(|_| panic!("expected in a setting"))
            .peer_address(|_| panic!("expected in another"))
    });
    let app = app!(watched, || async { StatusCode::SERVICE_UNAVAILABLE });
    assert_eq!(app.oneshot(get("/")).await.unwrap().status(), 503);
    assert_eq!(
        watched.record().await["outcome"],
        "failed",
        "as if nothing were set"
    );
}

/// A future that is ready at once, and panics when it is dropped.
struct Bomb(Option<Response<Body>>);

impl Future for Bomb {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(self.0.take().unwrap()))
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("expected while dropped");
    }
}

#[tokio::test]
async fn a_future_that_panics_when_it_is_done_with_is_contained_and_told() {
    let watched = watched(|builder| builder);
    let service = watched
        .monitor
        .layer()
        .layer(service_fn(|_: Request<Body>| {
            Bomb(Some(Response::new(Body::from("served"))))
        }));
    assert_eq!(
        text(service.oneshot(get("/")).await.unwrap()).await,
        "served"
    );
    assert_eq!(
        watched.alert().await.issue.title,
        "panic: expected while dropped"
    );
}

/// A value that looks at the request while it becomes JSON.
struct Curious(RequestContext);

impl From<Curious> for serde_json::Value {
    fn from(curious: Curious) -> Self {
        curious.0.route().into()
    }
}

#[tokio::test]
async fn values_of_the_app_may_ask_for_the_request() {
    let watched = watched(|builder| builder);
    let app = app!(watched, |context: RequestContext| async move {
        context.set_route("/curious");
        context.set_extra("route", Curious(context.clone()));
        StatusCode::BAD_GATEWAY
    });
    let _ = text(app.oneshot(get("/")).await.unwrap()).await;
    let request = watched.alert().await.occurrence.request.clone().unwrap();
    assert_eq!(request.extra["route"], "/curious");
}

#[tokio::test]
async fn of_two_request_ids_none_is_believed() {
    let watched = watched(|builder| builder.trusted_proxies(["10.0.0.1"]));
    let app = app!(watched, || async {});
    let mut request = get("/");
    request
        .extensions_mut()
        .insert(PeerAddr("10.0.0.1:1".parse().unwrap()));
    for value in ["made-by-client", "made-by-proxy"] {
        request
            .headers_mut()
            .append("x-request-id", HeaderValue::from_static(value));
    }
    assert_eq!(id(&app.oneshot(request).await.unwrap()).len(), 36);
}

#[tokio::test]
async fn two_monitors_round_one_request_agree_on_its_id() {
    let (outer, inner) = (watched(|builder| builder), watched(|builder| builder));
    let app = app!(inner, || async { panic!("expected") as () }).layer(outer.monitor.layer());
    let response = app.oneshot(get("/")).await.unwrap();
    let id = id(&response);
    assert!(text(response).await.contains(&id));
    assert_eq!(
        inner.record().await["request.id"],
        outer.record().await["request.id"]
    );
}

#[tokio::test]
async fn who_only_says_that_it_speaks_grpc_gets_the_status_of_http() {
    let watched = watched(|builder| builder);
    let app = app!(watched, || async { panic!("expected") as () });
    for (method, kind, status) in [
        ("GET", "application/grpc", 500),
        ("POST", "application/grpc-web", 500),
        ("POST", "application/grpc+proto", 200),
    ] {
        let request = Request::builder()
            .method(method)
            .uri("/")
            .header("content-type", kind);
        let response = app
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), status, "{method} {kind}");
        assert_eq!(response.headers()["cache-control"], "no-store");
    }
}

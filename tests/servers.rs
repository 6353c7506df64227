//! Under real servers on the loopback: axum, plain hyper with HTTP/1 and HTTP/2, tonic; with clients that leave.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::routing::get;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use support::{Watched, watched};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, ServiceBuilder, service_fn};
use tower_monitor::{Kind, PeerAddr};

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn app(watched: &Watched) -> Router {
    Router::new()
        .route("/hello", get(|| async { "hello" }))
        .route(
            "/file",
            get(|| async {
                // A stream whose length is in a header only.
                let items = [
                    Ok::<_, Infallible>(Bytes::from_static(b"12345")),
                    Ok(Bytes::from_static(b"67890")),
                ];
                (
                    [("content-length", "10")],
                    Body::from_stream(futures_util::stream::iter(items)),
                )
            }),
        )
        .route("/panic", get(|| async { panic!("expected") as () }))
        .route(
            "/breaks",
            get(|| async {
                let items = [
                    Ok(Bytes::from_static(b"begin")),
                    Err(std::io::Error::other("expected")),
                ];
                Body::from_stream(futures_util::stream::iter(items))
            }),
        )
        .route(
            "/endless",
            get(|| async {
                Body::from_stream(futures_util::stream::repeat_with(|| {
                    Ok::<_, Infallible>(Bytes::from_static(&[7; 4096]))
                }))
            }),
        )
        .route("/never", get(std::future::pending::<()>))
        .route(
            "/ws",
            get(|upgrade: WebSocketUpgrade| async {
                upgrade.on_upgrade(|mut socket| async move {
                    while let Some(Ok(message)) = socket.recv().await {
                        if socket.send(message).await.is_err() {
                            return;
                        }
                    }
                })
            }),
        )
        .layer(watched.monitor.layer())
}

/// Sends one request by hand and gives what comes until the server has answered `until`.
async fn raw(address: SocketAddr, request: &str, until: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(until) {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        seen.extend_from_slice(&buffer[..read]);
        if read == 0 {
            break;
        }
    }
    (stream, String::from_utf8_lossy(&seen).into_owned())
}

fn outcome(record: &serde_json::Value) -> (String, String) {
    let field = |name: &str| record[name].as_str().unwrap_or("-").to_owned();
    (field("url.path"), field("outcome"))
}

#[tokio::test]
async fn axum_over_http_1_in_every_outcome() {
    let watched = watched(|builder| builder);
    let address = serve(app(&watched)).await;
    let get =
        |path: &str| format!("GET {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n");

    let (_, hello) = raw(address, &get("/hello"), "\r\n\r\nhello").await;
    assert!(
        hello.starts_with("HTTP/1.1 200") && hello.contains("x-request-id: "),
        "{hello}"
    );
    let (_, file) = raw(address, &get("/file"), "67890").await;
    assert!(file.ends_with("1234567890"), "{file}");
    let (_, panic) = raw(address, &get("/panic"), "}").await;
    assert!(
        panic.starts_with("HTTP/1.1 500") && !panic.contains("expected"),
        "{panic}"
    );
    let (_, breaks) = raw(address, &get("/breaks"), "0\r\n\r\n").await;
    assert!(!breaks.ends_with("0\r\n\r\n"), "cut, not ended: {breaks}");
    let records = watched.records_reach(4).await;
    assert_eq!(records[0]["client.address"], "127.0.0.1");

    let (stream, _) = raw(address, &get("/endless"), "\u{7}").await;
    drop(stream);
    watched.records_reach(5).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(get("/never").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    drop(stream);
    let records = watched.records_reach(6).await;
    let outcomes: Vec<_> = records.iter().map(outcome).collect();
    let expected = [
        ("/hello", "answered"),
        ("/file", "answered"),
        ("/panic", "panicked"),
        ("/breaks", "body_broken"),
        ("/endless", "abandoned"),
        ("/never", "abandoned"),
    ];
    assert_eq!(
        outcomes,
        expected.map(|(path, outcome)| (path.to_owned(), outcome.to_owned()))
    );
    assert_eq!(records[4]["abandoned.at"], "body");
    assert_eq!(records[5]["abandoned.at"], "head");
    let kinds: Vec<_> = watched
        .alerts()
        .await
        .iter()
        .map(|alert| alert.issue.kind)
        .collect();
    assert_eq!(kinds, [Kind::Panic, Kind::BodyBroken]);
}

#[tokio::test]
async fn an_upgrade_is_not_held_up_nor_reported_as_broken() {
    let watched = watched(|builder| builder);
    let address = serve(app(&watched)).await;
    let request = "GET /ws HTTP/1.1\r\nhost: shop\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let (mut stream, head) = raw(address, request, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    // A masked text frame "hi"; the mask is zero.
    stream
        .write_all(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i'])
        .await
        .unwrap();
    let mut echo = [0; 4];
    stream.read_exact(&mut echo).await.unwrap();
    assert_eq!(echo, [0x81, 0x02, b'h', b'i']);
    let record = watched.record().await;
    assert_eq!(
        (&record["outcome"], &record["http.response.status_code"]),
        (&json!("answered"), &json!(101))
    );
    assert!(watched.monitor.issues().await.unwrap().is_empty());
}

/// A plain hyper server, which speaks HTTP/1 and HTTP/2, with the layer and a function.
async fn hyper_server(watched: &Watched) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let layer = watched.monitor.layer();
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let service = ServiceBuilder::new()
                .map_request(move |mut request: Request<hyper::body::Incoming>| {
                    request.extensions_mut().insert(PeerAddr(peer));
                    request
                })
                .layer(layer.clone())
                .service(service_fn(
                    |request: Request<hyper::body::Incoming>| async move {
                        tower_monitor::current().unwrap().set_route("/orders/{id}");
                        assert!(request.uri().path() != "/orders/7", "expected in hyper");
                        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"order"))))
                    },
                ));
            tokio::spawn(async move {
                auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
                    .await
            });
        }
    });
    address
}

#[tokio::test]
async fn plain_hyper_over_http_1_and_http_2() {
    let watched = watched(|builder| builder);
    let address = hyper_server(&watched).await;
    for (version, http2) in [(Version::HTTP_11, false), (Version::HTTP_2, true)] {
        let client: Client<HttpConnector, Empty<Bytes>> = Client::builder(TokioExecutor::new())
            .http2_only(http2)
            .build_http();
        for (id, status) in [
            (1, StatusCode::OK),
            (7, StatusCode::INTERNAL_SERVER_ERROR),
            (2, StatusCode::OK),
        ] {
            let uri: http::Uri = format!("http://{address}/orders/{id}").parse().unwrap();
            let response = client.get(uri).await.unwrap();
            assert_eq!((response.status(), response.version()), (status, version));
            assert!(response.headers().contains_key("x-request-id"));
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body == "order", status == StatusCode::OK, "{body:?}");
        }
    }
    let records = watched.records_reach(6).await;
    let seen: Vec<_> = records
        .iter()
        .map(|record| {
            (
                record["network.protocol.version"].as_str().unwrap(),
                record["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    let each = |version| {
        [
            (version, "answered"),
            (version, "panicked"),
            (version, "answered"),
        ]
    };
    assert_eq!(seen, [each("1.1"), each("2")].concat());
    assert!(
        records
            .iter()
            .all(|record| record["http.route"] == "/orders/{id}")
    );
    assert!(
        records
            .iter()
            .all(|record| record["client.address"] == "127.0.0.1")
    );
    assert_eq!(watched.monitor.issues().await.unwrap()[0].count, 2);
}

/// What prost and tonic-build would make of a service with one method, by hand: so the tests need no compiler of
/// protocol buffers.
#[derive(Clone)]
struct Greeter;

impl tonic::server::NamedService for Greeter {
    const NAME: &'static str = "test.Greeter";
}

impl tower::Service<Request<tonic::body::Body>> for Greeter {
    type Response = Response<tonic::body::Body>;
    type Error = Infallible;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/test.Greeter/Fail" => {
                    tonic::Status::unavailable("the database sleeps").into_http()
                }
                "/test.Greeter/Missing" => tonic::Status::not_found("no such person").into_http(),
                _ => panic!("expected in tonic"),
            })
        })
    }
}

#[tokio::test]
async fn tonic_with_statuses_and_panics() {
    let watched = watched(|builder| {
        builder.peer_address(|extensions| {
            extensions
                .get::<tonic::transport::server::TcpConnectInfo>()?
                .remote_addr()
        })
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let server = tonic::transport::Server::builder()
        .layer(watched.monitor.layer())
        .add_service(Greeter)
        .serve_with_incoming(incoming);
    tokio::spawn(server);

    let channel = tonic::transport::Endpoint::new(format!("http://{address}"))
        .unwrap()
        .connect_lazy();
    for (method, code) in [
        ("Fail", tonic::Code::Unavailable),
        ("Missing", tonic::Code::NotFound),
        ("Panic", tonic::Code::Internal),
    ] {
        let mut client = channel.clone();
        let request = Request::builder()
            .method("POST")
            .uri(format!("http://{address}/test.Greeter/{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(tonic::body::Body::empty())
            .unwrap();
        std::future::poll_fn(|context| tower::Service::poll_ready(&mut client, context))
            .await
            .unwrap();
        let response = tower::Service::call(&mut client, request).await.unwrap();
        let status = tonic::Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), code, "{method}");
        assert!(!status.message().contains("expected"));
        assert!(response.headers().contains_key("x-request-id"));
    }
    let records = watched.records_reach(3).await;
    let seen: Vec<_> = records
        .iter()
        .map(|record| {
            (
                record["rpc.grpc.status_code"].clone(),
                record["outcome"].clone(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (json!(14), json!("failed")),
            (json!(5), json!("answered")),
            (json!(13), json!("panicked")),
        ]
    );
    assert_eq!(records[0]["client.address"], "127.0.0.1");
    let kinds: Vec<_> = watched
        .monitor
        .issues()
        .await
        .unwrap()
        .iter()
        .map(|issue| issue.kind)
        .collect();
    assert_eq!(kinds, [Kind::Panic, Kind::ServerError]);
}

#[tokio::test]
async fn the_layer_goes_round_a_whole_router_too() {
    let watched = watched(|builder| builder);
    let inner = Router::new().route("/panic", get(|| async { panic!("expected") as () }));
    let address = serve(Router::new().fallback_service(watched.monitor.layer().layer(inner))).await;
    let (_, answer) = raw(address, "GET /panic HTTP/1.1\r\nhost: a\r\n\r\n", "}").await;
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    let (_, answer) = raw(
        address,
        "GET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n",
        "\r\n\r\n",
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 404") && answer.contains("x-request-id"),
        "{answer}"
    );
    assert_eq!(watched.records_reach(2).await.len(), 2);
}

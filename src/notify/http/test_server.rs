//! A server on the loopback that records what it is sent and answers as a test wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// What the server does with every request.
#[derive(Clone)]
pub(crate) enum Script {
    /// Sends these bytes, whatever they are, and closes the connection.
    Say(Vec<u8>),
    /// Sends these bytes, then nothing more.
    SayAndHang(Vec<u8>),
    /// Says 200 and sends a body of so many bytes.
    Flood(usize),
    /// Takes the connection, reads nothing and says nothing.
    Ignore,
    /// `CONNECT`s to this address, whatever address is asked for.
    Tunnel(SocketAddr),
}

impl Script {
    pub(crate) fn answer(status: &str, headers: &[&str], body: &str) -> Self {
        let mut text = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
        for header in headers {
            text.push_str(header);
            text.push_str("\r\n");
        }
        Self::Say(format!("{text}\r\n{body}").into())
    }
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    /// The request line and the headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Recorded {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        let field = fields.find(|(field, _)| field.eq_ignore_ascii_case(name))?;
        Some(field.1)
    }
}

#[derive(Clone)]
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    script: Script,
    tls: Option<TlsAcceptor>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    requests: Mutex<Vec<Recorded>>,
    written: Mutex<usize>,
    closed: Notify,
}

impl TestServer {
    pub(crate) async fn start(script: Script) -> Self {
        Self::start_with(script, None).await
    }

    pub(crate) async fn start_tls(script: Script, tls: TlsAcceptor) -> Self {
        Self::start_with(script, Some(tls)).await
    }

    async fn start_with(script: Script, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            script,
            tls,
            state: Arc::default(),
        };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = serving.clone();
                tokio::spawn(async move {
                    match &server.tls {
                        None => server.serve(stream).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                server.serve(stream).await;
                            }
                        }
                    }
                    server.state.closed.notify_one();
                });
            }
        });
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.state.requests.lock().unwrap().clone()
    }

    /// The only request there was.
    pub(crate) fn request(&self) -> Recorded {
        let [request] = &self.requests()[..] else {
            panic!("not one request: {:?}", self.requests());
        };
        request.clone()
    }

    /// How much of a flood the client let through until it closed the connection.
    pub(crate) async fn written_until_closed(&self) -> usize {
        self.state.closed.notified().await;
        *self.state.written.lock().unwrap()
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: S) {
        if matches!(self.script, Script::Ignore) {
            std::future::pending::<()>().await;
        }
        let Some(request) = read(&mut stream).await else {
            return;
        };
        self.state.requests.lock().unwrap().push(request);
        match &self.script {
            Script::Say(text) => {
                // The client may have enough before the end.
                let _ = stream.write_all(text).await;
                let _ = stream.shutdown().await;
            }
            Script::SayAndHang(text) => {
                stream.write_all(text).await.unwrap();
                stream.flush().await.unwrap();
                std::future::pending::<()>().await;
            }
            Script::Flood(bytes) => self.flood(stream, *bytes).await,
            Script::Ignore => {}
            Script::Tunnel(to) => {
                let mut target = TcpStream::connect(to).await.unwrap();
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut target).await;
            }
        }
    }

    async fn flood<S: AsyncWrite + Unpin>(&self, mut stream: S, bytes: usize) {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let chunk = [b'x'; 8 * 1024];
        for _ in 0..bytes / chunk.len() {
            if stream.write_all(&chunk).await.is_err() {
                return;
            }
            *self.state.written.lock().unwrap() += chunk.len();
        }
    }
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Recorded> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let mut recorded = Recorded {
        head: String::from_utf8(bytes[..end].to_vec()).unwrap(),
        body: bytes.split_off(end + 4),
    };
    let length = recorded.header("content-length");
    let length = length.map_or(0, |length| length.parse().unwrap());
    while recorded.body.len() < length {
        if stream.read_buf(&mut recorded.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(recorded)
}

//! A vendor's server on loopback, as good or as bad as the test says.

use std::fmt;
use std::sync::{Arc, Mutex};

use http::HeaderMap;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A request that came.
#[derive(Clone)]
pub struct Received {
    pub method: String,
    /// With the query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            path,
            headers,
            body,
        } = self;
        let body = String::from_utf8_lossy(body);
        write!(f, "{method} {path} {headers:?} {body}")
    }
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// What the vendor does with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Answers.
    Say {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// Answers nothing until the client gives up.
    Hang,
    /// Closes the connection.
    Reset,
    /// Answers what is no HTTP.
    Garbage,
    /// Answers with this status, and goes on with the body until the client gives up.
    SlowBody(u16),
    /// Answers with this status and with a body that goes on for as long as the client reads it.
    Endless(u16),
}

impl Answer {
    pub fn say(status: u16, body: impl Into<String>) -> Self {
        let (headers, body) = (Vec::new(), body.into());
        Self::Say {
            status,
            headers,
            body,
        }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Say { headers, .. } = &mut self {
            headers.push((name, value.into()));
        }
        self
    }
}

type Answers = Arc<dyn Fn(&Received, usize) -> Answer + Send + Sync>;

/// The server. It ends with the test's runtime.
pub struct Vendor {
    address: std::net::SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    /// How much of endless bodies the clients have let it write, once they had enough.
    written: watch::Receiver<Option<usize>>,
}

impl Vendor {
    /// Answers every request as `answers` says of it and of how many came before.
    pub async fn start(
        answers: impl Fn(&Received, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let answers: Answers = Arc::new(answers);
        let all = Arc::clone(&received);
        let (writing, written) = watch::channel(None);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (all, answers) = (Arc::clone(&all), Arc::clone(&answers));
                tokio::spawn(serve(stream, all, answers, writing.clone()));
            }
        });
        Self {
            address,
            received,
            written,
        }
    }

    /// Answers all of them alike.
    pub async fn saying(answer: Answer) -> Self {
        Self::start(move |_, _| answer.clone()).await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits until a client had enough of an [endless](Answer::Endless) body, and says how many bytes were on the way by then.
    pub async fn written(&self) -> usize {
        let mut written = self.written.clone();
        let bytes = written.wait_for(Option::is_some).await.unwrap();
        bytes.unwrap()
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The only request that came.
    pub fn only(&self) -> Received {
        let mut all = self.received();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }
}

async fn serve(
    mut stream: TcpStream,
    all: Arc<Mutex<Vec<Received>>>,
    answers: Answers,
    writing: watch::Sender<Option<usize>>,
) {
    let Some(request) = read(&mut stream).await else {
        return;
    };
    let answer = {
        let mut all = all.lock().unwrap();
        let answer = answers(&request, all.len());
        all.push(request);
        answer
    };
    match answer {
        Answer::Say {
            status,
            headers,
            body,
        } => {
            let mut head = format!(
                "HTTP/1.1 {status} said\r\ncontent-length: {}\r\n",
                body.len()
            );
            for (name, value) in headers {
                head += &format!("{name}: {value}\r\n");
            }
            let text = format!("{head}connection: close\r\n\r\n{body}");
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Answer::Hang => std::future::pending().await,
        Answer::Reset => {}
        Answer::Garbage => {
            let _ = stream
                .write_all(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
                .await;
        }
        Answer::SlowBody(status) => {
            let head = format!("HTTP/1.1 {status} said\r\ncontent-length: 1000000\r\n\r\n{{\"a\"");
            let _ = stream.write_all(head.as_bytes()).await;
            std::future::pending().await
        }
        Answer::Endless(status) => {
            let head = format!("HTTP/1.1 {status} said\r\ncontent-length: 100000000000\r\n\r\n");
            let mut bytes = 0;
            if stream.write_all(head.as_bytes()).await.is_ok() {
                while let Ok(more) = stream.write(&[b' '; 16 * 1_024]).await {
                    bytes += more;
                }
            }
            let _ = writing.send(Some(bytes));
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut body = bytes.split_off(end + 4);
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ').map(str::to_owned);
    let (method, path) = (first.next()?, first.next()?);
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let name: http::HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
    let length = headers.get("content-length")?.to_str().unwrap();
    let length: usize = length.parse().unwrap();
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Received {
        method,
        path,
        headers,
        body,
    })
}

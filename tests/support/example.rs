//! An example as a process of its own, and a browser that visits it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

use super::LONG;

/// An example that runs, and what it has printed. It ends with this value.
pub struct Example {
    pub child: Mutex<Child>,
    pub address: SocketAddr,
    pub terminal: Arc<Terminal>,
}

#[derive(Default)]
pub struct Terminal {
    pub printed: Mutex<String>,
    pub more: Condvar,
}

impl Example {
    pub fn start(name: &str, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(binary(name))
            .env("PORT", "0")
            .env("NO_COLOR", "1")
            .env("RUST_BACKTRACE", "0")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let terminal = Arc::new(Terminal::default());
        terminal.follow(child.stdout.take().unwrap());
        terminal.follow(child.stderr.take().unwrap());
        let mut example = Self {
            child: Mutex::new(child),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            terminal,
        };
        example.address = example.waits_for("its address", |printed| {
            let (_, rest) = printed.split_once("http://")?;
            rest.split_once(char::is_whitespace)?.0.parse().ok()
        });
        example
    }

    pub fn browser(&self) -> Browser {
        Browser {
            client: Client::builder(TokioExecutor::new()).build_http(),
            address: self.address,
            cookie: None,
        }
    }

    pub fn printed(&self) -> String {
        self.terminal.printed.lock().unwrap().clone()
    }

    /// Waits until `text` is on the terminal.
    pub fn shows(&self, text: &str) {
        self.waits_for(text, |printed| printed.contains(text).then_some(()));
    }

    pub fn waits_for<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let mut printed = self.terminal.printed.lock().unwrap();
        let deadline = Instant::now() + LONG;
        loop {
            if let Some(found) = find(&printed) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} is not on the terminal:\n{printed}");
            printed = self.terminal.more.wait_timeout(printed, left).unwrap().0;
        }
    }

    /// What Ctrl-C does: the example ends by itself and without an error.
    pub fn ends_on_ctrl_c(&self) {
        let mut child = self.child.lock().unwrap();
        wait_until("listens to Ctrl-C", || listens_to_ctrl_c(child.id()));
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
        let mut status = None;
        wait_until("ends", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        let status = status.unwrap();
        self.terminal.ended();
        assert!(status.success(), "{status}:\n{}", self.printed());
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let child = self
            .child
            .get_mut()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Terminal {
    pub fn follow(self: &Arc<Self>, stream: impl Read + Send + 'static) {
        let terminal = Arc::clone(self);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                *terminal.printed.lock().unwrap() += &format!("{line}\n");
                terminal.more.notify_all();
            }
        });
    }

    /// Waits until everything that was printed has been read: the readers let go of the terminal at the end of their streams.
    pub fn ended(self: &Arc<Self>) {
        wait_until("closes its streams", || Arc::strong_count(self) == 1);
    }
}

pub fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is() {
        assert!(Instant::now() < deadline, "the example never {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The address is printed before the signal is listened to; what comes between would end the process at once.
#[cfg(target_os = "linux")]
pub fn listens_to_ctrl_c(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_some_and(|mask| mask & (1 << (SIGINT - 1)) != 0)
}

#[cfg(not(target_os = "linux"))]
pub fn listens_to_ctrl_c(_: u32) -> bool {
    true
}

#[cfg(target_os = "linux")]
const SIGINT: u32 = 2;

/// `cargo test` builds the examples beside the tests; `cargo test --test examples` does not.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    let binary = profile
        .join("examples")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        binary.exists(),
        "run `cargo build --examples` first: there is no {}",
        binary.display()
    );
    binary
}

/// A client that keeps its session's cookie.
pub struct Browser {
    pub client: Client<HttpConnector, Full<Bytes>>,
    pub address: SocketAddr,
    pub cookie: Option<String>,
}

pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub id: String,
    pub body: String,
}

impl Browser {
    pub async fn get(&mut self, path: &str) -> Page {
        self.send(Method::GET, path, "").await
    }

    pub async fn post(&mut self, path: &str, form: &str) -> Page {
        self.send(Method::POST, path, form).await
    }

    /// Gives the id of the request that did it.
    pub async fn log_in(&mut self, email: &str) -> String {
        let form = format!(
            "email={}&password=demo&next=%2Fcart",
            email.replace('@', "%40")
        );
        let answer = self.post("/login", &form).await;
        assert_eq!(answer.location(), "/cart");
        assert!(self.get("/").await.body.contains("Log out"));
        answer.id
    }

    pub async fn send(&mut self, method: Method, path: &str, form: &str) -> Page {
        let (head, body) = self.request(method, path, form).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        if let Some(cookie) = head.headers.get(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            self.cookie = cookie.split(';').next().map(str::to_owned);
        }
        Page {
            status: head.status,
            id: id(&head.headers),
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// Status, id and what arrived of a body, and whether that broke off.
    pub async fn download(&mut self, path: &str) -> (StatusCode, String, String, bool) {
        let mut response = self.request(Method::GET, path, "").await;
        let (status, id) = (response.status(), id(response.headers()));
        let mut arrived = Vec::new();
        let broken = loop {
            match response.frame().await {
                Some(Ok(frame)) => arrived.extend(frame.into_data().unwrap_or_default()),
                Some(Err(_)) => break true,
                None => break false,
            }
        };
        (status, id, String::from_utf8(arrived).unwrap(), broken)
    }

    pub async fn request(
        &self,
        method: Method,
        path: &str,
        form: &str,
    ) -> http::Response<hyper::body::Incoming> {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header(header::ACCEPT, "text/html,*/*;q=0.8")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::COOKIE, self.cookie.as_deref().unwrap_or_default())
            .body(Full::from(form.to_owned()))
            .unwrap();
        self.client.request(request).await.unwrap()
    }
}

impl Page {
    /// A 500 with the request's id and without the reason.
    #[track_caller]
    pub fn is_the_sorry_page(&self) {
        assert_eq!(self.status, 500);
        assert!(
            self.headers[header::CONTENT_TYPE]
                .to_str()
                .unwrap()
                .starts_with("text/html")
        );
        assert!(
            self.body.contains(&format!("<code>{}</code>", self.id)),
            "{}",
            self.body
        );
        for secret in ["divide", "index", "panic", ".rs"] {
            assert!(!self.body.contains(secret), "{secret} is in {}", self.body);
        }
    }

    pub fn location(&self) -> &str {
        let location = self.headers.get(header::LOCATION);
        location
            .and_then(|it| it.to_str().ok())
            .unwrap_or_else(|| panic!("{} {}", self.status, self.body))
    }
}

pub fn id(headers: &HeaderMap) -> String {
    headers["x-request-id"].to_str().unwrap().to_owned()
}

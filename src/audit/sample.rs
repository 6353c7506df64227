//! Observations for the tests of this room.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

use http::{HeaderValue, Request, StatusCode, header};
use proptest::prelude::*;
use tower_http::classify::GrpcCode;

use super::Format;
use super::clean::Cleaner;
use crate::observation::{Observation, Outcome};
use crate::redact::Redactor;
use crate::request::{
    ForwardedHeader, PeerAddr, RequestContext, RequestSettings, TrustRequestIds, TrustedProxies,
    User,
};

/// A request with every fact there can be.
pub(super) fn full() -> Observation {
    let mut request = Request::post("/buy/42?page=2&token=abc")
        .header(header::HOST, "shop.example:8443")
        .header(header::USER_AGENT, "Mozilla/5.0 \"x\"")
        .header(header::REFERER, "https://a.example/?password=hunter2")
        .header(header::CONTENT_LENGTH, "17")
        .header(
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        .body(())
        .unwrap();
    let peer = SocketAddr::from(([203, 0, 113, 9], 4711));
    request.extensions_mut().insert(PeerAddr(peer));
    let context = context(&request);
    context.set_route("/buy/{item}");
    context.set_user(User::new("u 7"));
    Observation {
        grpc_status: Some(GrpcCode::NotFound),
        time_to_head: Some(Duration::from_micros(40)),
        duration: Duration::from_micros(1_002_003),
        bytes_sent: 2326,
        ..of(context)
    }
}

/// A request with nothing but a method and a target.
pub(super) fn bare(method: &str, target: &str) -> Observation {
    of(context(
        &Request::builder()
            .method(method)
            .uri(target)
            .body(())
            .unwrap(),
    ))
}

/// A request like [`bare`] that ended so many seconds later.
pub(super) fn later(target: &str, seconds: u64) -> Observation {
    Observation {
        duration: Duration::from_secs(seconds),
        ..bare("GET", target)
    }
}

fn of(request: RequestContext) -> Observation {
    Observation {
        request,
        outcome: Outcome::Answered,
        status: Some(StatusCode::OK),
        grpc_status: None,
        time_to_head: None,
        duration: Duration::ZERO,
        bytes_sent: 0,
    }
}

fn context(request: &Request<()>) -> RequestContext {
    let settings = RequestSettings {
        owner: 1,
        id_header: header::HeaderName::from_static("x-request-id"),
        trust_ids: TrustRequestIds::Nobody,
        proxies: TrustedProxies::default(),
        forwarded_header: ForwardedHeader::default(),
        peer: None,
        bodies: None,
    };
    RequestContext::begin(request, &settings).0
}

/// What an attacker would send.
#[derive(Clone, Debug)]
pub(super) struct Hostile {
    pub(super) user: String,
    pub(super) route: String,
    target: String,
    agent: Vec<u8>,
    referer: Vec<u8>,
}

impl Hostile {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let text = || {
            prop_oneof![
                any::<String>(),
                "[ \"\\\\\\-\\]\\[\n\r\u{2028}\u{202e}a]{0,20}"
            ]
        };
        let header = || prop::collection::vec(prop_oneof![32u8..127, 128u8..=255], 0..60);
        (
            text(),
            text(),
            "/([a-z\"\\\\%{}|^ü]|%0[ad]|%22|%20|token%3D|\\?){0,20}",
            header(),
            header(),
        )
            .prop_map(|(user, route, target, agent, referer)| Self {
                user: crate::text::cut(&user, 128).to_owned(),
                route: crate::text::cut(&route, 256).to_owned(),
                target,
                agent,
                referer,
            })
    }

    pub(super) fn observation(&self) -> Observation {
        let mut request = Request::new(());
        if let Ok(uri) = self.target.parse() {
            *request.uri_mut() = uri;
        }
        for (name, value) in [
            (header::USER_AGENT, &self.agent),
            (header::REFERER, &self.referer),
        ] {
            request
                .headers_mut()
                .insert(name, HeaderValue::from_bytes(value).unwrap());
        }
        let context = context(&request);
        context.set_user(User::new(&self.user));
        context.set_route(&self.route);
        of(context)
    }
}

/// A folder that is deleted in the end.
pub(super) struct Folder(std::path::PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        let name = format!("tower-monitor-{}", uuid());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    pub(super) fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(super) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn uuid() -> uuid::Uuid {
    crate::request::RequestId::generate_uuid(crate::time::Timestamp::now())
}

/// A waker that counts.
#[derive(Default)]
pub(super) struct Count(AtomicUsize);

impl Count {
    pub(super) fn waker() -> (Arc<Self>, Waker) {
        let count = Arc::new(Self::default());
        (Arc::clone(&count), Waker::from(count))
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// The record as a file's format writes it.
pub(super) fn line(format: Format, observation: &Observation) -> String {
    let mut out = Vec::new();
    format(
        &mut out,
        observation,
        &mut Cleaner::new(Redactor::default()),
    );
    String::from_utf8(out).unwrap()
}

//! What is known of one request: its id, who sent it and from where, and what the app says about it.
//!
//! The layer makes one [`RequestContext`] for each request. Handlers and middleware get at it in three ways: as an axum
//! extractor, from the request's extensions, and with [`current`] in any function that runs for the request.

mod client;
mod current;
#[cfg(feature = "axum")]
mod extract;
mod forwarded;
mod head;
mod id;
mod panicked;
mod snapshot;
mod trace;
mod user;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{Extensions, HeaderName, Method, Request, Version};
use serde_json::Value;

pub use client::{ForwardedHeader, PeerAddr};
pub use current::current;
#[cfg(feature = "axum")]
pub use extract::MissingMonitorLayer;
pub use id::{RequestId, TrustRequestIds};
pub use panicked::{CodeLocation, PanicRecord};
pub use snapshot::RequestSnapshot;
pub use trace::TraceContext;
pub use user::User;

pub(crate) use client::TrustedProxies;
pub(crate) use current::enter;

use crate::text::shortened;
use crate::time::Timestamp;
use head::Head;
use user::Values;

/// One request, from its head to the end of its response: a handle that is cheap to clone.
///
/// ```
/// use tower_monitor::{RequestContext, User};
///
/// async fn buy(context: RequestContext) {
///     context.set_user(User::new("42").name("Uma").email("uma@example.org"));
///     context.set_tag("plan", "gold");
/// }
/// ```
#[derive(Clone)]
pub struct RequestContext(Arc<Inner>);

struct Inner {
    owner: usize,
    id: RequestId,
    started: Instant,
    started_at: Timestamp,
    head: Head,
    peer: Option<SocketAddr>,
    client: Option<IpAddr>,
    trace: Option<TraceContext>,
    state: Mutex<State>,
}

/// What becomes known while the request is served. The mutex is the request's own.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) user: Option<User>,
    pub(crate) route: Option<Route>,
    pub(crate) values: Values,
    panic: Option<PanicRecord>,
}

/// The template of the route that serves the request.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    /// From axum, shared with its router.
    #[cfg(feature = "axum")]
    Matched(axum::extract::MatchedPath),
    /// From [`RequestContext::set_route`].
    Named(Arc<str>),
}

impl Route {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            #[cfg(feature = "axum")]
            Self::Matched(path) => path.as_str(),
            Self::Named(name) => name,
        }
    }
}

/// How ids and addresses are read from requests.
#[derive(Clone)]
pub(crate) struct RequestSettings {
    /// Tells the contexts of one monitor from those of another.
    pub(crate) owner: usize,
    pub(crate) id_header: HeaderName,
    pub(crate) trust_ids: TrustRequestIds,
    pub(crate) proxies: TrustedProxies,
    pub(crate) forwarded_header: ForwardedHeader,
    pub(crate) peer: Option<PeerSource>,
}

/// Finds the peer's address in the extensions of a server that has its own type for it.
pub(crate) type PeerSource = Arc<dyn Fn(&Extensions) -> Option<SocketAddr> + Send + Sync>;

impl RequestContext {
    /// Reads everything of the request's head that is kept.
    pub(crate) fn begin<B>(request: &Request<B>, settings: &RequestSettings) -> Self {
        let started = Instant::now();
        let started_at = Timestamp::now();
        let headers = request.headers();
        let peer = peer(request.extensions(), settings);
        let client = peer.map(|peer| {
            settings
                .proxies
                .client(peer.ip(), settings.forwarded_header, headers)
        });
        let trusted = match settings.trust_ids {
            TrustRequestIds::Anybody => true,
            TrustRequestIds::Nobody => false,
            TrustRequestIds::Proxies => {
                peer.is_some_and(|peer| settings.proxies.contains(peer.ip().to_canonical()))
            }
        };
        let inbound = if trusted {
            headers.get(&settings.id_header)
        } else {
            None
        };
        let state = State {
            route: route(request.extensions()),
            ..State::default()
        };
        Self(Arc::new(Inner {
            owner: settings.owner,
            id: inbound
                .and_then(RequestId::from_header)
                .unwrap_or_else(|| RequestId::generate(started_at)),
            started,
            started_at,
            head: Head::copy(request.method(), request.uri(), request.version(), headers),
            peer,
            client,
            trace: TraceContext::from_headers(headers),
            state: Mutex::new(state),
        }))
    }

    /// The request's id.
    #[must_use]
    pub fn id(&self) -> &RequestId {
        &self.0.id
    }

    /// When the request arrived.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.0.started_at
    }

    /// The time since the request arrived.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// The request's method.
    #[must_use]
    pub fn method(&self) -> &Method {
        self.0.head.method()
    }

    /// The path as it was sent, without the query. At most 2 KiB are kept.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.head.path()
    }

    /// The query as it was sent, without the `?`: it may hold secrets. At most 2 KiB are kept.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.0.head.query()
    }

    /// The HTTP version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.0.head.version()
    }

    /// The host that was asked for. At most 255 bytes are kept.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.0.head.host()
    }

    /// The `User-Agent` header. At most 512 bytes are kept.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        self.0.head.user_agent()
    }

    /// The `Referer` header: it may hold secrets. At most 1 KiB is kept.
    #[must_use]
    pub fn referer(&self) -> Option<&str> {
        self.0.head.referer()
    }

    /// The length of the request's body in bytes, as its header says.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.0.head.content_length()
    }

    /// Who asked: the peer or, behind [trusted proxies](crate::Builder::trusted_proxies), the address they vouch for.
    ///
    /// `None` when the server tells nobody the peer's address; see [`PeerAddr`].
    #[must_use]
    pub fn client_address(&self) -> Option<IpAddr> {
        self.0.client
    }

    /// The other end of the connection.
    #[must_use]
    pub fn peer_address(&self) -> Option<SocketAddr> {
        self.0.peer
    }

    /// The request's place in a distributed trace.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        self.0.trace
    }

    /// Says who made the request. The last word counts.
    pub fn set_user(&self, user: User) {
        self.state().user = Some(user);
    }

    /// Who made the request, when the app said so.
    #[must_use]
    pub fn user(&self) -> Option<User> {
        self.state().user.clone()
    }

    /// Adds or changes a tag: a short text to search and group by.
    ///
    /// At most 32 tags with names of at most 64 bytes are kept; a value longer than 256 bytes is cut. What is refused is
    /// counted in the occurrence.
    pub fn set_tag(&self, name: impl AsRef<str>, value: impl AsRef<str>) {
        self.state().values.set_tag(name.as_ref(), value.as_ref());
    }

    /// Adds or changes an extra value: any JSON that helps to understand a failure.
    ///
    /// At most 16 values with names of at most 64 bytes and of at most 4 KiB each are kept. What is refused is counted in
    /// the occurrence.
    pub fn set_extra(&self, name: impl AsRef<str>, value: impl Into<Value>) {
        self.state().values.set_extra(name.as_ref(), value.into());
    }

    /// Names the route, for services without axum's router: a template such as `/buy/{item}`, never the path itself.
    ///
    /// At most 256 bytes are kept.
    pub fn set_route(&self, template: impl AsRef<str>) {
        self.state().route = Some(Route::Named(shortened(template.as_ref(), 256).into()));
    }

    /// The route's template.
    #[must_use]
    pub fn route(&self) -> Option<String> {
        self.state()
            .route
            .as_ref()
            .map(|route| route.as_str().to_owned())
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the monitor with this number made it.
    pub(crate) fn belongs_to(&self, owner: usize) -> bool {
        self.0.owner == owner
    }

    /// Takes the route over when a router has put it into the extensions meanwhile.
    pub(crate) fn adopt_route(&self, extensions: &Extensions) {
        if let Some(route) = route(extensions) {
            self.state().route = Some(route);
        }
    }

    /// Called by the panic hook: never waits. When the request's state is in use, the payload has to do.
    pub(crate) fn put_panic(&self, record: PanicRecord) {
        if let Ok(mut state) = self.0.state.try_lock() {
            state.panic = Some(record);
        }
    }

    /// The panic that the hook saw last in this request, once.
    pub(crate) fn take_panic(&self) -> Option<PanicRecord> {
        self.state().panic.take()
    }
}

impl fmt::Debug for RequestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestContext")
            .field("id", self.id())
            .field("method", self.method())
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RequestSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestSettings")
            .field("id_header", &self.id_header)
            .field("trust_ids", &self.trust_ids)
            .field("proxies", &self.proxies)
            .field("forwarded_header", &self.forwarded_header)
            .finish_non_exhaustive()
    }
}

fn peer(extensions: &Extensions, settings: &RequestSettings) -> Option<SocketAddr> {
    if let Some(source) = &settings.peer {
        // The user's code: when it panics, the address is unknown and the request is served all the same.
        return catch_unwind(AssertUnwindSafe(|| source(extensions))).unwrap_or(None);
    }
    if let Some(PeerAddr(peer)) = extensions.get() {
        return Some(*peer);
    }
    #[cfg(feature = "axum")]
    return extract::peer(extensions);
    #[cfg(not(feature = "axum"))]
    None
}

#[cfg_attr(
    not(feature = "axum"),
    expect(unused_variables, reason = "only axum names routes")
)]
fn route(extensions: &Extensions) -> Option<Route> {
    #[cfg(feature = "axum")]
    return extract::route(extensions);
    #[cfg(not(feature = "axum"))]
    None
}

//! What is known of one request: its id, who sent it and from where, and what the app says about it.
//!
//! The layer makes one [`RequestContext`] for each request. Handlers and middleware get at it in three ways: as an axum
//! extractor, from the request's extensions, and with [`current`] in any function that runs for the request.

mod accept;
mod body;
mod breadcrumb;
mod client;
mod curl;
mod current;
#[cfg(feature = "axum")]
mod extract;
mod forwarded;
mod head;
mod headers;
mod id;
mod in_flight;
mod life;
mod pattern;
mod record;
mod reporter;
mod settings;
mod short;
mod snapshot;
mod trace;
mod trail;
mod user;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Version};
use serde_json::Value;

pub use accept::Preferred;
pub use body::{DEFAULT_BODY_BYTES, DEFAULT_CONTENT_TYPES, KeepingBody, RequestBodies};
pub use breadcrumb::{Breadcrumb, Level};
pub use client::{ForwardedHeader, PeerAddr};
pub use current::current;
#[cfg(feature = "axum")]
pub use extract::MissingMonitorLayer;
pub use id::{RequestId, TrustRequestIds};
pub use record::CodeLocation;
pub use snapshot::{BodySnapshot, RequestSnapshot};
pub use trace::TraceContext;
pub use user::User;

pub use crate::user_agent::{Device, Product, UserAgent};

pub(crate) use client::TrustedProxies;
pub(crate) use current::{enter, with_current};
pub(crate) use head::{OTHER_METHOD, known_method};
pub(crate) use headers::KeptHeaders;
pub(crate) use in_flight::InFlight;
pub(crate) use life::Child;
pub(crate) use pattern::RoutePattern;
pub(crate) use record::{ErrorLink, ErrorRecord, PanicRecord, Thread, Told};
pub(crate) use reporter::{Finding, Noticed, Reporter, register};
pub(crate) use settings::{PeerSource, RequestSettings};
pub(crate) use trail::{SpanRecord, Target, Trail, Words};

use crate::text::shortened;
use crate::time::Timestamp;
use body::KeptBody;
use head::{Head, KnownHeaders, Texts};
use life::Life;
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
    is_grpc: bool,
    /// How many bytes of the body are to be kept.
    keep_body: u32,
    state: Mutex<State>,
}

/// What becomes known while the request is served. The mutex is the request's own.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) user: Option<User>,
    pub(crate) route: Option<Route>,
    /// Made when the first one is set, as the trail is at the first step.
    values: Option<Box<Values>>,
    trail: Option<Box<Trail>>,
    body: Option<Box<KeptBody>>,
    headers: KeptHeaders,
    life: Life,
}

/// A copy of what is known of a request that may still be running.
pub(crate) struct CopiedState {
    pub(crate) route: Option<String>,
    pub(crate) user: Option<User>,
    pub(crate) values: Values,
    pub(crate) headers: KeptHeaders,
    pub(crate) body: Option<KeptBody>,
}

impl State {
    fn values_mut(&mut self) -> &mut Values {
        self.values.get_or_insert_default()
    }
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

impl RequestContext {
    /// Reads everything of the request's head that is kept, and the `Accept` header, which is not: it is a piece of the
    /// connection's read buffer.
    pub(crate) fn begin<B>(
        request: &Request<B>,
        settings: &RequestSettings,
    ) -> (Self, Option<HeaderValue>) {
        let started = Instant::now();
        let started_at = Timestamp::now();
        let headers = request.headers();
        let (known, kept) = KnownHeaders::find(headers);
        let peer = settings.peer(request.extensions());
        let client = peer.map(|peer| {
            settings
                .proxies
                .client(peer.ip(), settings.forwarded_header, headers)
        });
        let trusted = match settings.trust_ids {
            TrustRequestIds::Anybody => true,
            TrustRequestIds::Nobody => false,
            TrustRequestIds::Proxies => client.is_some_and(|(_, by_proxy)| by_proxy),
        };
        let outer = request.extensions().get::<Self>();
        let inbound = match outer {
            // Another monitor farther out has named it already.
            Some(outer) => Some(outer.id().clone()),
            None if trusted => inbound_id(headers, &settings.id_header),
            None => None,
        };
        let state = State {
            route: route(request.extensions()),
            headers: kept,
            ..State::default()
        };
        let bodies = settings.bodies.as_ref();
        let context = Self(Arc::new(Inner {
            owner: settings.owner,
            id: inbound.unwrap_or_else(|| RequestId::generate(started_at)),
            started,
            started_at,
            head: Head::copy(request.method(), request.uri(), request.version(), &known),
            peer,
            client: client.map(|(address, _)| address),
            trace: known.traceparent.and_then(TraceContext::from_header),
            is_grpc: request.method() == Method::POST && known.is_grpc(),
            keep_body: bodies.map_or(0, |bodies| bodies.bytes_of(headers, known.content_type)),
            state: Mutex::new(state),
        }));
        (context, known.accept.cloned())
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
        self.texts().path
    }

    /// The query as it was sent, without the `?`: it may hold secrets. At most 2 KiB are kept.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.texts().query
    }

    /// The HTTP version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.0.head.version()
    }

    /// The host that was asked for. At most 255 bytes are kept.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.texts().host
    }

    /// The `User-Agent` header. At most 512 bytes are kept.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        self.texts().user_agent
    }

    /// The `Referer` header: it may hold secrets. At most 1 KiB is kept.
    #[must_use]
    pub fn referer(&self) -> Option<&str> {
        self.texts().referer
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
    ///
    /// Call it where the user becomes known: in the middleware that checks the session, and in the handler that logs
    /// somebody in, whose own request came without a session.
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
        // Outside of the lock: the conversions are the app's code.
        let (name, value) = (name.as_ref(), value.as_ref());
        self.state().values_mut().set_tag(name, value);
    }

    /// Adds or changes an extra value: any JSON that helps to understand a failure.
    ///
    /// At most 16 values with names of at most 64 bytes and of at most 4 KiB and 64 levels each are kept. What is refused is counted in
    /// the occurrence.
    pub fn set_extra(&self, name: impl AsRef<str>, value: impl Into<Value>) {
        let (name, value) = (name.as_ref(), value.into());
        self.state().values_mut().set_extra(name, value);
    }

    /// Names the route, for services without axum's router: a template such as `/buy/{item}`, never the path itself.
    ///
    /// Failures of one route are one problem; without a route, all of one method and status are. At most 256 bytes are kept.
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

    pub(crate) fn texts(&self) -> Texts<'_> {
        self.0.head.texts()
    }

    pub(crate) fn is_grpc(&self) -> bool {
        self.0.is_grpc
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn copied_state(&self) -> CopiedState {
        let state = self.state();
        CopiedState {
            route: state.route.as_ref().map(|route| route.as_str().to_owned()),
            user: state.user.clone(),
            values: state.values.as_deref().cloned().unwrap_or_default(),
            headers: state.headers.clone(),
            body: state.body.as_deref().cloned(),
        }
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
}

impl fmt::Debug for RequestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestContext")
            .field("id", self.id())
            .field("method", self.method())
            .field("route", &self.route())
            .finish_non_exhaustive()
    }
}

/// The id in the request's only header of this name: where a proxy adds its own to the client's, nobody can tell which is
/// which.
fn inbound_id(headers: &HeaderMap, name: &HeaderName) -> Option<RequestId> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values
        .next()
        .is_none()
        .then(|| RequestId::from_header(value))?
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

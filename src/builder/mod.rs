//! Every setting, with its default as a public constant.

mod build;
mod telling;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, Response, StatusCode};
use tower_http::classify::GrpcCode;
use tracing::level_filters::LevelFilter;

use crate::audit::Audit;
use crate::delivery::{DEFAULT_ALERT_AGE, LastWord};
use crate::error::BuildError;
use crate::issue::Retention;
use crate::monitor::{AnswerFn, Failure, FailureRules, Monitor};
use crate::notify::Channel;
use crate::occurrence::{GroupRule, Grouping, Occurrence, Origin, host_name};
use crate::policy::Policy;
use crate::redact::{Redaction, Redactor};
use crate::request::{ForwardedHeader, PeerSource, RequestBodies, TrustRequestIds};
use crate::store::DynStore;

/// The header that carries request ids: `x-request-id`.
pub const DEFAULT_REQUEST_ID_HEADER: &str = "x-request-id";
/// The occurrences that may wait for the pipeline: 1024.
pub const DEFAULT_QUEUE_LENGTH: usize = 1024;
/// The time one try of a notifier may take: 10 s.
pub const DEFAULT_NOTIFY_TIME_LIMIT: Duration = Duration::from_secs(10);
/// The bytes kept of the body of a failed answer: 1024.
pub const DEFAULT_EVIDENCE_BYTES: usize = 1024;
/// The events that [`Monitor::tracing_layer`] keeps as breadcrumbs: DEBUG and above.
pub const DEFAULT_BREADCRUMB_LEVEL: LevelFilter = LevelFilter::DEBUG;

/// Every setting of a [`Monitor`].
///
/// ```
/// use tower_monitor::{Audit, Monitor, notify::Log};
///
/// let monitor = Monitor::builder()
///     .service("shop")
///     .release("1.4.2")
///     .environment("production")
///     .trusted_proxies(["10.0.0.0/8"])
///     .audit(Audit::tracing())
///     .notifier(Log::new())
///     .build()?;
/// # Ok::<_, tower_monitor::BuildError>(())
/// ```
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    origin: Origin,
    request_id_header: String,
    trust_request_ids: TrustRequestIds,
    trusted_proxies: Vec<String>,
    forwarded_header: ForwardedHeader,
    peer: Option<PeerSource>,
    failures: FailureRules,
    answer: Option<AnswerFn>,
    evidence_bytes: usize,
    request_bodies: Option<RequestBodies>,
    group_by: Option<GroupRule>,
    before_send: Option<LastWord>,
    strays: bool,
    breadcrumb_level: LevelFilter,
    tell_logged_errors: bool,
    redaction: Redaction,
    audits: Option<Vec<Audit>>,
    channels: Vec<Channel>,
    store: Option<Arc<dyn DynStore>>,
    retention: Retention,
    policy: Policy,
    queue_length: usize,
    dashboard_url: Option<String>,
    notify_time_limit: Duration,
    alert_age_limit: Duration,
    leaves: Vec<Leaf>,
}

/// Checks the settings of an optional part and, when the monitor is built, starts it.
pub(crate) type Leaf = Box<dyn FnOnce(&Redactor) -> Result<(), BuildError> + Send>;

impl Monitor {
    /// Begins a monitor with every setting at its default.
    pub fn builder() -> Builder {
        Builder {
            origin: Origin {
                host: host_name(),
                pid: std::process::id(),
                ..Origin::default()
            },
            request_id_header: DEFAULT_REQUEST_ID_HEADER.to_owned(),
            trust_request_ids: TrustRequestIds::default(),
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::default(),
            peer: None,
            failures: FailureRules::default(),
            answer: None,
            evidence_bytes: DEFAULT_EVIDENCE_BYTES,
            request_bodies: None,
            group_by: None,
            before_send: None,
            strays: true,
            breadcrumb_level: DEFAULT_BREADCRUMB_LEVEL,
            tell_logged_errors: true,
            redaction: Redaction::new(),
            audits: None,
            channels: Vec::new(),
            store: None,
            retention: Retention::new(),
            policy: Policy::new(),
            queue_length: DEFAULT_QUEUE_LENGTH,
            dashboard_url: None,
            notify_time_limit: DEFAULT_NOTIFY_TIME_LIMIT,
            alert_age_limit: DEFAULT_ALERT_AGE,
            leaves: Vec::new(),
        }
    }
}

impl Builder {
    /// The service's name, in every alert. Default: none.
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.origin.service = Some(name.into());
        self
    }

    /// The release that runs, in every alert: a version or a revision. Default: none.
    pub fn release(mut self, release: impl Into<String>) -> Self {
        self.origin.release = Some(release.into());
        self
    }

    /// The revision of the source, in every alert. Default: what the environment variable `TOWER_MONITOR_GIT_REVISION` said when this crate
    /// was compiled; for that, build with `TOWER_MONITOR_GIT_REVISION=$(git rev-parse HEAD)`.
    pub fn git_revision(mut self, revision: impl Into<String>) -> Self {
        self.origin.platform.git_revision = Some(revision.into());
        self
    }

    /// `production`, `staging` and the like, in every alert. Default: none.
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.origin.environment = Some(environment.into());
        self
    }

    /// The header that carries request ids, on requests and responses. Default: [`DEFAULT_REQUEST_ID_HEADER`].
    pub fn request_id_header(mut self, name: impl Into<String>) -> Self {
        self.request_id_header = name.into();
        self
    }

    /// Whose request ids are taken over. Default: those of the trusted proxies.
    pub fn trust_request_ids(mut self, trust: TrustRequestIds) -> Self {
        self.trust_request_ids = trust;
        self
    }

    /// The proxies in front of this service: addresses (`10.0.0.7`) and networks (`10.0.0.0/8`).
    ///
    /// Only they are believed when they say where a request came from. Default: none, so that the peer of the connection is
    /// the client.
    pub fn trusted_proxies<I>(mut self, networks: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.trusted_proxies
            .extend(networks.into_iter().map(Into::into));
        self
    }

    /// The header in which the proxies write down where a request came from. Default: `X-Forwarded-For`.
    pub fn forwarded_header(mut self, header: ForwardedHeader) -> Self {
        self.forwarded_header = header;
        self
    }

    /// Where a server that is neither axum nor sets [`PeerAddr`](crate::PeerAddr) puts the peer's address.
    ///
    /// For tonic: `|extensions| extensions.get::<TcpConnectInfo>()?.remote_addr()`.
    pub fn peer_address<F>(mut self, find: F) -> Self
    where
        F: Fn(&Extensions) -> Option<SocketAddr> + Send + Sync + 'static,
    {
        self.peer = Some(Arc::new(find));
        self
    }

    /// Which statuses are failures that somebody should be told of. Default: 500 to 599.
    pub fn failing_statuses<F>(mut self, fails: F) -> Self
    where
        F: Fn(StatusCode) -> bool + Send + Sync + 'static,
    {
        self.failures.status = Arc::new(fails);
        self
    }

    /// Which gRPC codes are failures that somebody should be told of.
    ///
    /// Default: [`DEFAULT_GRPC_FAILURES`](crate::DEFAULT_GRPC_FAILURES).
    pub fn failing_grpc_codes(mut self, codes: impl IntoIterator<Item = GrpcCode>) -> Self {
        self.failures.grpc = codes.into_iter().collect();
        self
    }

    /// Makes the answer to a request whose handler panicked or gave a [`ServerError`](crate::ServerError), in place of the built-in
    /// page.
    ///
    /// The header with the request id is added to it. When the function panics too, the built-in answer is given. gRPC
    /// clients always get `grpc-status: 13`.
    pub fn answer<F>(mut self, answer: F) -> Self
    where
        F: Fn(&Failure<'_>) -> Response<Bytes> + Send + Sync + 'static,
    {
        self.answer = Some(Arc::new(answer));
        self
    }

    /// How many bytes of the body of a failed answer are kept when it is text or JSON; 0 keeps none. At most 64 KiB.
    /// A page of HTML counts as text, and its beginning rarely says what went wrong: better answer failures in plain words.
    /// Default: [`DEFAULT_EVIDENCE_BYTES`].
    pub fn evidence_bytes(mut self, bytes: usize) -> Self {
        self.evidence_bytes = bytes;
        self
    }

    /// Keeps the beginning of requests' bodies, so that an occurrence shows what the client sent. Default: none.
    pub fn request_bodies(mut self, bodies: RequestBodies) -> Self {
        self.request_bodies = Some(bodies);
        self
    }

    /// Says which failures are one problem, where the [fingerprint](crate::occurrence::Fingerprint) does not know it: those with the same
    /// text are. `None` leaves it to the fingerprint.
    ///
    /// It runs where the request fails, so it should be quick; one that panics has no word. The text is never shown.
    ///
    /// ```
    /// # use tower_monitor::Monitor;
    /// let monitor = Monitor::builder()
    ///     .group_by(|failure| {
    ///         let is_pool = failure.message()?.contains("pool timed out");
    ///         is_pool.then(|| "the database's pool".to_owned())
    ///     })
    ///     .build()?;
    /// # Ok::<_, tower_monitor::BuildError>(())
    /// ```
    pub fn group_by<F>(mut self, group: F) -> Self
    where
        F: Fn(&Grouping<'_>) -> Option<String> + Send + Sync + 'static,
    {
        self.group_by = Some(Arc::new(group));
        self
    }

    /// Sees every occurrence before it is stored or sent, and may change it: the last word, after redaction.
    ///
    /// It runs on the background thread. When it panics, the occurrence goes on with nothing but its kind, its time and a word of
    /// that: what it was to take out must not get through.
    pub fn before_send<F>(mut self, change: F) -> Self
    where
        F: Fn(&mut Occurrence) + Send + Sync + 'static,
    {
        self.before_send = Some(Arc::new(change));
        self
    }

    /// Whether panics, [captured](crate::capture) errors and logged ones outside of every request are told by this monitor. Of
    /// several, the first built one tells. Default: yes.
    pub fn outside_requests(mut self, told: bool) -> Self {
        self.strays = told;
        self
    }

    /// The least important events that [`Monitor::tracing_layer`] keeps. Default: [`DEFAULT_BREADCRUMB_LEVEL`].
    pub fn breadcrumb_level(mut self, level: LevelFilter) -> Self {
        self.breadcrumb_level = level;
        self
    }

    /// Whether [`Monitor::tracing_layer`] makes occurrences of events of level ERROR. Default: yes.
    pub fn tell_logged_errors(mut self, told: bool) -> Self {
        self.tell_logged_errors = told;
        self
    }

    /// More names whose values are never kept, beside [`SENSITIVE_NAMES`](crate::redact::SENSITIVE_NAMES): short for
    /// [`redaction`](Self::redaction) with [`Redaction::names`].
    pub fn redact<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.redaction = self.redaction.names(names);
        self
    }

    /// What is taken out of everything that is kept, and how much of a person stays. Replaces what was set before.
    ///
    /// Default: [`Redaction::new`], the rules that always hold.
    pub fn redaction(mut self, redaction: Redaction) -> Self {
        self.redaction = redaction;
        self
    }

    /// Adds a place for the audit records. Default, when none is added: [`Audit::tracing`].
    pub fn audit(mut self, audit: Audit) -> Self {
        self.audits.get_or_insert_default().push(audit);
        self
    }

    /// Writes no audit records.
    pub fn no_audit(mut self) -> Self {
        self.audits = Some(Vec::new());
        self
    }
}

impl Builder {
    /// Adds an optional part.
    #[cfg_attr(
        not(feature = "locals"),
        expect(dead_code, reason = "every leaf has a feature")
    )]
    pub(crate) fn leaf(
        mut self,
        open: impl FnOnce(&Redactor) -> Result<(), BuildError> + Send + 'static,
    ) -> Self {
        self.leaves.push(Box::new(open));
        self
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("origin", &self.origin)
            .field("request_id_header", &self.request_id_header)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("audits", &self.audits)
            .finish_non_exhaustive()
    }
}

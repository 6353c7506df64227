//! The handle that everything shares: the layer, the app and the tests.

mod issues;
mod settings;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

pub use settings::{DEFAULT_GRPC_FAILURES, Failure};

pub(crate) use settings::{AnswerFn, FailureRules};

use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::audit::AuditLog;
use crate::capture::{Collector, is_own};
use crate::delivery::{Queue, TestDelivery};
use crate::loss::{LossCounter, Losses};
use crate::observation::{Observation, Outcome};
use crate::occurrence::Evidence;
use crate::redact::Redactor;
use crate::request::{Finding, InFlight, Reporter, RequestSettings};
use crate::store::DynStore;
use crate::traffic::Traffic;

/// One monitor: a handle that is cheap to clone.
///
/// Made by [`Monitor::builder`]; its [`layer`](Monitor::layer) goes round the service. The background threads end some time
/// after the last handle is dropped, when what was undelivered is delivered or given up. Call [`shutdown`](Monitor::shutdown) before the process ends, so that nothing is left undelivered.
///
/// ```
/// # use std::time::Duration;
/// use tower_monitor::{Monitor, notify::Log};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tower_monitor::BuildError> {
/// let monitor = Monitor::builder().service("shop").notifier(Log::new()).build()?;
/// let app: axum::Router = axum::Router::new().layer(monitor.layer());
///
/// // … serve the app until it is told to stop …
///
/// monitor.shutdown(Duration::from_secs(5)).await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Monitor(pub(crate) Arc<Inner>);

/// What a monitor is made of.
pub(crate) struct Inner {
    pub(crate) requests: RequestSettings,
    pub(crate) failures: FailureRules,
    pub(crate) answer: Option<AnswerFn>,
    pub(crate) evidence_bytes: usize,
    pub(crate) redactor: Redactor,
    pub(crate) audit: AuditLog,
    pub(crate) queue: Queue,
    pub(crate) store: Arc<dyn DynStore>,
    pub(crate) release: Option<String>,
    pub(crate) losses: Arc<LossCounter>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) takes_strays: bool,
    pub(crate) breadcrumb_level: LevelFilter,
    pub(crate) tells_logged_errors: bool,
}

impl Reporter for Inner {
    fn report(&self, finding: Finding) {
        self.queue.report(finding.into());
    }

    fn takes_strays(&self) -> bool {
        self.takes_strays
    }
}

impl Monitor {
    /// Delivers what was reported so far: the audit file is written, each alert is delivered or given up.
    ///
    /// Returns whether that was done within `limit`, which begins when the background thread takes the call on. Needs no particular
    /// runtime. After [`shutdown`](Self::shutdown) it returns what that returned.
    pub async fn flush(&self, limit: Duration) -> bool {
        self.0.queue.flush(limit, self.0.audit.flush()).await
    }

    /// Like [`flush`](Self::flush), and ends the pipeline: what is still undelivered after `limit` is given up.
    ///
    /// Failures that come later are still answered and audited, but nobody is told: they are counted as lost.
    pub async fn shutdown(&self, limit: Duration) -> bool {
        self.0.queue.shutdown(limit, self.0.audit.flush()).await
    }

    /// How much had to be dropped so far, by reason. All zero is the normal state.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.0.losses.totals()
    }

    /// How many failures were left alone because a rule of the [policy](crate::policy::Ignore) says so. They are in the audit, and nowhere else.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.0.queue.ignored()
    }

    /// The layer for `tracing`: what led up to a failure, and errors that are only logged.
    ///
    /// - Events inside a request become its [breadcrumbs](crate::RequestContext::breadcrumb), and the fields of open spans are kept. Only
    ///   failures show them. Events below [`breadcrumb_level`](crate::Builder::breadcrumb_level) are left out.
    /// - Events of level ERROR become occurrences, unless their request fails anyway: then they are a part of that.
    ///   [`tell_logged_errors`](crate::Builder::tell_logged_errors) turns it off.
    ///
    /// ```
    /// # use tracing_subscriber::prelude::*;
    /// # use tower_monitor::Monitor;
    /// let monitor = Monitor::builder().build()?;
    /// tracing_subscriber::registry()
    ///     // A filter of the other layer's own: one for all would take the breadcrumbs away as well.
    ///     .with(tracing_subscriber::fmt::layer().with_filter(tracing::level_filters::LevelFilter::INFO))
    ///     .with(monitor.tracing_layer())
    ///     .init();
    /// # Ok::<_, tower_monitor::BuildError>(())
    /// ```
    pub fn tracing_layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        let collector = Collector {
            owner: self.0.requests.owner,
            tells_errors: self.0.tells_logged_errors,
        };
        let level = self.0.breadcrumb_level;
        // A span of the monitor's own that no other layer wants is never made.
        let wanted = move |metadata: &Metadata<'_>| *metadata.level() <= level && !is_own(metadata);
        collector.with_filter(filter_fn(wanted).with_max_level_hint(level))
    }

    /// Sends a harmless alert through every notifier, one try each, and says what became of it.
    ///
    /// The list is empty after [`shutdown`](Self::shutdown).
    pub async fn send_test_alert(&self) -> Vec<TestDelivery> {
        self.0.queue.test().await
    }

    /// Counts the request and writes the audit record.
    pub(crate) fn observe(&self, observation: &Observation) {
        let failed = match observation.outcome {
            Outcome::Failed | Outcome::Panicked | Outcome::BodyBroken => true,
            Outcome::Answered | Outcome::Abandoned => false,
        };
        {
            let state = observation.request.state();
            let route = state.route.as_ref().map(|route| route.as_str());
            self.0.traffic.count(route, failed);
        }
        self.0.audit.record(observation);
    }

    /// Hands a failure to the pipeline. When it travels whole, its request keeps what the background thread is to read: in an
    /// outage, the many that are only counted do not, while their audit records wait for a slow disk.
    pub(crate) fn report(&self, evidence: Evidence) {
        let request = evidence.request.clone();
        if self.0.queue.report(evidence)
            && let Some(request) = request
        {
            request.keep_for_telling();
        }
    }

    /// Whether the next request may begin.
    pub(crate) fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        self.0.audit.poll_ready(context)
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor")
            .field("requests", &self.0.requests)
            .field("failures", &self.0.failures)
            .field("losses", &self.losses())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::RequestContext;
    use crate::traffic::Windows;

    #[test]
    fn what_failed_is_counted_by_route() {
        let monitor = Monitor::builder().build().unwrap();
        let finished = |outcome, route: Option<&str>| {
            let settings = RequestSettings::default();
            let request = RequestContext::begin(&http::Request::new(()), &settings).0;
            if let Some(route) = route {
                request.set_route(route);
            }
            monitor.observe(&Observation {
                request,
                outcome,
                status: None,
                grpc_status: None,
                time_to_head: None,
                duration: Duration::ZERO,
                bytes_sent: 0,
            });
        };
        for outcome in [
            Outcome::Answered,
            Outcome::Failed,
            Outcome::Panicked,
            Outcome::Abandoned,
            Outcome::BodyBroken,
        ] {
            finished(outcome, Some("/buy/{item}"));
        }
        finished(Outcome::Failed, None);
        let ratios = Windows::new(Duration::from_secs(300)).tick(&monitor.0.traffic, 0);
        let ratios: Vec<_> = ratios
            .iter()
            .map(|ratio| (ratio.route.as_deref(), ratio.requests, ratio.failures))
            .collect();
        assert_eq!(ratios, [(None, 6, 4), (Some("/buy/{item}"), 5, 3)]);
    }
}

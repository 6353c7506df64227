//! From settings to a running monitor, or to an error that names the setting.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::HeaderName;

use super::{Builder, DEFAULT_REQUEST_ID_HEADER};
use crate::audit::{Audit, AuditLog};
use crate::capture;
use crate::delivery::{Completion, Gate, Pipeline, Queue};
use crate::error::BuildError;
use crate::issue::Desk;
use crate::loss::LossCounter;
use crate::monitor::{Inner, Monitor};
use crate::notify::Log;
use crate::redact::Redactor;
use crate::request::{self, InFlight, RequestSettings, TrustedProxies};
use crate::store::Memory;
use crate::traffic::Traffic;

impl Monitor {
    /// The monitor with every setting at its default, one for the whole process.
    pub(crate) fn process_wide() -> Self {
        static MONITOR: OnceLock<Monitor> = OnceLock::new();
        MONITOR
            .get_or_init(|| {
                Self::builder().build().unwrap_or_else(|error| {
                    tracing::error!(target: "tower_monitor", %error, "nobody will be told of failures");
                    Self::builder()
                        .assemble(|_, losses| Ok(Queue::closed(Arc::clone(losses))))
                        .expect("the defaults are right, and without threads nothing else can fail")
                })
            })
            .clone()
    }
}

impl Builder {
    /// Checks every setting, opens the audit files and starts the background threads.
    ///
    /// A process that forks has these threads in the parent only: build in the process that serves. In a child, failures are
    /// counted as lost and `flush` returns `false`.
    ///
    /// # Errors
    ///
    /// When a setting cannot work: the error names it, and what to write instead.
    pub fn build(self) -> Result<Monitor, BuildError> {
        self.check()?;
        self.assemble(|pipeline, _| {
            pipeline.start().map_err(|error| {
                let remedy = "raise the process's limit of threads";
                BuildError::new("build", "the background threads cannot be started", remedy)
                    .caused_by(error)
            })
        })
    }

    fn check(&self) -> Result<(), BuildError> {
        if self.queue_length == 0 {
            let problem = "0 leaves no room for anything";
            return Err(BuildError::new("queue_length", problem, "set at least 1"));
        }
        if self.queue_length > MAX_QUEUE {
            let count = self.queue_length;
            let problem = format!("{count} would take more memory than a monitor should");
            let remedy = "set at most 1,000,000";
            return Err(BuildError::new("queue_length", problem, remedy));
        }
        if let Some(url) = &self.dashboard_url {
            check_dashboard(url)?;
        }
        if self.notify_time_limit.is_zero() {
            let remedy = "set at least some milliseconds; 10 s is the default";
            return Err(BuildError::new(
                "notify_time_limit",
                "no notifier can be that fast",
                remedy,
            ));
        }
        if self.notify_time_limit > MAX_TIME_LIMIT {
            let problem = "a notifier that takes so long holds up every alert behind it";
            let remedy = "set at most 10 min; 10 s is the default";
            return Err(BuildError::new("notify_time_limit", problem, remedy));
        }
        if self.alert_age_limit < MIN_AGE_LIMIT || self.alert_age_limit > MAX_AGE_LIMIT {
            let problem = format!("{:?} is not within 1 min and 31 days", self.alert_age_limit);
            let remedy = "set some hours; 24 h is the default";
            return Err(BuildError::new("alert_age_limit", problem, remedy));
        }
        if let Err((problem, remedy)) = self.retention.check() {
            return Err(BuildError::new("retention", problem, remedy));
        }
        if let Err(problem) = self.policy.check() {
            let remedy = "mend the rule, or leave it out";
            return Err(BuildError::new("policy", problem, remedy));
        }
        if self.evidence_bytes > MAX_EVIDENCE {
            let problem = format!(
                "{} bytes of every failed answer are too many",
                self.evidence_bytes
            );
            return Err(BuildError::new(
                "evidence_bytes",
                problem,
                "set at most 65,536",
            ));
        }
        if let Some(bodies) = &self.request_bodies
            && bodies.limit() > MAX_BODY
        {
            let problem = format!("{} bytes of every request are too many", bodies.limit());
            return Err(BuildError::new(
                "request_bodies",
                problem,
                "set at most 65,536",
            ));
        }
        if let Some(name) = self.redaction.wrong_name() {
            let problem = format!(
                "`{}` is no name that could be found",
                crate::text::one_line(name)
            );
            let remedy = "use letters and digits of ASCII, such as `tax_id`";
            return Err(BuildError::new("redact", problem, remedy));
        }
        for channel in &self.channels {
            channel.check().map_err(|problem| {
                BuildError::new(
                    "notifier",
                    problem,
                    "mend the notifier's settings, or leave it out",
                )
            })?;
        }
        Ok(())
    }

    /// Puts everything together; `start` makes the entrance to the pipeline.
    fn assemble(
        self,
        start: impl FnOnce(Pipeline, &Arc<LossCounter>) -> Result<Queue, BuildError>,
    ) -> Result<Monitor, BuildError> {
        static OWNERS: AtomicUsize = AtomicUsize::new(0);
        let losses = Arc::new(LossCounter::default());
        let redactor = Redactor::new(self.redaction);
        let desk = Desk {
            redactor: redactor.clone(),
            dashboard: self
                .dashboard_url
                .map(|url| url.trim_end_matches('/').into()),
        };
        let requests = RequestSettings {
            owner: OWNERS.fetch_add(1, Ordering::Relaxed),
            id_header: header_name(&self.request_id_header)?,
            trust_ids: self.trust_request_ids,
            proxies: TrustedProxies::parse(self.trusted_proxies.iter().map(String::as_str))?,
            forwarded_header: self.forwarded_header,
            peer: self.peer,
            bodies: self.request_bodies,
        };
        let audits = self.audits.unwrap_or_else(|| vec![Audit::tracing()]);
        let audit = AuditLog::open(audits, redactor.clone(), Arc::clone(&losses))?;
        let store = self.store.unwrap_or_else(|| Arc::new(Memory::new()));
        store.open().map_err(|error| {
            let problem = format!("{}: {error}", store.name());
            BuildError::new(
                "store",
                problem,
                "mend what it names, or leave the store out",
            )
        })?;
        let mut channels = self.channels;
        if channels.is_empty() {
            channels.push(Log::new().into());
        }
        let in_flight = Arc::new(InFlight::default());
        let traffic = Arc::new(Traffic::default());
        let release = self.origin.release.clone();
        let gate = Gate {
            group_by: self.group_by.clone(),
            policy: Arc::new(self.policy),
        };
        let pipeline = Pipeline {
            queue_length: self.queue_length,
            completion: Completion::new(
                redactor.clone(),
                self.origin,
                self.before_send,
                self.group_by,
                Arc::clone(&in_flight),
            ),
            gate,
            store: Arc::clone(&store),
            retention: self.retention,
            channels,
            time_limit: self.notify_time_limit,
            age_limit: self.alert_age_limit,
            traffic: Arc::clone(&traffic),
            desk,
            losses: Arc::clone(&losses),
        };
        for open in self.leaves {
            open(&redactor)?;
        }
        let queue = start(pipeline, &losses)?;
        capture::install();
        let owner = requests.owner;
        let inner = Arc::new(Inner {
            requests,
            failures: self.failures,
            answer: self.answer,
            evidence_bytes: self.evidence_bytes,
            redactor,
            audit,
            queue,
            store,
            release,
            traffic,
            losses,
            in_flight,
            takes_strays: self.strays,
            breadcrumb_level: self.breadcrumb_level,
            tells_logged_errors: self.tell_logged_errors,
        });
        request::register(owner, &inner);
        Ok(Monitor(inner))
    }
}

fn check_dashboard(url: &str) -> Result<(), BuildError> {
    let parsed = url.parse::<http::Uri>().ok();
    let is_page = parsed.is_some_and(|url| {
        let scheme = url.scheme_str().unwrap_or_default();
        ["http", "https"].contains(&scheme) && url.host().is_some() && url.query().is_none()
    });
    if is_page && !url.contains(['#', '@']) {
        return Ok(());
    }
    Err(BuildError::new(
        "dashboard_url",
        "it is no `http` or `https` URL, or has a user, a query or a fragment",
        "give the address of the dashboard's first page, such as `https://shop.example.com/_monitor`",
    ))
}

fn header_name(name: &str) -> Result<HeaderName, BuildError> {
    if name.eq_ignore_ascii_case(DEFAULT_REQUEST_ID_HEADER) {
        // Cheaper to clone than one that was parsed.
        return Ok(HeaderName::from_static(DEFAULT_REQUEST_ID_HEADER));
    }
    name.parse().map_err(|_| {
        BuildError::new(
            "request_id_header",
            format!(
                "`{}` is no name of an HTTP header",
                crate::text::one_line(name)
            ),
            "use letters, digits and dashes, such as `x-request-id`",
        )
    })
}

const MAX_TIME_LIMIT: Duration = Duration::from_secs(10 * 60);
const MIN_AGE_LIMIT: Duration = Duration::from_secs(60);
const MAX_AGE_LIMIT: Duration = Duration::from_secs(31 * 24 * 60 * 60);
const MAX_QUEUE: usize = 1_000_000;
const MAX_EVIDENCE: usize = 64 * 1024;
const MAX_BODY: usize = 64 * 1024;

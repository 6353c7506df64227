//! From settings to a running monitor, or to an error that names the setting.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use http::HeaderName;

use super::{Builder, DEFAULT_REQUEST_ID_HEADER};
use crate::audit::{Audit, AuditLog};
use crate::capture;
use crate::delivery::{Completion, Pipeline, Queue};
use crate::error::BuildError;
use crate::loss::LossCounter;
use crate::monitor::{Inner, Monitor};
use crate::notify::Log;
use crate::redact::Redactor;
use crate::request::{self, InFlight, RequestSettings, TrustedProxies};
use crate::store::MemoryStore;

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
        let counts = [
            ("queue_length", self.queue_length),
            ("alert_queue_length", self.alert_queue_length),
            ("max_issues", self.max_issues),
            ("max_occurrences", self.max_occurrences),
            (
                "notify_tries",
                usize::try_from(self.retry.tries).unwrap_or(usize::MAX),
            ),
        ];
        if let Some((setting, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(BuildError::new(
                setting,
                "0 leaves no room for anything",
                "set at least 1",
            ));
        }
        if let Some((setting, count)) = counts.into_iter().find(|(_, count)| *count > MAX_COUNT) {
            let problem = format!("{count} would take more memory than a monitor should");
            return Err(BuildError::new(setting, problem, "set at most 1,000,000"));
        }
        if self.retry.time_limit.is_zero() {
            let remedy = "set at least some milliseconds; 10 s is the default";
            return Err(BuildError::new(
                "notify_time_limit",
                "no notifier can be that fast",
                remedy,
            ));
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
        for notifier in &self.notifiers {
            notifier.check().map_err(|problem| {
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
        let store = Arc::new(Mutex::new(MemoryStore::new(
            self.max_issues,
            self.max_occurrences,
        )));
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
        let mut notifiers = self.notifiers;
        if notifiers.is_empty() {
            notifiers.push(Arc::new(Log::new()));
        }
        let in_flight = Arc::new(InFlight::default());
        let pipeline = Pipeline {
            queue_length: self.queue_length,
            completion: Completion::new(
                redactor.clone(),
                self.origin,
                self.before_send,
                self.group_by.clone(),
                Arc::clone(&in_flight),
            ),
            group_by: self.group_by,
            store: Arc::clone(&store),
            notifiers,
            alert_queue_length: self.alert_queue_length,
            retry: self.retry,
            losses: Arc::clone(&losses),
        };
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

const MAX_COUNT: usize = 1_000_000;
const MAX_EVIDENCE: usize = 64 * 1024;
const MAX_BODY: usize = 64 * 1024;

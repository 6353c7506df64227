//! From the place where something is noticed to the monitor that tells of it.
//!
//! A request does not carry its monitor: the shared counter of a handle, changed twice in each request, would be the one place
//! where requests on different threads meet. A failure finds the monitor by its number.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, TryLockError, Weak};
use std::time::Duration;

use super::{ErrorRecord, PanicRecord, RequestContext};
use crate::time::Timestamp;

/// Takes what was noticed, and never waits.
pub(crate) trait Reporter: Send + Sync {
    fn report(&self, finding: Finding);

    /// Whether it also wants what happens outside of every request.
    fn takes_strays(&self) -> bool;
}

/// What was noticed.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) time: Timestamp,
    pub(crate) what: Noticed,
    pub(crate) request: Option<RequestContext>,
    /// From the request's arrival until it was noticed.
    pub(crate) elapsed: Option<Duration>,
}

/// A panic or an error, as it was taken.
#[derive(Clone, Debug)]
pub(crate) enum Noticed {
    Panic(Box<PanicRecord>),
    Error(Arc<ErrorRecord>),
}

/// Makes the monitor with this number known. It is forgotten when the last of its handles is gone.
pub(crate) fn register(owner: usize, reporter: &Arc<impl Reporter + 'static>) {
    let reporter: Weak<dyn Reporter> = Arc::downgrade(reporter) as Weak<dyn Reporter>;
    let mut all = REPORTERS.write().unwrap_or_else(PoisonError::into_inner);
    all.retain(|(_, known)| known.strong_count() > 0);
    all.push((owner, reporter));
}

impl Finding {
    pub(crate) fn new(what: Noticed, request: Option<RequestContext>) -> Self {
        Self {
            time: Timestamp::now(),
            what,
            elapsed: request.as_ref().map(RequestContext::elapsed),
            request,
        }
    }

    /// Keeps it with its request until that is answered; reports it when there is none, or when it is too late for that.
    pub(crate) fn tell(self) {
        if let Err(finding) = self.kept_by_request() {
            finding.report();
        }
    }

    /// The same for the monitor with this number, when it happened outside of every request.
    pub(crate) fn tell_to(self, owner: usize) {
        if let Err(finding) = self.kept_by_request() {
            finding.report_to_one(Some(owner));
        }
    }

    fn kept_by_request(self) -> Result<(), Self> {
        match self.request.clone() {
            Some(request) => request.notice(self),
            None => Err(self),
        }
    }

    /// Hands it to the request's monitor or, outside of every request, to the first one built that takes such.
    pub(crate) fn report(self) {
        let owner = self.request.as_ref().map(|request| request.0.owner);
        self.report_to_one(owner);
    }

    fn report_to_one(self, owner: Option<usize>) {
        let is_stray = self.request.is_none();
        let reporter = reporters().and_then(|all| {
            all.iter()
                .filter(|(number, _)| owner.is_none_or(|owner| owner == *number))
                .filter_map(|(_, known)| known.upgrade())
                .find(|known| !is_stray || known.takes_strays())
        });
        if let Some(reporter) = reporter {
            reporter.report(self);
        }
    }
}

type Known = Vec<(usize, Weak<dyn Reporter>)>;

/// Only `register` writes, for a moment. A panic hook does not wait even for that.
fn reporters() -> Option<RwLockReadGuard<'static, Known>> {
    if std::thread::panicking() {
        return (0..SPINS).find_map(|_| {
            std::hint::spin_loop();
            match REPORTERS.try_read() {
                Ok(all) => Some(all),
                Err(TryLockError::Poisoned(all)) => Some(all.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            }
        });
    }
    Some(REPORTERS.read().unwrap_or_else(PoisonError::into_inner))
}

static REPORTERS: RwLock<Known> = RwLock::new(Vec::new());
const SPINS: u32 = 1000;

//! A notifier with what it is told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Budget, DynNotifier, Notifier, Takes};
use crate::guard::contained;
use crate::issue::{Alert, Reason, Severity};
use crate::occurrence::Kind;
use crate::request::RoutePattern;
use crate::text::{cut, one_line};

/// A notifier with what it is told, how often, and how long one try may take. Every notifier is one that is told everything.
///
/// ```
/// use tower_monitor::{Monitor, Severity, notify::{Channel, Log}};
///
/// let monitor = Monitor::builder()
///     .notifier(
///         Channel::new(Log::new())
///             .name("shop-log")
///             .at_least(Severity::Error)
///             .routes(["/checkout/*", "POST /buy/{item}"]),
///     )
///     .build()?;
/// # Ok::<_, tower_monitor::BuildError>(())
/// ```
///
/// Whatever is set, it is told of a [test](Reason::Test), and, from its least severity on, of trouble of the monitor itself, such as
/// another notifier that takes nothing any more. An [all-clear](Reason::AllClear) goes where the problem was told.
#[derive(Clone)]
#[must_use]
pub struct Channel {
    notifier: Arc<dyn DynNotifier>,
    name: Option<String>,
    at_least: Severity,
    kinds: Vec<Kind>,
    routes: Vec<Result<RoutePattern, String>>,
    takes: Option<Takes>,
    budget: Option<Budget>,
    time_limit: Option<Duration>,
}

impl Channel {
    /// The notifier, told everything.
    pub fn new(notifier: impl Notifier) -> Self {
        Self::of(Arc::new(notifier))
    }

    pub(crate) fn of(notifier: Arc<dyn DynNotifier>) -> Self {
        Self {
            notifier,
            name: None,
            at_least: Severity::Info,
            kinds: Vec::new(),
            routes: Vec::new(),
            takes: None,
            budget: None,
            time_limit: None,
        }
    }

    /// Only what is at least so bad. Default: [`Severity::Info`], which is everything.
    pub fn at_least(mut self, severity: Severity) -> Self {
        self.at_least = severity;
        self
    }

    /// Only these kinds of problems; called again, these as well. Default: all kinds.
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        self.kinds.extend(kinds);
        self
    }

    /// Only problems of these routes; called again, of these as well. Default: all routes, and what is outside of requests.
    ///
    /// A route's template, as `/buy/{item}`, or the beginning of some, as `/admin/*`; with a method in front, as `POST
    /// /buy/{item}`, that method's alone. A request that no router named a route for is known by its path.
    /// [`build()`](crate::Builder::build) refuses what does not begin with `/`.
    pub fn routes<I>(mut self, routes: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let routes = routes.into_iter();
        self.routes
            .extend(routes.map(|route| RoutePattern::parse(route.as_ref())));
        self
    }

    /// Whether it is told of alerts, of endings too, or of every occurrence. Default: what [the notifier says](Notifier::takes).
    pub fn takes(mut self, takes: Takes) -> Self {
        self.takes = Some(takes);
        self
    }

    /// How many messages it may send. Default: what [the notifier says](Notifier::budget).
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// How long one try may take. It must not be 0. Default: what
    /// [`notify_time_limit`](crate::Builder::notify_time_limit) says.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// What it is called in logs, in errors and in the store, to tell two of a kind apart: 1 to 64 bytes on one line.
    /// Default: [the notifier's name](Notifier::name); the second of the same name has `-2` behind it.
    ///
    /// What waits in a store waits for this name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// # Errors
    ///
    /// What cannot work, in words.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some(name) = &self.name
            && !is_name(name)
        {
            return Err(format!(
                "the name of a channel is empty, longer than {MAX_NAME} bytes or not on one line; a right one looks like \
                 `slack-ops`"
            ));
        }
        if let Some(Err(problem)) = self.routes.iter().find(|route| route.is_err()) {
            return Err(format!(
                "the route {problem}; a right one looks like `/checkout/*` or `POST /buy/{{item}}`"
            ));
        }
        if self.time_limit.is_some_and(|limit| limit.is_zero()) {
            return Err("the time limit is 0; set at least some milliseconds".to_owned());
        }
        if self.time_limit.is_some_and(|limit| limit > MAX_TIME_LIMIT) {
            return Err(
                "the time limit is longer than 10 min; every alert behind it would wait".to_owned(),
            );
        }
        self.own_budget().check()?;
        self.notifier.check()
    }

    /// Whether it is told of this.
    pub(crate) fn wants(&self, alert: &Alert) -> bool {
        if !self.own_takes().has(&alert.reason) {
            return false;
        }
        let severity = match alert.reason {
            Reason::Test => return true,
            // The alert may have become mild, the problem was not.
            _ if alert.reason.is_over() => alert.severity.max(alert.issue.severity),
            _ => alert.severity,
        };
        if severity < self.at_least {
            return false;
        }
        let kind = alert.issue.kind;
        kind == Kind::Monitor
            || ((self.kinds.is_empty() || self.kinds.contains(&kind)) && self.has_route_of(alert))
    }

    fn has_route_of(&self, alert: &Alert) -> bool {
        if self.routes.is_empty() {
            return true;
        }
        let matches = |method: &str, route: &str| {
            let mut patterns = self.routes.iter().flatten();
            patterns.any(|pattern| pattern.matches(method, route))
        };
        match (&alert.occurrence.request, &alert.issue.culprit) {
            (Some(request), _) => {
                let route = request.route.as_ref().unwrap_or(&request.path);
                matches(&request.method, route)
            }
            // Of a route as such, not of one of its requests.
            (None, Some(culprit)) if alert.issue.kind == Kind::ErrorRatio => {
                let (method, route) = culprit.split_once(' ').unwrap_or(("", culprit));
                matches(method, route)
            }
            (None, _) => false,
        }
    }

    pub(crate) fn notifier(&self) -> &Arc<dyn DynNotifier> {
        &self.notifier
    }

    pub(crate) fn own_time_limit(&self) -> Option<Duration> {
        self.time_limit
    }

    /// The budget that was set, else the notifier's own; whatever the notifier does when it is asked.
    pub(crate) fn own_budget(&self) -> Budget {
        self.budget
            .or_else(|| contained(|| self.notifier.budget()))
            .unwrap_or_default()
    }

    /// What it is told of; whatever the notifier does when it is asked.
    pub(crate) fn own_takes(&self) -> Takes {
        self.takes
            .or_else(|| contained(|| self.notifier.takes()))
            .unwrap_or_default()
    }

    /// The name for thread, log and store: short, and whatever the notifier does when it is asked.
    pub(crate) fn own_name(&self) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        contained(|| one_line(cut(self.notifier.name(), MAX_NAME)).into_owned())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "unnamed".to_owned())
    }
}

/// The notifier, told everything.
impl<N: Notifier> From<N> for Channel {
    fn from(notifier: N) -> Self {
        Self::new(notifier)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("name", &self.own_name())
            .field("at_least", &self.at_least)
            .field("kinds", &self.kinds)
            .field("routes", &self.routes)
            .field("takes", &self.own_takes())
            .field("budget", &self.own_budget())
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}

pub(super) fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.len() <= MAX_NAME && one_line(name) == name
}

const MAX_TIME_LIMIT: Duration = Duration::from_secs(10 * 60);
pub(super) const MAX_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::Issue;
    use crate::notify::{Capture, Log};
    use crate::occurrence::{Evidence, Origin};
    use crate::time::Timestamp;

    fn alert(kind: Kind, severity: Severity, culprit: Option<&str>) -> Alert {
        let evidence = Evidence::new(kind, Timestamp::now(), None);
        let occurrence = evidence.alone(&Arc::new(Origin::default()));
        let mut issue = Issue::begin(&occurrence, 1);
        issue.severity = severity;
        issue.culprit = culprit.map(str::to_owned);
        Alert {
            id: occurrence.id,
            time: occurrence.time,
            reason: Reason::New,
            severity,
            issue,
            occurrence: Arc::new(occurrence),
            new_in_release: false,
            held_back: 0,
            lost: Default::default(),
            also: Vec::new(),
            also_more: 0,
            desk: crate::issue::Desk::default(),
            memo: crate::issue::Memo::default(),
        }
    }

    #[test]
    fn it_is_told_what_it_asked_for() {
        let channel = Channel::new(Log::new())
            .at_least(Severity::Error)
            .kinds([Kind::Panic, Kind::ErrorRatio]);
        let wants = |kind, severity| channel.wants(&alert(kind, severity, None));
        assert!(wants(Kind::Panic, Severity::Error));
        assert!(!wants(Kind::Panic, Severity::Warning));
        assert!(!wants(Kind::ServerError, Severity::Critical));
        assert!(wants(Kind::Monitor, Severity::Error), "whatever the kinds");
        assert!(!wants(Kind::Monitor, Severity::Warning));
    }

    #[test]
    fn a_test_and_an_all_clear_come_where_alerts_come() {
        let channel = Log::new().when(Severity::Critical);
        let mut test = alert(Kind::Test, Severity::Info, None);
        test.reason = Reason::Test;
        assert!(channel.wants(&test));
        let mut clear = alert(Kind::ErrorRatio, Severity::Critical, None);
        clear.reason = Reason::AllClear;
        clear.severity = Severity::Info;
        assert!(channel.wants(&clear));
    }

    #[test]
    fn each_sort_is_told_of_its_own() {
        let told = |takes: Takes, reason: Reason| {
            let mut alert = alert(Kind::Panic, Severity::Error, None);
            alert.reason = reason;
            Channel::new(Log::new()).takes(takes).wants(&alert)
        };
        let (people, list, service) = (Takes::Alerts, Takes::AlertsAndEndings, Takes::Occurrences);
        for (reason, wanted) in [
            (Reason::New, [true, true, false]),
            (Reason::AllClear, [true, true, false]),
            (Reason::Resolved, [false, true, false]),
            (Reason::Quiet { seconds: 60 }, [false, true, false]),
            (Reason::Resumed, [false, true, false]),
            (Reason::Occurred, [false, false, true]),
            (Reason::Test, [true, true, true]),
        ] {
            let said = [people, list, service].map(|takes| told(takes, reason.clone()));
            assert_eq!(said, wanted, "{reason:?}");
        }
    }

    #[test]
    fn routes_are_for_requests_and_for_what_is_said_of_a_route() {
        let channel = Channel::new(Log::new()).routes(["POST /buy/{item}", "/admin/*"]);
        let wants = |kind, culprit| channel.wants(&alert(kind, Severity::Error, Some(culprit)));
        assert!(wants(Kind::ErrorRatio, "POST /buy/{item}"));
        assert!(wants(Kind::ErrorRatio, "GET /admin/users"));
        assert!(!wants(Kind::ErrorRatio, "GET /buy/{item}"));
        assert!(!wants(Kind::Panic, "src/admin.rs:7"), "of no request");
        assert!(wants(Kind::Monitor, "src/admin.rs:7"), "of the monitor");
    }

    #[test]
    fn what_cannot_work_is_named_with_a_remedy() {
        for (channel, word) in [
            (Channel::new(Log::new()).name(" "), "slack-ops"),
            (Channel::new(Log::new()).name("a\nb"), "one line"),
            (Channel::new(Log::new()).routes(["buy"]), "`buy`"),
            (
                Channel::new(Log::new()).time_limit(Duration::ZERO),
                "time limit",
            ),
            (
                Channel::new(Log::new()).budget(Budget::new(0, Duration::from_secs(1))),
                "0 messages",
            ),
        ] {
            let problem = channel.check().unwrap_err();
            assert!(problem.contains(word), "{problem}");
        }
        let right = Channel::from(Capture::new()).name("seen").routes(["/"]);
        assert_eq!(right.check(), Ok(()));
        assert_eq!(right.own_name(), "seen");
        assert_eq!(right.own_budget(), Budget::unlimited());
    }
}

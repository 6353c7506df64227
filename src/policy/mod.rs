//! Which occurrences become an alert. Pure: history and time in, verdict out.
//!
//! | Reason | Told when | Default | Tune | Turn off |
//! |---|---|---|---|---|
//! | [`New`](crate::Reason::New) | the problem is seen for the first time | on | [`ignore`](Policy::ignore) | |
//! | [`Regressed`](crate::Reason::Regressed) | it occurs after somebody resolved it, in a release that should not have it | on | resolve it in a [release](crate::Resolve) | |
//! | [`Regressed`](crate::Reason::Regressed) | it occurs after so long a silence | 14 days | [`regressed_after`](Policy::regressed_after) | [`without_regressed_after`](Policy::without_regressed_after) |
//! | [`Unmuted`](crate::Reason::Unmuted) | it occurs after its mute is over, or ends it by its number | on | [mute](crate::Mute) it for good | |
//! | [`AllClear`](crate::Reason::AllClear) | an error ratio has not been above its bound for 7 minutes | on | | [`without_error_ratio`](Policy::without_error_ratio) |
//! | [`Rate`](crate::Reason::Rate) | it occurs so often within a few minutes | 100 in 5 min | [`rate`](Policy::rate) | [`without_rate`](Policy::without_rate) |
//! | [`Jump`](crate::Reason::Jump) | it occurs far more often in an hour than in the 14 days before | 10 times as often, and 50 times | [`jump`](Policy::jump) | [`without_jump`](Policy::without_jump) |
//! | [`Users`](crate::Reason::Users) | so many users were hit | 10, 100, 1,000, … | [`users`](Policy::users) | [`without_users`](Policy::without_users) |
//! | [`Count`](crate::Reason::Count) | it occurs the 10th, 100th, 1,000th, … time since it began or was back | on | | [`milestones(false)`](Policy::milestones) |
//! | [`StillOpen`](crate::Reason::StillOpen) | it has occurred since the last alert, and that was so long ago | 24 h | [`remind_after`](Policy::remind_after) | [`without_reminder`](Policy::without_reminder) |
//!
//! When several apply at once, the one that stands first in the table is told, and the others count as told with it. Of
//! milestones that were passed at once, the highest is.
//!
//! Notifiers that keep a list of open problems [are told more](crate::notify::Takes::AlertsAndEndings): that a problem which was told is
//! [resolved](crate::Reason::Resolved) by somebody, that it has [not occurred](crate::Reason::Quiet) for
//! [`quiet_after`](Policy::quiet_after), and that it [occurs again](crate::Reason::Resumed) after that.
//!
//! An error ratio is a problem of its own, of [`Kind::ErrorRatio`]: it is told when it [begins](Policy::error_ratio), when it
//! goes on and when it is over, but not by numbers.
//!
//! # Never silent, never noisy
//!
//! A rate and a jump are told when they rise above their bound, and again only after they fell below half of it. At most
//! [`max_per_hour`](Policy::max_per_hour) alerts of one problem are told in an hour, whatever rules apply. A new problem, an
//! all-clear and the return of what people had resolved do not wait for that, within a further bound of
//! [`MAX_URGENT_PER_HOUR`]. What has to wait is told as soon as the hour has room, but for a rate or a jump that is no longer
//! above its bound by then; and each alert says how many occurrences were held back since the one before.
//!
//! An error ratio that began and ended again while its alert had to wait is not told; the next one says what was held back.
//!
//! While a problem is muted, or resolved and seen only where it may still be, it is counted and nothing is told.

mod ending;
mod ignore;
mod judge;
mod ratio;
mod rules;
mod severity;
mod states;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use ignore::Ignore;
pub(crate) use ignore::Seen;
pub use ratio::{
    DEFAULT_APP_RATIO, DEFAULT_APP_RATIO_REQUESTS, DEFAULT_ROUTE_RATIO,
    DEFAULT_ROUTE_RATIO_REQUESTS, ERROR_RATIO_WINDOW, ErrorRatio,
};

use self::severity::Severities;
use crate::issue::Severity;
use crate::occurrence::{Kind, Occurrence};
use crate::request::RoutePattern;

/// A problem that occurs after a silence of 14 days is back.
pub const DEFAULT_REGRESSED_AFTER: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// A rate is told from 100 occurrences …
pub const DEFAULT_RATE: u64 = 100;
/// … in 5 minutes on.
pub const DEFAULT_RATE_WINDOW: Duration = Duration::from_secs(5 * 60);
/// A jump is told when an hour has 10 times as many occurrences as usual …
pub const DEFAULT_JUMP: u64 = 10;
/// … and at least 50.
pub const DEFAULT_JUMP_LEAST: u64 = 50;
/// The number of users is told when 10 were hit …
pub const DEFAULT_USERS: u64 = 10;
/// … and each time that there are 10 times as many.
pub const DEFAULT_USERS_FACTOR: u64 = 10;
/// A problem that goes on is told again after 24 hours.
pub const DEFAULT_REMIND_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// A problem has ended when it has not occurred for an hour.
pub const DEFAULT_QUIET_AFTER: Duration = Duration::from_secs(60 * 60);
/// Alerts of one problem in an hour: 10.
pub const DEFAULT_MAX_PER_HOUR: usize = 10;
/// Alerts of one problem in an hour beyond [`Policy::max_per_hour`], when it is back after people had resolved it or is over: 10.
pub const MAX_URGENT_PER_HOUR: usize = 10;
/// An error ratio is over when it has not been above its bound for 7 minutes: 2 minutes, and the 5 by which the clocks of machines that
/// share a store may differ. So it is not told as over, and as back at once, because one machine sees it and another reviews it.
pub const ALL_CLEAR_AFTER: Duration = Duration::from_secs(7 * 60);

/// What becomes an alert, and how bad it is; for [`Builder::policy`](crate::Builder).
///
/// Numbers that make no sense and patterns that cannot match are errors of [`build()`](crate::Builder::build).
///
/// ```
/// use std::time::Duration;
/// use tower_monitor::policy::{ErrorRatio, Ignore, Policy};
/// use tower_monitor::{Kind, Severity};
///
/// let hour = Duration::from_secs(60 * 60);
/// let policy = Policy::new()
///     .rate(500, hour)
///     .remind_after(8 * hour)
///     .without_users()
///     .error_ratio(ErrorRatio::new().app(0.02, 1_000).without_routes())
///     .ignore(Ignore::new().route("/health/*"))
///     .ignore(Ignore::new().status(503).bots())
///     .severity(Kind::Logged, Severity::Info)
///     .route_severity("POST /checkout/*", Severity::Critical);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Policy {
    regressed_after: Option<Duration>,
    milestones: bool,
    rate: Option<(u64, Duration)>,
    jump: Option<(u64, u64)>,
    users: Option<(u64, u64)>,
    remind_after: Option<Duration>,
    quiet_after: Duration,
    max_per_hour: usize,
    error_ratio: Option<ErrorRatio>,
    ignored: Vec<Ignore>,
    severities: Severities,
    /// What is wrong with patterns.
    mistakes: Vec<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            regressed_after: Some(DEFAULT_REGRESSED_AFTER),
            milestones: true,
            rate: Some((DEFAULT_RATE, DEFAULT_RATE_WINDOW)),
            jump: Some((DEFAULT_JUMP, DEFAULT_JUMP_LEAST)),
            users: Some((DEFAULT_USERS, DEFAULT_USERS_FACTOR)),
            remind_after: Some(DEFAULT_REMIND_AFTER),
            quiet_after: DEFAULT_QUIET_AFTER,
            max_per_hour: DEFAULT_MAX_PER_HOUR,
            error_ratio: Some(ErrorRatio::new()),
            ignored: Vec::new(),
            severities: Severities::default(),
            mistakes: Vec::new(),
        }
    }
}

impl Policy {
    /// The policy with every rule at its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// A problem that occurs after it has not for so long is told as back, and its milestones begin anew. At least a minute. The
    /// monitor's own trouble, of [`Kind::Monitor`], is told anew after an hour without it.
    /// Default: [`DEFAULT_REGRESSED_AFTER`].
    pub fn regressed_after(mut self, silence: Duration) -> Self {
        self.regressed_after = Some(silence);
        self
    }

    /// However long a problem was silent, it is back only when somebody had resolved it.
    pub fn without_regressed_after(mut self) -> Self {
        self.regressed_after = None;
        self
    }

    /// Whether a problem is told when it occurs the 10th, 100th, 1,000th, … time. Default: yes.
    pub fn milestones(mut self, told: bool) -> Self {
        self.milestones = told;
        self
    }

    /// A problem that occurs `count` times within `window` is told; again after the rate fell below half of that. The window is
    /// counted in whole minutes, 1 to 60; a part of one counts as one. Default: [`DEFAULT_RATE`] in [`DEFAULT_RATE_WINDOW`].
    pub fn rate(mut self, count: u64, window: Duration) -> Self {
        self.rate = Some((count, window));
        self
    }

    /// No rate is told.
    pub fn without_rate(mut self) -> Self {
        self.rate = None;
        self
    }

    /// A problem is told that occurs `factor` times as often in 60 minutes as in an hour of the 14 days before, and at least `least`
    /// times. It has to be known for a day. The factor is at least 2. Default: [`DEFAULT_JUMP`] and [`DEFAULT_JUMP_LEAST`].
    pub fn jump(mut self, factor: u64, least: u64) -> Self {
        self.jump = Some((factor, least));
        self
    }

    /// No jump is told.
    pub fn without_jump(mut self) -> Self {
        self.jump = None;
        self
    }

    /// A problem is told when it has hit `first` users, and each time that there are `factor` times as many. The factor is at
    /// least 2. Beyond the users that are [listed](crate::Retention::max_users) the number is an estimate.
    /// Default: [`DEFAULT_USERS`] and [`DEFAULT_USERS_FACTOR`].
    pub fn users(mut self, first: u64, factor: u64) -> Self {
        self.users = Some((first, factor));
        self
    }

    /// No number of users is told.
    pub fn without_users(mut self) -> Self {
        self.users = None;
        self
    }

    /// A problem that has occurred since its last alert is told again so long after that, also when it does not occur any more. At
    /// least a minute. Default: [`DEFAULT_REMIND_AFTER`].
    pub fn remind_after(mut self, time: Duration) -> Self {
        self.remind_after = Some(time);
        self
    }

    /// Nobody is reminded of problems that go on.
    pub fn without_reminder(mut self) -> Self {
        self.remind_after = None;
        self
    }

    /// A problem that was told and has not occurred for so long has ended, for notifiers that
    /// [take endings](crate::notify::Takes::AlertsAndEndings). At least a minute. Default: [`DEFAULT_QUIET_AFTER`].
    pub fn quiet_after(mut self, silence: Duration) -> Self {
        self.quiet_after = silence;
        self
    }

    /// The alerts of one problem in an hour, 1 to 60. Further ones wait until the hour has room. A new problem, an all-clear and the
    /// return of what people had resolved do not wait, up to [`MAX_URGENT_PER_HOUR`] more. Default: [`DEFAULT_MAX_PER_HOUR`].
    pub fn max_per_hour(mut self, alerts: usize) -> Self {
        self.max_per_hour = alerts;
        self
    }

    /// From which share of failures on the app, or one of its routes, is a problem. Default: [`ErrorRatio::new`].
    pub fn error_ratio(mut self, ratio: ErrorRatio) -> Self {
        self.error_ratio = Some(ratio);
        self
    }

    /// No share of failures is told.
    pub fn without_error_ratio(mut self) -> Self {
        self.error_ratio = None;
        self
    }

    /// Takes no notice of what fits all conditions of this rule: it is neither counted nor kept nor told. Of several rules, one is
    /// enough. Default: none.
    pub fn ignore(mut self, rule: Ignore) -> Self {
        self.ignored.push(rule);
        self
    }

    /// How bad problems of this kind are. Default: [`Severity::of`]; [`Severity::Critical`] for the error ratio of the whole app.
    pub fn severity(mut self, kind: Kind, severity: Severity) -> Self {
        self.severities.set_kind(kind, severity);
        self
    }

    /// How bad problems are on these routes, whatever their kind: `/checkout/{step}`, all below `/checkout/*`, or one method's as in
    /// `POST /checkout/*`. A request without a route is known by its path. Of several that fit, the first decides.
    /// Default: none.
    pub fn route_severity(mut self, route: &str, severity: Severity) -> Self {
        match RoutePattern::parse(route) {
            Ok(pattern) => self.severities.add_route(pattern, severity),
            Err(mistake) => self.mistakes.push(format!("route_severity: {mistake}")),
        }
        self
    }

    /// How bad this occurrence is.
    pub(crate) fn severity_of(&self, occurrence: &Occurrence) -> Severity {
        self.severities.of(occurrence)
    }

    /// Whether there is any rule that ignores something.
    pub(crate) fn ignores_some(&self) -> bool {
        !self.ignored.is_empty()
    }

    /// Whether the error ratio is to be looked at.
    pub(crate) fn watches_ratios(&self) -> bool {
        self.error_ratio.is_some()
    }

    /// Whether no notice is to be taken of this. Cheap: it runs where a request fails.
    pub(crate) fn ignores(&self, seen: &Seen<'_>) -> bool {
        self.ignored.iter().any(|rule| rule.fits(seen))
    }

    /// Whether so many failures are too many: of a route or, without one, of the whole app. The numbers are those of the last
    /// [`ERROR_RATIO_WINDOW`].
    pub(crate) fn ratio_exceeded(&self, route: Option<&str>, requests: u64, failures: u64) -> bool {
        let ratio = self.error_ratio.as_ref();
        ratio.is_some_and(|ratio| ratio.is_exceeded(route.is_some(), requests, failures))
    }

    /// # Errors
    ///
    /// What cannot work, in words that name the rule and the value.
    pub(crate) fn check(&self) -> Result<(), String> {
        let minute = Duration::from_secs(60);
        let hour = 60 * minute;
        let ignored = self.ignored.iter().flat_map(Ignore::mistakes);
        let ratio = self.error_ratio.iter().flat_map(ErrorRatio::mistakes);
        let mut mistakes: Vec<_> = self.mistakes.iter().cloned().chain(ignored).collect();
        mistakes.extend(ratio);
        let mut refuse = |is_wrong: bool, mistake: String| {
            if is_wrong {
                mistakes.push(mistake);
            }
        };
        for (rule, time) in [
            ("regressed_after", self.regressed_after),
            ("remind_after", self.remind_after),
            ("quiet_after", Some(self.quiet_after)),
        ] {
            let time = time.unwrap_or(hour);
            let too_short = format!("{rule}: {time:?} is less than a minute");
            refuse(time < minute, too_short);
        }
        if let Some((count, window)) = self.rate {
            refuse(count == 0, "rate: 0 times are no rate".to_owned());
            let wrong = format!("rate: a window of {window:?} is not within 1 and 60 minutes");
            refuse(window < minute || window > hour, wrong);
        }
        if let Some((factor, least)) = self.jump {
            let wrong = format!("jump: {factor} times as often is no jump, 2 times is");
            refuse(factor < 2, wrong);
            refuse(least == 0, "jump: 0 times are no jump".to_owned());
        }
        if let Some((first, factor)) = self.users {
            refuse(first == 0, "users: 0 users are not told".to_owned());
            let wrong = format!("users: {factor} times as many are not more, 2 times are");
            refuse(factor < 2, wrong);
        }
        let alerts = self.max_per_hour;
        let wrong = format!("max_per_hour: {alerts} alerts are not within 1 and 60");
        refuse(!(1..=60).contains(&alerts), wrong);
        mistakes.into_iter().next().map_or(Ok(()), Err)
    }
}

//! How many messages a notifier may send: a token bucket, and one for each vendor.

use std::time::Duration;

/// How many messages a notifier may send: some at once, and so many in a span of time on average.
///
/// In any span, however it is laid, there are at most [`at_once`](Self::at_once) messages more than the average. What
/// waits when the budget is spent becomes one message; nothing is dropped. A try that fails is a message, too.
///
/// ```
/// use std::time::Duration;
/// use tower_monitor::notify::{Budget, Channel, Log};
///
/// let ten_an_hour = Budget::new(10, Duration::from_secs(3_600)).at_once(3);
/// let channel = Channel::new(Log::new()).budget(ten_an_hour);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Budget(Option<Bucket>);

#[derive(Clone, Copy, Debug, PartialEq)]
struct Bucket {
    messages: u32,
    span: Duration,
    at_once: u32,
}

impl Budget {
    /// What a notifier has that says nothing else: 60 in a minute, 30 at once.
    pub const DEFAULT: Self = Self::new(60, MINUTE).at_once(30);
    /// Slack's webhooks: one in a second, 3 at once. Slack allows one in a second for each webhook, and short bursts.
    pub const SLACK: Self = Self::new(1, Duration::from_secs(1)).at_once(3);
    /// Text messages through Twilio: 42 in a day, 8 at once, so that there are at most 10 in an hour and 50 in a day.
    /// Twilio would send more, a person would stop to read them.
    pub const TWILIO: Self = Self::new(42, DAY).at_once(8);
    /// PagerDuty: 100 in a minute, 20 at once. PagerDuty allows about 120 in any minute for each integration key.
    pub const PAGERDUTY: Self = Self::new(100, MINUTE).at_once(20);
    /// Discord's webhooks: 25 in a minute, 5 at once. Discord names its limits in its answers; 5 in two seconds and 30 in a
    /// minute are known to be well within them.
    pub const DISCORD: Self = Self::new(25, MINUTE).at_once(5);
    /// Microsoft Teams: 90 in an hour, 4 at once. Its connectors allow 4 in a second and 100 in an hour.
    pub const TEAMS: Self = Self::new(90, HOUR).at_once(4);
    /// Telegram's bots: 15 in a minute, 5 at once. Telegram allows 20 in a minute for each group.
    pub const TELEGRAM: Self = Self::new(15, MINUTE).at_once(5);
    /// Rollbar: 300 in a minute, 60 at once. Rollbar's limit is the project's and the plan's; its default was 5,000 in a minute.
    pub const ROLLBAR: Self = Self::new(300, MINUTE).at_once(60);
    /// Sentry: 300 in a minute, 60 at once. Sentry's limit is the plan's, and its answers say when it is reached.
    pub const SENTRY: Self = Self::new(300, MINUTE).at_once(60);
    /// Mail: 30 in an hour, 10 at once: what a person still reads and what a mail server does not take for a flood.
    pub const EMAIL: Self = Self::new(30, HOUR).at_once(10);

    /// At most so many messages in `span` on average, and at most all of these at once.
    ///
    /// [`build()`](crate::Builder::build) refuses 0 messages, and a span of 0 or of more than 31 days.
    pub const fn new(messages: u32, span: Duration) -> Self {
        Self(Some(Bucket {
            messages,
            span,
            at_once: messages,
        }))
    }

    /// At most so many messages at once. [`build()`](crate::Builder::build) refuses 0.
    pub const fn at_once(self, messages: u32) -> Self {
        match self.0 {
            Some(bucket) => Self(Some(Bucket {
                at_once: messages,
                ..bucket
            })),
            None => self,
        }
    }

    /// As many messages as there are alerts.
    pub const fn unlimited() -> Self {
        Self(None)
    }

    /// How many messages may be sent at once; `None` without a limit.
    pub(crate) fn burst(&self) -> Option<f64> {
        self.0.map(|bucket| f64::from(bucket.at_once))
    }

    /// How many messages may be sent in a span, on average.
    pub(crate) fn earned(&self, span: Duration) -> f64 {
        self.0
            .map_or(f64::INFINITY, |bucket| span.as_secs_f64() * bucket.rate())
    }

    /// How long it takes until so many messages more may be sent.
    pub(crate) fn time_for(&self, messages: f64) -> Duration {
        self.0.map_or(Duration::ZERO, |bucket| {
            Duration::try_from_secs_f64((messages / bucket.rate()).max(0.0)).unwrap_or(MAX_SPAN)
        })
    }

    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Some(bucket) = self.0 else {
            return Ok(());
        };
        let remedy =
            "a right budget looks like `Budget::new(10, Duration::from_secs(3_600)).at_once(3)`";
        if bucket.messages == 0 || bucket.at_once == 0 {
            return Err(format!(
                "a budget of 0 messages would never send any; {remedy}"
            ));
        }
        if bucket.span.is_zero() || bucket.span > MAX_SPAN {
            return Err(format!(
                "the span {:?} of a budget is 0 or longer than 31 days; {remedy}",
                bucket.span
            ));
        }
        Ok(())
    }
}

/// [`Budget::DEFAULT`].
impl Default for Budget {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Bucket {
    /// Messages in a second.
    fn rate(&self) -> f64 {
        f64::from(self.messages) / self.span.as_secs_f64()
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const MAX_SPAN: Duration = Duration::from_secs(31 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    /// The most that a span can hold, however it is laid.
    fn most(budget: Budget, span: Duration) -> f64 {
        budget.burst().unwrap() + budget.earned(span)
    }

    #[test]
    fn the_presets_stay_within_what_the_vendors_allow() {
        for (budget, span, allowed) in [
            (Budget::TWILIO, HOUR, 10.0),
            (Budget::TWILIO, DAY, 50.0),
            (Budget::PAGERDUTY, MINUTE, 120.0),
            (Budget::DISCORD, MINUTE, 30.0),
            (Budget::TEAMS, HOUR, 100.0),
            (Budget::TELEGRAM, MINUTE, 20.0),
        ] {
            assert_eq!(budget.check(), Ok(()));
            assert!(most(budget, span) <= allowed, "{budget:?}");
        }
    }

    #[test]
    fn what_would_never_send_is_refused() {
        for wrong in [
            Budget::new(0, MINUTE),
            Budget::new(1, MINUTE).at_once(0),
            Budget::new(1, Duration::ZERO),
            Budget::new(1, Duration::MAX),
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
        assert_eq!(Budget::unlimited().at_once(0), Budget::unlimited());
        assert_eq!(Budget::unlimited().check(), Ok(()));
    }
}

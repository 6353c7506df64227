//! The settings of what is remembered, what is told, and through whom.

use std::sync::Arc;
use std::time::Duration;

use super::Builder;
#[cfg(doc)]
use super::{DEFAULT_NOTIFY_TIME_LIMIT, DEFAULT_QUEUE_LENGTH};
use crate::issue::Retention;
use crate::notify::Channel;
#[cfg(doc)]
use crate::notify::Log;
use crate::policy::Policy;
use crate::store::Store;
#[cfg(doc)]
use crate::store::{Memory, StoreError};

impl Builder {
    /// Adds somebody who carries alerts to people: a [`Notifier`](crate::Notifier), or a [`Channel`] that says which alerts it is for.
    /// Default, when none is added: [`Log`].
    ///
    /// The first of a name keeps it; further ones get a number: `webhook`, `webhook-2`. What waits for a notifier is kept under
    /// its name, also over a restart.
    pub fn notifier(mut self, notifier: impl Into<Channel>) -> Self {
        self.channels.push(notifier.into());
        self
    }

    /// Adds all of these, as [`notifier`](Self::notifier) adds one; those that the environment configures, for example:
    /// [`notify::from_env`](crate::notify::from_env).
    pub fn notifiers<I>(mut self, notifiers: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Channel>,
    {
        self.channels.extend(notifiers.into_iter().map(Into::into));
        self
    }

    /// Where problems, and alerts that are still to be delivered, are remembered. Default: [`Memory`], which forgets them when the
    /// process ends.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// How much is kept, and for how long. Default: [`Retention::new`].
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// What becomes an alert. Default: [`Policy::new`].
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The occurrences that may wait for the pipeline. Of those beyond, only the number is kept.
    /// Default: [`DEFAULT_QUEUE_LENGTH`].
    pub fn queue_length(mut self, occurrences: usize) -> Self {
        self.queue_length = occurrences;
        self
    }

    /// Where people find the dashboard, such as `https://shop.example.com/_monitor`: alerts then link to their issue's page there.
    /// Default: none, and no links.
    pub fn dashboard_url(mut self, url: impl Into<String>) -> Self {
        self.dashboard_url = Some(url.into());
        self
    }

    /// The time one try of a notifier may take, unless its [`Channel`] says otherwise; at most 10 min. Default: [`DEFAULT_NOTIFY_TIME_LIMIT`].
    pub fn notify_time_limit(mut self, limit: Duration) -> Self {
        self.notify_time_limit = limit;
        self
    }

    /// How long an alert is tried again, a minute to 31 days. One that is older goes to the app's log, whole, and is counted as undelivered.
    /// Default: [`DEFAULT_ALERT_AGE`](crate::DEFAULT_ALERT_AGE).
    pub fn alert_age_limit(mut self, limit: Duration) -> Self {
        self.alert_age_limit = limit;
        self
    }
}

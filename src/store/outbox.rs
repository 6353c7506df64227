//! The alerts that are still to be delivered, and how the notifiers are that are to do it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::issue::{Alert, AlertSummary, Memos};
use crate::loss::Losses;
use crate::time::Timestamp;

/// An alert that waits for a notifier and is not leased, without its details.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// The alert's id.
    pub id: Uuid,
    /// When it was decided; of several in one, the first.
    pub created_at: Timestamp,
    /// When the next try may be.
    pub due_at: Timestamp,
    /// How many tries have begun.
    pub tries: u32,
    /// The alert in one line.
    pub summary: AlertSummary,
    /// What is told with it.
    pub also: Vec<AlertSummary>,
    /// How many alerts more are told with it by their number alone.
    pub also_more: u64,
    /// What it says was lost since the alert before it.
    pub lost: Losses,
}

/// What a notifier does next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Waiting entries that become one.
    pub join: Option<Joined>,
    /// The entry to lease and hand out, by the id that it has after joining.
    pub take: Option<Uuid>,
    /// When to look again, if nothing new comes before.
    pub look_again: Option<Timestamp>,
}

/// Waiting entries that become one, which was never tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    /// The entry that stays.
    pub keep: Uuid,
    /// The id that it gets: its words have changed, and a receiver must not take it for a repetition.
    pub id: Uuid,
    /// When the first of them was decided.
    pub created_at: Timestamp,
    /// The entries that go.
    pub gone: Vec<Uuid>,
    /// What is told with it from now on.
    pub also: Vec<AlertSummary>,
    /// How many alerts more are told with it by their number alone.
    pub also_more: u64,
    /// What all of them say was lost.
    pub lost: Losses,
}

/// What a notifier was given.
#[derive(Clone, Debug, Default)]
pub struct Claimed {
    /// What was planned.
    pub plan: Plan,
    /// What is to be delivered now.
    pub entry: Option<Entry>,
    /// How many entries wait beside it, leased ones not counted.
    pub waiting: u64,
    /// How many others are leased.
    pub leased: u64,
}

/// An alert that is leased for delivery.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What to tell. Its id, its `also`, its `also_more` and its `lost` are the entry's.
    pub alert: Alert,
    /// When it was decided.
    pub created_at: Timestamp,
    /// How many tries have begun, this one included.
    pub tries: u32,
}

/// What a delivery came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrived, or will never: the entry goes.
    Done,
    /// It is to be tried again.
    Retry {
        /// When.
        due_at: Timestamp,
    },
    /// Another notifier is to deliver it, as if it had never been tried.
    HandOver {
        /// Its name.
        notifier: String,
    },
}

/// How a notifier is, as all processes that share the store see it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NotifierState {
    /// What is left of its budget: messages that may be sent at once.
    pub tokens: f64,
    /// When `tokens` was right.
    pub tokens_at: Option<Timestamp>,
    /// How many tries in a row have failed.
    pub failures: u32,
    /// Whether it is tried at all.
    pub breaker: Breaker,
    /// When an alert last arrived.
    pub last_success: Option<Timestamp>,
    /// When a try last failed.
    pub last_failure: Option<Timestamp>,
    /// The words of that failure.
    pub last_error: Option<String>,
    /// How many alerts arrived.
    pub delivered: u64,
    /// What the notifier wants to know again, by issue.
    #[serde(skip_serializing_if = "Memos::is_empty")]
    pub memos: Memos,
}

/// Whether a notifier is tried at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "breaker", rename_all = "snake_case")]
pub enum Breaker {
    /// It is.
    #[default]
    Closed,
    /// Not before this time; then one try tells.
    Open {
        /// The time.
        until: Timestamp,
    },
    /// Not until the process starts anew: its destination takes nothing any more.
    Stopped {
        /// When it was stopped.
        since: Timestamp,
    },
}

/// A notifier as a store knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredNotifier {
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: NotifierState,
    /// How many alerts wait for it, leased ones included.
    pub waiting: u64,
}

//! What a notifier does next: what of the waiting becomes one message, what is taken, and when to look again. Pure.
//!
//! - A stopped notifier's entries are taken at once, to be handed over to another; so are those beyond the age limit, to be
//!   written to the log.
//! - While the breaker is open nothing is taken. Then one try tells; others are taken when it has arrived.
//! - When the budget has room for fewer messages than wait, or when more than [`MANY`] wait, what waits becomes one message,
//!   named after the worst. Nothing is dropped: every alert keeps its line or is in the number of the others.
//! - Of what is due, what was tried least often comes first; of these the worst, then the oldest.
//!
//! An entry that was tried may have arrived, though nobody was told: its id must stay, so that the receiver can tell a
//! repetition. So such entries stay apart, up to [`MAX_APART`] of them; of what is beyond, the receiver may hear a second time.
//! An entry that has waited half the age limit is not joined any more: so whatever is joined waits at least as long before
//! it is given up.

use std::cmp::Reverse;
use std::time::Duration;

use uuid::Uuid;

use super::health::{self, MAX_PAUSE};
use crate::issue::{merged, ranked};
use crate::loss::Losses;
use crate::notify::Budget;
use crate::store::{Breaker, Joined, NotifierState, Plan, Waiting};
use crate::time::Timestamp;

/// How long an alert waits for its notifier before it is written to the log instead: 24 h.
pub const DEFAULT_ALERT_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// What holds for one notifier.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) budget: Budget,
    /// So many wait apart, and are not joined while they wait for the budget: for a service, which groups by itself.
    pub(super) apart: usize,
    /// How long an alert may wait.
    pub(super) max_age: Duration,
    /// How long what is taken belongs to who takes it.
    pub(super) lease: Duration,
}

/// When it is planned, and the id for what becomes one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) new_id: Uuid,
}

/// What the notifier does next with what waits for it.
pub(super) fn plan(
    state: &mut NotifierState,
    waiting: &[Waiting],
    moment: Moment,
    rules: &Rules,
) -> Plan {
    let now = moment.now;
    health::refill(state, &rules.budget, now);
    let oldest = waiting.iter().min_by_key(|entry| entry.created_at);
    let Some(oldest) = oldest else {
        return Plan::default();
    };
    let expires = oldest.created_at.after(rules.max_age);
    if health::is_stopped(state) || expires <= now {
        return Plan {
            take: Some(oldest.id),
            ..Plan::default()
        };
    }
    let open_until = open_until(state, now);
    let is_open = open_until.is_some_and(|until| now < until);
    let tokens = health::tokens(state, &rules.budget);
    let can_send = !is_open && tokens.is_none_or(|tokens| tokens > 0);
    let many = rules.apart.max(MANY);
    let beyond_budget = tokens.is_some_and(|tokens| tokens < waiting.len());
    let too_many = waiting.len() > many || (beyond_budget && rules.apart == 0);
    let join = (too_many && (can_send || waiting.len() > many))
        .then(|| join(waiting, moment, rules))
        .flatten();
    let entries = || {
        waiting
            .iter()
            .filter_map(|entry| Candidate::after(entry, join.as_ref()))
    };
    let is_due = |entry: &Candidate<'_>| entry.due_at <= now || entry.due_at.since(now) > MAX_PAUSE;
    let is_first = |entry: &Candidate<'_>| !has_older_turn(entry.entry, waiting);
    let next = entries()
        .filter(is_due)
        .filter(is_first)
        .min_by_key(Candidate::rank);
    if let (true, Some(next)) = (can_send, &next) {
        health::spend(state);
        if open_until.is_some() {
            // This one try tells: nobody else tries meanwhile.
            let until = now.after(rules.lease);
            state.breaker = Breaker::Open { until };
        }
        return Plan {
            take: Some(next.id),
            join,
            look_again: None,
        };
    }
    let due_at = match next {
        Some(_) => now,
        None => {
            let first = entries().filter(is_first);
            first.map(|entry| entry.due_at).min().unwrap_or(now)
        }
    };
    let ready = due_at
        .max(open_until.unwrap_or(now))
        .max(health::next_token(state, &rules.budget, now));
    Plan {
        take: None,
        look_again: Some(ready.min(expires).max(now.after(MOMENT))),
        join,
    }
}

/// Until when the breaker is open, passed or not. One that is open for longer than anybody may ask for was set by another clock.
fn open_until(state: &mut NotifierState, now: Timestamp) -> Option<Timestamp> {
    let Breaker::Open { until } = &mut state.breaker else {
        return None;
    };
    *until = (*until).min(now.after(MAX_PAUSE));
    Some(*until)
}

/// Everything that may be joined, as one.
fn join(waiting: &[Waiting], moment: Moment, rules: &Rules) -> Option<Joined> {
    let is_young = |entry: &&Waiting| moment.now.since(entry.created_at) < rules.max_age / 2;
    let tried = waiting.iter().filter(|entry| entry.tries > 0).count();
    let all: Vec<_> = waiting
        .iter()
        .filter(is_young)
        .filter(|entry| entry.tries == 0 || tried > MAX_APART)
        .filter(|entry| !is_turning(entry, waiting))
        .skip(rules.apart)
        .collect();
    if all.len() < 2 {
        return None;
    }
    let worst = all.iter().min_by_key(|entry| ranked(&entry.summary))?;
    let others = all.iter().filter(|entry| entry.id != worst.id);
    let summaries = others.clone().map(|entry| &entry.summary);
    let lines = summaries.chain(all.iter().flat_map(|entry| &entry.also));
    let more = all
        .iter()
        .fold(0, |more: u64, entry| more.saturating_add(entry.also_more));
    let (also, also_more) = merged(lines.cloned().collect(), more);
    Some(Joined {
        keep: worst.id,
        id: moment.new_id,
        created_at: all.iter().map(|entry| entry.created_at).min()?,
        gone: others.map(|entry| entry.id).collect(),
        also,
        also_more,
        lost: lost(&all),
    })
}

/// What all of them say was lost. Alerts that were decided at once say the same.
fn lost(all: &[&Waiting]) -> Losses {
    let mut said: Vec<(Timestamp, Losses)> = Vec::new();
    for entry in all {
        let one = (entry.created_at, entry.lost);
        if !said.contains(&one) {
            said.push(one);
        }
    }
    said.iter()
        .fold(Losses::default(), |sum, (_, lost)| sum.plus(lost))
}

/// An entry as it is after joining.
struct Candidate<'w> {
    entry: &'w Waiting,
    id: Uuid,
    tries: u32,
    created_at: Timestamp,
    due_at: Timestamp,
}

impl<'w> Candidate<'w> {
    /// `None` when it is gone.
    fn after(entry: &'w Waiting, joined: Option<&Joined>) -> Option<Self> {
        let mut candidate = Self {
            entry,
            id: entry.id,
            tries: entry.tries,
            created_at: entry.created_at,
            due_at: entry.due_at,
        };
        match joined {
            Some(joined) if joined.keep == entry.id => {
                candidate.id = joined.id;
                candidate.tries = 0;
                candidate.created_at = joined.created_at;
                Some(candidate)
            }
            Some(joined) if joined.gone.contains(&entry.id) => None,
            _ => Some(candidate),
        }
    }

    fn rank(&self) -> impl Ord + use<> {
        let severity = self.entry.summary.severity;
        (self.tries, Reverse(severity), self.created_at, self.id)
    }
}

/// Whether the same problem is told as open and as over among these: each is told by itself, in their order.
fn is_turning(entry: &Waiting, waiting: &[Waiting]) -> bool {
    waiting.iter().any(|other| is_opposite(entry, other))
}

/// Whether the opposite of it was decided before, and waits.
fn has_older_turn(entry: &Waiting, waiting: &[Waiting]) -> bool {
    let age = |it: &Waiting| (it.created_at, it.id);
    let mut opposites = waiting.iter().filter(|other| is_opposite(entry, other));
    opposites.any(|other| age(other) < age(entry))
}

fn is_opposite(one: &Waiting, other: &Waiting) -> bool {
    one.summary.fingerprint == other.summary.fingerprint
        && one.summary.reason.is_over() != other.summary.reason.is_over()
}

/// More than so many wait together.
pub(super) const MANY: usize = 64;
/// The same of occurrences for a service.
pub(super) const MANY_OCCURRENCES: usize = 512;
/// So many entries that were tried stay apart.
const MAX_APART: usize = 8;
const MOMENT: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests;

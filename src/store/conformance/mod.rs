//! A suite that judges any [`Store`]: what every store promises, each promise as a check.
//!
//! Yours passes when this test does:
//!
//! ```
//! use tower_monitor::store::{Memory, conformance};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! conformance::all(async || Memory::new()).await;
//! # });
//! ```
//!
//! A store that outlasts the process passes [`durable`] as well.
//!
//! The checks use the clock of the machine only where a lease has to end; all other times are made up. They need no particular
//! runtime, for neither may the store.

mod bounds;
mod crowd;
mod decisions;
mod history;
mod hostile;
mod issues;
mod lasting;
mod outbox;
mod outbox_fates;
mod people;
pub(crate) mod sample;
pub(crate) mod subject;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use self::lasting::Reopen;
use self::subject::Subject;
use super::{DynStore, Store, StoreError};
use crate::guard::guarded;
use crate::text::shortened;

/// Judges a store by every promise that all stores make.
///
/// `fresh` gives an empty store that was not [opened](Store::open) yet, each time another one.
///
/// # Panics
///
/// When a promise is broken: with the name of each one, and what was found.
pub async fn all<S: Store>(fresh: impl AsyncFn() -> S) {
    report(&judged(CHECKS, &fresh).await);
}

async fn judged<S: Store>(
    checks: &[(&'static str, Check)],
    fresh: &impl AsyncFn() -> S,
) -> Vec<String> {
    let mut broken = Vec::new();
    for (promise, check) in checks {
        let store: Arc<dyn DynStore> = Arc::new(fresh().await);
        let judged = match store.open() {
            Ok(()) => verdict(check(Subject::new(store))).await,
            Err(error) => Err(Broken::from(error)),
        };
        broken.extend(judged.err().map(|broken| named(promise, &broken.0)));
    }
    broken
}

/// Judges a store that outlasts the process, by what it promises beyond [`all`].
///
/// `place` makes an empty place to keep things in, each time another one: a folder, a schema. `at` gives a store there that was
/// not [opened](Store::open) yet; of one place several, of which some are used at the same time.
///
/// # Panics
///
/// When a promise is broken: with the name of each one, and what was found.
pub async fn durable<P, S: Store>(place: impl AsyncFn() -> P, at: impl AsyncFn(&P) -> S) {
    let mut broken = Vec::new();
    for (promise, check) in LASTING {
        let place = place().await;
        let again = || -> Pin<Box<dyn Future<Output = Arc<dyn DynStore>> + '_>> {
            Box::pin(async { Arc::new(at(&place).await) as Arc<dyn DynStore> })
        };
        let judged = verdict(check(&again)).await;
        broken.extend(judged.err().map(|broken| named(promise, &broken.0)));
    }
    report(&broken);
}

/// Why a promise is not kept.
#[derive(Debug)]
pub(crate) struct Broken(String);

type Verdict = Result<(), Broken>;
type Judging<'a> = Pin<Box<dyn Future<Output = Verdict> + 'a>>;
type Check = fn(Subject) -> Judging<'static>;
type LastingCheck = for<'a> fn(Reopen<'a>) -> Judging<'a>;

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self(format!("the store gave an error: {error}"))
    }
}

impl From<serde_json::Error> for Broken {
    fn from(error: serde_json::Error) -> Self {
        Self(format!("what the store gave cannot be written: {error}"))
    }
}

/// What a check came to. A panic of the store breaks the promise as well.
async fn verdict(mut judging: Judging<'_>) -> Verdict {
    std::future::poll_fn(|context| {
        guarded(|| judging.as_mut().poll(context)).unwrap_or_else(|payload| {
            let text = payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            let text = text.unwrap_or_default();
            Poll::Ready(Err(Broken(format!("it panicked: {text}"))))
        })
    })
    .await
}

fn named(promise: &str, words: &str) -> String {
    let promise = promise.rsplit("::").next().unwrap_or(promise);
    let promise = promise.trim().replace('_', " ");
    format!("{promise}: {}", shortened(words, 2_000))
}

fn short(value: &dyn std::fmt::Debug) -> String {
    shortened(&format!("{value:?}"), 400)
}

fn report(broken: &[String]) {
    let (count, list) = (broken.len(), broken.join("\n  "));
    assert!(
        broken.is_empty(),
        "the store breaks {count} promises:\n  {list}"
    );
}

/// Ends the check with these words unless the condition holds.
macro_rules! promise {
    ($holds:expr, $($words:tt)+) => {
        if !$holds {
            return Err($crate::store::conformance::Broken(format!($($words)+)));
        }
    };
}

/// Ends the check with these words unless both are the same.
macro_rules! same {
    ($found:expr, $expected:expr, $($words:tt)+) => {
        match (&$found, &$expected) {
            (found, expected) => $crate::store::conformance::promise!(
                *found == *expected,
                "{}: {} instead of {}",
                format!($($words)+),
                $crate::store::conformance::short(found),
                $crate::store::conformance::short(expected),
            ),
        }
    };
}

use promise;
use same;

macro_rules! table {
    ($($check:path,)+) => { &[$((stringify!($check), |subject| Box::pin($check(subject)))),+] };
}

const CHECKS: &[(&str, Check)] = table![
    issues::an_empty_store_knows_nothing,
    issues::a_first_change_begins_an_issue,
    issues::counts_add_up_exactly,
    issues::a_number_alone_begins_nothing,
    issues::a_review_changes_nothing,
    decisions::what_is_decided_is_kept,
    decisions::the_decision_sees_the_whole_batch_after_it_was_applied,
    issues::issues_come_last_seen_first,
    issues::what_is_due_is_found,
    decisions::an_update_holds_at_once,
    decisions::a_batch_that_comes_again_counts_once,
    history::a_long_history_is_what_records_make_of_it,
    history::occurrences_are_thinned_and_read_back_as_they_were,
    outbox::alerts_come_to_their_notifier_in_order_and_whole,
    outbox::an_alert_for_two_notifiers_is_told_by_both,
    outbox::a_leased_alert_is_not_given_twice,
    outbox::a_lease_ends,
    outbox::waiting_and_leased_alerts_are_counted,
    outbox::a_plan_sees_what_waits,
    outbox::joined_alerts_are_one,
    outbox_fates::a_delivered_alert_is_gone,
    outbox_fates::a_failed_alert_waits_for_its_next_try,
    outbox_fates::a_handed_over_alert_begins_anew,
    outbox_fates::what_is_no_longer_there_can_be_settled,
    outbox_fates::the_state_of_a_notifier_is_kept,
    outbox_fates::every_notifier_is_listed,
    outbox_fates::a_closed_store_still_works,
    people::affected_users_are_listed_up_to_the_bound_and_estimated_beyond,
    people::the_newest_name_and_address_of_a_user_are_kept,
    people::a_forgotten_user_is_nowhere,
    people::nobody_else_is_forgotten,
    bounds::what_is_too_old_goes,
    bounds::the_least_important_problems_go_first,
    bounds::problems_are_bounded_while_they_come,
    bounds::occurrences_are_bounded_in_bytes,
    hostile::every_text_is_kept,
    hostile::every_user_can_be_forgotten,
    hostile::huge_numbers_do_not_wrap,
    hostile::every_fingerprint_and_every_time_is_kept,
    hostile::a_thousand_problems_fit_into_one_batch,
    crowd::many_commits_at_once_lose_nothing,
    crowd::a_new_problem_is_decided_once,
    crowd::an_alert_is_given_to_one_of_many,
];

const LASTING: &[(&str, LastingCheck)] = table![
    lasting::it_says_that_it_keeps_alerts,
    lasting::what_was_committed_outlasts_the_process,
    lasting::what_was_changed_outlasts_the_process,
    lasting::a_lease_outlasts_the_process_and_ends,
    lasting::a_batch_is_known_after_the_process,
    lasting::a_forgotten_user_stays_forgotten,
    lasting::many_processes_can_open_it_at_once,
    lasting::two_processes_at_once_lose_nothing,
    lasting::what_one_process_decides_holds_for_the_other,
];

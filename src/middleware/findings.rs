//! Several layers of one failure: what the app passed on, what a child task panicked with, and the answer that came of it.

use crate::occurrence::Evidence;
use crate::request::{Finding, Noticed, PanicRecord, Told};

/// The failure of a request, together with what was noticed on the way to it when that is the same; and all that stands for
/// itself.
pub(super) fn fold(mut failure: Evidence, noticed: Vec<Finding>) -> Vec<Evidence> {
    let mut noticed = distinct(noticed);
    let part = match (&failure.panic, &failure.error) {
        (Some(panic), _) => noticed
            .iter()
            .rposition(|finding| came_through(panic, finding)),
        (None, Some(error)) => noticed.iter().rposition(|finding| match &finding.what {
            Noticed::Error(known) => known.is_part_of(error),
            Noticed::Panic(_) => error.chain.iter().any(|link| is_join_error(&link.message)),
        }),
        // An answer that says nothing itself came of the last thing before it: better one that the app passed on than a line
        // of its log.
        (None, None) => noticed
            .iter()
            .rposition(|finding| !is_logged(finding))
            .or_else(|| noticed.len().checked_sub(1)),
    };
    if let Some(part) = part {
        let part = noticed.remove(part);
        match (part.what, &failure.error) {
            // The longer chain tells more.
            (Noticed::Error(known), Some(error)) if known.chain.len() <= error.chain.len() => {}
            (what, _) => failure.because_of(what),
        }
    }
    // The rest in the order in which it happened, then the failure. What was only logged is among its breadcrumbs.
    let rest = noticed
        .into_iter()
        .filter(|finding| !is_logged(finding))
        .map(Evidence::from);
    rest.chain(std::iter::once(failure)).collect()
}

/// Without the panics that came through from one before: of a task to the task that awaited it.
pub(super) fn distinct(noticed: Vec<Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::with_capacity(noticed.len());
    for finding in noticed {
        let is_echo = matches!(&finding.what, Noticed::Panic(panic) if kept.iter().any(|known| came_through(panic, known)));
        if !is_echo {
            kept.push(finding);
        }
    }
    kept
}

fn is_logged(finding: &Finding) -> bool {
    matches!(&finding.what, Noticed::Error(error) if error.how == Told::Logged)
}

/// Whether a handler panicked because its task did: with the task's own payload, or with the words of a `JoinError`.
fn came_through(panic: &PanicRecord, finding: &Finding) -> bool {
    let Noticed::Panic(child) = &finding.what else {
        return false;
    };
    // The hook always saw a place, but leaves the stack out where a place panics all the time.
    let is_resumed = panic.location.is_none() && panic.message == child.message;
    is_resumed || panic.message.as_deref().is_some_and(is_join_error)
}

/// The words of `tokio::task::JoinError`, as its `Debug` and its `Display` say them.
fn is_join_error(words: &str) -> bool {
    words.contains("JoinError::Panic(") || (words.contains("task ") && words.contains(" panicked"))
}

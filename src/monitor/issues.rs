//! What people see of the problems, and what they decide about them.

use std::sync::Arc;

use super::Monitor;
use crate::delivery::NotifierStatus;
use crate::issue::{Affected, Issue, IssueState, Mute, MuteEnd, Record, Resolve, ResolvedIn};
use crate::occurrence::{Fingerprint, Occurrence};
use crate::store::{StoreError, Update, contained_answer};
use crate::time::Timestamp;

/// The problems, and what people decide about them.
///
/// What is read is what the [store](crate::Builder::store) has, behind what happens by a second as a rule and by a minute where the store is slow; [`flush`](Monitor::flush) brings it up to
/// date. With a store that is shared, all of it holds for the whole fleet, at once.
///
/// # Errors
///
/// Each of these fails when the store is away.
impl Monitor {
    /// The known problems, the last seen first; at most 1,000.
    pub async fn issues(&self) -> Result<Vec<Issue>, StoreError> {
        contained_answer(|| self.0.store.issues(MAX_LISTED)).await
    }

    /// All that is known of a problem: the issue, its counts per hour and per minute, what was told of it.
    pub async fn issue(&self, fingerprint: Fingerprint) -> Result<Option<Record>, StoreError> {
        contained_answer(|| self.0.store.record(fingerprint)).await
    }

    /// The kept occurrences of a problem, oldest first: the first, the last, and a spread between.
    pub async fn occurrences(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<Vec<Arc<Occurrence>>, StoreError> {
        contained_answer(|| self.0.store.occurrences(fingerprint)).await
    }

    /// Who was hit by a problem: the first users one by one, and how many there are in all.
    pub async fn affected_users(&self, fingerprint: Fingerprint) -> Result<Affected, StoreError> {
        contained_answer(|| self.0.store.affected(fingerprint)).await
    }

    /// Says that a problem is mended. When it occurs again, it is told as regressed. Returns whether the problem is known.
    pub async fn resolve(
        &self,
        fingerprint: Fingerprint,
        how: Resolve,
    ) -> Result<bool, StoreError> {
        let resolved_at = Timestamp::now();
        let resolved_in = match how {
            Resolve::Now => ResolvedIn::Any,
            Resolve::InRelease(release) => ResolvedIn::Release(release),
            Resolve::InNextRelease => ResolvedIn::After(self.0.release.clone()),
        };
        self.update(fingerprint, move |record| {
            record.issue.state = IssueState::Resolved {
                resolved_at,
                resolved_in: resolved_in.clone(),
            };
        })
        .await
    }

    /// Keeps a problem from being told. It is counted all the same. Returns whether the problem is known.
    pub async fn mute(&self, fingerprint: Fingerprint, how: Mute) -> Result<bool, StoreError> {
        let muted_at = Timestamp::now();
        self.update(fingerprint, move |record| {
            let muted_until = match how {
                Mute::For(time) => MuteEnd::At(muted_at.after(time)),
                Mute::UntilMore(count) => MuteEnd::Count(record.issue.count.saturating_add(count)),
                Mute::ForGood => MuteEnd::Never,
            };
            record.issue.state = IssueState::Muted {
                muted_at,
                muted_until,
            };
        })
        .await
    }

    /// Takes back that a problem is resolved or muted. Returns whether the problem is known.
    pub async fn reopen(&self, fingerprint: Fingerprint) -> Result<bool, StoreError> {
        self.update(fingerprint, |record| record.issue.state = IssueState::Open)
            .await
    }

    /// Erases a user by the id that the app knows them by: from the lists of affected users, with every kept occurrence of
    /// theirs, and out of alerts that are not delivered yet. Returns from how many of these.
    ///
    /// A title that names them, because the app wrote their name into an error's message, stays. What was delivered is with those who got it. The audit files keep their records for as long as they are
    /// [set to](crate::Audit::keep_files). Where a [privacy mode](crate::redact::Privacy) is set, what is kept does not name the user, and is not found.
    pub async fn forget_user(&self, id: &str) -> Result<u64, StoreError> {
        self.0.queue.forget_user(id).await
    }

    /// How each notifier is: what last arrived, what last failed and why, how much waits, whether it is tried at all.
    pub async fn notifiers(&self) -> Vec<NotifierStatus> {
        self.0.queue.notifiers().await
    }

    async fn update(
        &self,
        fingerprint: Fingerprint,
        update: impl Fn(&mut Record) + Send + Sync + 'static,
    ) -> Result<bool, StoreError> {
        let update: Update = Arc::new(move |record: &mut Record| {
            update(record);
            // The policy works out anew when it wants to see it again.
            record.review_at = Some(Timestamp::now());
        });
        let record = contained_answer(|| self.0.store.update(fingerprint, update)).await?;
        if let Some(record) = &record {
            self.0.queue.learn(record);
        }
        Ok(record.is_some())
    }
}

const MAX_LISTED: usize = 1_000;

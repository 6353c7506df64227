//! What is done with an alert that was taken out of the outbox.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::attempt::Verdict;
use super::driver::Driver;
use super::source::Settlement;
use crate::delivery::health::{self, MAX_PAUSE, Outcome};
use crate::delivery::retry::{backoff, random_fraction};
use crate::delivery::trouble::Trouble;
use crate::guard::contained;
use crate::issue::{Alert, Memo};
use crate::loss::LossReason;
use crate::notify::{Takes, tell_locally};
use crate::occurrence::Fingerprint;
use crate::store::{Entry, Fate, NotifierState};
use crate::time::Timestamp;

/// What a delivery came to.
struct Ending {
    fate: Fate,
    outcome: Option<Outcome>,
    heir: Option<usize>,
}

impl Ending {
    fn of(fate: Fate, outcome: impl Into<Option<Outcome>>) -> Self {
        Self {
            fate,
            outcome: outcome.into(),
            heir: None,
        }
    }
}

impl Driver {
    /// Delivers it, or does what else is to be done with it, and tells the store.
    pub(super) async fn handle(&mut self, at: usize, entry: Entry) {
        let Entry {
            mut alert,
            created_at,
            tries,
        } = entry;
        // What a store has read back does not know how to redact.
        alert.desk = self.desk.clone();
        let issue = alert.issue.fingerprint;
        let known = self.shared.state().memos.get(issue).map(str::to_owned);
        alert.memo = Memo::of(known.clone());
        let begun = self.clock.now();
        let ending = if self.finished.has(alert.id) {
            Ending::of(Fate::Done, None)
        } else if created_at.after(self.rules.max_age) <= begun {
            self.give_up(
                &alert,
                LossReason::AlertUndelivered,
                "it has waited too long",
            );
            Ending::of(Fate::Done, None)
        } else if health::is_stopped(&self.shared.state()) {
            let words = self.shared.state().last_error.clone().unwrap_or_default();
            self.pass_on(&alert, LossReason::AlertRefused, &words, None)
        } else {
            self.deliver(&alert, tries, begun).await
        };
        let kept = alert.memo.get();
        let has_arrived = matches!(ending.outcome, Some(Outcome::Arrived));
        // Also when it is the same: what is told last is forgotten last.
        let kept = (has_arrived && (kept.is_some() || known.is_some())).then_some((issue, kept));
        self.settle(at, alert.id, ending, kept, begun).await;
    }

    async fn settle(
        &mut self,
        at: usize,
        entry: Uuid,
        ending: Ending,
        kept: Option<(Fingerprint, Option<String>)>,
        begun: Timestamp,
    ) {
        if ending.fate == Fate::Done {
            self.finished.add(entry);
        }
        let (outcome, now) = (ending.outcome, self.clock.now());
        let update = move |state: &mut NotifierState| {
            if let Some(outcome) = &outcome {
                outcome.note(state, begun, now);
            }
            if let Some((issue, memo)) = &kept {
                state.memos.set(*issue, memo.clone());
            }
        };
        update(&mut self.shared.state());
        let settlement = Settlement {
            entry,
            fate: ending.fate,
            update: Arc::new(update),
            heir: ending.heir,
        };
        self.sources[at].settle(settlement).await;
    }

    async fn deliver(&self, alert: &Alert, tries: u32, begun: Timestamp) -> Ending {
        let attempt = tokio::select! {
            biased;
            attempt = self.attempt(alert) => attempt,
            () = self.shared.abandoned() => {
                // Whoever begins next need not wait for the lease to run out.
                return Ending::of(Fate::Retry { due_at: begun }, None);
            }
        };
        match attempt.verdict(tries).redacted(&self.desk.redactor) {
            Verdict::Arrived => Ending::of(Fate::Done, Outcome::Arrived),
            Verdict::Again { words, wait } => {
                let pause = backoff(tries, LONGEST_WAIT).max(wait.unwrap_or_default());
                let due_at = self.clock.now().after(pause.min(MAX_PAUSE));
                let jitter = random_fraction();
                let outcome = Outcome::Failed {
                    words,
                    wait,
                    jitter,
                };
                Ending::of(Fate::Retry { due_at }, outcome)
            }
            Verdict::Refused { words, reason } => {
                let outcome = Outcome::Refused {
                    words: words.clone(),
                };
                self.pass_on(alert, reason, &words, Some(outcome))
            }
            Verdict::Gone { words } => {
                self.row.set_stopped(self.place, true);
                let trouble = Trouble::Gone {
                    notifier: self.name().to_owned(),
                    words: words.clone(),
                };
                // Without a reader the monitor is about to end.
                let _ = self.troubles.try_send(trouble);
                let outcome = Outcome::Gone {
                    words: words.clone(),
                };
                self.pass_on(alert, LossReason::AlertRefused, &words, Some(outcome))
            }
        }
    }

    /// Hands it to the next notifier that works or, when there is none, writes it down.
    fn pass_on(
        &self,
        alert: &Alert,
        reason: LossReason,
        words: &str,
        outcome: Option<Outcome>,
    ) -> Ending {
        self.row.refused(self.place, alert.id);
        let Some(heir) = self.row.heir(self.place, alert) else {
            self.give_up(alert, reason, words);
            return Ending::of(Fate::Done, outcome);
        };
        let (notifier, heir_name) = (self.name(), self.row.name(heir));
        // The app's subscriber may panic as well as a notifier.
        let _ = contained(|| {
            tracing::warn!(
                target: "tower_monitor",
                notifier,
                issue = %alert.issue.fingerprint,
                error = words,
                heir = heir_name,
                "an alert was not delivered, and is handed over to the next notifier"
            );
        });
        Ending {
            fate: Fate::HandOver {
                notifier: heir_name.to_owned(),
            },
            outcome,
            heir: Some(heir),
        }
    }

    /// Writes it to the local log, and counts it. Of an occurrence that a service does not get, and of a problem's end, nobody has to
    /// be told here.
    fn give_up(&self, alert: &Alert, reason: LossReason, why: &str) {
        self.losses.add(reason, alert.alerts());
        let (notifier, issue) = (self.name(), alert.issue.fingerprint);
        if !alert.reasons().any(|reason| Takes::Alerts.has(reason)) {
            let _ = contained(|| {
                tracing::warn!(target: "tower_monitor", notifier, %issue, reason = %alert.reason, why, "not passed on");
            });
            return;
        }
        let _ = contained(|| tell_locally(alert, self.name(), why));
    }
}

/// The longest wait for an entry's next try that nobody asked for.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

//! One try of a notifier, and what it means.

use std::borrow::Cow;
use std::pin::pin;
use std::time::Duration;

use crate::guard::{CatchPanic, contained};
use crate::issue::Alert;
use crate::loss::LossReason;
use crate::notify::{DynNotifier, NotifyError};
use crate::redact::Redactor;

/// What a try came to.
pub(super) enum Attempt {
    Answered(Result<(), NotifyError>),
    Panicked,
}

/// What is to be done after a try.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    Arrived,
    Again {
        words: String,
        /// How long the destination asked to wait.
        wait: Option<Duration>,
    },
    /// Not this alert.
    Refused {
        words: String,
        reason: LossReason,
    },
    /// No alert at all.
    Gone {
        words: String,
    },
}

impl Verdict {
    /// Authors are asked to keep secrets out of their words; a client's error often has the whole address in it.
    pub(super) fn redacted(mut self, redactor: &Redactor) -> Self {
        let (Self::Again { words, .. } | Self::Refused { words, .. } | Self::Gone { words }) =
            &mut self
        else {
            return self;
        };
        if let Cow::Owned(clean) = redactor.text(words) {
            *words = clean;
        }
        self
    }
}

impl Attempt {
    /// Tries once, for so long. Whatever the notifier does, it ends here, unless it blocks its thread.
    pub(super) async fn of(notifier: &dyn DynNotifier, alert: &Alert, limit: Duration) -> Self {
        // `notify` of a hand-made notifier may panic before it gives a future.
        let Some(started) = contained(|| notifier.notify(alert)) else {
            return Self::Panicked;
        };
        match tokio::time::timeout(limit, pin!(CatchPanic::new(started))).await {
            Ok(Some(result)) => Self::Answered(result),
            Ok(None) => Self::Panicked,
            Err(_) => {
                let words = format!("no answer within {limit:?}");
                Self::Answered(Err(NotifyError::temporary(words)))
            }
        }
    }

    /// What it means, when it was so many tries.
    pub(super) fn verdict(&self, tries: u32) -> Verdict {
        let error = match self {
            Self::Answered(Ok(())) => return Verdict::Arrived,
            Self::Answered(Err(error)) => error,
            Self::Panicked if tries <= PANICS => {
                let (words, wait) = (PANICKED.to_owned(), None);
                return Verdict::Again { words, wait };
            }
            Self::Panicked => {
                return Verdict::Refused {
                    words: PANICKED.to_owned(),
                    reason: LossReason::NotifierPanicked,
                };
            }
        };
        let words = error.to_string();
        if error.is_temporary() {
            let wait = error.wait();
            Verdict::Again { words, wait }
        } else if error.is_destination_gone() {
            Verdict::Gone { words }
        } else {
            let reason = LossReason::AlertRefused;
            Verdict::Refused { words, reason }
        }
    }

    /// For who asked for a try and looks at the result.
    pub(super) fn result(self) -> Result<(), NotifyError> {
        match self {
            Self::Answered(result) => result,
            Self::Panicked => Err(NotifyError::refused(PANICKED)),
        }
    }
}

const PANICKED: &str = "the notifier panicked";
/// A panic at one of the first tries may be an accident; later ones are a refusal.
const PANICS: u32 = 3;

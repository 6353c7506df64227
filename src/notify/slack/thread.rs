//! One thread for each issue: which it is, and what of it everybody sees.

use crate::issue::{Alert, Reason, Severity};

/// The thread of an issue, as the alert that began it left it in the [memo](crate::issue::Memo).
pub(super) struct Thread {
    /// The first message's `ts`, which is its name.
    pub(super) ts: String,
    /// The worst that was told in it.
    worst: Severity,
}

impl Thread {
    /// The thread that this alert belongs into: none where none was begun in this channel. A test is a message of its own,
    /// so that whoever tries it sees something.
    pub(super) fn of(alert: &Alert, channel: &str) -> Option<Self> {
        if alert.reason == Reason::Test {
            return None;
        }
        let memo = alert.memo().get()?;
        let mut parts = memo.splitn(3, ' ');
        let (ts, worst, place) = (parts.next()?, parts.next()?, parts.next()?);
        let worst = SEVERITIES.into_iter().find(|it| it.as_str() == worst)?;
        (place == channel && is_ts(ts)).then(|| Self {
            ts: ts.to_owned(),
            worst,
        })
    }

    /// The thread that a message with this `ts` begins.
    pub(super) fn begun(ts: &str, alert: &Alert) -> Option<Self> {
        (alert.reason != Reason::Test && is_ts(ts)).then(|| Self {
            ts: ts.to_owned(),
            worst: alert.severity,
        })
    }

    /// Whether the alert is news for those who do not follow the thread: everything but reminders and endings; and these, too, when
    /// they are critical, worse than what was told before, or tell of other problems.
    pub(super) fn is_for_all(&self, alert: &Alert) -> bool {
        let is_news = !matches!(
            alert.reason,
            Reason::StillOpen { .. } | Reason::Resolved | Reason::Quiet { .. } | Reason::Occurred
        );
        let is_worse = alert.severity == Severity::Critical || alert.severity > self.worst;
        is_news || is_worse || alert.alerts() > 1
    }

    /// Notes it for the next alert of the issue.
    pub(super) fn keep(&self, alert: &Alert, channel: &str) {
        let worst = self.worst.max(alert.severity);
        alert.memo().set(format!("{} {worst} {channel}", self.ts));
    }
}

/// Seconds, a full stop, and a number that tells the messages of a second apart.
fn is_ts(text: &str) -> bool {
    let is_number = |part: &str| {
        (1..=16).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    text.split_once('.')
        .is_some_and(|(seconds, number)| is_number(seconds) && is_number(number))
}

const SEVERITIES: [Severity; 4] = [
    Severity::Info,
    Severity::Warning,
    Severity::Error,
    Severity::Critical,
];

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::issue::Regression;

    const TS: &str = "1503435956.000247";

    pub(in crate::notify::slack) fn alert() -> Alert {
        serde_json::from_str(include_str!("../../../tests/alerts/panic.json")).unwrap()
    }

    fn because(reason: Reason, severity: Severity) -> Alert {
        Alert {
            reason,
            severity,
            ..alert()
        }
    }

    #[test]
    fn the_thread_is_the_one_that_was_kept_for_this_channel() {
        let alert = alert();
        assert!(Thread::of(&alert, "C1").is_none());
        Thread::begun(TS, &alert).unwrap().keep(&alert, "C1");
        assert_eq!(
            alert.memo().get().as_deref(),
            Some("1503435956.000247 error C1")
        );
        assert_eq!(Thread::of(&alert, "C1").unwrap().ts, TS);
        assert!(Thread::of(&alert, "C2").is_none());

        let test = Alert {
            reason: Reason::Test,
            ..alert
        };
        assert!(Thread::of(&test, "C1").is_none() && Thread::begun(TS, &test).is_none());
    }

    #[test]
    fn what_is_no_thread_is_not_taken_for_one() {
        let alert = alert();
        for memo in [
            "",
            "x",
            "1503435956.000247",
            "1503435956 error C1",
            "1.x error C1",
            "1.2 bad C1",
            "1.2 error ",
        ] {
            alert.memo().set(memo);
            assert!(Thread::of(&alert, "C1").is_none(), "{memo}");
        }
        for ts in ["", "1", "1.", ".1", "1.2.3", "-1.2", "12345678901234567.1"] {
            assert!(Thread::begun(ts, &alert).is_none(), "{ts}");
        }
    }

    #[test]
    fn all_hear_what_is_news_worse_or_more() {
        let thread = Thread {
            ts: TS.to_owned(),
            worst: Severity::Warning,
        };
        let reminder = || Reason::StillOpen { seconds: 60 };
        let (warning, error, critical) = (Severity::Warning, Severity::Error, Severity::Critical);
        for (reason, severity, expected) in [
            (Reason::New, warning, true),
            (
                Reason::Regressed {
                    after: Regression::Resolved,
                },
                warning,
                true,
            ),
            (Reason::Count { count: 10 }, warning, true),
            (
                Reason::Rate {
                    count: 100,
                    seconds: 60,
                },
                warning,
                true,
            ),
            (Reason::Users { users: 10 }, warning, true),
            (Reason::AllClear, warning, true),
            (reminder(), warning, false),
            (reminder(), error, true),
            (Reason::Resolved, warning, false),
            (Reason::Quiet { seconds: 60 }, warning, false),
            (Reason::Resumed, warning, true),
        ] {
            let alert = because(reason, severity);
            assert_eq!(thread.is_for_all(&alert), expected, "{:?}", alert.reason);
        }

        // What is critical stays news.
        let worst = Thread {
            worst: critical,
            ..thread
        };
        assert!(worst.is_for_all(&because(reminder(), critical)));
        assert!(!worst.is_for_all(&because(reminder(), error)));
        let mut joined = because(reminder(), warning);
        joined.also_more = 1;
        assert!(worst.is_for_all(&joined));
    }

    #[test]
    fn the_worst_is_remembered() {
        let alert = because(Reason::New, Severity::Critical);
        Thread::begun(TS, &alert).unwrap().keep(&alert, "C1");
        let milder = Alert {
            severity: Severity::Info,
            ..alert
        };
        Thread::of(&milder, "C1").unwrap().keep(&milder, "C1");
        assert_eq!(Thread::of(&milder, "C1").unwrap().worst, Severity::Critical);
    }
}

//! Whether an occurrence becomes an alert. Pure: history in, verdict out.

use crate::occurrence::Reason;

/// How often an issue has occurred, before and after what is being judged, and when it was told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct History {
    /// The count before.
    pub(crate) before: u64,
    /// The count now.
    pub(crate) now: u64,
    /// The count at the last alert; 0 when there was none.
    pub(crate) told_at: u64,
}

/// Tell it, for this reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) reason: Reason,
    /// How many occurrences went untold since the last alert.
    pub(crate) held_back: u64,
}

/// The first occurrence is told, then the 10th, the 100th, the 1000th, …
///
/// When several of these are passed at once, the highest is told.
pub(crate) fn judge(history: History) -> Option<Verdict> {
    let reason = if history.told_at == 0 {
        Reason::New
    } else {
        let milestone = 10_u64.checked_pow(history.now.checked_ilog10()?)?;
        if milestone <= history.before {
            return None;
        }
        Reason::Count(milestone)
    };
    Some(Verdict {
        reason,
        held_back: history.now.saturating_sub(history.told_at + 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The verdicts on an issue whose count grows by these steps.
    fn told(steps: &[u64]) -> Vec<(u64, Verdict)> {
        let (mut now, mut told_at) = (0, 0);
        let mut told = Vec::new();
        for step in steps {
            let before = now;
            now += step;
            if let Some(verdict) = judge(History {
                before,
                now,
                told_at,
            }) {
                told_at = now;
                told.push((now, verdict));
            }
        }
        told
    }

    #[test]
    fn the_first_and_every_power_of_ten_is_told() {
        let told = told(&[1; 12_345]);
        let counts: Vec<_> = told.iter().map(|(count, _)| *count).collect();
        assert_eq!(counts, [1, 10, 100, 1_000, 10_000]);
        assert_eq!(
            told[0].1,
            Verdict {
                reason: Reason::New,
                held_back: 0
            }
        );
        assert_eq!(
            told[1].1,
            Verdict {
                reason: Reason::Count(10),
                held_back: 8
            }
        );
        assert_eq!(
            told[2].1,
            Verdict {
                reason: Reason::Count(100),
                held_back: 89
            }
        );
    }

    #[test]
    fn of_several_passed_at_once_the_highest_is_told() {
        assert_eq!(
            told(&[3, 250, 700, 40]),
            [
                (
                    3,
                    Verdict {
                        reason: Reason::New,
                        held_back: 2
                    }
                ),
                (
                    253,
                    Verdict {
                        reason: Reason::Count(100),
                        held_back: 249
                    }
                ),
            ]
        );
    }

    proptest! {
        #[test]
        fn a_new_problem_is_always_told_and_never_much(steps in prop::collection::vec(1u64..5_000, 1..200)) {
            let told = told(&steps);
            let total: u64 = steps.iter().sum();
            prop_assert_eq!(told[0].0, steps[0]);
            prop_assert!(told.len() as u32 <= 2 + total.ilog10());
            let shown = told.len() as u64;
            let held_back: u64 = told.iter().map(|(_, verdict)| verdict.held_back).sum();
            prop_assert_eq!(held_back + shown, told.last().unwrap().0);
        }
    }
}

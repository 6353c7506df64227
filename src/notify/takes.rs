//! What a notifier is told of.

use crate::issue::Reason;

/// What a notifier is told of, as [`Notifier::takes`](super::Notifier::takes) says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Takes {
    /// What the [policy](crate::Policy) finds worth a person's while.
    #[default]
    Alerts,
    /// The same, and when a problem that was told has ended: [resolved](crate::Reason::Resolved) by somebody, or
    /// [quiet](crate::Reason::Quiet); and when it occurs [again](crate::Reason::Resumed) after that. For what keeps a list of open problems.
    AlertsAndEndings,
    /// Every occurrence of which everything is known, muted problems included, for a service that groups and counts by itself; each as an alert with
    /// [`Reason::Occurred`](crate::Reason::Occurred), and how many came with it that were only counted in
    /// [`held_back`](crate::Alert::held_back).
    Occurrences,
}

impl Takes {
    /// Whether such an alert is for it.
    pub(crate) fn has(self, reason: &Reason) -> bool {
        match reason {
            Reason::Test => true,
            Reason::Occurred => self == Self::Occurrences,
            Reason::Resolved | Reason::Quiet { .. } | Reason::Resumed => {
                self == Self::AlertsAndEndings
            }
            _ => self != Self::Occurrences,
        }
    }

    /// Whether it carries alerts to people.
    pub(crate) fn is_for_people(self) -> bool {
        self != Self::Occurrences
    }
}

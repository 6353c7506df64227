//! What keeps the monitor itself from its work, to be told like everything else that goes wrong.

use std::fmt;

/// What keeps the monitor itself from its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A notifier's destination takes nothing any more.
    Gone {
        /// The notifier.
        notifier: String,
        /// What its destination said.
        words: String,
    },
    /// A notifier blocks its thread.
    Stuck {
        /// The notifier.
        notifier: String,
    },
    /// The store has taken nothing for a while.
    StoreAway {
        /// The store.
        store: String,
        /// What it said last.
        words: String,
    },
}

impl Trouble {
    /// Which problem it is.
    pub(super) fn group(&self) -> String {
        match self {
            Self::Gone { notifier, .. } => format!("notifier {notifier}"),
            Self::Stuck { notifier } => format!("stuck notifier {notifier}"),
            Self::StoreAway { store, .. } => format!("store {store}"),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone { notifier, words } => {
                write!(f, "the notifier {notifier} takes nothing any more: {words}")
            }
            Self::Stuck { notifier } => write!(f, "the notifier {notifier} blocks its thread"),
            Self::StoreAway { store, words } => {
                write!(f, "the store {store} takes nothing: {words}")
            }
        }
    }
}

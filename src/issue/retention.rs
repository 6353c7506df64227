//! How much is kept, and for how long.

use std::time::Duration;

/// The problems that are remembered: 1,000.
pub const DEFAULT_MAX_ISSUES: usize = 1_000;
/// The occurrences kept of each problem: 10.
pub const DEFAULT_MAX_OCCURRENCES: usize = 10;
/// The affected users listed for each problem: 100.
pub const DEFAULT_MAX_USERS: usize = 100;
/// How long a problem is remembered after it was last seen: 90 days.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// The bytes that all kept occurrences may take together, written as JSON: 64 MiB.
pub const DEFAULT_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// How much is kept, and for how long; for [`Builder::retention`](crate::Builder::retention).
///
/// ```
/// use std::time::Duration;
/// use tower_monitor::{Monitor, Retention};
///
/// let month = Duration::from_secs(30 * 24 * 60 * 60);
/// let monitor = Monitor::builder().retention(Retention::new().max_age(month).max_users(500)).build()?;
/// # Ok::<_, tower_monitor::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Retention {
    pub(crate) issues: usize,
    pub(crate) occurrences: usize,
    pub(crate) users: usize,
    pub(crate) age: Duration,
    pub(crate) bytes: u64,
}

impl Retention {
    /// Every bound at its default.
    pub const fn new() -> Self {
        Self {
            issues: DEFAULT_MAX_ISSUES,
            occurrences: DEFAULT_MAX_OCCURRENCES,
            users: DEFAULT_MAX_USERS,
            age: DEFAULT_MAX_AGE,
            bytes: DEFAULT_MAX_BYTES,
        }
    }

    /// The problems that are remembered, 1 to 1,000,000. For one more, the least important is forgotten: one that nobody has resolved
    /// or muted, that occurred once or twice, and not for the longest time. Default: [`DEFAULT_MAX_ISSUES`].
    pub const fn max_issues(mut self, issues: usize) -> Self {
        self.issues = issues;
        self
    }

    /// The occurrences kept of each problem, 1 to 1,000: the first, the last, and a spread between. Default:
    /// [`DEFAULT_MAX_OCCURRENCES`].
    pub const fn max_occurrences(mut self, occurrences: usize) -> Self {
        self.occurrences = occurrences;
        self
    }

    /// The affected users listed for each problem, at most 10,000; beyond them their number is an estimate. Default:
    /// [`DEFAULT_MAX_USERS`].
    pub const fn max_users(mut self, users: usize) -> Self {
        self.users = users;
        self
    }

    /// How long a problem and its occurrences are remembered after it was last seen, at least an hour. A muted problem is remembered
    /// as long as it is muted: forgotten, it would be told as new. Default: [`DEFAULT_MAX_AGE`].
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// The bytes that all kept occurrences may take together, written as JSON, at least 64 KiB; beyond them, the oldest go. Default:
    /// [`DEFAULT_MAX_BYTES`].
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// # Errors
    ///
    /// What is wrong, and what to write instead.
    pub(crate) fn check(&self) -> Result<(), (String, &'static str)> {
        let counts = [
            (
                "max_issues",
                self.issues as u64,
                1,
                1_000_000,
                "set at least 1",
                "set at most 1,000,000",
            ),
            (
                "max_occurrences",
                self.occurrences as u64,
                1,
                1_000,
                "set at least 1",
                "set at most 1,000",
            ),
            (
                "max_users",
                self.users as u64,
                0,
                10_000,
                "",
                "set at most 10,000",
            ),
            (
                "max_bytes",
                self.bytes,
                65_536,
                u64::MAX,
                "set at least 65,536",
                "",
            ),
        ];
        for (bound, set, least, most, raise, lower) in counts {
            if set < least {
                return Err((format!("`{bound}` of {set} leaves no room"), raise));
            }
            if set > most {
                return Err((format!("`{bound}` of {set} is too many to keep"), lower));
            }
        }
        if self.age < Duration::from_secs(60 * 60) {
            let problem = format!(
                "`max_age` of {:?} forgets a problem while it is told",
                self.age
            );
            return Err((problem, "set at least 1 h"));
        }
        Ok(())
    }

    /// The bound on problems, for stores.
    #[must_use]
    pub const fn issues(&self) -> usize {
        self.issues
    }

    /// The bound on occurrences of one problem, for stores.
    #[must_use]
    pub const fn occurrences(&self) -> usize {
        self.occurrences
    }

    /// The bound on listed users of one problem, for stores.
    #[must_use]
    pub const fn users(&self) -> usize {
        self.users
    }

    /// The bound on age, for stores.
    #[must_use]
    pub const fn age(&self) -> Duration {
        self.age
    }

    /// The bound on bytes, for stores.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self::new()
    }
}

//! Settings that the vendors' notifiers have in common.

use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

use super::channel::{MAX_NAME, is_name};

/// The settings `S` of a notifier, with what they are checked and turned into: made when it is first asked for, and forgotten when
/// a setting is written.
pub(super) struct Checked<S, R> {
    settings: S,
    prepare: fn(&S) -> Result<R, String>,
    ready: OnceLock<Result<R, String>>,
}

impl<S, R> Checked<S, R> {
    pub(super) fn new(settings: S, prepare: fn(&S) -> Result<R, String>) -> Self {
        Self {
            settings,
            prepare,
            ready: OnceLock::new(),
        }
    }

    /// # Errors
    ///
    /// What is wrong with the settings.
    pub(super) fn ready(&self) -> Result<&R, &String> {
        let prepare = || (self.prepare)(&self.settings);
        self.ready.get_or_init(prepare).as_ref()
    }

    /// As [`Notifier::check`](super::Notifier::check) wants it.
    pub(super) fn check(&self) -> Result<(), String> {
        self.ready().map(|_| ()).map_err(Clone::clone)
    }
}

impl<S, R> Deref for Checked<S, R> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.settings
    }
}

impl<S, R> DerefMut for Checked<S, R> {
    /// Forgets what was made of the settings as they were.
    fn deref_mut(&mut self) -> &mut S {
        self.ready = OnceLock::new();
        &mut self.settings
    }
}

/// Whether the notifier of this vendor can be called so in logs and errors.
///
/// # Errors
///
/// When it cannot, with what a right name looks like.
pub(super) fn check_name(vendor: &str, name: &str, right: &str) -> Result<(), String> {
    if !is_name(name) {
        return Err(format!(
            "the name of the {vendor} notifier is empty, longer than {MAX_NAME} bytes or not on one line; a right one \
             looks like `{right}`"
        ));
    }
    Ok(())
}

/// The value of an environment variable without the blanks around it; `None` when it is unset or empty.
pub(super) fn variable(name: &str) -> Option<String> {
    filled(&std::env::var_os(name)?.to_string_lossy())
}

/// The value without the blanks around it; `None` when nothing is left.
pub(super) fn filled(value: &str) -> Option<String> {
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn settings_are_checked_once_until_they_change() {
        static CHECKS: AtomicUsize = AtomicUsize::new(0);
        let mut settings = Checked::new(7, |number: &i32| {
            CHECKS.fetch_add(1, Ordering::Relaxed);
            u8::try_from(*number).map_err(|_| format!("{number} is no byte"))
        });
        assert_eq!(CHECKS.load(Ordering::Relaxed), 0);
        assert_eq!((settings.ready(), settings.check()), (Ok(&7), Ok(())));
        assert_eq!(CHECKS.load(Ordering::Relaxed), 1);

        *settings = -1;
        let wrong = "-1 is no byte".to_owned();
        assert_eq!(settings.ready(), Err(&wrong));
        assert_eq!(settings.check(), Err(wrong));
        assert_eq!((CHECKS.load(Ordering::Relaxed), *settings), (2, -1));
    }

    #[test]
    fn a_name_is_short_and_on_one_line() {
        assert_eq!(check_name("Discord", "discord-ops", "ops"), Ok(()));
        for wrong in ["", " ", "a\nb", &"a".repeat(65)] {
            let error = check_name("Discord", wrong, "ops").unwrap_err();
            assert!(error.contains("Discord") && error.contains("`ops`"));
        }
    }

    #[test]
    fn a_variable_that_is_not_set_is_none() {
        assert_eq!(variable("TOWER_MONITOR_NEVER_SET"), None);
        // Cargo sets it for every test.
        assert_eq!(
            variable("CARGO_PKG_NAME").as_deref(),
            Some(env!("CARGO_PKG_NAME"))
        );
    }
}

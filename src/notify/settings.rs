//! Settings that the vendors' notifiers have in common.

use super::channel::{MAX_NAME, is_name};

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
    let value = std::env::var_os(name)?;
    let value = value.to_string_lossy();
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

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

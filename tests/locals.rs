//! Several monitors of a process that read variables.

use std::time::Duration;

use tower_monitor::Monitor;
use tower_monitor::locals::Locals;

#[test]
fn variables_are_read_in_one_way_for_all_monitors_of_a_process() {
    let with = |locals| Monitor::builder().no_audit().locals(locals).build();
    let first = Locals::new().exclude_paths(["shop::vault"]);
    let monitor = with(first.clone()).unwrap();
    let same = with(first.clone());
    assert!(same.is_ok());
    assert!(Monitor::builder().no_audit().build().is_ok(), "or not told");
    for (other, setting) in [
        (Locals::new(), "`exclude_paths`"),
        (
            first.clone().deadline(Duration::from_millis(3)),
            "`deadline`",
        ),
    ] {
        let refused = with(other).unwrap_err();
        assert_eq!(refused.setting(), "locals");
        let said = refused.to_string();
        assert!(said.contains(setting), "{said}");
        assert!(said.contains("same `Locals`"), "the remedy: {said}");
    }
    drop((monitor, same));
    assert!(
        with(Locals::new()).is_err(),
        "it is read until the process ends"
    );
    assert!(with(first).is_ok());
}

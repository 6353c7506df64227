//! Wrong settings are errors from `build()` that name the setting, the value and the remedy.

use std::time::Duration;

use tower_monitor::{
    Alert, Audit, BuildError, Builder, Monitor, Notifier, NotifyError, Policy, Retention,
};

fn refused(settings: impl FnOnce(Builder) -> Builder) -> BuildError {
    settings(Monitor::builder())
        .build()
        .expect_err("must be refused")
}

/// A notifier that can tell beforehand that it will not work.
struct Misconfigured;

impl Notifier for Misconfigured {
    fn name(&self) -> &str {
        "misconfigured"
    }

    fn check(&self) -> Result<(), String> {
        Err("`#ops` is no channel; a right one looks like `C024BE91L`".to_owned())
    }

    async fn notify(&self, _: &Alert) -> Result<(), NotifyError> {
        Ok(())
    }
}

#[test]
fn each_wrong_setting_is_named_with_its_value_and_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.log");
    let nowhere = folder.path().join("file/audit.log");
    std::fs::write(folder.path().join("file"), "").unwrap();
    let cases: Vec<(BuildError, &str, &str, &str)> = vec![
        (
            refused(|b| b.trusted_proxies(["10.0.0.0/40"])),
            "trusted_proxies",
            "`10.0.0.0/40`",
            "10.0.0.0/8",
        ),
        (
            refused(|b| b.request_id_header("x request id")),
            "request_id_header",
            "`x request id`",
            "x-request-id",
        ),
        (
            refused(|b| b.request_id_header("")),
            "request_id_header",
            "``",
            "x-request-id",
        ),
        (
            refused(|b| b.dashboard_url("shop.example.com/_monitor")),
            "dashboard_url",
            "`http` or `https`",
            "https://shop.example.com/_monitor",
        ),
        (
            refused(|b| b.dashboard_url("https://shop.example.com/?page=1")),
            "dashboard_url",
            "a query",
            "https://shop.example.com/_monitor",
        ),
        (
            refused(|b| b.policy(Policy::new().quiet_after(Duration::ZERO))),
            "policy",
            "quiet_after",
            "minute",
        ),
        (
            refused(|b| b.queue_length(0)),
            "queue_length",
            "0",
            "at least 1",
        ),
        (
            refused(|b| b.queue_length(usize::MAX)),
            "queue_length",
            "18446744073709551615",
            "at most 1,000,000",
        ),
        (
            refused(|b| b.retention(Retention::new().max_issues(0))),
            "retention",
            "max_issues",
            "at least 1",
        ),
        (
            refused(|b| b.retention(Retention::new().max_occurrences(100_000))),
            "retention",
            "max_occurrences",
            "at most 1,000",
        ),
        (
            refused(|b| b.retention(Retention::new().max_bytes(1))),
            "retention",
            "max_bytes",
            "at least 65,536",
        ),
        (
            refused(|b| b.retention(Retention::new().max_age(Duration::ZERO))),
            "retention",
            "max_age",
            "at least 1 h",
        ),
        (
            refused(|b| b.alert_age_limit(Duration::ZERO)),
            "alert_age_limit",
            "0",
            "24 h",
        ),
        (
            refused(|b| b.notify_time_limit(Duration::ZERO)),
            "notify_time_limit",
            "fast",
            "10 s",
        ),
        (
            refused(|b| b.evidence_bytes(1 << 30)),
            "evidence_bytes",
            "1073741824",
            "65,536",
        ),
        (
            refused(|b| b.notifier(Misconfigured)),
            "notifier",
            "`#ops`",
            "C024BE91L",
        ),
        (
            refused(|b| b.audit(Audit::json_lines(folder.path()))),
            "audit",
            folder.path().to_str().unwrap(),
            "",
        ),
        (
            refused(|b| b.audit(Audit::json_lines(&nowhere))),
            "audit",
            nowhere.to_str().unwrap(),
            "",
        ),
        (
            refused(|b| b.audit(Audit::json_lines(&file).queue(0))),
            "audit",
            "0",
            "",
        ),
        (
            refused(|b| b.audit(Audit::json_lines(&file).keep_files(0))),
            "audit",
            "",
            "",
        ),
        (
            refused(|b| b.audit(Audit::json_lines(&file).max_bytes(7))),
            "audit",
            "7",
            "",
        ),
        (
            refused(|b| {
                b.audit(Audit::json_lines(&file))
                    .audit(Audit::combined(&file))
            }),
            "audit",
            file.to_str().unwrap(),
            "",
        ),
    ];
    for (error, setting, value, remedy) in cases {
        assert_eq!(error.setting(), setting, "{error}");
        let text = error.to_string();
        assert!(text.contains(&format!("`{setting}`")), "{text}");
        assert!(text.contains(value) && text.contains(remedy), "{text}");
    }
}

#[cfg(feature = "webhook")]
#[test]
fn a_wrong_webhook_is_refused_without_showing_its_secrets() {
    use tower_monitor::notify::Webhook;
    let error = refused(|b| b.notifier(Webhook::new("ftp://ops.example.com/T0psecret")));
    assert_eq!(error.setting(), "notifier");
    assert!(
        error.to_string().contains("https://") && !error.to_string().contains("T0psecret"),
        "{error}"
    );
}

#[test]
fn a_file_that_cannot_be_opened_leaves_no_thread_and_no_half_monitor() {
    for _ in 0..50 {
        let error = refused(|b| b.audit(Audit::json_lines("/proc/no/such/place/audit.log")));
        assert_eq!(error.setting(), "audit");
        assert!(
            std::error::Error::source(&error).is_some(),
            "the system's own words: {error}"
        );
    }
}

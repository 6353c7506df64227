//! The shop's variables, from a panic to where people read them: the terminal, Slack, an error tracker.
#![cfg(target_os = "linux")]

mod support;

use support::example::{Example, wait_until};
use support::judges::Bugsink;
use support::vendor::{Answer, Vendor};

/// What a release build keeps nowhere: the number is gone once it was divided by.
const KEPT_IN_DEBUG: Option<&str> = if cfg!(debug_assertions) {
    Some("parcels: u32 = 0")
} else {
    None
};

/// Prints what is seen, for `--nocapture`.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_the_shop_is_told_with_what_its_variables_held() {
    let slack = Vendor::saying(Answer::say(200, "ok")).await;
    let webhook = slack.url("/services/T000/B000/xyz");
    let bugsink = tokio::task::spawn_blocking(Bugsink::start).await.unwrap();
    let dsn = bugsink.as_ref().map(Bugsink::dsn);
    let folder = tempfile::tempdir().unwrap();
    let audit_file = folder.path().join("audit.log");
    let mut settings = vec![
        ("AUDIT_FILE", audit_file.to_str().unwrap()),
        ("SLACK_WEBHOOK_URL", &webhook),
    ];
    settings.extend(dsn.as_deref().map(|dsn| ("SENTRY_DSN", dsn)));
    let shop = Example::start("shop", &settings);
    let mut browser = shop.browser();
    browser.log_in("uma@example.org").await;
    let page = browser.post("/buy/gift-card", "").await;
    page.is_the_sorry_page();

    let alert = shop.waits_for("the alert", |printed| {
        let alert = printed.split_once("┏━")?.1;
        Some(alert.split_once("┗━")?.0.to_owned())
    });
    println!("{alert}");
    let shown = [
        r#"cart: &Cart = Cart({"gift-card": 1})"#,
        "payment: Payment = Invoice",
        r#"id: String = "gift-card""#,
    ];
    for variable in shown.into_iter().chain(KEPT_IN_DEBUG) {
        assert!(alert.contains(variable), "{variable} is not in\n{alert}");
    }
    assert!(!alert.contains("hunter2"), "{alert}");

    wait_until("tells Slack", || !slack.received().is_empty());
    let message = slack.only().json();
    println!("{message:#}");
    let message = message.to_string();
    for variable in ["payment: Payment = Invoice"]
        .into_iter()
        .chain(KEPT_IN_DEBUG)
    {
        assert!(message.contains(variable), "{message}");
    }

    shop.ends_on_ctrl_c();
    let Some(bugsink) = bugsink else {
        return;
    };
    let stacks = bugsink.stacks().await;
    println!("{}", stacks.join("\n"));
    assert_eq!(stacks.len(), 1, "{}", bugsink.log());
    let parcels = cfg!(debug_assertions).then_some("* `parcels` = `0`");
    for told in ["#### Locals", "= `{'gift-card': 1}`"]
        .into_iter()
        .chain(parcels)
    {
        assert!(stacks[0].contains(told), "{told} is not in\n{}", stacks[0]);
    }
}

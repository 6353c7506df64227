//! A secret that was given in the place of something else is in no error and in no `Debug`.

use std::fmt::Debug;

use tower_monitor::Notifier;
use tower_monitor::notify::{
    Channel, Discord, Email, Log, Otlp, PagerDuty, Rollbar, Sentry, Slack, Sms, Teams, Telegram,
    Webhook,
};

const URL: &str = "https://hooks.slack.com/services/T0/B0/s3cr3t0s3cr3t0s3cr3t";
const TOKEN: &str = "s3cr3t0s3cr3t0s3cr3t0s3cr3t0s3cr";
const SID: &str = "AC0123456789abcdef0123456789abcdef";
const BOT: &str = "xoxb-0123456789";

fn says_nothing(notifier: impl Notifier + Debug) {
    let error = notifier.check().unwrap_err();
    let shown = format!("{notifier:?}");
    assert!(
        !error.contains("s3cr3t") && !shown.contains("s3cr3t"),
        "{error}\n{shown}"
    );
    assert!(shown.contains(notifier.name()), "{shown}");
}

#[test]
fn what_is_wrong_is_not_shown() {
    says_nothing(Slack::bot(BOT, URL));
    says_nothing(Slack::bot("#alerts", BOT.replace("0123", "s3cr3t")));
    says_nothing(Slack::bot(BOT, "#alerts").base_url(TOKEN));
    says_nothing(Slack::webhook(TOKEN));

    let sms = || Sms::twilio(SID, "t").from("+15005550006").to("+4917155");
    says_nothing(Sms::twilio(TOKEN, SID).from("+15005550006").to("+4917155"));
    says_nothing(sms().from(TOKEN));
    says_nothing(sms().messaging_service(TOKEN));
    says_nothing(sms().api_key(TOKEN, "SK0123456789abcdef0123456789abcdef"));

    let email = || Email::relay("smtp.example.com").from("a@example.com");
    let to = "b@example.com";
    says_nothing(Email::relay("smtps://u:s3cr3t@smtp.example.com").to(to));
    says_nothing(email().to(TOKEN));
    says_nothing(email().to(to).from(TOKEN));
    says_nothing(email().to(to).reply_to(TOKEN));

    let webhook = || Webhook::new("https://ops.example.com/alerts");
    says_nothing(webhook().header(format!("Bearer {TOKEN}"), "Authorization"));
    let otlp = || Otlp::endpoint("http://localhost:4318");
    says_nothing(otlp().header(format!("Bearer {TOKEN}"), "Authorization"));
    says_nothing(otlp().resource_attribute(" ", TOKEN));

    says_nothing(Rollbar::token("production").environment(TOKEN));
    says_nothing(Telegram::bot("@shop_alerts", TOKEN));
    says_nothing(PagerDuty::routing_key(URL));
    says_nothing(Discord::webhook(URL));
    says_nothing(Teams::workflow(URL));
    says_nothing(Sentry::dsn(TOKEN));
}

#[test]
fn what_is_right_is_shown() {
    let slack = format!("{:?}", Slack::bot(BOT, "#alerts"));
    assert!(slack.contains("#alerts"), "{slack}");
    let email = Email::relay("smtp.example.com").from("a@example.com");
    let email = format!("{:?}", email.to("b@example.com"));
    assert!(
        email.contains("smtp.example.com") && email.contains("b@example.com"),
        "{email}"
    );
}

#[test]
fn a_channels_name_that_is_none_is_in_no_error() {
    let channel = Channel::new(Log::new()).name(format!("{URL}{URL}"));
    let built = tower_monitor::Monitor::builder().notifier(channel).build();
    let error = built.unwrap_err().to_string();
    assert!(
        error.contains("`slack-ops`") && !error.contains("s3cr3t"),
        "{error}"
    );
}

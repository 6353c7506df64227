//! Whether alerts arrive: sends a harmless one through every notifier that the environment configures.
//!
//! `SLACK_WEBHOOK_URL=… cargo run --example notifiers --features slack`. Without any variable it says which ones there are.
#![expect(
    clippy::print_stdout,
    reason = "what became of each alert belongs on the terminal"
)]

use std::error::Error;
use std::process::ExitCode;

use tower_monitor::{Monitor, notify};

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let notifiers = notify::from_env();
    if notifiers.is_empty() {
        println!("{NOTHING}");
        return Ok(ExitCode::FAILURE);
    }
    let monitor = Monitor::builder()
        .service("notifiers")
        .no_audit()
        .notifiers(notifiers)
        .build()?;
    let deliveries = monitor.send_test_alert().await;

    let longest = deliveries
        .iter()
        .map(|it| it.notifier.chars().count())
        .max();
    let width = longest.unwrap_or_default().max("notifier".len());
    println!("{:<width$}  test alert", "notifier");
    let mut failures = 0;
    for delivery in &deliveries {
        let result = match &delivery.result {
            Ok(()) => "arrived".to_owned(),
            Err(error) => {
                failures += 1;
                error.to_string()
            }
        };
        println!("{:<width$}  {result}", delivery.notifier);
    }
    Ok(if failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

const NOTHING: &str = "\
No notifier is configured. Set the variables of at least one of these, and build with its feature:

feature    variables
discord    DISCORD_WEBHOOK_URL
email      SMTP_URL, ALERT_EMAIL_FROM, ALERT_EMAIL_TO
otlp       OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_LOGS_ENDPOINT
pagerduty  PAGERDUTY_ROUTING_KEY
rollbar    ROLLBAR_ACCESS_TOKEN, ROLLBAR_ENV (optional)
sentry     SENTRY_DSN
slack      SLACK_WEBHOOK_URL; or SLACK_BOT_TOKEN and SLACK_CHANNEL
sms        TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_FROM, ALERT_SMS_TO
teams      TEAMS_WEBHOOK_URL
telegram   TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID
webhook    ALERT_WEBHOOK_URL, ALERT_WEBHOOK_SECRET (optional)

What each variable looks like is in the documentation of `tower_monitor::notify::from_env`.";

//! Every notifier that the environment configures.

use super::Channel;

/// One row for each notifier that can be set in the environment: its feature, its module and its type.
macro_rules! table {
    ($($feature:literal => $leaf:ident::$Notifier:ident,)*) => {
        const TABLE: &[fn() -> Option<Channel>] = &[$(
            #[cfg(feature = $feature)]
            || super::$leaf::$Notifier::from_env().map(Channel::from),
        )*];
    };
}

table! {
    "discord" => discord::Discord,
    "email" => email::Email,
    "otlp" => otlp::Otlp,
    "pagerduty" => pagerduty::PagerDuty,
    "rollbar" => rollbar::Rollbar,
    "sentry" => sentry::Sentry,
    "slack" => slack::Slack,
    "sms" => sms::Sms,
    "teams" => teams::Teams,
    "telegram" => telegram::Telegram,
    "webhook" => webhook::Webhook,
}

/// Every notifier that is compiled in and that the environment configures, as its own `from_env` reads it now.
///
/// ```
/// use tower_monitor::{Monitor, notify};
///
/// let monitor = Monitor::builder().notifiers(notify::from_env()).build()?;
/// # Ok::<_, tower_monitor::BuildError>(())
/// ```
///
/// A notifier is there when the variables in its line that are in bold are set and not empty. A wrong value is an error of
/// [`build()`](crate::Builder::build), which names the setting. The order is that of the table; what is told of what, and how often, is for each of them
/// as it is by default.
///
/// | Feature | Variables |
/// |---|---|
/// | `discord` | **`DISCORD_WEBHOOK_URL`** |
/// | `email` | **`SMTP_URL`**, `ALERT_EMAIL_FROM`, `ALERT_EMAIL_TO` |
/// | `otlp` | **`OTEL_EXPORTER_OTLP_ENDPOINT`** or **`OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`**, and more that begin with `OTEL_` |
/// | `pagerduty` | **`PAGERDUTY_ROUTING_KEY`** |
/// | `rollbar` | **`ROLLBAR_ACCESS_TOKEN`**, `ROLLBAR_ENV` |
/// | `sentry` | **`SENTRY_DSN`** |
/// | `slack` | **`SLACK_WEBHOOK_URL`**; or **`SLACK_BOT_TOKEN`**, `SLACK_CHANNEL` |
/// | `sms` | **`TWILIO_ACCOUNT_SID`**, `TWILIO_AUTH_TOKEN`, `TWILIO_FROM`, `ALERT_SMS_TO` |
/// | `teams` | **`TEAMS_WEBHOOK_URL`** |
/// | `telegram` | **`TELEGRAM_BOT_TOKEN`**, `TELEGRAM_CHAT_ID` |
/// | `webhook` | **`ALERT_WEBHOOK_URL`**, `ALERT_WEBHOOK_SECRET` |
#[must_use]
pub fn from_env() -> Vec<Channel> {
    TABLE.iter().filter_map(|from_env| from_env()).collect()
}

//! Every notifier that speaks HTTP before vendors that answer in every way: what each answer means for the next try, and that no
//! answer gets a secret into an error or a log.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tower_monitor::notify::webhook::CALL_LIMIT;
use tower_monitor::notify::{
    Discord, Otlp, PagerDuty, Rollbar, Sentry, Slack, Sms, Teams, Telegram, Webhook,
};
use tower_monitor::{Alert, DEFAULT_NOTIFY_TIME_LIMIT, Notifier, NotifyError};
use tracing::Level;

use crate::log::Log;
use crate::support::alerts::alert;
use crate::support::vendor::{Answer, Received, Vendor};

/// A notifier, and in what it differs from the others.
struct Row {
    name: &'static str,
    /// One that sends to the vendor at this address.
    make: fn(&str) -> Box<dyn Judged>,
    /// What it was given in confidence, each with `s3cr3t` within the first characters.
    secrets: &'static [&'static str],
    /// What the vendor says when it takes a message.
    taken: &'static str,
    /// What its own documentation says otherwise than [`EXPECTED`], with the reason behind it.
    but: &'static [(&'static str, Means)],
}

const ROWS: &[Row] = &[
    Row {
        name: "discord",
        make: |url| {
            Box::new(Discord::webhook(format!(
                "{url}/api/webhooks/1122334455/s3cr3t-discord-token-0123456789"
            )))
        },
        secrets: &["s3cr3t-discord-token-0123456789"],
        taken: r#"{"id":"7"}"#,
        // The window of the limit that webhooks are known to have.
        but: &[("429", Later(Some(2)))],
    },
    Row {
        name: "otlp",
        make: |url| {
            Box::new(Otlp::endpoint(url).header("authorization", "Bearer s3cr3t-otlp-header"))
        },
        secrets: &["s3cr3t-otlp-header"],
        taken: "{}",
        // The protocol wants another try after 429, 502, 503 and 504 only.
        but: &[("500", Refused)],
    },
    Row {
        name: "pagerduty",
        make: |url| {
            Box::new(PagerDuty::routing_key("s3cr3tpagerduty0s3cr3tpagerduty0").base_url(url))
        },
        secrets: &["s3cr3tpagerduty0s3cr3tpagerduty0"],
        taken: r#"{"status":"success","message":"Event processed","dedup_key":"a"}"#,
        // As long as PagerDuty's documentation says.
        but: &[("429", Later(Some(30)))],
    },
    Row {
        name: "rollbar",
        make: |url| Box::new(Rollbar::token("s3cr3t00rollbar00s3cr3t00rollbar00").base_url(url)),
        secrets: &["s3cr3t00rollbar00s3cr3t00rollbar00"],
        taken: r#"{"err":0,"result":{"uuid":"1"}}"#,
        // A minute, as rollbar.js waits.
        but: &[("429", Later(Some(60)))],
    },
    Row {
        name: "sentry",
        make: |url| {
            let address = url.strip_prefix("http://").unwrap();
            Box::new(Sentry::dsn(format!(
                "http://s3cr3tsentrykey0s3cr3tsentrykey0@{address}/7"
            )))
        },
        secrets: &["s3cr3tsentrykey0s3cr3tsentrykey0"],
        taken: "{}",
        // A minute, as Sentry's rules for rate limits say.
        but: &[("429", Later(Some(60)))],
    },
    Row {
        name: "slack (webhook)",
        make: |url| {
            Box::new(Slack::webhook(format!(
                "{url}/services/T0/s3cr3t-slack-b/s3cr3t-slack-x"
            )))
        },
        secrets: &["s3cr3t-slack-b", "s3cr3t-slack-x"],
        taken: "ok",
        but: &[],
    },
    Row {
        name: "slack (bot)",
        make: |url| {
            Box::new(Slack::bot("xoxb-s3cr3t-slack-bot-0123456789", "C024BE91L").base_url(url))
        },
        secrets: &["xoxb-s3cr3t-slack-bot-0123456789"],
        taken: r#"{"ok":true,"ts":"1.2"}"#,
        // Only the body says whether it arrived, and twice is better than never.
        but: &[("a body that never ends", Later(None))],
    },
    Row {
        name: "sms",
        make: |url| {
            let sms = Sms::twilio(
                "AC0123456789abcdef0123456789abcdef",
                "s3cr3t0twilio0s3cr3t0twilio00000",
            );
            Box::new(sms.from("+15005550006").to("+15005550010").base_url(url))
        },
        secrets: &["s3cr3t0twilio0s3cr3t0twilio00000"],
        taken: r#"{"sid":"SM1","status":"queued"}"#,
        but: &[],
    },
    Row {
        name: "teams",
        make: |url| {
            Box::new(Teams::workflow(format!(
                "{url}/workflows/s3cr3t-teams-flow?sp=a&sig=s3cr3t-teams-sig"
            )))
        },
        secrets: &["s3cr3t-teams-flow", "s3cr3t-teams-sig"],
        taken: "",
        but: &[],
    },
    Row {
        name: "telegram",
        make: |url| {
            Box::new(Telegram::bot("110201543:s3cr3t-telegram-s3cr3t-telegram", 42).base_url(url))
        },
        secrets: &[
            "110201543:s3cr3t-telegram-s3cr3t-telegram",
            "s3cr3t-telegram-s3cr3t-telegram",
        ],
        taken: r#"{"ok":true,"result":{"message_id":7}}"#,
        but: &[],
    },
    Row {
        name: "webhook",
        make: |url| {
            let webhook = Webhook::new(format!(
                "{url}/s3cr3t-webhook-path?key=s3cr3t-webhook-query"
            ));
            let webhook = webhook.secret("s3cr3t-webhook-signing-key");
            Box::new(webhook.header("Authorization", "Bearer s3cr3t-webhook-header"))
        },
        secrets: &[
            "s3cr3t-webhook-path",
            "s3cr3t-webhook-query",
            "s3cr3t-webhook-signing-key",
            "s3cr3t-webhook-header",
        ],
        taken: "",
        but: &[],
    },
];

/// What an answer means, and how often the vendor is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Means {
    Arrived,
    /// Another try, after so many seconds where it is said.
    Later(Option<u64>),
    /// Less of the alert was tried at once.
    Smaller,
    Refused,
    Gone,
}

use Means::{Arrived, Gone, Later, Refused, Smaller};

/// What each answer means where a row says nothing else.
const EXPECTED: &[(&str, Means)] = &[
    ("200", Arrived),
    ("a body that never ends", Arrived),
    ("400", Smaller),
    ("413", Smaller),
    ("401", Gone),
    ("403", Gone),
    ("404", Gone),
    ("410", Gone),
    ("429", Later(None)),
    ("429 with Retry-After", Later(Some(17))),
    ("500", Later(None)),
    ("503", Later(None)),
    ("nothing", Later(None)),
    ("a broken connection", Later(None)),
    ("no HTTP", Later(None)),
    ("a redirect", Refused),
    ("too much", Later(None)),
];

fn answer(case: &str, row: &Row, elsewhere: &Vendor) -> Answer {
    match case {
        "200" => Answer::say(200, row.taken),
        "a body that never ends" => Answer::SlowBody(200),
        "429 with Retry-After" => Answer::say(429, "").header("retry-after", "17"),
        "nothing" => Answer::Hang,
        "a broken connection" => Answer::Reset,
        "no HTTP" => Answer::Garbage,
        "a redirect" => Answer::say(307, "").header("location", elsewhere.url("/taken")),
        "too much" => Answer::Endless(503),
        status => Answer::say(status.parse().unwrap(), ""),
    }
}

/// What became of it, as seen from outside: by the error, and by how often the vendor was asked.
fn meaning(result: &Result<(), NotifyError>, asked: usize) -> Means {
    match result {
        Ok(()) => Arrived,
        Err(error) if error.is_temporary() => Later(error.wait().map(|wait| wait.as_secs())),
        Err(error) if error.is_destination_gone() => Gone,
        Err(_) if asked > 1 => Smaller,
        Err(_) => Refused,
    }
}

#[tokio::test]
async fn every_answer_means_what_the_documentation_says() {
    let elsewhere = Arc::new(Vendor::saying(Answer::say(200, "")).await);
    let mut trials = Vec::new();
    for row in ROWS {
        for (case, expected) in EXPECTED {
            let own = row.but.iter().find(|(name, _)| name == case);
            let expected = own.map_or(*expected, |(_, means)| *means);
            let vendor = Vendor::saying(answer(case, row, &elsewhere)).await;
            let notifier = (row.make)(&vendor.url(""));
            // Setting up TLS takes its time, which must not be that of another one's call.
            assert_eq!(notifier.check(), Ok(()), "{}", row.name);
            trials.push((row.name, *case, expected, vendor, notifier));
        }
    }
    let count = trials.len();
    let mut all = JoinSet::new();
    for (name, case, expected, vendor, notifier) in trials {
        all.spawn(async move {
            let result = notifier.notify(&alert("panic")).await;
            let means = meaning(&result, vendor.received().len());
            let wrong = format!(
                "{name}, {case}: {result:?} after {} requests",
                vendor.received().len()
            );
            (means == expected).then_some(()).ok_or(wrong)
        });
    }
    let results = all.join_all().await;
    let wrong: Vec<_> = results.iter().filter_map(|it| it.as_ref().err()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(results.len(), count);
    assert!(elsewhere.received().is_empty(), "a redirect was followed");
}

#[tokio::test]
async fn an_answer_is_not_read_to_its_end_when_it_has_none() {
    for row in ROWS {
        let vendor = Vendor::saying(Answer::Endless(503)).await;
        let notifier = (row.make)(&vendor.url(""));
        let alert = alert("panic");
        let call = tokio::time::timeout(CALL_LIMIT, notifier.notify(&alert));
        let result = call
            .await
            .unwrap_or_else(|_| panic!("{} reads on", row.name));
        assert!(result.unwrap_err().is_temporary());
        // What the kernel holds for both sides is on the way, too.
        let bytes = vendor.written().await;
        assert!(bytes < 32 * 1_024 * 1_024, "{}: {bytes}", row.name);
    }
}

/// The ways in which a vendor may repeat what it was sent.
const ECHOES: [fn(&Received, &Row) -> String; 4] = [
    |request, _| request.path.clone(),
    |request, _| {
        let mut headers: Vec<_> = request.headers.iter().collect();
        headers.sort_by_key(|(name, _)| !KEYS.contains(&name.as_str()));
        format!("{headers:?}")
    },
    |request, row| {
        let body = String::from_utf8_lossy(&request.body);
        let at = row
            .secrets
            .iter()
            .filter_map(|secret| body.find(secret))
            .min();
        at.map_or(String::new(), |at| body[at..].chars().take(150).collect())
    },
    |_, row| row.secrets.join(" "),
];

const KEYS: [&str; 3] = ["authorization", "x-rollbar-access-token", "x-sentry-auth"];

#[tokio::test]
async fn no_secret_gets_into_an_error_or_a_log() {
    let (log, _guard) = Log::begin(Level::TRACE);
    for row in ROWS {
        for status in [400, 401, 418, 429, 500] {
            for echo in ECHOES {
                let vendor =
                    Vendor::start(move |request, _| Answer::say(status, echo(request, row))).await;
                let notifier = (row.make)(&vendor.url(""));
                let error = notifier.notify(&alert("panic")).await.unwrap_err();
                let shown = format!("{error} {error:?} {notifier:?}");
                is_clean(row, &vendor.received(), &shown);
                is_clean(row, &vendor.received(), &log.taken());
            }
        }
    }
}

fn is_clean(row: &Row, received: &[Received], text: &str) {
    let login = received
        .iter()
        .map(|request| request.header("authorization"));
    let login = login.filter_map(|login| login.split(' ').next_back());
    let secrets = row.secrets.iter().copied().chain(login);
    for secret in secrets.filter(|secret| secret.len() > 8) {
        assert!(
            !text.contains(&secret[..secret.len() / 2]),
            "{}: {text}",
            row.name
        );
    }
}

#[tokio::test]
async fn what_refuses_is_said_in_the_log() {
    let (log, _guard) = Log::begin(Level::WARN);
    for row in ROWS {
        let vendor = Vendor::saying(Answer::say(413, "too long, it says")).await;
        let notifier = (row.make)(&vendor.url(""));
        notifier.notify(&alert("panic")).await.unwrap_err();
        let text = log.taken();
        assert!(text.contains("less of it is sent"), "{}: {text}", row.name);
    }
}

#[test]
fn a_call_is_over_before_the_try_is() {
    assert!(CALL_LIMIT + Duration::from_secs(1) < DEFAULT_NOTIFY_TIME_LIMIT);
}

/// [`Notifier`] as an object.
trait Judged: Debug + Send + Sync {
    fn check(&self) -> Result<(), String>;
    fn notify<'a>(&'a self, alert: &'a Alert) -> Delivery<'a>;
}

type Delivery<'a> = Pin<Box<dyn Future<Output = Result<(), NotifyError>> + Send + 'a>>;

impl<N: Notifier + Debug> Judged for N {
    fn check(&self) -> Result<(), String> {
        Notifier::check(self)
    }

    fn notify<'a>(&'a self, alert: &'a Alert) -> Delivery<'a> {
        Box::pin(Notifier::notify(self, alert))
    }
}

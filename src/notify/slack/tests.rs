//! Which settings Slack's notifier refuses, what it says of them, and what a message never leaves out.

mod hostile;

use super::*;
use crate::notify::Section;

const WEBHOOK: &str = "https://hooks.slack.com/services/T024BE7LD/B02Q4T1QH/pq81Zr5sK2";
const TOKEN: &str = "xoxb-1234-s3cr3t-pq81Zr5sK2";

#[test]
fn a_wrong_webhook_is_found_by_the_check_and_not_shown() {
    let slack = "https://hooks.slack.com";
    for (url, problem) in [
        (String::new(), "cannot be read"),
        ("s3cr3t".to_owned(), "does not begin with"),
        (format!("{slack}/services/T1/s3cr3t"), "is not whole"),
        (format!("{slack}/services/T1/B1/"), "is not whole"),
        (format!("{slack}/services/T1/B1/s3cr3t/x"), "is not whole"),
        (
            format!("{slack}/workflows/T1/A1/s3cr3t"),
            "starts a workflow",
        ),
        (format!("{slack}/triggers/T1/1/s3cr3t"), "starts a workflow"),
        (
            format!("{slack}/s3cr3t"),
            "does not begin with `/services/`",
        ),
        (slack.to_owned(), "does not begin with `/services/`"),
        (
            "https://slack.com/api/s3cr3t".to_owned(),
            "but no webhook's",
        ),
        (
            "https://ops.slack.com/s3cr3t".to_owned(),
            "but no webhook's",
        ),
        ("https://chat.example.com".to_owned(), "has no path"),
        ("https://chat.example.com/".to_owned(), "has no path"),
        (
            WEBHOOK.replace("https", "http"),
            "does not begin with `https://`",
        ),
        (
            "http://127.0.0.1.example.com/s3cr3t".to_owned(),
            "does not begin with `https://`",
        ),
    ] {
        let error = Slack::webhook(&*url).check().unwrap_err();
        assert!(error.contains(problem), "{url}: {error}");
        assert!(
            error.contains("`https://hooks.slack.com/services/T…/B…/…`"),
            "{error}"
        );
        assert!(
            !error.contains("s3cr3t") && !error.contains("pq81"),
            "{error}"
        );
    }
    for url in [
        WEBHOOK,
        "HTTPS://HOOKS.SLACK.COM/services/T1/B1/x",
        "https://hooks.slack-gov.com/services/T1/B1/x",
        "https://chat.example.com/hooks/x",
        "http://localhost:8065/hooks/x",
        "http://127.0.0.9/x",
        "http://[::1]:80/x",
    ] {
        assert_eq!(Slack::webhook(url).check(), Ok(()), "{url}");
    }
}

#[test]
fn a_wrong_bot_is_found_by_the_check_and_its_token_not_shown() {
    for (token, problem) in [
        ("", "is empty"),
        ("xoxb-", "does not begin with `xoxb-`"),
        ("xoxp-1-s3cr3t", "is a user's"),
        ("xapp-1-s3cr3t", "an app-level one"),
        ("xoxe.xoxb-1-s3cr3t", "expire within hours"),
        ("xoxe-1-s3cr3t", "expire within hours"),
        (WEBHOOK, "`Slack::webhook` takes"),
        ("s3cr3t", "does not begin with `xoxb-`"),
        ("xoxb-1-s3cr3t\n", "characters that no token has"),
    ] {
        let error = Slack::bot(token, "#alerts").check().unwrap_err();
        assert!(error.contains(problem), "{token}: {error}");
        assert!(error.contains("a right one begins with `xoxb-`"), "{error}");
        assert!(
            !error.contains("s3cr3t") && !error.contains("pq81"),
            "{error}"
        );
    }
    let long = "x".repeat(129);
    for (channel, problem) in [
        ("", "no channel"),
        ("#", "no channel"),
        ("#two words", "blanks or slashes"),
        ("https://ops.slack.com/archives/C1", "blanks or slashes"),
        (&*long, "longer than 128 bytes"),
    ] {
        let error = Slack::bot(TOKEN, channel).check().unwrap_err();
        assert!(
            error.contains(problem) && error.contains("`C024BE91L`"),
            "{error}"
        );
    }
    assert_eq!(Slack::bot(TOKEN, "C024BE91L").check(), Ok(()));
}

#[test]
fn other_settings_are_checked_too() {
    let bot = || Slack::bot(TOKEN, "#alerts");
    assert_eq!(bot().base_url("https://slack-gov.com/api/").check(), Ok(()));
    for (slack, problem) in [
        (bot().name("two\nlines"), "looks like `slack-ops`"),
        (
            bot().base_url("http://slack.com/api"),
            "does not begin with `https://`",
        ),
        (bot().base_url("slack.com"), "`https://slack.com/api`"),
        (
            Slack::webhook(WEBHOOK).base_url("https://slack.com/api"),
            "leave `base_url` out",
        ),
    ] {
        let error = slack.check().unwrap_err();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn the_environment_is_a_webhook_or_a_bot() {
    let of = |variables: &'static [(&str, &str)]| {
        Slack::from(|name| {
            let found = variables.iter().find(|(it, _)| *it == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    };
    assert!(of(&[]).is_none());
    assert!(of(&[("SLACK_WEBHOOK_URL", " "), ("SLACK_BOT_TOKEN", "")]).is_none());
    assert!(of(&[("SLACK_CHANNEL", "#alerts")]).is_none());

    let webhook = of(&[
        ("SLACK_WEBHOOK_URL", "http://[::1]/a\n"),
        ("SLACK_BOT_TOKEN", "x"),
    ]);
    let webhook = webhook.unwrap();
    assert_eq!(webhook.check(), Ok(()));
    assert!(
        format!("{webhook:?}").contains("webhook: \"http://[::1]\""),
        "{webhook:?}"
    );

    let bot = of(&[("SLACK_BOT_TOKEN", TOKEN), ("SLACK_CHANNEL", "C1 ")]).unwrap();
    assert_eq!(bot.check(), Ok(()));
    assert!(
        format!("{bot:?}").contains("channel: Some(\"C1\")"),
        "{bot:?}"
    );
    let error = of(&[("SLACK_BOT_TOKEN", TOKEN)]).unwrap().check();
    assert!(error.unwrap_err().contains("SLACK_CHANNEL"));
}

#[test]
fn what_is_shown_of_it_holds_no_secret() {
    for slack in [
        Slack::webhook(WEBHOOK),
        Slack::bot(TOKEN, "#alerts"),
        Slack::webhook(TOKEN),
    ] {
        let shown = format!("{slack:?}");
        assert!(
            !shown.contains("pq81") && !shown.contains("s3cr3t"),
            "{shown}"
        );
    }
}

#[test]
fn a_command_is_whole_or_not_there() {
    let section = |line: String| Section {
        name: "curl",
        lines: vec![line],
        is_code: true,
    };
    let mut message = Message::of(&thread::tests::alert());
    for (line, is_whole) in [
        (format!("curl --data '{}'", "x".repeat(1_900)), true),
        (format!("curl --data '{}'", "&".repeat(1_900)), false),
    ] {
        message.sections = vec![section(line.clone())];
        let payload = blocks::whole(message.clone()).to_string();
        assert_eq!(payload.contains(&line), is_whole);
        assert_eq!(payload.contains("too long for Slack"), !is_whole);
    }
}

#[test]
fn a_title_that_the_header_cuts_is_told_in_the_text() {
    let mut message = Message::of(&thread::tests::alert());
    message.title = format!("panic: {}", "é".repeat(145));
    let payload = blocks::whole(message.clone());
    let header = payload["blocks"][0]["text"]["text"].as_str().unwrap();
    assert!(header.ends_with('…'), "{header}");
    let lead = payload["blocks"][1]["text"]["text"].as_str().unwrap();
    assert!(lead.starts_with(&message.title), "{lead}");
}

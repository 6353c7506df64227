//! Which URLs are those of a workflow, what is shown of them, and where the card's button leads.

use super::*;
use crate::issue::Desk;
use crate::notify::http::test_server::{Script, TestServer};
use crate::notify::shrink::Size;

const URL: &str = "https://prod-00.westeurope.logic.azure.com:443/workflows/s3cr3t/triggers/manual/paths/invoke?sp=%2Frun&sig=s3cr3t-sig";

#[test]
fn the_environment_names_the_url() {
    let environment = |name: &str| (name == "TEAMS_WEBHOOK_URL").then(|| URL.to_owned());
    assert_eq!(Teams::from(environment).unwrap().check(), Ok(()));
    assert!(Teams::from(|_| None).is_none());
}

#[test]
fn what_is_no_workflows_url_is_found_by_the_check_and_not_shown() {
    for (url, problem) in [
        ("s3cr3t", "does not begin with"),
        (
            "https://prod-00.westeurope.logic.azure.com/workflows/s3cr3t",
            "no `sig=`",
        ),
        (
            "https://prod-00.westeurope.logic.azure.com/workflows/s3cr3t?sig=",
            "no `sig=`",
        ),
        (
            "https://prod-00.westeurope.logic.azure.com/workflows?a=sig=s3cr3t",
            "no `sig=`",
        ),
        (
            "http://prod-00.westeurope.logic.azure.com/workflows/s3cr3t?sig=s3cr3t",
            "anybody on the way",
        ),
        (
            "https://example.webhook.office.com/webhookb2/s3cr3t?sig=s3cr3t",
            "retired",
        ),
        ("https://OUTLOOK.office.com/webhook/s3cr3t", "`Workflows`"),
    ] {
        let error = Teams::workflow(url).check().unwrap_err();
        assert!(error.contains(problem), "{url}: {error}");
        assert!(error.contains("&sig=…`"), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }
    for url in [
        URL,
        "http://127.0.0.1:1/?sig=a",
        "http://[::1]/?sig=a",
        "http://localhost/?sig=a",
    ] {
        assert_eq!(Teams::workflow(url).check(), Ok(()), "{url}");
    }
    assert!(Teams::workflow(URL).name("\n").check().is_err());
}

#[tokio::test]
async fn the_key_is_hidden_as_the_workflow_reads_it_too() {
    let answer = Script::answer("401 Unauthorized", &[], "wrong: s3cr3t/s3cr3t+s3cr3t");
    let server = TestServer::start(answer).await;
    let teams = Teams::workflow(server.url("/flow?sig=s3cr3t%2Fs3cr3t%2bs3cr3t"));
    let json = include_str!("../../../tests/alerts/panic.json");
    let alert: Alert = serde_json::from_str(json).unwrap();
    let error = teams.notify(&alert).await.unwrap_err().to_string();
    assert!(
        error.contains("wrong") && !error.contains("s3cr3t"),
        "{error}"
    );
}

#[test]
fn nothing_secret_is_shown() {
    let shown = format!("{:?}", Teams::workflow(URL));
    assert!(shown.contains("logic.azure.com"), "{shown}");
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

#[test]
fn the_button_leads_to_the_issues_page() {
    let json = include_str!("../../../tests/alerts/panic.json");
    let mut alert: Alert = serde_json::from_str(json).unwrap();
    let action = |alert: &Alert| {
        let payload = card::payload(alert, Size::Whole);
        payload["attachments"][0]["content"]["actions"][0].clone()
    };
    assert!(action(&alert).is_null());
    alert.desk = Desk {
        dashboard: Some("https://shop.example.com/_monitor".into()),
        ..Desk::default()
    };
    let action = action(&alert);
    assert_eq!(action["type"], "Action.OpenUrl");
    let url = action["url"].as_str().unwrap();
    assert_eq!(url, alert.issue_url().unwrap());
}

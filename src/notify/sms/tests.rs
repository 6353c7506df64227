//! Which settings are refused and what of them is shown, and what the environment says.

use super::*;

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";

fn right() -> Sms {
    Sms::twilio(ACCOUNT, "0f1e2d3c4b5a69788796a5b4c3d2e1f0")
        .from("+15005550006")
        .to("+491715550101")
}

#[test]
fn right_settings_pass() {
    let service = "MG0123456789abcdef0123456789abcdef";
    let key = "SK0123456789abcdef0123456789abcdef";
    for sms in [
        right(),
        right().to("+491715550102").name("on-call"),
        right().messaging_service(service),
        right().from("Shop"),
        right().base_url("https://api.dublin.ie1.twilio.com/"),
        Sms::twilio(ACCOUNT, "")
            .api_key(key, "a secret")
            .from("12345")
            .to("+4917155"),
    ] {
        assert_eq!(sms.check(), Ok(()));
    }
}

#[test]
fn each_wrong_setting_is_named_with_a_right_one_and_nothing_secret() {
    for (sms, named, example) in [
        (
            Sms::twilio("AC1", "t").from("12345").to("+4917155"),
            "account SID",
            "`AC0123",
        ),
        (
            Sms::twilio(ACCOUNT, " ").from("12345").to("+4917155"),
            "auth token",
            "console",
        ),
        (
            Sms::twilio(ACCOUNT, "t").to("+4917155"),
            "no sender",
            "`+15005550006`",
        ),
        (
            Sms::twilio(ACCOUNT, "t").from("+1"),
            "no recipient",
            "`+491715550101`",
        ),
        (right().from("+0049171"), "the sender", "`+15005550006`"),
        (
            right().messaging_service("MG12"),
            "messaging service",
            "`MG0123",
        ),
        (right().to("0171 5550199"), "recipient 2", "`+491715550101`"),
        (right().to("+491715550101"), "twice", "leave it out"),
        (right().api_key("AC12", "hidden"), "API key", "`SK0123"),
        (
            right().base_url("ftp://hidden.example.com"),
            "base URL",
            "`https://api.twilio.com`",
        ),
        (
            right().base_url("https://api.example.com?hidden"),
            "base URL",
            "`https://api.twilio.com`",
        ),
        (right().name(""), "name", "`sms`"),
    ] {
        let error = sms.check().unwrap_err();
        assert!(error.contains(named) && error.contains(example), "{error}");
        for secret in ["0171", "555010199", "hidden", "0f1e"] {
            assert!(!error.contains(secret), "{error}");
        }
    }
}

#[test]
fn debug_shows_neither_tokens_nor_numbers() {
    let sms = right().api_key("SK0123456789abcdef0123456789abcdef", "key-secret-1");
    let text = format!("{sms:?}");
    for secret in ["0f1e2d3c4b5a", "key-secret", "49171555"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(
        text.contains("https://api.twilio.com") && text.contains(ACCOUNT),
        "{text}"
    );
}

#[test]
fn the_environment_is_read_only_when_there_is_an_account() {
    let from = |given: &'static [(&str, &str)]| {
        Sms::from_variables(|name| {
            let found = given.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    };
    assert!(from(&[("TWILIO_AUTH_TOKEN", "t"), ("ALERT_SMS_TO", "+4917155")]).is_none());

    let sms = from(&[
        ("TWILIO_ACCOUNT_SID", ACCOUNT),
        ("TWILIO_AUTH_TOKEN", "t"),
        ("TWILIO_FROM", "+15005550006"),
        ("ALERT_SMS_TO", "+491715550101, +491715550102,"),
    ]);
    let sms = sms.unwrap();
    let ready = sms.settings.ready().unwrap();
    assert_eq!(ready.to, ["+491715550101", "+491715550102"]);

    let service = "MG0123456789abcdef0123456789abcdef";
    let sms = Sms::from_variables(|name| match name {
        "TWILIO_ACCOUNT_SID" => Some(ACCOUNT.to_owned()),
        "TWILIO_FROM" => Some(service.to_owned()),
        _ => None,
    });
    let sms = sms.unwrap();
    assert!(matches!(&sms.settings.sender, Some(Sender::Service(sid)) if sid == service));
    assert!(sms.check().unwrap_err().contains("no recipient"));
}

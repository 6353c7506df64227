//! What the whole room promises: what goes, what stays, and that a second time changes nothing.

mod field;
mod forms;
mod negatives;
mod positives;
mod properties;

use super::{Redaction, Redactor};
use std::borrow::Cow;

fn clean(text: &str) -> String {
    Redactor::default().text(text).into_owned()
}

#[test]
fn names_are_known_in_any_case_and_with_any_separator() {
    let redactor = Redactor::default();
    for name in [
        "password",
        "PASSWORD",
        "new_password",
        "passwordConfirmation",
        "user.password2",
        "passwd",
        "secret",
        "clientSecret",
        "SECRET_KEY_BASE",
        "token",
        "accessToken",
        "access_token",
        "refreshtoken",
        "X-CSRF-Token",
        "xsrf",
        "Authorization",
        "Proxy-Authorization",
        "api_key",
        "apiKey",
        "APIKey",
        "X-Api-Key",
        "api key",
        "API.KEY",
        "session",
        "session_id",
        "sess",
        "sid",
        "connect.sid",
        "PHPSESSID",
        "JSESSIONID",
        "card",
        "card_number",
        "cardNumber",
        "creditCard",
        "cc-num",
        "cvv",
        "cvv2",
        "CVC",
        "card_cvc",
        "csc",
        "ssn",
        "user_ssn",
        "pin",
        "pin_code",
        "auth",
        "x-auth",
        "oauth",
        "otp",
        "jwt",
        "id_jwt",
        "Cookie",
        "Set-Cookie",
        "privateKey",
        "PRIVATE-KEY",
        "aws_secret_access_key",
        "db_pass",
        "DB_PWD",
        "rootpwd",
        "passphrase",
        "credentials",
        "connectionString",
        "sig",
        "X-Hub-Signature-256",
        "pw",
        "Passwort",
        "iban",
        "bearer",
        "token1",
        "oauth2_token",
    ] {
        assert!(redactor.is_sensitive(name), "{name}");
    }
    for name in [
        "",
        "tokenizer",
        "tokenize",
        "token_count",
        "tokenType",
        "discard",
        "cardinality",
        "dashboard_card_count",
        "dashboard",
        "cardiology",
        "author",
        "authority",
        "authors",
        "co_author",
        "spinner",
        "pinned",
        "ping",
        "shipping",
        "assn",
        "session_count",
        "sessionDuration",
        "password_length",
        "passed",
        "passenger",
        "compass",
        "bypass",
        "consider",
        "inside",
        "sidebar",
        "design",
        "signal",
        "key",
        "keyboard",
        "monkey",
        "public_key",
        "panic",
        "span",
        "japan",
        "saltlake",
        "user",
        "name",
        "id",
        "request_id",
        "trace_id",
        "status",
        "path",
        "hotpot",
        "expand",
        "besides",
        "obsession",
        "assess",
        "card_brand",
        "cardLast4",
        "credit",
    ] {
        assert!(!redactor.is_sensitive(name), "{name}");
    }
}

#[test]
fn own_names_hide_more_and_kept_ones_less() {
    let own = |name: &str| Redactor::new(Redaction::new().names([name]));
    assert_eq!(own("tax-id").query("taxId=12&q=1"), "taxId=[redacted]&q=1");
    assert_eq!(
        own("tax-id").text("TAX_ID: 12, tax id: 3"),
        "TAX_ID: [redacted], tax id: [redacted]"
    );
    assert_eq!(own("zx").query("zx=12&zxy=1"), "zx=[redacted]&zxy=1");
    assert_eq!(
        own("card_count").text("card_count=3"),
        "card_count=[redacted]"
    );
    assert!(own("a-name-of-more-than-sixty-four-letters-so-that-it-fits-into-no-word-of-a-machine")
        .is_sensitive("my_a-name-of-more-than-sixty-four-letters-so-that-it-fits-into-no-word-of-a-machine"));

    let kept = Redactor::new(Redaction::new().keep_names(["session-kind", "token"]));
    assert_eq!(
        kept.text("sessionKind=new token=abc tokens=abc"),
        "sessionKind=new token=abc tokens=[redacted]"
    );
    assert_eq!(kept.text("my_token=abc"), "my_token=[redacted]");
}

#[test]
fn every_list_of_words_speaks_of_sensitive_names() {
    use super::words::{ENDINGS, SENSITIVE_NAMES, TO_END_OF_LINE, WHOLE};
    for word in WHOLE.iter().chain(ENDINGS).chain(TO_END_OF_LINE) {
        assert!(SENSITIVE_NAMES.contains(word), "{word}");
    }
    assert!(SENSITIVE_NAMES.is_sorted());
    let redactor = Redactor::default();
    for name in SENSITIVE_NAMES {
        assert!(redactor.is_sensitive(name), "{name}");
    }
}

#[test]
fn an_own_rule_runs_last_and_its_panic_ends_there() {
    let rule = |text: &str| {
        assert!(!text.contains("boom"), "a bug of the user");
        text.contains("ACME").then(|| text.replace("ACME", "***"))
    };
    let redactor = Redactor::new(Redaction::new().rule(rule));
    assert_eq!(redactor.text("ACME token=abc"), "*** token=[redacted]");
    assert!(matches!(redactor.text("nothing"), Cow::Borrowed("nothing")));
    assert_eq!(
        redactor.text("boom token=abc"),
        "[redacted: a rule panicked]"
    );
    let mut value = serde_json::json!({ "ACME": ["ACME", "boom"] });
    redactor.json("", &mut value);
    assert_eq!(
        value,
        serde_json::json!({ "***": ["***", "[redacted: a rule panicked]"] })
    );
}

#[test]
fn addresses_go_when_that_is_asked_for() {
    let text = "uma@example.org from 203.0.113.7, password=hunter2";
    assert_eq!(
        clean(text),
        "uma@example.org from 203.0.113.7, password=[redacted]"
    );
    let all = Redactor::new(Redaction::new().emails(true).ip_addresses(true));
    assert_eq!(
        all.text(text),
        "[redacted] from [redacted], password=[redacted]"
    );
}

#[test]
fn a_field_goes_with_its_name_or_loses_what_is_secret_in_it() {
    let redactor = Redactor::default();
    assert_eq!(redactor.field("X-Api-Key", "abc"), "[redacted]");
    assert_eq!(redactor.field("note", "token=abc"), "token=[redacted]");
    assert_eq!(redactor.field("accept", "text/html"), "text/html");
}

#[test]
fn nothing_of_the_settings_shows_in_debug() {
    let settings = Redaction::new()
        .salt("pepper-pepper")
        .names(["tax"])
        .rule(|_| None);
    let shown = format!("{settings:?} {:?}", Redactor::new(settings.clone()));
    assert!(!shown.contains("pepper-pepper"), "{shown}");
    assert!(
        shown.contains("tax") && shown.contains("rules: 1"),
        "{shown}"
    );
}

//! What Slack's answers mean: a webhook's are words, those of the Web API are JSON with `ok`.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use crate::notify::NotifyError;
use crate::notify::http::{HttpAnswer, classify, json};

/// What became of a bot's message.
#[derive(Debug)]
pub(super) enum Said {
    /// It arrived, and this is its `ts`.
    Arrived(String),
    /// The thread that it should go into takes nothing any more, as the error says.
    NoThread(NotifyError),
}

/// The answer of a webhook. Its status tells nearly all; an error that came with another one is known by its name.
pub(super) fn of_webhook(answer: &HttpAnswer) -> Result<(), NotifyError> {
    let text = String::from_utf8_lossy(&answer.body);
    match meaning(text.trim()) {
        Some(meaning) if is_decided(answer) => Err(meaning.error(&answer.summary(), answer)),
        _ => classify(answer),
    }
}

/// The answer of `chat.postMessage`.
pub(super) fn of_bot(answer: &HttpAnswer) -> Result<Said, NotifyError> {
    let Some(reply) = Reply::of(answer) else {
        classify(answer)?;
        // Nothing says that it arrived, and twice is better than never.
        let summary = answer.summary();
        return Err(NotifyError::temporary(format!(
            "Slack's answer is not understood: {summary}"
        )));
    };
    if answer.status.is_success() && reply.ok {
        return Ok(Said::Arrived(reply.ts));
    }
    if !is_decided(answer) {
        classify(answer)?;
    }
    match meaning(&reply.error) {
        Some(meaning) => {
            let error = meaning.error(&reply.in_words(), answer);
            match meaning {
                Meaning::NoThread => Ok(Said::NoThread(error)),
                _ => Err(error),
            }
        }
        None => {
            classify(answer)?;
            Err(NotifyError::refused(reply.in_words()))
        }
    }
}

/// Whether Slack has looked at the message, so that the error's name means more than the status.
fn is_decided(answer: &HttpAnswer) -> bool {
    let status = answer.status;
    status.is_success() || (status.is_client_error() && !matches!(status.as_u16(), 408 | 425 | 429))
}

struct Reply {
    ok: bool,
    ts: String,
    error: String,
    /// The scope that is missing.
    needed: String,
    /// What is wrong with the blocks, and where.
    messages: Vec<String>,
}

impl Reply {
    /// `None` where the answer does not say whether the message arrived. One that was cut says it when it begins with `"ok":true`:
    /// sent again, the message would be there twice.
    fn of(answer: &HttpAnswer) -> Option<Self> {
        let body = json(answer);
        if !body.is_object() {
            return Self::begun(&String::from_utf8_lossy(&answer.body));
        }
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let messages = body["response_metadata"]["messages"].as_array();
        let messages = messages.into_iter().flatten().filter_map(Value::as_str);
        Some(Self {
            ok: body["ok"] == true,
            ts: text("ts"),
            error: text("error"),
            needed: text("needed"),
            messages: messages.map(str::to_owned).collect(),
        })
    }

    fn begun(text: &str) -> Option<Self> {
        let text: String = text.split_whitespace().collect();
        let rest = text.strip_prefix(r#"{"ok":true"#)?;
        // No text can hold this: there, the quotation marks are escaped.
        let ts = rest.split_once(r#""ts":""#);
        let ts = ts.and_then(|(_, ts)| ts.split_once('"'));
        Some(Self {
            ok: true,
            ts: ts.map_or("", |(ts, _)| ts).to_owned(),
            error: String::new(),
            needed: String::new(),
            messages: Vec::new(),
        })
    }

    fn in_words(&self) -> String {
        let mut words = format!("Slack says `{}`", self.error);
        if !self.needed.is_empty() {
            words = format!("{words}, needed is the scope `{}`", self.needed);
        }
        for message in self.messages.iter().take(3) {
            words = format!("{words}; {message}");
        }
        words
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Later,
    Gone(&'static str),
    Payload,
    NoThread,
}

impl Meaning {
    fn error(self, words: &str, answer: &HttpAnswer) -> NotifyError {
        match self {
            Self::Later => {
                let error = NotifyError::temporary(words);
                match wait(answer) {
                    Some(wait) => error.retry_after(wait),
                    None => error,
                }
            }
            Self::Gone("") => NotifyError::destination_gone(words),
            Self::Gone(remedy) => NotifyError::destination_gone(format!("{words}: {remedy}")),
            Self::Payload => NotifyError::payload_refused(words),
            Self::NoThread => NotifyError::refused(words),
        }
    }
}

/// What an error means, by its name; `None` where the message is simply refused. The names are those of "Errors" of
/// `chat.postMessage` and of "Sending messages using incoming webhooks" in Slack's documentation.
fn meaning(name: &str) -> Option<Meaning> {
    Some(match name {
        "ratelimited"
        | "rate_limited"
        | "message_limit_exceeded"
        | "fatal_error"
        | "internal_error"
        | "service_unavailable"
        | "request_timeout"
        | "rollup_error"
        | "team_added_to_org"
        | "org_login_required" => Meaning::Later,
        "msg_too_long"
        | "msg_blocks_too_long"
        | "invalid_blocks"
        | "invalid_blocks_format"
        | "invalid_arguments"
        | "invalid_attachments"
        | "too_many_attachments"
        | "attachment_payload_limit_exceeded"
        | "invalid_payload"
        | "no_text"
        | "user_not_found" => Meaning::Payload,
        "thread_not_found"
        | "message_not_found"
        | "cannot_reply_to_message"
        | "invalid_thread_ts"
        | "restricted_action_non_threadable_channel" => Meaning::NoThread,
        "not_in_channel" => Meaning::Gone("invite the app into the channel with `/invite`"),
        "channel_not_found" => {
            Meaning::Gone("the channel does not exist, or is private and the app is not in it")
        }
        "is_archived" | "channel_is_archived" => Meaning::Gone("the channel is archived"),
        "missing_scope" => {
            Meaning::Gone("give the app the scope `chat:write` and install it again")
        }
        "invalid_auth"
        | "not_authed"
        | "account_inactive"
        | "token_revoked"
        | "token_expired"
        | "not_allowed_token_type" => {
            Meaning::Gone("take the bot token of an app that is installed in the workspace")
        }
        "no_permission"
        | "access_denied"
        | "accesslimited"
        | "ekm_access_denied"
        | "enterprise_is_restricted"
        | "team_access_not_granted"
        | "restricted_action"
        | "restricted_action_read_only_channel"
        | "restricted_action_thread_only_channel"
        | "posting_to_general_channel_denied"
        | "action_prohibited"
        | "invalid_token"
        | "no_service"
        | "no_service_id"
        | "no_team"
        | "team_disabled"
        | "no_active_hooks" => Meaning::Gone(""),
        _ => return None,
    })
}

/// The wait that `Retry-After` asks for, which the Web API also sends with a 200.
fn wait(answer: &HttpAnswer) -> Option<Duration> {
    let busy = HttpAnswer {
        status: StatusCode::TOO_MANY_REQUESTS,
        ..answer.clone()
    };
    classify(&busy).err()?.wait()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::HeaderMap;

    fn answer(status: u16, body: &str) -> HttpAnswer {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "17".parse().unwrap());
        HttpAnswer {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    /// `later`, `gone`, `less` or `refused`.
    fn sort(error: &NotifyError) -> &'static str {
        assert_eq!(error.wait().is_some(), error.is_temporary(), "{error}");
        match error {
            error if error.wait() == Some(Duration::from_secs(17)) => "later",
            error if error.is_destination_gone() => "gone",
            error if error.is_payload_refused() => "less",
            _ => "refused",
        }
    }

    #[test]
    fn a_webhooks_answer_means_what_the_table_says() {
        assert_eq!(of_webhook(&answer(200, "ok")), Ok(()));
        assert_eq!(of_webhook(&answer(200, "")), Ok(()));
        for (status, body, expected) in [
            (200, "invalid_token", "gone"),
            (400, "invalid_payload", "less"),
            (400, "no_text\n", "less"),
            (400, "invalid_blocks", "less"),
            (400, "user_not_found", "less"),
            (400, "too_many_attachments", "less"),
            (400, "no_service", "gone"),
            (403, "action_prohibited", "gone"),
            (403, "invalid_token", "gone"),
            (404, "channel_not_found", "gone"),
            (404, "no_team", "gone"),
            (404, "no_active_hooks", "gone"),
            (410, "channel_is_archived", "gone"),
            (413, "", "less"),
            (429, "", "later"),
            (429, "no_service", "later"),
            (500, "rollup_error", "later"),
            (503, "no_team", "later"),
            (302, "no_team", "refused"),
            (418, "?", "refused"),
        ] {
            let error = of_webhook(&answer(status, body)).unwrap_err();
            assert_eq!(sort(&error), expected, "{status} {body}: {error}");
        }
    }

    #[test]
    fn a_bots_answer_means_what_the_table_says() {
        let of = |status, body: &str| of_bot(&answer(status, body));
        let arrived = of(
            200,
            r#"{"ok":true,"channel":"C1","ts":"1503435956.000247"}"#,
        )
        .unwrap();
        assert!(matches!(arrived, Said::Arrived(ts) if ts == "1503435956.000247"));
        for (name, expected) in [
            ("ratelimited", "later"),
            ("fatal_error", "later"),
            ("internal_error", "later"),
            ("service_unavailable", "later"),
            ("request_timeout", "later"),
            ("invalid_auth", "gone"),
            ("account_inactive", "gone"),
            ("token_revoked", "gone"),
            ("not_authed", "gone"),
            ("channel_not_found", "gone"),
            ("is_archived", "gone"),
            ("not_in_channel", "gone"),
            ("missing_scope", "gone"),
            ("msg_too_long", "less"),
            ("msg_blocks_too_long", "less"),
            ("invalid_blocks", "less"),
            ("invalid_arguments", "less"),
            ("no_text", "less"),
            ("as_user_not_supported", "refused"),
            ("", "refused"),
        ] {
            let body = format!(r#"{{"ok":false,"error":"{name}"}}"#);
            let error = of(200, &body).unwrap_err();
            assert_eq!(sort(&error), expected, "{name}: {error}");
            assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
        }
        for (status, body, expected) in [
            (429, r#"{"ok":false,"error":"invalid_auth"}"#, "later"),
            (503, "upstream", "later"),
            (401, r#"{"ok":false,"error":"no_text"}"#, "less"),
            (403, r#"{"ok":true}"#, "gone"),
            (404, "no such method", "gone"),
            (302, r#"{"ok":true}"#, "refused"),
        ] {
            let error = of(status, body).unwrap_err();
            assert_eq!(sort(&error), expected, "{status} {body}: {error}");
        }
        for body in ["", "ok", "{\"a\"", "<html>", "null"] {
            assert!(of(200, body).unwrap_err().is_temporary(), "{body}");
        }
        for (body, expected) in [
            (
                r#"{"ok":true,"channel":"C1","ts":"1.2","message":{"te"#,
                "1.2",
            ),
            ("{ \"ok\": true,", ""),
            (r#"{"ok":true,"channel":"C1","ts":"1."#, ""),
            (
                r#"{"ok":true,"ts":"1.2","error":null,"needed":7,"response_metadata":null}"#,
                "1.2",
            ),
            (
                r#"{"ok":true,"ts":null,"response_metadata":{"messages":[null]}}"#,
                "",
            ),
        ] {
            let said = of(200, body).unwrap();
            assert!(
                matches!(said, Said::Arrived(ts) if ts == expected),
                "{body}"
            );
        }
        for body in [r#"{"ok":false,"error":"no_te"#, r#"{"x":"\"ok\":true"#] {
            assert!(of(200, body).unwrap_err().is_temporary(), "{body}");
        }
        assert_eq!(sort(&of(503, r#"{"ok":true,"#).unwrap_err()), "later");
        for name in [
            "thread_not_found",
            "message_not_found",
            "cannot_reply_to_message",
        ] {
            let said = of(200, &format!(r#"{{"ok":false,"error":"{name}"}}"#)).unwrap();
            assert!(matches!(said, Said::NoThread(_)), "{name}");
        }
    }

    #[test]
    fn an_error_says_what_is_missing_and_where_the_blocks_are_wrong() {
        let error = of_bot(&answer(
            200,
            r#"{"ok":false,"error":"missing_scope","needed":"chat:write:bot","provided":"incoming-webhook"}"#,
        ));
        assert_eq!(
            error.unwrap_err().to_string(),
            "the destination takes nothing any more: Slack says `missing_scope`, needed is the scope `chat:write:bot`: give \
             the app the scope `chat:write` and install it again"
        );
        let error = of_bot(&answer(
            200,
            r#"{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["[ERROR] must be less than 3001 characters [json-pointer:/blocks/1/text/text]"]}}"#,
        ));
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("/blocks/1/text/text")
        );
    }
}

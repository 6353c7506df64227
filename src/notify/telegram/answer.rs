//! What Telegram's answers mean.

use std::time::Duration;

use http::StatusCode;

use crate::notify::NotifyError;
use crate::notify::http::{HttpAnswer, classify, json};

/// What came of a message that was not refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Said {
    Arrived,
    /// The group has become the supergroup of this number. The message has not arrived.
    MovedTo(i64),
}

/// # Errors
///
/// Why the message has not arrived, as [the module's table](super#the-answer) says.
pub(super) fn understand(answer: &HttpAnswer) -> Result<Said, NotifyError> {
    // A `Response` of the Bot API.
    let body = json(answer);
    if body["ok"] != false {
        return classify(answer).map(|()| Said::Arrived);
    }
    let parameters = &body["parameters"];
    if let Some(id) = parameters["migrate_to_chat_id"].as_i64() {
        return Ok(Said::MovedTo(id));
    }
    let code = body["error_code"].as_u64();
    let code = code.and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok());
    let status = match code {
        Some(code) if answer.status.is_success() => code,
        _ => answer.status,
    };
    let answer = HttpAnswer {
        status,
        ..answer.clone()
    };
    let description = body["description"].as_str().unwrap_or_default();
    let description = description.to_ascii_lowercase();
    if status == StatusCode::BAD_REQUEST && GONE.iter().any(|words| description.contains(words)) {
        return Err(NotifyError::destination_gone(answer.summary()));
    }
    match (classify(&answer), parameters["retry_after"].as_u64()) {
        // It says itself that nothing was sent.
        (Ok(()), _) => Err(NotifyError::refused(answer.summary())),
        (Err(error), Some(seconds)) => {
            Err(error.retry_after(Duration::from_secs(seconds).min(MAX_WAIT)))
        }
        (Err(error), None) => Err(error),
    }
}

/// What descriptions of a 400 say in lower case when no message would be taken.
const GONE: [&str; 11] = [
    "chat not found",
    "chat_id is empty",
    "chat_write_forbidden",
    "group chat was deactivated",
    "have no rights to send",
    "message thread not found",
    "need administrator rights",
    "not enough rights",
    "peer_id_invalid",
    "topic_closed",
    "user not found",
];

const MAX_WAIT: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use serde_json::json;

    fn said(status: u16, body: &str) -> Result<Said, NotifyError> {
        understand(&HttpAnswer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        })
    }

    fn refused(status: u16, code: u16, description: &str) -> NotifyError {
        let body = json!({ "ok": false, "error_code": code, "description": description });
        said(status, &body.to_string()).unwrap_err()
    }

    #[test]
    fn what_says_nothing_else_is_what_its_status_is() {
        for body in [
            "",
            "{",
            "[]",
            "<html>",
            r#"{"ok":true,"result":{"message_id":1}}"#,
        ] {
            assert_eq!(said(200, body), Ok(Said::Arrived), "{body}");
            assert!(said(502, body).unwrap_err().is_temporary(), "{body}");
        }
    }

    #[test]
    fn a_body_that_says_no_counts_for_more_than_a_status_that_says_yes() {
        assert!(refused(200, 401, "Unauthorized").is_destination_gone());
        assert!(refused(200, 429, "Too Many Requests").is_temporary());
        let error = said(200, r#"{"ok":false}"#).unwrap_err();
        assert!(!error.is_temporary() && !error.is_payload_refused());
        assert!(refused(200, 200, "?").to_string().starts_with("refused"));
        assert!(refused(503, 400, "chat not found").is_temporary());
        let nulls = r#"{"ok":false,"error_code":null,"description":null,"parameters":null}"#;
        assert!(!said(200, nulls).unwrap_err().is_temporary());
        let odd =
            r#"{"ok":false,"error_code":-1,"description":7,"parameters":{"retry_after":"7"}}"#;
        assert!(said(429, odd).unwrap_err().is_temporary());
    }

    #[test]
    fn a_message_at_fault_is_told_from_a_chat_that_is_gone() {
        for description in [
            "Bad Request: can't parse entities: Unsupported start tag \"x\" at byte offset 2",
            "Bad Request: message is too long",
            "Bad Request: message text is empty",
            "Bad Request: BUTTON_URL_INVALID",
        ] {
            assert!(
                refused(400, 400, description).is_payload_refused(),
                "{description}"
            );
        }
        for description in [
            "Bad Request: chat not found",
            "Bad Request: message thread not found",
            "Bad Request: not enough rights to send text messages to the chat",
            "Bad Request: CHAT_WRITE_FORBIDDEN",
        ] {
            assert!(
                refused(400, 400, description).is_destination_gone(),
                "{description}"
            );
        }
        assert!(refused(403, 403, "Forbidden: bot was kicked").is_destination_gone());
        assert!(refused(404, 404, "Not Found").is_destination_gone());
    }

    #[test]
    fn the_wait_is_in_the_body_and_never_longer_than_an_hour() {
        let wait = |seconds: u64| {
            let body = json!({
                "ok": false, "error_code": 429, "description": "Too Many Requests: retry after",
                "parameters": { "retry_after": seconds },
            });
            said(429, &body.to_string()).unwrap_err().wait()
        };
        assert_eq!(wait(5), Some(Duration::from_secs(5)));
        assert_eq!(wait(u64::MAX), Some(MAX_WAIT));
    }

    #[test]
    fn a_group_that_has_moved_is_no_error() {
        let body = r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat",
            "parameters":{"migrate_to_chat_id":-1001234567890}}"#;
        assert_eq!(said(400, body), Ok(Said::MovedTo(-1_001_234_567_890)));
    }
}

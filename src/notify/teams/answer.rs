//! What the answers of workflows and of Teams behind them mean.

use http::StatusCode;

use crate::notify::NotifyError;
use crate::notify::http::{HttpAnswer, classify};

/// # Errors
///
/// Why the card has not been taken, as [the module's table](super#the-answer) says.
pub(super) fn understand(answer: &HttpAnswer) -> Result<(), NotifyError> {
    let text = String::from_utf8_lossy(&answer.body);
    if answer.status == StatusCode::BAD_REQUEST && text.contains(TURNED_OFF) {
        return Err(NotifyError::destination_gone(answer.summary()));
    }
    if !answer.status.is_success() {
        return classify(answer);
    }
    match code_within(&text) {
        Some(status) => classify(&HttpAnswer {
            status,
            ..answer.clone()
        }),
        None if text.contains(FAILED) => Err(NotifyError::temporary(answer.summary())),
        None => Ok(()),
    }
}

/// The status that Teams gave the service in front of it: `Webhook message delivery failed with error: Microsoft Teams endpoint
/// returned HTTP error 429 with ContextId …`.
fn code_within(text: &str) -> Option<StatusCode> {
    let (_, rest) = text.split_once("HTTP error ")?;
    let code = rest.get(..3)?.parse().ok()?;
    let status = StatusCode::from_u16(code).ok()?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

const FAILED: &str = "Webhook message delivery failed";
const TURNED_OFF: &str = "WorkflowTriggerIsNotEnabled";

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    fn said(status: u16, body: &str) -> Result<(), NotifyError> {
        understand(&HttpAnswer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        })
    }

    #[test]
    fn what_is_taken_is_taken() {
        for (status, body) in [
            (202, ""),
            (200, "1"),
            (200, "{\"a\""),
            (204, ""),
            (200, "HTTP error 200"),
        ] {
            assert_eq!(said(status, body), Ok(()), "{status} {body}");
        }
    }

    #[test]
    fn a_success_that_tells_of_a_failure_is_that_failure() {
        let failed = |code: &str| {
            let text = format!(
                "{FAILED} with error: Microsoft Teams endpoint returned HTTP error {code} with ContextId a=b"
            );
            said(200, &text).unwrap_err()
        };
        assert!(failed("429").is_temporary());
        assert!(failed("502").is_temporary());
        assert!(failed("404").is_destination_gone());
        assert!(failed("413").is_payload_refused());
        assert!(said(200, FAILED).unwrap_err().is_temporary());
        assert!(failed("???").is_temporary());
    }

    #[test]
    fn a_workflow_that_is_turned_off_takes_nothing() {
        let body = r#"{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"trigger is not enabled."}}"#;
        assert!(said(400, body).unwrap_err().is_destination_gone());
        let body = r#"{"error":{"code":"InvalidRequestContent","message":"no JSON"}}"#;
        assert!(said(400, body).unwrap_err().is_payload_refused());
        assert!(said(429, "").unwrap_err().is_temporary());
    }
}

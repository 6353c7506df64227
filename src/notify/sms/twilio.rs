//! What Twilio takes for a number, and what its answers mean.

use serde_json::Value;

use crate::notify::NotifyError;
use crate::notify::http::{HttpAnswer, classify};

/// Why a message was not taken, by what is at fault.
#[derive(Debug)]
pub(super) enum Trouble {
    /// This number takes none. In words.
    Number(String),
    /// The message is not taken as it is.
    Message(NotifyError),
    /// Nobody knows whether the message was taken.
    Unclear(NotifyError),
    /// No message to anybody would be taken now.
    Account(NotifyError),
}

/// Whether Twilio has taken the message. The codes are those of its error and warning dictionary.
pub(super) fn judged(answer: &HttpAnswer) -> Result<(), Trouble> {
    let Err(error) = classify(answer) else {
        return Ok(());
    };
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = body["code"].as_u64().unwrap_or(0);
    let summary = answer.summary();
    Err(match code {
        // Unauthorized; no such account; a sender that is wrong, not the account's, or cannot send.
        20003 | 20404 | 21212 | 21603 | 21606 | 21659 | 21660 | 21701 | 21703 => {
            Trouble::Account(NotifyError::destination_gone(summary))
        }
        // Too many requests; the sender's queue is full.
        20429 | 21611 => Trouble::Account(match error.is_temporary() {
            true => error,
            false => NotifyError::temporary(summary),
        }),
        // No number; no route; another country; not verified by a trial account; STOP; no mobile; a landline.
        21211 | 21214 | 21217 | 21408 | 21608 | 21610 | 21612 | 21614 | 21635 => {
            Trouble::Number(summary)
        }
        21617 => Trouble::Message(NotifyError::payload_refused(summary)),
        _ if error.is_payload_refused() => Trouble::Message(error),
        // An overload is told before a message is taken (RFC 9110, 15.6.4).
        _ if answer.status.is_server_error() && answer.status.as_u16() != 503 => {
            Trouble::Unclear(error)
        }
        _ => Trouble::Account(error),
    })
}

/// `+`, then up to 15 digits that do not begin with 0 (ITU-T E.164).
pub(super) fn is_number(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (2..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// A number, a short code of 3 to 8 digits, or up to 11 letters, digits, spaces and `+-_&` with a letter among them.
pub(super) fn is_sender(text: &str) -> bool {
    let is_short_code = (3..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b" +-_&".contains(&b);
    let is_name = (1..=11).contains(&text.len())
        && text.trim() == text
        && text.bytes().all(is_allowed)
        && text.bytes().any(|b| b.is_ascii_alphabetic());
    is_number(text) || is_short_code || is_name
}

/// Two letters and 32 hexadecimal digits.
pub(super) fn is_sid(letters: &str, text: &str) -> bool {
    text.strip_prefix(letters)
        .is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

pub(super) fn sid_words(letters: &str) -> String {
    format!("`{letters}` and 32 hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    fn said(status: u16, body: &str) -> Result<(), Trouble> {
        judged(&HttpAnswer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_owned()),
        })
    }

    fn coded(status: u16, code: u32) -> Trouble {
        let body = format!(r#"{{"code":{code},"message":"why","more_info":"","status":{status}}}"#);
        said(status, &body).unwrap_err()
    }

    #[test]
    fn every_code_means_what_the_table_says() {
        assert!(said(201, r#"{"sid":"SM1","status":"queued","error_code":null}"#).is_ok());
        for code in [
            21211, 21214, 21217, 21408, 21608, 21610, 21612, 21614, 21635,
        ] {
            assert!(matches!(coded(400, code), Trouble::Number(_)), "{code}");
        }
        for (status, code) in [
            (401, 20003),
            (404, 20404),
            (403, 0),
            (400, 21212),
            (400, 21606),
            (400, 21703),
        ] {
            let trouble = coded(status, code);
            assert!(
                matches!(trouble, Trouble::Account(error) if error.is_destination_gone()),
                "{code}"
            );
        }
        for (status, code) in [(429, 20429), (400, 20429), (429, 0), (400, 21611), (503, 0)] {
            let trouble = coded(status, code);
            assert!(
                matches!(trouble, Trouble::Account(error) if error.is_temporary()),
                "{code}"
            );
        }
        for code in [21617, 21602, 0] {
            let trouble = coded(400, code);
            assert!(
                matches!(trouble, Trouble::Message(error) if error.is_payload_refused()),
                "{code}"
            );
        }
        for status in [500, 502, 504] {
            let trouble = said(status, "<html>").unwrap_err();
            assert!(matches!(trouble, Trouble::Unclear(error) if error.is_temporary()));
        }
        assert!(matches!(said(302, ""), Err(Trouble::Account(_))));
    }

    #[test]
    fn numbers_and_senders_have_the_forms_that_twilio_takes() {
        for right in ["+15005550006", "+491715550101", "+12"] {
            assert!(is_number(right) && is_sender(right), "{right}");
        }
        for wrong in [
            "",
            "+",
            "0171555",
            "+0171555",
            "+49 171",
            "+1234567890123456",
            "+49171555a",
            "whatsapp:+1500",
        ] {
            assert!(!is_number(wrong), "{wrong}");
        }
        for right in ["12345", "Shop", "Shop 24", "A-1_b&c+d"] {
            assert!(is_sender(right), "{right}");
        }
        for wrong in ["", "12", "123456789", " Shop", "Shop24Shop24", "Shöp"] {
            assert!(!is_sender(wrong), "{wrong}");
        }
        assert!(is_sid("AC", "AC0123456789abcdef0123456789ABCDEF"));
        assert!(!is_sid("AC", "AC0123456789abcdef0123456789abcdeg"));
        assert!(!is_sid("AC", "MG0123456789abcdef0123456789abcdef"));
    }
}

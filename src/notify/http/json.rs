//! What an answer says in JSON.

use serde_json::Value;

use super::HttpAnswer;

/// The body as JSON, null where it is none. Each field may be missing, null or of any type: one that is odd must not keep the others
/// from being read.
pub(crate) fn json(answer: &HttpAnswer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

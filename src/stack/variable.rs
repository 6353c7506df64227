//! An argument or a local of a call, as reports show it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An argument or a local of a call, as it was when the call led to the failure.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Variable {
    /// Its name in the source.
    pub name: String,
    /// Its type: `shop::Cart`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    /// Its value: numbers, text, booleans, and lists and maps of them. What could not be read is said in words.
    pub value: Value,
    /// Whether it is an argument.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_argument: bool,
}

impl Variable {
    /// The value on one line, as JSON writes it.
    #[must_use]
    pub fn value_in_words(&self) -> String {
        self.value.to_string()
    }
}

//! An argument or a local of a call, as reports show it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Value;

/// An argument or a local of a call, as it was when the call led to the failure.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Variable {
    /// Its name in the source.
    pub name: Arc<str>,
    /// Its type, without the paths of the standard library's: `shop::Cart`, `Vec<shop::Item>`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_name: Option<Arc<str>>,
    /// Its value, as far as it could be read.
    pub value: Value,
    /// Whether it is an argument.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_argument: bool,
    /// Whether it may be what it was once: the function waited since, or its place may have been used for something else.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_stale: bool,
}

impl Variable {
    /// Its type for people, without any paths: `Cart` for `shop::Cart`, `Vec<Item>` for `Vec<shop::Item>`.
    #[must_use]
    pub fn short_type(&self) -> Option<String> {
        let name = self.type_name.as_deref()?;
        let mut short = String::with_capacity(name.len());
        // Where the name that is being read begins.
        let mut start = 0;
        let mut rest = name.chars().peekable();
        while let Some(c) = rest.next() {
            if c == ':' && rest.next_if_eq(&':').is_some() {
                short.truncate(start);
                continue;
            }
            short.push(c);
            if !(c.is_alphanumeric() || matches!(c, '_' | '{' | '}' | '#')) {
                start = short.len();
            }
        }
        Some(short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_by_its_last_names() {
        for (name, short) in [
            ("u32", "u32"),
            ("shop::cart::Cart", "Cart"),
            ("&mut [shop::Item; 3]", "&mut [Item; 3]"),
            (
                "Result<Vec<shop::Item>, (a::B, &dyn c::D<e::F>)>",
                "Result<Vec<Item>, (B, &dyn D<F>)>",
            ),
            ("shop::buy::{async_fn_env#0}<a::B>", "{async_fn_env#0}<B>"),
            ("fn(a::B) -> c::D", "fn(B) -> D"),
            ("a::", ""),
            ("", ""),
        ] {
            let type_name = Some(name.into());
            let variable = Variable {
                type_name,
                ..Variable::default()
            };
            assert_eq!(variable.short_type().as_deref(), Some(short));
        }
        assert_eq!(Variable::default().short_type(), None);
    }
}

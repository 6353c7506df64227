//! Bodies, by their content type.

use serde_json::Value;

use super::{REDACTED, Redactor};
use crate::text::media_type;

impl Redactor {
    /// A body, or what was kept of it: JSON and forms field by field, multipart by the parts' names, everything else as text.
    pub(crate) fn body(&self, content_type: &str, body: &str) -> String {
        let kind = media_type(content_type);
        if kind == "application/x-www-form-urlencoded" {
            return self.query(body).into_owned();
        }
        if kind.ends_with("json")
            && let Ok(mut value) = serde_json::from_str::<Value>(body)
        {
            self.json("", &mut value);
            return value.to_string();
        }
        if kind.starts_with("multipart/")
            && let Some(boundary) = boundary(content_type, body)
        {
            return self.multipart(boundary, body);
        }
        self.text(body).into_owned()
    }

    fn multipart(&self, boundary: &str, body: &str) -> String {
        let mut out = String::with_capacity(body.len());
        for (index, part) in body.split(boundary).enumerate() {
            if index > 0 {
                out.push_str(boundary);
            }
            let Some((head, content)) = split_head(part) else {
                out.push_str(&self.text(part));
                continue;
            };
            out.push_str(&self.text(head));
            let end = content.trim_end_matches(['\r', '\n', '-']).len();
            if self.is_sensitive(name_of(head)) && end > 0 {
                out.push_str(REDACTED);
                out.push_str(
                    &content[content
                        .trim_end_matches('-')
                        .trim_end_matches(['\r', '\n'])
                        .len()..],
                );
            } else {
                out.push_str(&self.text(content));
            }
        }
        out
    }
}

/// The head of a part with its empty line, and the content.
fn split_head(part: &str) -> Option<(&str, &str)> {
    ["\r\n\r\n", "\n\n"]
        .iter()
        .filter_map(|line| part.find(line).map(|at| at + line.len()))
        .min()
        .map(|at| part.split_at(at))
}

/// The `name` of `Content-Disposition: form-data; name="…"`.
fn name_of(head: &str) -> &str {
    // Names of parameters count in any case (RFC 2045, section 5.1).
    let lower = head.to_ascii_lowercase();
    let found = lower
        .match_indices("name=")
        .find(|(at, _)| !head[..*at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '*'));
    let Some(from) = found.map(|(at, name)| at + name.len()) else {
        return "";
    };
    let value = &head[from..];
    match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None => value
            .split([';', '\r', '\n', ' '])
            .next()
            .unwrap_or_default(),
    }
}

/// The line between two parts: of the content type, or the body's first.
fn boundary<'t>(content_type: &'t str, body: &'t str) -> Option<&'t str> {
    let first = body.lines().next().unwrap_or_default().trim_end();
    let named = content_type
        .split(';')
        .filter_map(|parameter| parameter.trim().split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("boundary"))
        .map(|(_, value)| value.trim_matches('"'))
        .filter(|value| !value.is_empty());
    named.or_else(|| Some(first).filter(|line| line.len() > 2 && line.starts_with("--")))
}

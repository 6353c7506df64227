//! The command that sends a request again.

use super::RequestSnapshot;
use crate::redact::REDACTED;
use crate::text::is_forging;

/// A `curl` command for a POSIX shell with everything that is known, redacted; at most 16 KiB.
///
/// The scheme is [a guess](RequestSnapshot::scheme).
pub(super) fn command(request: &RequestSnapshot) -> String {
    // Brackets, braces and dots in a URL mean themselves.
    let mut command = Command::begin("curl --globoff --path-as-is");
    let has_body = request.body.is_some();
    match (request.method.as_str(), has_body) {
        ("GET", false) | ("POST", true) => {}
        ("HEAD", _) => command.text.push_str(" --head"),
        (method, _) => command.argument("--request", method),
    }
    command.argument("--url", &request.url());
    for (name, value) in &request.headers {
        if !LEFT_OUT.contains(&name.as_str()) {
            // `name:` would take the header away.
            let header = match value.as_str() {
                "" => format!("{name};"),
                value => format!("{name}: {value}"),
            };
            command.argument("--header", &header);
        }
    }
    if !request.cookie_names.is_empty() {
        command.argument("--cookie", REDACTED);
    }
    if let Some(body) = &request.body {
        command.argument("--data-raw", &body.text);
    }
    command.end()
}

/// A command that stays whole: what does not fit is left out.
struct Command {
    text: String,
    left_out: Vec<&'static str>,
}

impl Command {
    fn begin(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            left_out: Vec::new(),
        }
    }

    fn argument(&mut self, option: &'static str, value: &str) {
        let before = self.text.len();
        self.text.push(' ');
        self.text.push_str(option);
        self.text.push(' ');
        quote(&mut self.text, value);
        if self.text.len() > MAX_BYTES {
            self.text.truncate(before);
            if !self.left_out.contains(&option) {
                self.left_out.push(option);
            }
        }
    }

    fn end(mut self) -> String {
        if !self.left_out.is_empty() {
            self.text.push_str(" # too long: ");
            self.text.push_str(&self.left_out.join(", "));
        }
        self.text
    }
}

impl RequestSnapshot {
    /// The URL that was asked for, with its query.
    pub(crate) fn url(&self) -> String {
        let query = self.query.as_ref().map(|query| format!("?{query}"));
        format!(
            "{}://{}{}{}",
            self.scheme(),
            self.host.as_deref().unwrap_or("localhost"),
            self.path,
            query.unwrap_or_default()
        )
    }

    /// A guess: `https`, unless the host is this machine or a proxy says otherwise.
    pub(crate) fn scheme(&self) -> &'static str {
        let header = |wanted: &str| {
            let found = self.headers.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        match header("x-forwarded-proto") {
            Some("http") => return "http",
            Some("https") => return "https",
            _ => {}
        }
        let host = self.host.as_deref().unwrap_or("localhost");
        let local = ["localhost", "127.", "[::1]"]
            .iter()
            .any(|name| host.starts_with(name));
        if local { "http" } else { "https" }
    }
}

/// In single quotes nothing means anything but itself, but fish reads a backslash in them; `$'…'` can also say what must not stand
/// in a line of text.
///
/// Between its marks it has no third one, and backslashes at its end come in pairs: so dash and fish, which do not know it, see a
/// harmless word or a mistake, and bash 3 no `!` outside of the marks.
fn quote(command: &mut String, text: &str) {
    if !text.contains(|c| is_forging(c) || c == '\\') {
        command.push('\'');
        command.push_str(&text.replace('\'', r"'\''"));
        command.push('\'');
        return;
    }
    command.push_str("$'");
    for c in text.chars() {
        match c {
            '\'' => command.push_str("\\047"),
            '\\' => command.push_str("\\\\"),
            '\n' => command.push_str("\\n"),
            '\r' => command.push_str("\\r"),
            '\t' => command.push_str("\\t"),
            c if is_forging(c) => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    command.push_str(&format!("\\{byte:03o}"));
                }
            }
            c => command.push(c),
        }
    }
    command.push('\'');
}

/// Headers that belong to a connection, or that `curl` makes itself.
const LEFT_OUT: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Leaves room for the names of what is left out.
const MAX_BYTES: usize = 16 * 1024 - 128;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quoted(text: &str) -> String {
        let mut out = String::new();
        quote(&mut out, text);
        out
    }

    #[test]
    fn nothing_gets_out_of_its_quotes() {
        assert_eq!(quoted("a'; rm -rf ~; '"), r"'a'\''; rm -rf ~; '\'''");
        assert_eq!(quoted("a\nb\u{202e}'"), r"$'a\nb\342\200\256\047'");
        // Fish would take the last backslash for one before the closing mark.
        assert_eq!(quoted("a\\"), r"$'a\\'");
    }

    proptest! {
        #[test]
        fn a_shell_reads_what_was_written(text in "[^\u{0}]{0,60}") {
            // Only bash knows `$'…'` on every system that has it.
            let script = format!("printf %s {}", quoted(&text));
            let run = std::process::Command::new("bash").args(["-c", &script]).output();
            if run.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
                crate::skipped::skipped("bash", "it is not installed");
                return Ok(());
            }
            let output = run.unwrap();
            prop_assert_eq!(String::from_utf8_lossy(&output.stdout), text);
        }
    }
}

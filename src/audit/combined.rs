//! A record as a line of Apache's Combined log format.

use http::Version;

use super::clean::{Cleaner, Kind};
use super::escape::{address, number, put, quoted, word};
use crate::observation::{Observation, Outcome};

pub(super) fn write(out: &mut Vec<u8>, observation: &Observation, cleaner: &mut Cleaner) {
    let request = &observation.request;
    let texts = request.texts();
    out.reserve(512);
    match request.client_address() {
        Some(client) => address(out, client),
        None => out.push(b'-'),
    }
    out.extend_from_slice(b" - ");
    match &request.state().user {
        Some(user) => word(out, user.id()),
        None => out.push(b'-'),
    }
    out.extend_from_slice(b" [");
    clf_time(
        out,
        &cleaner.rfc3339(request.started_at().after(observation.duration)),
    );
    out.extend_from_slice(b"] \"");
    let method = cleaner.clean(Kind::Text, request.method().as_str());
    word(out, &method);
    out.push(b' ');
    // What was hidden may have left decoded spaces behind; the three parts must stay three.
    word(out, &cleaner.clean(Kind::Url, texts.path));
    if let Some(query) = texts.query {
        out.push(b'?');
        if !query.is_empty() {
            word(out, &cleaner.clean(Kind::Query, query));
        }
    }
    match request.version() {
        Version::HTTP_11 => out.extend_from_slice(b" HTTP/1.1\" "),
        version => put(out, format_args!(" {version:?}\" ")),
    }
    match (observation.status, observation.outcome) {
        (Some(status), _) => out.extend_from_slice(status.as_str().as_bytes()),
        (None, Outcome::Abandoned) => out.extend_from_slice(b"499"),
        (None, _) => out.extend_from_slice(b"500"),
    }
    out.push(b' ');
    number(out, observation.bytes_sent);
    header(out, texts.referer, Kind::Url, cleaner);
    header(out, texts.user_agent, Kind::Text, cleaner);
    out.push(b'\n');
}

fn header(out: &mut Vec<u8>, value: Option<&str>, kind: Kind, cleaner: &mut Cleaner) {
    out.extend_from_slice(b" \"");
    match value {
        Some(value) => quoted(out, &cleaner.clean(kind, value)),
        None => out.push(b'-'),
    }
    out.push(b'"');
}

/// `10/Oct/2000:13:55:36 +0000`
///
/// From `2000-10-10T13:55:36.000Z`.
fn clf_time(out: &mut Vec<u8>, digits: &[u8; 24]) {
    let month = usize::from(digits[5] - b'0') * 10 + usize::from(digits[6] - b'0');
    out.extend_from_slice(&digits[8..10]);
    out.push(b'/');
    out.extend_from_slice(MONTHS[month.clamp(1, 12) - 1]);
    out.push(b'/');
    out.extend_from_slice(&digits[..4]);
    out.push(b':');
    out.extend_from_slice(&digits[11..19]);
    out.extend_from_slice(b" +0000");
}

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::sample::{self, Hostile};
    use crate::redact::Redactor;
    use crate::text::is_forging;
    use crate::time::Timestamp;
    use proptest::prelude::*;

    fn line(observation: &Observation) -> String {
        sample::line(write, observation)
    }

    fn time_of(observation: &Observation) -> String {
        let mut out = Vec::new();
        let ended = observation.request.started_at().after(observation.duration);
        clf_time(&mut out, &ended.rfc3339());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_full_record() {
        let observation = sample::full();
        let expected = format!(
            concat!(
                r#"203.0.113.9 - u\x207 [{}] "POST /buy/42?page=2&token=[redacted] HTTP/1.1" 200 2326 "#,
                r#""https://a.example/?password=[redacted]" "Mozilla/5.0 \"x\""{}"#,
            ),
            time_of(&observation),
            "\n"
        );
        assert_eq!(line(&observation), expected);
    }

    #[test]
    fn a_bare_record() {
        let mut observation = sample::bare("GET", "/");
        observation.status = None;
        for (outcome, status) in [(Outcome::Abandoned, 499), (Outcome::Panicked, 500)] {
            observation.outcome = outcome;
            let time = time_of(&observation);
            let expected = format!("- - - [{time}] \"GET / HTTP/1.1\" {status} 0 \"-\" \"-\"\n");
            assert_eq!(line(&observation), expected);
        }
    }

    #[test]
    fn times_are_as_in_apaches_manual() {
        for (micros, expected) in [
            (971_186_136_000_000, "10/Oct/2000:13:55:36 +0000"),
            (0, "01/Jan/1970:00:00:00 +0000"),
            (1_735_689_599_999_999, "31/Dec/2024:23:59:59 +0000"),
        ] {
            let mut out = Vec::new();
            clf_time(&mut out, &Timestamp::from_unix_micros(micros).rfc3339());
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    /// The fields of a line, read as `^(\S+) - (\S+) \[([^]]+)\] "(\S+) (\S+) (\S+)" (\d{3}) (\d+) "(…)" "(…)"$`.
    fn parse(line: &str) -> Option<[&str; 10]> {
        let (client, rest) = line.strip_suffix('\n')?.split_once(" - ")?;
        let (user, rest) = rest.split_once(" [")?;
        let (time, rest) = rest.split_once("] \"")?;
        let (request, rest) = quotation(rest)?;
        let mut request = request.split(' ');
        let (method, target, version) = (request.next()?, request.next()?, request.next()?);
        let (status, rest) = rest.strip_prefix(' ')?.split_once(' ')?;
        let (bytes, rest) = rest.split_once(" \"")?;
        let (referer, rest) = quotation(rest)?;
        let (agent, rest) = quotation(rest.strip_prefix(" \"")?)?;
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
        let valid = request.next().is_none()
            && rest.is_empty()
            && word(client)
            && word(user)
            && time.len() == 26
            && version.starts_with("HTTP/")
            && digits(status)
            && digits(bytes);
        valid.then_some([
            client, user, time, method, target, version, status, bytes, referer, agent,
        ])
    }

    /// Up to the next quotation mark that is not escaped, and what follows it.
    fn quotation(text: &str) -> Option<(&str, &str)> {
        let mut escaped = false;
        for (at, c) in text.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return Some((&text[..at], &text[at + 1..])),
                _ => {}
            }
        }
        None
    }

    fn unescaped(text: &str) -> String {
        let mut out = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            match (byte, (byte == b'\\').then(|| bytes.next()).flatten()) {
                (_, Some(b'x')) => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    let digits = std::str::from_utf8(&digits).unwrap();
                    out.push(u8::from_str_radix(digits, 16).unwrap());
                }
                (_, Some(escaped)) => out.push(escaped),
                (byte, None) => out.push(byte),
            }
        }
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn hostile_text_stays_within_its_field(hostile in Hostile::any()) {
            let observation = hostile.observation();
            let line = line(&observation);
            prop_assert!(!line.trim_end_matches('\n').contains(is_forging), "{line:?}");
            let fields = parse(&line);
            prop_assert!(fields.is_some(), "{line:?}");
            let fields = fields.unwrap();
            prop_assert_eq!(fields[3], "GET");
            if !hostile.user.is_empty() {
                prop_assert_eq!(unescaped(fields[1]), hostile.user.clone());
            }
            let redactor = Redactor::default();
            let agent = redactor.text(observation.request.user_agent().unwrap()).into_owned();
            prop_assert_eq!(unescaped(fields[9]), agent);
            let referer = redactor.url(observation.request.referer().unwrap()).into_owned();
            prop_assert_eq!(unescaped(fields[8]), referer);
        }
    }
}

//! What holds for every text: a planted secret goes, a second time changes nothing, and the cost is bounded.

use super::super::{REDACTED, SENSITIVE_NAMES, steps};
use super::{Redaction, Redactor};
use proptest::prelude::*;

/// Everything that the scanner takes for the beginning or the end of something.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(PIECES).prop_map(str::to_owned),
        prop::sample::select(SENSITIVE_NAMES).prop_map(str::to_owned),
        "[a-z0-9]{1,6}",
        "[A-Za-z0-9+/_-]{20,40}",
        "[0-9]{4} ?[0-9]{4} ?[0-9]{4} ?[0-9]{4}",
        any::<char>().prop_map(String::from),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn a_second_time_changes_nothing(text in text()) {
        let redactor = Redactor::default();
        let once = redactor.text(&text).into_owned();
        let twice = redactor.text(&once).into_owned();
        prop_assert_eq!(&twice, &once, "of {:?}", text);
        prop_assert!(once.len() <= MAX_GROWTH * text.len());
    }

    #[test]
    fn a_second_time_changes_no_query_and_no_url(text in text()) {
        let redactor = Redactor::default();
        let query = redactor.query(&text).into_owned();
        prop_assert!(query.len() <= MAX_GROWTH * text.len());
        prop_assert_eq!(redactor.query(&query).into_owned(), query, "of {:?}", text);
        let url = redactor.url(&text).into_owned();
        prop_assert!(url.len() <= MAX_GROWTH * text.len());
        prop_assert_eq!(redactor.url(&url).into_owned(), url, "of {:?}", text);
    }

    #[test]
    fn with_every_setting_a_second_time_changes_nothing(text in text()) {
        let redactor = Redactor::new(Redaction::new().names(["q", "zx", "tax id"]).emails(true).ip_addresses(true));
        let once = redactor.text(&text).into_owned();
        prop_assert_eq!(redactor.text(&once).into_owned(), once.clone(), "of {:?}", text);
        prop_assert!(once.len() <= MAX_GROWTH * text.len());
    }

    #[test]
    fn any_text_is_taken(text in any::<String>()) {
        let redactor = Redactor::default();
        let _ = (redactor.text(&text), redactor.url(&text), redactor.query(&text));
        let _ = redactor.is_sensitive(&text);
        for kind in ["application/json", "multipart/form-data; boundary=a", "application/x-www-form-urlencoded"] {
            redactor.body(kind, &text);
        }
    }

    #[test]
    fn a_planted_value_never_survives(
        before in "[a-z0-9 /.,äß\n]{0,20}",
        name in prop::sample::select(SENSITIVE_NAMES),
        joint in prop::sample::select(JOINTS),
        value in "[A-Za-z][A-Za-z0-9!#^*?/.~]{8,14}[0-9]",
        after in "[ ,;&\"')}\n\\]]?",
    ) {
        let (open, close) = joint.split_once('$').unwrap();
        let text = format!("{before} {}{value}{close}{after}", open.replace("NAME", name));
        let clean = Redactor::default().text(&text).into_owned();
        prop_assert!(!clean.contains(&value), "{} is {}", text, clean);
        let url = format!("/a?{name}={value}&z=1");
        prop_assert!(!Redactor::default().url(&url).contains(&value));
    }

    #[test]
    fn what_was_drawn_by_lot_never_survives(
        before in "[ =:\"'(\\[\n]",
        value in "([A-Z][a-z][0-9]){3}[A-Za-z0-9_-]{20,50}([A-Z][a-z][0-9]){3}",
        after in "[ ,;&\"')\n]?",
    ) {
        prop_assume!(Redactor::default().text(&value) != value);
        let text = format!("it was{before}{value}{after}");
        let clean = Redactor::default().text(&text).into_owned();
        prop_assert!(!clean.contains(&value) && clean.contains(REDACTED), "{} is {}", text, clean);
    }

    #[test]
    fn deep_and_wide_json_stays_clean(pairs in prop::collection::vec((text(), text()), 0..6)) {
        let redactor = Redactor::default();
        let mut value: serde_json::Value = pairs.into_iter().map(|(key, text)| (key, serde_json::json!([text]))).collect();
        redactor.json("", &mut value);
        let once = value.clone();
        redactor.json("", &mut value);
        prop_assert_eq!(value, once);
    }
}

#[test]
fn no_text_takes_more_steps_than_its_length_times_a_constant() {
    let redactor = Redactor::new(Redaction::new().emails(true).ip_addresses(true));
    for piece in HOSTILE.iter().chain(PIECES) {
        for length in [1 << 14, 1 << 17] {
            let text = piece.repeat(length / piece.len());
            let steps = steps::counting(|| {
                let _ = redactor.text(&text);
            });
            assert!(
                steps <= MAX_STEPS * text.len(),
                "{steps} steps for {} bytes of {piece:?}",
                text.len()
            );
        }
    }
}

#[test]
fn pairs_of_pieces_take_no_more_steps_either() {
    let redactor = Redactor::default();
    for first in HOSTILE.iter().chain(PIECES) {
        for second in HOSTILE.iter().chain(PIECES) {
            let half = first.repeat((1 << 10) / first.len());
            let texts = [
                format!("{first}{second}").repeat((1 << 11) / (first.len() + second.len())),
                format!("{half}{second}"),
            ];
            for text in texts {
                let steps = steps::counting(|| {
                    let _ = redactor.text(&text);
                });
                assert!(
                    steps <= MAX_STEPS * text.len(),
                    "{steps} steps for {} bytes of {first:?}{second:?}",
                    text.len()
                );
            }
        }
    }
}

/// The documented bound: the shortest name, separator and value are three bytes, and become twelve.
const MAX_GROWTH: usize = 4;
const MAX_STEPS: usize = 40;
const CASES: u32 = 300;

const JOINTS: &[&str] = &[
    "NAME=$",
    "NAME = $",
    "NAME: $",
    "NAME:$",
    "NAME => $",
    "\"NAME\":\"$\"",
    "\"NAME\": \"$\"",
    "'NAME': '$'",
    "{\\\"NAME\\\":\\\"$\\\"}",
    "X { NAME: \"$\" }",
    "X { NAME: Some(\"$\") }",
    "X { NAME: Some($) }",
    "(\"NAME\", \"$\")",
    "--NAME $",
    "--NAME=$",
    "my_NAME=$",
    "%22NAME%22%3A%22$%22",
    "&quot;NAME&quot;:&quot;$&quot;",
    "<NAME>$</NAME>",
    "\nNAME: $\n",
    "name=\"NAME\" value=\"$\"",
    "{\"key\":\"NAME\",\"value\":\"$\"}",
    "NAME: Bearer $",
    "\\nNAME=$",
    "NAME\\u003d$",
    "NAME: [$]",
    "NAME={x: \"$\"}",
    "NAME: X(\"$\")",
    "NAME: X { y: \"$\" }",
    "`NAME`: $",
    "X {\n    NAME: Some(\n        \"$\",\n    ),\n}",
    "X {\n    NAME: X(\n        \"$\",\n    ),\n}",
    "Key (NAME)=($) already",
    "\"--NAME\" \"$\"",
    "NAME = \"\"\"$\"\"\"",
    "?NAME=$&",
];

const PIECES: &[&str] = &[
    " ",
    "=",
    ":",
    "\"",
    "'",
    "\\",
    "\\\"",
    "\\\\",
    ",",
    ";",
    "&",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    "/",
    "//",
    "://",
    "@",
    "%",
    "%22",
    "%3D",
    "%2F",
    "%2B",
    "%25",
    "%2522",
    "+",
    "-",
    "--",
    ".",
    "\n",
    "\\n",
    "\\u0022",
    "&quot;",
    "$",
    "|",
    "`",
    "*",
    "=>",
    "::",
    "Some(",
    "Bearer ",
    "Basic ",
    "eyJhbGciOi",
    ".",
    "sk-0123456789abcdef",
    "AKIAIOSFODNN7EXAMPLE",
    "[redacted]",
    "-----BEGIN ",
    "PRIVATE KEY-----",
    "-----END ",
    "4111 1111 1111 1111",
    "4111-1111-",
    "password=",
    "\"token\":\"",
    "value=",
    "\"value\":",
    "-u a:b",
    "hooks.slack.com/services/",
    "ya29.",
    "$2b$",
    "a@b.cc",
    "1.2.3.4",
    "::1",
    "boundary=",
    "None",
    "é",
    "amp;",
    "cookie: ",
    "null",
    "Some(\n  ",
    "Token(\n",
    "'''",
    ")=(",
    "--token \"",
    ": invalid",
    "Sensitive,",
];

const HOSTILE: &[&str] = &[
    "a=",
    "eyJaaaaaa=",
    "bearer ",
    "://a:",
    "://a:b/",
    "token\"",
    "token=(",
    "token=[{",
    "token={\"",
    "token='",
    "token=a,",
    "token,a",
    "(\"token\", ",
    "4",
    "41",
    "4111 ",
    "4111-",
    "4111111111111111 ",
    "0",
    "aB3",
    "A/b1",
    "aB3+",
    "aB3dE5fG7hI9/",
    "-----BEGIN",
    "-----BEGIN PRIVATE",
    "%2525",
    "token%22",
    "cookie=\"",
    "cookie: a=\"",
    "hvs.",
    "$2b$",
    "&&",
    "\\\\\"",
    "password=\\",
    "password={\\\"",
    "a.",
    "token.",
    "api ",
    "token ",
    "<token>",
    "name=\"token\" ",
    "--token ",
    "-u ",
    "token=a b=",
    "@",
    "a@",
    "1:",
    "tokentoken",
    "token: Some(\n",
    "token: Some(\\n",
    "token=a(\n",
    "token='''",
    "token)=(",
    "--token \"",
    "--token , ",
    "\"token\":\n",
    "token: invalid ",
    "token: Sensitive,",
];

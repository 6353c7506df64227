//! The words that decide: which word is data, and which quoted text tells one problem from another.

/// Whether a word without punctuation other than `-`, `_` and `.` is data: it holds a digit, looks like hexadecimal digits, or is
/// a number or a truth value that is written in letters.
pub(super) fn is_value(word: &str) -> bool {
    let mut letters = 0;
    let mut hexadecimal = false;
    let mut digit = false;
    for byte in word.bytes() {
        digit |= byte.is_ascii_digit();
        letters = if byte.is_ascii_hexdigit() {
            letters + 1
        } else if byte.is_ascii_alphanumeric() {
            // One foreign letter before a separator is enough: `feedback` is a word.
            i32::MIN / 2
        } else {
            hexadecimal |= letters >= MIN_HEXADECIMAL;
            0
        };
    }
    (digit && !is_name_with_digits(word))
        || hexadecimal
        || letters >= MIN_HEXADECIMAL
        || matches!(word, "true" | "false" | "NaN" | "inf" | "infinity")
}

/// Names of types, encodings, protocols and algorithms; every other word with a digit counts as data.
fn is_name_with_digits(word: &str) -> bool {
    if word.len() > 8 {
        return false;
    }
    matches!(
        word,
        "u8" | "u16"
            | "u32"
            | "u64"
            | "u128"
            | "i8"
            | "i16"
            | "i32"
            | "i64"
            | "i128"
            | "f32"
            | "f64"
    ) || [
        "ipv4", "ipv6", "utf8", "utf16", "base64", "base32", "sha1", "sha256", "sha512", "md5",
        "http2", "http3", "h2", "h3", "x509", "ed25519", "int2", "int4", "int8", "float4",
        "float8", "s3", "ec2", "oauth2", "gzip2",
    ]
    .iter()
    .any(|name| word.eq_ignore_ascii_case(name))
}

/// A unit or a zone after a number belongs to the number: `1.5 MiB`, `12 ms`, `10:00 UTC`.
pub(super) fn is_unit(word: &str) -> bool {
    matches!(
        word,
        "ns" | "us"
            | "ms"
            | "s"
            | "sec"
            | "secs"
            | "second"
            | "seconds"
            | "min"
            | "mins"
            | "minute"
            | "minutes"
            | "h"
            | "hour"
            | "hours"
            | "d"
            | "day"
            | "days"
            | "b"
            | "B"
            | "kB"
            | "KB"
            | "MB"
            | "GB"
            | "TB"
            | "KiB"
            | "MiB"
            | "GiB"
            | "TiB"
            | "UTC"
            | "GMT"
            | "AM"
            | "PM"
    )
}

/// The abbreviations of HTTP's and of mail's dates (RFC 9110, RFC 5322).
pub(super) fn is_day_or_month(word: &str) -> bool {
    word.len() == 3
        && matches!(
            word,
            "Mon"
                | "Tue"
                | "Wed"
                | "Thu"
                | "Fri"
                | "Sat"
                | "Sun"
                | "Jan"
                | "Feb"
                | "Mar"
                | "Apr"
                | "May"
                | "Jun"
                | "Jul"
                | "Aug"
                | "Sep"
                | "Oct"
                | "Nov"
                | "Dec"
        )
}

/// What is quoted in backticks and is code: it tells problems apart.
pub(super) fn is_code(text: &str) -> bool {
    let letters = text.bytes().filter(u8::is_ascii_alphanumeric).count();
    let camel_case = || {
        letters == text.len()
            && text.as_bytes()[0].is_ascii_uppercase()
            && text
                .as_bytes()
                .windows(2)
                .any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
    };
    (letters == 0 && text.len() <= 3)
        || text.contains("::")
        || text.ends_with("()")
        || text.trim_start_matches('(').starts_with("left ")
        || is_name_with_digits(text)
        || matches!(
            text,
            "None" | "Some" | "Ok" | "Err" | "bool" | "char" | "str" | "String" | "usize" | "isize"
        )
        || camel_case()
}

/// What comes before a quoted name that the program or its database made, not its users.
pub(super) fn names_part_of_the_program(before: &str, noun: &str) -> bool {
    matches!(
        noun,
        "column"
            | "relation"
            | "constraint"
            | "table"
            | "view"
            | "schema"
            | "collection"
            | "extension"
    ) || (matches!(
        noun,
        "field"
            | "variable"
            | "function"
            | "method"
            | "type"
            | "trait"
            | "struct"
            | "enum"
            | "feature"
            | "property"
            | "header"
            | "module"
            | "service"
    ) && !tells_of_a_stranger(before))
}

/// `unknown field`, `unexpected argument`: what follows was made up by somebody else.
pub(super) fn tells_of_a_stranger(word: &str) -> bool {
    [
        "unknown",
        "invalid",
        "unexpected",
        "unrecognized",
        "unrecognised",
        "unsupported",
    ]
    .iter()
    .any(|stranger| word.eq_ignore_ascii_case(stranger))
}

/// The words of `std`, `serde` and `axum` before a quoted piece of input, whatever it looks like.
pub(super) fn announces_input(word: &str) -> bool {
    matches!(
        word,
        "string"
            | "str"
            | "character"
            | "integer"
            | "boolean"
            | "value"
            | "input"
            | "parse"
            | "of"
            | "slicing"
            | "found"
            | "got"
    )
}

/// The field of an error, of a problem document or of a log line whose text says what went wrong.
pub(super) fn is_message_key(word: &str) -> bool {
    [
        "message",
        "msg",
        "error",
        "err",
        "errmsg",
        "reason",
        "cause",
        "code",
        "kind",
        "type",
        "title",
        "status",
        "description",
        "severity",
        "constraint",
        "table",
        "column",
        "schema",
    ]
    .iter()
    .any(|key| word.eq_ignore_ascii_case(key))
}

/// Whether a quoted text says that something went wrong, so that it is a message and no data.
///
/// Only the plain verbs and adjectives of failing: articles and prepositions are in what people type too.
pub(super) fn is_message(text: &str) -> bool {
    text.len() <= MAX_MESSAGE
        && text.split(|c: char| !c.is_ascii_alphabetic()).any(|word| {
            word.len() > 1
                && WORDS_OF_FAILURE
                    .iter()
                    .any(|failure| word.eq_ignore_ascii_case(failure))
        })
}

const MIN_HEXADECIMAL: i32 = 8;
const MAX_MESSAGE: usize = 256;

const WORDS_OF_FAILURE: &[&str] = &[
    "aborted",
    "already",
    "broken",
    "canceled",
    "cancelled",
    "cannot",
    "closed",
    "conflict",
    "corrupt",
    "corrupted",
    "crashed",
    "deadlock",
    "denied",
    "disconnected",
    "duplicate",
    "empty",
    "eof",
    "error",
    "exceeded",
    "exceeds",
    "exhausted",
    "exist",
    "exists",
    "expected",
    "expired",
    "failed",
    "failure",
    "forbidden",
    "illegal",
    "incomplete",
    "interrupted",
    "invalid",
    "locked",
    "malformed",
    "mismatch",
    "missing",
    "no",
    "must",
    "not",
    "overflow",
    "overloaded",
    "panicked",
    "poisoned",
    "refused",
    "rejected",
    "required",
    "reset",
    "terminated",
    "timed",
    "timeout",
    "truncated",
    "unable",
    "unauthorized",
    "unavailable",
    "unexpected",
    "unknown",
    "unreachable",
    "unsupported",
    "violates",
    "violation",
    "wrong",
];

//! Client text in a log line: whatever could end the line, its quotation or forge another one is escaped.

use std::io::Write as _;

use crate::text::is_forging;

/// Within a JSON string.
pub(super) fn json(out: &mut Vec<u8>, text: &str) {
    escaped::<b' '>(out, text, |out, c| match c {
        '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
        // Every forging character is in the basic plane: one UTF-16 unit.
        c => put(out, format_args!("\\u{:04x}", u32::from(c))),
    });
}

/// Within the quotation marks of the Combined format.
pub(super) fn quoted(out: &mut Vec<u8>, text: &str) {
    escaped::<b' '>(out, text, |out, c| match c {
        '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
        c => hex(out, c),
    });
}

/// As one word of the Combined format: spaces are escaped too, and so is what would read as "missing".
pub(super) fn word(out: &mut Vec<u8>, text: &str) {
    match text {
        "" => out.push(b'-'),
        "-" => hex(out, '-'),
        text => escaped::<b'!'>(out, text, |out, c| match c {
            '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
            c => hex(out, c),
        }),
    }
}

/// Copies clean runs whole; `FLOOR` is the first printable byte that is clean.
fn escaped<const FLOOR: u8>(out: &mut Vec<u8>, text: &str, escape: fn(&mut Vec<u8>, char)) {
    let bytes = text.as_bytes();
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (any, length) = match rest.first_chunk::<BLOCK>() {
            Some(block) => (any_dirty::<FLOOR>(block), BLOCK),
            None => {
                let mut block = [b'a'; BLOCK];
                block[..rest.len()].copy_from_slice(rest);
                (any_dirty::<FLOOR>(&block), rest.len())
            }
        };
        let end = at + length;
        if !any {
            at = end;
            continue;
        }
        while at < end {
            if dirty::<FLOOR>(bytes[at]) == 0 {
                at += 1;
                continue;
            }
            let Some(c) = text[at..].chars().next() else {
                break;
            };
            let next = at + c.len_utf8();
            // Readers of the Combined format split words at any white space, also at that of Unicode.
            let parts = FLOOR > b' ' && c.is_whitespace();
            if parts || matches!(c, '"' | '\\') || is_forging(c) {
                out.extend_from_slice(&bytes[copied..at]);
                escape(out, c);
                copied = next;
            }
            at = next;
        }
    }
    out.extend_from_slice(&bytes[copied..]);
}

/// No early exit: so the compiler looks at all bytes at once.
fn any_dirty<const FLOOR: u8>(block: &[u8; BLOCK]) -> bool {
    let dirty = |any, byte: &u8| any | dirty::<FLOOR>(*byte);
    block.iter().fold(0, dirty) != 0
}

/// Not 0 for what may have to be escaped.
fn dirty<const FLOOR: u8>(byte: u8) -> u8 {
    u8::from(byte < FLOOR)
        | u8::from(byte >= 0x7f)
        | u8::from(byte == b'"')
        | u8::from(byte == b'\\')
}

const BLOCK: usize = 16;

fn hex(out: &mut Vec<u8>, c: char) {
    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
        put(out, format_args!("\\x{byte:02x}"));
    }
}

/// Formatted the slow way, for what is rare.
pub(super) fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // A `Vec` takes every byte.
    let _ = out.write_fmt(text);
}

/// A number in decimal digits.
pub(super) fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = digit(value % 10);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Seconds with six decimal places.
pub(super) fn seconds(out: &mut Vec<u8>, duration: std::time::Duration) {
    match duration.as_secs() {
        less @ 0..10 => out.push(digit(less)),
        more => number(out, more),
    }
    let micros = duration.subsec_micros();
    let mut digits = *b".000000";
    for (pair, value) in [
        (1, micros / 10_000),
        (3, micros / 100 % 100),
        (5, micros % 100),
    ] {
        digits[pair] = digit(u64::from(value / 10));
        digits[pair + 1] = digit(u64::from(value % 10));
    }
    out.extend_from_slice(&digits);
}

/// An address; one of IPv4 in IPv6 is written as what it is.
pub(super) fn address(out: &mut Vec<u8>, address: std::net::IpAddr) {
    let address = match address.to_canonical() {
        std::net::IpAddr::V4(address) => address,
        std::net::IpAddr::V6(address) => return put(out, format_args!("{address}")),
    };
    let mut text = [b'.'; 16];
    let mut end = 0;
    for octet in address.octets() {
        let mut push = |digit| {
            text[end] = b'0' + digit;
            end += 1;
        };
        if octet >= 100 {
            push(octet / 100);
        }
        if octet >= 10 {
            push(octet / 10 % 10);
        }
        push(octet % 10);
        end += 1;
    }
    out.extend_from_slice(&text[..end - 1]);
}

/// Of a value below ten.
fn digit(value: u64) -> u8 {
    b'0' + value as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with(escape: fn(&mut Vec<u8>, &str), text: &str) -> String {
        let mut out = Vec::new();
        escape(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_could_forge_is_escaped_and_the_rest_is_kept() {
        let text = "a\"b\\c\nd\u{2028}e\u{202e}f\u{85}g\u{7f}h ü€😀";
        assert_eq!(
            with(json, text),
            r#"a\"b\\c\u000ad\u2028e\u202ef\u0085g\u007fh ü€😀"#
        );
        assert_eq!(
            with(quoted, text),
            r#"a\"b\\c\x0ad\xe2\x80\xa8e\xe2\x80\xaef\xc2\x85g\x7fh ü€😀"#
        );
        assert_eq!(with(word, "a b\u{a0}"), r"a\x20b\xc2\xa0");
        assert_eq!(
            (with(word, ""), with(word, "-")),
            ("-".into(), r"\x2d".into())
        );
    }

    proptest! {
        #[test]
        fn any_text_stays_on_one_line(text in any::<String>()) {
            for escape in [json, quoted, word] {
                prop_assert!(!with(escape, &text).contains(is_forging));
            }
            prop_assert!(!with(word, &text).contains(char::is_whitespace));
        }

        #[test]
        fn json_gives_the_text_back(text in any::<String>()) {
            let line = format!("\"{}\"", with(json, &text));
            prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        }

        #[test]
        fn numbers_and_times_are_exact(value in any::<u64>(), micros in 0u64..10_000_000_000) {
            let mut out = Vec::new();
            number(&mut out, value);
            prop_assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
            let mut out = Vec::new();
            seconds(&mut out, std::time::Duration::from_micros(micros));
            let expected = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
            prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
        }

        #[test]
        fn addresses_are_written_as_usual(ip in any::<std::net::IpAddr>()) {
            let mut out = Vec::new();
            address(&mut out, ip);
            prop_assert_eq!(String::from_utf8(out).unwrap(), ip.to_canonical().to_string());
        }
    }
}

//! The two headers in which proxies write down a request's way.
//!
//! Both readers give the hops from the client inwards; a hop that names no address is `None`. Of a longer chain only the
//! last 32 hops are kept: what is farther out is the client's own invention or of no use.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// `X-Forwarded-For`: `203.0.113.9, 10.0.0.7:4711, [2001:db8::1]`.
pub(super) fn x_forwarded_for(lines: &[&[u8]]) -> Vec<Option<IpAddr>> {
    hops(lines, false, address)
}

/// `Forwarded` (RFC 7239, section 4): `for=203.0.113.9;proto=https, for="[2001:db8::1]:4711"`.
pub(super) fn forwarded(lines: &[&[u8]]) -> Vec<Option<IpAddr>> {
    hops(lines, true, element)
}

fn hops(
    lines: &[&[u8]],
    quoted: bool,
    read: impl Fn(&str) -> Option<IpAddr>,
) -> Vec<Option<IpAddr>> {
    let mut hops = Vec::new();
    for line in lines {
        // A client may have opened a quotation mark that the proxies' own entries would vanish in. Then every comma counts:
        // what stands behind the last one is a proxy's word.
        let quoted = quoted && !ends_in_quotes(line);
        let mut rest = *line;
        while !rest.is_empty() {
            let end = entry_end(rest, quoted);
            let entry = rest[..end].trim_ascii();
            rest = rest.get(end + 1..).unwrap_or_default();
            if entry.is_empty() {
                continue;
            }
            if hops.len() == 2 * MAX_HOPS {
                hops.drain(..MAX_HOPS);
            }
            hops.push(std::str::from_utf8(entry).ok().and_then(&read));
        }
    }
    hops.drain(..hops.len().saturating_sub(MAX_HOPS));
    hops
}

fn ends_in_quotes(line: &[u8]) -> bool {
    let (mut in_quotes, mut escaped) = (false, false);
    for byte in line {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_quotes => escaped = true,
            b'"' => in_quotes = !in_quotes,
            _ => {}
        }
    }
    in_quotes
}

/// Where the first entry ends: at a comma that stands in no quotation marks.
fn entry_end(line: &[u8], quoted: bool) -> usize {
    let (mut in_quotes, mut escaped) = (false, false);
    line.iter()
        .position(|byte| match byte {
            _ if escaped => {
                escaped = false;
                false
            }
            b'\\' if in_quotes => {
                escaped = true;
                false
            }
            b'"' if quoted => {
                in_quotes = !in_quotes;
                false
            }
            b',' => !in_quotes,
            _ => false,
        })
        .unwrap_or(line.len())
}

/// The `for` of one element; `None` when there is none, when it hides the address, or when the element is malformed.
fn element(text: &str) -> Option<IpAddr> {
    let (mut rest, mut hop, mut seen) = (text, None, false);
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        let (name, after) = split_token(rest);
        let (value, after) = value(after.strip_prefix('=')?)?;
        if name.is_empty() {
            return None;
        }
        if name.eq_ignore_ascii_case("for") {
            if std::mem::replace(&mut seen, true) {
                return None;
            }
            hop = node(&value);
        }
        rest = after.trim_start_matches([' ', '\t']);
        if rest.is_empty() {
            return hop;
        }
        rest = rest.strip_prefix(';')?;
    }
}

fn split_token(text: &str) -> (&str, &str) {
    let end = text
        .bytes()
        .position(|byte| !is_token(byte))
        .unwrap_or(text.len());
    text.split_at(end)
}

/// `tchar` of RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A token or a quoted string with its escapes undone, and what stands behind it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        // Colons and brackets may only stand in quotation marks, but proxies send bare addresses all the same.
        let end = text.find([';', ' ', '\t', '"']).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

/// `nodename [":" node-port]`, where `unknown` and `_hidden` name nobody and a port may be hidden too.
fn node(text: &str) -> Option<IpAddr> {
    match text.rsplit_once(':') {
        Some((name, port)) if port.starts_with('_') => address(name),
        _ => address(text),
    }
}

/// An address as proxies write it: IPv4, IPv6 bare or in brackets, either with a port.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    if let Some(bare) = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
    {
        return bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    text.parse::<SocketAddr>().ok().map(|address| address.ip())
}

const MAX_HOPS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(hops: Vec<Option<IpAddr>>) -> Vec<String> {
        hops.into_iter()
            .map(|hop| hop.map_or("-".to_owned(), |address| address.to_string()))
            .collect()
    }

    #[test]
    fn x_forwarded_for_takes_every_form_that_is_seen() {
        for (line, expected) in [
            ("203.0.113.9", &["203.0.113.9"][..]),
            ("203.0.113.9, 10.0.0.7:4711", &["203.0.113.9", "10.0.0.7"]),
            (
                "2001:db8::1,[2001:db8::2],[2001:db8::3]:80",
                &["2001:db8::1", "2001:db8::2", "2001:db8::3"],
            ),
            ("unknown, 1.2.3.4", &["-", "1.2.3.4"]),
            (" , ,1.2.3.4,", &["1.2.3.4"]),
            ("\"1.2.3.4\"", &["-"]),
            ("", &[]),
        ] {
            assert_eq!(
                shown(x_forwarded_for(&[line.as_bytes()])),
                expected,
                "{line}"
            );
        }
    }

    #[test]
    fn forwarded_follows_rfc_7239() {
        for (line, expected) in [
            (
                "for=192.0.2.60;proto=http;by=203.0.113.43",
                &["192.0.2.60"][..],
            ),
            ("For=\"[2001:db8:cafe::17]:4711\"", &["2001:db8:cafe::17"]),
            (
                "for=192.0.2.43, for=\"[2001:db8:cafe::17]\"",
                &["192.0.2.43", "2001:db8:cafe::17"],
            ),
            ("for=unknown, for=_hidden, for=_SEVKISEK", &["-", "-", "-"]),
            ("for=\"192.0.2.43:_gazonk\"", &["192.0.2.43"]),
            ("for=\"192.0.2.43\\:47\"", &["192.0.2.43"]),
            ("proto=https", &["-"]),
            ("host=\"a,b\";for=192.0.2.1", &["192.0.2.1"]),
            ("for=192.0.2.1;for=192.0.2.2", &["-"]),
            ("for = 192.0.2.1", &["-"]),
            ("for=\"192.0.2.1", &["-"]),
            ("for=6.6.6.6;x=\", for=\"192.0.2.1\"", &["-", "192.0.2.1"]),
            ("for=\"x, for=192.0.2.1", &["-", "192.0.2.1"]),
            ("for=\"x\\, for=192.0.2.1", &["-", "192.0.2.1"]),
        ] {
            assert_eq!(shown(forwarded(&[line.as_bytes()])), expected, "{line}");
        }
    }

    #[test]
    fn only_the_nearest_hops_of_a_long_chain_are_kept() {
        let line = (0..=255)
            .map(|n| format!("10.0.0.{n}"))
            .collect::<Vec<_>>()
            .join(",");
        let hops = shown(x_forwarded_for(&[line.as_bytes(), b"10.0.1.0"]));
        assert_eq!(hops.len(), MAX_HOPS);
        assert_eq!(hops.last().unwrap(), "10.0.1.0");
        assert_eq!(hops[0], "10.0.0.225");
    }

    #[test]
    fn bytes_that_are_no_text_name_nobody() {
        assert_eq!(
            shown(x_forwarded_for(&[b"\xff\xfe, 1.2.3.4"])),
            ["-", "1.2.3.4"]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(line in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(x_forwarded_for(&[&line]).len() <= MAX_HOPS);
            prop_assert!(forwarded(&[&line]).len() <= MAX_HOPS);
        }

        #[test]
        fn what_a_proxy_writes_is_read(address in any::<IpAddr>(), port in any::<u16>()) {
            let socket = SocketAddr::new(address, port).to_string();
            prop_assert_eq!(x_forwarded_for(&[socket.as_bytes()]), [Some(address)]);
            let quoted = format!("for=\"{socket}\";proto=https");
            prop_assert_eq!(forwarded(&[quoted.as_bytes()]), [Some(address)]);
        }
    }
}

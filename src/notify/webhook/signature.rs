//! Signing a request, and telling whether a request is genuine.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use ring::hmac;

/// How far the time in a signature may be from the receiver's clock.
pub const SIGNATURE_TOLERANCE: Duration = Duration::from_secs(300);

/// Whether a webhook's request is genuine: signed with `secret`, and no more than [`SIGNATURE_TOLERANCE`] ago or ahead.
///
/// `header` is the value of `X-Tower-Monitor-Signature` and `body` the body's bytes as they came. Several `v1` are allowed,
/// of which one has to fit; parts with other names are ignored. An empty secret verifies nothing. The comparison takes the
/// same time wherever the signatures differ.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tower_monitor::notify::webhook::verify;
///
/// let header = "t=1795340339,v1=f228d8af4129663000ea8b0b18f25a4d436bae06cc6fbc6942c3e9a6f1bb1c0d";
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_340_341);
///
/// assert!(verify("whsec_5f1c0a9e4d7b", header, br#"{"version":1}"#, now));
/// assert!(!verify("whsec_5f1c0a9e4d7b", header, br#"{"version":2}"#, now));
/// ```
#[must_use]
pub fn verify(secret: &str, header: &str, body: &[u8], now: SystemTime) -> bool {
    let parts = || {
        header
            .split(',')
            .filter_map(|part| part.trim().split_once('='))
    };
    let mut times = parts().filter(|(name, _)| *name == "t");
    let (Some((_, time)), None) = (times.next(), times.next()) else {
        return false;
    };
    if secret.is_empty() || !is_near(time, now) {
        return false;
    }
    let (key, signed) = (key(secret), signed(time, body));
    parts()
        .filter(|(name, _)| *name == "v1")
        .filter_map(|(_, signature)| from_hex(signature))
        .any(|signature| hmac::verify(&key, &signed, &signature).is_ok())
}

pub(super) fn key(secret: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())
}

/// The header's value.
pub(super) fn sign(key: &hmac::Key, body: &[u8], now: SystemTime) -> String {
    let time = unix_seconds(now).to_string();
    let mut header = format!("t={time},v1=");
    for byte in hmac::sign(key, &signed(&time, body)).as_ref() {
        // Writing to a `String` cannot fail.
        let _ = write!(header, "{byte:02x}");
    }
    header
}

fn signed(time: &str, body: &[u8]) -> Vec<u8> {
    [time.as_bytes(), b".", body].concat()
}

fn is_near(time: &str, now: SystemTime) -> bool {
    let digits = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit());
    let time: Option<u64> = digits.then(|| time.parse().ok()).flatten();
    time.is_some_and(|time| unix_seconds(now).abs_diff(time) <= SIGNATURE_TOLERANCE.as_secs())
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    let byte = |[high, low]: &[u32; 2]| u8::try_from(high * 16 + low).ok();
    rest.is_empty()
        .then(|| pairs.iter().map(byte).collect())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "whsec_5f1c0a9e4d7b";
    const BODY: &[u8] = br#"{"version":1}"#;
    const TIME: u64 = 1_795_340_339;
    /// `hmac.new(b"whsec_5f1c0a9e4d7b", b'1795340339.{"version":1}', "sha256").hexdigest()` in Python.
    const HEADER: &str =
        "t=1795340339,v1=f228d8af4129663000ea8b0b18f25a4d436bae06cc6fbc6942c3e9a6f1bb1c0d";

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_signature_is_the_one_that_python_computes() {
        assert_eq!(sign(&key(SECRET), BODY, at(TIME)), HEADER);
        assert!(verify(SECRET, HEADER, BODY, at(TIME)));
    }

    #[test]
    fn a_signature_is_good_for_five_minutes_either_way() {
        for (now, expected) in [
            (TIME - 301, false),
            (TIME - 300, true),
            (TIME + 300, true),
            (TIME + 301, false),
        ] {
            assert_eq!(verify(SECRET, HEADER, BODY, at(now)), expected, "{now}");
        }
    }

    #[test]
    fn one_of_several_signatures_is_enough_and_unknown_parts_do_not_matter() {
        let (time, genuine) = HEADER.split_once(',').unwrap();
        let header = format!("{time}, v0=1, v1=00, v1=zz, {genuine}, v2=f");
        assert!(verify(SECRET, &header, BODY, at(TIME)));
        assert!(!verify(
            SECRET,
            &format!("{HEADER},t=1795340339"),
            BODY,
            at(TIME)
        ));
        assert!(!verify(SECRET, genuine, BODY, at(TIME)));
        assert!(!verify(SECRET, time, BODY, at(TIME)));
    }

    #[test]
    fn an_empty_secret_verifies_nothing() {
        let header = sign(&key(""), BODY, at(TIME));
        assert!(!verify("", &header, BODY, at(TIME)));
    }

    proptest! {
        #[test]
        fn what_is_signed_is_verified_and_nothing_else_is(
            secret in "\\PC{1,40}", body in any::<Vec<u8>>(), time in 0u64..10_000_000_000, flip in any::<usize>(),
        ) {
            let header = sign(&key(&secret), &body, at(time));
            prop_assert!(verify(&secret, &header, &body, at(time)));
            let other = format!("{secret}x");
            prop_assert!(!verify(&other, &header, &body, at(time)));
            if !body.is_empty() {
                let mut other = body.clone();
                let place = flip % body.len();
                other[place] ^= 1;
                prop_assert!(!verify(&secret, &header, &other, at(time)));
            }
        }

        #[test]
        fn no_header_makes_it_panic(header in "(t=|v1=|,|[0-9a-f+ é]{0,5}){0,12}") {
            prop_assert!(!verify(SECRET, &header, BODY, at(TIME)));
        }
    }
}

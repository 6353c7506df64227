//! How much of the person behind a request is kept.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use hmac_sha256::{HMAC, Hash};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{Privacy, Redactor, Secret};

/// The key of the pseudonyms.
pub(super) fn key(salt: Option<&Secret>) -> [u8; 32] {
    if let Some(salt) = salt {
        return Hash::hash(salt.expose().as_bytes());
    }
    // The operating system seeds each thread's `RandomState` with 128 bits; a hash keyed by them shows none of them.
    let state = RandomState::new();
    let mut seed = [0; 32];
    for (index, part) in seed.chunks_exact_mut(8).enumerate() {
        part.copy_from_slice(&state.hash_one(index).to_ne_bytes());
    }
    Hash::hash(&seed)
}

impl Redactor {
    /// The user's id as the privacy mode allows it, on the day that is so many days after 1970-01-01.
    pub(crate) fn user_id(&self, id: &str, day: u64) -> Option<String> {
        match self.inner.privacy {
            Privacy::Full => Some(id.to_owned()),
            Privacy::Pseudonymous => Some(self.pseudonym(id, day)),
            Privacy::Strict => None,
        }
    }

    /// Whether the person behind a request is kept as they are.
    pub(crate) fn keeps_people(&self) -> bool {
        self.inner.privacy == Privacy::Full
    }

    /// 16 hexadecimal digits that stand for the id on that day: the beginning of an HMAC-SHA-256 of the day and the id, under the
    /// key of [`Redaction::salt`](super::Redaction::salt).
    pub(crate) fn pseudonym(&self, id: &str, day: u64) -> String {
        let mut mac = HMAC::new(self.inner.key);
        mac.update(day.to_be_bytes());
        mac.update(id.as_bytes());
        mac.finalize()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// The address as the privacy mode allows it: whole, its network (`203.0.113.0/24`, `2001:db8:1::/48`), or none.
    pub(crate) fn address(&self, address: IpAddr) -> Option<String> {
        match self.inner.privacy {
            Privacy::Full => Some(address.to_string()),
            Privacy::Pseudonymous => network(address).map(|network| network.to_string()),
            Privacy::Strict => None,
        }
    }
}

fn network(address: IpAddr) -> Option<IpNet> {
    let network = match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Net::new(address, 24).ok()?.trunc().into(),
        IpAddr::V6(address) => Ipv6Net::new(address, 48).ok()?.trunc().into(),
    };
    Some(network)
}

#[cfg(test)]
mod tests {
    use super::super::Redaction;
    use super::*;

    fn redactor(privacy: Privacy) -> Redactor {
        Redactor::new(Redaction::new().privacy(privacy).salt("pepper"))
    }

    #[test]
    fn a_pseudonym_is_the_same_for_a_day_and_a_salt_only() {
        let redactor = redactor(Privacy::Pseudonymous);
        let name = redactor.pseudonym("42", 20_000);
        assert_eq!(redactor.user_id("42", 20_000), Some(name.clone()));
        assert_eq!(name.len(), 16);
        assert_eq!(redactor.text(&name), name);
        let again = Redactor::new(Redaction::new().salt("pepper"));
        assert_eq!(again.pseudonym("42", 20_000), name);
        let other = Redactor::new(Redaction::new().salt("salt"));
        for other in [
            redactor.pseudonym("42", 20_001),
            redactor.pseudonym("43", 20_000),
            other.pseudonym("42", 20_000),
            Redactor::new(Redaction::new()).pseudonym("42", 20_000),
        ] {
            assert_ne!(other, name);
        }
        let drawn = || Redactor::new(Redaction::new()).pseudonym("42", 20_000);
        assert_ne!(drawn(), drawn());
    }

    #[test]
    fn each_mode_keeps_less_of_an_address() {
        for (address, pseudonymous) in [
            ("203.0.113.7", "203.0.113.0/24"),
            ("2001:db8:1:2::3", "2001:db8:1::/48"),
            ("::ffff:203.0.113.7", "203.0.113.0/24"),
        ] {
            let address: IpAddr = address.parse().unwrap();
            let of = |privacy| redactor(privacy).address(address);
            assert_eq!(of(Privacy::Full), Some(address.to_string()));
            assert_eq!(of(Privacy::Pseudonymous).as_deref(), Some(pseudonymous));
            assert_eq!(of(Privacy::Strict), None);
        }
        assert_eq!(redactor(Privacy::Strict).user_id("42", 1), None);
        assert_eq!(
            redactor(Privacy::Full).user_id("42", 1).as_deref(),
            Some("42")
        );
    }
}

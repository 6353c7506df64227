//! The releases in which a problem was seen, and which of two releases is the later.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The releases in which a problem was seen: the first ones and the last ones, 20 at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Releases(Vec<ReleaseSeen>);

/// A release in which a problem was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReleaseSeen {
    /// Its name.
    pub release: String,
    /// When the problem was first seen in it.
    pub first_seen: Timestamp,
    /// How often the problem was seen in it.
    pub count: u64,
}

impl Releases {
    /// Whether no release is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The releases, in the order in which they were first seen.
    pub fn iter(&self) -> impl Iterator<Item = &ReleaseSeen> {
        self.0.iter()
    }

    /// Whether the problem was seen in this release.
    #[must_use]
    pub fn contains(&self, release: &str) -> bool {
        self.0.iter().any(|seen| seen.release == release)
    }

    pub(super) fn add(&mut self, release: &str, at: Timestamp, count: u64) {
        match self.0.iter_mut().find(|seen| seen.release == release) {
            Some(seen) => {
                seen.count = seen.count.saturating_add(count);
                seen.first_seen = seen.first_seen.min(at);
            }
            None => self.0.push(ReleaseSeen {
                release: release.to_owned(),
                first_seen: at,
                count,
            }),
        }
        self.0.sort_by_key(|seen| seen.first_seen);
        if self.0.len() > MAX_RELEASES {
            self.0.remove(MAX_RELEASES / 2);
        }
    }
}

/// Which of two releases is the later, when their names tell: `1.10.0` comes after `1.9.3`, `shop@2.0.0-rc.1` before `shop@2.0.0`.
/// `None` for names without such an order, as revisions.
pub(crate) fn compared(one: &str, other: &str) -> Option<Ordering> {
    if one == other {
        return Some(Ordering::Equal);
    }
    let (one, other) = (Version::parse(one)?, Version::parse(other)?);
    if one.name != other.name {
        return None;
    }
    let numbers = one.numbers.len().max(other.numbers.len());
    let at = |version: &Version<'_>, index: usize| version.numbers.get(index).copied().unwrap_or(0);
    for index in 0..numbers {
        match at(&one, index).cmp(&at(&other, index)) {
            Ordering::Equal => {}
            order => return Some(order),
        }
    }
    Some(match (one.pre, other.pre) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(one), Some(other)) => pre_release(one, other),
    })
}

/// `name@1.2.3-pre+build`, as Semantic Versioning writes it, with any number of numbers.
struct Version<'v> {
    name: &'v str,
    numbers: Vec<u64>,
    pre: Option<&'v str>,
}

impl<'v> Version<'v> {
    fn parse(text: &'v str) -> Option<Self> {
        let (name, version) = text.rsplit_once('@').unwrap_or(("", text));
        let version = version.strip_prefix('v').unwrap_or(version);
        let version = version.split('+').next().unwrap_or_default();
        let (numbers, pre) = match version.split_once('-') {
            Some((numbers, pre)) => (numbers, Some(pre)),
            None => (version, None),
        };
        // A lone number may be the beginning of a revision.
        if !numbers.contains('.') {
            return None;
        }
        let numbers: Option<Vec<u64>> = numbers.split('.').map(|part| part.parse().ok()).collect();
        Some(Self {
            name,
            numbers: numbers?,
            pre,
        })
    }
}

/// Numbers by their value and before words, words by their letters, and fewer parts first.
fn pre_release(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        let (one, other) = match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(other)) => (one, other),
        };
        let order = match (one.parse::<u64>(), other.parse::<u64>()) {
            (Ok(one), Ok(other)) => one.cmp(&other),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => one.cmp(other),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

const MAX_RELEASES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_semantic_versioning_says() {
        // The order of https://semver.org/#spec-item-11, with more on both ends.
        let ordered = [
            "0.9.9",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.9.3",
            "v1.10",
            "1.10.0.1",
        ];
        for (at, one) in ordered.iter().enumerate() {
            for (other_at, other) in ordered.iter().enumerate() {
                assert_eq!(
                    compared(one, other),
                    Some(at.cmp(&other_at)),
                    "{one} {other}"
                );
            }
        }
        assert_eq!(
            compared("shop@1.2.0", "shop@1.1.9"),
            Some(Ordering::Greater)
        );
        assert_eq!(compared("1.2.0+a", "1.2.0+b"), Some(Ordering::Equal));
    }

    #[test]
    fn names_that_tell_no_order_have_none() {
        for (one, other) in [
            ("3f2a91c", "77ab01d"),
            ("shop@1.2.0", "cart@1.1.0"),
            ("2026-11-22", "2026-11-23"),
            ("7", "8"),
            ("1.x", "1.2"),
        ] {
            assert_eq!(compared(one, other), None, "{one} {other}");
        }
        assert_eq!(compared("3f2a91c", "3f2a91c"), Some(Ordering::Equal));
    }

    #[test]
    fn many_releases_keep_the_first_and_the_last() {
        let mut releases = Releases::default();
        for number in 0..100 {
            let at = Timestamp::from_unix_micros(number);
            releases.add(&format!("1.{number}"), at, 1);
            releases.add(&format!("1.{number}"), at, 2);
        }
        assert_eq!(releases.0.len(), 20);
        assert!(releases.contains("1.0") && releases.contains("1.99"));
        assert!(releases.iter().all(|seen| seen.count == 3));
    }
}

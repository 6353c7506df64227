//! Whether what was shown is the truth: a hole may stand for anything, all else must be equal.

use std::net::IpAddr;

use uuid::Uuid;

use super::tree::Tree;

pub(super) fn agrees(truth: &Tree, shown: &Tree) -> bool {
    match (truth, shown) {
        (_, Tree::Hole(_)) => true,
        (Tree::Leaf(truth), Tree::Leaf(shown)) => truth == shown,
        (Tree::Leaf(truth), Tree::Text(shown, length)) => {
            is_displayed(truth) && truth == shown && *length == shown.len() as u64
        }
        (Tree::Text(truth, whole), Tree::Text(shown, length)) => {
            length == whole && truth.starts_with(shown.as_str())
        }
        (Tree::Bytes(truth), Tree::Bytes(shown) | Tree::List(_, shown)) => truth == shown,
        (Tree::List(truth, whole), Tree::List(shown, length)) => {
            let pairs = truth.iter().zip(shown);
            whole == length && shown.len() <= truth.len() && all(pairs)
        }
        (Tree::Set(truth), Tree::Set(shown)) => {
            truth.len() == shown.len() && each_has_one(truth, shown)
        }
        (Tree::Set(truth), Tree::List(shown, length)) => {
            truth.len() as u64 == *length && each_has_one(truth, shown)
        }
        // An empty set reads as an empty map.
        (Tree::Map(truth, 0), Tree::List(_, 0)) => truth.is_empty(),
        (Tree::Map(truth, whole), Tree::Map(shown, length)) => {
            let pairs = |entries: &[(Tree, Tree)]| {
                let pair =
                    |(key, value): &(Tree, Tree)| Tree::List(vec![key.clone(), value.clone()], 2);
                entries.iter().map(pair).collect::<Vec<_>>()
            };
            whole == length && each_has_one(&pairs(truth), &pairs(shown))
        }
        (Tree::Node(truth, fields), Tree::Node(shown, others)) => {
            let same_names = fields.len() == others.len()
                && fields
                    .iter()
                    .zip(others)
                    .all(|(one, other)| one.0 == other.0);
            let values = fields.iter().zip(others);
            truth == shown && same_names && all(values.map(|(one, other)| (&one.1, &other.1)))
        }
        _ => false,
    }
}

fn all<'a>(mut pairs: impl Iterator<Item = (&'a Tree, &'a Tree)>) -> bool {
    pairs.all(|(truth, shown)| agrees(truth, shown))
}

/// Whether each of the shown is another one of the true: what has no order.
fn each_has_one(truth: &[Tree], shown: &[Tree]) -> bool {
    let Some((first, others)) = shown.split_first() else {
        return true;
    };
    truth.iter().enumerate().any(|(place, one)| {
        let left = || [&truth[..place], &truth[place + 1..]].concat();
        agrees(one, first) && each_has_one(&left(), others)
    })
}

/// What may as well be shown as text: what has a form of its own.
fn is_displayed(truth: &str) -> bool {
    let is_duration = truth.starts_with(|c: char| c.is_ascii_digit()) && truth.ends_with('s');
    let is_method = truth.bytes().all(|byte| byte.is_ascii_uppercase());
    is_duration || is_method || truth.parse::<IpAddr>().is_ok() || truth.parse::<Uuid>().is_ok()
}

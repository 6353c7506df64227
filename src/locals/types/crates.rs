//! Types of crates that every service has, known by path and name.

use super::entry::{self, Die, children, core_of};
use super::kind::{Kind, Told};
use super::shape::Maker;
use super::std_types::{guard, only, same, told, vector};
use super::{Link, name};

pub(super) fn kind(maker: &Maker<'_>, die: &Die) -> Option<Kind> {
    let base = name::base(&die.name);
    match (die.path.as_str(), base) {
        ("bytes::bytes", "Bytes") => Some(Kind::Bytes {
            length: maker.word(die, &["len"])?,
            capacity: None,
        }),
        ("bytes::bytes_mut", "BytesMut") => Some(Kind::Bytes {
            length: maker.word(die, &["len"])?,
            capacity: Some(maker.word(die, &["cap"])?),
        }),
        ("uuid", "Uuid") if die.byte_size == Some(16) => told(Told::Uuid, [0]),
        ("http::status", "StatusCode") if die.byte_size == Some(2) => told(Told::Status, [0]),
        ("http::method", "Method")
        | ("http::header::name", "HeaderName" | "Custom")
        | ("http::uri::scheme", "Scheme")
        | ("serde_json::map", "Map")
        | ("serde_json::number", "Number") => only(maker, die),
        ("http::byte_str", "ByteStr") => {
            let (data, length) = byte_text(maker, die, &["bytes"])?;
            Some(Kind::Text {
                data,
                length,
                capacity: None,
                zero: false,
            })
        }
        ("http::header::value", "HeaderValue") => Some(Kind::Bytes {
            length: maker.word(die, &["inner", "len"])?,
            capacity: None,
        }),
        ("http::header::map", "HeaderMap") => headers(maker, die),
        ("http::uri", "Uri") => uri(maker, die),
        ("futures_util::stream::futures_unordered", "FuturesUnordered") => chain(maker, die),
        ("tokio::sync::mutex", "Mutex") | ("tokio::sync::rwlock", "RwLock") => {
            same(maker, die, "c")
        }
        ("tokio::sync::mutex", "MutexGuard" | "OwnedMutexGuard") => same(maker, die, "lock"),
        (path, "RwLockReadGuard" | "RwLockWriteGuard") if path.starts_with("tokio::sync") => {
            guard(maker, die, "data")
        }
        // All that is in it stands in the occurrence.
        ("tower_monitor::request", "RequestContext") => Some(Kind::Struct(Box::default())),
        ("lock_api::mutex", "Mutex") | ("lock_api::rwlock", "RwLock") => same(maker, die, "data"),
        _ => None,
    }
}

/// Enums that are read as what they hold; a variant that holds nothing by its name.
pub(super) fn is_plain(path: &str, base: &str) -> bool {
    matches!(
        (path, base),
        ("serde_json::value", "Value")
            | ("serde_json::number", "N")
            | ("http::method", "Inner")
            | ("http::header::name", "Repr")
            | ("http::uri::scheme", "Scheme2")
    )
}

/// The name to show of an enum's variant.
pub(super) fn variant(path: &str, of: &str, name: String) -> String {
    match (path, name::base(of)) {
        ("serde_json::value", "Value") if name == "Null" => "null".to_owned(),
        ("http::method", "Inner") => name.to_ascii_uppercase(),
        _ => name,
    }
}

/// The name to show of an enum's variant, where none holds anything.
pub(super) fn enumerator(path: &str, of: &str, name: String) -> String {
    match (path, name::base(of)) {
        ("http::header::name", "StandardHeader") => header(&name),
        ("http::uri::scheme", "Protocol") => name.to_ascii_lowercase(),
        _ => name,
    }
}

/// `ContentType` as `content-type`.
fn header(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push('-');
        }
        words.push(c.to_ascii_lowercase());
    }
    words.replace("web-socket", "websocket")
}

/// Where pointer and length of `Bytes` are.
fn byte_text(maker: &Maker<'_>, die: &Die, path: &[&str]) -> Option<(u64, u64)> {
    let at = |field| maker.word(die, &[path, &[field]].concat());
    Some((at("ptr")?, at("len")?))
}

fn headers(maker: &Maker<'_>, die: &Die) -> Option<Kind> {
    let (entries, _, length) = vector(maker, die, &["entries"])?;
    let (_, vector) = maker.find(die, &["entries"])?;
    let bucket = Die::read(maker.units, maker.param(vector, "T")?)?;
    let members = children(maker.units, bucket.at)?.members;
    let key = members.into_iter().find(|member| member.name == "key")?;
    let (value, of) = maker.find(&bucket, &["value"])?;
    let of = Die::read(maker.units, of)?;
    if (of.path.as_str(), of.name.as_str()) != ("http::header::value", "HeaderValue") {
        return None;
    }
    let (data, size) = byte_text(maker, &of, &["inner"])?;
    Some(Kind::Headers {
        entries,
        length,
        stride: bucket.size(maker.units),
        key: maker.field(key, 0)?,
        value: (value.checked_add(data)?, value.checked_add(size)?),
        sensitive: value.checked_add(maker.find(&of, &["is_sensitive"])?.0)?,
    })
}

fn chain(maker: &Maker<'_>, die: &Die) -> Option<Kind> {
    let (head, pointer) = maker.find(die, &["head_all"])?;
    let (0, pointer) = core_of(maker.units, pointer)? else {
        return None;
    };
    let task = Die::read(maker.units, pointer.to?)?;
    let (value, to) = maker.find(&task, &["future"])?;
    Some(Kind::Chain {
        head,
        next: maker.word(&task, &["next_all"])?,
        value,
        align: task.align(maker.units),
        to: Link::new(to),
    })
}

fn uri(maker: &Maker<'_>, die: &Die) -> Option<Kind> {
    let members = children(maker.units, die.at)?.members;
    let scheme = members.into_iter().find(|member| member.name == "scheme")?;
    Some(Kind::Uri {
        scheme: maker.field(scheme, 0)?,
        authority: byte_text(maker, die, &["authority", "data", "bytes"])?,
        path: byte_text(maker, die, &["path_and_query", "data", "bytes"])?,
        query: entry::number(maker.units, die.at, &["path_and_query", "query"], 2)?,
    })
}

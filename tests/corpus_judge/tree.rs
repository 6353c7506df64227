//! A value as a tree: of the truth's text, or of what was shown.

use std::fmt;

use serde_json::Value;

use super::text;

#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    Leaf(String),
    /// Text or its beginning, and the length of the whole.
    Text(String, u64),
    Bytes(u64),
    List(Vec<Tree>, u64),
    /// What only text tells from a list.
    Set(Vec<Tree>),
    Map(Vec<(Tree, Tree)>, u64),
    /// A struct, a variant or, without a name, a tuple.
    Node(String, Vec<(String, Tree)>),
    /// Nothing, for this reason.
    Hole(String),
}

impl Tree {
    /// Of the truth's text, or of `Debug`'s.
    pub fn of_text(text: &str) -> Self {
        let tree = text::parse(text).unwrap_or_else(|at| panic!("{text} cannot be read from {at}"));
        tree.plain()
    }

    /// Of the JSON of a `Value`; with `debug`, of the language's own.
    pub fn of_json(json: &Value) -> Self {
        let (kind, inner) = json
            .as_object()
            .and_then(|object| object.iter().next())
            .unwrap_or_else(|| panic!("this is no value: {json}"));
        let word = || {
            inner
                .as_str()
                .unwrap_or_else(|| panic!("no text: {json}"))
                .to_owned()
        };
        let length = || {
            let length = inner["length"].as_u64();
            length.unwrap_or_else(|| panic!("no length: {json}"))
        };
        let tree = match kind.as_str() {
            "debug" => return Self::of_text(&word()),
            "scalar" => Self::Leaf(word()),
            "missing" => Self::Hole(word()),
            "text" => Self::Text(
                inner["text"].as_str().unwrap_or_default().to_owned(),
                length(),
            ),
            "bytes" => Self::Bytes(length()),
            "list" => Self::List(each(&inner["items"]).map(Self::of_json).collect(), length()),
            "map" => {
                let entry = |entry: &Value| (Self::of_json(&entry[0]), Self::of_json(&entry[1]));
                Self::Map(each(&inner["entries"]).map(entry).collect(), length())
            }
            "struct" | "variant" => {
                let field = |field: &Value| {
                    let name = field[0].as_str().unwrap_or_default();
                    (name.to_owned(), Self::of_json(&field[1]))
                };
                let name = inner["name"].as_str().unwrap_or_default();
                Self::Node(
                    last_name(name).to_owned(),
                    each(&inner["fields"]).map(field).collect(),
                )
            }
            "pointer" => Self::of_json(&inner["to"]),
            other => panic!("no judge knows `{other}`: {json}"),
        };
        tree.plain()
    }

    /// Without what is to be seen through: cells, locks and their guards, `Cow`, and the variants of JSON.
    fn plain(self) -> Self {
        let all = |items: Vec<Self>| items.into_iter().map(Self::plain).collect();
        let (name, fields) = match self {
            Self::List(items, length) => return Self::List(all(items), length),
            Self::Set(items) => return Self::Set(all(items)),
            Self::Map(entries, length) => {
                let plain = |(key, value): (Self, Self)| (key.plain(), value.plain());
                return Self::Map(entries.into_iter().map(plain).collect(), length);
            }
            Self::Node(name, fields) => (name, fields),
            other => return other,
        };
        let plain = |(field, value): (String, Self)| (field, value.plain());
        let mut fields: Vec<_> = fields.into_iter().map(plain).collect();
        let inner = SEEN_THROUGH.iter().find_map(|(names, inner)| {
            let is_inner = |(field, _): &(String, Self)| inner.contains(&field.as_str());
            let inner = fields.iter().position(is_inner);
            inner.filter(|_| names.contains(&name.as_str()))
        });
        match inner {
            Some(inner) => fields.swap_remove(inner).1,
            None if fields.is_empty() && name.is_empty() => Self::Leaf("()".to_owned()),
            None if fields.is_empty() => Self::Leaf(name),
            None => Self::Node(name, fields),
        }
    }

    pub fn has_holes(&self) -> bool {
        match self {
            Self::Hole(_) => true,
            Self::Leaf(_) | Self::Bytes(_) => false,
            Self::Text(text, length) => (text.len() as u64) < *length,
            Self::List(items, length) => {
                (items.len() as u64) < *length || items.iter().any(Self::has_holes)
            }
            Self::Set(items) => items.iter().any(Self::has_holes),
            Self::Map(entries, length) => {
                let has = |(key, value): &(Self, Self)| key.has_holes() || value.has_holes();
                (entries.len() as u64) < *length || entries.iter().any(has)
            }
            Self::Node(_, fields) => fields.iter().any(|(_, field)| field.has_holes()),
        }
    }
}

/// Types and variants with the fields in which that is which they are there for.
const SEEN_THROUGH: &[(&[&str], &[&str])] = &[
    (&["RefCell", "Cell", "UnsafeCell"], &["value"]),
    (&["Mutex", "RwLock"], &["data", "c"]),
    (&["MutexGuard", "RwLockReadGuard"], &["lock", "data"]),
    (&["Borrowed", "Owned"], &["0"]),
    (
        &["Object", "Array", "String", "Number", "Bool"],
        &["0", "n"],
    ),
    (&["PosInt", "NegInt", "Float"], &["0"]),
    (&["Map"], &["map"]),
];

fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// `Page` of `shop::Page<shop::Item>`.
fn last_name(name: &str) -> &str {
    let path = name.split('<').next().unwrap_or(name);
    path.rsplit("::").next().unwrap_or(path)
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(word) => f.write_str(word),
            Self::Text(text, length) => {
                let cut = (text.len() as u64) < *length;
                write!(f, "{text:?}{}", if cut { "…" } else { "" })
            }
            Self::Bytes(length) => write!(f, "{length} bytes"),
            Self::List(items, length) => {
                f.write_str("[")?;
                joined(f, items, |f, item| write!(f, "{item}"))?;
                rest(f, items.len(), *length)?;
                f.write_str("]")
            }
            Self::Set(items) => {
                f.write_str("{")?;
                joined(f, items, |f, item| write!(f, "{item}"))?;
                f.write_str("}")
            }
            Self::Map(entries, length) => {
                f.write_str("{")?;
                joined(f, entries, |f, (key, value)| write!(f, "{key}: {value}"))?;
                rest(f, entries.len(), *length)?;
                f.write_str("}")
            }
            Self::Node(name, fields) if fields.iter().all(|(field, _)| is_number(field)) => {
                write!(f, "{name}(")?;
                joined(f, fields, |f, (_, field)| write!(f, "{field}"))?;
                f.write_str(")")
            }
            Self::Node(name, fields) => {
                write!(f, "{name} {{ ")?;
                joined(f, fields, |f, (name, field)| write!(f, "{name}: {field}"))?;
                f.write_str(" }")
            }
            Self::Hole(reason) => write!(f, "<{reason}>"),
        }
    }
}

fn joined<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    show: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            f.write_str(", ")?;
        }
        show(f, item)?;
    }
    Ok(())
}

fn rest(f: &mut fmt::Formatter<'_>, shown: usize, length: u64) -> fmt::Result {
    if (shown as u64) < length {
        let comma = if shown == 0 { "" } else { ", " };
        write!(f, "{comma}… {length} in all")?;
    }
    Ok(())
}

fn is_number(field: &str) -> bool {
    field.bytes().all(|byte| byte.is_ascii_digit())
}

//! Reads what `Debug` writes on one line.

use super::tree::Tree;

/// The tree of a text; the rest of it that cannot be read.
pub(super) fn parse(text: &str) -> Result<Tree, String> {
    let mut reader = Reader { rest: text.trim() };
    let tree = reader.value().ok_or_else(|| reader.rest.to_owned())?;
    if reader.rest.is_empty() {
        Ok(tree)
    } else {
        Err(reader.rest.to_owned())
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> Option<Tree> {
        self.rest = self.rest.trim_start();
        match self.rest.chars().next()? {
            '"' => {
                let text = self.quoted('"')?;
                let length = text.len() as u64;
                Some(Tree::Text(text, length))
            }
            '\'' => self.quoted('\'').map(|text| {
                let char = text.chars().next().unwrap_or_default();
                Tree::Leaf(format!("{char:?}"))
            }),
            'b' if self.rest.starts_with("b\"") => {
                self.take("b");
                let text = self.quoted('"')?;
                Some(Tree::Bytes(text.chars().count() as u64))
            }
            '[' => {
                self.take("[");
                let items = self.list("]")?;
                let length = items.len() as u64;
                Some(Tree::List(items, length))
            }
            '(' => self.tuple(""),
            '{' => self.braces(),
            '<' => {
                let (hole, rest) = self.rest[1..].split_once('>')?;
                self.rest = rest;
                Some(Tree::Hole(hole.to_owned()))
            }
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Option<Tree> {
        let ends = self.rest.find([',', ')', ']', '}', '{', '(', '[']);
        let ends = [ends, self.rest.find(": ")].into_iter().flatten().min();
        let (word, rest) = self.rest.split_at(ends.unwrap_or(self.rest.len()));
        let word = word.trim_end();
        if word.is_empty() {
            return None;
        }
        self.rest = rest;
        if rest.starts_with('(') {
            return self.tuple(word);
        }
        if rest.starts_with('[') {
            let list = self.value()?;
            return Some(Tree::Node(word.to_owned(), vec![("0".to_owned(), list)]));
        }
        if rest.starts_with('{') {
            // `Object {"a": Number(1)}` holds a map, `Item { id: 7 }` fields.
            let holds_map = rest.starts_with("{\"");
            return if holds_map {
                let map = self.braces()?;
                Some(Tree::Node(word.to_owned(), vec![("0".to_owned(), map)]))
            } else {
                self.fields(word)
            };
        }
        let bytes = word.strip_suffix(" bytes").and_then(|n| n.parse().ok());
        Some(bytes.map_or_else(|| Tree::Leaf(word.to_owned()), Tree::Bytes))
    }

    fn tuple(&mut self, name: &str) -> Option<Tree> {
        self.take("(");
        let items = self.list(")")?;
        if items.is_empty() {
            return Some(Tree::Leaf(format!("{name}()")));
        }
        let named = items.into_iter().enumerate();
        let fields = named.map(|(place, item)| (place.to_string(), item));
        Some(Tree::Node(name.to_owned(), fields.collect()))
    }

    fn fields(&mut self, name: &str) -> Option<Tree> {
        self.take("{");
        let mut fields = Vec::new();
        while !self.take("}") {
            if self.take("..") || self.take(",") {
                continue;
            }
            let (field, rest) = self.rest.trim_start().split_once(": ")?;
            self.rest = rest;
            fields.push((field.to_owned(), self.value()?));
        }
        Some(Tree::Node(name.to_owned(), fields))
    }

    /// A map or a set.
    fn braces(&mut self) -> Option<Tree> {
        self.take("{");
        let (mut keys, mut entries) = (Vec::new(), Vec::new());
        while !self.take("}") {
            let key = self.value()?;
            if self.take(":") {
                entries.push((key, self.value()?));
            } else {
                keys.push(key);
            }
            self.take(",");
        }
        if !keys.is_empty() {
            return entries.is_empty().then_some(Tree::Set(keys));
        }
        let length = entries.len() as u64;
        Some(Tree::Map(entries, length))
    }

    fn list(&mut self, end: &str) -> Option<Vec<Tree>> {
        let mut items = Vec::new();
        while !self.take(end) {
            items.push(self.value()?);
            self.take(",");
        }
        Some(items)
    }

    fn take(&mut self, word: &str) -> bool {
        let after = self.rest.trim_start().strip_prefix(word);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// What stands between quotation marks.
    fn quoted(&mut self, mark: char) -> Option<String> {
        let mut chars = self.rest[1..].chars();
        let mut text = String::new();
        loop {
            match chars.next()? {
                '\\' => text.push(match chars.next()? {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    '0' => '\0',
                    'x' => {
                        let (digits, rest) = chars.as_str().split_at_checked(2)?;
                        chars = rest.chars();
                        char::from(u8::from_str_radix(digits, 16).ok()?)
                    }
                    'u' => {
                        let (digits, rest) = chars.as_str().strip_prefix('{')?.split_once('}')?;
                        chars = rest.chars();
                        char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
                    }
                    other => other,
                }),
                end if end == mark => break,
                other => text.push(other),
            }
        }
        self.rest = chars.as_str();
        Some(text)
    }
}

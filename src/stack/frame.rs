//! A resolved stack, as reports show it.

use std::collections::BTreeMap;
use std::fmt;

use super::Variable;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value as Json};

/// The calls that led to a failure.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Stack {
    /// The calls, innermost first.
    pub frames: Vec<Frame>,
    /// How many frames of the panic's own machinery and of the runtime were left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub cut: u32,
    /// What the reader should know of the stack: that it was too deep, or that the program has no symbols.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The versions of the dependencies that were met, also in frames that were left out.
    #[serde(skip)]
    pub(crate) crates: BTreeMap<String, String>,
}

/// One call on a stack.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Frame {
    /// The function, with its path: `shop::cart::add`. An async function's body is shown by the function's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The module the function belongs to: `shop::cart`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The source file, as the compiler was given it; below the current folder without that folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Whether it is the app's own code.
    pub in_app: bool,
    /// Whether the compiler put the function's code into its caller's: the next frame.
    pub inlined: bool,
    /// The line with its neighbours, where the source is there and not younger than the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceLines>,
    /// Its arguments and locals, where they could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<Variable>,
    /// The address to which the call returns, in JSON in hexadecimal.
    #[serde(serialize_with = "hexadecimal", deserialize_with = "from_hexadecimal")]
    pub address: u64,
    /// Where to look the frame up, when the program has no symbol for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectOffset>,
}

/// A line of source with its neighbours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SourceLines {
    /// The lines before it.
    pub before: Vec<String>,
    /// The line itself.
    pub line: String,
    /// The lines after it.
    pub after: Vec<String>,
}

/// A place in a program or library that says nothing of itself.
///
/// With the unstripped file of the same build id, `addr2line -Cfie <file> <offset>` gives function, file and line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ObjectOffset {
    /// The file's name, without its folder.
    pub name: String,
    /// The address of the call in the file's own count, in JSON in hexadecimal.
    #[serde(serialize_with = "hexadecimal", deserialize_with = "from_hexadecimal")]
    pub offset: u64,
    /// The linker's mark of the build, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
}

impl Stack {
    /// Shows the app's files as `location` shows its own: a panic's location is relative to the workspace, while debug
    /// information names the folder in which the workspace was built.
    pub(crate) fn name_files_like(&mut self, location: &str) {
        let root = self.frames.iter().find_map(|frame| {
            let file = frame.file.as_deref().filter(|_| frame.in_app)?;
            let root = file.strip_suffix(location)?;
            (root.ends_with(['/', '\\'])).then(|| root.to_owned())
        });
        let Some(root) = root else { return };
        for frame in self.frames.iter_mut().filter(|frame| frame.in_app) {
            if let Some(rest) = frame.file.as_deref().and_then(|f| f.strip_prefix(&root)) {
                frame.file = Some(rest.to_owned());
            }
        }
    }
}

impl Frame {
    /// The values of the variables by name. Where one hides another of its name, the later are numbered: `total`, `total 2`.
    /// One that may be stale says so in its name.
    #[must_use]
    pub fn values(&self) -> Map<String, Json> {
        let mut values = Map::new();
        for variable in &self.variables {
            let stale = if variable.is_stale {
                " (may be stale)"
            } else {
                ""
            };
            let mut name = format!("{}{stale}", variable.name);
            let mut number = 1;
            while values.contains_key(&name) {
                number += 1;
                name = format!("{} {number}{stale}", variable.name);
            }
            values.insert(name, variable.value.to_json());
        }
        values
    }
}

/// One frame a line, the app's marked with `>`.
impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for frame in &self.frames {
            writeln!(f, "{} {frame}", if frame.in_app { '>' } else { ' ' })?;
        }
        Ok(())
    }
}

/// `function at file:line`.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.function, &self.object) {
            (Some(function), _) => f.write_str(function)?,
            (None, Some(object)) => write!(f, "{object}")?,
            (None, None) => write!(f, "{:#x}", self.address)?,
        }
        if let Some(file) = &self.file {
            write!(f, " at {file}")?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
            }
        }
        Ok(())
    }
}

/// `name+0x1234`.
impl fmt::Display for ObjectOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:#x}", self.name, self.offset)
    }
}

fn hexadecimal<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{number:#x}"))
}

fn from_hexadecimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits = text.strip_prefix("0x").unwrap_or(&text);
    u64::from_str_radix(digits, 16).map_err(de::Error::custom)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks with a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: Option<&str>, file: &str, line: u32) -> Frame {
        Frame {
            function: function.map(str::to_owned),
            file: Some(file.to_owned()),
            line: Some(line),
            in_app: true,
            address: 0x55_5d00,
            ..Frame::default()
        }
    }

    #[test]
    fn a_frame_reads_as_function_and_place() {
        let known = frame(Some("shop::cart::add"), "src/cart.rs", 12);
        assert_eq!(known.to_string(), "shop::cart::add at src/cart.rs:12");
        let bare = Frame {
            address: 0x55_5d00,
            ..Frame::default()
        };
        assert_eq!(bare.to_string(), "0x555d00");
        let stripped = Frame {
            object: Some(ObjectOffset {
                name: "shop".to_owned(),
                offset: 0x1f00,
                build_id: None,
            }),
            ..bare
        };
        assert_eq!(stripped.to_string(), "shop+0x1f00");
    }

    #[test]
    fn addresses_are_hexadecimal_in_json() {
        let json = serde_json::to_value(frame(Some("shop::run"), "src/main.rs", 7)).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "function": "shop::run", "file": "src/main.rs", "line": 7,
                "in_app": true, "inlined": false, "address": "0x555d00",
            })
        );
    }

    #[test]
    fn the_apps_files_are_named_from_the_workspace_on_as_in_a_panics_location() {
        let mut foreign = frame(Some("axum::serve"), "/build/shop/other/src/lib.rs", 1);
        foreign.in_app = false;
        let mut stack = Stack {
            frames: vec![
                frame(Some("util::check"), "/build/shop/crates/util/src/lib.rs", 3),
                frame(Some("shop::buy"), "/build/shop/crates/shop/src/buy.rs", 9),
                foreign,
            ],
            ..Stack::default()
        };
        stack.name_files_like("crates/shop/src/buy.rs");
        let files: Vec<_> = stack
            .frames
            .iter()
            .filter_map(|f| f.file.as_deref())
            .collect();
        assert_eq!(
            files,
            [
                "crates/util/src/lib.rs",
                "crates/shop/src/buy.rs",
                "/build/shop/other/src/lib.rs"
            ]
        );
    }
}

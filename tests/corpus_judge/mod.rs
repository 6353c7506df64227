//! Judges what was shown of the variables by the truth that stands beside them in the corpus.
//!
//! [`source`] reads the truth, [`build`] builds and runs the corpus, [`judge`] puts what it showed beside the truth, and
//! [`table`] counts.

pub mod build;
pub mod judge;
pub mod source;
pub mod table;
pub mod tree;

mod compare;
mod text;

use std::fs;
use std::path::Path;

use source::Function;

/// All functions of the corpus.
pub fn truth() -> Vec<Function> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/src");
    let mut functions = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        functions.extend(source::read(file, &fs::read_to_string(&path).unwrap()));
    }
    functions.sort_by_key(|function| (function.file.clone(), function.first));
    functions
}

#[cfg(test)]
mod tests;

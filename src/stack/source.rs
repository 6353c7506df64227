//! The lines of source round a frame, where the source is there and is the one the program was built from.

use std::collections::VecDeque;
use std::fs;
use std::io::Read;
use std::time::SystemTime;

use super::frame::SourceLines;
use crate::text::shortened;

/// Source files, a few of which are kept in memory.
#[derive(Debug)]
pub(super) struct Sources {
    /// When the program was built, as far as its file tells.
    built: Option<SystemTime>,
    /// The newest last; `None` for a file that cannot be shown.
    files: VecDeque<(String, Option<Vec<String>>)>,
}

impl Sources {
    pub(super) fn new() -> Self {
        Self::built_at(
            std::env::current_exe()
                .and_then(fs::metadata)
                .and_then(|program| program.modified())
                .ok(),
        )
    }

    fn built_at(built: Option<SystemTime>) -> Self {
        Self {
            built,
            files: VecDeque::new(),
        }
    }

    /// The line of this number, from 1, with its neighbours.
    pub(super) fn around(&mut self, file: &str, line: u32) -> Option<SourceLines> {
        let lines = self.lines(file)?;
        let at = usize::try_from(line).ok()?.checked_sub(1)?;
        let text = lines.get(at)?.clone();
        let after = lines.iter().skip(at + 1).take(NEIGHBOURS);
        Some(SourceLines {
            before: lines[at.saturating_sub(NEIGHBOURS)..at].to_vec(),
            line: text,
            after: after.cloned().collect(),
        })
    }

    fn lines(&mut self, file: &str) -> Option<&[String]> {
        if let Some(at) = self.files.iter().position(|(name, _)| name == file) {
            let found = self.files.remove(at)?;
            self.files.push_back(found);
        } else {
            if self.files.len() == MAX_FILES {
                self.files.pop_front();
            }
            let lines = read(file, self.built);
            self.files.push_back((file.to_owned(), lines));
        }
        self.files.back()?.1.as_deref()
    }
}

/// The lines of a file that is not younger than the program: one that was edited since would show other lines.
fn read(file: &str, built: Option<SystemTime>) -> Option<Vec<String>> {
    let about = fs::metadata(file).ok()?;
    if !about.is_file() || about.len() > MAX_FILE_BYTES || about.modified().ok()? > built? {
        return None;
    }
    let mut bytes = Vec::new();
    let mut open = fs::File::open(file).ok()?.take(MAX_FILE_BYTES);
    open.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    Some(
        text.lines()
            .map(|line| shortened(line, MAX_LINE_BYTES))
            .collect(),
    )
}

/// The lines before and after.
const NEIGHBOURS: usize = 3;
const MAX_FILES: usize = 8;
const MAX_FILE_BYTES: u64 = 1024 * 1024;
const MAX_LINE_BYTES: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn written(text: &str) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lib.rs");
        fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap().to_owned();
        (folder, file)
    }

    fn later() -> Option<SystemTime> {
        Some(SystemTime::now() + Duration::from_secs(60))
    }

    #[test]
    fn a_line_comes_with_three_neighbours_on_each_side() {
        let (_folder, file) = written("1\n2\n3\n4\n5\n6\n7\n8\n9\n");
        let mut sources = Sources::built_at(later());
        let middle = sources.around(&file, 5).unwrap();
        assert_eq!(
            (middle.before.join(""), middle.line, middle.after.join("")),
            ("234".to_owned(), "5".to_owned(), "678".to_owned())
        );
        let first = sources.around(&file, 1).unwrap();
        assert_eq!((first.before.len(), first.line.as_str()), (0, "1"));
        let last = sources.around(&file, 9).unwrap();
        assert_eq!((last.line.as_str(), last.after.len()), ("9", 0));
        assert_eq!(sources.around(&file, 10), None);
        assert_eq!(sources.around(&file, 0), None);
    }

    #[test]
    fn a_file_that_was_edited_after_the_build_is_not_shown() {
        let (_folder, file) = written("fn main() {}");
        let before = Some(SystemTime::now() - Duration::from_secs(60));
        assert_eq!(Sources::built_at(before).around(&file, 1), None);
        assert_eq!(Sources::built_at(None).around(&file, 1), None);
    }

    #[test]
    fn what_is_too_long_is_cut_or_left_out() {
        let (_folder, file) = written(&"x".repeat(1000));
        let line = Sources::built_at(later()).around(&file, 1).unwrap().line;
        assert!(line.len() == MAX_LINE_BYTES && line.ends_with('…'));
        let (_folder, file) = written(&"x\n".repeat(600 * 1024));
        assert_eq!(Sources::built_at(later()).around(&file, 1), None);
        assert_eq!(Sources::built_at(later()).around("/dev/zero", 1), None);
    }

    #[test]
    fn only_a_few_files_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut sources = Sources::built_at(later());
        for number in 0..20 {
            let file = folder.path().join(format!("{number}.rs"));
            fs::write(&file, number.to_string()).unwrap();
            let shown = sources.around(file.to_str().unwrap(), 1).unwrap();
            assert_eq!(shown.line, number.to_string());
        }
        assert_eq!(sources.files.len(), MAX_FILES);
    }
}

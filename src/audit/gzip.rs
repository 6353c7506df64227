//! Rotated files as gzip.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;

use super::Audit;
use super::file::new_file_options;
use super::rotated::{Compression, beside};

impl Audit {
    /// Compresses rotated files to `.gz`, bit by bit between the records, on the thread that writes them. One that the end
    /// of the process broke off is begun anew by the next. Default: they stay as they are.
    pub fn gzip(mut self) -> Self {
        self.file.compress = Some(start);
        self.file_setter = Some("gzip");
        self
    }
}

struct Gzip {
    original: PathBuf,
    unfinished: PathBuf,
    finished: PathBuf,
    input: File,
    output: GzEncoder<File>,
    buffer: Vec<u8>,
}

fn start(path: &Path) -> io::Result<Box<dyn Compression>> {
    let input = File::open(path)?;
    let unfinished = beside(path, ".gz.tmp");
    let output = new_file_options()
        .write(true)
        .truncate(true)
        .open(&unfinished)?;
    Ok(Box::new(Gzip {
        original: path.to_owned(),
        unfinished,
        finished: beside(path, ".gz"),
        input,
        output: GzEncoder::new(output, flate2::Compression::default()),
        buffer: vec![0; STEP],
    }))
}

impl Compression for Gzip {
    fn step(&mut self) -> io::Result<bool> {
        let length = self.input.read(&mut self.buffer)?;
        if length > 0 {
            self.output.write_all(&self.buffer[..length])?;
            return Ok(false);
        }
        self.output.try_finish()?;
        // Before the original goes, the copy must be on the disk.
        self.output.get_ref().sync_all()?;
        fs::rename(&self.unfinished, &self.finished)?;
        match fs::remove_file(&self.original) {
            // Retention was faster.
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(true),
        }
    }
}

impl Drop for Gzip {
    fn drop(&mut self) {
        // Gone already when all went well.
        let _ = fs::remove_file(&self.unfinished);
    }
}

/// Some five milliseconds of work.
const STEP: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::rotated::Archive;
    use crate::audit::sample::Folder;
    use crate::time::Timestamp;
    use flate2::read::GzDecoder;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_795_340_339_012_345);

    fn unzipped(path: &Path) -> String {
        let mut text = String::new();
        GzDecoder::new(File::open(path).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    #[test]
    fn a_rotated_file_is_compressed_step_by_step() {
        let folder = Folder::new();
        let text = "a line\n".repeat(STEP / 4);
        folder.write("audit.log", &text);
        let mut archive = Archive::new(&folder.path("audit.log"), &Audit::tracing().gzip().file);
        archive.take(NOW).unwrap();
        let mut steps = 0;
        while archive.work() {
            steps += 1;
        }
        assert!(steps > 2, "in one go");
        assert_eq!(folder.names(), ["audit.log.2026-11-22T093859.012Z.gz"]);
        assert_eq!(
            unzipped(&folder.path("audit.log.2026-11-22T093859.012Z.gz")),
            text
        );
    }

    #[test]
    fn what_was_broken_off_is_begun_anew() {
        let folder = Folder::new();
        let [first, second] = [
            "audit.log.2026-11-22T093859.012Z",
            "audit.log.2026-11-21T000000.000Z",
        ];
        folder.write(first, "first\n");
        folder.write(&format!("{first}.gz.tmp"), "half");
        folder.write(second, "second\n");
        folder.write(&format!("{second}.gz"), "complete");
        let mut archive = Archive::new(&folder.path("audit.log"), &Audit::tracing().gzip().file);
        archive.resume(NOW);
        while archive.work() {}
        assert_eq!(
            folder.names(),
            [format!("{second}.gz"), format!("{first}.gz")]
        );
        assert_eq!(unzipped(&folder.path(&format!("{first}.gz"))), "first\n");
        assert_eq!(folder.read(&format!("{second}.gz")), "complete");
    }

    #[test]
    fn a_compression_that_ends_early_leaves_the_original() {
        let folder = Folder::new();
        folder.write("audit.log", "text\n");
        let mut archive = Archive::new(&folder.path("audit.log"), &Audit::tracing().gzip().file);
        archive.take(NOW).unwrap();
        assert!(archive.work());
        drop(archive);
        assert_eq!(folder.names(), ["audit.log.2026-11-22T093859.012Z"]);
    }
}
